from __future__ import annotations

import asyncio

import pytest

from aioresolver.backends.iterative.flights import Circle, Flight, Flights
from aioresolver.errors import UsageError


def test_what_several_need_is_done_once(run_virtual):
    async def main():
        flights, begun = Flights(), []

        async def begin(flight):
            begun.append(flight)
            await asyncio.sleep(1)
            return "found"

        results = await asyncio.gather(*(flights.share("key", Flight(), begin, 100.0) for _ in range(5)))
        assert [found for found, _ in results] == ["found"] * 5
        assert [first for _, first in results] == [True, False, False, False, False]
        assert len(begun) == 1
        assert len(flights) == 0
        assert "key" not in flights

    run_virtual(main())


def test_a_circle_is_seen_before_it_is_closed(run_virtual):
    async def main():
        flights = Flights()

        async def one(flight):
            return (await flights.share("two", flight, two, 100.0))[0]

        async def two(flight):
            with pytest.raises(Circle):
                await flights.share("one", flight, one, 100.0)
            return "seen"

        assert await flights.share("one", Flight(), one, 100.0) == ("seen", True)

    run_virtual(main())


def test_two_circles_that_meet(run_virtual):
    async def main():
        flights = Flights()

        def of(other):
            async def begin(flight):
                await asyncio.sleep(0.1)
                try:
                    return await flights.share(other, flight, of({"a": "b", "b": "a"}[other]), 100.0)
                except Circle:
                    return "circle"

            return begin

        found = await asyncio.gather(
            flights.share("a", Flight(), of("b"), 100.0), flights.share("b", Flight(), of("a"), 100.0)
        )
        assert "circle" in str(found)

    run_virtual(main())


def test_the_wait_ends_at_the_deadline_and_what_nobody_needs_is_cancelled(run_virtual):
    async def main():
        flights, ended = Flights(), []

        async def begin(flight):
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                ended.append(asyncio.get_running_loop().time())
                raise

        now = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.TimeoutError):
            await flights.share("key", Flight(), begin, 2)
        assert "key" not in flights
        await asyncio.sleep(0)
        assert ended == [now + 2]

    run_virtual(main())


def test_one_asker_that_leaves_harms_no_other(run_virtual):
    async def main():
        flights = Flights()

        async def begin(flight):
            await asyncio.sleep(1)
            return "found"

        first, second = (asyncio.ensure_future(flights.share("key", Flight(), begin, 100.0)) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        assert await second == ("found", False)

    run_virtual(main())


def test_an_error_goes_to_all(run_virtual):
    async def main():
        flights = Flights()

        async def begin(flight):
            await asyncio.sleep(0)
            raise ValueError("bad")

        results = await asyncio.gather(
            *(flights.share("key", Flight(), begin, 100.0) for _ in range(3)), return_exceptions=True
        )
        assert [str(error) for error in results] == ["bad"] * 3

    run_virtual(main())


def test_closing_ends_all(run_virtual):
    async def main():
        flights = Flights()

        async def begin(flight):
            await asyncio.sleep(100)

        asked = asyncio.ensure_future(flights.share("key", Flight(), begin, 100.0))
        await asyncio.sleep(0)
        await flights.aclose()
        with pytest.raises(UsageError):
            await asked
        with pytest.raises(UsageError):
            await flights.share("other", Flight(), begin, 100.0)

    run_virtual(main())
