"""Rows pass filters: each comes out once, whatever is held back and asked meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bulk.synthetic_zones import row, run

from aioresolver.answer import Answer
from aioresolver.bulk.filters import Ask, Sieve, sift
from aioresolver.bulk.rows import Row
from aioresolver.errors import ServerFailure
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Question, Record


class Pairs:
    """Holds every second row until a question about it is answered, and some until the end."""

    def __init__(self, mark: str, *, most: int = 10, until_end: bool = False, wait: float = 0.0) -> None:
        self.mark = mark
        self.most = most
        self.until_end = until_end
        self.wait = wait
        self.rows: list[Row] = []
        self.under_way = 0
        self.heard_of: list[str] = []
        self.due = 0.0

    @property
    def held(self) -> int:
        return len(self.rows) + self.under_way

    @property
    def room(self) -> int:
        return self.most - self.held

    def feed(self, rows: Sequence[Row], now: float) -> list[Row]:
        through = []
        for each in rows:
            if each.index % 2:
                self.rows.append(each)
                self.due = now + self.wait
            else:
                through.append(each)
        return through

    def asks(self, most: int, now: float) -> list[Ask]:
        if self.until_end or now < self.due:
            return []
        asking, self.rows = self.rows[:most], self.rows[most:]
        self.under_way += len(asking)
        return [Ask(f"{self.mark}.{held.name}", "A", None, held) for held in asking]

    def heard(self, ask: Ask, row: Row, now: float) -> list[Row]:
        self.under_way -= 1
        self.heard_of.append(row.status)
        held: Row = ask.tag
        return [held._replace(input=held.input + self.mark)]

    def wake_at(self) -> float | None:
        return self.due if self.rows and self.wait else None

    def wake(self, now: float) -> list[Row]:
        return []

    def end(self, now: float) -> list[Row]:
        self.until_end = False
        self.due = now
        return []


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(0, 60),
    batch=st.integers(1, 20),
    filters=st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.sampled_from([0.0, 3.0])), max_size=3),
)
def test_each_row_comes_out_once(count, batch, filters):
    made = [
        Pairs(str(i), most=80 if end else most, until_end=end, wait=wait) for i, (most, end, wait) in enumerate(filters)
    ]
    rows, asked = run(made, [(f"n{i}.test.", "A") for i in range(count)], lambda ask: row(ask.name), batch=batch)
    assert [each.index for each in rows] == list(range(count))
    marks = "".join(str(i) for i in range(len(filters)))
    assert all(each.input == each.name + (marks if each.index % 2 else "") for each in rows)
    assert asked >= len(filters) * (count // 2)


def test_answers_pass_the_filters_before():
    first, second = Pairs("1"), Pairs("2")
    sieve = Sieve([first, second])
    assert sieve.feed([row("a.test.", index=1)], 0.0) == []
    (number, ask) = sieve.asks(9, 0.0)[0]
    assert ask.name == "1.a.test."
    assert sieve.heard(row(ask.name, index=number), 0.0) == []  # the first lets it out, the second holds it
    (number, ask) = sieve.asks(9, 0.0)[0]
    assert (number, ask.name) == (-2, "2.a.test.")
    assert [r.input for r in sieve.heard(row(ask.name, index=number), 0.0)] == ["a.test.12"]
    assert first.heard_of == ["nxdomain"]
    assert sieve.held == 0


async def batches_of(*batches: Sequence[Row]):
    for batch in batches:
        yield batch


def answered(ask: Ask) -> asyncio.Future[Answer]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Answer] = loop.create_future()
    question = Question.parse(ask.name, ask.type)
    record = Record.parse(f"{ask.name} 60 IN A 192.0.2.1")
    loop.call_soon(future.set_result, Answer.from_records(question, [record], now=0.0))
    return future


def rows_of(*indexes: int) -> list[Row]:
    return [row(f"n{i}.test.", index=i) for i in indexes]


async def test_sift():
    filters = [Pairs("1", most=1), Pairs("2", until_end=True)]
    found = [
        r
        async for batch in sift(batches_of(rows_of(0, 1, 2), rows_of(3), rows_of(4)), filters, answered)
        for r in batch
    ]
    assert sorted(found) == [
        each._replace(input=each.input + ("12" if each.index % 2 else "")) for each in rows_of(0, 1, 2, 3, 4)
    ]
    assert set(filters[0].heard_of) == set(filters[1].heard_of) == {"ok"}


async def test_without_filters():
    assert [batch async for batch in sift(batches_of(rows_of(0, 1), rows_of(2)), [], answered)] == [
        rows_of(0, 1),
        rows_of(2),
    ]
    assert [batch async for batch in sift(batches_of(), [Pairs("1")], answered)] == []


def test_waiting_for_a_time(run_virtual):
    async def main():
        loop = asyncio.get_running_loop()
        began = loop.time()
        found = []

        async def slow():
            yield rows_of(1)
            await asyncio.sleep(100)
            yield rows_of(2)

        async for batch in sift(slow(), [Pairs("1", wait=5.0)], answered):
            found += [(round(loop.time() - began), each.index) for each in batch]
        assert found == [(5, 1), (100, 2)]

    run_virtual(main())


async def test_failures_are_rows_too():
    def failing(ask):
        future = asyncio.get_running_loop().create_future()
        future.set_exception(ServerFailure(ask.name, ask.type, "nobody answered", rcode=str(Rcode.SERVFAIL.name)))
        return future

    filter_ = Pairs("1")
    assert len([r async for batch in sift(batches_of(rows_of(1)), [filter_], failing) for r in batch]) == 1
    assert filter_.heard_of == ["servfail"]


async def test_without_room_no_more_is_taken():
    taken = []

    async def endless():
        for index in range(1, 10**9, 2):
            taken.append(index)
            yield rows_of(index)

    waiting: list[asyncio.Future[Answer]] = []

    def unanswered(ask):
        waiting.append(asyncio.get_running_loop().create_future())
        return waiting[-1]

    async with aclosing(sift(endless(), [Pairs("1", most=5)], unanswered)) as sifting:
        first = asyncio.ensure_future(anext(sifting))
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(taken) == 5
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert all(future.cancelled() for future in waiting)


async def test_leaving_early_closes_the_batches():
    closed = []

    async def endless():
        try:
            while True:
                yield rows_of(0)
                await asyncio.sleep(0)
        finally:
            closed.append(True)

    async with aclosing(sift(endless(), [Pairs("1")], answered)) as sifting:
        await anext(sifting)
    assert closed == [True]


async def test_errors_of_the_batches():
    async def broken():
        yield rows_of(0)
        raise OSError("unreadable")

    found = []

    async def take():
        async for batch in sift(broken(), [Pairs("1")], answered):
            found.extend(batch)

    with pytest.raises(OSError, match="unreadable"):
        await take()
    assert found == rows_of(0)


async def test_a_filter_that_asks_nothing():
    class Stuck(Pairs):
        def end(self, now):
            return []

    sifting = sift(batches_of(rows_of(1)), [Stuck("1", until_end=True)], answered)
    with pytest.raises(RuntimeError, match="asks nothing"):
        await anext(sifting)
