"""UdpTransport: which datagram is a reply, from which ports queries go, and what is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import socket
import subprocess
import sys
import threading

import pytest

from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.transports import udp
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.udp import UdpTransport
from aioresolver.transports.udp_socket import Sheet

FAR = 1e6


def soon() -> float:
    return asyncio.get_running_loop().time() + 10


@contextlib.asynccontextmanager
async def carrying(server, **options):
    nameserver = server if isinstance(server, Nameserver) else server.nameserver
    transport = UdpTransport(nameserver, **options)
    try:
        yield transport
    finally:
        await transport.aclose()


async def settle():
    """Let what loopback has delivered be read."""
    for _ in range(5):
        await asyncio.sleep(0)


async def arrival(server, futures):
    """Wait until every query is there."""
    for _ in futures:
        await server.next()


async def test_carries_a_query_and_its_reply(udp_server, messages):
    server = await udp_server()
    async with carrying(server) as transport:
        query = messages.query()
        reply = await transport.exchange(query, soon())

    sent, _ = server.queries[0]
    assert sent[2:] == query[2:]
    assert reply == messages.reply(sent)
    assert transport.ignored == transport.near_misses == 0


async def test_over_ipv6(udp_server, messages):
    try:
        server = await udp_server(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with carrying(server) as transport:
        assert await transport.exchange(messages.query(), soon())


FORGERIES = {
    "another id": lambda reply: bytes([reply[0] ^ 1]) + reply[1:],
    "a query, not a reply": lambda reply: reply[:2] + bytes([reply[2] & 0x7F]) + reply[3:],
    "another opcode": lambda reply: reply[:2] + bytes([reply[2] | 0x10]) + reply[3:],
    "another name": lambda reply: reply.replace(b"www", b"wwx"),
    "another case": lambda reply: reply.replace(b"www", b"WWW"),
    "another type": lambda reply: reply.replace(b"\0\0\1\0\1", b"\0\0\2\0\1"),
    "another class": lambda reply: reply.replace(b"\0\0\1\0\1", b"\0\0\1\0\3"),
    "no question": lambda reply: reply[:4] + b"\0\0" + reply[6:12],
    "two questions": lambda reply: reply[:5] + b"\2" + reply[6:],
    "256 questions more": lambda reply: reply[:4] + b"\1" + reply[5:],
    "half a question": lambda reply: reply[:20],
    "a header alone": lambda reply: reply[:12],
    "11 bytes": lambda reply: reply[:11],
    "one byte": lambda reply: reply[:1],
    "nothing": lambda reply: b"",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_ignores_what_does_not_match_and_keeps_listening(udp_server, messages, forgery):
    def deceive(server, query, address):
        reply = messages.reply(query)
        server.send(FORGERIES[forgery](reply), address)
        server.send(reply, address)

    server = await udp_server(deceive)
    async with carrying(server) as transport:
        reply = await transport.exchange(messages.query(), soon())

    assert reply == messages.reply(server.queries[0][0])
    assert transport.ignored == 1
    assert transport.near_misses == 1


async def test_ignores_other_senders(udp_server, messages):
    server, stranger = await udp_server(None), await udp_server(None)
    async with carrying(server) as transport:
        future = transport.exchange(messages.query(), soon())
        query, address = await server.next()
        stranger.send(messages.reply(query, b"forged"), address)
        await settle()
        assert not future.done()
        server.send(messages.reply(query, b"true"), address)
        assert (await future).endswith(b"true")
    assert transport.ignored == 0  # the operating system has seen to it


async def test_flood_of_wrong_ids_harms_nothing(udp_server, messages):
    server = await udp_server(None)
    async with carrying(server) as transport:
        future = transport.exchange(messages.query(), soon())
        query, address = await server.next()
        for number in range(5000):
            if number.to_bytes(2, "big") != query[:2]:
                server.send(number.to_bytes(2, "big") + messages.reply(query)[2:], address)
            if number % 200 == 0:
                await settle()
        server.send(messages.reply(query, b"true"), address)
        assert (await future).endswith(b"true")
    assert transport.ignored == transport.near_misses >= 4999


async def test_copies_and_late_replies_are_no_near_misses(udp_server, messages):
    server = await udp_server(None)
    async with carrying(server) as transport:
        first = transport.exchange(messages.query("a.example"), soon())
        query, address = await server.next()
        given_up = transport.exchange(messages.query("a.example"), soon())
        late, late_address = await server.next()
        others = [transport.exchange(messages.query("b.example"), soon()) for _ in range(8)]
        given_up.cancel()
        for _ in range(3):
            server.send(messages.reply(query), address)
        server.send(messages.reply(late), late_address)
        await first
        await settle()
        assert transport.in_flight == len(others)
    assert transport.ignored == 3
    assert transport.near_misses == 0
    assert [future.exception().errno for future in others] == [errno.ECONNABORTED] * 8


async def test_many_at_once_in_any_order(udp_server, messages):
    server = await udp_server(None)
    async with carrying(server) as transport:
        futures = [transport.exchange(messages.query(f"h{number}.example"), soon()) for number in range(300)]
        await arrival(server, futures)
        for query, address in reversed(server.queries):
            server.send(messages.reply(query, query[12:20]), address)
        replies = await asyncio.gather(*futures)
        assert transport.in_flight == 0

    for number, reply in enumerate(replies):
        assert messages.query(f"h{number}.example")[12:] in reply
    assert transport.ignored == 0


async def test_a_reply_may_be_as_large_as_a_datagram(udp_server, messages):
    payload = os.urandom(60000)
    server = await udp_server(lambda server, query, address: server.send(messages.reply(query, payload), address))
    async with carrying(server) as transport:
        reply = await transport.exchange(messages.query(), soon())
    assert reply.endswith(payload)


async def test_ids_are_unpredictable_and_never_shared(udp_server, messages):
    server = await udp_server(None)
    async with carrying(server, sockets=1, renew_queries=10**6) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(3000)]
        await settle()
        ids = {future.id for future in futures}
    assert len(ids) == 3000
    # Each of the 16 bits is set half the time: more than 10 standard deviations off would be no chance.
    for bit in range(16):
        assert abs(sum(int.from_bytes(id, "big") >> bit & 1 for id in ids) - 1500) < 300
    steps = [int.from_bytes(b.id, "big") - int.from_bytes(a.id, "big") for a, b in itertools.pairwise(futures)]
    assert len(set(steps)) > 2500
    assert {future.exception().errno for future in futures} == {errno.ECONNABORTED}


async def test_ports_are_renewed_and_spread(udp_server, messages):
    server = await udp_server()
    async with carrying(server, renew_queries=1) as transport:
        for _ in range(200):
            await transport.exchange(messages.query(), soon())
    assert len(set(server.ports)) > 190
    assert min(server.ports) >= 1024
    # All of the range is in use, not only the ephemeral ports of the operating system.
    assert min(server.ports) < 16000
    assert max(server.ports) > 50000
    assert not {4791, 11211} & set(server.ports)


async def test_a_socket_serves_its_number_of_queries(udp_server, messages):
    server = await udp_server()
    async with carrying(server, renew_queries=10) as transport:
        for _ in range(95):
            await transport.exchange(messages.query(), soon())
    assert [len(list(run)) for _, run in itertools.groupby(server.ports)] == [10] * 9 + [5]


async def test_one_after_another_from_one_port_and_at_once_from_four(udp_server, messages):
    server = await udp_server()
    async with carrying(server) as transport:
        for _ in range(20):
            await transport.exchange(messages.query(), soon())
        assert len(set(server.ports)) == 1
        await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(200)])
    assert len(set(server.ports)) == 4
    assert min(server.ports.count(port) for port in set(server.ports)) > 20


@pytest.mark.parametrize("sockets", [1, 2, 9])
async def test_more_sockets_when_these_are_full_but_not_too_many(udp_server, messages, monkeypatch, sockets):
    monkeypatch.setattr(udp, "ROOM_FOR_A_REPLY", 10**6)
    server = await udp_server(None)
    async with carrying(server, sockets=sockets) as transport:
        room = transport.capacity // sockets
        futures = [transport.exchange(messages.query(), soon()) for _ in range(room * sockets * 3)]
        await arrival(server, futures)
        counts = [server.ports.count(port) for port in set(server.ports)]
        assert len(counts) == sockets
        assert max(counts) - min(counts) <= room  # what is too much is spread
        for query, address in server.queries:
            server.send(messages.reply(query), address)
        await asyncio.gather(*futures)


async def test_capacity_is_known_before_the_first_query(udp_server, messages):
    server = await udp_server()
    async with carrying(server, sockets=3) as transport:
        before = transport.capacity
        await transport.exchange(messages.query(), soon())
        assert transport.capacity == before
        assert before % 3 == 0
        assert before >= 3 * 50


async def test_bound_on_queries_in_flight(udp_server, messages, monkeypatch):
    monkeypatch.setattr(udp, "MOST_PENDING", 5)
    monkeypatch.setattr(udp, "ROOM_FOR_A_REPLY", 10**9)
    server = await udp_server(None)
    async with carrying(server, sockets=2) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(11)]
        assert [future.done() for future in futures] == [False] * 10 + [True]
        assert futures[10].exception().local
    assert all(future.exception() for future in futures)


def test_renewed_by_time_and_owed_replies_are_taken(run_virtual, messages, servers, open_sockets):
    async def scenario():
        server = await servers.udp(None)
        loop = asyncio.get_running_loop()
        before = open_sockets()
        async with carrying(server, renew_seconds=10) as transport:
            owed = transport.exchange(messages.query(), loop.time() + 100)
            query, address = await server.next()
            await asyncio.sleep(11)
            assert open_sockets() == before + 2  # its successor is there, and it still listens
            later = transport.exchange(messages.query("later.example"), loop.time() + 100)
            _, new_address = await server.next()
            assert new_address != address
            server.send(messages.reply(query), address)
            await owed
            await settle()
            assert open_sockets() == before + 1
            server.send(messages.reply(server.queries[1][0]), new_address)
            await later
            await asyncio.sleep(11)
            assert open_sockets() == before  # idle: nothing is kept
            renewed = transport.exchange(messages.query(), loop.time() + 100)
            await server.next()
            assert len(set(server.ports)) == 3
        assert renewed.exception().local
        assert open_sockets() == before
        await server.stop()

    run_virtual(scenario())


async def test_retiring_sockets_are_bounded_too(udp_server, messages, open_sockets):
    server = await udp_server(None)
    before = open_sockets()
    async with carrying(server, sockets=3, renew_queries=2) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(200)]
        await arrival(server, futures)
        assert open_sockets() - before <= 6
        for query, address in server.queries:
            server.send(messages.reply(query), address)
        await asyncio.gather(*futures)
        await settle()
        assert open_sockets() - before <= 3


def test_deadline(run_virtual, messages, servers):
    async def scenario():
        server = await servers.udp(None)
        loop = asyncio.get_running_loop()
        async with carrying(server, renew_seconds=FAR) as transport:
            futures = {after: transport.exchange(messages.query(), loop.time() + after) for after in (3, 1, 2)}
            begun = loop.time()
            for after in (1, 2, 3):
                with pytest.raises(TransportError, match="no reply before the deadline") as raised:
                    await futures[after]
                assert raised.value.errno == errno.ETIMEDOUT
                assert not raised.value.local
                assert after <= loop.time() - begun < after + 0.01
            for query, address in server.queries:
                server.send(messages.reply(query), address)
            await settle()
            assert transport.in_flight == 0
            assert transport.ignored == 3
            assert transport.near_misses == 0
        await server.stop()

    run_virtual(scenario())


async def test_replies_that_came_while_the_loop_was_held_up_count(messages):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)

        def serve():
            for _ in range(600):
                query, address = server.recvfrom(512)
                server.sendto(messages.reply(query), address)

        async with carrying(Nameserver("udp", *server.getsockname())) as transport:
            futures = [transport.exchange(messages.query(), 0.0) for _ in range(600)]  # all too late already
            thread = threading.Thread(target=serve)
            thread.start()
            thread.join()  # holds up the loop until every reply is there
            replies = await asyncio.gather(*futures)
    assert len(replies) == 600


async def test_cancelling_frees_the_id_at_once(udp_server, messages):
    server = await udp_server(None)
    async with carrying(server) as transport:
        future = transport.exchange(messages.query(), soon())
        query, address = await server.next()
        assert future.cancel()
        assert not future.cancel()
        assert transport.in_flight == 0
        assert len(transport.ring) == 1  # the socket's age
        server.send(messages.reply(query), address)
        await settle()
        assert transport.ignored == 1

        async def ask():
            await transport.exchange(messages.query(), soon())

        task = asyncio.create_task(ask())
        await server.next()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gathered = asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(10)])
        assert transport.in_flight == 10
        gathered.cancel()
        assert transport.in_flight == 0
        with pytest.raises(asyncio.CancelledError):
            await gathered


async def test_nobody_listens(messages, closed_port):
    async with carrying(Nameserver("udp", "127.0.0.1", closed_port)) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(30)]
        results = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 5)
        assert {type(result) for result in results} == {TransportError}
        assert {result.errno for result in results} == {errno.ECONNREFUSED}
        assert not any(result.local for result in results)
        assert transport.in_flight == 0


async def test_old_refusal_does_not_fail_a_new_query(udp_server, messages, closed_port):
    async with carrying(Nameserver("udp", "127.0.0.1", closed_port)) as transport:
        transport.exchange(messages.query(), soon()).cancel()
        server = await udp_server(port=closed_port)  # it starts, while the refusal waits on the socket
        assert await transport.exchange(messages.query(), soon())
        assert len(server.queries) == 1


async def test_refusal_fails_all_who_wait_on_the_socket(udp_server, messages):
    server = await udp_server(None)
    async with carrying(server) as transport:
        waiting = transport.exchange(messages.query(), soon())
        (sock,) = transport._sockets
        sock.broken(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), usable=True)
        assert waiting.exception().errno == errno.ECONNREFUSED
        assert transport._sockets == [sock]


async def test_broken_socket_is_replaced(udp_server, messages, open_sockets):
    server = await udp_server()
    before = open_sockets()
    async with carrying(server) as transport:
        future = transport.exchange(messages.query(), soon())
        transport._sockets[0].broken(OSError(errno.EHOSTUNREACH, "No route to host"))
        with pytest.raises(TransportError, match="No route to host") as raised:
            await future
        assert not raised.value.local
        assert open_sockets() == before
        assert await transport.exchange(messages.query(), soon())


async def test_what_cannot_be_sent_waits_until_it_can(udp_server, messages):
    server = await udp_server()
    async with carrying(server, sockets=1) as transport:
        await transport.exchange(messages.query(), soon())
        (sock,) = transport._sockets
        send, sock.send = sock.send, fail_with(BlockingIOError(errno.EAGAIN, "full"))
        futures = [transport.exchange(messages.query(), soon()) for _ in range(3)]
        sock.send = fail_with(OSError(errno.ENOBUFS, "full"))
        futures += [transport.exchange(messages.query(), soon()) for _ in range(200)]
        for future in futures[5:]:
            future.cancel()
        futures[5:] = [transport.exchange(messages.query(), soon())]
        assert len(sock._blocked) < 150  # the cancelled ones do not pile up
        await settle()
        sock.send = send
        assert len(await asyncio.gather(*futures)) == 6
    assert len(server.queries) == 7


def fail_with(error):
    def send(wire):
        raise error

    return send


async def test_a_query_that_this_machine_cannot_send(udp_server, messages):
    server = await udp_server()
    async with carrying(server, sockets=1) as transport:
        await transport.exchange(messages.query(), soon())
        transport._sockets[0].send = fail_with(OSError(errno.ENETUNREACH, "Network is unreachable"))
        with pytest.raises(TransportError, match="Network is unreachable") as raised:
            await transport.exchange(messages.query(), soon())
        assert raised.value.local
        assert await transport.exchange(messages.query(), soon())
    assert len(set(server.ports)) == 2  # a new socket: the machine may be on another network now


async def test_refused_while_sending(udp_server, messages):
    server = await udp_server(None)
    async with carrying(server, sockets=1) as transport:
        waiting = transport.exchange(messages.query(), soon())
        transport._sockets[0].send = fail_with(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
        sent = transport.exchange(messages.query(), soon())
        assert [future.exception().errno for future in (waiting, sent)] == [errno.ECONNREFUSED] * 2
        assert not sent.exception().local


async def test_uses_what_it_has_when_descriptors_run_out(udp_server, messages, monkeypatch):
    server = await udp_server()
    tries = []

    def no_descriptor(*args, **options):
        tries.append(args)
        raise OSError(errno.EMFILE, "Too many open files")

    async with carrying(server, renew_queries=50) as transport:
        await transport.exchange(messages.query(), soon())
        monkeypatch.setattr(udp, "open_connected", no_descriptor)
        await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(200)])
        assert len(set(server.ports)) == 1
        assert len(tries) == 1  # not again for each query
        monkeypatch.undo()
        transport._no_descriptors_until = 1.0
        await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(100)])
        assert len(set(server.ports)) > 2


EXHAUSTED = """
import asyncio, errno, resource, socket
from aioresolver.errors import TransportError
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.tcp import TcpTransport
from aioresolver.transports.udp import UdpTransport

