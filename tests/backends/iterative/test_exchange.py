from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from aioresolver.backends.iterative.exchange import NearMiss, NetworkExchange, has_no_way, is_silence
from aioresolver.errors import LookupTimeout, TransportError
from aioresolver.testing import DNSServer, Fault
from aioresolver.transports import udp
from aioresolver.wire.message import Message, Question
from aioresolver.wire.query import query_wire

QUERY = b"\x12\x34" + query_wire(Question.parse("www.example", "A"))[2:]
ZONE = "$ORIGIN example.\nwww A 192.0.2.1\n"


def soon(seconds: float = 3.0) -> float:
    return asyncio.get_running_loop().time() + seconds


@pytest.mark.parametrize("tcp", [False, True])
async def test_over_udp_and_tcp(tcp):
    async with DNSServer(ZONE) as server:
        exchange = NetworkExchange(port=server.port)
        for address in ("127.0.0.1", f"127.0.0.1:{server.port}"):
            reply = await exchange(address, QUERY, tcp, soon())
            assert reply[:2] == QUERY[:2]
            assert [str(record.data) for record in Message.parse(reply).answer] == ["192.0.2.1"]
        assert [query.transport for query in server.queries] == ["tcp" if tcp else "udp"] * 2
        await exchange.aclose()
        await exchange.aclose()


async def test_ids_on_the_wire_are_not_ours():
    async with DNSServer(ZONE) as server:
        exchange = NetworkExchange(port=server.port)
        await asyncio.gather(*(exchange("127.0.0.1", QUERY, False, soon()) for _ in range(20)))
        assert len({query.id for query in server.queries}) > 15
        await exchange.aclose()


async def test_silence_and_who_refuses():
    async with DNSServer(ZONE, faults=[Fault.drop()]) as server:
        exchange = NetworkExchange(port=server.port)
        with pytest.raises(TransportError) as error:
            await exchange("127.0.0.1", QUERY, False, soon(0.05))
        assert is_silence(error.value)
        assert not isinstance(error.value, NearMiss)
        await exchange.aclose()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        exchange = NetworkExchange(port=held.getsockname()[1])
        with pytest.raises(TransportError) as error:
            await exchange("127.0.0.1", QUERY, True, soon())
        assert not is_silence(error.value)
        await exchange.aclose()


async def test_datagrams_that_match_no_query_are_told():
    class Forger(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            self.transport.sendto(bytes((data[0] ^ 1,)) + data[1:2] + b"\x84\0" + data[4:], addr)

    forger, _ = await asyncio.get_running_loop().create_datagram_endpoint(Forger, ("127.0.0.1", 0))
    exchange = NetworkExchange(port=forger.get_extra_info("sockname")[1])
    with pytest.raises(NearMiss):
        await exchange("127.0.0.1", QUERY, False, soon(0.1))
    await exchange.aclose()
    forger.close()


async def test_so_many_transports_are_kept_those_used_last():
    async with DNSServer(ZONE) as server:
        exchange = NetworkExchange(port=server.port, most_open=2)
        for number in (1, 2, 1, 3):
            address = "127.0.0.1" if number == 1 else f"127.0.0.1:{server.port}" if number == 2 else "127.0.0.1"
            await exchange(address, QUERY, number == 3, soon())
        assert list(exchange._transports) == [("127.0.0.1", False), ("127.0.0.1", True)]
        await exchange.aclose()


async def test_without_descriptors_idle_transports_give_theirs_back(monkeypatch):
    async with DNSServer(ZONE) as server:
        exchange = NetworkExchange(port=server.port)
        await exchange("127.0.0.1", QUERY, False, soon())
        idle = exchange._transports["127.0.0.1", False]
        real = udp.open_connected
        failures = [OSError(errno.EMFILE, "none left")]

        def open_connected(*args, **kwargs):
            if failures:
                raise failures.pop()
            return real(*args, **kwargs)

        monkeypatch.setattr(udp, "open_connected", open_connected)
        await exchange(f"127.0.0.1:{server.port}", QUERY, False, soon())
        assert idle not in exchange._transports.values()
        await exchange.aclose()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TransportError("no route", code=errno.ENETUNREACH, local=True), True),
        (TransportError("none left", code=errno.EMFILE, local=True), False),
        (TransportError("refused", code=errno.ECONNREFUSED), False),
        (LookupTimeout("x.", "A", "late"), False),
    ],
)
def test_what_says_that_a_family_cannot_be_reached(error, said):
    assert has_no_way(error) is said


async def test_closed():
    exchange = NetworkExchange()
    await exchange.aclose()
    with pytest.raises(TransportError, match="closed"):
        await exchange("127.0.0.1", QUERY, False, soon())


def test_what_silence_is():
    assert is_silence(LookupTimeout("x.", "A", "late"))
    assert not is_silence(TransportError("refused"))
