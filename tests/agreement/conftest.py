"""A made-up machine, in namespaces of its own, on which the C library and aioresolver are asked the same."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
NAMESPACES = ["unshare", "--mount", "--net", "--uts"]
UNPRIVILEGED = [*NAMESPACES, "--user", "--map-root-user"]
# $1 $2 … are pairs of a file and what it is bound over; the command comes after `--`.
BIND = """
mount --make-rprivate / || exit 9
while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 9; shift 2; done
shift; exec "$@"
"""


def pytest_configure(config: pytest.Config) -> None:
    """Say what is missing, and fail: a session that was asked for is not to pass for want of what it needs."""
    missing = [program for program in ("unshare", "mount", "ip") if shutil.which(program) is None]
    if platform.libc_ver()[0] != "glibc":
        missing.append("glibc")
    if missing:
        pytest.exit(f"the agreement tests need {' and '.join(missing)} (Linux; util-linux, iproute2)", returncode=1)
    if not any(works([*command, "mount", "--make-rprivate", "/"]) for command in (NAMESPACES, UNPRIVILEGED)):
        pytest.exit("the agreement tests need mount and network namespaces: run them as root", returncode=1)


def works(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def ask_both(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """`ask_both(cases, files=…, servers=…, addresses=…)`: what both sides say to each case (see both_sides.py).

    `files` stand in for those of their name in /etc; `servers` are the faults of the nameserver at each address;
    `addresses` are those of the machine. No file of the real machine changes, and no packet leaves it.
    """

    def run(
        cases: Sequence[Any],
        *,
        files: Mapping[str, str],
        servers: Mapping[str, Any],
        addresses: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        hostname: str = "box",
    ) -> list[dict[str, Any]]:
        pairs = []
        for name, text in files.items():
            if not Path("/etc", name).exists():
                pytest.fail(f"/etc/{name} has to exist, so that another file can be mounted over it")
            file = tmp_path / name
            file.write_text(text)
            pairs += [str(file), f"/etc/{name}"]
        zones = [f"$ORIGIN{part}" for part in (FOLDER / "agreement.zone").read_text().split("$ORIGIN")[1:]]
        plan = {"zones": zones, "hostname": hostname, "servers": servers, "addresses": list(addresses), "cases": cases}
        namespaces = NAMESPACES if os.geteuid() == 0 and works([*NAMESPACES, "true"]) else UNPRIVILEGED
        python = [sys.executable, str(FOLDER / "both_sides.py")]
        done = subprocess.run(
            [*namespaces, "sh", "-c", BIND, "sh", *pairs, "--", *python],
            input=json.dumps(plan),
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
            env={"PATH": os.environ["PATH"], **(environ or {})},
        )
        assert done.returncode == 0, done.stderr
        results: list[dict[str, Any]] = json.loads(done.stdout)
        return results

    return run
