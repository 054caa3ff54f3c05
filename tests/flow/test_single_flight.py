from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from aioresolver.flow.single_flight import SingleFlight

Flights = SingleFlight[str, Any]


class Sink:
    """A receiver that writes down what arrived."""

    def __init__(self) -> None:
        self.arrivals: list[tuple[Any, Any]] = []

    def arrived(self, tag: Any, outcome: Any) -> None:
        self.arrivals.append((tag, outcome))


@pytest.fixture
def abandoned() -> list[str]:
    return []


@pytest.fixture
def flights(abandoned: list[str]) -> Flights:
    return SingleFlight(abandoned.append)


def join(flights: Flights, key: str, count: int = 1) -> list[asyncio.Future[Any]]:
    return [flights.join(key, lambda _: None, loop=asyncio.get_running_loop()) for _ in range(count)]


async def test_those_who_wait_for_the_same_share_what_comes(flights: Flights) -> None:
    askers = join(flights, "a", 3)
    assert ("a" in flights, "b" in flights, len(flights)) == (True, False, 1)
    flights.land("a", 1)
    assert await asyncio.gather(*askers) == [1, 1, 1]
    assert ("a" in flights, len(flights)) == (False, 0)


async def test_how_many_wait(flights: Flights) -> None:
    sink, counts = Sink(), [flights.count("a")]
    for step in (
        lambda: flights.attach("a", sink, 1),
        lambda: join(flights, "a"),
        lambda: flights.attach("a", sink, 2),
    ):
        step()
        counts.append(flights.count("a"))
    flights.detach(sink)
    assert (counts, flights.count("a"), flights.count("b")) == ([0, 1, 2, 3], 1, 0)


async def test_a_later_asker_waits_for_what_comes_later(flights: Flights) -> None:
    [early] = join(flights, "a")
    flights.land("a", 1)
    [late] = join(flights, "a")
    flights.land("a", 2)
    assert (await early, await late) == (1, 2)


async def test_what_nobody_waits_for_is_dropped(flights: Flights) -> None:
    flights.land("a", 1)
    flights.fail("a", OSError())
    flights.cancel("a")
    assert len(flights) == 0


async def test_forty_nine_of_fifty_leave_and_the_last_gets_its_answer(flights: Flights, abandoned: list[str]) -> None:
    *leaving, last = join(flights, "a", 50)
    for asker in leaving:
        assert asker.cancel()
    assert abandoned == []
    flights.land("a", 1)
    assert await last == 1
    assert all(asker.cancelled() for asker in leaving)


async def test_the_last_to_leave_abandons_the_key_at_once(flights: Flights, abandoned: list[str]) -> None:
    for asker in join(flights, "a", 50):
        assert abandoned == []
        asker.cancel()
    assert abandoned == ["a"]
    assert "a" not in flights


async def test_leaving_twice_counts_once(flights: Flights, abandoned: list[str]) -> None:
    first, second = join(flights, "a", 2)
    assert first.cancel()
    assert not first.cancel()
    assert abandoned == []
    assert not second.done()


async def test_who_leaves_after_the_answer_came_abandons_nothing(flights: Flights, abandoned: list[str]) -> None:
    first, second = join(flights, "a", 2)
    flights.land("a", 1)
    assert not first.cancel()
    [later] = join(flights, "a")
    assert not second.cancel()
    assert (abandoned, later.done()) == ([], False)


async def test_those_who_left_are_not_kept(flights: Flights) -> None:
    [stays] = join(flights, "a")
    for _ in range(1000):
        join(flights, "a")[0].cancel()
    gc.collect()
    assert len([each for each in gc.get_objects() if type(each).__name__ == "_Asker"]) < 30
    assert not stays.done()


async def test_every_asker_gets_the_error_and_no_two_the_same_instance(flights: Flights) -> None:
    askers = join(flights, "a", 3)
    error = OSError(5, "broken")
    flights.fail("a", error)
    errors = await asyncio.gather(*askers, return_exceptions=True)
    assert [str(each) for each in errors] == [str(error)] * 3
    assert len({id(each) for each in errors}) == 3
    assert errors[0] is error


async def test_the_cause_of_an_error_is_kept(flights: Flights) -> None:
    askers = join(flights, "a", 2)
    error = OSError("broken")
    error.__cause__ = cause = ValueError("why")
    flights.fail("a", error)
    errors = await asyncio.gather(*askers, return_exceptions=True)
    assert [each.__cause__ for each in errors] == [cause, cause]


async def test_an_error_that_cannot_be_copied_is_shared(flights: Flights) -> None:
    class Stubborn(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one}{two}")

    askers = join(flights, "a", 2)
    flights.fail("a", Stubborn(1, 2))
    assert [str(each) for each in await asyncio.gather(*askers, return_exceptions=True)] == ["12", "12"]


async def test_errors_that_nobody_reads_are_silent(flights: Flights) -> None:
    reports: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    join(flights, "a", 2)
    flights.fail("a", OSError())
    gc.collect()
    await asyncio.sleep(0)
    assert reports == []


async def test_what_is_cancelled_by_somebody_else_cancels_its_askers(flights: Flights, abandoned: list[str]) -> None:
    askers = join(flights, "a", 2)
    flights.cancel("a")
    assert all(asker.cancelled() for asker in askers)
    assert abandoned == []


async def test_close_gives_everybody_its_error(flights: Flights) -> None:
    askers = [*join(flights, "a", 2), *join(flights, "b")]
    flights.close(OSError("closed"))
    assert [str(each) for each in await asyncio.gather(*askers, return_exceptions=True)] == ["closed"] * 3
    assert len(flights) == 0


async def test_wait_for_leaves_the_flight(flights: Flights, abandoned: list[str]) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(join(flights, "a")[0], 0.001)
    assert abandoned == ["a"]


# ---- receivers


async def test_a_receiver_gets_each_outcome_with_its_tag(flights: Flights) -> None:
    sink = Sink()
    assert flights.attach("a", sink, 1)
    assert flights.attach("b", sink, 2)
    error = OSError()
    flights.land("b", "found")
    flights.fail("a", error)
    assert sink.arrivals == [(2, "found"), (1, error)]


async def test_receivers_and_askers_share(flights: Flights) -> None:
    sink = Sink()
    assert flights.attach("a", sink, 1)
    assert not flights.attach("a", sink, 2)
    [asker] = join(flights, "a")
    assert not flights.attach("a", sink, 3)
    flights.land("a", "found")
    assert sink.arrivals == [(1, "found"), (2, "found"), (3, "found")]
    assert await asker == "found"


async def test_a_receiver_that_detaches_gets_nothing_more(flights: Flights, abandoned: list[str]) -> None:
    sink, other = Sink(), Sink()
    for key in "ab":
        flights.attach(key, sink, key)
        flights.attach(key, sink, key)
    flights.attach("b", other, 1)
    [asker] = join(flights, "c")
    flights.detach(sink)
    assert abandoned == ["a"]
    flights.land("b", 2)
    assert (sink.arrivals, other.arrivals) == ([], [(1, 2)])
    assert not asker.done()


async def test_a_receiver_is_told_of_cancellation(flights: Flights) -> None:
    sink = Sink()
    flights.attach("a", sink, 1)
    flights.cancel("a")
    [(tag, outcome)] = sink.arrivals
    assert (tag, type(outcome)) == (1, asyncio.CancelledError)
