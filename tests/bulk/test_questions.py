"""What is asked, and in which order."""

from __future__ import annotations

import asyncio

from aioresolver.answer import Answer
from aioresolver.bulk.counts import Counts
from aioresolver.bulk.questions import Questions
from aioresolver.bulk.sources import read_inputs
from aioresolver.stream import PAUSE
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Question, Record

SOA = Record.parse("test. 60 IN SOA ns.test. hostmaster.test. 1 2 3 4 60")


def questions_of(*items, types=("A",)):
    return Questions(read_inputs(items, types=types), Counts())


def absence(asked, rcode):
    return Answer.from_records(Question(asked[0], asked[1]), rcode=rcode, authority=[SOA], now=0.0)


def shown(asked):
    name, type_, _, _ = asked
    return f"{name} {type_}"


def rows_of(questions, asked, outcome):
    rows = []
    questions.take(asked, outcome, 0.0, rows)
    return rows


def test_addresses_are_asked_for_first_and_what_aliases_have_last():
    questions = questions_of("a.test", types="DS,CNAME,MX,AAAA,A,TXT")
    asking = questions.all()
    first = next(asking)
    assert shown(first) == "a.test. A"
    assert list(map(str, first[3])) == ["AAAA", "MX", "TXT", "DS", "CNAME"]


def test_what_depends_on_an_outcome_waits_for_it():
    questions = questions_of("a.test", types="A,MX")
    asking = questions.all()
    first = next(asking)
    assert next(asking) is PAUSE
    assert next(asking) is PAUSE
    assert questions.under_way == 1

    rows_of(questions, first, absence(first, Rcode.NOERROR))
    second = next(asking)
    assert shown(second) == "a.test. MX"
    assert next(asking, "end") == "end"
    rows_of(questions, second, absence(second, Rcode.NOERROR))
    assert questions.under_way == 0


def test_what_follows_comes_before_other_inputs_so_that_little_waits():
    questions = questions_of("a.test", "b.test", "c.test", types="A,MX,TXT")
    asking = questions.all()
    first, second = next(asking), next(asking)
    rows_of(questions, first, absence(first, Rcode.NOERROR))

    assert [shown(next(asking)) for _ in range(3)] == ["a.test. MX", "a.test. TXT", "c.test. A"]
    assert shown(second) == "b.test. A"


def test_one_nxdomain_makes_all_rows_of_a_name():
    questions = questions_of("no.test", types="A,MX,CNAME")
    asking = questions.all()
    first = next(asking)

    rows = rows_of(questions, first, absence(first, Rcode.NXDOMAIN))

    assert [(row.type, row.status) for row in rows] == [("A", "nxdomain"), ("MX", "nxdomain"), ("CNAME", "nxdomain")]
    assert next(asking, "end") == "end"


async def test_arriving_inputs_wait_for_outcomes_and_for_more():
    more = asyncio.Event()

    async def names():
        yield "a.test"
        await more.wait()
        yield "b.test MX"

    questions = Questions(read_inputs(names(), types="A,TXT"), Counts())
    asking = questions.all()
    first = await anext(asking)
    coming = asyncio.ensure_future(anext(asking))
    await asyncio.sleep(0)
    rows_of(questions, first, absence(first, Rcode.NOERROR))
    assert shown(await coming) == "a.test. TXT"

    coming = asyncio.ensure_future(anext(asking))
    await asyncio.sleep(0)
    assert not coming.done()
    more.set()
    assert shown(await coming) == "b.test. MX"
    assert [asked async for asked in asking] == []


async def test_many_arriving_inputs_are_fetched_a_roomful_ahead():
    fetched = 0

    async def names():
        nonlocal fetched
        for number in range(5000):
            fetched += 1
            yield f"n{number}.test"

    asking = Questions(read_inputs(names()), Counts()).all()
    assert shown(await anext(asking)) == "n0.test. A"
    for _ in range(10):
        await asyncio.sleep(0)
    assert fetched <= 1002
    assert sum([1 async for _ in asking]) == 4999
