"""TcpTransport: one kept connection, its frames, and what happens when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys

import pytest

from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.transports import tcp
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.tcp import TcpTransport


def soon() -> float:
    return asyncio.get_running_loop().time() + 10


@contextlib.asynccontextmanager
async def carrying(server, **options):
    nameserver = server if isinstance(server, Nameserver) else server.nameserver
    transport = TcpTransport(nameserver, **options)
    try:
        yield transport
    finally:
        await transport.aclose()


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_one_connection_for_all(tcp_server, messages):
    server = await tcp_server()
    async with carrying(server) as transport:
        query = messages.query()
        reply = await transport.exchange(query, soon())
        assert await asyncio.gather(*[transport.exchange(query, soon()) for _ in range(200)])
    (peer,) = server.peers
    assert reply == messages.reply(peer.queries[0])
    assert peer.queries[0][2:] == query[2:]
    assert len(peer.queries) == 201
    assert transport.ignored == 0


async def test_one_connection_even_for_those_who_come_while_it_is_made(tcp_server, messages):
    server = await tcp_server()
    async with carrying(server) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(20)]
        await asyncio.sleep(0)
        futures += [transport.exchange(messages.query(), soon()) for _ in range(20)]
        await asyncio.gather(*futures)
    assert len(server.peers) == 1


async def test_replies_in_any_order(tcp_server, messages):
    server = await tcp_server(None)
    async with carrying(server) as transport:
        futures = [transport.exchange(messages.query(f"h{number}.example"), soon()) for number in range(100)]
        for _ in futures:
            peer, _ = await server.next()
        for query in reversed(peer.queries):
            peer.send(messages.reply(query))
        replies = await asyncio.gather(*futures)
    for number, reply in enumerate(replies):
        assert messages.query(f"h{number}.example")[12:] in reply


async def test_frames_in_pieces_and_together(tcp_server, messages):
    server = await tcp_server(None)
    async with carrying(server) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(4)]
        for _ in futures:
            peer, _ = await server.next()
        wire = b"".join(framed(messages.reply(query, bytes(300))) for query in peer.queries)
        pieces = [wire[:1], wire[1:2], wire[2:13], wire[13:400], wire[400:]]
        for piece in pieces:
            peer.transport.write(piece)
            await turns()
        await asyncio.gather(*futures)


async def test_largest_message(tcp_server, messages):
    server = await tcp_server(lambda peer, query: peer.send(messages.reply(query, bytes(65535 - len(query)))))
    async with carrying(server) as transport:
        assert len(await transport.exchange(messages.query(), soon())) == 65535


FORGERIES = {
    "another id": lambda reply: bytes([reply[0] ^ 1]) + reply[1:],
    "a query, not a reply": lambda reply: reply[:2] + bytes([reply[2] & 0x7F]) + reply[3:],
    "another opcode": lambda reply: reply[:2] + bytes([reply[2] | 0x10]) + reply[3:],
    "another name": lambda reply: reply.replace(b"www", b"wwx"),
    "two questions": lambda reply: reply[:5] + b"\2" + reply[6:],
    "11 bytes": lambda reply: reply[:11],
    "nothing": lambda reply: b"",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_ignores_what_does_not_match(tcp_server, messages, forgery):
    def confuse(peer, query):
        peer.send(FORGERIES[forgery](messages.reply(query)))
        peer.send(messages.reply(query))

    server = await tcp_server(confuse)
    async with carrying(server) as transport:
        assert await transport.exchange(messages.query(), soon())
    assert transport.ignored == 1


async def test_takes_an_error_without_question(tcp_server, messages):
    refused = b"\x81\x05" + bytes(8)
    server = await tcp_server(lambda peer, query: peer.send(query[:2] + refused))
    async with carrying(server) as transport:
        assert (await transport.exchange(messages.query(), soon()))[2:] == refused


async def test_asks_again_when_a_used_connection_was_closed(tcp_server, messages):
    def close_on_the_second(peer, query):
        if len(server.peers) == 1 and len(peer.queries) > 1:
            peer.transport.close()
        else:
            peer.send(messages.reply(query))

    server = await tcp_server(close_on_the_second)
    async with carrying(server) as transport:
        await transport.exchange(messages.query("a.example"), soon())
        replies = await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(10)])
    assert len(replies) == 10
    assert len(server.peers) == 2
    assert len(server.peers[1].queries) == 10


async def test_only_what_got_no_reply_is_asked_again(tcp_server, messages):
    def answer_two_then_close(peer, query):
        if len(server.peers) > 1 or len(peer.queries) < 3:
            peer.send(messages.reply(query))
        else:
            peer.transport.close()

    server = await tcp_server(answer_two_then_close)
    async with carrying(server) as transport:
        names = ["a.example", "b.example", "c.example"]
        await asyncio.gather(*[transport.exchange(messages.query(name), soon()) for name in names])
    assert [query[12:] for query in server.peers[1].queries] == [messages.query("c.example")[12:]]


async def test_asks_again_only_once(tcp_server, messages):
    def answer_one_then_close(peer, query):
        if len(peer.queries) == 1 and b"last" not in query:
            peer.send(messages.reply(query))
        else:
            peer.transport.close()

    server = await tcp_server(answer_one_then_close)
    async with carrying(server) as transport:
        await transport.exchange(messages.query(), soon())
        with pytest.raises(TransportError, match="the nameserver closed the connection"):
            await transport.exchange(messages.query("last"), soon())
    assert len(server.peers) == 2


async def test_fresh_connection_that_dies(tcp_server, messages):
    server = await tcp_server(lambda peer, query: peer.transport.close())
    async with carrying(server) as transport:
        with pytest.raises(TransportError, match="the nameserver closed the connection") as raised:
            await transport.exchange(messages.query(), soon())
        assert raised.value.errno == errno.ECONNRESET
        assert not raised.value.local
        await turns(20)
    assert len(server.peers) == 1


async def test_reset_connection(tcp_server, messages):
    server = await tcp_server(None)
    async with carrying(server) as transport:
        future = transport.exchange(messages.query(), soon())
        peer, _ = await server.next()
        linger_not = b"\1\0\0\0\0\0\0\0"
        peer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
        peer.transport.abort()
        with pytest.raises(TransportError, match="the connection broke: Connection reset"):
            await future


async def test_closed_while_idle(tcp_server, messages):
    server = await tcp_server()
    async with carrying(server) as transport:
        await transport.exchange(messages.query(), soon())
        server.peers[0].transport.close()
        await server.peers[0].closed.wait()
        await transport.exchange(messages.query(), soon())
    assert len(server.peers) == 2


async def test_nobody_listens(messages, closed_port):
    async with carrying(Nameserver("tcp", "127.0.0.1", closed_port)) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(3)]
        for future in futures:
            with pytest.raises(TransportError, match="no connection to the nameserver: Connection refused") as raised:
                await future
            assert raised.value.errno == errno.ECONNREFUSED
            assert not raised.value.local
        assert transport.in_flight == 0


async def test_wrong_source_is_this_machines_fault(tcp_server, messages):
    server = await tcp_server()
    async with carrying(server, source="192.0.2.77") as transport:
        with pytest.raises(TransportError) as raised:
            await transport.exchange(messages.query(), soon())
        assert raised.value.local
    async with carrying(server, source="127.0.0.1") as transport:
        assert await transport.exchange(messages.query(), soon())


@contextlib.contextmanager
def deaf_listener():
    """A listener whose backlog is full, so that a further connection is neither made nor refused."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield Nameserver("tcp", *listener.getsockname())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="backlogs differ")
