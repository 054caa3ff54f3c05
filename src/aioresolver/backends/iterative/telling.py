"""What a walk tells of itself: steps for its recorder, and the words in them. Nothing here decides anything."""

from __future__ import annotations

from aioresolver.backends.iterative.delegations import Delegation, Trust
from aioresolver.backends.iterative.scrub import Kind, Reading
from aioresolver.backends.iterative.setting import Errand
from aioresolver.backends.iterative.steps import Step
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name

__all__ = ["believed_of", "in_words", "known_in_words", "tell_known"]

MOST_TOLD = 4
ROOT = Name(".")
ADDRESS_TYPES = (RRType.A, RRType.AAAA)


def tell_known(
    errand: Errand,
    question: Question,
    purpose: str,
    kind: str,
    outcome: str,
    *,
    zone: Name = ROOT,
    host: str = "",
    believed: tuple[Record, ...] = (),
    began: float | None = None,
) -> None:
    """Tell what needed no packet of its own."""
    if errand.recorder is None:
        return
    now = errand.setting.clock()
    began = now if began is None else began
    step = Step(
        depth=errand.depth,
        purpose=purpose,
        client=errand.question,
        question=question,
        zone=zone,
        server="",
        host=str(host),
        transport="",
        kind=kind,
        outcome=outcome,
        believed=believed,
        dropped=(),
        began=began,
        elapsed=now - began,
        queries=errand.budget.queries,
        bytes=errand.budget.bytes,
    )
    errand.recorder.step(step)


def known_in_words(cut: Delegation, now: float) -> str:
    """Who serves a zone, and from where that is known."""
    names = " ".join(cut.names[:MOST_TOLD])
    if len(cut.names) > MOST_TOLD:
        names += f" and {len(cut.names) - MOST_TOLD} more"
    if cut.trust is Trust.CONFIGURED:
        return f"configured: {' '.join(address for each in cut.glue.values() for address in each)}"
    if cut.trust is Trust.HINT:
        return f"by hint: {names}"
    return f"known for another {cut.expires - now:.0f} s: {names}"


def believed_of(reading: Reading, message: Message | None) -> tuple[Record, ...]:
    """The records that are used; of a referral the nameservers, and those of their addresses that came along."""
    if reading.kind is not Kind.REFERRAL or message is None:
        return (*reading.records, *reading.soa)
    names, glue = set(reading.names), reading.glue
    return (
        *(r for r in message.authority if r.type == RRType.NS and r.name == reading.cut and r.data.target in names),
        *(r for r in message.additional if r.type in ADDRESS_TYPES and r.data.address in glue.get(r.name, ())),
    )


def in_words(reading: Reading) -> str:
    """What a reply comes to."""
    if reading.kind is Kind.REFERRAL:
        glue = sum(map(len, reading.glue.values()))
        return f"referral to {reading.cut}: {_counted(len(reading.names), 'nameserver')}, {_counted(glue, 'address')}"
    if reading.kind is Kind.ALIAS:
        return f"alias to {reading.name}"
    if reading.kind is Kind.ANSWER:
        return _counted(len(reading.records), "record")
    if reading.kind is Kind.LAME:
        return reading.why
    return "no such name" if reading.kind is Kind.NO_NAME else "no records of this type"


def _counted(count: int, what: str) -> str:
    """`1 record`, `2 addresses`."""
    return f"{count} {what}" + ("" if count == 1 else "es" if what.endswith("s") else "s")
