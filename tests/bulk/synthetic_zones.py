"""Zones as functions, and a run of names through a filter in which nothing is sent anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

from aioresolver.answer import Answer
from aioresolver.bulk.filters import Ask, Filter, Sieve
from aioresolver.bulk.rows import Row, row_of
from aioresolver.errors import ServerFailure
from aioresolver.testing import Zone
from aioresolver.testing.authority import Authority
from aioresolver.wire.message import Message, Question

World = Callable[[Ask], Row]


def zones(*texts: str) -> World:
    """What the testing server would answer."""
    authority = Authority([Zone(text) for text in texts])

    def ask(ask: Ask) -> Row:
        question = Question.parse(ask.name, ask.type)
        verdict = authority.answer(question)
        message = Message(question=(question,), rcode=verdict.rcode, answer=verdict.answer, authority=verdict.authority)
        if verdict.rcode not in (0, 3):
            return row_of(0, ask.name, question.type, ServerFailure(ask.name, ask.type, "refused"), now=0.0)
        return row_of(0, ask.name, question.type, Answer.of(question, message, now=0.0, elapsed=0.001), now=0.0)

    return ask


def row(name: str, *data: str, type: str = "A", aliases: Sequence[str] = (), status: str = "", index: int = 0) -> Row:
    """A row as a run makes it."""
    status = status or ("ok" if data else "nxdomain")
    return Row(index, name, name, type, status, data, tuple(aliases), 60, "udp://127.0.0.1:53", 1, 0.001)


def run(
    filters: Filter | Sequence[Filter],
    questions: Iterable[tuple[str, str]],
    world: World,
    *,
    batch: int = 64,
    under_way: int = 200,
    random: Random | None = None,
) -> tuple[list[Row], int]:
    """The rows that come out, in the order of the questions, and how many questions the filters asked.

    Between two batches some of what the filters ask is answered, in any order.
    """
    sieve = Sieve([filters] if not isinstance(filters, Sequence) else filters)
    random = random or Random(1)
    rows: list[Row] = []
    open_: list[tuple[int, Ask]] = []
    asked, now = 0, 0.0

    def answer(share: float) -> None:
        random.shuffle(open_)
        for _ in range(round(len(open_) * share)):
            number, ask = open_.pop()
            rows.extend(sieve.heard(world(ask)._replace(index=number, input=ask.name), now))

    pending = list(enumerate(questions))
    total = len(pending)
    while pending or sieve.held:
        now += 0.05
        if pending and sieve.room > 0:
            came = [world(Ask(name, type))._replace(index=index, input=name) for index, (name, type) in pending[:batch]]
            rows.extend(sieve.feed(came, now))
            del pending[:batch]
            if not pending:
                rows.extend(sieve.end(now))
        new = sieve.asks(under_way - len(open_), now)
        asked += len(new)
        open_ += new
        if not pending and sieve.held and not open_:
            wake_at = sieve.wake_at()
            assert wake_at is not None, "rows are held and nothing is asked"
            now = max(now, wake_at)
            rows.extend(sieve.wake(now))
        answer(1.0 if not pending else 0.7)
    assert sorted(row.index for row in rows) == list(range(total))
    return sorted(rows), asked