QUERY = bytes.fromhex("000001000001000000000000") + b"\\3www\\0\\0\\1\\0\\1"

class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport): self.transport = transport
    def datagram_received(self, data, addr): self.transport.sendto(data[:2] + b"\\x81" + data[3:], addr)

async def main():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    nameserver = Nameserver("udp", *transport.get_extra_info("sockname"))
    used, fresh, tcp = UdpTransport(nameserver), UdpTransport(nameserver), TcpTransport(nameserver.with_scheme("tcp"))
    await used.exchange(QUERY, loop.time() + 10)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    hogs = []
    try:
        while True:
            hogs.append(socket.socket())
    except OSError:
        pass
    replies = await asyncio.gather(*[used.exchange(QUERY, loop.time() + 10) for _ in range(100)])
    assert len(replies) == 100
    for without in (fresh, tcp):
        try:
            await without.exchange(QUERY, loop.time() + 10)
        except TransportError as error:
            assert error.local and error.errno == errno.EMFILE, error
        else:
            raise AssertionError("there was a descriptor")
    hogs.pop().close()
    await fresh.exchange(QUERY, loop.time() + 10)
    for owner in (used, fresh, tcp):
        await owner.aclose()
    transport.abort()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_NOFILE")
def test_without_descriptors():
    subprocess.run([sys.executable, "-W", "error", "-c", EXHAUSTED], check=True, timeout=30)


