"""Cache: nothing after its time, nothing beyond its limits, and a dict agrees."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.errors import Attempt, ConfigurationError, LookupTimeout, NameSyntaxError, ServerFailure
from aioresolver.warmth import REFRESH_HITS
from aioresolver.wire.codes import Flag, Rcode, RRClass
from aioresolver.wire.message import Message, Question, Record

NOW = 1000.0
SOA = "example.org. 3600 SOA ns.example.org. host.example.org. 1 2 3 4 {}"


def ask(name: str = "www.example.org", type: str = "A") -> Question:
    return Question.parse(name, type)


def found(name: str = "www.example.org", type: str = "A", ttl: int = 60, now: float = NOW) -> Answer[Any]:
    """An answer with a record, as it comes from the wire."""
    data = {"A": "192.0.2.1", "AAAA": "2001:db8::1", "TXT": '"text"'}[type]
    question = ask(name, type)
    record = Record.parse(f"{question.name} {ttl} {type} {data}")
    message = Message(flags=Flag.QR, question=(question,), answer=(record,))
    return Answer.of(question, Message.parse(message.to_wire()), now=now, server="udp://192.0.2.53")


def absent(
    name: str = "www.example.org", type: str = "A", ttl: int | None = 60, *, exists: bool = False, now: float = NOW
) -> Answer[Any]:
    """NXDOMAIN, or NODATA for a name that exists; `ttl` None leaves the SOA out."""
    question = ask(name, type)
    authority = () if ttl is None else (Record.parse(SOA.format(ttl)),)
    rcode = Rcode.NOERROR if exists else Rcode.NXDOMAIN
    message = Message(flags=Flag.QR, rcode=rcode, question=(question,), authority=authority)
    return Answer.of(question, Message.parse(message.to_wire()), now=now)


def failure(name: str = "www.example.org", type: str = "A") -> ServerFailure:
    attempt = Attempt("udp://192.0.2.53", "udp", "SERVFAIL", 0.01)
    return ServerFailure(name, type, "no usable answer", attempts=(attempt,))


# ---- answers


def test_an_answer_is_known_until_it_expires() -> None:
    cache, answer = Cache(), found(ttl=60)
    assert cache.get(ask(), NOW) is None
    assert cache.put(answer, NOW) is answer
    assert cache.get(ask(), NOW) is answer
    assert cache.get(ask(), NOW + 59.9) is answer
    assert cache.get(ask(), NOW + 60) is None
    assert cache.get(ask(), NOW) is None  # gone for good
    assert cache.stats.expired == 1


def test_type_and_class_are_part_of_the_question() -> None:
    cache = Cache()
    cache.put(found(type="A"), NOW)
    assert cache.get(ask(type="AAAA"), NOW) is None
    assert cache.get(ask()._replace(class_=RRClass.CH), NOW) is None
    assert cache.get(ask("WWW.Example.ORG."), NOW) is not None


def test_a_newer_answer_takes_the_place() -> None:
    cache = Cache()
    cache.put(found(ttl=60), NOW)
    newer = found(ttl=100, now=NOW + 10)
    cache.put(newer, NOW + 10)
    assert cache.get(ask(), NOW + 90) is newer
    assert len(cache) == 1


def test_what_may_not_be_kept_is_not() -> None:
    cache = Cache()
    for answer in (found(ttl=0), absent(ttl=0), absent(ttl=None), absent(ttl=None, exists=True)):
        assert cache.put(answer, NOW) is answer
    assert len(cache) == 0
    assert cache.stats.stored == 0


def test_a_plain_answer_is_not_decoded_by_the_cache() -> None:
    cache, answer = Cache(prefetch=True, stale=60), found()
    cache.put(answer, NOW)
    assert cache.get(ask(), NOW) is answer
    assert isinstance(answer._message, bytes)
    assert answer._chain is None


def test_a_name_denied_without_an_soa_is_denied_for_that_type_only() -> None:
    """The operating system, asked for IPv6, says so of a host that has IPv4."""
    cache = Cache()
    denial: Answer[Any] = Answer.from_records(ask(type="AAAA"), rcode=Rcode.NXDOMAIN, ttl=10, now=NOW)
    assert cache.put(denial, NOW) is denial
    assert cache.get(ask(type="AAAA"), NOW + 9) is denial
    assert cache.get(ask(type="A"), NOW + 9) is None
    assert cache.get(ask(type="AAAA"), NOW + 10) is None
    cache.put(found(), NOW)
    cache.put(denial, NOW)
    assert cache.get(ask(), NOW) is not None


def test_peeking_counts_as_no_use() -> None:
    cache = Cache(stale=100)
    assert cache.peek(ask(), NOW) is None
    answer = cache.put(found(ttl=60), NOW)
    cache.put_failure(ask(), failure(), NOW + 70)
    cache.put_failure(ask("other.example"), failure("other.example"), NOW)
    denial = cache.put(absent("no.example", ttl=60), NOW)
    before = cache.stats.as_dict()
    assert cache.peek(ask(), NOW + 10) == (answer, 50)
    assert cache.peek(ask(), NOW + 72) == (answer, -12)
    assert cache.peek(ask(), NOW + 160) is None
    assert cache.peek(ask("no.example", "TXT"), NOW + 1) == (denial, 59)
    error, left = cache.peek(ask("other.example"), NOW + 1) or (None, 0)
    assert (type(error), left) == (ServerFailure, 4)
    assert cache.stats.as_dict() == before


# ---- limits on time


def test_max_ttl_cuts_and_the_answer_says_so() -> None:
    cache, answer = Cache(max_ttl=30), found(ttl=60)
    kept = cache.put(answer, NOW)
    assert (kept.expires, answer.expires) == (NOW + 30, NOW + 60)
    assert kept.data == answer.data
    assert cache.get(ask(), NOW + 29) is kept
    assert cache.get(ask(), NOW + 30) is None


@pytest.mark.parametrize("ttl", [0, 5])
def test_min_ttl_stretches(ttl: int) -> None:
    cache = Cache(min_ttl=20)
    kept = cache.put(found(ttl=ttl), NOW)
    assert kept.expires == NOW + 20
    assert cache.get(ask(), NOW + 19) is kept


def test_a_day_is_the_longest_by_default() -> None:
    assert Cache().put(found(ttl=7 * 86_400), NOW).expires == NOW + 86_400


def test_answers_without_records_have_a_limit_of_their_own() -> None:
    cache = Cache()
    assert cache.put(absent(ttl=3600), NOW).expires == NOW + 900
    assert cache.put(absent("b", ttl=3600, exists=True), NOW).expires == NOW + 900
    assert cache.put(absent("c", ttl=5), NOW).expires == NOW + 5
    assert Cache(negative_max_ttl=0).put(absent(), NOW).expires == NOW + 60


def test_negative_max_ttl_of_zero_keeps_no_absence() -> None:
    cache = Cache(negative_max_ttl=0, min_ttl=10)
    cache.put(absent(), NOW)
    assert len(cache) == 0


def test_min_ttl_stretches_no_absence_without_soa() -> None:
    cache = Cache(min_ttl=60)
    cache.put(absent(ttl=None), NOW)
    assert len(cache) == 0
    assert cache.put(absent(ttl=5), NOW).expires == NOW + 60


# ---- absence


def test_a_name_that_is_not_is_not_for_any_type() -> None:
    cache, answer = Cache(), absent(type="A")
    cache.put(answer, NOW)
    assert cache.get(ask(type="A"), NOW) is answer
    other = cache.get(ask(type="TXT"), NOW)
    assert isinstance(other, Answer)
    assert (other.question, other.rcode, other.expires, len(other)) == (ask(type="TXT"), Rcode.NXDOMAIN, NOW + 60, 0)
    assert other.authority == answer.authority
    assert answer.question == ask(type="A")
    assert cache.get(ask(type="TXT"), NOW + 60) is None
    assert (len(cache), cache.stats.expired) == (0, 1)


def test_nor_does_it_say_anything_of_other_names_and_classes() -> None:
    cache = Cache()
    cache.put(absent("example.org"), NOW)
    assert cache.get(ask("www.example.org"), NOW) is None
    assert cache.get(ask("org"), NOW) is None
    assert cache.get(ask("example.org")._replace(class_=RRClass.CH), NOW) is None


def test_no_data_is_for_its_type_alone() -> None:
    cache, answer = Cache(), absent(type="AAAA", exists=True)
    cache.put(answer, NOW)
    assert cache.get(ask(type="AAAA"), NOW) is answer
    assert cache.get(ask(type="A"), NOW) is None


def test_an_alias_to_a_name_that_is_not_is_itself_there() -> None:
    question = ask("alias.example.org")
    message = Message(
        flags=Flag.QR,
        rcode=Rcode.NXDOMAIN,
        question=(question,),
        answer=(Record.parse("alias.example.org. 60 CNAME gone.example.org."),),
        authority=(Record.parse(SOA.format(60)),),
    )
    cache, answer = Cache(), Answer.of(question, message, now=NOW)
    cache.put(answer, NOW)
    assert cache.get(question, NOW) is answer
    assert cache.get(ask("alias.example.org", "CNAME"), NOW) is None


def test_the_newer_of_presence_and_absence_holds() -> None:
    cache = Cache()
    cache.put(absent(type="A"), NOW)
    cache.put(found(type="AAAA"), NOW)
    assert cache.get(ask(type="A"), NOW) is None
    cache.put(absent(type="AAAA"), NOW)
    answer = cache.get(ask(type="AAAA"), NOW)
    assert isinstance(answer, Answer)
    assert answer.rcode == Rcode.NXDOMAIN
    assert len(cache) == 1


# ---- failures


def test_a_failure_is_remembered_for_a_while() -> None:
    cache, error = Cache(), failure()
    cache.put_failure(ask(), error, NOW)
    remembered = cache.get(ask(), NOW + 4.9)
    assert isinstance(remembered, ServerFailure)
    assert (str(remembered), remembered.attempts) == (str(error), error.attempts)
    assert cache.get(ask(type="AAAA"), NOW) is None
    assert cache.get(ask(), NOW + 5) is None


def test_each_time_it_comes_again_it_is_remembered_twice_as_long() -> None:
    cache, now, lives = Cache(), NOW, []
    for _ in range(8):
        cache.put_failure(ask(), failure(), now)
        life = next(life for life in range(1, 1000) if cache.get(ask(), now + life) is None)
        lives.append(life)
        now += life
    assert lives == [5, 10, 20, 40, 80, 160, 300, 300]


def test_a_failure_after_a_long_peace_is_the_first_again() -> None:
    cache = Cache()
    cache.put_failure(ask(), failure(), NOW)
    cache.put_failure(ask(), failure(), NOW + 10)  # 5 s, and 5 s of grace
    assert cache.get(ask(), NOW + 10 + 4) is not None
    assert cache.get(ask(), NOW + 10 + 5) is None


def test_an_answer_ends_the_series() -> None:
    cache = Cache()
    cache.put_failure(ask(), failure(), NOW)
    cache.put(found(ttl=1, now=NOW + 1), NOW + 1)
    assert isinstance(cache.get(ask(), NOW + 1), Answer)
    assert cache.get(ask(), NOW + 2) is None
    cache.put_failure(ask(), failure(), NOW + 2)
    assert cache.get(ask(), NOW + 7) is None


@pytest.mark.parametrize("answer", [found(ttl=0), absent(ttl=None)])
def test_an_answer_that_may_not_be_kept_replaces_what_is_known_all_the_same(answer: Answer[Any]) -> None:
    cache = Cache(stale=100)
    cache.put_failure(ask(), failure(), NOW)
    cache.put(answer, NOW)
    assert cache.get(ask(), NOW) is None
    for known in (found(ttl=60), absent(ttl=60)):
        cache.put(known, NOW)
        cache.put(answer, NOW)
        assert cache.get(ask(), NOW) is None
        assert cache.stale_answer(ask(), NOW + 61) is None


def test_a_failure_does_not_hide_what_is_known() -> None:
    cache, answer = Cache(), found()
    cache.put(answer, NOW)
    cache.put_failure(ask(), failure(), NOW)
    assert cache.get(ask(), NOW) is answer


def test_a_remembered_failure_holds_no_frames_and_is_new_each_time() -> None:
    class Bulky: ...

    cache = Cache()

    def lookup() -> weakref.ref[Bulky]:
        bulky = Bulky()
        try:
            raise failure() from OSError("cable cut")
        except ServerFailure as error:
            cache.put_failure(ask(), error, NOW)
        return weakref.ref(bulky)

    bulky = lookup()
    gc.collect()
    assert bulky() is None
    one, two = cache.get(ask(), NOW), cache.get(ask(), NOW)
    assert isinstance(one, ServerFailure)
    assert one is not two
    assert (one.__traceback__, one.__cause__) == (None, None)


def test_a_timeout_is_a_failure_too() -> None:
    cache = Cache()
    cache.put_failure(ask(), LookupTimeout("www.example.org.", "A", "no reply"), NOW)
    assert isinstance(cache.get(ask(), NOW), TimeoutError)


def test_failures_may_be_forgotten_at_once() -> None:
    cache = Cache(failure_ttl=0)
    cache.put_failure(ask(), failure(), NOW)
    assert cache.get(ask(), NOW) is None
    assert len(cache) == 0


# ---- room


def test_the_least_recently_used_goes_first() -> None:
    cache = Cache(3)
    for name in "abc":
        cache.put(found(name), NOW)
    cache.get(ask("a"), NOW)
    cache.put(found("d"), NOW)
    assert [name for name in "abcd" if cache.get(ask(name), NOW) is not None] == ["a", "c", "d"]
    assert (len(cache), cache.stats.evicted) == (3, 1)


def test_a_use_by_another_type_keeps_an_absence_young() -> None:
    cache = Cache(2)
    cache.put(absent("a", "A"), NOW)
    cache.put(found("b"), NOW)
    cache.get(ask("a", "TXT"), NOW)
    cache.put(found("c"), NOW)
    assert cache.get(ask("a", "A"), NOW) is not None
    assert cache.get(ask("b"), NOW) is None


def test_failures_have_a_tenth_of_the_room_and_push_no_answer_out() -> None:
    cache = Cache(20)
    for number in range(20):
        cache.put(found(f"name{number}"), NOW)
    for number in range(100):
        cache.put_failure(ask(f"broken{number}"), failure(), NOW)
    assert len(cache) == 22
    assert all(cache.get(ask(f"name{number}"), NOW) for number in range(20))
    assert cache.get(ask("broken99"), NOW) is not None
    assert cache.get(ask("broken97"), NOW) is None


def test_what_is_over_goes_with_time_though_nobody_asks_for_it() -> None:
    cache = Cache()
    for number in range(100):
        cache.put(found(f"old{number}", ttl=1), NOW)
    for number in range(100):
        cache.put(found(f"new{number}", now=NOW + 2), NOW + 2)
    assert len(cache) <= 116


def test_an_empty_cache_is_still_a_cache() -> None:
    assert len(Cache()) == 0
    assert Cache()


# ---- stale answers (RFC 8767)


def test_no_stale_answers_by_default() -> None:
    cache = Cache()
    cache.put(found(ttl=60), NOW)
    assert cache.stale_answer(ask(), NOW + 60) is None


def test_a_stale_answer_is_at_hand_for_a_while_and_says_thirty_seconds() -> None:
    cache = Cache(stale=100)
    answer = cache.put(found(ttl=60), NOW)
    assert cache.stale_answer(ask(), NOW) is answer  # not stale at all
    assert cache.get(ask(), NOW + 60) is None
    stale = cache.stale_answer(ask(), NOW + 159)
    assert stale is not None
    assert (stale.expires, stale.data, stale.question) == (NOW + 159 + 30, answer.data, ask())
    assert answer.expires == NOW + 60
    assert cache.stale_answer(ask(), NOW + 160) is None
    assert cache.get(ask(), NOW + 160) is None
    assert (len(cache), cache.stats.stale_hits) == (0, 1)


def test_absence_is_never_stale() -> None:
    cache = Cache(stale=100)
    cache.put(absent(type="A", ttl=60), NOW)
    cache.put(absent(type="TXT", ttl=60, exists=True), NOW)
    assert cache.stale_answer(ask(type="A"), NOW + 61) is None
    assert cache.stale_answer(ask(type="TXT"), NOW + 61) is None


def test_absence_ends_what_was_stale() -> None:
    cache = Cache(stale=1000)
    cache.put(found(ttl=60), NOW)
    cache.put(absent(ttl=60, now=NOW + 70), NOW + 70)
    assert cache.stale_answer(ask(), NOW + 200) is None


def test_what_was_flushed_is_not_stale() -> None:
    cache = Cache(stale=100)
    cache.put(found(ttl=60), NOW)
    cache.flush("www.example.org")
    assert cache.stale_answer(ask(), NOW + 61) is None


def test_a_stale_answer_goes_before_a_remembered_failure() -> None:
    cache = Cache(stale=100)
    answer = cache.put(found(ttl=60), NOW)
    cache.put_failure(ask(), failure(), NOW + 61)
    stale = cache.get(ask(), NOW + 62)
    assert isinstance(stale, Answer)
    assert stale.data == answer.data
    assert cache.get(ask(), NOW + 90.9) is not None
    assert cache.get(ask(), NOW + 91) is None  # time to try again
    assert (cache.stats.stale_hits, cache.stats.failure_hits, cache.stats.misses) == (2, 0, 1)


def test_a_failure_that_comes_again_and_again_keeps_the_stale_answer_in_use_as_long() -> None:
    cache, now = Cache(stale=1000, failure_ttl=40), NOW + 61
    cache.put(found(ttl=60), NOW)
    for life in (40, 80, 160):
        cache.put_failure(ask(), failure(), now)
        assert isinstance(cache.get(ask(), now + life - 1), Answer)
        assert cache.get(ask(), now + life) is None
        now += life


def test_a_failure_while_the_answer_is_fresh_counts_when_it_is_stale() -> None:
    cache = Cache(stale=100, failure_ttl=0)
    answer = cache.put(found(ttl=60), NOW)
    cache.put_failure(ask(), failure(), NOW + 55)
    assert cache.get(ask(), NOW + 59) is answer
    for when in (60, 84):
        stale = cache.get(ask(), NOW + when)
        assert isinstance(stale, Answer)
        assert stale.stale
    assert cache.get(ask(), NOW + 85) is None


def test_an_answer_that_is_late_is_not_asked_for_again_at_once() -> None:
    cache = Cache(stale=100)
    cache.put(found(ttl=60), NOW)
    assert cache.get(ask(), NOW + 61) is None
    assert cache.stale_answer(ask(), NOW + 63, late=True)
    assert cache.get(ask(), NOW + 92)
    assert cache.get(ask(), NOW + 93) is None
    for end in (cache.forget_failures, lambda: cache.put(found(ttl=1, now=NOW + 94), NOW + 94), cache.flush):
        cache.stale_answer(ask(), NOW + 94, late=True)
        end()
        assert cache.get(ask(), NOW + 95) is None
    assert cache._rechecks == {}


def test_what_was_to_be_kept_for_no_time_is_never_stale() -> None:
    cache = Cache(stale=100, min_ttl=10)
    cache.put(found(ttl=0), NOW)
    assert isinstance(cache.get(ask(), NOW + 9), Answer)
    assert cache.stale_answer(ask(), NOW + 11) is None
    cache.put(found(ttl=1, now=NOW + 12), NOW + 12)
    assert cache.stale_answer(ask(), NOW + 30) is not None
    cache.put(found(ttl=0, now=NOW + 31), NOW + 31)
    cache.flush()
    assert cache._brief == set()


def test_absence_of_the_name_ends_what_was_stale_of_other_types() -> None:
    cache = Cache(stale=1000)
    cache.put(found(type="AAAA", ttl=60), NOW)
    cache.put(absent(type="A", ttl=60, now=NOW + 70), NOW + 70)
    assert cache.stale_answer(ask(type="AAAA"), NOW + 71) is None
    assert not cache.get(ask(type="AAAA"), NOW + 71)
    assert cache.get(ask(type="AAAA"), NOW + 200) is None
    assert cache.stale_answer(ask(type="AAAA"), NOW + 200) is None


@pytest.mark.parametrize(("clock", "serves"), [(1_900_000_000, True), (1_999_999_999, True), (2_000_000_001, False)])
def test_what_is_signed_is_not_stale_beyond_its_signature(clock: float, serves: bool) -> None:
    """A signature until 2033."""
    question = ask()
    records = [
        Record.parse("www.example.org. 60 A 192.0.2.1"),
        Record.parse("www.example.org. 60 RRSIG A 13 3 60 2000000000 1800000000 1 example.org. c2lnbmF0dXJl"),
    ]
    cache = Cache(stale=100, clock=lambda: clock)
    cache.put(Answer.from_records(question, records, now=NOW), NOW)
    assert (cache.stale_answer(question, NOW + 61) is not None) is serves


# ---- prefetch


def test_an_answer_in_use_wants_a_refresh_near_its_end_until_that_is_done() -> None:
    cache = Cache(prefetch=True)
    cache.put(found(ttl=100), NOW)
    for _ in range(REFRESH_HITS):
        assert not cache.wants_refresh(ask(), NOW + 98)
        cache.get(ask(), NOW)
    assert not cache.wants_refresh(ask(), NOW + 89.9)
    assert cache.wants_refresh(ask(), NOW + 98)
    assert cache.wants_refresh(ask(), NOW + 98)
    assert not cache.wants_refresh(ask(), NOW + 100)
    cache.begin_refresh(ask())
    assert not cache.wants_refresh(ask(), NOW + 98)
    cache.put(found(ttl=100, now=NOW + 91), NOW + 91)
    for _ in range(REFRESH_HITS):
        cache.get(ask(), NOW + 100)
    assert not cache.wants_refresh(ask(), NOW + 100)
    assert cache.wants_refresh(ask(), NOW + 189)


def test_no_refresh_without_prefetch_nor_for_absence() -> None:
    for cache, answer in ((Cache(), found(ttl=100)), (Cache(prefetch=True), absent(ttl=100, exists=True))):
        cache.put(answer, NOW)
        for _ in range(10):
            cache.get(ask(), NOW + 95)
        assert not cache.wants_refresh(ask(), NOW + 95)


def test_prefetch_keeps_nothing_of_what_is_gone() -> None:
    cache = Cache(5, prefetch=True)
    for number in range(20):
        cache.put(found(f"name{number}"), NOW)
    assert len(cache._warmth) == 5
    cache.get(ask("name19"), NOW + 100)
    assert len(cache._warmth) == 4
    cache.flush()
    assert len(cache._warmth) == 0


# ---- flush


@pytest.fixture
def full() -> Cache:
    cache = Cache()
    for name in ("example.org", "www.example.org", "a.www.example.org", "notexample.org", "example.net"):
        cache.put(found(name, "A"), NOW)
        cache.put(found(name, "AAAA"), NOW)
    cache.put(absent("gone.example.org"), NOW)
    cache.put_failure(ask("broken.example.org"), failure(), NOW)
    return cache


def test_flush_everything(full: Cache) -> None:
    assert full.flush() == 12
    assert len(full) == 0
    assert full.stats.flushed == 12


@pytest.mark.parametrize(
    ("name", "count"),
    [("Example.org", 2), ("gone.example.org", 1), ("broken.example.org.", 1), ("org", 0), ("nowhere.example", 0)],
)
def test_flush_a_name(full: Cache, name: str, count: int) -> None:
    assert full.flush(name) == count
    assert len(full) == 12 - count


@pytest.mark.parametrize(("name", "count"), [("example.org", 8), ("www.example.org", 4), ("org", 10), (".", 12)])
def test_flush_a_subtree(full: Cache, name: str, count: int) -> None:
    assert full.flush(name, subtree=True) == count
    assert len(full) == 12 - count


def test_flush_wants_a_name(full: Cache) -> None:
    with pytest.raises(NameSyntaxError):
        full.flush("a..b")


# ---- counters and settings


def test_every_get_counts_once() -> None:
    cache = Cache()
    cache.put(found("a"), NOW)
    cache.put(absent("b"), NOW)
    cache.put(absent("c", exists=True), NOW)
    cache.put_failure(ask("d"), failure(), NOW)
    for name in "aabbbccccde":
        cache.get(ask(name), NOW)
    stats = cache.stats.as_dict()
    assert (stats["hits"], stats["negative_hits"], stats["failure_hits"], stats["misses"]) == (2, 7, 1, 1)
    assert (stats["stored"], stats["entries"]) == (4, 4)
    assert "hits=2" in repr(cache.stats)


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_entries": -1},
        {"min_ttl": -1},
        {"min_ttl": 10, "max_ttl": 5},
        {"max_ttl": float("inf")},
        {"negative_max_ttl": -1},
        {"negative_max_ttl": float("nan")},
        {"failure_ttl": 301},
        {"failure_ttl": -1},
        {"failure_ttl": 0.5},
        {"failure_ttl": float("nan")},
        {"stale": -1},
        {"stale": float("nan")},
        {"stale": 3 * 86_400 + 1},
        {"stale_after": -1},
        {"stale_after": float("inf")},
    ],
)
def test_numbers_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        Cache(**arguments)


# ---- against a dict

NAMES = st.sampled_from("abcde")
TYPES = st.sampled_from(["A", "AAAA"])
TTLS = st.integers(0, 40)


class AgainstADict(RuleBasedStateMachine):
    """The cache against a dict in order of use: what is known, and who goes first."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = Cache(4, max_ttl=30, negative_max_ttl=20, stale=10)
        self.now = NOW
        self.model: dict[tuple[str, str], Answer[Any]] = {}

    @rule(seconds=st.floats(0.5, 20))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=NAMES, type=TYPES, ttl=TTLS)
    def put_found(self, name: str, type: str, ttl: int) -> None:
        kept = self.cache.put(found(name, type, ttl, self.now), self.now)
        assert kept.expires == self.now + min(ttl, 30)
        self.model.pop((name, ""), None)
        self.model.pop((name, type), None)
        if ttl:
            self.model_put((name, type), kept)

    @rule(name=NAMES, type=TYPES, ttl=TTLS, exists=st.booleans())
    def put_absent(self, name: str, type: str, ttl: int, exists: bool) -> None:
        kept = self.cache.put(absent(name, type, ttl, exists=exists, now=self.now), self.now)
        if exists or not ttl:
            self.model.pop((name, ""), None)
        self.model.pop((name, type), None)
        if ttl:
            assert kept.expires == self.now + min(ttl, 20)
            self.model_put((name, type if exists else ""), kept)

    @rule(name=NAMES, type=TYPES)
    def get(self, name: str, type: str) -> None:
        got = self.cache.get(ask(name, type), self.now)
        own = self.model.get((name, type))
        if own is not None and own.expires > self.now:
            assert got is own
            self.model_put((name, type), own)
            return
        if own is not None and (not len(own) or own.expires + 10 <= self.now):
            del self.model[name, type]
        covering = self.model.get((name, ""))
        if covering is None or covering.expires <= self.now:
            self.model.pop((name, ""), None)
            assert got is None
            return
        self.model_put((name, ""), covering)
        assert isinstance(got, Answer)
        assert (got.question, got.rcode, got.expires) == (ask(name, type), Rcode.NXDOMAIN, covering.expires)

    @rule(name=NAMES, type=TYPES)
    def stale(self, name: str, type: str) -> None:
        got = self.cache.stale_answer(ask(name, type), self.now)
        own = self.model.get((name, type))
        if own is None or not len(own) or own.expires + 10 <= self.now:
            assert got is None
        else:
            assert got is not None
            assert got.expires == (own.expires if own.expires > self.now else self.now + 30)

    @rule(name=NAMES)
    def flush(self, name: str) -> None:
        gone = [key for key in self.model if key[0] == name]
        assert self.cache.flush(name) == len(gone)
        for key in gone:
            del self.model[key]

    def model_put(self, key: tuple[str, str], answer: Answer[Any]) -> None:
        self.model.pop(key, None)
        self.model[key] = answer
        if len(self.model) > 4:
            del self.model[next(iter(self.model))]

    @invariant()
    def bounded(self) -> None:
        assert len(self.cache) == len(self.model) <= 4


TestAgainstADict = AgainstADict.TestCase
# Below the sweep's interval, so that the dict need not know of it.
TestAgainstADict.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)


def test_forgetting_failures_leaves_the_answers() -> None:
    cache = Cache()
    cache.put(found(), NOW)
    cache.put_failure(ask("other.example"), failure("other.example"), NOW)
    cache.forget_failures()

    assert cache.get(ask(), NOW) is not None
    assert cache.get(ask("other.example"), NOW) is None
    assert (len(cache), cache.stats.flushed) == (1, 1)


def test_a_cache_of_nothing_keeps_nothing() -> None:
    cache, question = Cache(0), ask()
    answer: Answer[Any] = Answer.from_records(question, [Record.parse("www.example.org. 60 A 192.0.2.1")], now=0.0)
    assert cache.put(answer, 0.0) is answer
    cache.put_failure(question, ServerFailure("a.", "A", "broken"), 0.0)
    assert (cache.get(question, 1.0), len(cache)) == (None, 0)
