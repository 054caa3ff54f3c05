"""SingleFlight: one trip however many ask, and no asker can hurt another."""

from __future__ import annotations

import asyncio
import gc
import traceback
from typing import Any

import pytest

from aioresolver.errors import Attempt, ServerFailure
from aioresolver.flow.single_flight import SingleFlight


class Trips:
    """Departs on plain futures and remembers them."""

    def __init__(self) -> None:
        self.started: list[tuple[str, asyncio.Future[Any]]] = []

    def __call__(self, key: str) -> asyncio.Future[Any]:
        trip: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.started.append((key, trip))
        return trip

    @property
    def last(self) -> asyncio.Future[Any]:
        return self.started[-1][1]


async def ask(flights: SingleFlight[str, Any], key: str, trips: Trips) -> Any:
    return await flights.join(key, trips)


@pytest.fixture
def flights() -> SingleFlight[str, Any]:
    return SingleFlight()


@pytest.fixture
def trips() -> Trips:
    return Trips()


async def test_those_who_ask_the_same_share_one_trip(flights: SingleFlight[str, Any], trips: Trips) -> None:
    askers = [flights.join("a", trips) for _ in range(3)]
    other = flights.join("b", trips)
    assert len(flights) == 2
    assert [key for key, _ in trips.started] == ["a", "b"]
    assert len(set(map(id, askers))) == 3
    trips.started[0][1].set_result("answer a")
    trips.started[1][1].set_result("answer b")
    assert await asyncio.gather(*askers, other) == ["answer a"] * 3 + ["answer b"]
    assert len(flights) == 0


async def test_a_later_asker_starts_a_new_trip(flights: SingleFlight[str, Any], trips: Trips) -> None:
    for result in ("one", "two"):
        asker = flights.join("a", trips)
        trips.last.set_result(result)
        assert await asker == result
    assert len(trips.started) == 2


async def test_a_task_may_be_the_trip(flights: SingleFlight[str, Any]) -> None:
    async def trip(key: str) -> str:
        await asyncio.sleep(0)
        return key.upper()

    def depart(key: str) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_task(trip(key))

    assert await asyncio.gather(flights.join("a", depart), flights.join("a", depart)) == ["A", "A"]


async def test_a_trip_that_is_over_at_once(flights: SingleFlight[str, Any]) -> None:
    def depart(_: str) -> asyncio.Future[Any]:
        trip: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        trip.set_result("at once")
        return trip

    assert await flights.join("a", depart) == "at once"
    assert len(flights) == 0


async def test_forty_nine_of_fifty_leave_and_the_last_gets_its_answer(
    flights: SingleFlight[str, Any], trips: Trips
) -> None:
    tasks = [asyncio.create_task(ask(flights, "a", trips)) for _ in range(50)]
    await asyncio.sleep(0)
    for task in tasks[:49]:
        task.cancel()
    results = await asyncio.gather(*tasks[:49], return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert not trips.last.cancelled()
    assert len(flights) == 1
    trips.last.set_result("answer")
    assert await tasks[49] == "answer"
    assert len(trips.started) == 1


@pytest.mark.parametrize("askers", [1, 2, 50])
async def test_the_last_to_leave_cancels_the_trip_at_once(
    flights: SingleFlight[str, Any], trips: Trips, askers: int
) -> None:
    waiting = [flights.join("a", trips) for _ in range(askers)]
    for asker in waiting:
        assert not trips.last.cancelled()
        asker.cancel()
    assert trips.last.cancelled()
    assert len(flights) == 0


async def test_asking_again_after_all_left_departs_anew(flights: SingleFlight[str, Any], trips: Trips) -> None:
    flights.join("a", trips).cancel()
    asker = flights.join("a", trips)
    await asyncio.sleep(0)  # the cancelled trip lands now, and must not take the new one down
    assert len(flights) == 1
    trips.last.set_result("answer")
    assert await asker == "answer"


async def test_leaving_twice_counts_once(flights: SingleFlight[str, Any], trips: Trips) -> None:
    one, two = flights.join("a", trips), flights.join("a", trips)
    assert one.cancel()
    assert not one.cancel()
    assert not trips.last.cancelled()
    trips.last.set_result(1)
    assert await two == 1
    assert not two.cancel()


async def test_an_asker_who_leaves_while_the_trip_lands(flights: SingleFlight[str, Any], trips: Trips) -> None:
    one, two = flights.join("a", trips), flights.join("a", trips)
    trips.last.set_result("answer")
    one.cancel()
    three = flights.join("a", trips)
    assert await asyncio.gather(two, three) == ["answer", "answer"]
    assert len(trips.started) == 1


async def test_those_who_left_are_not_kept(flights: SingleFlight[str, Any], trips: Trips) -> None:
    first = flights.join("a", trips)
    for _ in range(1000):
        flights.join("a", trips).cancel()
    assert len(first.others) < 20  # type: ignore[attr-defined]
    first.cancel()


async def test_every_asker_gets_the_error_and_no_two_the_same_instance(
    flights: SingleFlight[str, Any], trips: Trips
) -> None:
    attempt = Attempt("udp://192.0.2.1", "udp", "SERVFAIL", 0.01)
    tasks = [asyncio.create_task(ask(flights, "a", trips)) for _ in range(5)]
    await asyncio.sleep(0)
    trips.last.set_exception(ServerFailure("a.", "A", "no usable answer", attempts=(attempt,)))
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(error) for error in errors} == {ServerFailure}
    assert {str(error) for error in errors} == {str(errors[0])}
    assert all(error.attempts == (attempt,) for error in errors)
    assert len(set(map(id, errors))) == 5
    assert {len(traceback.extract_tb(error.__traceback__)) for error in errors} == {1}


