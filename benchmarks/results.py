"""The results of one interpreter: a JSON file, a section for each measure, and what machine it was."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "aioresolver",
    "aiodns",
    "pycares",
    "blastdns",
    "presolv",
    "aiodnsresolver",
    "dnspython",
    "httpx2",
    "h2",
    "aioquic",
    "uvloop",
)


def add_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", type=Path, metavar="FILE", help="put the results into this JSON file")


def save(path: Path | None, section: str, value: Any) -> None:
    """Put a section into the file, beside those that are there."""
    if path is None:
        return
    results = read(path)
    known = results.get("machine", {}).get("versions", {})  # of what other measures need, and may be missing here
    results["machine"] = machine()
    results["machine"]["versions"] = known | results["machine"]["versions"]
    results[section] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


def read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    results: dict[str, Any] = json.loads(path.read_text())
    return results


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "versions": _packages() | _programs(),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.machine()


def _packages() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _programs() -> dict[str, str]:
    found = {}
    path = os.pathsep.join([*os.get_exec_path(), "/usr/sbin"])
    for program, option in (("nsd", "-v"), ("dnsperf", "-h"), ("unbound", "-V"), ("kdig", "-V")):
        if (command := shutil.which(program, path=path)) is not None:
            said = subprocess.run([command, option], capture_output=True, text=True, check=False)
            if number := re.search(r"(?i)version (\d[\w.]+)", said.stdout + said.stderr):
                found[program] = number[1]
    return found