def test_deadline_and_cancelling_hold_while_connecting(run_virtual, messages, open_sockets):
    async def scenario():
        loop = asyncio.get_running_loop()
        with deaf_listener() as nameserver:
            before = open_sockets()
            async with carrying(nameserver) as transport:
                begun = loop.time()
                futures = [transport.exchange(messages.query(), begun + after) for after in (1, 2)]
                for future in futures:
                    with pytest.raises(TransportError, match="no reply before the deadline"):
                        await future
                assert 2 <= loop.time() - begun < 2.01
                await turns()
                assert open_sockets() == before  # nobody waits, so it does not go on connecting
                given_up = transport.exchange(messages.query(), begun + 1000)
                await turns()
                given_up.cancel()
                another = transport.exchange(messages.query(), begun + 1000)
                await turns()
                assert open_sockets() == before + 1
            assert another.exception().local
            assert open_sockets() == before

    run_virtual(scenario())


def test_idle_connection_is_closed(run_virtual, messages, servers):
    async def scenario():
        server = await servers.tcp()
        async with carrying(server, idle_timeout=10) as transport:
            for pause in (0, 6, 6, 9):
                await asyncio.sleep(pause)
                await transport.exchange(messages.query(), soon())
            assert len(server.peers) == 1
            await asyncio.sleep(9)
            assert not server.peers[0].closed.is_set()
            await asyncio.sleep(2)
            assert server.peers[0].closed.is_set()
            assert len(transport._ring) == 0
            await transport.exchange(messages.query(), soon())
            assert len(server.peers) == 2
        await server.stop()

    run_virtual(scenario())


