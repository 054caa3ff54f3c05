"""Batches: any backend asked many questions at once, each of which lands once, and by its deadline."""

from __future__ import annotations

import asyncio
import gc

import pytest

from aioresolver.answer import Answer
from aioresolver.backends.batches import BatchBackend, Batched, in_batches
from aioresolver.backends.stub import StubBackend
from aioresolver.configured import ConfiguredBackend
from aioresolver.errors import LookupTimeout, ServerFailure
from aioresolver.wire.message import Question, Record

GRACE = 0.05


def questions(*names):
    return [Question.parse(f"{name}.example") for name in names]


def answer_to(question):
    record = Record.parse(f"{question.name} 60 A 192.0.2.1")
    return Answer.from_records(question, [record], now=asyncio.get_running_loop().time())


class Slow:
    """Answers after as many seconds as the name says (`t2.example`); `bad*` fails, `none*` gives no Answer."""

    def __init__(self):
        self.cancelled = []
        self.closed = 0

    async def query(self, question, deadline):
        name = str(question.name)
        try:
            await asyncio.sleep(float(name[1:].partition(".")[0]) if name.startswith("t") else 0)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        if name.startswith("bad"):
            raise ServerFailure(name, "A", "broken")
        return "none" if name.startswith("none") else answer_to(question)

    async def aclose(self):
        self.closed += 1


class Ledger:
    """What has landed, and when."""

    def __init__(self, batches):
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.landed = []
        batches.serve(self.take, lambda: None)

    def take(self, outcomes):
        for question, outcome in outcomes:
            self.landed.append((str(question.name).partition(".")[0], round(self.loop.time() - self.began, 3), outcome))

    @property
    def times(self):
        return {name: when for name, when, _ in self.landed}

    @property
    def outcomes(self):
        return {name: type(outcome) for name, _, outcome in self.landed}


def test_who_takes_batches_is_asked_directly():
    for backend in (StubBackend("127.0.0.1"), ConfiguredBackend()):
        assert in_batches(backend) is backend
    assert isinstance(in_batches(Slow()), Batched)
    assert isinstance(in_batches(Slow()), BatchBackend)


def test_each_lands_once_with_what_came_of_it(run_virtual):
    async def main():
        batched = Batched(Slow())
        ledger = Ledger(batched)
        assert batched.room(0) > 1_000_000
        batched.post(questions("t1", "t3", "t2", "a", "bad", "none"), ledger.began + 5)
        batched.post([], ledger.began + 5)
        assert ledger.landed == []  # never before it returns
        await asyncio.sleep(100)
        assert ledger.times == {"a": 0, "bad": 0, "none": 0, "t1": 1, "t2": 2, "t3": 3}
        assert len(ledger.landed) == 6
        assert ledger.outcomes["a"] is ledger.outcomes["t3"] is Answer
        assert (ledger.outcomes["bad"], ledger.outcomes["none"]) == (ServerFailure, TypeError)
        assert batched._lookups == {}
        await batched.aclose()

    run_virtual(main())


def test_the_same_question_may_be_asked_again(run_virtual):
    async def main():
        batched = Batched(Slow())
        ledger = Ledger(batched)
        for _ in range(3):
            batched.post(questions("t1"), ledger.loop.time() + 5)
            await asyncio.sleep(2)
        assert [when for _, when, _ in ledger.landed] == [1, 3, 5]
        await batched.aclose()

    run_virtual(main())


def test_whoever_keeps_no_deadline_is_ended(run_virtual):
    async def main():
        batched = Batched(backend := Slow())
        ledger = Ledger(batched)
        batched.post(questions("t1", "t100"), ledger.began + 2)
        batched.post(questions("t200"), ledger.began + 3)
        await asyncio.sleep(1000)
        assert ledger.times == {"t1": 1, "t100": 2 + GRACE, "t200": 3 + GRACE}
        assert ledger.outcomes["t100"] is ledger.outcomes["t200"] is LookupTimeout
        assert backend.cancelled == ["t100.example.", "t200.example."]
        assert "kept no deadline" in str(ledger.landed[1][2])
        await batched.aclose()

    run_virtual(main())


