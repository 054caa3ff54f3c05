"""A bulk run on the command line: from the names to the rows, watched meanwhile, and told of at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from types import FrameType
from typing import Any

from aioresolver.bulk.asker import filtering
from aioresolver.bulk.counts import RowsLost
from aioresolver.bulk.filters import Filter
from aioresolver.bulk.inputs import ArrivingInputs, Inputs
from aioresolver.bulk.kernel_drops import KernelDrops, advice
from aioresolver.bulk.lines import UnreadableInput
from aioresolver.bulk.output import write_whole
from aioresolver.bulk.run import BulkRun
from aioresolver.bulk.samples import RunRecorder, Sample
from aioresolver.bulk.statuses import ANSWERED
from aioresolver.bulk.trust import Trust
from aioresolver.bulk.wildcards import Wildcards
from aioresolver.cli.bulk_options import Plan
from aioresolver.cli.exit_status import (
    DONE,
    FULL,
    INTERNAL_ERROR,
    NO_NAMES_FILE,
    PIPE_CLOSED,
    ROWS_UNWRITTEN,
    UNANSWERED,
)
from aioresolver.cli.progress import Moment, Pace, Progress, open_progress
from aioresolver.cli.sink import FileSink, RowsUnwritten, Sink
from aioresolver.cli.summary import Figures, figures_of, headline, subtitle, summary_lines, tell
from aioresolver.resolver import Resolver

__all__ = ["BulkCommand"]

BY_SIGNAL = 128
SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
# Of these nobody can be expected to answer; all others that are not answered are failures.
UNASKED = frozenset({"blocked", "bad-name", "bad-type"})
PROGRESS_EVERY = 0.25
# When the last rows take longer than this to write, who pressed Ctrl-C is told why nothing happens.
PATIENCE = 1.0
WAITING = "aioresolver bulk: the last rows are not written yet; a second Ctrl-C ends at once, without them"


class BulkCommand:
    """One run. The sink gets its rows, standard error the progress and the summary."""

    def __init__(self, plan: Plan, resolver: Resolver, inputs: Inputs | ArrivingInputs, sink: Sink) -> None:
        self._plan = plan
        self._resolver = resolver
        self._inputs = inputs
        self._sink = sink
        self._samples: Sequence[Sample] = ()
        self._earlier = Counter(sink.journal.statuses) if isinstance(sink, FileSink) else Counter[str]()

    def run(self) -> int:
        """Do it all; returns the exit status."""
        figures, status = asyncio.run(self._resolve())
        if status == DONE:
            failed = sum(
                count for word, count in figures["statuses"].items() if word not in ANSWERED and word not in UNASKED
            )
            status = UNANSWERED if failed else DONE
        try:
            self._tell(figures)
        except OSError as error:
            return _complain(f"cannot write {error.filename}: {error.strerror}", ROWS_UNWRITTEN)
        return status

    async def _resolve(self) -> tuple[Figures, int]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        drops = KernelDrops()
        async with self._resolver:
            filters = self._filters()
            run = BulkRun(
                self._resolver,
                self._sink.left(self._inputs),
                concurrency=self._plan.concurrency,
                through=filtering(self._resolver, filters, timeout=self._plan.timeout) if filters else None,
                recorder=RunRecorder(began),
            )
            assert run.recorder is not None
            self._samples = run.recorder.samples
            with _interruptible() as signals:
                try:
                    with self._watched(run):
                        ended, status = await self._pour(run)
                except asyncio.CancelledError:
                    if not signals:
                        raise
                    ended, status = SIGNALS[signals[0]], BY_SIGNAL + signals[0]
                finally:
                    waiting = loop.call_later(PATIENCE, tell, WAITING) if signals else None
                    await self._sink.abort()  # which does nothing to what is closed
                    if waiting is not None:
                        waiting.cancel()
        dropped = self._dropped(drops.count)
        figures = figures_of(
            run,
            ended=ended,
            elapsed=loop.time() - began,
            earlier=self._earlier,
            upstreams=self._upstreams(),
            kernel_drops=dropped,
            notes=[
                *self._held_back(),
                *filter(None, [advice(dropped)]),
                *(n for each in filters for n in _notes(each)),
            ],
        )
        return figures, status

    async def _pour(self, run: BulkRun) -> tuple[str, int]:
        """All rows into the sink; how that ended, and the exit status."""
        sink = self._sink
        try:
            async with aclosing(run.batches()) as batches:
                async for rows in batches:
                    await sink.write(rows)
            await sink.close(self._settings())
        except RowsUnwritten as error:
            return self._unwritten(error.__cause__)
        except UnreadableInput as error:
            return "failed", _complain(f"cannot read {self._plan.path} to its end: {error.strerror}", NO_NAMES_FILE)
        except RowsLost as error:
            return "failed", _complain(str(error), INTERNAL_ERROR)
        return "done", DONE

    def _unwritten(self, error: BaseException | None) -> tuple[str, int]:
        if isinstance(error, BrokenPipeError):
            return "closed pipe", PIPE_CLOSED
        assert isinstance(error, OSError)
        place = "standard output" if self._plan.output == "-" else self._plan.output
        remedy = ""
        if isinstance(self._sink, FileSink):
            first = "make room" if error.errno in FULL else "mend that"
            remedy = f"; the rows so far are kept: {first}, then go on with --resume"
        return "failed", _complain(f"cannot write {place}: {error.strerror}{remedy}", ROWS_UNWRITTEN)

    def _filters(self) -> list[Filter]:
        filters: list[Filter] = []
        if self._plan.check_servers:
            domains = self._plan.check_domains
            known: dict[str, Any] = {"domains": domains, "anchors": {}} if domains else {}
            filters.append(Trust.of(self._resolver, **known))
        if self._plan.wildcards is not None:
            filters.append(Wildcards("drop" if self._plan.wildcards == "drop" else "mark"))
        return filters

    def _upstreams(self) -> Sequence[Any]:
        return getattr(self._resolver.backend, "upstreams", ())

    def _dropped(self, by_all: int | None) -> int | None:
        """The replies that the kernel dropped: ours where that is known, else those of all programs."""
        upstreams = self._upstreams()
        return sum(upstream.dropped for upstream in upstreams) if upstreams else by_all

    def _held_back(self) -> list[str]:
        """The nameservers that got less than they might have borne, for they are everybody's."""
        if self._plan.rate_per_server is not None:
            return []
        rates = [(upstream.text, upstream.window.rate) for upstream in self._upstreams()]
        return [
            f"{server} is public: it was asked no more than {rate:,.0f} times a second (--rate-per-server N has it otherwise)"
            for server, rate in rates
            if rate is not None
        ]

    def _settings(self) -> dict[str, Any]:
        """How the rows were found, for the manifest."""
        plan = self._plan
        return {
            "nameservers": [upstream.text for upstream in self._upstreams()] or list(plan.nameservers),
            "backend": plan.backend,
            "timeout": plan.timeout,
            "concurrency": plan.concurrency,
            "rate": plan.rate,
            "rate per server": plan.rate_per_server,
            "cache": plan.cache,
            "check servers": plan.check_servers,
        }

    @contextmanager
    def _watched(self, run: BulkRun) -> Iterator[None]:
        """Progress is shown, where somebody looks."""
        progress = open_progress(sys.stderr) if self._plan.progress and not self._rows_are_shown() else None
        if progress is None:
            yield
            return
        watch = _Watch(run, progress, self._upstreams)
        try:
            yield
        finally:
            watch.end()

    def _rows_are_shown(self) -> bool:
        """Whether the rows go to the terminal, where they are progress enough."""
        return self._plan.output == "-" and sys.stdout is not None and sys.stdout.isatty()

    def _tell(self, figures: Figures) -> None:
        """Summary, stats and plot. Raises OSError, with the name of the file."""
        plan = self._plan
        if plan.summary and figures["ended"] != "closed pipe":
            tell(*summary_lines(figures))
        if plan.stats is not None:
            write_whole(plan.stats, json.dumps(figures).encode() + b"\n")
        if plan.plot is not None:
            from aioresolver.bulk.plot import draw_run  # noqa: PLC0415 - an extra, which takes long to load

            draw_run(plan.plot, self._samples, title=headline(figures), subtitle=subtitle(figures))


