"""The manifest of a bulk run, JSON beside its output: what was asked with what, and whether every name has its rows."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aioresolver.bulk.disk import DISK, Disk, naming, store
from aioresolver.bulk.statuses import STATUSES
from aioresolver.errors import ConfigurationError

__all__ = ["fits", "input_identity", "make_manifest", "manifest_path", "read_manifest", "write_manifest"]

FORMAT = "aioresolver bulk manifest"
VERSION = 1
HEAD = 1 << 16
_SHAPE = {
    "complete": bool,
    "configuration": dict,
    "resumed": int,
    "inputs": int,
    "expected_rows": int,
    "statuses": dict,
}


def make_manifest(
    *,
    configuration: Mapping[str, Any],
    statuses: Mapping[str, int],
    inputs: int,
    expected: int,
    started: float,
    finished: float | None,
    resumed: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The manifest as plain data.

    `configuration` decides what the rows are, `settings` only how they were found (nameservers, rates). `inputs` were
    read, `expected` rows are due for them (one for each input and type), `statuses` counts the rows that were written.
    `complete`: the run came to its end, and has all of them. `started` and `finished` (None: not yet) are seconds since
    1970, `resumed` says how often the run was taken up again.
    """
    rows = sum(statuses.values())
    return {
        "format": FORMAT,
        "version": VERSION,
        "complete": finished is not None and rows == expected,
        "configuration": dict(configuration),
        "settings": dict(settings or {}),
        "software": software(),
        "started": _timestamp(started),
        "finished": None if finished is None else _timestamp(finished),
        "resumed": resumed,
        "inputs": inputs,
        "expected_rows": expected,
        "rows": rows,
        "statuses": {status: statuses[status] for status in STATUSES if statuses.get(status)},
    }


def write_manifest(path: str | os.PathLike[str], manifest: Mapping[str, Any], *, disk: Disk = DISK) -> None:
    """Write it whole and durably, in place of one that is there. Raises OSError."""
    store(disk, os.fspath(path), (json.dumps(manifest, indent=2) + "\n").encode())


def read_manifest(path: str | os.PathLike[str], *, disk: Disk = DISK) -> dict[str, Any] | None:
    """The manifest of a run; None when there is none. Raises ConfigurationError for a file that is something else."""
    data = disk.load(os.fspath(path))
    if data is None:
        return None
    try:
        manifest = json.loads(data)
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or not fits(manifest, _SHAPE):
        raise ConfigurationError(f"{os.fspath(path)} is not a manifest of aioresolver bulk")
    return manifest


def fits(data: Mapping[str, Any], shape: Mapping[str, type | tuple[type, ...]]) -> bool:
    """Whether plain data from a file has all these keys, each with a value of its type; statuses are counted."""
    return all(isinstance(data.get(key), kind) for key, kind in shape.items()) and (
        "statuses" not in shape or all(isinstance(count, int) for count in data["statuses"].values())
    )


def manifest_path(output: str | os.PathLike[str]) -> str:
    """Where the manifest of an output is."""
    return f"{os.path.realpath(output)}.manifest.json"


def input_identity(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What tells one input file from another: its size, and a hash of its beginning. Raises OSError.

    Of what is not a file (`-`, a pipe) only the name is known; the names that are read from it tell it later.
    """
    name = os.fspath(path)
    if name == "-" or not Path(name).is_file():
        return {"input": name}
    with naming(name), Path(name).open("rb") as file:
        head = hashlib.sha256(file.read(HEAD)).hexdigest()[:16]
        return {"input": Path(name).name, "input bytes": os.fstat(file.fileno()).st_size, "input head": head}


def software() -> dict[str, str]:
    """The versions that made the rows."""
    return {
        "aioresolver": str(vars(sys.modules["aioresolver"])["__version__"]),  # the house around us, no import
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
    }


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