async def test_closing(udp_server, messages, open_sockets):
    server = await udp_server(None)
    before = open_sockets()
    transport = UdpTransport(server.nameserver)
    futures = [transport.exchange(messages.query(), soon()) for _ in range(20)]
    await transport.aclose()
    await transport.aclose()
    for future in [*futures, transport.exchange(messages.query(), soon())]:
        with pytest.raises(TransportError, match="the transport is closed") as raised:
            await future
        assert raised.value.local
    assert open_sockets() == before
    assert not [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]
    assert transport.in_flight == 0


async def test_closing_what_was_never_used():
    transport = UdpTransport(Nameserver("udp", "127.0.0.1"))
    await transport.aclose()
    with pytest.raises(TransportError, match="the transport is closed"):
        await transport.exchange(b"\0" * 12, 0.0)


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"\0" * 11,
        b"\0\0\1\0\0\1\0\0\0\0\0\0",
        b"\0\0\1\0\0\1\0\0\0\0\0\0\3www",
        b"\0\0\1\0\0\1\0\0\0\0\0\0\0\0\1\0",
    ],
)
async def test_refuses_what_is_no_query(query):
    async with carrying(Nameserver("udp", "127.0.0.1")) as transport:
        with pytest.raises(ValueError, match="not a whole DNS message"):
            transport.exchange(query, soon())


