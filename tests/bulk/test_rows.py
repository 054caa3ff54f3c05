"""Rows: one question's outcome as plain data."""

from __future__ import annotations

import json
import pickle

import pytest

from aioresolver.answer import Answer
from aioresolver.bulk.rows import Row, row_of, unasked_row
from aioresolver.errors import Attempt, LookupTimeout, MessageFormatError, NameSyntaxError, ServerFailure
from aioresolver.wire.codes import ExtendedError, Rcode, RRType
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question, Record


def answer(name, type, *lines, **keywords):
    records = list(map(Record.parse, lines))
    return Answer.from_records(Question.parse(name, type), records, now=100.0, **keywords)


def test_an_answer_with_records():
    tried = (Attempt("udp://192.0.2.1", "udp", "no reply", 0.5),)
    found = answer(
        "WWW.a.test", "A", "www.a.test. 300 CNAME b.test.", "b.test. 60 A 192.0.2.7", "b.test. 60 A 192.0.2.8",
        server="udp://192.0.2.2", attempts=tried, elapsed=0.0123456789,
    )  # fmt: skip

    row = row_of(7, "WWW.a.test", RRType.A, found, now=110.4)

    assert row == Row(
        index=7,
        input="WWW.a.test",
        name="www.a.test.",
        type="A",
        status="ok",
        data=("192.0.2.7", "192.0.2.8"),
        aliases=("www.a.test.",),
        ttl=50,
        server="udp://192.0.2.2",
        attempts=2,
        elapsed=0.012346,
        wildcard=None,
        error=None,
    )


def test_data_is_presentation_text():
    assert row_of(0, "x", RRType.MX, answer("a.test", "MX", "a.test. 60 MX 10 mx.test."), now=0).data == (
        "10 mx.test.",
    )
    assert row_of(0, "x", RRType.TXT, answer("a.test", "TXT", 'a.test. 60 TXT "a b" c'), now=0).data == ('"a b" "c"',)
    assert row_of(0, "x", RRType.AAAA, answer("a.test", "AAAA", "a.test. 60 AAAA 2001:db8::1"), now=0).data == (
        "2001:db8::1",
    )


def test_absence():
    gone = answer("no.test", "A", rcode=Rcode.NXDOMAIN, elapsed=0.25, server="udp://192.0.2.2")
    assert row_of(0, "no.test", RRType.A, gone, now=0)[3:8] == ("A", "nxdomain", (), (), 100)
    assert row_of(0, "a.test", RRType.A, answer("a.test", "A"), now=0)[3:6] == ("A", "no-data", ())

    row = unasked_row(0, "no.test", RRType.MX, gone, now=0)
    assert (row.type, row.status, row.attempts, row.elapsed, row.server) == (
        "MX",
        "nxdomain",
        0,
        0.0,
        "udp://192.0.2.2",
    )


def test_what_has_expired_has_no_seconds_left():
    assert row_of(0, "a.test", RRType.A, answer("a.test", "A", "a.test. 5 A 192.0.2.1"), now=200.0).ttl == 0


def test_what_was_known_here_took_no_attempt():
    row = row_of(0, "a.test", RRType.A, answer("a.test", "A", "a.test. 5 A 192.0.2.1", server="hosts"), now=100.0)

    assert (row.attempts, row.elapsed, row.server) == (0, 0.0, "hosts")


def test_a_failure_tells_what_each_server_did_in_one_line():
    attempts = (Attempt("udp://192.0.2.1", "udp", "no reply", 0.5), Attempt("udp://192.0.2.2", "udp", "REFUSED", 1.25))
    error = LookupTimeout("a.test.", "A", "no answer within 2 s", attempts=attempts)

    row = row_of(3, "a.test", RRType.A, error, now=0, name="a.test.")

    assert row[:5] == (3, "a.test", "a.test.", "A", "timeout")
    assert (row.ttl, row.server, row.attempts, row.elapsed) == (None, "udp://192.0.2.2", 2, 1.25)
    assert row.error == (
        "no answer within 2 s; udp://192.0.2.1 (udp): no reply after 0.500 s; "
        "udp://192.0.2.2 (udp): REFUSED after 1.250 s"
    )


def test_the_reasons_that_servers_gave():
    edns = Edns().with_extended_error(ExtendedError.BLOCKED, "by law").with_extended_error(ExtendedError.FILTERED)
    found = Answer.from_records(Question.parse("a.test"), rcode=Rcode.NXDOMAIN, now=100.0, edns=edns)
    assert row_of(0, "a.test", RRType.A, found, now=100.0).extended_errors == ("BLOCKED: by law", "FILTERED")

    attempts = tuple(Attempt(f"udp://192.0.2.{n}", "udp", "SERVFAIL", 0.1, ((6, "expired"),)) for n in (1, 2))
    error = ServerFailure("a.test.", "A", "nobody could answer", attempts=attempts)
    assert row_of(0, "a.test", RRType.A, error, now=100.0).extended_errors == ("DNSSEC_BOGUS: expired",)


def test_an_error_without_attempts_is_a_row_too():
    row = row_of(3, "a..test", RRType.MX, NameSyntaxError("a label\nis empty"), now=0)

    assert row == Row(3, "a..test", "a..test", "MX", "bad-name", error="a label is empty")


def test_a_type_without_a_name_is_told_by_its_number():
    assert row_of(0, "a.test", RRType(65400), answer("a.test", 65400), now=0).type == "TYPE65400"


def test_records_that_cannot_be_decoded_are_an_error_and_no_exception(monkeypatch):
    found = answer("a.test", "A")

    def broken(self):
        raise MessageFormatError("an address of 3 bytes")

    monkeypatch.setattr(Answer, "data", property(broken))

    assert row_of(0, "a.test", RRType.A, found, now=0)[4:] == (
        *("error", (), (), None, None, 0, 0.0, None, "an address of 3 bytes", ()),
    )


def test_answers_from_the_wire_make_the_same_row():
    message = Message(
        question=(Question.parse("a.test", "A"),), answer=(Record.parse("a.test. 60 A 192.0.2.1"),), flags=0x8180
    )
    found = Answer.of(Question.parse("a.test", "A"), Message.parse(message.to_wire()), now=100.0)

    assert row_of(0, "a.test", RRType.A, found, now=100.0).data == ("192.0.2.1",)


def test_a_row_is_plain_data():
    row = row_of(
        0, "a.test", RRType.A, answer("a.test", "A", "a.test. 60 CNAME b.test.", "b.test. 60 A 192.0.2.1"), now=0
    )

    assert pickle.loads(pickle.dumps(row)) == row
    assert json.loads(json.dumps(row._asdict()))["aliases"] == ["a.test."]
    assert list(row._asdict()) == [
        *("index", "input", "name", "type", "status", "data", "aliases", "ttl"),
        *("server", "attempts", "elapsed", "wildcard", "error", "extended_errors"),
    ]


@pytest.mark.parametrize("elapsed", [0.0, 1e-9, 0.0000015, 0.1, 4.9999996])
def test_elapsed_is_told_in_microseconds(elapsed):
    row = row_of(0, "a.test", RRType.A, answer("a.test", "A", elapsed=elapsed), now=0)

    assert row.elapsed == pytest.approx(round(elapsed, 6), abs=1.01e-6)
    assert len(repr(row.elapsed)) <= 8
