from __future__ import annotations

import queue
import threading

import pytest

from aioresolver.backends.threads import Threads


@pytest.fixture
def pool_of():
    """Makes pools, and lets every call of `hang` go at the end."""
    pools: list[Threads] = []
    release = threading.Event()

    def make(limit: int, **options) -> Threads:
        pool = Threads(limit, name="test", **options)
        pool.hang = release.wait
        pools.append(pool)
        return pool

    yield make
    release.set()
    for pool in pools:
        for thread in pool.close(lambda: None):
            thread.join(10)


class Results:
    """Collects what threads deliver."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue = queue.SimpleQueue()

    def __call__(self, result, error) -> None:
        self._queue.put((result, error))

    def next(self):
        return self._queue.get(timeout=10)


def test_a_result_and_an_error_are_delivered(pool_of):
    pool, results = pool_of(1), Results()
    failure = OSError("no")

    def fail():
        raise failure

    pool.submit(lambda: 7, results)
    pool.submit(fail, results)

    assert [results.next(), results.next()] == [(7, None), (None, failure)]


def test_threads_are_made_when_needed_and_never_more_than_the_limit(pool_of):
    pool, results = pool_of(3), Results()
    assert len(pool) == 0

    pool.submit(lambda: 1, results)
    assert results.next() == (1, None)
    assert len(pool) == 1

    barrier = threading.Barrier(4)
    for _ in range(6):
        pool.submit(barrier.wait if _ < 3 else int, results)
    assert len(pool) == 3

    barrier.wait(10)
    assert sorted(str(results.next()[1]) for _ in range(6)) == ["None"] * 6
    assert len(pool) == 3


def test_an_idle_thread_goes(pool_of):
    pool, results = pool_of(2, idle=0.01), Results()
    seen: list[threading.Thread] = []
    pool.submit(lambda: seen.append(threading.current_thread()), results)
    results.next()

    seen[0].join(10)

    assert len(pool) == 0
    pool.submit(lambda: "again", results)
    assert results.next() == ("again", None)


def test_the_initializer_runs_once_in_each_thread_and_its_error_is_told(pool_of):
    seen: list[str] = []
    results = Results()
    pool = pool_of(1, initializer=lambda: seen.append(threading.current_thread().name))
    for _ in range(3):
        pool.submit(int, results)
        results.next()
    assert seen == ["test"]

    def broken():
        raise ValueError("cannot")

    pool = pool_of(1, initializer=broken)
    pool.submit(int, results)
    result, error = results.next()
    assert result is None
    assert str(error) == "cannot"


def test_abandoned_work_that_has_not_begun_is_skipped(pool_of):
    pool, results = pool_of(1), Results()
    gate = threading.Event()
    ran: list[str] = []
    pool.submit(lambda: gate.wait(10), results)
    skipped = pool.submit(lambda: ran.append("skipped"), results)
    pool.submit(lambda: ran.append("kept"), results)

    pool.abandon(skipped)
    pool.abandon(skipped)
    gate.set()
    results.next()
    results.next()

    assert ran == ["kept"]
    assert not skipped.begun


def test_an_abandoned_call_gives_its_place_to_another_up_to_twice_the_limit(pool_of):
    pool, results = pool_of(2), Results()
    begun: queue.SimpleQueue = queue.SimpleQueue()

    def hang():
        begun.put(None)
        pool.hang()

    hung = [pool.submit(hang, results) for _ in range(2)]
    pool.submit(lambda: "waits", results)
    for _ in range(2):
        begun.get(timeout=10)
    assert len(pool) == 2

    pool.abandon(hung[0])
    assert results.next() == ("waits", None)

    more = [pool.submit(hang, results) for _ in range(4)]
    pool.abandon(hung[1])
    for _ in range(2):
        begun.get(timeout=10)
    for work in more[:2]:
        pool.abandon(work)
    assert len(pool) == 4
    assert [work.begun for work in more] == [True, True, False, False]


def test_closing_waits_for_the_idle_and_not_for_the_abandoned(pool_of):
    pool, results = pool_of(2), Results()
    begun, emptied = threading.Event(), threading.Event()

    def hang():
        begun.set()
        pool.hang()

    hung = pool.submit(hang, results)
    begun.wait(10)
    pool.submit(int, results)
    results.next()
    pool.abandon(hung)

    threads = pool.close(emptied.set)

    assert emptied.wait(10)
    assert len(threads) == 2
    assert [pool.holds(thread) for thread in threads].count(True) == 1
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(int, results)


def test_closing_an_unused_pool_is_told_at_once(pool_of):
    told: list[bool] = []

    assert pool_of(1).close(lambda: told.append(True)) == []
    assert told == [True]


def test_many_jobs_from_many_threads_are_each_done_once(pool_of):
    pool, results = pool_of(4), Results()

    def produce(start: int) -> None:
        for number in range(start, start + 250):
            pool.submit(lambda number=number: number, results)

    producers = [threading.Thread(target=produce, args=(start,)) for start in range(0, 1000, 250)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()

    assert sorted(results.next()[0] for _ in range(1000)) == list(range(1000))
    assert len(pool) <= 4


def test_when_no_thread_can_be_made_the_submitter_is_told(pool_of, monkeypatch):
    pool = pool_of(1)

    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        pool.submit(int, Results())
    assert len(pool) == 0
