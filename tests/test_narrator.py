"""Narrator: what an observer hears, and when nobody listens."""

from __future__ import annotations

import asyncio
from typing import Any

from aioresolver.answer import Answer
from aioresolver.errors import ServerFailure
from aioresolver.events import (
    AnswerFromCache,
    LookupAbandoned,
    LookupAnswered,
    LookupFailed,
    LookupStarted,
    StaleServed,
)
from aioresolver.narrator import Narrator
from aioresolver.stale_answer import StaleAnswer
from aioresolver.wire.message import Question

ONE, OTHER = Question.parse("one.test"), Question.parse("other.test")
ANSWER: Answer[Any] = Answer.from_records(ONE, now=0.0, ttl=60)
ERROR = ServerFailure("one.test.", "A", "SERVFAIL")


def test_each_start_has_its_end_and_the_time_between() -> None:
    heard: list[Any] = []
    narrator = Narrator(heard.append)
    for question in (ONE, OTHER):
        narrator.started(question, 10.0)
    narrator.answered(ONE, ANSWER, 10.5)
    narrator.failed(OTHER, ERROR, 11.0)
    for question in (ONE, OTHER):
        narrator.abandoned(question, 12.0)
    assert heard == [
        LookupStarted(ONE),
        LookupStarted(OTHER),
        LookupAnswered(ONE, ANSWER, 0.5),
        LookupFailed(OTHER, ERROR, 1.0),
    ]


def test_what_is_under_way_can_be_abandoned_at_once() -> None:
    heard: list[Any] = []
    narrator = Narrator(heard.append)
    narrator.started(ONE, 10.0)
    narrator.started(OTHER, 11.0)
    narrator.abandoned_all(12.0)
    narrator.abandoned_all(13.0)
    assert heard[2:] == [LookupAbandoned(ONE, 2.0), LookupAbandoned(OTHER, 1.0)]


def test_what_the_cache_knew() -> None:
    heard: list[Any] = []
    stale = StaleAnswer.of_fresh(ANSWER, 30.0)
    for found in (ANSWER, stale, ERROR):
        Narrator(heard.append).found(ONE, found)
    assert heard == [AnswerFromCache(ONE, ANSWER), StaleServed(ONE, stale), AnswerFromCache(ONE, ERROR)]


def test_nobody_listens() -> None:
    narrator = Narrator(None)
    narrator.tell(LookupStarted(ONE))
    narrator.failed(ONE, ERROR, 1.0)
    narrator.abandoned(ONE, 1.0)


async def test_what_an_observer_raises_goes_to_the_loops_handler() -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    Narrator(lambda event: {}["x"]).tell(LookupStarted(ONE))
    assert [type(error) for error in told] == [KeyError]
