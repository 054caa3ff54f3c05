"""Attack 1, Kaminsky 2008: as many forged replies as there are ids, while a true one is slow (CVE-2008-1447)."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
from evil_server import FORGED, TRUE, EvilServer, answered, honest, reply_to

from aioresolver import Cache, IterativeBackend, Resolver, StubBackend
from aioresolver.transports.udp import UdpTransport
from aioresolver.wire.codes import Flag
from aioresolver.wire.edns import Cookie, Edns
from aioresolver.wire.message import Message

IDS = 65536


def addresses(answer) -> list[str]:
    return [data.address for data in answer]


async def test_every_wrong_id_before_the_right_one(race: int) -> None:
    """From the right address and port, so that the id alone is left to guess: all but the right one are ignored."""

    def script(query: bytes, send) -> None:
        forged = reply_to(query, FORGED)[2:]
        numbers = (number.to_bytes(2, "big") for number in range(IDS))
        wrong = [number + forged for number in numbers if number != query[:2]]

        async def flood() -> None:
            for begin in range(0, len(wrong), 512):
                for reply in wrong[begin : begin + 512]:
                    send(reply)
                await asyncio.sleep(0)
            send(reply_to(query))

        floods.append(asyncio.get_running_loop().create_task(flood()))

    floods: list[asyncio.Task[None]] = []
    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race), timeout=20) as resolver:
        assert addresses(await resolver.resolve("victim.example")) == [TRUE]
        await asyncio.gather(*floods)


async def test_names_that_nobody_asked_for_before_do_not_help(race: int) -> None:
    """The point of the attack: another name for each try. A reply to one is none to another."""

    def script(query: bytes, send) -> None:
        if seen:
            send(query[:2] + reply_to(seen[-1], FORGED)[2:])
        seen.append(query)
        send(reply_to(query))

    seen: list[bytes] = []
    async with EvilServer(script) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        answers = await asyncio.gather(*(resolver.resolve(f"{number}.victim.example") for number in range(200)))

    assert {address for answer in answers for address in addresses(answer)} == {TRUE}


async def test_ids_and_ports_cannot_be_guessed() -> None:
    async with EvilServer(honest) as server:
        for _ in range(8):
            async with Resolver(StubBackend(server.url), cache=Cache(0)) as resolver:
                names = [f"{number}.example" for number in range(1000)]
                await asyncio.gather(*map(resolver.resolve, names))
        ids = [int.from_bytes(query[:2], "big") for query in server.queries]
        ports = [port for _, port in server.clients]

    assert len(ids) >= 8000
    buckets = Counter(id >> 8 for id in ids)
    expected = len(ids) / 256
    chi_square = sum((buckets[bucket] - expected) ** 2 / expected for bucket in range(256))
    assert chi_square < 400  # 255 degrees of freedom: more in one run of ten million
    assert sum(after == before + 1 for before, after in pairwise(ids)) < 10
    used = set(ports)
    assert len(used) >= 8 * 4
    assert min(used) >= 1024
    assert max(used) - min(used) > 32768  # not the operating system's range, which has 28,232


@pytest.mark.parametrize("renew", [50])
async def test_ports_are_renewed(renew: int) -> None:
    async with EvilServer(honest) as server:
        backend = StubBackend(
            server.url, open_transport=lambda nameserver: UdpTransport(nameserver, renew_queries=renew)
        )
        async with Resolver(backend, cache=Cache(0)) as resolver:
            for number in range(1000):
                await resolver.resolve(f"{number}.example")
        counts = Counter(port for _, port in server.clients)

    assert max(counts.values()) <= renew
    assert len(counts) >= 1000 / renew


@pytest.mark.parametrize("soon", [1, 2], ids=["a walk", "a shortcut"])
async def test_who_guesses_all_but_the_cookie_is_not_believed(soon: int) -> None:
    """Id, port and letters are right. The nameserver has shown its cookie before, and TCP says what is true."""

    def says(query: bytes, address: str) -> bytes:
        message, end = Message.parse(query), query.index(b"\0", 12) + 5
        cookie = message.edns.cookie if message.edns is not None and address == TRUE else None
        edns = Edns() if cookie is None else Edns().with_cookie(Cookie(cookie.client, b"a server"))
        reply = answered(query, f"{message.question[0].name} 300 A {address}", flags=Flag.AA, edns=edns)
        return reply[:12] + query[12:end] + reply[end:]  # the letters as they were

    def script(query: bytes, send) -> None:
        send(says(query, FORGED if len(server.queries) > soon else TRUE))

    async with EvilServer(script, tcp=lambda query, send: send(says(query, TRUE))) as server:
        stubs = {"example": [server.url.removeprefix("udp://")]}
        async with Resolver(IterativeBackend({"a.root.": ["127.0.0.1:9"]}, stubs=stubs)) as resolver:
            for number in range(4):
                assert addresses(await resolver.resolve(f"{number}.example")) == [TRUE]
        assert len(server.over_tcp) == 4 - soon
