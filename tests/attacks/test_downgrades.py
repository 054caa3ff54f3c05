"""Attacks on the defences themselves: a forger who has once guessed id and port, or floods, makes us fall back from none of them.

What he wants is that the next guess is cheaper: no cookie expected, no random case, plain datagrams where TCP was safer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from evil_server import FORGED, TRUE, EvilServer, Send, answered, honest, reply_to

from aioresolver import Cache, LookupTimeout, ResolutionError, Resolver, StubBackend
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.edns import Cookie, Edns
from aioresolver.wire.message import Message

SERVER_COOKIE = b"of the server..."
FORGERY = f"victim.example. 300 A {FORGED}"
# One with letters, so that their case has something to say.
LETTERS = "a-name-of-many-letters.victim.example"


def with_cookie(query: bytes, send: Send) -> None:
    """The true server, which has cookies."""
    edns = Message.parse(query).edns
    assert edns is not None
    assert edns.cookie is not None
    edns = Edns().with_cookie(Cookie(edns.cookie.client, SERVER_COOKIE))
    send(answered(query, f"{Message.parse(query).question[0].name} 300 A {TRUE}", edns=edns))


def guessed(**options: Any) -> Callable[[bytes], bytes]:
    return lambda query: answered(query, *options.pop("records", (FORGERY,)), **options)


def other_cookie(query: bytes) -> bytes:
    return answered(query, FORGERY, edns=Edns().with_cookie(Cookie(b"guessed!", SERVER_COOKIE)))


def malformed_cookie(query: bytes) -> bytes:
    return answered(query, FORGERY, edns=Edns(options=((10, b"\1"),)))


FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "no EDNS": lambda query: answered(query, FORGERY),
    "no cookie": lambda query: answered(query, FORGERY, edns=Edns()),
    "another cookie": other_cookie,
    "half a cookie": malformed_cookie,
    "no such name": lambda query: answered(query, rcode=Rcode.NXDOMAIN),
    "no data": lambda query: answered(query),
    "truncated, with an address": lambda query: answered(query, FORGERY, flags=Flag.RA | Flag.TC),
    "a complaint about EDNS": lambda query: answered(query, rcode=Rcode.FORMERR),
    "not implemented": lambda query: answered(query, rcode=Rcode.NOTIMP),
    "a bad version": lambda query: answered(query, rcode=Rcode.BADVERS, edns=Edns()),
    "a bad cookie": lambda query: answered(query, rcode=Rcode.BADCOOKIE, edns=Edns()),
    "refused": lambda query: answered(query, rcode=Rcode.REFUSED),
    "malformed": lambda query: answered(query, FORGERY)[:-1],
}


@pytest.mark.parametrize("kind", FORGERIES)
async def test_id_port_and_question_are_not_enough_where_there_are_cookies(kind: str, race: int) -> None:
    """The forgery comes first and has everything but the cookie: it costs a query over TCP, and changes nothing."""

    def script(query: bytes, send: Send) -> None:
        if forging:
            send(FORGERIES[kind](query))
        with_cookie(query, send)

    forging: list[bool] = []
    async with EvilServer(script, tcp=with_cookie) as server:
        backend = StubBackend(server.url, race=race)
        async with Resolver(backend, cache=Cache(0), search=[]) as resolver:
            await resolver.resolve("first.example")
            forging.append(True)
            for number in range(3):
                answer = await resolver.query("victim.example")
                assert [data.address for data in answer] == [TRUE], number
            assert all(Message.parse(query).edns.cookie for query in server.queries[1:])
            assert len(server.queries) <= 4
            assert len(server.over_tcp) <= 3
            # And the first reply without a cookie is still not believed.
            assert backend.upstreams[0].dialect.expected() is not None


@pytest.mark.parametrize("kind", FORGERIES)
async def test_nor_where_tcp_is_kept_from_working(kind: str, race: int) -> None:
    """Whoever can also flood the nameserver's TCP gets no answer believed; that there is none, he could have without."""

    def script(query: bytes, send: Send) -> None:
        (with_cookie if not forging else lambda query, send: send(FORGERIES[kind](query)))(query, send)

    forging: list[bool] = []
    async with (
        EvilServer(script, tcp=lambda query, send: None) as server,
        Resolver(StubBackend(server.url, race=race), cache=Cache(0), timeout=0.4, search=[]) as resolver,
    ):
        await resolver.resolve("first.example")
        forging.append(True)
        with pytest.raises(ResolutionError):
            await resolver.query("victim.example")


