"""What is recorded of a run: bounded however long it is, and right."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.bulk.rows import Row
from aioresolver.bulk.samples import Latencies, RunRecorder


def rows(count, status="ok", elapsed=0.010):
    return [Row(index, "x", "x.", "A", status, elapsed=elapsed) for index in range(count)]


def test_a_sample_tells_of_the_time_since_the_one_before():
    recorder = RunRecorder(100.0, every=1.0)
    recorder.add(rows(50))
    first = recorder.sample(101.0, in_flight=7, asked=60, lost=6, done=0.25)
    recorder.add(rows(20, "timeout", elapsed=0.0))
    recorder.add(rows(80, elapsed=0.040))
    second = recorder.sample(103.0, in_flight=9, asked=160, lost=31, done=0.75)

    assert first[:9] == (1.0, 50, 50.0, 7, 60, 6, 0.1, first.p50, first.p90)
    assert first.p50 == first.p99 == pytest.approx(0.010, rel=0.04)
    assert (second.time, second.rows, second.rate, second.loss) == (3.0, 150, 50.0, 0.25)
    assert second.p50 == second.p90 == pytest.approx(0.040, rel=0.04)
    assert first.statuses == {"ok": 50}
    assert second.statuses == {"ok": 130, "timeout": 20}
    assert recorder.samples == [first, second]


def test_nothing_is_divided_by_nothing():
    recorder = RunRecorder(5.0)
    sample = recorder.sample(5.0)

    assert (sample.rate, sample.loss, sample.p50, sample.p99, sample.done) == (0.0, 0.0, None, None, None)
    assert recorder.seconds_left(5.0) is None


def test_the_next_is_due_after_a_while():
    recorder = RunRecorder(10.0, every=0.5)
    assert not recorder.is_due(10.4)
    assert recorder.is_due(10.5)
    recorder.sample(10.6)
    assert not recorder.is_due(11.0)
    assert recorder.is_due(11.1)


def test_one_that_comes_too_early_takes_the_place_of_the_last():
    recorder = RunRecorder(0.0, every=1.0)
    recorder.add(rows(10))
    recorder.sample(1.0)
    recorder.add(rows(10, elapsed=1.0))
    recorder.sample(2.0)
    recorder.add(rows(10, elapsed=1.0))
    last = recorder.sample(2.01)

    assert [sample.time for sample in recorder.samples] == [1.0, 2.01]
    assert last.rate == pytest.approx(20 / 1.01)
    assert last.p50 == pytest.approx(1.0, rel=0.04)


def test_a_long_run_keeps_few_samples_and_loses_nothing():
    recorder = RunRecorder(0.0, every=1.0, most=10)
    for second in range(1, 10_001):
        recorder.add(rows(2, elapsed=0.001 * (1 + second % 10)))
        if recorder.is_due(second):
            recorder.sample(second, asked=3 * second, lost=second)
    recorder.sample(10_000, asked=30_000, lost=10_000)

    samples = recorder.samples
    assert len(samples) <= 10
    assert samples[-1].rows == recorder.rows == 20_000
    assert [sample.time for sample in samples] == sorted({sample.time for sample in samples})
    spans = zip([0.0, *(sample.time for sample in samples)], samples, strict=False)
    assert sum(sample.rate * (sample.time - before) for before, sample in spans) == pytest.approx(20_000)
    assert samples[0].loss == pytest.approx(1 / 3, rel=0.01)
    assert recorder.latencies.count == 20_000
    assert recorder.latencies.percentile(0.5) == pytest.approx(0.005, rel=0.04)


def test_how_long_it_will_take_follows_the_latter_half():
    recorder = RunRecorder(0.0)
    recorder.sample(10.0, done=0.1)  # it began slowly
    recorder.sample(20.0, done=0.4)
    recorder.sample(25.0, done=0.6)

    assert recorder.seconds_left(25.0) == pytest.approx(10.0)  # at 0.04 a second
    assert recorder.seconds_left(27.0) == pytest.approx(8.0)
    assert recorder.seconds_left(99.0) == 0.0


def test_from_one_sample_it_is_guessed():
    recorder = RunRecorder(0.0)
    recorder.sample(10.0, done=0.1)

    assert recorder.seconds_left(10.0) == pytest.approx(90.0)


def test_a_run_that_stands_still_may_take_forever():
    recorder = RunRecorder(0.0)
    for second in range(1, 20):
        recorder.sample(second, done=0.0)

    assert recorder.seconds_left(20) is None


def test_impossible_settings_are_told():
    with pytest.raises(ValueError, match="2 or more"):
        RunRecorder(0.0, every=0)
    with pytest.raises(ValueError, match="2 or more"):
        RunRecorder(0.0, most=1)


@given(st.lists(st.floats(1e-6, 100.0), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_percentile_is_nearly_right(seconds, share):
    latencies = Latencies()
    latencies.add(seconds)
    rank = max(0, -(-share * len(seconds) // 1) - 1)

    assert latencies.count == len(seconds)
    assert latencies.percentile(share) == pytest.approx(sorted(seconds)[int(rank)], rel=0.04)


def test_a_histogram_does_not_grow_with_what_it_counts():
    latencies, random_ = Latencies(), random.Random(1)
    for _ in range(50):
        latencies.add([random_.lognormvariate(-4, 1) for _ in range(1000)])

    assert latencies.count == 50_000
    assert len(latencies._buckets) < 300


def test_what_took_no_time_was_not_asked():
    latencies = Latencies()
    latencies.add([0.0, 0.0, 0.5])

    assert latencies.count == 1
    assert latencies.percentile(0.01) == pytest.approx(0.5, rel=0.04)
