from __future__ import annotations

import asyncio

import pytest

from aioresolver.answer import Answer
from aioresolver.backends.base import Backend
from aioresolver.backends.routes import Fallback, Routes
from aioresolver.errors import (
    AddressBlocked,
    Attempt,
    ConfigurationError,
    LookupTimeout,
    NameSyntaxError,
    ServerFailure,
    TransportError,
    UsageError,
)
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import A

QUESTION = Question.parse("www.corp.example")
ATTEMPT = Attempt("udp://192.0.2.1", "udp", "no reply", 1.0)


class Scripted:
    """A backend that says what it was told to, after so many seconds of the loop's time."""

    def __init__(self, says=None, *, after: float = 0.0, concurrency: int | None = None) -> None:
        self.says = found("192.0.2.1") if says is None else says
        self.after = after
        self.asked: list[tuple[Question, float]] = []
        self.closed = 0
        if concurrency is not None:
            self.concurrency = concurrency

    async def query(self, question: Question, deadline: float) -> Answer:
        loop = asyncio.get_running_loop()
        self.asked.append((question, deadline - loop.time()))
        if loop.time() + self.after > deadline:
            await asyncio.sleep(deadline - loop.time())
            raise LookupTimeout(question.name, str(question.type), "no answer", attempts=(ATTEMPT,))
        await asyncio.sleep(self.after)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def aclose(self) -> None:
        self.closed += 1


def found(address: str, **marks) -> Answer:
    record = Record(QUESTION.name, RRType.A, RRClass.IN, 60, A(address))
    return Answer.from_records(QUESTION, [record], now=0.0, **marks)


def absent(rcode: Rcode = Rcode.NXDOMAIN) -> Answer:
    return Answer.from_records(QUESTION, rcode=rcode, now=0.0, ttl=10)


def failure(words: str = "SERVFAIL", attempts=(ATTEMPT,)) -> ServerFailure:
    return ServerFailure(QUESTION.name, "A", words, rcode="SERVFAIL", attempts=attempts)


def soon(seconds: float = 6.0) -> float:
    return asyncio.get_running_loop().time() + seconds


# Routes


@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("corp.example", "corp"),
        ("www.CORP.example.", "corp"),
        ("a.lab.corp.example", "lab"),
        ("lab.corp.example", "lab"),
        ("notcorp.example", "default"),
        (r"not\.corp.example", "default"),
        ("example", "default"),
        (".", "default"),
        ("4.3.2.10.in-addr.arpa", "reverse"),
        ("10.in-addr.arpa", "reverse"),
        ("1.110.in-addr.arpa", "default"),
    ],
)
async def test_the_longest_suffix_wins(name, route):
    backends = {text: Scripted() for text in ("corp", "lab", "reverse", "default")}
    routes = Routes(
        {
            "Corp.Example": backends["corp"],
            "lab.corp.example.": backends["lab"],
            "10.in-addr.arpa": backends["reverse"],
        },
        default=backends["default"],
    )
    question = Question.parse(name)

    await routes.query(question, soon())

    assert [text for text, backend in backends.items() if backend.asked] == [route]
    assert backends[route].asked[0][0] is question


async def test_the_root_is_as_good_as_a_default_and_none_is_an_error():
    root = Scripted()
    assert Routes({".": root}).backend_for(Name.parse("any.where")) is root
    with pytest.raises(ConfigurationError, match=r"no route for any\.where\."):
        await Routes({"corp.example": root}).query(Question.parse("any.where"), soon())


async def test_routes_close_each_backend_once():
    shared, other = Scripted(), Scripted()
    async with Routes({"a": shared, "b": shared, "c": other}, default=shared) as routes:
        assert isinstance(routes, Backend)
    await routes.aclose()

    assert (shared.closed, other.closed) == (1, 1)
    with pytest.raises(UsageError, match="closed"):
        await routes.query(QUESTION, soon())


async def test_one_that_does_not_close_does_not_keep_the_others_open():
    class Broken(Scripted):
        async def aclose(self):
            raise OSError("stuck")

    last = Scripted()
    with pytest.raises(OSError, match="stuck"):
        await Routes({"a": Broken(), "b": last}).aclose()
    assert last.closed == 1


def test_routes_suit_as_many_lookups_as_their_backends_together():
    shared = Scripted(concurrency=7)
    assert Routes({"a": shared, "b": shared}, default=Scripted(concurrency=5)).concurrency == 12
    assert Routes({"a": Scripted()}).concurrency == 100


def test_routes_that_cannot_be_used():
    with pytest.raises(ConfigurationError, match="two routes"):
        Routes({"a.example": Scripted(), "A.example.": Scripted()})
    with pytest.raises(ConfigurationError, match="at least one"):
        Routes({})
    with pytest.raises(NameSyntaxError):
        Routes({"a..b": Scripted()})
    assert repr(Routes({"a": 1}, default=2)) == "Routes({'a.': 1}, default=2)"


# Fallback


