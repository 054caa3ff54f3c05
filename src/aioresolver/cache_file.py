"""The file that a Cache is saved in: JSON lines, one DNS message each, and how much of its life was left.

The first line is `{"format": "aioresolver cache", "version": 1, "saved": ...}`, `saved` in seconds since 1970. Each
other line is an answer, the least recently used first: `name`, `type`, `class`, `ttl` (seconds left when it was
saved), `server` (or null), and `message`, the DNS message in base64. Nothing in it is ever executed.
"""

from __future__ import annotations

import base64
import copy
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from aioresolver.answer import Answer
from aioresolver.errors import ConfigurationError
from aioresolver.wire.codes import Rcode, RRClass
from aioresolver.wire.message import Message, Question

__all__ = ["read_cache", "write_cache"]

FORMAT = "aioresolver cache"
VERSION = 1
# A longer line is no entry: the largest message has 65535 bytes.
MAX_LINE = 1 << 18
# What parsing something else than JSON of ours may raise.
UNREADABLE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)


def write_cache(path: str | os.PathLike[str], answers: Iterable[Answer[Any]], *, now: float, wall: float) -> int:
    """Write the answers that are fresh at loop time `now`; how many is returned.

    `wall` is the same moment in seconds since 1970. The file is written beside `path` and then renamed, so that
    there is always a whole one. Raises OSError.
    """
    target = Path(path)
    count = 0
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_line({"format": FORMAT, "version": VERSION, "saved": wall}))
            for answer in answers:
                entry = _entry(answer, answer.expires - now)
                if entry is not None:
                    file.write(_line(entry))
                    count += 1
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink()
        raise
    return count


def read_cache(path: str | os.PathLike[str], *, now: float, wall: float) -> Iterator[Answer[Any] | None]:
    """The answers of a file, expiring in the loop's time; None for each entry that cannot be read.

    `now` and `wall` are this moment in the loop's time and in seconds since 1970. Raises OSError, and
    ConfigurationError when the file is not one that `write_cache` wrote.
    """
    with Path(path).open("rb") as file:
        age = max(0.0, wall - _read_saved(file, os.fspath(path)))
        for line in iter(partial(file.readline, MAX_LINE), b""):
            try:
                answer = _read_entry(line, now - age)
            except UNREADABLE:
                answer = None
            yield answer


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _entry(answer: Answer[Any], ttl: float) -> dict[str, Any] | None:
    """The values of a line; None for an answer that is over, or that no message can hold."""
    if ttl <= 0:
        return None
    message = copy.copy(answer).message  # a copy, so that the one in memory stays as small as it is
    try:
        wire = message.wire or message.to_wire()
    except ValueError:
        return None
    name, type_, class_ = answer.question
    return {
        "name": name,
        "type": str(type_),
        "class": str(class_),
        "ttl": round(ttl, 3),
        "server": answer.server,
        "message": base64.b64encode(wire).decode(),
    }


def _read_saved(file: BinaryIO, path: str) -> float:
    """When the file was saved, from its first line."""
    foreign = ConfigurationError(f"{path} is not a file that a cache was saved in")
    try:
        header = json.loads(file.readline(MAX_LINE))
        form, version, saved = header["format"], header["version"], float(header["saved"])
    except UNREADABLE:
        raise foreign from None
    if form != FORMAT or not isfinite(saved):
        raise foreign
    if version != VERSION:
        raise ConfigurationError(f"{path} has version {version!r} of the cache file format; this is version {VERSION}")
    return saved


def _read_entry(line: bytes, saved: float) -> Answer[Any]:
    """The answer of a line; `saved` is the loop's time when it was written. Raises what UNREADABLE lists."""
    values = json.loads(line)
    message = Message.parse(base64.b64decode(values["message"], validate=True))
    question = Question.parse(values["name"], str(values["type"]), class_=RRClass.parse(str(values["class"])))
    ttl, server = float(values["ttl"]), values["server"]
    if message.question != (question,) or message.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
        raise ValueError("another question, or no answer")
    if not isfinite(ttl) or not (server is None or isinstance(server, str)):
        raise ValueError("no time to live, or no server")
    answer: Answer[Any] = Answer.of(question, message, now=saved, server=server)
    answer.expires = saved + ttl
    return answer
