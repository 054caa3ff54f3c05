"""StubBackend: what it does with what nameservers do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.backends.stub import StubBackend
from aioresolver.errors import ConfigurationError, LookupTimeout, ServerFailure, TransportError, UsageError
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question, Record

ONE, TWO = "udp://192.0.2.1", "udp://192.0.2.2"
ONE_TCP = "tcp://192.0.2.1"
QUESTION = Question.parse("www.example.org")


def records(*lines: str) -> tuple[Record, ...]:
    return tuple(Record.parse(line) for line in lines)


def reply(
    query: Message, *answer: str, authority: tuple[str, ...] = (), rcode: Rcode = Rcode.NOERROR, **more: Any
) -> Message:
    return Message(
        id=query.id,
        flags=Flag.QR | Flag.RA | more.get("flags", 0),
        rcode=rcode,
        question=query.question,
        answer=records(*answer),
        authority=records(*authority),
        edns=more.get("edns", Edns() if query.edns else None),
    )


def good(query: Message, _: Any = None) -> Message:
    return reply(query, f"{query.question[0].name} 60 A 192.0.2.80")


def silent(*_: Any) -> None:
    return None


def says(rcode: Rcode) -> Callable[..., Message]:
    return lambda query, _: reply(query, rcode=rcode)


@pytest.fixture
def ask(run_virtual: Any, network: Any) -> Callable[..., Answer[Any]]:
    """Ask the scripted network once; the backend is closed after it and must leave nothing."""

    def run(
        question: Question = QUESTION, *, timeout: float = 5.0, servers: tuple[str, ...] | None = None
    ) -> Answer[Any]:
        async def main() -> Answer[Any]:
            loop = asyncio.get_running_loop()
            async with StubBackend(servers or tuple(network.scripts), open_transport=network.open) as backend:
                try:
                    return await backend.query(question, loop.time() + timeout)
                finally:
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                    assert all(
                        not t.waiting for t in network.transports.values() if t.nameserver == backend.nameservers[0]
                    )

        return run_virtual(main())

    return run


def test_answers(network: Any, ask: Any) -> None:
    network.scripts[ONE] = good
    answer = ask()
    assert [str(data) for data in answer] == ["192.0.2.80"]
    assert (answer.server, answer.attempts) == (ONE, ())
    assert answer.elapsed == pytest.approx(0.01)


def test_retransmits_a_lost_packet(network: Any, ask: Any) -> None:
    network.scripts[ONE] = lambda query, transport: good(query) if len(transport.queries) > 2 else None
    answer = ask()
    assert answer
    assert len(network.asked(ONE)) == 3
    assert [attempt.outcome for attempt in answer.attempts] == ["no reply", "no reply"]


def test_takes_the_late_reply_to_the_first_try(network: Any, ask: Any) -> None:
    network.scripts[ONE] = lambda query, transport: (1.0, good(query)) if len(transport.queries) == 1 else None
    answer = ask()
    assert answer
    assert answer.elapsed == pytest.approx(1.0, abs=0.01)
    assert len(network.asked(ONE)) > 1


@pytest.mark.parametrize("rcode", [Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NOTAUTH])
def test_goes_on_to_the_next_server(network: Any, ask: Any, rcode: Rcode) -> None:
    network.scripts.update({ONE: says(rcode), TWO: good})
    answer = ask()
    assert answer.server == TWO
    assert [(a.server, a.outcome) for a in answer.attempts] == [(ONE, rcode.name)]


def test_all_refuse(network: Any, ask: Any) -> None:
    network.scripts.update({ONE: says(Rcode.SERVFAIL), TWO: says(Rcode.REFUSED)})
    with pytest.raises(ServerFailure) as caught:
        ask()
    assert [(a.server, a.outcome) for a in caught.value.attempts] == [(ONE, "SERVFAIL"), (TWO, "REFUSED")]
    assert caught.value.errno == socket.EAI_AGAIN


def test_a_silent_server_costs_one_interval(network: Any, ask: Any) -> None:
    network.scripts.update({ONE: silent, TWO: good})
    answer = ask()
    assert answer.server == TWO
    assert answer.elapsed < 0.5


def test_silence_ends_at_the_deadline(network: Any, run_virtual: Any) -> None:
    network.scripts.update({ONE: silent, TWO: silent})

    async def main() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with StubBackend([ONE, TWO], open_transport=network.open) as backend:
            with pytest.raises(LookupTimeout) as caught:
                await backend.query(QUESTION, began + 0.5)
        assert loop.time() - began == pytest.approx(0.5, abs=0.002)
        assert {a.server for a in caught.value.attempts} == {ONE, TWO}
        assert {a.outcome for a in caught.value.attempts} == {"no reply"}

    run_virtual(main())


def test_a_dead_server_is_remembered_and_probed(network: Any, run_virtual: Any) -> None:
    alive = False
    network.scripts.update({ONE: lambda query, _: good(query) if alive else None, TWO: lambda q, _: (0.02, good(q))})

    async def main() -> None:
        nonlocal alive
        loop = asyncio.get_running_loop()
        async with StubBackend([ONE, TWO], open_transport=network.open) as backend:

            async def time_one() -> float:
                began = loop.time()
                await backend.query(QUESTION, began + 5)
                return loop.time() - began

            assert await time_one() > 0.3
            for _ in range(20):
                assert await time_one() < 0.1
            assert len(network.asked(ONE)) <= 2
            alive = True
            for _ in range(30):
                await asyncio.sleep(1)
                assert await time_one() < 0.1
            assert (await backend.query(QUESTION, loop.time() + 5)).server == ONE

    run_virtual(main())


def test_truncation_goes_to_tcp_at_the_same_server(network: Any, ask: Any) -> None:
    def truncates(query: Message, transport: Any) -> Message:
        return reply(query, flags=Flag.TC) if transport.scheme == "udp" else good(query)

    network.scripts.update({ONE: truncates, TWO: good})
    answer = ask()
    assert answer.server == ONE
    assert len(network.asked(ONE_TCP)) == 1


def test_truncated_but_no_tcp_goes_on(network: Any, ask: Any) -> None:
    def truncates(query: Message, transport: Any) -> Any:
        return reply(query, flags=Flag.TC) if transport.scheme == "udp" else TransportError("refused")

    network.scripts.update({ONE: truncates, TWO: good})
    assert ask().server == TWO


def test_truncated_and_nobody_else_gives_what_there_is(network: Any, ask: Any) -> None:
    def truncates(query: Message, transport: Any) -> Any:
        if transport.scheme == "tcp":
            return TransportError("refused")
        return reply(query, "www.example.org. 60 A 192.0.2.9", flags=Flag.TC)

    network.scripts[ONE] = truncates
    answer = ask()
    assert [str(data) for data in answer] == ["192.0.2.9"]
    assert answer.ttl == 0  # and it is not kept


@pytest.mark.parametrize("rcode", [Rcode.FORMERR, Rcode.NOTIMP])
def test_a_complaint_about_edns_is_remembered(network: Any, run_virtual: Any, rcode: Rcode) -> None:
    network.scripts[ONE] = lambda query, _: reply(query, rcode=rcode, edns=None) if query.edns else good(query)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with StubBackend(ONE, open_transport=network.open) as backend:
            for _ in range(2):
                assert await backend.query(QUESTION, loop.time() + 5)
        assert [query.edns is not None for query in network.asked(ONE)] == [True, False, False]

    run_virtual(main())


def test_silence_to_edns_is_remembered(network: Any, run_virtual: Any) -> None:
    network.scripts[ONE] = lambda query, _: None if query.edns else good(query)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with StubBackend(ONE, open_transport=network.open) as backend:
            for _ in range(2):
                assert await backend.query(QUESTION, loop.time() + 5)
        assert [query.edns is not None for query in network.asked(ONE)] == [True, True, False, False]

    run_virtual(main())


def test_malformed_and_referral_replies_are_no_answers(network: Any, ask: Any) -> None:
    def malformed(query: Message, _: Any) -> bytes:
        return good(query).to_wire()[:-3]

    network.scripts.update(
        {
            ONE: malformed,
            TWO: lambda query, _: reply(query, authority=("example.org. 60 NS ns.example.org.",)),
            "udp://192.0.2.3": good,
        }
    )
    answer = ask()
    assert answer.server == "udp://192.0.2.3"
    assert answer.attempts[0].outcome.startswith("malformed reply")
    assert answer.attempts[1].outcome.startswith("a referral")


def test_a_reply_whose_owners_are_no_names_is_malformed(network: Any, ask: Any) -> None:
    def malformed(query: Message, _: Any) -> bytes:
        address = f"{query.question[0].name} 60 A 192.0.2.80"
        wire = reply(query, address, authority=("example.org. 60 NS ns.example.org.",)).to_wire()
        at = wire.index(b"\0\2\0\1\0\0\0\x3c")
        return wire[: at - 2] + b"\xff\xff" + wire[at:]

    network.scripts.update({ONE: malformed, TWO: good})
    answer = ask()
    assert answer.server == TWO
    assert answer.attempts[0].outcome.startswith("malformed reply: no valid name")


def test_an_alias_without_its_target_is_followed(network: Any, ask: Any) -> None:
    def script(query: Message, _: Any) -> Message:
        if query.question[0].name == "www.example.org.":
            return reply(query, "www.example.org. 60 CNAME web.example.net.")
        return reply(query, "web.example.net. 30 A 192.0.2.7")

    network.scripts[ONE] = script
    answer = ask()
    assert [str(data) for data in answer] == ["192.0.2.7"]
    assert (answer.name, answer.aliases) == ("web.example.net.", ("www.example.org.",))


@pytest.mark.parametrize("step", [0, 1, 3, 16])
def test_aliases_without_end_are_a_failure(network: Any, ask: Any, step: int) -> None:
    """A reply each tells no more than a few of them; those of a circle lead back to the first."""

    def script(query: Message, _: Any) -> Message:
        name = str(query.question[0].name)
        if not step:
            return reply(query, f"{name} 60 CNAME {'a' if name.startswith('www') else 'www'}.example.org.")
        first = int(name.partition(".")[0][1:]) if name.startswith("n") else 0
        aliases = (
            f"n{number}.example.org. 60 CNAME n{number + 1}.example.org." for number in range(first, first + step)
        )
        return reply(query, *aliases, *(["www.example.org. 60 CNAME n0.example.org."] if not first else []))

    network.scripts[ONE] = script
    with pytest.raises(ServerFailure, match=r"the aliases (of .* )?are a circle or more than 16"):
        ask()
    assert len(network.asked(ONE)) <= 17


def test_empty_answers(network: Any, ask: Any) -> None:
    soa = ("example.org. 300 SOA ns. host. 1 2 3 4 60",)
    network.scripts[ONE] = lambda query, _: reply(query, rcode=Rcode.NXDOMAIN, authority=soa)
    answer = ask()
    assert (len(answer), answer.rcode) == (0, Rcode.NXDOMAIN)
    network.scripts[ONE] = lambda query, _: reply(query, authority=soa)
    answer = ask()
    assert (len(answer), answer.rcode) == (0, Rcode.NOERROR)


def test_cancelling_ends_retransmission(network: Any, run_virtual: Any) -> None:
    network.scripts[ONE] = silent

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with StubBackend(ONE, open_transport=network.open) as backend:
            task = loop.create_task(backend.query(QUESTION, loop.time() + 30))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0)
            assert network.transports[ONE].waiting == 0
            await asyncio.sleep(20)
            assert len(network.asked(ONE)) == 1

    run_virtual(main())


def test_a_refused_connection_is_tried_again(network: Any, ask: Any) -> None:
    def script(query: Message, transport: Any) -> Any:
        return TransportError("connection refused") if len(transport.queries) < 3 else good(query)

    network.scripts[ONE] = script
    assert ask()


def test_refused_connections_all_along_fail(network: Any, ask: Any) -> None:
    network.scripts[ONE] = lambda *_: TransportError("connection refused")
    with pytest.raises(ServerFailure, match="connection refused"):
        ask()


def test_more_than_the_window_waits(network: Any, run_virtual: Any) -> None:
    busiest = 0

    def script(query: Message, transport: Any) -> Message:
        nonlocal busiest
        busiest = max(busiest, transport.waiting)
        return good(query)

    network.scripts[ONE] = script

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with StubBackend(ONE, open_transport=network.open) as backend:
            questions = [Question.parse(f"h{i}.example.org") for i in range(3000)]
            answers = await asyncio.gather(*(backend.submit(q, loop.time() + 5) for q in questions))
        assert [answer.question for answer in answers] == questions
        assert 100 < busiest < 3000

    run_virtual(main())


def test_closing_ends_lookups_and_is_final(network: Any, run_virtual: Any) -> None:
    network.scripts[ONE] = silent

    async def main() -> None:
        loop = asyncio.get_running_loop()
        backend = StubBackend(ONE, open_transport=network.open)
        lookup = backend.submit(QUESTION, loop.time() + 5)
        await asyncio.sleep(0.1)
        await backend.aclose()
        await backend.aclose()
        with pytest.raises(ServerFailure, match="closed"):
            await lookup
        with pytest.raises(UsageError, match="closed"):
            await backend.query(QUESTION, loop.time() + 5)

    run_virtual(main())


def test_another_loop_is_refused(network: Any, run_virtual: Any) -> None:
    network.scripts[ONE] = good
    backend = StubBackend(ONE, open_transport=network.open)

    async def main() -> None:
        await backend.query(QUESTION, asyncio.get_running_loop().time() + 5)

    run_virtual(main())
    with pytest.raises(UsageError, match="another event loop"):
        run_virtual(main())


@pytest.mark.parametrize("nameservers", [[], ["nonsense"], ["ftp://192.0.2.1"]])
def test_impossible_nameservers(nameservers: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        StubBackend(nameservers)


@pytest.mark.parametrize(
    "options", [{"race": 1.5}, {"race": "2"}, {"race": None}, {"hedge": "a"}, {"in_flight": "5"}, {"rate": "5"},
                {"edns": 5}, {"edns": True}, {"edns": "x"}, {"context": "x"}, {"open_transport": 5}]
)  # fmt: skip
def test_impossible_kinds_of_options(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=rf"{next(iter(options))}\b.*not "):
        StubBackend("192.0.2.1", **options)


def test_truncated_over_tcp_is_no_proof_of_absence(network: Any, ask: Any) -> None:
    network.scripts[ONE] = lambda query, _: reply(query, flags=Flag.TC)
    with pytest.raises(ServerFailure, match="truncated over tcp"):
        ask()


def test_rotation_takes_turns_among_equals(network: Any, run_virtual: Any) -> None:
    network.scripts.update({ONE: good, TWO: good})

    async def main() -> list[str | None]:
        loop = asyncio.get_running_loop()
        async with StubBackend([ONE, TWO], open_transport=network.open, rotate=True) as backend:
            await backend.query(QUESTION, loop.time() + 5)
            await asyncio.sleep(1)
            return [(await backend.query(QUESTION, loop.time() + 5)).server for _ in range(4)]

    servers = run_virtual(main())
    assert servers in ([ONE, TWO] * 2, [TWO, ONE] * 2)


def test_what_ends_at_once_lands_at_once(network: Any, run_virtual: Any) -> None:
    network.scripts[ONE_TCP] = good
    questions = [Question.parse(f"n{number}.example.org") for number in range(20)]
    batches: list[int] = []
    turns = 0

    async def main() -> None:
        def roomy() -> None:
            nonlocal turns
            turns += 1

        async with StubBackend(ONE_TCP, race=2, open_transport=network.open) as backend:
            backend.serve(lambda outcomes: batches.append(len(outcomes)), roomy)
            backend.post(questions, asyncio.get_running_loop().time() + 5)
            await asyncio.sleep(1)

    run_virtual(main())
    assert sum(batches) == len(questions)
    assert len(batches) == 1
    assert 1 <= turns <= 2


def test_what_was_withdrawn_as_it_ended_does_not_land(network: Any, run_virtual: Any) -> None:
    network.scripts[ONE_TCP] = good
    questions = [Question.parse(f"n{number}.example.org") for number in range(3)]
    landed: list[Question] = []
    withdrawn: list[int] = []

    async def main() -> None:
        async with StubBackend(ONE_TCP, race=2, open_transport=network.open) as backend:
            backend.serve(lambda outcomes: landed.extend(question for question, _ in outcomes), lambda: None)
            backend.post(questions, asyncio.get_running_loop().time() + 5)
            first = next(lookup for lookup in backend._under_way if lookup.question == questions[0])
            first.add_done_callback(lambda _: withdrawn.append(backend.withdraw(questions[:1])))
            await asyncio.sleep(1)

    run_virtual(main())
    assert withdrawn == [1]
    assert sorted(landed) == sorted(questions[1:])