async def test_a_query_without_question(udp_server, messages):
    server = await udp_server(lambda server, query, address: server.send(messages.reply(query, b""), address))
    async with carrying(server) as transport:
        assert len(await transport.exchange(b"\0\0\1" + b"\0" * 9, soon())) == 12


def test_belongs_to_one_loop(messages, closed_port):
    transport = UdpTransport(Nameserver("udp", "127.0.0.1", closed_port))

    async def use():
        with contextlib.suppress(TransportError):
            await transport.exchange(messages.query(), soon())

    async def use_and_close():
        await use()
        await transport.aclose()

    asyncio.run(use_and_close())
    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        asyncio.run(use())


async def test_sends_from_a_given_address(udp_server, messages):
    server = await udp_server()
    async with carrying(server, source="127.0.0.1") as transport:
        await transport.exchange(messages.query(), soon())
    assert server.queries[0][1][0] == "127.0.0.1"
    async with carrying(server, source="192.0.2.77") as transport:  # not an address of this machine
        with pytest.raises(TransportError) as raised:
            await transport.exchange(messages.query(), soon())
        assert raised.value.local


@pytest.mark.parametrize("options", [{"sockets": 0}, {"renew_queries": 0}, {"renew_seconds": 0}, {"source": "::1"}])
def test_impossible_settings(options):
    with pytest.raises(ConfigurationError):
        UdpTransport(Nameserver("udp", "127.0.0.1"), **options)


