"""StaleAnswer: the same answer, and what it may still claim."""

from __future__ import annotations

import copy
import pickle

from aioresolver.answer import Answer
from aioresolver.stale_answer import StaleAnswer, is_signed_still
from aioresolver.wire.codes import ExtendedError, Flag
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question, Record

NOW = 1000.0
ADDRESS = "w.example. 60 A 192.0.2.1"
SIGNATURE = "w.example. 60 RRSIG A 13 2 60 {} 1800000000 1 example. c2lnbmF0dXJl"


def told(*records: str, edns: Edns | None = None) -> Answer[object]:
    question = Question.parse("w.example", "A")
    flags, answer = Flag.QR | Flag.AD, tuple(map(Record.parse, records))
    return Answer.of(question, Message(flags=flags, question=(question,), answer=answer, edns=edns), now=NOW)


def test_a_stale_answer_says_so() -> None:
    fresh = told(ADDRESS, edns=Edns().with_extended_error(ExtendedError.FILTERED, "adverts"))
    stale = StaleAnswer.of_fresh(fresh, NOW + 100)
    assert (fresh.stale, stale.stale) == (False, True)
    assert (fresh.expires, stale.expires) == (NOW + 60, NOW + 100)
    assert (stale.data, stale.records, stale.question) == (fresh.data, fresh.records, fresh.question)
    assert stale.extended_errors == ((ExtendedError.FILTERED, "adverts"), (ExtendedError.STALE_ANSWER, ""))
    assert (fresh.authenticated, stale.authenticated) == (True, False)  # validated for a time that is over


def test_what_is_made_of_a_stale_answer_is_stale() -> None:
    stale = StaleAnswer.of_fresh(told(ADDRESS), NOW)
    for other in (stale.rotated(1), copy.copy(stale), pickle.loads(pickle.dumps(stale))):
        assert other.stale
        assert other.data == stale.data
    aliased = told("w.example. 60 CNAME v.example.", "v.example. 60 A 192.0.2.1")
    assert StaleAnswer.of_fresh(aliased, NOW).rotated(1).stale


def test_each_signature_must_hold_still() -> None:
    """Signatures until 2033, and one until 2106."""
    assert is_signed_still(told(ADDRESS), 9_999_999_999)
    two = told(ADDRESS, SIGNATURE.format(2_000_000_000), SIGNATURE.format(2_000_000_100))
    assert is_signed_still(two, 1_999_999_999.5)
    assert not is_signed_still(two, 2_000_000_001)
    assert not is_signed_still(two, 2_000_000_101)


def test_the_time_of_signatures_goes_round() -> None:
    late = told(ADDRESS, SIGNATURE.format(5))
    assert is_signed_still(late, 0xFFFFFFFF)
    assert not is_signed_still(late, 0x100000000 + 6)
