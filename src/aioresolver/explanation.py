"""Explanation: the way that a lookup took, as plain data and as a story. No I/O, no clock."""

from __future__ import annotations

from typing import Any, NamedTuple

from aioresolver.errors import Attempt

__all__ = ["Explanation", "Held", "Reply", "Statement", "short"]


class Statement(NamedTuple):
    """What a file, or another part of the configuration, says."""

    source: str
    says: str


class Held(NamedTuple):
    """What the cache holds of a question: `state` is fresh, stale, failure or nothing.

    `left` is in seconds, below 0 for a stale answer. `outcome` and `data` are as in a Reply.
    """

    question: str
    state: str
    left: float
    outcome: str
    data: tuple[str, ...]


class Reply(NamedTuple):
    """How one question ended.

    `outcome` is ok, no-data, nxdomain, timeout, blocked or failed; `data` are presentation texts; `server` is who
    said so: a nameserver, getaddrinfo, or hosts, overrides, special, literal, cache. `attempts` came before, or are all
    that there is. `elapsed` and `ttl` are in seconds, `reason` is why there is nothing. `extended_errors` are the
    nameserver's reasons (RFC 8914), in words. `walk` is the way of a backend that asks the servers of each zone, a line
    for each step.
    """

    question: str
    outcome: str
    data: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    ttl: int | None = None
    server: str | None = None
    elapsed: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    reason: str = ""
    extended_errors: tuple[str, ...] = ()
    walk: tuple[str, ...] = ()


class Explanation(NamedTuple):
    """The way that a lookup takes. `str()` is the story, `as_dict()` the same for JSON.

    - `name`, `type`: what was asked; `kind`: what the name is, in words.
    - `configuration`: which files said what.
    - `cache`: what was held of each name that was tried, before it was asked for.
    - `replies`: what was asked of the backend, in this order, and what came back.
    - `system`: what the operating system says; None when it was not asked.
    - `verdict`: how a lookup ends that finds nothing in the cache; `believed`: who is believed, in words.
    - `disagreements`: where nameservers, operating system and cache differ, a sentence each.
    """

    name: str
    type: str
    kind: str
    configuration: tuple[Statement, ...]
    cache: tuple[Held, ...]
    replies: tuple[Reply, ...]
    system: Reply | None
    verdict: Reply
    believed: str
    disagreements: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """All of it as dicts, lists, strings and numbers."""
        plain: dict[str, Any] = _plain(self)
        return plain

    def __str__(self) -> str:
        lines = [f"{self.name} {self.type}: {self.kind}", "", "configuration"]
        lines += [f"  {source}: {says}" for source, says in self.configuration]
        if self.cache:
            known = [f"  {_told_held(held)}" for held in self.cache if held.state != "nothing"]
            lines += ["", "cache", *(known or ["  nothing"])]
        if self.replies:
            lines += ["", "asked"]
            for number, reply in enumerate(self.replies, 1):
                before = "before that, " if reply.server else ""
                lines.append(f"  {number}. {_told(reply)}")
                lines += [f"     {each}" for each in reply.walk] or [f"     {before}{each}" for each in reply.attempts]
        if self.system is not None:
            lines += ["", "operating system", f"  {_told(self.system)}"]
        lines += ["", f"verdict: {_told_end(self.verdict)}", f"  believed: {self.believed}"]
        lines += [f"  but {sentence}" for sentence in self.disagreements]
        return "\n".join(lines)


def _told(reply: Reply) -> str:
    """`www.example.org. A: 192.0.2.1, from udp://127.0.0.1 in 0.8 ms, for 60 s`."""
    text = f"{reply.question}: {short(reply)}"
    if reply.aliases:
        text += f", by way of {' '.join(reply.aliases)}"
    if reply.server:
        text += f", from {reply.server} in {reply.elapsed * 1000:.1f} ms"
    if reply.ttl is not None and reply.data:
        text += f", for {reply.ttl} s"
    if reply.extended_errors:
        text += f" ({'; '.join(reply.extended_errors)})"
    return text + (f": {reply.reason}" if reply.reason else "")


def _told_held(held: Held) -> str:
    time = f"for another {held.left:.0f} s" if held.left > 0 else f"for {-held.left:.0f} s"
    return f"{held.question}: {held.state} {time}: {short(held)}"


def _told_end(verdict: Reply) -> str:
    return short(verdict) + (f": {verdict.reason}" if verdict.reason else "")


def short(end: Held | Reply) -> str:
    """The data, or the outcome in a word."""
    return ", ".join(end.data) or end.outcome


def _plain(value: Any) -> Any:
    """Named tuples as dicts, other tuples as lists."""
    if hasattr(value, "_asdict"):
        return {key: _plain(each) for key, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