def test_on_each_kind_of_loop(any_loop, servers, messages, open_sockets, closed_port):
    async def scenario():
        server = await servers.udp()
        before = open_sockets()
        async with carrying(server, renew_queries=7) as transport:
            for _ in range(20):
                await transport.exchange(messages.query(), soon())
            await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(100)])
            assert len(server.queries) == 120
            assert len(set(server.ports)) > 10
            server.react = None
            late = transport.exchange(messages.query(), asyncio.get_running_loop().time() + 0.02)
            with pytest.raises(TransportError, match="deadline"):
                await late
            given_up = transport.exchange(messages.query(), soon())
            given_up.cancel()
            assert transport.in_flight == 0
            pending = transport.exchange(messages.query(), soon())
        with pytest.raises(TransportError, match="closed"):
            await pending
        assert open_sockets() == before

        async with carrying(Nameserver("udp", "127.0.0.1", closed_port)) as transport:
            for _ in range(3):  # uvloop would go deaf after the first
                with pytest.raises(TransportError, match="refused") as raised:
                    await transport.exchange(messages.query(), soon() + FAR)
                assert not raised.value.local
            await asyncio.sleep(0)
        assert open_sockets() == before

        unused = UdpTransport(server.nameserver)
        never_sent = unused.exchange(messages.query(), soon())
        await unused.aclose()  # in the same turn: on a loop without readers nothing is attached yet
        assert never_sent.exception().local
        assert open_sockets() == before
        await server.stop()

    any_loop(scenario())


# Posted by the batch


