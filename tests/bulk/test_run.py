"""A bulk run: one row for each input and type, in flat memory, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioresolver import Cache, Resolver
from aioresolver.answer import Answer
from aioresolver.bulk import BulkRun, Input, Row, RowsLost, RunRecorder, UnreadableInput, read_inputs
from aioresolver.errors import Attempt, LookupTimeout, ServerFailure, UsageError
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.codes import Rcode, RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name


def failure(outcome="SERVFAIL"):
    return ServerFailure("x.", "A", "no nameserver could answer", attempts=(Attempt("udp://s", "udp", outcome, 0.1),))


async def rows_of(run) -> list[Row]:
    return sorted([row async for row in run], key=lambda row: (row.index, row.type))


async def take_into(seen, run):
    async for row in run:
        seen.append(row.name)


async def test_a_row_for_each_input(dict_resolver):
    resolver = dict_resolver({"a.test A": "a.test. 60 A 192.0.2.1", "b.test A": Rcode.NOERROR, "s.test A": failure()})

    run = BulkRun(resolver, ["a.test", "b.test", "", "no.test", "s.test", "bad..name", "a.test"])
    rows = await rows_of(run)

    assert [(row.index, row.input, row.name, row.status) for row in rows] == [
        (0, "a.test", "a.test.", "ok"),
        (1, "b.test", "b.test.", "no-data"),
        (3, "no.test", "no.test.", "nxdomain"),
        (4, "s.test", "s.test.", "servfail"),
        (5, "bad..name", "bad..name", "bad-name"),
        (6, "a.test", "a.test.", "ok"),
    ]
    assert rows[0].data == ("192.0.2.1",)
    assert run.counts.as_dict() == {
        "inputs": 6,
        "blank": 1,
        "due": 6,
        "rows": 6,
        "unfinished": 0,
        "statuses": {"ok": 2, "no-data": 1, "nxdomain": 1, "servfail": 1, "bad-name": 1},
    }
    assert repr(run.counts) == ("<Counts 6 due = 2 ok, 1 no-data, 1 nxdomain, 1 servfail, 1 bad-name, 0 unfinished>")


async def test_a_name_that_does_not_exist_is_asked_once_for_all_its_types(dict_resolver):
    resolver = dict_resolver()

    rows = await rows_of(BulkRun(resolver, ["no.test"], types="MX,TXT,AAAA,A,CNAME"))

    assert resolver.asked == ["no.test. A"]
    assert [(row.type, row.status, row.attempts) for row in rows] == [
        ("A", "nxdomain", 1),
        ("AAAA", "nxdomain", 0),
        ("CNAME", "nxdomain", 0),
        ("MX", "nxdomain", 0),
        ("TXT", "nxdomain", 0),
    ]
    assert {row.server for row in rows} == {"udp://192.0.2.53"}


async def test_a_name_that_exists_is_asked_for_every_type(dict_resolver):
    answers = {"a.test A": Rcode.NOERROR, "a.test MX": "a.test. 60 MX 10 mx.test.", "a.test TXT": Rcode.NOERROR}
    resolver = dict_resolver(answers)

    rows = await rows_of(BulkRun(resolver, ["a.test"], types=["MX", "A", "TXT"]))

    assert resolver.asked[0] == "a.test. A"
    assert sorted(resolver.asked) == ["a.test. A", "a.test. MX", "a.test. TXT"]
    assert [(row.type, row.status) for row in rows] == [("A", "no-data"), ("MX", "ok"), ("TXT", "no-data")]


async def test_the_failure_of_one_type_does_not_lose_the_others(dict_resolver):
    timeout = LookupTimeout("a.test.", "A", "no answer within 5 s")
    answers = {"a.test A": timeout, "a.test AAAA": "a.test. 60 AAAA 2001:db8::1", "a.test MX": failure("REFUSED")}
    resolver = dict_resolver(answers)

    rows = await rows_of(BulkRun(resolver, ["a.test"], types=["A", "AAAA", "MX", "TXT"]))

    assert [(row.type, row.status) for row in rows] == [
        ("A", "timeout"),
        ("AAAA", "ok"),
        ("MX", "refused"),
        ("TXT", "nxdomain"),
    ]


async def test_an_alias_exists_though_what_it_leads_to_does_not(dict_resolver):
    """NXDOMAIN speaks of the last name of the chain (RFC 6604); what aliases themselves have is asked for."""
    dangling = "NXDOMAIN\nalias.test. 60 CNAME gone.test."
    answers = {"alias.test A": dangling, "alias.test CNAME": "alias.test. 60 CNAME gone.test."}
    resolver = dict_resolver(answers)

    rows = await rows_of(BulkRun(resolver, ["alias.test"], types=["CNAME", "A", "AAAA"]))

    assert resolver.asked == ["alias.test. A", "alias.test. CNAME"]
    assert [(row.type, row.status, row.aliases) for row in rows] == [
        ("A", "nxdomain", ("alias.test.",)),
        ("AAAA", "nxdomain", ("alias.test.",)),
        ("CNAME", "ok", ()),
    ]


async def test_absence_without_an_authority_does_not_tell_whether_there_is_an_alias(dict_resolver):
    class Terse(dict_resolver):
        def outcome(self, name, type):
            question = Question.parse(name, type)
            self.asked.append(str(question))
            return Answer.from_records(question, rcode=Rcode.NXDOMAIN, now=0.0)

    resolver = Terse()
    rows = await rows_of(BulkRun(resolver, ["no.test"], types=["A", "AAAA", "CNAME"]))

    assert resolver.asked == ["no.test. A", "no.test. CNAME"]
    assert [row.status for row in rows] == ["nxdomain"] * 3


async def test_pairs_addresses_and_inputs_are_items_too(dict_resolver):
    answers = {
        "a.test MX": "a.test. 60 MX 10 mx.test.",
        "1.2.0.192.in-addr.arpa PTR": "1.2.0.192.in-addr.arpa. 60 PTR a.test.",
    }
    items = [("a.test", "MX"), "a.test MX", "192.0.2.1", Input(70, "seventy", Name.parse("a.test"), (RRType.MX,))]

    rows = await rows_of(BulkRun(dict_resolver(answers), items))

    assert [(row.index, row.input, row.type, row.status, row.data) for row in rows] == [
        (0, "a.test", "MX", "ok", ("10 mx.test.",)),
        (1, "a.test MX", "MX", "ok", ("10 mx.test.",)),
        (2, "192.0.2.1", "PTR", "ok", ("a.test.",)),
        (70, "seventy", "MX", "ok", ("10 mx.test.",)),
    ]


async def test_bad_lines_have_a_row_for_each_type(dict_resolver):
    run = BulkRun(dict_resolver(), ["bad..name", "a.test NOTYPE", "bad..name TXT"], types=["A", "AAAA"])

    rows = await rows_of(run)

    assert [(row.index, row.type, row.status, bool(row.error)) for row in rows] == [
        (0, "A", "bad-name", True),
        (0, "AAAA", "bad-name", True),
        (1, "NOTYPE", "bad-type", True),
        (2, "TXT", "bad-name", True),
    ]


async def test_inputs_may_come_asynchronously(dict_resolver):
    async def names():
        for number in range(50):
            if number % 7 == 0:
                await asyncio.sleep(0)
            yield f"n{number}.test"

    resolver = dict_resolver(default=Rcode.NOERROR)
    run = BulkRun(resolver, names(), types=["A", "MX"], concurrency=4)
    rows = await rows_of(run)

    assert [(row.index, row.type) for row in rows] == [(index, type) for index in range(50) for type in ("A", "MX")]
    assert resolver.most_under_way == 4
    assert run.counts.due == 100


async def test_rows_come_while_inputs_keep_us_waiting(dict_resolver):
    more = asyncio.Event()

    async def names():
        yield "a.test"
        await more.wait()
        yield "b.test"

    run = BulkRun(dict_resolver(default=Rcode.NOERROR), names(), types=["A", "TXT"])
    seen = []
    async for row in run:
        seen.append((row.name, row.type))
        if len(seen) == 2:
            more.set()

    assert sorted(seen) == [("a.test.", "A"), ("a.test.", "TXT"), ("b.test.", "A"), ("b.test.", "TXT")]


async def test_a_batch_is_not_waited_for(dict_resolver):
    """Rows are given as soon as nothing else is ready, however few they are."""
    gate = asyncio.Event()

    class Halting(dict_resolver):
        async def query_many(self, items, /, *, concurrency=None):
            for number, item in enumerate(items):
                if number == 3:
                    await gate.wait()
                yield item, self.outcome(item[0], item[1])

    sizes = []
    async with aclosing(BulkRun(Halting(), [f"n{n}.test" for n in range(8)]).batches()) as batches:
        async for batch in batches:
            sizes.append(len(batch))
            gate.set()

    assert sizes == [3, 5]


async def test_a_slow_consumer_stops_the_asking(dict_resolver):
    pulled = 0

    def names():
        nonlocal pulled
        for number in range(100_000):
            pulled += 1
            yield f"n{number}.test"

    run = BulkRun(dict_resolver(), names(), concurrency=5, batch=10)
    async with aclosing(run.batches()) as batches:
        first = await anext(batches)
        for _ in range(200):
            await asyncio.sleep(0)

    assert len(first) <= 10
    assert pulled <= 30
    assert run.counts.rows == len(first)
    assert run.counts.unfinished == run.counts.due - len(first) > 0


@pytest.mark.parametrize("is_async", [False, True])
async def test_leaving_early_leaves_nothing_behind(dict_resolver, is_async):
    ended = []

    async def arriving():
        try:
            for number in range(1_000):
                yield f"n{number}.test"
        finally:
            ended.append("async")

    def names():
        try:
            for number in range(1_000):
                yield f"n{number}.test"
        finally:
            ended.append("sync")

    before = asyncio.all_tasks()
    resolver = dict_resolver(default=Rcode.NOERROR)
    run = BulkRun(resolver, arriving() if is_async else names(), types=["A", "MX"])
    async for _ in run:
        break
    gc.collect()
    for _ in range(50):
        await asyncio.sleep(0)

    assert asyncio.all_tasks() == before
    assert resolver.ended
    assert run.counts.unfinished > 0
    del run
    gc.collect()
    assert ended == ["async" if is_async else "sync"]


async def test_cancellation_gives_the_counts_so_far(dict_resolver):
    class Silent(dict_resolver):
        async def query_many(self, items, /, *, concurrency=None):
            for number, item in enumerate(items):
                if number == 5:
                    await asyncio.Event().wait()
                yield item, self.outcome(item[0], item[1])

    run = BulkRun(Silent(), (f"n{n}.test" for n in range(20)))
    task = asyncio.create_task(rows_of(run))
    while run.counts.rows < 5:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert run.counts.as_dict()["statuses"] == {"nxdomain": 5}
    assert run.counts.unfinished == 1


async def test_inputs_that_break_off_are_told_behind_the_rows(dict_resolver, tmp_path):
    def names():
        yield "a.test"
        raise UnreadableInput(5, "the disk is gone")

    run = BulkRun(dict_resolver(), names())
    seen = []
    with pytest.raises(UnreadableInput, match="the disk is gone"):
        await take_into(seen, run)

    assert run.counts.rows == len(seen)


async def test_a_resolver_that_loses_a_name_is_told_loudly(dict_resolver):
    class Losing(dict_resolver):
        async def query_many(self, items, /, *, concurrency=None):
            for item in items:
                if item[0] != "b.test.":
                    yield item, self.outcome(item[0], item[1])

    seen = []
    with pytest.raises(RowsLost, match="3 rows were due, 2 were given"):
        await take_into(seen, BulkRun(Losing(), ["a.test", "b.test", "c.test"]))

    assert seen == ["a.test.", "c.test."]


async def test_a_closed_resolver_ends_the_run(dict_resolver):
    class Closed(dict_resolver):
        async def query_many(self, items, /, *, concurrency=None):
            raise UsageError("this resolver is closed")
            yield

    with pytest.raises(UsageError):
        await rows_of(BulkRun(Closed(), ["a.test"]))


async def test_a_run_is_iterated_over_once(dict_resolver):
    run = BulkRun(dict_resolver(), ["a.test"])
    await rows_of(run)

    with pytest.raises(UsageError, match="once"):
        await rows_of(run)


async def test_rows_may_pass_through_something_on_their_way(dict_resolver):
    async def mark(batches):
        async for batch in batches:
            yield [row._replace(status="wildcard", wildcard=True) for row in batch]

    run = BulkRun(dict_resolver(), ["a.test", "b.test"], through=mark)
    rows = await rows_of(run)

    assert {row.status for row in rows} == {"wildcard"}
    assert run.counts.statuses == {"wildcard": 2}


async def test_what_passes_rows_on_must_not_lose_any(dict_resolver):
    async def lose(batches):
        async for batch in batches:
            yield batch[1:]

    with pytest.raises(RowsLost):
        await rows_of(BulkRun(dict_resolver(), ["a.test", "b.test"], through=lose))


def test_impossible_settings_are_told_at_once(dict_resolver):
    with pytest.raises(ValueError, match="NOTYPE"):
        BulkRun(dict_resolver(), [], types="NOTYPE")
    with pytest.raises(ValueError, match="at least one row"):
        BulkRun(dict_resolver(), [], batch=0)


def test_a_recorder_is_told_how_the_run_goes(dict_resolver, run_virtual):
    class Upstream:
        asked, lost = 100, 3

    class Slow(dict_resolver):
        class backend:
            upstreams = (Upstream(),)

        async def query_many(self, items, /, *, concurrency=None):
            for item in items:
                await asyncio.sleep(0.1)
                Upstream.asked += 2
                Upstream.lost += 1
                yield item, self.outcome(item[0], item[1])

    async def main():
        recorder = RunRecorder(asyncio.get_running_loop().time())
        await rows_of(BulkRun(Slow(), [f"n{n}.test" for n in range(20)], recorder=recorder))
        return recorder

    recorder = run_virtual(main())
    last = recorder.samples[-1]

    assert recorder.rows == last.rows == 20
    assert (last.asked, last.lost, last.in_flight, last.done) == (40, 20, 0, 1.0)
    assert last.time == pytest.approx(2.0)
    assert 9 <= len(recorder.samples) <= 11
    assert all(sample.rate == pytest.approx(10, abs=5.1) for sample in recorder.samples)


OUTCOMES = st.sampled_from(
    [
        Rcode.NXDOMAIN,
        Rcode.NOERROR,
        failure(),
        failure("REFUSED"),
        LookupTimeout("x.", "A", "late"),
        "NXDOMAIN\nn1.test. 60 CNAME gone.test.",
    ]
)
LINES = st.one_of(
    st.integers(0, 3).map("n{}.test".format),
    st.sampled_from(
        ["", " ", "n1.test MX", "n2.test A,TXT", "192.0.2.1", "::1", "::1 CNAME", "bad..name", "x y z", "\x00"]
    ),
    st.text(max_size=8),
)


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(LINES, max_size=12),
    types=st.lists(st.sampled_from(["A", "AAAA", "MX", "CNAME", "ANY"]), min_size=1, max_size=4),
    answers=st.dictionaries(st.tuples(st.integers(0, 3), st.sampled_from(["A", "AAAA", "MX", "CNAME"])), OUTCOMES),
    pace=st.tuples(st.integers(1, 6), st.integers(1, 4), st.booleans()),
)
def test_whatever_goes_in_comes_out_once(dict_resolver, lines, types, answers, pace):
    concurrency, batch, is_async = pace

    async def arriving():
        for line in lines:
            yield line

    async def main():
        resolver = dict_resolver({f"n{number}.test {type}": found for (number, type), found in answers.items()})
        source = arriving() if is_async else lines
        run = BulkRun(resolver, source, types=types, concurrency=concurrency, batch=batch)
        return [row async for row in run], run.counts

    rows, counts = asyncio.run(main())
    due = Counter()
    for found in read_inputs(lines, types=types):
        due.update((found.index, str(type)) for type in found.types)

    assert Counter((row.index, row.type) for row in rows) == due
    assert counts.due == counts.rows == sum(counts.statuses.values()) == len(rows)
    assert counts.inputs + counts.blank == len(lines)


# ---- with a resolver and a server

ZONE = """
$ORIGIN run.test.
@        60 SOA ns hostmaster 1 7200 3600 1209600 30
both     60 A 192.0.2.1
both     60 AAAA 2001:db8::1
both     60 MX 10 mail
alias    60 CNAME both
dangling 60 CNAME gone
*.w      60 A 192.0.2.7
"""


@pytest.fixture
async def server():
    async with DNSServer(ZONE) as server:
        yield server


async def test_one_query_for_a_dead_name_and_one_for_each_type_of_a_living_one(server):
    names = ["both.run.test", "alias.run.test", "dangling.run.test", "dead.run.test"]
    async with Resolver(server.nameserver, cache=Cache(0)) as resolver:
        run = BulkRun(resolver, names, types=["A", "AAAA", "MX", "TXT", "CNAME"])
        rows = await rows_of(run)

    assert {(row.input.partition(".")[0], row.type): (row.status, row.data) for row in rows} == {
        ("both", "A"): ("ok", ("192.0.2.1",)),
        ("both", "AAAA"): ("ok", ("2001:db8::1",)),
        ("both", "CNAME"): ("no-data", ()),
        ("both", "MX"): ("ok", ("10 mail.run.test.",)),
        ("both", "TXT"): ("no-data", ()),
        ("alias", "A"): ("ok", ("192.0.2.1",)),
        ("alias", "AAAA"): ("ok", ("2001:db8::1",)),
        ("alias", "CNAME"): ("ok", ("both.run.test.",)),
        ("alias", "MX"): ("ok", ("10 mail.run.test.",)),
        ("alias", "TXT"): ("no-data", ()),
        ("dangling", "A"): ("nxdomain", ()),
        ("dangling", "AAAA"): ("nxdomain", ()),
        ("dangling", "CNAME"): ("ok", ("gone.run.test.",)),
        ("dangling", "MX"): ("nxdomain", ()),
        ("dangling", "TXT"): ("nxdomain", ()),
        ("dead", "A"): ("nxdomain", ()),
        ("dead", "AAAA"): ("nxdomain", ()),
        ("dead", "CNAME"): ("nxdomain", ()),
        ("dead", "MX"): ("nxdomain", ()),
        ("dead", "TXT"): ("nxdomain", ()),
    }
    assert all(row.aliases for row in rows if row.index in (1, 2) and row.type != "CNAME")
    asked = Counter(query.name.partition(".")[0] for query in server.queries)
    assert asked == {"both": 5, "alias": 5, "dangling": 2, "dead": 1}
    assert sum(row.attempts for row in rows) == 13


async def test_a_resolver_is_asked_for_pipes_of_names_too(server):
    async def names():
        for number in range(300):
            yield f"n{number}.w.run.test"
            if number % 50 == 0:
                await asyncio.sleep(0.001)

    async with Resolver(server.nameserver) as resolver:
        rows = await rows_of(BulkRun(resolver, names(), types="A,MX"))

    assert [row.index for row in rows] == [index for index in range(300) for _ in "AM"]
    assert {(row.type, row.status) for row in rows} == {("A", "ok"), ("MX", "no-data")}


async def test_every_row_comes_at_a_loss_of_every_third_packet():
    async with DNSServer(ZONE, faults=[Fault.drop(0.3)]) as server, Resolver(server.nameserver) as resolver:
        run = BulkRun(resolver, [f"n{number}.w.run.test" for number in range(200)], recorder=RunRecorder(0.0))
        rows = await rows_of(run)

    assert [row.index for row in rows] == list(range(200))
    assert run.counts.statuses["ok"] >= 190


async def test_leaving_a_real_run_early_leaves_nothing_under_way(server):
    async with Resolver(server.nameserver) as resolver:
        await resolver.query("both.run.test")
        before = asyncio.all_tasks()
        run = BulkRun(resolver, (f"n{number}.w.run.test" for number in range(100_000)), concurrency=10)
        async with aclosing(run.batches()) as batches:
            await anext(batches)
        assert asyncio.all_tasks() == before
        assert resolver.stats.under_way == 0

    assert run.counts.unfinished > 0