def test_idle_for_as_long_as_the_nameserver_says(run_virtual, messages, servers):
    async def scenario():
        server = await servers.tcp()
        async with carrying(server, idle_timeout=10) as transport:
            transport.keep_alive(5)  # there is no connection that this could be about
            await transport.exchange(messages.query(), soon())
            transport.keep_alive(30)
            await asyncio.sleep(29)
            assert not server.peers[0].closed.is_set()
            await asyncio.sleep(2)
            assert server.peers[0].closed.is_set()
            await transport.exchange(messages.query(), soon())  # and the next one is not bound by that
            await asyncio.sleep(11)
            assert server.peers[1].closed.is_set()
            await transport.exchange(messages.query(), soon())
            transport.keep_alive(1)
            await asyncio.sleep(2)
            assert server.peers[2].closed.is_set()
            await transport.exchange(messages.query(), soon())
            transport.keep_alive(6553.5)
            await asyncio.sleep(tcp.MOST_IDLE + 1)
            assert server.peers[3].closed.is_set()
            assert transport.handshakes == len(server.peers) == 4
        await server.stop()

    run_virtual(scenario())


async def test_a_nameserver_that_wants_no_more_queries(tcp_server, messages):
    server = await tcp_server(None)
    async with carrying(server) as transport:
        first = transport.exchange(messages.query("a.example"), soon())
        peer, query = await server.next()
        transport.keep_alive(0)
        second = transport.exchange(messages.query("b.example"), soon())
        other, other_query = await server.next()
        assert other is not peer
        peer.send(messages.reply(query))
        await first
        await asyncio.wait_for(peer.closed.wait(), 10)
        other.send(messages.reply(other_query))
        await second
    assert transport.handshakes == 2


def test_when_it_has_fallen_silent_new_queries_go_over_a_new_connection(run_virtual, messages, servers):
    async def scenario():
        def answer_over_the_second(peer, query):
            if len(server.peers) == 2:
                peer.send(messages.reply(query))

        server = await servers.tcp()
        loop = asyncio.get_running_loop()
        async with carrying(server) as transport:
            await transport.exchange(messages.query(), soon())
            server.react = answer_over_the_second
            await asyncio.sleep(5)
            patient = transport.exchange(messages.query("a.example"), loop.time() + 5)
            await asyncio.sleep(tcp.QUIET - 0.5)
            doubting = transport.exchange(messages.query("b.example"), loop.time() + 5)
            await turns()
            assert len(server.peers) == 1
            await asyncio.sleep(1)
            await transport.exchange(messages.query("c.example"), loop.time() + 1)
            assert len(server.peers) == 2
            assert not server.peers[0].closed.is_set()
            for future in (patient, doubting):
                with pytest.raises(TransportError, match="deadline"):
                    await future
            await server.peers[0].closed.wait()
            await transport.exchange(messages.query("d.example"), soon())
            assert len(server.peers) == 2
        await server.stop()

    run_virtual(scenario())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="backlogs differ")
def test_an_attempt_that_stalls_is_begun_anew(run_virtual, messages):
    async def scenario():
        loop = asyncio.get_running_loop()
        with deaf_listener() as nameserver:
            async with carrying(nameserver) as transport:
                attempts = set()
                for _ in range(30):  # there is always one that waits
                    transport.exchange(messages.query(), loop.time() + 0.5)
                    await asyncio.sleep(0.2)
                    attempts.add(transport._connecting_since)
                assert len(attempts) == 3

    run_virtual(scenario())


async def test_queries_held_back_go_over_the_next_connection(tcp_server, messages):
    server = await tcp_server(None)
    async with carrying(server) as transport:
        lost = transport.exchange(messages.query("a.example"), asyncio.get_running_loop().time() + 0.05)
        peer, _ = await server.next()
        transport._connection.pause_writing()
        held = transport.exchange(messages.query("b.example"), soon())
        with pytest.raises(TransportError, match="deadline"):
            await lost
        other, query = await server.next()
        assert other is not peer
        other.send(messages.reply(query))
        await held


