"""StreamLane: first tries over connections, whose replies land together; whatever is odd goes to a Lookup."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.backends.stub import StubBackend
from aioresolver.errors import LookupTimeout, ServerFailure, TransportError
from aioresolver.transports.base import AgedReply
from aioresolver.wire.codes import EdnsOption, Flag, Rcode
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question, Record

ONE, TWO = "tls://192.0.2.1", "tls://192.0.2.2"


def reply(
    query: Message, *answer: str, flags: int = 0, rcode: Rcode = Rcode.NOERROR, edns: Edns | None = None
) -> Message:
    return Message(
        id=query.id,
        flags=Flag.QR | Flag.RA | flags,
        rcode=rcode,
        question=query.question,
        answer=tuple(Record.parse(line) for line in answer),
        edns=edns or Edns(),
    )


def good(query: Message, _: Any = None) -> Message:
    return reply(query, f"{query.question[0].name} 60 A 192.0.2.80")


class Posted:
    """A backend that was posted questions, and what has landed."""

    def __init__(self, network: Any, *servers: str, **options: Any) -> None:
        self.backend = StubBackend(servers, open_transport=network.open, **options)
        self.batches: list[list[Any]] = []
        self.loop = asyncio.get_running_loop()
        self.backend.serve(lambda outcomes: self.batches.append(list(outcomes)), lambda: None)

    def post(self, *names: str, timeout: float = 5.0) -> list[Question]:
        questions = [Question.parse(f"{name}.example") for name in names]
        self.backend.post(questions, self.loop.time() + timeout)
        return questions

    @property
    def landed(self) -> dict[str, Any]:
        return {str(question.name)[:-9]: outcome for batch in self.batches for question, outcome in batch}

    @property
    def lane(self) -> Any:
        return next(iter(self.backend._lanes.values()))


@pytest.fixture
def played(run_virtual: Any, network: Any) -> Callable[..., Posted]:
    """Post these names, wait, and close; nothing may be left."""

    def play(*names: str, seconds: float = 10.0, then: Callable[[Posted], Any] | None = None, **options: Any) -> Posted:
        async def main() -> Posted:
            posted = Posted(network, *(options.pop("servers", None) or network.scripts), **options)
            async with posted.backend:
                posted.post(*names)
                if then is not None:
                    then(posted)
                await asyncio.sleep(seconds)
                assert not posted.backend.busy
                assert all(upstream.window.used == 0 for upstream in posted.backend.upstreams)
            return posted

        result: Posted = run_virtual(main())
        return result

    return play


def test_what_comes_together_lands_together(network: Any, played: Any) -> None:
    network.scripts[ONE] = good
    names = [f"n{number}" for number in range(30)]
    posted = played(*names)

    assert [len(batch) for batch in posted.batches] == [30]
    assert {answer[0].address for answer in posted.landed.values()} == {"192.0.2.80"}
    assert sorted(posted.landed) == sorted(names)
    answer = posted.landed["n0"]
    assert (answer.server, answer.attempts) == (ONE, ())
    assert answer.elapsed == pytest.approx(0.01)
    [upstream] = posted.backend.upstreams
    assert (upstream.asked, upstream.answered, upstream.lost) == (30, 30, 0)


def test_no_lookup_is_made_for_what_goes_well(network: Any, played: Any) -> None:
    network.scripts[ONE] = good
    played("a", then=lambda posted: [*posted.backend._under_way] == [] or pytest.fail("there is a Lookup"))


def test_what_is_odd_goes_on_with_a_lookup(network: Any, played: Any) -> None:
    def script(query: Message, transport: Any) -> Any:
        name = str(query.question[0].name)
        tries = sum(message.question == query.question for _, message in transport.queries)
        if tries > 1 or name.startswith("good"):
            return good(query)
        kinds = {"serv": reply(query, rcode=Rcode.SERVFAIL), "cut.": reply(query, flags=Flag.TC), "bad.": b"\0" * 20,
                 "edns": reply(query, rcode=Rcode.FORMERR), "gone": TransportError("it broke")}  # fmt: skip
        return kinds[name[:4]]

    network.scripts[ONE] = script
    posted = played("serv", "cut", "bad", "edns", "gone", "good")

    assert {name: isinstance(outcome, Answer) for name, outcome in posted.landed.items()} == dict.fromkeys(
        ("serv", "cut", "bad", "edns", "gone", "good"), True
    )
    assert [attempt.outcome for attempt in posted.landed["serv"].attempts] == ["SERVFAIL"]
    assert not posted.landed["good"].attempts


def test_the_next_nameserver_is_asked_once_patience_is_over(network: Any, played: Any) -> None:
    network.scripts.update({ONE: lambda *_: None, TWO: good})
    posted = played("a", "b")

    assert {answer.server for answer in posted.landed.values()} == {TWO}
    assert 1.5 <= posted.landed["a"].elapsed < 1.7
    assert posted.backend.upstreams[0].health.benched


def test_a_late_reply_counts(network: Any, played: Any) -> None:
    network.scripts[ONE] = lambda query, _: (2.5, good(query))
    posted = played("a")

    assert posted.landed["a"][0].address == "192.0.2.80"
    assert posted.landed["a"].elapsed == pytest.approx(2.5, abs=0.01)


def test_silence_ends_at_the_deadline(network: Any, run_virtual: Any) -> None:
    network.scripts[ONE] = lambda *_: None

    async def main() -> None:
        posted = Posted(network, ONE)
        async with posted.backend:
            for timeout in (0.2, 1.0, 4.0):
                began = posted.loop.time()
                posted.post(f"n{timeout:.0f}-{timeout * 10:.0f}", timeout=timeout)
                while len(posted.landed) < 1:
                    await asyncio.sleep(0.01)
                assert posted.loop.time() - began == pytest.approx(timeout, abs=0.06)
                assert isinstance(next(iter(posted.landed.values())), LookupTimeout)
                posted.batches.clear()

    run_virtual(main())


def test_what_is_withdrawn_does_not_land(network: Any, played: Any) -> None:
    network.scripts[ONE] = good

    def withdraw(posted: Posted) -> None:
        assert posted.backend.withdraw([Question.parse("a.example"), Question.parse("other.example")]) == 1

    assert sorted(played("a", "b", then=withdraw).landed) == ["b"]


def test_what_is_withdrawn_as_its_reply_comes_does_not_land(network: Any, played: Any) -> None:
    network.scripts[ONE] = good

    def watch(posted: Posted) -> None:
        first = next(iter(posted.lane._asked))
        first.add_done_callback(lambda _: posted.backend.withdraw([Question.parse("a.example")]))

    assert sorted(played("a", "b", then=watch).landed) == ["b"]


def test_one_that_fails_as_it_is_withdrawn_is_forgotten(network: Any, played: Any) -> None:
    network.scripts[ONE] = lambda query, _: TransportError("it broke")

    def watch(posted: Posted) -> None:
        for exchange in posted.lane._asked:
            exchange.add_done_callback(lambda _: posted.backend.withdraw([Question.parse("a.example")]))

    assert not played("a", then=watch).landed


def test_closing_ends_what_is_under_way(network: Any, run_virtual: Any) -> None:
    network.scripts[ONE] = lambda *_: None

    async def main() -> None:
        posted = Posted(network, ONE)
        posted.post("a", "b")
        await asyncio.sleep(0.1)
        await posted.backend.aclose()
        await asyncio.sleep(0.1)
        assert all(isinstance(outcome, ServerFailure) for outcome in posted.landed.values())
        assert not network.transports[ONE].waiting

    run_virtual(main())


def test_hedging_and_haste_are_for_a_lookup(network: Any, played: Any) -> None:
    network.scripts.update({ONE: good, TWO: good})

    def see(posted: Posted) -> None:
        now = posted.loop.time()
        assert posted.lane.suits(now, now + 1)
        assert not posted.lane.suits(now, now + 0.1)
        posted.lane.upstream.health.heard(0.01, now)
        assert not posted.lane.suits(now, now + 1)

    assert len(played("a", "b", hedge=0.95, then=see).landed) == 2


def test_how_long_a_reply_was_cached_counts(network: Any, played: Any) -> None:
    network.scripts[ONE] = lambda query, _: AgedReply(good(query).to_wire(), age=50.0)
    began: list[float] = []
    answer = played("a", then=lambda posted: began.append(posted.loop.time())).landed["a"]

    assert answer.expires - began[0] == pytest.approx(10.0)


def test_how_long_the_connection_is_kept_is_heard(network: Any, played: Any) -> None:
    kept: list[float] = []

    def script(query: Message, transport: Any) -> Message:
        transport.keep_alive = kept.append
        assert query.edns is not None
        assert query.edns.option(EdnsOption.TCP_KEEPALIVE) == b""
        return reply(query, f"{query.question[0].name} 60 A 192.0.2.80", edns=Edns().with_keepalive(30.0))

    network.scripts[ONE] = script
    played("a", "b", "c")

    assert kept == [30.0]


def test_a_cookie_is_learnt_over_tcp(network: Any, played: Any) -> None:
    url = "tcp://192.0.2.1"

    def script(query: Message, _: Any) -> Message:
        assert query.edns is not None
        cookie = query.edns.cookie
        assert cookie is not None
        edns = Edns().with_cookie(cookie._replace(server=b"a server"))
        return reply(query, f"{query.question[0].name} 60 A 192.0.2.80", edns=edns)

    network.scripts[url] = script
    posted = played("a", then=lambda posted: posted.loop.call_later(1, posted.post, "b"))

    assert len(posted.landed) == 2
    last = network.asked(url)[-1].edns.cookie
    assert last.server == b"a server"