@pytest.mark.parametrize("records", [(FORGERY,), ()], ids=["with an address", "empty"])
async def test_truncated_replies_in_a_flood_make_tcp_of_it_and_no_more(records: tuple[str, ...], race: int) -> None:
    def script(query: bytes, send: Send) -> None:
        for _ in range(100):
            send(answered(query, *records, flags=Flag.RA | Flag.TC))
        honest(query, send)

    async with (
        EvilServer(script) as server,
        Resolver(StubBackend(server.url, race=race), cache=Cache(0), search=[]) as resolver,
    ):
        for number in range(5):
            assert [data.address for data in await resolver.resolve("victim.example")] == [TRUE]
            assert (len(server.queries), len(server.over_tcp)) == (number + 1, number + 1)


WRONG_OVER_TCP: dict[str, Callable[[bytes], bytes]] = {
    "another name": lambda query: reply_to(query, FORGED).replace(b"\6victim", b"\6victor"),
    "another type": lambda query: reply_to(query, FORGED).replace(b"\7example\0\0\1", b"\7example\0\0\x1c", 1),
    "another id": lambda query: bytes(byte ^ 0x55 for byte in query[:2]) + reply_to(query, FORGED)[2:],
    "a query": lambda query: query,
    "two questions": lambda query: reply_to(query, FORGED)[:4] + b"\0\2" + reply_to(query, FORGED)[6:],
    "nothing": lambda query: b"",
    "eleven bytes": lambda query: reply_to(query, FORGED)[:11],
}


@pytest.mark.parametrize("kind", WRONG_OVER_TCP)
async def test_wrong_messages_over_tcp_are_ignored_too(kind: str, race: int) -> None:
    def script(query: bytes, send: Send) -> None:
        send(answered(query, flags=Flag.TC))

    def tcp(query: bytes, send: Send) -> None:
        send(WRONG_OVER_TCP[kind](query))
        send(reply_to(query))

    async with EvilServer(script, tcp=tcp) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        assert [data.address for data in await resolver.resolve("victim.example")] == [TRUE]
        assert len(server.over_tcp) == 1


@pytest.mark.parametrize("kind", WRONG_OVER_TCP)
async def test_and_alone_they_are_no_answer(kind: str) -> None:
    async with (
        EvilServer(honest, tcp=lambda query, send: send(WRONG_OVER_TCP[kind](query))) as server,
        Resolver(StubBackend(server.url.replace("udp", "tcp")), timeout=0.3) as resolver,
    ):
        with pytest.raises(LookupTimeout):
            await resolver.resolve("victim.example")


async def test_one_reply_in_other_letters_does_not_end_the_random_case(race: int) -> None:
    """Else 2^32 guesses would buy the 2^32 of the next ones, where the letters make 2^32 of each of them."""

    def script(query: bytes, send: Send) -> None:
        if len(server.queries) == 3:
            send(answered(query, FORGERY).replace(query[12:-11], query[12:-11].lower()))
        honest_echo(query, send)

    async with (
        EvilServer(script, tcp=honest) as server,
        Resolver(StubBackend(server.url, race=race, randomize_case=True), cache=Cache(0), search=[]) as resolver,
    ):
        for _ in range(6):
            assert [data.address for data in await resolver.resolve(LETTERS)] == [TRUE]
        assert len(server.over_tcp) <= 1
        assert all(query[12:40] != query[12:40].lower() for query in server.queries)


def honest_echo(query: bytes, send: Send) -> None:
    """The truth, with the question as it came."""
    reply = reply_to(query)
    end = query.index(b"\0", 12) + 5
    send(reply[:12] + query[12:end] + reply[end:])


@pytest.mark.parametrize("count", [1, 1000])
async def test_wrong_letters_are_never_believed(count: int, race: int) -> None:
    def script(query: bytes, send: Send) -> None:
        for _ in range(count):
            send(reply_to(query, FORGED))  # in small letters: id and port are right
        honest_echo(query, send)

    async with (
        EvilServer(script, tcp=honest) as server,
        Resolver(StubBackend(server.url, race=race, randomize_case=True), cache=Cache(0), search=[]) as resolver,
    ):
        assert [data.address for data in await resolver.resolve(LETTERS)] == [TRUE]
        assert len(server.over_tcp) == 1


async def test_near_misses_while_all_is_answered_change_nothing(race: int) -> None:
    """A forger who never guesses cannot move us to TCP, where he might have another plan, as long as the truth comes."""

    def script(query: bytes, send: Send) -> None:
        for _ in range(50):
            send(bytes(byte ^ 0x55 for byte in query[:2]) + reply_to(query, FORGED)[2:])
        asyncio.get_running_loop().call_later(0.01, send, reply_to(query))

    async with (
        EvilServer(script) as server,
        Resolver(StubBackend(server.url, race=race), cache=Cache(0), search=[]) as resolver,
    ):
        for _ in range(10):
            assert [data.address for data in await resolver.resolve("victim.example")] == [TRUE]
        assert (len(server.queries), len(server.over_tcp)) == (10, 0)