def test_a_waiting_query_is_not_idle(run_virtual, messages, servers):
    async def scenario():
        server = await servers.tcp()
        async with carrying(server, idle_timeout=1) as transport:
            await transport.exchange(messages.query(), soon())
            server.react = None
            slow = transport.exchange(messages.query(), soon())
            await asyncio.sleep(5)
            server.peers[0].send(messages.reply(server.peers[0].queries[1]))
            await slow
        await server.stop()

    run_virtual(scenario())


def test_dripping_ends_at_the_deadline(run_virtual, messages, servers):
    async def scenario():
        server = await servers.tcp(None)
        loop = asyncio.get_running_loop()
        async with carrying(server) as transport:
            future = transport.exchange(messages.query(), loop.time() + 5)
            peer, query = await server.next()
            peer.transport.write(b"\xff\xff" + messages.reply(query))
            for _ in range(4):
                await asyncio.sleep(1)
                peer.transport.write(b"\0")
            with pytest.raises(TransportError, match="deadline"):
                await future
            # Not a whole reply since: the next query does not go where this one was lost.
            server.react = lambda peer, query: peer.send(messages.reply(query))
            await transport.exchange(messages.query(), soon())
            assert len(server.peers) == 2
            await peer.closed.wait()
        await server.stop()

    run_virtual(scenario())


def test_others_on_a_silent_connection_may_hope_on(run_virtual, messages, servers):
    async def scenario():
        server = await servers.tcp(None)
        loop = asyncio.get_running_loop()
        async with carrying(server) as transport:
            impatient = transport.exchange(messages.query("a.example"), loop.time() + 1)
            patient = transport.exchange(messages.query("b.example"), loop.time() + 10)
            await asyncio.sleep(2)
            assert impatient.exception()
            newer = transport.exchange(messages.query("c.example"), loop.time() + 10)
            peer, _ = await server.next()
            await server.next()
            peer.send(messages.reply(peer.queries[1]))
            await patient
            await peer.closed.wait()
            other, query = await server.next()
            assert other is not peer
            other.send(messages.reply(query))
            await newer
        await server.stop()

    run_virtual(scenario())


def test_a_talking_connection_outlives_a_lost_query(run_virtual, messages, servers):
    async def scenario():
        def lose_some(peer, query):
            if b"lost" not in query:
                peer.send(messages.reply(query))

        server = await servers.tcp(lose_some)
        loop = asyncio.get_running_loop()
        async with carrying(server) as transport:
            lost = transport.exchange(messages.query("lost"), loop.time() + 2)
            await asyncio.sleep(1)
            await transport.exchange(messages.query(), soon())
            with pytest.raises(TransportError):
                await lost
            await transport.exchange(messages.query(), soon())
        assert len(server.peers) == 1
        await server.stop()

    run_virtual(scenario())


async def test_cancelling_frees_the_id(tcp_server, messages):
    server = await tcp_server(None)
    async with carrying(server) as transport:
        future = transport.exchange(messages.query(), soon())
        peer, query = await server.next()
        future.cancel()
        assert transport.in_flight == 0
        other = transport.exchange(messages.query(), soon())
        _, other_query = await server.next()
        peer.send(messages.reply(query))
        peer.send(messages.reply(other_query))
        await other
    assert transport.ignored == 1


async def test_holds_back_what_the_nameserver_does_not_read(tcp_server, messages):
    server = await tcp_server()
    async with carrying(server) as transport:
        await transport.exchange(messages.query(), soon())
        connection = transport._connection
        connection.pause_writing()
        futures = [transport.exchange(messages.query(), soon()) for _ in range(5)]
        futures[0].cancel()
        await turns()
        assert len(server.peers[0].queries) == 1
        connection.resume_writing()
        await asyncio.gather(*futures[1:])
    assert len(server.peers) == 1
    assert len(server.peers[0].queries) == 5


async def test_bound_on_queries_in_flight(tcp_server, messages, monkeypatch):
    monkeypatch.setattr(tcp, "MOST_PENDING", 3)
    server = await tcp_server(None)
    async with carrying(server) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(4)]
        with pytest.raises(TransportError, match="too many") as raised:
            await futures[3]
        assert raised.value.local
        assert transport.capacity == 3
    assert all(future.exception() for future in futures)


