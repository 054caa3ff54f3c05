"""The steps of a walk as the rows of a tree: zones, the servers asked in each, what they said. Pure; text and drawing use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from aioresolver.trace.values import Judged, TraceStep

__all__ = ["Row", "milliseconds", "rows_of"]

MOST_NOTES = 4
MOST_DATA = 4
TEE, ELBOW, PIPE, SPACE = "├─ ", "└─ ", "│  ", "   "
KNOWN = ("local", "known absent", "failed before")
ASIDES = {"cut": " (a part)", "priming": " (priming)", "forward": " (forward)"}


class Row(NamedTuple):
    """One line of the tree.

    - `tree`: the lines in front of it, three characters for each level.
    - `style`: `zone` for a heading; `answer`, `alias`, `referral`, `nothing` or `failure` for a step; `address` for a
      nameserver that is looked up; `believed` or `dropped` for what a reply has.
    - `where`, `asked`, `said`, `took`: its texts; only steps have an `asked`.
    - `began`, `elapsed`: seconds since the walk began, and how long it took; None where no time passed.
    """

    tree: str
    style: str
    where: str
    asked: str = ""
    said: str = ""
    took: str = ""
    began: float | None = None
    elapsed: float = 0.0


class _Node(NamedTuple):
    row: Row
    below: list[_Node]


def rows_of(steps: Sequence[TraceStep]) -> list[Row]:
    """The rows from top to bottom, headings at the left."""
    rows: list[Row] = []
    for node in _nodes(steps):
        rows.append(node.row)
        rows += _flat(node.below, "")
    return rows


def milliseconds(seconds: float) -> str:
    """`0.4 ms`."""
    return f"{seconds * 1000:.1f} ms"


def _flat(nodes: Sequence[_Node], tree: str) -> Iterator[Row]:
    for node in nodes:
        last = node is nodes[-1]
        note = node.row.style in ("believed", "dropped")
        mark = SPACE if note else ELBOW if last else TEE
        yield node.row._replace(tree=tree + mark)
        yield from _flat(node.below, tree + (SPACE if last else PIPE))


def _nodes(steps: Sequence[TraceStep]) -> list[_Node]:
    """A heading for each zone on the way, with what was asked there below it."""
    nodes: list[_Node] = []
    for zone, group in groupby(steps, key=lambda step: "" if step.purpose in KNOWN else step.zone):
        asked = list(group)
        if not zone:
            nodes += [_Node(Row("", _style(step), step.question, "", _said(step)), _notes(step)) for step in asked]
            continue
        start = next((step.outcome for step in asked if step.purpose == "start"), "")
        below = [_node(step) for step in asked if step.purpose != "start"]
        nodes.append(_Node(Row("", "zone", zone, "", start), below))
    return nodes


def _node(step: TraceStep) -> _Node:
    if step.purpose == "address":
        row = Row("", "address", step.question, "", _said(step), milliseconds(step.elapsed))
        return _Node(row, _nodes(step.steps))
    asked = step.question + ASIDES.get(step.purpose, "")
    took = f"{milliseconds(step.elapsed)} {step.transport}".rstrip()
    where = f"{step.host} {step.address}"
    row = Row("", _style(step), where, asked, _said(step), took, step.began, step.elapsed)
    return _Node(row, _notes(step))


def _style(step: TraceStep) -> str:
    if not step.useful:
        return "failure"
    return {"no-data": "nothing", "no-name": "nothing"}.get(step.kind, step.kind)


def _said(step: TraceStep) -> str:
    """What came back: the data of an answer, else the outcome; and what came before that."""
    said = step.outcome
    if step.kind == "answer" and step.purpose in ("answer", "forward", "local"):
        said = _shortened([judged.record.split(" ", 4)[-1] for judged in step.believed if _is_asked_for(judged, step)])
    if step.purpose == "cut" and step.kind in ("answer", "no-data"):
        said = f"{said}; no zone begins there"
    before = f" (before: {', '.join(step.before)})" if step.before else ""
    return f"{'→' if step.useful else '✗'} {said}{before}"


def _is_asked_for(judged: Judged, step: TraceStep) -> bool:
    """Whether the record is not one of the aliases before it."""
    return judged.record.split(" ", 4)[3] not in ("CNAME", "DNAME") or step.question.endswith((" CNAME", " DNAME"))


def _notes(step: TraceStep) -> list[_Node]:
    """What was believed and what was not, the records with one reason together."""
    notes = [("believed", *note) for note in _together(step.believed)]
    notes += [("dropped", *note) for note in _together(step.dropped)]
    return [_Node(Row("", style, text, "", why), []) for style, text, why in notes]


def _together(judged: Sequence[Judged]) -> Iterator[tuple[str, str]]:
    """`org. NS a.ns. b.ns.` and the reason, for records of one name and type that stand together; some for each reason."""
    for why, alike in groupby(judged, key=lambda each: each.why):
        texts = [
            f"{owner} {_shortened([_data(each.record) for each in group])}"
            for owner, group in groupby(alike, key=lambda each: _owner(each.record))
        ]
        if len(texts) > MOST_NOTES:
            texts[MOST_NOTES - 1 :] = [f"and {len(texts) - MOST_NOTES + 1} more"]
        for text in texts:
            yield text, why


def _owner(record: str) -> str:
    """Name and type of a zone line, which is `name ttl class type data`; the text itself if it is none."""
    words = record.split(" ", 4)
    return f"{words[0]} {words[3]}" if len(words) == 5 else record.rpartition(" ")[0]


def _data(record: str) -> str:
    words = record.split(" ", 4)
    return words[4] if len(words) == 5 else record.rpartition(" ")[2]


def _shortened(texts: Sequence[str]) -> str:
    shown = " ".join(texts[:MOST_DATA])
    return shown if len(texts) <= MOST_DATA else f"{shown} and {len(texts) - MOST_DATA} more"
