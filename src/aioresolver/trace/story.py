"""Trace: a whole walk, as plain data, as a tree of text, and as a drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from aioresolver.errors import Attempt, ResolutionError
from aioresolver.trace.drawing import draw
from aioresolver.trace.rows import Row, milliseconds, rows_of
from aioresolver.trace.values import TraceStep, Use

__all__ = ["Paint", "Trace"]

Paint = Callable[[str, str], str]
"""Colours a text in a style of these: `type`, `data`, `comment`, `good`, `bad`."""

WIDEST = {"where": 60, "asked": 48}
GAP = 2
STYLES = {"answer": "good", "failure": "bad", "dropped": "bad", "believed": "comment", "zone": "data", "alias": "type",
          "referral": "type"}  # fmt: skip


def _plain_text(text: str, _: str) -> str:
    return text


class Trace(NamedTuple):
    """A walk from the root servers, or from what is known, to the servers of a name. `str()` is the tree.

    - `name`, `type`: what was asked. `cold`: whether it began with nothing known but the root servers.
    - `outcome`: `ok`, `no-data`, `nxdomain`, `timeout` or `failed`; `rcode`: of the answer, None without one.
    - `data`: presentation texts; `aliases`: the names passed through; `ttl`: seconds; `records`: zone lines.
    - `error`: why there is no answer; None when there is one.
    - `elapsed`: seconds; `budget`: what it used of each limit.
    - `steps`: every question on the way, in order; those for a nameserver's address inside of it.
    """

    name: str
    type: str
    cold: bool
    outcome: str
    rcode: str | None
    data: tuple[str, ...]
    aliases: tuple[str, ...]
    ttl: int | None
    records: tuple[str, ...]
    error: ResolutionError | None
    elapsed: float
    budget: tuple[Use, ...]
    steps: tuple[TraceStep, ...]

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The tries that came to nothing before the error; empty when there is none."""
        return () if self.error is None else self.error.attempts

    def all_steps(self) -> Iterator[TraceStep]:
        """The steps with those inside of them, each before what it was needed for."""
        return _flat(self.steps)

    def as_dict(self) -> dict[str, Any]:
        """All of it as dicts, lists, strings and numbers."""
        plain: dict[str, Any] = _plain(self._replace(error=None))
        plain["error"] = None if self.error is None else self.error.strerror
        return plain

    def to_svg(self) -> str:
        """A drawing: the tree of zones and servers, and when each was asked and had answered."""
        return draw(_title(self), rows_of(self.steps), _end(self), failed=self.error is not None, elapsed=self.elapsed)

    def lines(self, paint: Paint = _plain_text) -> Iterator[str]:
        """The lines of the tree, coloured by `paint`."""
        yield paint(_title(self), "data")
        rows = rows_of(self.steps)
        where = min(max((len(r.tree + r.where) for r in rows if r.asked), default=0), WIDEST["where"]) + GAP
        asked = min(max((len(r.asked) for r in rows), default=0), WIDEST["asked"]) + GAP
        for row in rows:
            if not row.tree:
                yield ""
            yield _line(row, where, asked, paint)
        yield ""
        *said, spent = _end(self)
        for text in said:
            yield paint(text, "good" if self.data else "data" if self.error is None else "bad")
        yield paint(spent, "comment")

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _line(row: Row, where: int, asked: int, paint: Paint) -> str:
    style = STYLES.get(row.style, "")
    if row.style == "zone":
        return row.tree + paint(row.where, style) + (paint(f"  {row.said}", "comment") if row.said else "")
    if row.style in ("believed", "dropped"):
        reason = f" ({row.said})" if row.said else ""
        return f"{row.tree}  " + paint(f"{row.style} {row.where}{reason}", style)
    if row.style == "address":
        return f"{row.tree}{row.where} is looked up  {paint(row.said, _style_of_address(row))}  " + paint(
            row.took, "comment"
        )
    if not row.asked:
        return f"{row.where}  {paint(row.said, style) if style else row.said}"
    left = f"{row.tree}{row.where}".ljust(where) + row.asked.ljust(asked)
    said = paint(row.said, style) if style else row.said
    return f"{left}{said}  {paint(row.took, 'comment')}"


def _style_of_address(row: Row) -> str:
    return "good" if row.said.startswith("→") else "bad"


def _title(trace: Trace) -> str:
    name = trace.name if trace.name.isprintable() else ascii(trace.name)  # what a terminal or XML would stumble over
    return f"{name} {trace.type}, {'from the root' if trace.cold else 'from what is known'}"


def _end(trace: Trace) -> list[str]:
    """The answer or the error, a line each, and at last what it cost."""
    if trace.error is not None:
        said = [f"✗ {trace.error.strerror}"]
    else:
        said = [f"→ {record}" for record in trace.records]
        if not trace.data:
            said.append(
                f"→ {'no such name' if trace.outcome == 'nxdomain' else 'no records of this type'} ({trace.rcode})"
            )
    used = {use.what: use for use in trace.budget}
    packets, size = used.get("queries"), used.get("bytes")
    spent = milliseconds(trace.elapsed)
    if packets is not None and size is not None:
        spent = f"{packets.used:g} of {packets.most:g} packets, {size.used:,} of {size.most:,} bytes, {spent}"
    return [*said, spent]


def _flat(steps: tuple[TraceStep, ...]) -> Iterator[TraceStep]:
    for step in steps:
        yield from _flat(step.steps)
        yield step


def _plain(value: Any) -> Any:
    """Named tuples as dicts, other tuples as lists."""
    if hasattr(value, "_asdict"):
        return {key: _plain(each) for key, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