class Taker:
    """Who posts, and what it was told."""

    def __init__(self, transport):
        self.taken = []
        self.adoptions = []
        self.news = asyncio.Event()
        transport.taker = self

    def took(self, replies):
        self.taken += [(tag, reply) for (_, tag, _), reply in replies]
        self.news.set()

    def adopted(self, posted, exchange):
        self.adoptions.append((posted[1], exchange))
        self.news.set()

    async def until(self, *, taken=0, adopted=0):
        while len(self.taken) < taken or len(self.adoptions) < adopted:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 10)

    @property
    def tags(self):
        return [tag for tag, _ in self.taken]


def post(transport, messages, *names, patience=5.0, deadline=10.0, type=1):
    """Post a query for each name, with the name for a tag; gives the sheet."""
    now = asyncio.get_running_loop().time()
    sheet = Sheet(messages.query()[2:12], b"", now, now + patience, now + deadline, edns=False, turn=None)
    transport.post([(messages.query(name, type=type)[12:], name) for name in names], sheet)
    return sheet


def hosts(count, prefix="n"):
    return [f"{prefix}{number}.example" for number in range(count)]


async def test_posted_queries_come_back_by_the_batch(udp_server, messages):
    server = await udp_server()
    async with carrying(server) as transport:
        taker = Taker(transport)
        post(transport, messages, *hosts(100))
        post(transport, messages)
        assert transport.in_flight == 100
        await taker.until(taken=100)
        assert sorted(taker.tags) == sorted(hosts(100))
        for tag, reply in taker.taken:
            assert reply[2:] == messages.reply(messages.query(tag))[2:]
        assert (transport.in_flight, transport.ignored, taker.adoptions) == (0, 0, [])
    assert sorted(query[2:] for query, _ in server.queries) == sorted(messages.query(name)[2:] for name in hosts(100))
    assert len({query[:2] + bytes(str(address), "ascii") for query, address in server.queries}) == 100
    assert len(set(server.ports)) >= 4


FORGERIES_OF_POSTED = [
    lambda query, messages: messages.reply(bytes([query[0] ^ 1]) + query[1:]),
    lambda query, messages: messages.reply(query[:2] + messages.query("other.example")[2:]),
    lambda query, messages: messages.reply(query[:2] + messages.query("n0.example", type=28)[2:]),
    lambda query, messages: query,
    lambda query, messages: messages.reply(query)[:2] + b"\xa8" + messages.reply(query)[3:],
    lambda query, messages: messages.reply(query)[:4] + b"\0\2" + messages.reply(query)[6:],
    lambda query, messages: messages.reply(query)[:4] + b"\1\1" + messages.reply(query)[6:],
    lambda query, messages: messages.reply(query)[:11],
    lambda query, messages: messages.reply(query[:20]),
    lambda query, messages: query[:2],
    lambda query, messages: b"",
]


@pytest.mark.parametrize("forgery", FORGERIES_OF_POSTED)
async def test_posted_queries_ignore_what_does_not_match(udp_server, messages, forgery):
    def react(server, query, address):
        server.send(forgery(query, messages), address)
        server.send(messages.reply(query), address)

    server = await udp_server(react)
    async with carrying(server) as transport:
        taker = Taker(transport)
        post(transport, messages, "n0.example")
        await taker.until(taken=1)
        assert [reply[2:12] for _, reply in taker.taken] == [messages.reply(messages.query("n0.example"))[2:12]]
        assert transport.ignored == transport.near_misses == 1


@pytest.mark.parametrize("forgery", FORGERIES_OF_POSTED)
async def test_a_loop_that_hands_datagrams_over_is_as_strict(udp_server, messages, forgery):
    server = await udp_server(None)
    async with carrying(server, sockets=1) as transport:
        taker = Taker(transport)
        post(transport, messages, "n0.example")
        query, _ = await server.next()
        (sock,) = transport._sockets
        sock.take(forgery(query, messages))
        assert (taker.taken, transport.ignored) == ([], 1)
        sock.take(messages.reply(query))
        assert taker.taken == [("n0.example", messages.reply(query))]


async def test_copies_of_replies_to_posted_queries_are_ignored(udp_server, messages):
    def react(server, query, address):
        for _ in range(3):
            server.send(messages.reply(query), address)

    server = await udp_server(react)
    async with carrying(server, sockets=1) as transport:
        taker = Taker(transport)
        post(transport, messages, *hosts(50))
        await taker.until(taken=50)
        post(transport, messages, "last.example")
        await taker.until(taken=51)
        assert sorted(taker.tags) == sorted([*hosts(50), "last.example"])
        assert transport.near_misses == 0


