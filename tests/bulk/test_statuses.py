"""One word for how a question ended."""

from __future__ import annotations

import pytest

from aioresolver.answer import Answer
from aioresolver.bulk.statuses import ANSWERED, STATUSES, status_of
from aioresolver.errors import (
    AddressBlocked,
    Attempt,
    ConfigurationError,
    LookupTimeout,
    MessageFormatError,
    NameNotFound,
    NameSyntaxError,
    NoRecords,
    ServerFailure,
    TransportError,
)
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Question, Record

QUESTION = Question.parse("a.test", "A")


def failure(*outcomes, **keywords):
    attempts = tuple(Attempt("udp://192.0.2.1", "udp", outcome, 0.1) for outcome in outcomes)
    return ServerFailure("a.test.", "A", "no nameserver could answer", attempts=attempts, **keywords)


def answer(*lines, rcode=Rcode.NOERROR):
    return Answer.from_records(QUESTION, list(map(Record.parse, lines)), rcode=rcode, now=0.0)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (answer("a.test. 60 A 192.0.2.1"), "ok"),
        (answer(), "no-data"),
        (answer(rcode=Rcode.NXDOMAIN), "nxdomain"),
        (answer("a.test. 60 CNAME gone.test.", rcode=Rcode.NXDOMAIN), "nxdomain"),
        (NameNotFound("a.test.", "A", "it does not exist"), "nxdomain"),
        (NoRecords("a.test.", "A", "none"), "no-data"),
        (NameSyntaxError("no name"), "bad-name"),
        (LookupTimeout("a.test.", "A", "late", attempts=failure("SERVFAIL").attempts), "timeout"),
        (AddressBlocked("a.test.", "A", "private"), "blocked"),
        (TransportError("connection refused"), "network"),
        (failure("SERVFAIL"), "servfail"),
        (failure("REFUSED (Prohibited)", "SERVFAIL (DNSSEC_Bogus: no key)"), "servfail"),
        (failure("no reply", "REFUSED"), "refused"),
        (failure("NOTIMP"), "notimp"),
        (failure("FORMERR to EDNS", "FORMERR"), "formerr"),
        (failure("DNS server returned answer with no data", rcode="REFUSED"), "refused"),
        (failure("receive: Connection refused", "send: Network is unreachable"), "network"),
        (failure("receive: Connection refused", "malformed reply: 3 bytes"), "error"),
        (failure("a referral: it does not resolve for others"), "error"),
        (failure("NOTAUTH"), "error"),
        (failure(), "error"),
        (MessageFormatError("a circle"), "error"),
        (ConfigurationError("the system backend cannot ask for class CH"), "error"),
        (ValueError("anything"), "error"),
    ],
    ids=str,
)
def test_every_outcome_has_a_status(outcome, status):
    assert status_of(outcome) == status
    assert status in STATUSES


def test_the_set_is_closed_and_in_order():
    assert len(set(STATUSES)) == len(STATUSES)
    assert STATUSES[0] == "ok"
    assert set(STATUSES) > ANSWERED
