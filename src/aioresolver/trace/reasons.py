"""Why a record of a reply was believed, in words. Pure; what was not believed has its reason from where it was dropped."""

from __future__ import annotations

from aioresolver.backends.iterative.steps import Step
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Record

__all__ = ["why_believed"]

ADDRESSES = (RRType.A, RRType.AAAA)
FIXED = {
    "priming": "a root server was asked who the root servers are",
    "local": "answered here, and asked of nobody",
    "known absent": "said before, and its time is not over",
    "start": "where the walk begins",
}


def why_believed(step: Step, record: Record) -> str:
    """Why this one of `step.believed` is believed."""
    zone = "the root" if step.zone == "." else step.zone
    if step.purpose in FIXED:
        return FIXED[step.purpose]
    if step.purpose == "forward":
        return f"the resolver for {zone} is believed of what is under it"
    if step.kind == "referral":
        if record.type in ADDRESSES:
            return f"glue: under {zone}, and a nameserver of {step.referral}"
        return f"under {zone}, and {step.question.name} is in it"
    if record.type == RRType.SOA and step.kind in ("no-data", "no-name"):
        return f"under {zone}, and says for how long there is nothing"
    if record.type == RRType.CNAME and any(each.type == RRType.DNAME for each in step.believed):
        return "made of the DNAME, and of nothing else"
    return f"under {zone}, of which this is a server"