async def test_posted_queries_and_exchanges_go_side_by_side(udp_server, messages):
    server = await udp_server()
    async with carrying(server, sockets=1) as transport:
        taker = Taker(transport)
        post(transport, messages, *hosts(20))
        exchanges = [transport.exchange(messages.query(name), soon()) for name in hosts(20)]
        post(transport, messages, *hosts(20, "m"))
        replies = await asyncio.gather(*exchanges)
        await taker.until(taken=40)
        assert [reply[12:26] for reply in replies] == [messages.query(name)[12:26] for name in hosts(20)]
        assert sorted(taker.tags) == sorted([*hosts(20), *hosts(20, "m")])


async def test_patience_ends_for_what_is_due_and_a_late_reply_still_counts(udp_server, messages):
    server = await udp_server(None)
    async with carrying(server, sockets=1) as transport:
        taker = Taker(transport)
        soon_due = post(transport, messages, "a.example", "b.example", patience=1)
        post(transport, messages, "c.example", patience=100, deadline=200)
        arrived = {messages_name(query): (query, address) for query, address in [await server.next() for _ in "abc"]}
        assert transport.overdue(soon_due.sent) == []
        late = transport.overdue(soon_due.due)
        assert [posted[1] for posted, _ in late] == ["a.example", "b.example"]
        assert transport.overdue(soon_due.due) == []
        assert transport.in_flight == 3
        for query, address in arrived.values():
            server.send(messages.reply(query), address)
        replies = await asyncio.gather(*[exchange for _, exchange in late])
        assert [reply[:2] for reply in replies] == [arrived[name][0][:2] for name in (b"a", b"b")]
        await taker.until(taken=1)
        assert taker.tags == ["c.example"]
        assert (transport.in_flight, transport.ignored) == (0, 0)


def messages_name(query):
    """The first label of the question."""
    return query[13 : 13 + query[12]]


async def test_what_has_come_is_read_before_patience_ends(udp_server, messages):
    """The loop was held up: the replies lie there, and nobody has read them."""
    server = await udp_server(None)
    async with carrying(server, sockets=1) as transport:
        taker = Taker(transport)
        sheet = post(transport, messages, *hosts(300), "silent.example")
        for query, address in [await server.next() for _ in range(301)]:
            if messages_name(query) != b"silent":
                server.send(messages.reply(query), address)
        assert taker.taken == []
        late = transport.overdue(sheet.due)
        assert [posted[1] for posted, _ in late] == ["silent.example"]
        assert len(taker.taken) == 300
        late[0][1].cancel()
        assert transport.in_flight == 0


def test_exchanges_made_of_posted_queries_end_at_their_deadline(run_virtual, messages, servers):
    async def main():
        server = await servers.udp(None)
        loop = asyncio.get_running_loop()
        async with carrying(server) as transport:
            Taker(transport)
            sheet = post(transport, messages, "a.example", patience=1, deadline=3)
            await asyncio.sleep(1)
            ((_, exchange),) = transport.overdue(loop.time())
            with pytest.raises(TransportError) as raised:
                await exchange
            assert raised.value.errno == errno.ETIMEDOUT
            assert loop.time() == pytest.approx(sheet.deadline, abs=0.002)
            assert transport.in_flight == 0
        await servers.stop()

    run_virtual(main())


async def test_what_is_withdrawn_is_waited_for_no_more(udp_server, messages):
    server = await udp_server(None)
    async with carrying(server) as transport:
        taker = Taker(transport)
        post(transport, messages, *hosts(50))
        assert transport.withdraw({*hosts(40), "unknown.example"}) == 40
        assert transport.withdraw(hosts(40)) == 0
        assert transport.in_flight == 10
        for _ in range(50):
            query, address = await server.next()
            server.send(messages.reply(query), address)
        await taker.until(taken=10)
        assert sorted(taker.tags) == hosts(50)[40:]
        assert transport.near_misses == 0  # late, but nobody's guess


async def test_sockets_are_renewed_while_posted_queries_wait(udp_server, messages, open_sockets):
    server = await udp_server(None)
    before = open_sockets()
    async with carrying(server, sockets=2, renew_queries=10) as transport:
        taker = Taker(transport)
        post(transport, messages, *hosts(35))
        assert len(transport._retiring) >= 1
        for _ in range(35):
            query, address = await server.next()
            server.send(messages.reply(query), address)
        await taker.until(taken=35)
        assert sorted(taker.tags) == sorted(hosts(35))
        await settle()
        assert not transport._retiring
        assert open_sockets() <= before + 2
        assert len(set(server.ports)) >= 3

        post(transport, messages, *hosts(35, "m"))  # who leaves closes what retires too
        assert transport._retiring
        assert transport.withdraw(hosts(35, "m")) == 35
        assert not transport._retiring
        assert open_sockets() <= before + 2


