"""How far a bulk run is, on standard error: a bar with rich, a line without it, nothing when nobody looks."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Mapping
from typing import IO, Any, NamedTuple, Protocol

__all__ = ["Moment", "Pace", "Progress", "ProgressBar", "ProgressLine", "clock", "open_progress", "shown_statuses"]

MOST_STATUSES = 5
# Rates are those of the last seconds: steady enough to be read, quick enough to show what is going on.
SECONDS = 3.0


class Moment(NamedTuple):
    """A run as it stands.

    `rows` are those made, `statuses` how they ended. `done` is the share of the input that has been read, 0 to 1, None
    when nobody knows how much there is. `rate` is rows a second of late, `loss` the share of the queries that were
    lost, None without queries. `left` is how many seconds are to go, None when unknown.
    """

    rows: int
    statuses: Mapping[str, int]
    done: float | None
    rate: float
    loss: float | None
    left: float | None


class Pace:
    """Rate and loss of the last seconds, from the counts now and then."""

    def __init__(self, now: float) -> None:
        self._counts = deque([(now, 0, 0, 0)])

    def at(self, now: float, *, rows: int, asked: int, lost: int) -> tuple[float, float | None]:
        """Rows a second, and the share of the queries that were lost, None without queries."""
        counts = self._counts
        while len(counts) > 1 and now - counts[1][0] >= SECONDS:
            counts.popleft()
        time, rows_then, asked_then, lost_then = counts[0]
        counts.append((now, rows, asked, lost))
        sent = asked - asked_then
        rate = (rows - rows_then) / (now - time) if now > time else 0.0
        return rate, min(1.0, (lost - lost_then) / sent) if sent else None


class Progress(Protocol):
    """Shows moments, one in place of the other."""

    def show(self, moment: Moment) -> None:
        """Show this one now."""

    def close(self) -> None:
        """Take it away: what is printed next stands alone."""


def open_progress(stream: IO[str] | None) -> Progress | None:
    """The best that this stream can show; None when it is no terminal."""
    if stream is None or not stream.isatty():
        return None
    try:
        return ProgressBar(stream)
    except ImportError:  # rich is not here
        return ProgressLine(stream)


class ProgressLine:
    """One line, written over and over."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def show(self, moment: Moment) -> None:
        """As much of it as the terminal is wide."""
        share = "" if moment.done is None else f"{_percent(moment.done)}  "
        text = f"{share}{_figures(moment)}  {shown_statuses(moment.statuses)}"
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r{text[:width]}\x1b[K")
        self._stream.flush()

    def close(self) -> None:
        """An empty line."""
        self._stream.write("\r\x1b[K")
        self._stream.flush()


class ProgressBar:
    """A bar, the figures, and the statuses below it. Raises ImportError without rich (`aioresolver[cli]`)."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console, Group  # noqa: PLC0415 - a tenth of a second, only where somebody looks
        from rich.live import Live  # noqa: PLC0415 - as above
        from rich.progress_bar import ProgressBar as Bar  # noqa: PLC0415 - as above
        from rich.table import Table  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415 - as above

        def draw(moment: Moment) -> Any:
            bar = Bar(total=None if moment.done is None else 1.0, completed=moment.done or 0.0, width=24)
            line = Table.grid(padding=(0, 1))
            share = "" if moment.done is None else _percent(moment.done)
            line.add_row(bar, Text(share, style="bold"), Text(_figures(moment)))
            return Group(line, Text(shown_statuses(moment.statuses), style="dim", overflow="ellipsis", no_wrap=True))

        self._draw = draw
        # It redraws when it is told to: no thread of its own beside the event loop.
        self._live = Live(console=Console(file=stream), auto_refresh=False, transient=True, redirect_stdout=False)
        self._live.start()

    def show(self, moment: Moment) -> None:
        """Draw it in place of the last one."""
        self._live.update(self._draw(moment), refresh=True)

    def close(self) -> None:
        """Wipe it away."""
        self._live.stop()


def shown_statuses(statuses: Mapping[str, int], most: int = MOST_STATUSES) -> str:
    """`ok 1,200, nxdomain 31`: the commonest first, the rest as one."""
    ranked = sorted(((count, status) for status, count in statuses.items() if count), key=lambda pair: -pair[0])
    shown = [f"{status} {count:,}" for count, status in ranked[:most]]
    rest = sum(count for count, _ in ranked[most:])
    return ", ".join([*shown, f"other {rest:,}"] if rest else shown)


def clock(seconds: float) -> str:
    """`0:07`, `12:40` or `3:00:01`."""
    minutes, second = divmod(int(seconds + 0.5), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _figures(moment: Moment) -> str:
    figures = [f"{moment.rows:,} rows", f"{moment.rate:,.0f}/s"]
    if moment.loss is not None:
        figures.append(f"loss {_percent(moment.loss)}")
    if moment.left is not None:
        figures.append(f"{clock(moment.left)} left")
    return "  ".join(figures)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
