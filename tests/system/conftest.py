"""The real C library beside ours: a Python process whose files in /etc are its own."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aioresolver

UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]
BIND = 'mount --make-rprivate / || exit 9; while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 9; shift 2; done'

HEAD = """
import json, sys
sys.path.insert(0, {folder!r})
given = json.loads(sys.argv[1])
"""
# SIOCSIFFLAGS: a new network's loopback is down.
LOOPBACK = """
import fcntl, socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))
"""


@pytest.fixture
def in_private_etc(tmp_path: Path) -> Callable[..., Any]:
    """Run a program where these texts stand in for files of /etc, and hand back the JSON that it printed.

    `in_private_etc(program, {"hosts": "…"}, arguments)`; the program finds the arguments as `given`. It has a network
    of its own too, which is nothing but loopback with every port free, unless `network` is true. Skips the test where
    there are no namespaces or no glibc. No file outside tmp_path changes.
    """
    if platform.libc_ver()[0] != "glibc" or shutil.which("unshare") is None:
        pytest.skip("needs glibc and unshare")

    def run(program: str, files: dict[str, str], given: Any = None, *, network: bool = False) -> Any:
        mounts = []
        for name, text in files.items():
            if not Path("/etc", name).exists():
                pytest.skip(f"needs a file /etc/{name} to mount over")
            file = tmp_path / name
            file.write_text(text)
            mounts += [str(file), f"/etc/{name}"]
        head = HEAD.format(folder=str(Path(aioresolver.__file__).parents[1]))
        program = f"{head}{'' if network else LOOPBACK}{program}"
        command = [sys.executable, "-I", "-c", program, json.dumps(given)]
        unshare = UNSHARE if network else [*UNSHARE, "--net"]
        shell = [*unshare, "sh", "-c", f'{BIND}; shift; exec "$@"', "sh", *mounts, "--", *command]
        done = subprocess.run(shell, capture_output=True, text=True, timeout=50, check=False)
        if done.returncode == 9 or "unshare" in done.stderr:
            pytest.skip(f"needs mount namespaces: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