async def test_ids_are_never_shared(tcp_server, messages):
    server = await tcp_server(None)
    async with carrying(server) as transport:
        futures = [transport.exchange(messages.query(), soon()) for _ in range(3000)]
        assert len({future.id for future in futures}) == 3000
        assert transport.in_flight == 3000
    assert {future.exception().errno for future in futures} == {errno.ECONNABORTED}


@pytest.mark.parametrize("moment", ["never used", "connecting", "waiting", "idle"])
async def test_closing(tcp_server, messages, open_sockets, moment):
    server = await tcp_server(None)
    before = open_sockets()
    transport = TcpTransport(server.nameserver)
    future = None
    if moment != "never used":
        future = transport.exchange(messages.query(), soon())
    if moment in {"waiting", "idle"}:
        peer, query = await server.next()
    if moment == "idle":
        peer.send(messages.reply(query))
        await future
    await transport.aclose()
    await transport.aclose()
    for peer in server.peers:
        await asyncio.wait_for(peer.closed.wait(), 10)
    await turns()
    assert open_sockets() == before
    assert not [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]
    for failed in [
        transport.exchange(messages.query(), soon()),
        *([future] if moment in {"connecting", "waiting"} else []),
    ]:
        with pytest.raises(TransportError, match="the transport is closed"):
            await failed


def test_belongs_to_one_loop(messages, closed_port):
    transport = TcpTransport(Nameserver("tcp", "127.0.0.1", closed_port))

    async def use():
        with contextlib.suppress(TransportError):
            await transport.exchange(messages.query(), soon())
        await transport.aclose()

    asyncio.run(use())
    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        asyncio.run(use())


async def test_refuses_what_is_no_query(closed_port):
    async with carrying(Nameserver("tcp", "127.0.0.1", closed_port)) as transport:
        with pytest.raises(ValueError, match="not a whole DNS message"):
            transport.exchange(b"\0" * 5, soon())


@pytest.mark.parametrize("options", [{"idle_timeout": 0}, {"source": "::1"}])
def test_impossible_settings(options):
    with pytest.raises(ConfigurationError):
        TcpTransport(Nameserver("tcp", "127.0.0.1"), **options)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks are never eager")
async def test_with_eager_tasks(tcp_server, messages):
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    server = await tcp_server()
    async with carrying(server) as transport:
        await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(10)])
    async with carrying(server, source="192.0.2.77") as transport:  # fails before it is ever suspended
        for _ in range(2):
            with pytest.raises(TransportError):
                await transport.exchange(messages.query(), soon())


def test_closing_at_any_moment_of_connecting(any_loop, servers, messages):
    async def scenario():
        server = await servers.tcp()
        for turns in range(12):
            for cancels in (True, False):
                transport = TcpTransport(server.nameserver)
                reply = transport.exchange(messages.query(), soon())
                for _ in range(turns):
                    await asyncio.sleep(0)
                if cancels:
                    reply.cancel()
                await asyncio.wait_for(transport.aclose(), 5)
                assert reply.cancelled() or isinstance(reply.exception(), TransportError) or reply.result()

    any_loop(scenario())


def test_on_each_kind_of_loop(any_loop, servers, messages, open_sockets, closed_port):
    async def scenario():
        server = await servers.tcp()
        async with carrying(server) as transport:
            await asyncio.gather(*[transport.exchange(messages.query(), soon()) for _ in range(50)])
            server.peers[0].transport.close()
            await server.peers[0].closed.wait()
            await transport.exchange(messages.query(), soon())
            assert len(server.peers) == 2
            server.react = None
            late = transport.exchange(messages.query(), asyncio.get_running_loop().time() + 0.02)
            with pytest.raises(TransportError, match="deadline"):
                await late
        for peer in server.peers:
            await peer.closed.wait()
        await server.stop()
        await asyncio.sleep(0.01)
        before = open_sockets()
        async with carrying(Nameserver("tcp", "127.0.0.1", closed_port)) as transport:
            with pytest.raises(TransportError, match="no connection to the nameserver"):
                await transport.exchange(messages.query(), soon())
            connecting = transport.exchange(messages.query(), soon())
        assert connecting.exception().local
        assert open_sockets() == before

    any_loop(scenario())