async def test_refusal_adopts_all_posted_queries_on_the_socket(messages, closed_port):
    async with carrying(Nameserver("udp", "127.0.0.1", closed_port), sockets=1) as transport:
        taker = Taker(transport)
        post(transport, messages, *hosts(3))
        await taker.until(adopted=3)
        assert sorted(tag for tag, _ in taker.adoptions) == hosts(3)
        errors = await asyncio.gather(*[exchange for _, exchange in taker.adoptions], return_exceptions=True)
        assert [(error.errno, error.local) for error in errors] == [(errno.ECONNREFUSED, False)] * 3
        assert (transport.in_flight, taker.taken) == (0, [])


async def test_a_posted_query_that_has_to_wait_is_sent_when_it_can(udp_server, messages):
    server = await udp_server()
    async with carrying(server, sockets=1) as transport:
        taker = Taker(transport)
        await transport.exchange(messages.query(), soon())
        (sock,) = transport._sockets
        send, sock.send = sock.send, fail_with(BlockingIOError(errno.EAGAIN, "full"))
        post(transport, messages, *hosts(5))
        assert [tag for tag, _ in taker.adoptions] == hosts(5)
        await settle()
        sock.send = send
        replies = await asyncio.gather(*[exchange for _, exchange in taker.adoptions])
        assert [reply[12:26] for reply in replies] == [messages.query(name)[12:26] for name in hosts(5)]
        assert len(server.queries) == 6
        assert transport.in_flight == 0


@pytest.mark.parametrize("code", [errno.ENETUNREACH, errno.EPERM])
async def test_a_posted_query_that_this_machine_cannot_send(udp_server, messages, code):
    server = await udp_server()
    async with carrying(server, sockets=1) as transport:
        taker = Taker(transport)
        await transport.exchange(messages.query(), soon())
        transport._sockets[0].send = fail_with(OSError(code, "no"))
        post(transport, messages, "a.example")
        ((_, exchange),) = taker.adoptions
        assert exchange.exception().local
        post(transport, messages, "b.example")  # on a new socket
        await taker.until(taken=1)
        assert taker.tags == ["b.example"]


async def test_without_a_socket_all_posted_queries_are_adopted(udp_server, messages, monkeypatch):
    server = await udp_server()

    def no_descriptor(*args, **options):
        raise OSError(errno.EMFILE, "Too many open files")

    async with carrying(server) as transport:
        taker = Taker(transport)
        with monkeypatch.context() as patch:
            patch.setattr(udp, "open_connected", no_descriptor)
            post(transport, messages, *hosts(5))
        assert [tag for tag, _ in taker.adoptions] == hosts(5)
        assert {exchange.exception().errno for _, exchange in taker.adoptions} == {errno.EMFILE}
        assert {exchange.exception().local for _, exchange in taker.adoptions} == {True}
        post(transport, messages, *hosts(5))
        await taker.until(taken=5)


async def test_closing_adopts_what_was_posted(udp_server, messages):
    server = await udp_server(None)
    async with carrying(server) as transport:
        taker = Taker(transport)
        post(transport, messages, *hosts(20))
    assert sorted(tag for tag, _ in taker.adoptions) == sorted(hosts(20))
    assert {exchange.exception().errno for _, exchange in taker.adoptions} == {errno.ECONNABORTED}
    assert transport.in_flight == 0


def test_posting_on_each_kind_of_loop(any_loop, servers, messages):
    async def main():
        server = await servers.udp()
        async with carrying(server, renew_queries=30) as transport:
            taker = Taker(transport)
            post(transport, messages, *hosts(100))
            while len(taker.taken) < 100:  # those that were posted before the socket was attached are adopted
                replies = [tag for tag, exchange in taker.adoptions if exchange.done() and exchange.result()]
                if len(replies) + len(taker.taken) == 100:
                    break
                await asyncio.sleep(0.001)
            post(transport, messages, *hosts(10, "m"))
            await taker.until(taken=1)

    any_loop(main())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
async def test_what_the_kernel_dropped_is_counted_also_of_closed_sockets(messages):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        transport = UdpTransport(Nameserver("udp", "127.0.0.1", server.getsockname()[1]), sockets=1)
        waiting = transport.exchange(messages.query("a.example"), asyncio.get_running_loop().time() + 5)
        peer = server.recvfrom(512)[1]
        transport._sockets[0]._connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        for _ in range(200):
            server.sendto(bytes(300), peer)
        dropped = transport.dropped
        waiting.cancel()
        await transport.aclose()
    assert 0 < dropped == transport.dropped