class _Watch:
    """Shows where the run is, some times a second."""

    def __init__(self, run: BulkRun, progress: Progress, upstreams: Callable[[], Sequence[Any]]) -> None:
        self._run = run
        self._progress = progress
        self._upstreams = upstreams
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(self._loop.time())
        self._show()

    def end(self) -> None:
        """Wipe it away."""
        self._timer.cancel()
        self._progress.close()

    def _show(self) -> None:
        run, now = self._run, self._loop.time()
        upstreams = self._upstreams()
        asked, lost = sum(upstream.asked for upstream in upstreams), sum(upstream.lost for upstream in upstreams)
        rate, loss = self._pace.at(now, rows=run.counts.rows, asked=asked, lost=lost)
        left = None if run.recorder is None else run.recorder.seconds_left(now)
        self._progress.show(Moment(run.counts.rows, run.counts.statuses, run.inputs.done, rate, loss, left))
        self._timer = self._loop.call_later(PROGRESS_EVERY, self._show)


@contextmanager
def _interruptible() -> Iterator[list[signal.Signals]]:
    """The first Ctrl-C or TERM cancels this task, and is in the list then; a second one ends the process at once."""
    signals: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():  # where no signal comes
        yield signals
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def interrupt(number: int, _: FrameType | None) -> None:
        if signals:
            os._exit(BY_SIGNAL + number)
        signals.append(signal.Signals(number))
        loop.call_soon_threadsafe(task.cancel)

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _notes(filter_: Filter) -> list[str]:
    """What a filter found, for the summary."""
    if isinstance(filter_, Wildcards):
        unknown = f", {filter_.unknown:,} undecided" if filter_.unknown else ""
        return [
            f"wildcards: {filter_.wild:,} rows made up, {filter_.real:,} real{unknown} ({filter_.asked:,} questions)"
        ]
    if isinstance(filter_, Trust):
        checked = f"nameservers: {filter_.compared:,} answers compared, {filter_.asked_again:,} asked again elsewhere"
        return [f"{checked} ({filter_.asked:,} questions)", *filter_.complaints]
    return []


def _complain(text: str, status: int) -> int:
    tell(f"aioresolver bulk: {text}")
    return status