async def test_the_cause_of_an_error_is_kept(flights: SingleFlight[str, Any], trips: Trips) -> None:
    cause = OSError("cable cut")
    error = ServerFailure("a.", "A", "no usable answer")
    error.__cause__ = cause
    askers = [flights.join("a", trips) for _ in range(3)]
    trips.last.set_exception(error)
    errors = await asyncio.gather(*askers, return_exceptions=True)
    assert all(error.__cause__ is cause for error in errors)  # type: ignore[union-attr]


async def test_an_error_that_cannot_be_copied_is_shared(flights: SingleFlight[str, Any], trips: Trips) -> None:
    class Stubborn(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__("stubborn")

    askers = [flights.join("a", trips) for _ in range(2)]
    trips.last.set_exception(Stubborn(1, 2))
    errors = await asyncio.gather(*askers, return_exceptions=True)
    assert {type(error) for error in errors} == {Stubborn}


async def test_errors_that_nobody_waits_for_are_silent(flights: SingleFlight[str, Any], trips: Trips) -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    one, two = flights.join("a", trips), flights.join("a", trips)
    trips.last.set_exception(ServerFailure("a.", "A", "no usable answer"))
    one.cancel()
    await asyncio.sleep(0)
    flights.join("b", trips).cancel()
    flights.join("c", trips)
    trips.last.set_exception(ServerFailure("c.", "A", "no usable answer"))
    await asyncio.sleep(0)
    trips.started.clear()
    del one, two
    gc.collect()
    assert reports == []


async def test_what_depart_raises_passes_to_its_caller(flights: SingleFlight[str, Any], trips: Trips) -> None:
    def broken(_: str) -> asyncio.Future[Any]:
        raise ValueError("no way")

    with pytest.raises(ValueError, match="no way"):
        flights.join("a", broken)
    assert len(flights) == 0
    asker = flights.join("a", trips)
    trips.last.set_result(1)
    assert await asker == 1


async def test_a_trip_cancelled_by_somebody_else_cancels_its_askers(
    flights: SingleFlight[str, Any], trips: Trips
) -> None:
    askers = [flights.join("a", trips) for _ in range(3)]
    trips.last.cancel()
    await asyncio.sleep(0)
    assert all(asker.cancelled() for asker in askers)
    assert len(flights) == 0


async def test_close_gives_everybody_its_error(flights: SingleFlight[str, Any], trips: Trips) -> None:
    askers = [flights.join(key, trips) for key in "aab"]
    flights.close(ServerFailure("a.", "A", "closed"))
    assert all(trip.cancelled() for _, trip in trips.started)
    errors = await asyncio.gather(*askers, return_exceptions=True)
    assert {type(error) for error in errors} == {ServerFailure}
    assert len(set(map(id, errors))) == 3
    assert len(flights) == 0
    with pytest.raises(ServerFailure, match="closed"):
        flights.join("c", trips)
    assert len(trips.started) == 2


async def test_a_task_trip_is_cancelled_by_close(flights: SingleFlight[str, Any]) -> None:
    async def trip() -> None:
        await asyncio.get_running_loop().create_future()

    task: list[asyncio.Task[Any]] = []

    def depart(_: str) -> asyncio.Future[Any]:
        task.append(asyncio.create_task(trip()))
        return task[0]

    asker = flights.join("a", depart)
    await asyncio.sleep(0)
    flights.close(RuntimeError("closed"))
    with pytest.raises(RuntimeError, match="closed"):
        await asker
    await asyncio.wait(task)
    assert task[0].cancelled()


async def test_wait_for_leaves_the_flight(flights: SingleFlight[str, Any], trips: Trips) -> None:
    patient = flights.join("a", trips)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(flights.join("a", trips), 0)
    assert not trips.last.cancelled()
    trips.last.set_result("answer")
    assert await patient == "answer"
