"""Dialect: how a nameserver wants to be asked; learnt, and unlearnt."""

from __future__ import annotations

from aioresolver.backends.dialect import (
    EDNS_RETRY,
    EDNS_RETRY_AFTER_SILENCE,
    LEAST_PAYLOAD,
    MANGLED_TO_BELIEVE,
    MANGLED_WITHIN,
    MANGLES_FOR,
    SMALL_FOR,
    UNCHECKED_WITHIN,
    Dialect,
)
from aioresolver.wire.codes import EdnsOption
from aioresolver.wire.edns import Cookie, Edns
from aioresolver.wire.message import Message, Question

ASKED = Question.parse("www.example.org")


def made(**options: bool) -> Dialect:
    return Dialect(Edns(), **{"cookies": False, **options})


def reply(edns: Edns | None) -> Message:
    return Message.query(ASKED).reply(edns=edns)


def test_without_edns_when_it_was_complained_about() -> None:
    dialect = made()
    assert dialect.edns(0.0) == Edns()
    dialect.doubted = True
    dialect.served(None, 0.0)

    assert dialect.edns(EDNS_RETRY - 1) is None
    assert dialect.edns(EDNS_RETRY) == Edns()


def test_a_complaint_that_was_not_the_reason_is_forgotten() -> None:
    dialect = made()
    dialect.doubted = True
    dialect.served(Edns(), 0.0)

    assert dialect.edns(1.0) == Edns()


def test_two_silences_and_edns_is_left_out_unless_it_was_ever_answered() -> None:
    dialect = made()
    assert dialect.edns(0.0, silences=1) == Edns()
    assert dialect.edns(0.0, silences=2) is None

    dialect.served(Edns(), 0.0)
    assert dialect.edns(0.0, silences=2) == Edns(payload=LEAST_PAYLOAD)


def test_where_only_small_replies_arrive_they_are_asked_for() -> None:
    dialect = made()
    dialect.truncated(Edns(), 0.0)
    assert dialect.edns(0.0) == Edns()
    dialect.truncated(Edns(payload=LEAST_PAYLOAD), 0.0)
    assert dialect.edns(1.0) == Edns(payload=LEAST_PAYLOAD)
    dialect.truncated(dialect.edns(1.0), 1.0)

    assert dialect.edns(SMALL_FOR - 1) == Edns(payload=LEAST_PAYLOAD)
    assert dialect.edns(SMALL_FOR) == Edns()


def test_who_wants_no_edns_sends_none() -> None:
    dialect = Dialect(None, cookies=True)
    dialect.served(None, 0.0)

    assert dialect.edns(0.0) is None
    assert dialect.cookies is None


def test_what_is_wanted_is_sent_and_a_cookie_besides() -> None:
    wanted = Edns().with_dnssec_ok().with_option(EdnsOption.NSID, b"")
    dialect = Dialect(wanted, cookies=True)
    sent = dialect.edns(0.0)

    assert sent is not None
    assert (sent.dnssec_ok, sent.nsid) == (True, b"")
    assert sent.cookie is not None
    assert dialect.edns(1.0) is sent


def test_a_reply_teaches_the_cookie() -> None:
    dialect = made(cookies=True)
    sent = dialect.edns(0.0)
    assert sent is not None
    assert sent.cookie is not None
    full = Cookie(sent.cookie.client, b"s" * 16)
    dialect.learn(reply(Edns().with_cookie(full)).to_wire(), sent, 0.0)

    assert dialect.expected() == full.client
    assert dialect.edns(0.0) == Edns().with_cookie(full)
    assert not dialect.believes(reply(Edns()), dialect.edns(0.0), 0.0, trusted=False)
    dialect.cannot_be_checked(0.0, silent=False)
    assert dialect.expected() is None
    assert dialect.edns(0.0) == Edns()


def test_what_is_no_cookie_is_none() -> None:
    dialect = made(cookies=True)
    malformed = reply(Edns(options=((EdnsOption.COOKIE, b"short"),)))

    assert dialect.believes(malformed, dialect.edns(0.0), 0.0, trusted=False)
    assert dialect.edns(0.0) == Edns()


def test_random_case_until_it_was_mangled() -> None:
    assert not made().randomizes(0.0)
    dialect = made(randomizes=True)
    for _ in range(MANGLED_TO_BELIEVE):
        assert dialect.randomizes(0.0)
        dialect.mangled(0.0)

    assert not dialect.randomizes(MANGLES_FOR - 1)
    assert dialect.randomizes(MANGLES_FOR)


def test_once_in_a_while_it_is_a_forger_who_mangles() -> None:
    dialect = made(randomizes=True)
    for minute in range(10):
        for _ in range(MANGLED_TO_BELIEVE - 1):
            dialect.mangled(minute * MANGLED_WITHIN)
    assert dialect.randomizes(9 * MANGLED_WITHIN)


def test_what_an_outage_seems_to_say_of_edns_is_put_to_the_test_soon() -> None:
    dialect = made()
    assert dialect.edns(0.0, silences=2) is None
    dialect.served(None, 0.0)
    assert dialect.edns(EDNS_RETRY_AFTER_SILENCE - 1) is None
    assert dialect.edns(EDNS_RETRY_AFTER_SILENCE) == Edns()

    dialect.served(None, EDNS_RETRY_AFTER_SILENCE)  # it is so
    assert dialect.edns(3 * EDNS_RETRY_AFTER_SILENCE - 1) is None
    assert dialect.edns(3 * EDNS_RETRY_AFTER_SILENCE) == Edns()


def test_and_is_forgotten_when_a_question_with_edns_is_answered() -> None:
    dialect = made()
    dialect.served(None, 0.0)
    assert dialect.edns(1.0) is None
    dialect.served(Edns(), 1.0)
    assert dialect.edns(1.0) == Edns()


def test_a_small_reply_after_losses_is_no_sign_where_large_ones_arrive() -> None:
    dialect = made()
    dialect.learn(bytes(LEAST_PAYLOAD + 1), Edns(), 0.0)
    dialect.truncated(Edns(payload=LEAST_PAYLOAD), 1.0)
    assert dialect.edns(2.0) == Edns()


def test_one_silence_where_a_reply_is_checked_is_not_enough_to_believe_it() -> None:
    dialect = made(cookies=True)
    sent = dialect.edns(0.0)
    assert sent is not None
    assert sent.cookie is not None
    dialect.believes(reply(Edns().with_cookie(Cookie(sent.cookie.client, b"of the server"))), sent, 0.0, trusted=False)
    dialect.cannot_be_checked(1.0, silent=True)
    assert dialect.expected() is not None
    dialect.cannot_be_checked(1.0 + UNCHECKED_WITHIN, silent=True)  # long after
    assert dialect.expected() is not None
    dialect.cannot_be_checked(2.0 + UNCHECKED_WITHIN, silent=True)
    assert dialect.expected() is None
