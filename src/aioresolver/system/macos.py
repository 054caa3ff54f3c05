"""What macOS is configured with: the output of `scutil --dns`, which knows more than its resolv.conf."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["MacResolver", "parse_scutil", "read_scutil"]

_match_line = re.compile(r"\s+([a-z_ ]+?)(?:\[\d+\])?\s*:\s*(.*?)\s*").fullmatch


class MacResolver(NamedTuple):
    """One resolver of the list: the default one has no domain; another is for names below its domain (a VPN's …).

    `nameservers` are addresses, `timeout` is in seconds. A `scoped` one is only for sockets bound to its interface;
    an `mdns` one is asked by multicast, which is the operating system's business.
    """

    domain: str = ""
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    port: int = 0
    timeout: int = 0
    order: int = 0
    mdns: bool = False
    scoped: bool = False


def parse_scutil(text: str) -> list[MacResolver]:
    """The resolvers in the output of `scutil --dns`, in its order; lines of no interest are passed over."""
    found = []
    scoped = False
    for block in re.split(r"(?m)^(?=resolver #|DNS configuration)", text):
        if block.startswith("DNS configuration"):
            scoped = "scoped" in block.partition("\n")[0]
        elif block.startswith("resolver #"):
            found.append(_resolver(block, scoped=scoped))
    return found


def read_scutil() -> str:
    """What `scutil --dns` says; empty where it cannot be run. It takes about ten milliseconds."""
    try:
        done = subprocess.run(["/usr/sbin/scutil", "--dns"], capture_output=True, timeout=2, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")


def _resolver(block: str, *, scoped: bool) -> MacResolver:
    fields: dict[str, list[str]] = {}
    for key, value in _fields(block):
        fields.setdefault(key, []).append(value)
    options, flags = " ".join(fields.get("options", [])), " ".join(fields.get("flags", []))
    return MacResolver(
        domain=fields.get("domain", [""])[0],
        nameservers=tuple(fields.get("nameserver", [])),
        search=tuple(fields.get("search domain", [])),
        port=_number(fields.get("port")),
        timeout=_number(fields.get("timeout")),
        order=_number(fields.get("order")),
        mdns="mdns" in options,
        scoped=scoped or "Scoped" in flags.split(", "),
    )


def _fields(block: str) -> Iterator[tuple[str, str]]:
    for line in block.split("\n")[1:]:
        found = _match_line(line)
        if found:
            yield found[1], found[2]


def _number(values: list[str] | None) -> int:
    return int(values[0]) if values and values[0].isascii() and values[0].isdigit() else 0
