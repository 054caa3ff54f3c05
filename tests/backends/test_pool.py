"""Pool: who is asked now. No name is said aloud while there is a way to say it in private."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import pytest

from aioresolver.backends.pool import Pool, in_order
from aioresolver.backends.stub import StubBackend
from aioresolver.backends.upstream import Upstream
from aioresolver.cache import Cache
from aioresolver.errors import ConfigurationError, LookupTimeout, ResolutionError, ServerFailure
from aioresolver.events import UpstreamBenched
from aioresolver.resolver import Resolver
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.message import Message, Question, Record

PLAIN, OTHER, ENCRYPTED = (Nameserver.parse(url) for url in ("192.0.2.1", "192.0.2.2", "tls://192.0.2.9"))


def good(query: Message, _: Any = None) -> Message:
    record = Record.parse("www.example.org. 300 A 192.0.2.80")
    return query.reply(flags=Flag.RA, answer=(record,))


@pytest.fixture
def pool(network: Any) -> Pool:
    return make_pool(network, PLAIN, ENCRYPTED)


def make_pool(network: Any, *nameservers: Nameserver, changed: Callable[[], object] = lambda: None) -> Pool:
    for nameserver in (PLAIN, OTHER, ENCRYPTED):
        network.scripts[str(nameserver)] = good
    return Pool(nameservers, lambda each: Upstream(each, network.open, room=lambda: None), changed=changed)


def asked(pool: Pool) -> list[Nameserver]:
    return [upstream.nameserver for upstream in in_order(pool.upstreams)]


def test_a_plain_one_waits_until_no_encrypted_one_can_be_reached(pool: Pool) -> None:
    plain, encrypted = pool.upstreams
    plain.health.heard(0.001, 0.0)
    assert asked(pool) == [ENCRYPTED]

    for _ in range(5):
        encrypted.failed(1.0)  # it says SERVFAIL: that is no reason to ask aloud
    assert asked(pool) == [ENCRYPTED]

    encrypted.failed(2.0, reached=False)
    assert asked(pool) == [ENCRYPTED]  # a connection may break
    encrypted.failed(3.0, reached=False)
    assert asked(pool) == [PLAIN, ENCRYPTED]

    encrypted.health.heard(0.1, 3.0)
    assert asked(pool) == [ENCRYPTED]


def test_room_is_that_of_the_best(pool: Pool) -> None:
    plain, encrypted = pool.upstreams
    most = encrypted.window.room(0.0)
    plain.window.used = most

    assert pool.room(0.0) == most
    assert pool.has_room_first(0.0)
    encrypted.window.used = most
    assert pool.room(0.0) == 0
    assert not pool.has_room_first(0.0)


def test_who_is_expelled_is_asked_no_more_but_for_the_last(pool: Pool) -> None:
    told: list[Any] = []
    pool.observer = told.append

    assert not pool.expel("udp://192.0.2.77")
    assert pool.expel("tls://192.0.2.9")
    assert not pool.expel("udp://192.0.2.1")
    assert asked(pool) == [PLAIN]
    assert told == [UpstreamBenched("tls://192.0.2.9", "it was expelled")]


def test_what_is_discovered_comes_and_goes(network: Any) -> None:
    changes: list[None] = []
    pool = make_pool(network, PLAIN, OTHER, changed=lambda: changes.append(None))
    pool.observer = print
    pool.hurry(hurried=True)
    pool.discovered(PLAIN, (ENCRYPTED,))
    pool.discovered(OTHER, (ENCRYPTED,))
    assert asked(pool) == [ENCRYPTED]
    assert [upstream.observer for upstream in pool.upstreams] == [print] * 3
    assert pool.upstreams[-1].health.hurried

    pool.discovered(PLAIN, ())
    assert asked(pool) == [ENCRYPTED]
    pool.discovered(OTHER, ())
    assert asked(pool) == [PLAIN, OTHER]
    assert len(changes) == 4


def ask(run_virtual: Any, network: Any, *urls: str, count: int = 1, **options: Any) -> list[Any]:
    async def main() -> list[Any]:
        async with StubBackend(urls, open_transport=network.open, **options) as backend:
            ends: list[Any] = []
            for number in range(count):
                question = Question.parse(f"h{number}.example.org")
                try:
                    ends.append((await backend.query(question, asyncio.get_running_loop().time() + 5)).server)
                except ResolutionError as error:
                    ends.append(error)
            return ends

    result: list[Any] = run_virtual(main())
    return result


def test_a_name_is_not_said_aloud_because_an_encrypted_one_says_servfail(run_virtual: Any, network: Any) -> None:
    network.scripts[str(PLAIN)] = good
    network.scripts[str(ENCRYPTED)] = lambda query, _: query.reply(rcode=Rcode.SERVFAIL)

    ends = ask(run_virtual, network, str(PLAIN), str(ENCRYPTED), count=5)
    assert all(isinstance(end, ResolutionError) for end in ends)
    assert network.asked(str(PLAIN)) == []


def test_nor_to_find_out_how_a_plain_one_is(run_virtual: Any, network: Any) -> None:
    network.scripts[str(PLAIN)] = network.scripts[str(ENCRYPTED)] = good

    assert ask(run_virtual, network, str(PLAIN), str(ENCRYPTED), count=20) == [str(ENCRYPTED)] * 20
    assert network.asked(str(PLAIN)) == []


def test_but_when_there_is_no_way_to_it(run_virtual: Any, network: Any) -> None:
    network.scripts[str(PLAIN)] = good
    network.scripts[str(ENCRYPTED)] = lambda *_: ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    assert ask(run_virtual, network, str(PLAIN), str(ENCRYPTED), count=3) == [str(PLAIN)] * 3


def test_where_encryption_is_required_nothing_is_ever_said_aloud(run_virtual: Any, network: Any) -> None:
    network.scripts[str(PLAIN)] = good
    network.scripts[str(ENCRYPTED)] = lambda *_: ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    (end,) = ask(run_virtual, network, str(PLAIN), str(ENCRYPTED), encryption="required")
    assert isinstance(end, ResolutionError)
    assert str(PLAIN) not in network.transports


def test_a_mode_that_leaves_nobody() -> None:
    with pytest.raises(ConfigurationError, match="leaves no nameserver"):
        StubBackend("192.0.2.1", encryption="required")
    with pytest.raises(ConfigurationError, match="leaves no nameserver"):
        StubBackend("tls://192.0.2.1", encryption="plain")


def designating(query: Message, _: Any = None) -> Message:
    """A plain nameserver that says that it is an encrypted one too."""
    asked = query.question[0]
    if str(asked.name) == "_dns.resolver.arpa.":
        record = Record.parse("_dns.resolver.arpa. 300 SVCB 1 dns.example.org. alpn=dot ipv4hint=192.0.2.1")
        return query.reply(flags=Flag.RA, answer=(record,))
    return good(query)


@pytest.mark.parametrize("encryption", ["automatic", "required"])
def test_discovery(run_virtual: Any, network: Any, encryption: str) -> None:
    aloud: set[str] = set()

    def script(query: Message, _: Any) -> Message:
        aloud.add(str(query.question[0].name))
        return designating(query)

    network.scripts[str(PLAIN)] = script

    def open_transport(nameserver: Nameserver) -> Any:
        if nameserver.encrypted:
            network.scripts[str(nameserver)] = good
        return network.open(nameserver)

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        async with StubBackend(
            "192.0.2.1", discover=True, encryption=encryption, open_transport=open_transport
        ) as backend:
            servers = []
            for number in range(3):
                answer = await backend.query(Question.parse(f"h{number}.example.org"), loop.time() + 5)
                servers.append(answer.server.partition(":")[0])
                await asyncio.sleep(1)
            return servers

    expected = ["udp" if encryption == "automatic" else "tls", "tls", "tls"]
    assert run_virtual(main()) == expected
    assert aloud == {"_dns.resolver.arpa.", *(["h0.example.org."] if encryption == "automatic" else [])}


def test_taking_turns_with_nobody_or_with_who_is_left(network: Any) -> None:
    pool = make_pool(network)
    pool.take_turns()
    assert (pool.upstreams, pool.best) == ([], [])

    pool = make_pool(network, PLAIN, OTHER)
    quick, slow = pool.upstreams
    quick.health.heard(0.01, 0.0)
    slow.health.heard(0.5, 0.0)
    pool.room(0.0)
    assert pool.best == [quick]
    assert pool.expel(quick.text)
    assert pool.best == [slow]
    pool.take_turns()
    assert pool.best == [slow]


def test_those_that_come_and_go_are_closed(network: Any, run_virtual: Any) -> None:
    async def main() -> None:
        pool = make_pool(network, PLAIN)
        for _ in range(100):
            pool.discovered(PLAIN, (ENCRYPTED,))
            pool.discovered(PLAIN, ())
            await asyncio.sleep(1)
        assert len(pool._left) == 1
        pool._left[0].window.used += 1  # something is under way
        pool.discovered(PLAIN, (ENCRYPTED,))
        assert len(pool._left) == 1
        await pool.aclose()

    closed: list[None] = []
    aclose = Upstream.aclose

    async def counted(upstream: Upstream) -> None:
        closed.append(None)
        await aclose(upstream)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Upstream, "aclose", counted)
        run_virtual(main())
    assert len(closed) == 1 + 100 + 1


@pytest.mark.parametrize("rotate", [False, True])
def test_where_the_last_encrypted_one_is_gone_an_alias_is_not_followed_aloud(
    run_virtual: Any, network: Any, *, rotate: bool
) -> None:
    def alias(query: Message, _: Any) -> Message:
        return query.reply(answer=(Record.parse(f"{query.question[0].name} 60 CNAME other.example.net."),))

    network.scripts[str(PLAIN)] = lambda *_: None
    network.scripts[str(ENCRYPTED)] = alias

    async def main() -> None:
        options: dict[str, Any] = {"encryption": "required", "discover": True, "rotate": rotate}
        async with StubBackend(str(PLAIN), open_transport=network.open, **options) as backend:
            loop = asyncio.get_running_loop()
            backend._pool.discovered(PLAIN, (ENCRYPTED,))
            lookup = asyncio.ensure_future(backend.query(Question.parse("h.example"), loop.time() + 3))
            await asyncio.sleep(0.005)
            backend._pool.discovered(PLAIN, ())
            with pytest.raises(LookupTimeout):
                await asyncio.wait_for(lookup, 4)
        names = {str(query.question[0].name) for query in network.asked(str(PLAIN))}
        assert names <= {"_dns.resolver.arpa."}

    run_virtual(main())


@pytest.mark.parametrize("many", [False, True])
def test_while_nobody_is_discovered_questions_end_at_their_deadline(
    run_virtual: Any, network: Any, *, many: bool
) -> None:
    network.scripts[str(PLAIN)] = lambda *_: None

    def found(query: Message, _: Any) -> Message:
        return query.reply(answer=(Record.parse(f"{query.question[0].name} 60 A 192.0.2.80"),))

    async def main() -> None:
        backend = StubBackend(str(PLAIN), open_transport=network.open, encryption="required", discover=True)
        async with Resolver(backend, hosts_file="/nonexistent", timeout=2) as resolver:
            began = asyncio.get_running_loop().time()
            names = [f"h{number}.example" for number in range(3)]
            outcomes: list[Any]
            if many:
                outcomes = [outcome async for _, outcome in resolver.query_many(names)]
            else:
                outcomes = await asyncio.gather(*map(resolver.submit, names), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [LookupTimeout] * 3
            assert outcomes[0].reason == "no answer within 2 s: no encrypted nameserver was discovered"
            assert asyncio.get_running_loop().time() - began == pytest.approx(2, abs=0.01)

            await asyncio.gather(*map(resolver.submit, names), return_exceptions=True)
            assert len(backend._waiting) == 3  # not those before

            lookup = resolver.submit("found.example")
            await asyncio.sleep(0.5)
            network.scripts[str(ENCRYPTED)] = found
            backend._pool.discovered(PLAIN, (ENCRYPTED,))
            assert await lookup

    run_virtual(main())


@pytest.mark.parametrize("many", [False, True])
def test_where_nobody_was_discovered_questions_end_at_once(run_virtual: Any, network: Any, *, many: bool) -> None:
    """And wait again when it is looked again."""
    network.scripts[str(PLAIN)] = lambda query, _: query.reply(rcode=Rcode.REFUSED)
    network.scripts["tls://192.0.2.1"] = good

    async def main() -> None:
        loop = asyncio.get_running_loop()
        backend = StubBackend(str(PLAIN), open_transport=network.open, encryption="required", discover=True)
        async with Resolver(backend, hosts_file="/nonexistent", timeout=2, cache=Cache(0)) as resolver:

            async def ask() -> list[Any]:
                names = ["www.example.org", "h1.example", "h2.example"]
                if many:
                    return [outcome async for _, outcome in resolver.query_many(names)]
                return await asyncio.gather(*map(resolver.submit, names), return_exceptions=True)

            for _ in range(2):
                outcomes = await ask()
                assert [type(outcome) for outcome in outcomes] == [ServerFailure] * 3
                told = "no encrypted nameserver was discovered at udp://192.0.2.1, and encryption is required"
                assert outcomes[0].reason == told
            assert loop.time() < 1001
            assert len(network.asked(str(PLAIN))) == 2

            network.scripts[str(PLAIN)] = designating
            await asyncio.sleep(61)
            assert "tls://192.0.2.1" in [getattr(outcome, "server", "") for outcome in await ask()]

    run_virtual(main())


def test_who_waits_for_somebody_to_be_discovered_goes_on_at_a_successor(run_virtual: Any, network: Any) -> None:
    network.scripts[str(PLAIN)] = lambda *_: None
    network.scripts[str(ENCRYPTED)] = good

    async def main() -> None:
        required: dict[str, Any] = {"open_transport": network.open, "encryption": "required"}
        async with (
            StubBackend(str(ENCRYPTED), **required) as successor,
            StubBackend(str(PLAIN), discover=True, **required) as backend,
        ):
            lookup = backend.submit(Question.parse("www.example.org"), asyncio.get_running_loop().time() + 2)
            await asyncio.sleep(0.5)
            backend.hand_over(successor)
            assert (await lookup).server == str(ENCRYPTED)

    run_virtual(main())