def test_what_is_withdrawn_lands_no_more(run_virtual):
    async def main():
        batched = Batched(backend := Slow())
        ledger = Ledger(batched)
        asked = questions("t1", "t2", "t3")
        batched.post(asked, ledger.began + 5)
        await asyncio.sleep(0)
        assert batched.withdraw([*asked[:2], *questions("unknown")]) == 2
        assert batched.withdraw(asked[:2]) == 0
        batched.post(asked[:1], ledger.began + 5)  # again, while the first is still ending
        await asyncio.sleep(100)
        assert ledger.times == {"t1": 1, "t3": 3}
        assert len(ledger.landed) == 2
        assert backend.cancelled == ["t1.example.", "t2.example."]
        await batched.aclose()

    run_virtual(main())


def test_an_end_that_is_withdrawn_before_it_is_told(run_virtual):
    """It is done, and in the same turn nobody wants it any more: it lands not, and what it says is reported nowhere."""

    class Settled(Slow):
        def submit(self, question, deadline):
            future = asyncio.get_running_loop().create_future()
            future.set_exception(ServerFailure(str(question.name), "A", "broken"))
            return future

    async def main():
        reports = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        batched = Batched(Settled())
        ledger = Ledger(batched)
        batched.post(questions("a"), ledger.began + 5)
        assert batched.withdraw(questions("a")) == 1
        await asyncio.sleep(1)
        gc.collect()
        assert (ledger.landed, reports) == ([], [])
        await batched.aclose()

    run_virtual(main())


@pytest.mark.parametrize("held_up", [3, 30])
def test_after_the_loop_was_held_up_there_is_grace_anew(run_virtual, held_up):
    async def main():
        batched = Batched(Slow())
        ledger = Ledger(batched)
        batched.post(questions("t1", "t100"), ledger.began + 2)
        await asyncio.sleep(0.5)
        ledger.loop._now += held_up
        await asyncio.sleep(1000)
        assert ledger.outcomes == {"t1": Answer, "t100": LookupTimeout}
        assert ledger.times["t100"] == pytest.approx(0.5 + held_up + GRACE, abs=0.002)
        await batched.aclose()

    run_virtual(main())


@pytest.mark.parametrize("kind", ["future", "coroutine", "raising", "nothing"])
def test_a_backend_may_have_submit(run_virtual, kind):
    class Submitting(Slow):
        def submit(self, question, deadline):
            if kind == "raising":
                raise ServerFailure(str(question.name), "A", "broken")
            if kind == "nothing":
                return None
            asked = self.query(question, deadline)
            return asyncio.ensure_future(asked) if kind == "future" else asked

    async def main():
        batched = Batched(Submitting())
        ledger = Ledger(batched)
        batched.post(questions("t1", "t100"), ledger.began + 2)
        assert ledger.landed == []
        await asyncio.sleep(1000)
        expected = {
            "future": {"t1": Answer, "t100": LookupTimeout},
            "coroutine": {"t1": Answer, "t100": LookupTimeout},
            "raising": {"t1": ServerFailure, "t100": ServerFailure},
            "nothing": {"t1": TypeError, "t100": TypeError},
        }[kind]
        assert ledger.outcomes == expected
        assert len(ledger.landed) == 2
        await batched.aclose()

    run_virtual(main())


def test_a_backend_that_cancels_itself_says_so(run_virtual):
    class Cancelling(Slow):
        async def query(self, question, deadline):
            raise asyncio.CancelledError

    async def main():
        batched = Batched(Cancelling())
        ledger = Ledger(batched)
        batched.post(questions("a"), ledger.began + 5)
        await asyncio.sleep(1)
        assert ledger.outcomes == {"a": asyncio.CancelledError}
        await batched.aclose()

    run_virtual(main())


def test_closing_ends_all_and_closes_the_backend(run_virtual):
    async def main():
        before = asyncio.all_tasks()
        batched = Batched(backend := Slow())
        ledger = Ledger(batched)
        batched.post(questions("t1", "t2", "t3"), ledger.began + 50)
        await asyncio.sleep(1.5)
        await batched.aclose()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        assert (sorted(backend.cancelled), backend.closed) == (["t2.example.", "t3.example."], 1)
        await asyncio.sleep(100)
        assert ledger.times == {"t1": 1}

    run_virtual(main())