@pytest.mark.parametrize("error", [failure(), TransportError("no route"), LookupTimeout("x.", "A", "late")])
async def test_the_next_is_asked_when_one_fails(error):
    second = Scripted(found("192.0.2.2"))
    async with Fallback(Scripted(error), second) as fallback:
        answer = await fallback.query(QUESTION, soon())

    assert [str(data) for data in answer] == ["192.0.2.2"]
    assert len(answer.attempts) == 1


@pytest.mark.parametrize("says", [found("192.0.2.1"), absent(), absent(Rcode.NOERROR)])
async def test_any_answer_is_an_answer(says):
    second = Scripted()
    assert await Fallback(Scripted(says), second).query(QUESTION, soon()) is says
    assert second.asked == []


async def test_an_error_that_is_no_failure_is_final():
    blocked = AddressBlocked(QUESTION.name, "A", "loopback")
    second = Scripted()
    with pytest.raises(AddressBlocked):
        await Fallback(Scripted(blocked), second).query(QUESTION, soon())
    assert second.asked == []


async def test_all_attempts_are_told():
    late = Attempt("udp://192.0.2.2", "udp", "REFUSED", 0.5)
    with pytest.raises(ServerFailure, match="second") as caught:
        await Fallback(
            Scripted(failure("first")), Scripted(TransportError("no route")), Scripted(failure("second", (late,)))
        ).query(QUESTION, soon())

    assert [attempt.outcome for attempt in caught.value.attempts] == ["no reply", "no route", "REFUSED"]
    assert caught.value.attempts[1][:2] == ("Scripted", "backend")
    assert caught.value.rcode == "SERVFAIL"

    answer = await Fallback(
        Scripted(failure()), Scripted(found("192.0.2.2", attempts=(late,), server="udp://192.0.2.2"))
    ).query(QUESTION, soon())
    assert answer.attempts == (ATTEMPT, late)
    assert answer.server == "udp://192.0.2.2"


async def test_a_transport_error_of_the_last_becomes_a_failure():
    with pytest.raises(ServerFailure, match="no route"):
        await Fallback(Scripted(TransportError("no route"))).query(QUESTION, soon())


def test_a_silent_backend_leaves_an_equal_share_to_each(run_virtual):
    async def scenario():
        first, second, third = Scripted(after=100), Scripted(failure(), after=1), Scripted(after=3)
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await Fallback(first, second, third).query(QUESTION, began + 6)
        return answer, loop.time() - began, [backend.asked[0][1] for backend in (first, second, third)]

    answer, elapsed, shares = run_virtual(scenario())

    assert len(answer) == 1
    assert shares == pytest.approx([2, 2, 3])
    assert elapsed == pytest.approx(6)


def test_when_all_are_silent_it_ends_at_the_deadline(run_virtual):
    async def scenario():
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(LookupTimeout) as caught:
            await Fallback(Scripted(after=100), Scripted(after=100)).query(QUESTION, began + 6)
        return loop.time() - began, caught.value

    elapsed, error = run_virtual(scenario())

    assert elapsed == pytest.approx(6)
    assert len(error.attempts) == 2


async def test_when_decides():
    first, second = Scripted(absent()), Scripted(found("192.0.2.2"))
    fallback = Fallback(first, second, when=lambda said: isinstance(said, Answer) and not said)
    assert [str(data) for data in await fallback.query(QUESTION, soon())] == ["192.0.2.2"]

    first.says = failure()
    with pytest.raises(ServerFailure):
        await fallback.query(QUESTION, soon())

    eager = Fallback(Scripted(absent()), Scripted(failure()), when=lambda _: True)
    answer = await eager.query(QUESTION, soon())
    assert answer.rcode == Rcode.NXDOMAIN
    assert answer.attempts == (ATTEMPT,)


async def test_a_backend_that_cannot_ask_this_is_passed_over():
    unable = ConfigurationError("only A")
    assert len(await Fallback(Scripted(unable), Scripted()).query(QUESTION, soon())) == 1
    with pytest.raises(ServerFailure):
        await Fallback(Scripted(failure()), Scripted(unable)).query(QUESTION, soon())
    with pytest.raises(ConfigurationError, match="only A"):
        await Fallback(Scripted(unable), Scripted(ConfigurationError("only B"))).query(QUESTION, soon())


async def test_cancelling_the_asker_cancels_the_lookup():
    second = Scripted()
    asked = asyncio.ensure_future(Fallback(Scripted(after=100), second).query(QUESTION, soon(1000)))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert second.asked == []


async def test_a_fallback_closes_each_backend_once_and_suits_what_the_least_suits():
    shared = Scripted(concurrency=7)
    fallback = Fallback(shared, Scripted(concurrency=5), shared)
    assert fallback.concurrency == 5
    await fallback.aclose()
    await fallback.aclose()

    assert shared.closed == 1
    with pytest.raises(UsageError, match="closed"):
        await fallback.query(QUESTION, soon())
    with pytest.raises(ConfigurationError, match="at least one"):
        Fallback()
