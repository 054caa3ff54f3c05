"""Findings as data and as a report."""

from __future__ import annotations

import json
import pickle

import pytest

from aioresolver.answer import Answer
from aioresolver.errors import AddressBlocked, LookupTimeout, NameNotFound, NoRecords, ServerFailure
from aioresolver.survey.dkim import parse_dkim
from aioresolver.survey.findings import Finding
from aioresolver.survey.spf import parse_spf
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import A

NAME = Name("example.org.")


def empty(rcode: Rcode = Rcode.NOERROR) -> Answer[A]:
    return Answer.from_records(Question.parse("example.org"), rcode=rcode, now=0, server="udp://192.0.2.53")


@pytest.mark.parametrize(
    ("end", "outcome", "unanswered"),
    [
        (empty(), "no-data", False),
        (empty(Rcode.NXDOMAIN), "nxdomain", False),
        (NoRecords("x", "A", "no such records"), "no-data", False),
        (NameNotFound("x", "A", "no such name"), "nxdomain", False),
        (AddressBlocked("x", "A", "private"), "blocked", False),
        (LookupTimeout("x", "A", "too late"), "timeout", True),
        (ServerFailure("x", "A", "refused"), "failed", True),
        (ValueError("odd"), "failed", True),
    ],
)
def test_why_there_is_nothing(end, outcome, unanswered):
    finding: Finding[A] = Finding("A", NAME, end)

    assert (finding.outcome, finding.unanswered, finding.value) == (outcome, unanswered, None)
    assert finding.server == ("udp://192.0.2.53" if isinstance(end, Answer) else None)
    assert repr(finding) == f"<Finding A of example.org.: {outcome}>"


def test_what_there_is():
    finding = Finding("A", NAME, empty(), [A("192.0.2.1"), A("192.0.2.2")], ["it is wrong"])

    assert (finding.outcome, finding.value, len(finding.values)) == ("ok", A("192.0.2.1"), 2)
    assert finding.as_dict() == {
        "topic": "A",
        "name": "example.org.",
        "outcome": "ok",
        "values": ["192.0.2.1", "192.0.2.2"],
        "problems": ["it is wrong"],
        "aliases": [],
        "ttl": 0,
        "server": "udp://192.0.2.53",
        "reason": "",
    }


def test_parsed_values_are_objects():
    (spf,) = Finding("SPF", NAME, empty(), [parse_spf("v=spf1 mx -all")]).as_dict()["values"]
    (dkim,) = Finding("DKIM x", NAME, empty(), [parse_dkim("v=DKIM1; k=ed25519; p=AAEC")]).as_dict()["values"]

    assert spf["text"] == "v=spf1 mx -all"
    assert spf["terms"][1] == {"qualifier": "-", "name": "all", "value": ""}
    assert dkim["key"] == "AAEC"
    json.dumps([spf, dkim])


def test_it_pickles():
    finding = pickle.loads(pickle.dumps(Finding("A", NAME, empty(), [A("192.0.2.1")])))

    assert (finding.name, finding.values) == (NAME, (A("192.0.2.1"),))
