"""RunRecorder: how a bulk run goes over time, in a bounded number of samples. Time is an argument."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from aioresolver.bulk.rows import Row

__all__ = ["Latencies", "RunRecorder", "Sample"]

PERCENTILES = (0.5, 0.9, 0.99)


class Sample(NamedTuple):
    """The run at one time, and since the sample before.

    - `time`: seconds since the run began.
    - `rows`: how many rows there were by then; `statuses`: by status.
    - `rate`: rows a second since the sample before.
    - `in_flight`: questions under way at that time.
    - `asked`, `lost`: queries sent by then, and those that nobody answered in patience.
    - `loss`: the share of the queries since the sample before that were lost, 0 to 1.
    - `p50`, `p90`, `p99`: latency percentiles since the sample before, in seconds; None without an answer.
    - `done`: the share of the inputs that have been read, 0 to 1; None when it is not known how many there are.
    """

    time: float
    rows: int
    rate: float
    in_flight: int
    asked: int
    lost: int
    loss: float
    p50: float | None
    p90: float | None
    p99: float | None
    done: float | None
    statuses: Mapping[str, int]


class RunRecorder:
    """Counts rows as they pass and takes samples of the run.

    At the beginning one is due every `every` seconds. When there are more than `most` of them, two become one and the
    interval doubles, so that their number is bounded however long the run is.
    """

    def __init__(self, now: float, *, every: float = 0.2, most: int = 600) -> None:
        if not every > 0 or most < 2:
            raise ValueError(
                f"a recorder takes samples every so many seconds, and keeps 2 or more: {every!r}, {most!r}"
            )
        self.every: float = every
        self.began: float = now
        self.rows: int = 0
        self.statuses: Counter[str] = Counter()
        self._most = most
        self._samples: list[Sample] = []
        # The latencies since the sample before each, for the time when two become one.
        self._parts: list[Latencies] = []
        self._part = Latencies()

    @property
    def samples(self) -> Sequence[Sample]:
        """The samples taken, the oldest first; it is always the same list."""
        return self._samples

    @property
    def latencies(self) -> Latencies:
        """The latencies of the whole run."""
        whole = Latencies()
        for part in (*self._parts, self._part):
            whole.merge(part)
        return whole

    def add(self, rows: Sequence[Row]) -> None:
        """Count these rows."""
        self.rows += len(rows)
        self.statuses.update(map(_status_of, rows))
        self._part.add(list(map(_elapsed_of, rows)))

    def is_due(self, now: float) -> bool:
        """Whether it is time for the next sample."""
        last = self._samples[-1].time if self._samples else 0.0
        return now - self.began - last >= self.every

    def sample(
        self, now: float, *, in_flight: int = 0, asked: int = 0, lost: int = 0, done: float | None = None
    ) -> Sample:
        """Take a sample; the counts are those since the beginning, `done` is the share of the inputs read.

        One that comes long before it is due, as at the end of a run, takes the place of the last.
        """
        if self._samples and now - self.began - self._samples[-1].time < self.every / 2:
            self._samples.pop()
            self._part.merge(self._parts.pop())
        before = self._samples[-1] if self._samples else _BEGINNING
        sample = _sample_of(
            before,
            self._part,
            time=max(now - self.began, 0.0),
            rows=self.rows,
            in_flight=in_flight,
            asked=asked,
            lost=lost,
            done=done,
            statuses=dict(self.statuses),
        )
        self._samples.append(sample)
        self._parts.append(self._part)
        self._part = Latencies()
        if len(self._samples) > self._most:
            self._thin_out()
        return sample

    def seconds_left(self, now: float) -> float | None:
        """About how long the rest will take, by the progress of the latter half of the run; None when unknown."""
        if not self._samples:
            return None
        last = self._samples[-1]
        middle = last.time / 2
        early = next((sample for sample in self._samples if sample.time >= middle), last)
        before = early if early is not last and early.done is not None else _BEGINNING
        if last.done is None or not (last.done > (before.done or 0.0)):
            return None
        pace = (last.done - (before.done or 0.0)) / (last.time - before.time)
        return max(0.0, (1.0 - last.done) / pace - (now - self.began - last.time))

    def _thin_out(self) -> None:
        """Make one of every two, the later one's; their rates and percentiles are taken anew."""
        kept: list[Sample] = []
        parts: list[Latencies] = []
        for index in range(1, len(self._samples), 2):
            sample, part = self._samples[index], self._parts[index]
            part.merge(self._parts[index - 1])
            fields = {name: getattr(sample, name) for name in _OWN_FIELDS}
            kept.append(_sample_of(kept[-1] if kept else _BEGINNING, part, **fields))
            parts.append(part)
        if len(self._samples) % 2:
            kept.append(self._samples[-1])
            parts.append(self._parts[-1])
        self._samples[:], self._parts = kept, parts
        self.every *= 2


class Latencies:
    """A histogram of seconds with sixteen buckets to each doubling, so that a percentile is right within 4 %.

    However many it counts, it has a few hundred buckets at most. 0 is not counted: nobody was asked.
    """

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: Sequence[float]) -> None:
        """Count these."""
        # The high bits of a double are its exponent and the first bits of its fraction: a bucket of a logarithmic scale.
        words = memoryview(array("d", seconds)).cast("B").cast("H")[_HIGH_WORD::4]
        self._buckets.update(words.tolist())

    def merge(self, other: Latencies) -> None:
        """Count what the other has counted."""
        self._buckets.update(other._buckets)

    @property
    def count(self) -> int:
        """How many were counted."""
        return sum(self._buckets.values()) - self._buckets.get(0, 0)

    def percentile(self, share: float) -> float | None:
        """The seconds within which this share of them stayed; None when there are none."""
        rank = share * self.count
        if rank <= 0:
            return None
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket] if bucket else 0
            if seen >= rank:
                return _middle_of(bucket)
        return None


_status_of = itemgetter(Row._fields.index("status"))
_elapsed_of = itemgetter(Row._fields.index("elapsed"))
_HIGH_WORD = 3 if sys.byteorder == "little" else 0
_BEGINNING = Sample(0.0, 0, 0.0, 0, 0, 0, 0.0, None, None, None, None, {})
_OWN_FIELDS = ("time", "rows", "in_flight", "asked", "lost", "done", "statuses")


def _middle_of(bucket: int) -> float:
    value: float = memoryview(((bucket << 48) + (1 << 47)).to_bytes(8, sys.byteorder)).cast("d")[0]
    return value


def _sample_of(
    before: Sample,
    latencies: Latencies,
    *,
    time: float,
    rows: int,
    in_flight: int,
    asked: int,
    lost: int,
    done: float | None,
    statuses: Mapping[str, int],
) -> Sample:
    span, sent = time - before.time, asked - before.asked
    p50, p90, p99 = map(latencies.percentile, PERCENTILES)
    return Sample(
        time=time,
        rows=rows,
        rate=(rows - before.rows) / span if span > 0 else 0.0,
        in_flight=in_flight,
        asked=asked,
        lost=lost,
        loss=min(1.0, (lost - before.lost) / sent) if sent > 0 else 0.0,
        p50=p50,
        p90=p90,
        p99=p99,
        done=done,
        statuses=statuses,
    )
