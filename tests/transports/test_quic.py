"""QuicTransport: a stream for each query, one connection for all; what is not right is refused, in words."""

from __future__ import annotations

import asyncio
import errno
import gc
import importlib
import os
import socket
import ssl
import sys

import pytest

pytest.importorskip("aioquic")

from aioquic.quic.connection import Limit

from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.testing.certificates import CertificateAuthority
from aioresolver.testing.quic_listener import QuicListener
from aioresolver.transports import quic_connection
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.quic import QuicTransport

AUTHORITY = CertificateAuthority()
GOOD = AUTHORITY.issue("127.0.0.1", "::1", "dns.test")


def soon(seconds=10.0):
    return asyncio.get_running_loop().time() + seconds


def make_query(name="www.example"):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    return b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0\1\0\1"


def make_reply(query, payload=b"\xc0\x0c and the rest"):
    return query[:2] + bytes([query[2] | 0x80]) + query[3:] + payload


def answer(stream, query):
    stream.send(make_reply(query), ("", 0))


def framed(message):
    return len(message).to_bytes(2, "big") + message


def say(stream, data, *, end=False):
    stream._connection.write(stream, data, end=end)


class Server:
    """A QuicListener that does with a query what the test says; restarted, it is at the same place."""

    def __init__(self, react=answer, *, certificate=GOOD, address="127.0.0.1", idle=10.0):
        self.react = react
        self.certificate = certificate
        self.address = address
        self.idle = idle
        self.port = 0
        self.queries = []
        self._arrived = None

    def receive(self, query, client, stream):
        self.queries.append(query)
        self.stream = stream
        self._arrived.set()
        self.react(stream, query)

    async def __aenter__(self):
        self._arrived = asyncio.Event()
        sock = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((self.address, self.port))
        self.port = sock.getsockname()[1]
        loop = asyncio.get_running_loop()
        self.listener = QuicListener(sock, self, loop, certificate=self.certificate, idle=self.idle)
        await self.listener.start()
        return self

    async def __aexit__(self, *error):
        await self.listener.close()

    async def arrival(self, count=1):
        while len(self.queries) < count:
            self._arrived.clear()
            await asyncio.wait_for(self._arrived.wait(), 10)

    @property
    def connection(self):
        return next(iter(self.listener.connections.values()))

    def forget_connections(self):
        """As after a restart: nothing is known of any."""
        for connection in set(self.listener.connections.values()):
            connection.drop()

    def transport(self, *, context=None, idle_timeout=10.0, **more):
        nameserver = Nameserver("quic", self.address, self.port, **more)
        if not (nameserver.pins or nameserver.opportunistic or context):
            context = AUTHORITY.client_context()
        return QuicTransport(nameserver, context=context, idle_timeout=idle_timeout)


class Fixed(Limit):
    """A limit that is never raised."""

    value = property(lambda self: self.sent, lambda self, _: None)


def limit_streams(server, count, *, more=True):
    accept = server.listener._accept

    def accept_few(original, client):
        connection = accept(original, client)
        limit = connection.quic._local_max_streams_bidi
        limit.value = limit.sent = count
        if not more:
            limit.__class__ = Fixed
        return connection

    server.listener._accept = accept_few


async def failure(future):
    with pytest.raises(TransportError) as caught:
        await future
    return caught.value


@pytest.fixture
def impatient(monkeypatch):
    """Silence is noticed at once."""
    monkeypatch.setattr(quic_connection, "LEAST_PATIENCE", 0.03)
    monkeypatch.setattr(quic_connection, "PATIENCE", 0.001)


# Queries and replies


def test_a_query_goes_on_a_stream_of_its_own_with_id_0(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            query = make_query()

            reply = await transport.exchange(query, soon())

            assert server.queries == [b"\0\0" + query[2:]]
            assert reply == make_reply(b"\0\0" + query[2:])
            assert transport.in_flight == 0
            await transport.aclose()

    run(main())


def test_a_thousand_queries_cost_one_handshake(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            queries = [make_query(f"h{number}.example") for number in range(1000)]

            replies = await asyncio.gather(*(transport.exchange(query, soon()) for query in queries))

            assert [reply[2:] for reply in replies] == [make_reply(query)[2:] for query in queries]
            assert (transport.handshakes, transport.resumed, server.listener.handshakes) == (1, 0, 1)
            await transport.aclose()

    run(main())


def test_queries_of_one_turn_share_datagrams(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            sent = []
            connection = transport._connection
            connection._link._send = lambda datagram: (
                sent.append(datagram) or connection._link._connected.send(datagram)
            )

            await asyncio.gather(*(transport.exchange(make_query(f"h{n}.example"), soon()) for n in range(10)))

            assert len(sent[0]) > 10 * len(make_query("h1.example"))
            await transport.aclose()

    run(main())


def test_replies_come_in_any_order(run):
    async def main():
        held = []
        async with Server(lambda stream, query: held.append((stream, query))) as server:
            transport = server.transport()
            queries = [make_query(f"h{number}.example") for number in range(5)]
            futures = [transport.exchange(query, soon()) for query in queries]
            await server.arrival(5)
            for stream, query in reversed(held):
                answer(stream, query)

            replies = await asyncio.gather(*futures)

            assert [reply[12:] for reply in replies] == [make_reply(query)[12:] for query in queries]
            await transport.aclose()

    run(main())


def test_queries_wait_when_the_nameserver_allows_no_more_streams(run, monkeypatch):
    monkeypatch.setattr(quic_connection, "FIRST_STREAMS", 128)

    async def main():
        held = []
        async with Server(lambda stream, query: held.append((stream, query))) as server:
            limit_streams(server, 20, more=False)
            transport = server.transport()
            futures = [transport.exchange(make_query(f"h{number}.example"), soon()) for number in range(50)]
            await server.arrival(20)
            assert (len(server.queries), transport.in_flight) == (20, 50)

            server.connection.quic._local_max_streams_bidi.__class__ = Limit
            server.react = answer
            for stream, query in held:
                answer(stream, query)
            await asyncio.gather(*futures)

            assert (len(server.queries), transport.handshakes) == (50, 1)
            await transport.aclose()

    run(main())


def test_streams_become_more_with_each_reply(run):
    async def main():
        held = []
        async with Server() as server:
            transport = server.transport()
            await asyncio.gather(*(transport.exchange(make_query(f"h{n}.example"), soon()) for n in range(4)))
            server.react = lambda stream, query: held.append((stream, query))
            server.queries.clear()
            futures = [transport.exchange(make_query(f"h{number}.example"), soon()) for number in range(50)]
            await server.arrival(12)
            assert (len(server.queries), transport.in_flight) == (12, 50)

            await transport.aclose()
            await asyncio.gather(*futures, return_exceptions=True)

    run(main())


def test_a_nameserver_that_gives_out_streams_once_is_connected_to_again(run):
    async def main():
        async with Server() as server:
            limit_streams(server, 20, more=False)
            transport = server.transport()

            await asyncio.gather(*(transport.exchange(make_query(f"h{n}.example"), soon()) for n in range(50)))

            assert (len(server.queries), transport.handshakes) == (50, 3)
            await transport.aclose()

    run(main())


def test_one_that_falls_silent_over_many_streams_is_given_few(run, impatient):
    async def main():
        async with Server() as server:

            def react(stream, query):
                if len(stream._connection._streams) > 10:
                    stream._connection.drop()
                else:
                    asyncio.get_running_loop().call_later(0.002, answer, stream, query)

            server.react = react
            transport = server.transport()
            await transport.exchange(make_query(), soon())

            await asyncio.gather(*(transport.exchange(make_query(f"h{n}.example"), soon()) for n in range(50)))

            assert (transport.handshakes, transport.most_streams) == (2, 4)
            await transport.aclose()

    run(main())


def test_after_a_silence_more_streams_are_tried_again(run, monkeypatch):
    async def main():
        async with Server() as server:
            transport = server.transport()
            transport.most_streams, transport._to_prove, transport._probation = 4, 10, 100

            for number in range(12):
                await transport.exchange(make_query(f"h{number}.example"), soon())

            assert (transport.most_streams, transport._to_prove) == (8, 98)
            await transport.aclose()

    run(main())


def test_the_largest_reply_fits(run):
    async def main():
        def react(stream, query):
            stream.send(make_reply(query, bytes(65535 - len(query))), ("", 0))

        async with Server(react) as server:
            transport = server.transport()

            assert len(await transport.exchange(make_query(), soon())) == 65535
            await transport.aclose()

    run(main())


def test_an_error_without_a_question_is_believed(run):
    async def main():
        def react(stream, query):
            stream.send(b"\0\0" + bytes([query[2] | 0x80, 1]) + bytes(8), ("", 0))

        async with Server(react) as server:
            transport = server.transport()

            assert len(await transport.exchange(make_query(), soon())) == 12
            await transport.aclose()

    run(main())


def test_over_ipv6_too(run):
    async def main():
        async with Server(address="::1") as server:
            transport = server.transport()

            assert await transport.exchange(make_query(), soon())
            await transport.aclose()

    run(main())


# Who is not waited for any more


def test_a_cancelled_query_is_called_off(run):
    async def main():
        async with Server(lambda stream, query: None) as server:
            transport = server.transport()
            future = transport.exchange(make_query(), soon())
            await server.arrival()

            future.cancel()
            server.react = answer
            await transport.exchange(make_query("next.example"), soon())

            assert server.listener.cancelled == 1
            assert (transport.handshakes, transport.in_flight) == (1, 0)
            await transport.aclose()

    run(main())


def test_a_cancelled_query_that_never_left_is_never_sent(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            first, second = (transport.exchange(make_query(name), soon()) for name in ("a.example", "b.example"))
            first.cancel()

            await second

            assert len(server.queries) == 1
            await transport.aclose()

    run(main())


def test_without_a_reply_it_fails_at_the_deadline_and_the_next_has_a_new_connection(run):
    async def main():
        async with Server(lambda stream, query: None) as server:
            transport = server.transport()
            error = await failure(transport.exchange(make_query(), soon(0.1)))
            server.react = answer
            await transport.exchange(make_query(), soon())

            assert (error.errno, error.local) == (errno.ETIMEDOUT, False)
            assert transport.handshakes == 2
            await transport.aclose()

    run(main())


def test_one_dead_name_among_others_costs_no_connection(run):
    async def main():
        def react(stream, query):
            if b"dead" not in query:
                answer(stream, query)

        async with Server(react) as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            dead = transport.exchange(make_query("dead.example"), soon(0.1))
            await transport.exchange(make_query("b.example"), soon())
            await failure(dead)
            await transport.exchange(make_query("c.example"), soon())

            assert transport.handshakes == 1
            await transport.aclose()

    run(main())


def test_who_hears_nothing_gives_up_connecting(run):
    async def main():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            transport = QuicTransport(Nameserver("quic", *deaf.getsockname()), context=AUTHORITY.client_context())

            error = await failure(transport.exchange(make_query(), soon(0.05)))

            assert error.errno == errno.ETIMEDOUT
            assert transport._connections == set()
            await transport.aclose()

    run(main())


# Connections that end


def test_where_nobody_listens_it_fails_at_once(run):
    async def main():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            place = free.getsockname()
        transport = QuicTransport(Nameserver("quic", *place), context=AUTHORITY.client_context())

        error = await failure(transport.exchange(make_query(), soon()))

        assert (error.errno, error.local) == (errno.ECONNREFUSED, False)
        await transport.aclose()

    run(main())


def test_a_connection_that_the_nameserver_closes_is_replaced_and_the_query_sent_again(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            server.react = lambda stream, query: stream._connection.close(4, "enough")
            future = transport.exchange(make_query("again.example"), soon())
            await server.arrival(2)
            server.react = answer

            await future

            assert (len(server.queries), transport.handshakes, transport.resumed) == (3, 2, 1)
            assert server.listener.resumed == 1
            await transport.aclose()

    run(main())


def test_it_is_sent_again_once(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            server.react = lambda stream, query: stream._connection.close(4, "enough")

            error = await failure(transport.exchange(make_query(), soon()))

            assert error.strerror == "the nameserver closed the connection: enough"
            assert len(server.queries) == 3
            await transport.aclose()

    run(main())


def test_a_nameserver_that_fell_silent_is_connected_to_again(run, impatient):
    async def main():
        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            server.forget_connections()

            await asyncio.gather(*(transport.exchange(make_query(f"h{n}.example"), soon()) for n in range(300)))

            assert transport.handshakes == 2
            await transport.aclose()

    run(main())


def test_a_slow_nameserver_is_not_a_silent_one(run, impatient):
    async def main():
        async with Server(lambda stream, query: None) as server:
            transport = server.transport()
            future = transport.exchange(make_query(), soon())
            await server.arrival()
            await asyncio.sleep(0.15)
            answer(server.stream, server.queries[0])

            await future

            assert (len(server.queries), transport.handshakes) == (1, 1)
            await transport.aclose()

    run(main())


def test_a_restarted_nameserver_is_connected_to_again(run, impatient):
    async def main():
        server = Server()
        async with server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            server.listener.abort()
        async with server:
            await transport.exchange(make_query(), soon())

            assert transport.handshakes == 2
            await transport.aclose()

    run(main())


def test_a_stateless_reset_ends_the_connection_at_once(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            token = server.connection.quic._host_cids[0].stateless_reset_token
            server.forget_connections()
            future = transport.exchange(make_query(), soon())
            place = transport._connection._link._connected.getsockname()
            server.listener.send(b"\x40" + os.urandom(30) + os.urandom(16), place)  # another's
            server.listener.send(b"\x40" + os.urandom(30) + token, place)

            await asyncio.wait_for(future, 0.25)

            assert transport.handshakes == 2
            await transport.aclose()

    run(main())


def test_an_idle_connection_is_closed_and_the_next_resumes_its_session(run):
    async def main():
        async with Server() as server:
            transport = server.transport(idle_timeout=0.02)
            await transport.exchange(make_query(), soon())
            while transport._connection is not None:
                await asyncio.sleep(0.01)
            await transport.exchange(make_query(), soon())

            assert (transport.handshakes, transport.resumed) == (2, 1)
            await transport.aclose()

    run(main())


def test_what_resumes_a_session_is_used_once_and_sends_nothing_early(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            await asyncio.sleep(0.01)
            (ticket,) = transport.memory.tickets
            transport._connection.leave()
            transport._connection = None
            await transport.exchange(make_query(), soon())

            assert ticket.max_early_data_size is None
            assert ticket not in transport.memory.tickets
            await transport.aclose()

    run(main())


@pytest.mark.parametrize("harm", ["refused", "ignored"])
def test_what_is_remembered_is_given_up_where_it_does_harm(run, impatient, harm):
    async def main():
        async with Server() as server:
            accept = server.listener._accept

            def accept_the_new(original, client):
                connection = accept(original, client)
                if transport._connection.remembered:
                    if harm == "ignored":
                        connection.drop()
                        return None
                    connection.quic._original_destination_connection_id = b"wrong"
                return connection

            server.listener._accept = accept_the_new
            transport = server.transport(idle_timeout=0.01)
            for strike in range(4):
                await transport.exchange(make_query(), soon())
                while transport._connection is not None:
                    await asyncio.sleep(0.005)
                assert (transport.memory.tokens.maxlen, transport.memory.tickets.maxlen) == [
                    (4, 4), (0, 4), (0, 0), (0, 0),
                ][strike]  # fmt: skip

            assert (transport.handshakes, transport.resumed) == (4, 0)
            await transport.aclose()

    run(main())


def test_what_is_remembered_is_not_to_blame_when_nobody_listens(run):
    async def main():
        server = Server()
        async with server:
            transport = server.transport(idle_timeout=0.01)
            await transport.exchange(make_query(), soon())
            while transport._connection is not None:
                await asyncio.sleep(0.005)
        for _ in range(3):
            assert (await failure(transport.exchange(make_query(), soon()))).errno == errno.ECONNREFUSED
        assert (transport.memory.tokens.maxlen, transport.memory.tickets.maxlen) == (4, 4)
        async with server:
            await transport.exchange(make_query(), soon())
        await transport.aclose()

    run(main())


def test_closing_leaves_nothing(run):
    async def main():
        async with Server(lambda stream, query: None) as server:
            before = set(os.listdir("/proc/self/fd")) if sys.platform == "linux" else set()
            transport = server.transport()
            futures = [transport.exchange(make_query(f"h{number}.example"), soon()) for number in range(200)]
            await server.arrival(8)

            await transport.aclose()
            await transport.aclose()

            errors = [await failure(future) for future in futures]
            assert {(error.strerror, error.local) for error in errors} == {("the transport is closed", True)}
            assert (await failure(transport.exchange(make_query(), soon()))).local
            assert transport.in_flight == 0
            if sys.platform == "linux":
                assert set(os.listdir("/proc/self/fd")) == before
        if isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop):
            scheduled = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]
            assert len(scheduled) <= 1  # the test's own

    run(main())


def test_what_is_done_with_is_collected_without_the_garbage_collector(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            gc.collect()
            gc.disable()
            try:
                for number in range(20):
                    await transport.exchange(make_query(f"h{number}.example"), soon())
                left = [each for each in gc.get_objects() if type(each).__name__ == "Exchange"]
                assert len(left) <= 1  # the one that woke us
            finally:
                gc.enable()
            await transport.aclose()

    run(main())


# Certificates


def refused(run, certificate, **more):
    async def main():
        async with Server(certificate=certificate) as server:
            transport = server.transport(**more)
            error = await failure(transport.exchange(make_query(), soon()))
            await transport.aclose()
            assert server.queries == []
            assert transport.handshakes == 0
            assert not transport.memory.tickets
            assert not error.local
            return error.strerror

    return run(main())


def accepted(run, certificate, **more):
    async def main():
        async with Server(certificate=certificate) as server:
            transport = server.transport(**more)
            await transport.exchange(make_query(), soon())
            await transport.aclose()

    run(main())


def test_the_name_is_checked(run):
    accepted(run, GOOD, hostname="dns.test")
    reason = refused(run, GOOD, hostname="other.test")
    assert reason.startswith("the certificate of quic://127.0.0.1:")
    assert "#other.test is not valid: it is not for hostname 'other.test'; " in reason
    assert reason.endswith("as in quic://IP#NAME")


def test_the_address_is_checked_without_a_name(run):
    accepted(run, GOOD)
    assert "it is not for hostname '127.0.0.1'; " in refused(run, AUTHORITY.issue("127.0.0.2", "dns.test"))


@pytest.mark.parametrize("fault", ["expired", "not_yet_valid", "self_signed"])
def test_a_bad_certificate_is_refused(run, fault):
    reason = refused(run, AUTHORITY.issue("127.0.0.1", **{fault: True}))

    words = {"expired": "no longer valid", "not_yet_valid": "not valid yet", "self_signed": "self-signed certificate"}
    assert " is not valid: " in reason
    assert words[fault] in reason


def test_the_certificate_of_an_unknown_authority_is_refused(run):
    reason = refused(run, CertificateAuthority("somebody").issue("127.0.0.1"))

    assert " is not valid: unable to get local issuer certificate; to trust it" in reason


def test_without_a_context_the_machine_decides(run, monkeypatch, tmp_path):
    async def main():
        async with Server() as server:
            transport = QuicTransport(Nameserver("quic", "127.0.0.1", server.port))
            assert (await failure(transport.exchange(make_query(), soon()))).errno == errno.EPROTO
            await transport.aclose()

            file = tmp_path / "authorities.pem"
            file.write_bytes(AUTHORITY.pem)
            monkeypatch.setenv("SSL_CERT_FILE", str(file))
            transport = QuicTransport(Nameserver("quic", "127.0.0.1", server.port))
            assert await transport.exchange(make_query(), soon())
            await transport.aclose()

    run(main())


def test_a_pinned_key_is_enough_and_another_is_not(run):
    stranger = CertificateAuthority("somebody").issue("dns.test", self_signed=True)

    accepted(run, stranger, pins=(GOOD.spki_sha256, stranger.spki_sha256))
    assert "its key is not a pinned one" in refused(run, stranger, pins=(GOOD.spki_sha256,))


def test_a_pinned_key_is_not_enough_for_a_context(run):
    stranger = CertificateAuthority("somebody").issue("127.0.0.1")

    accepted(run, GOOD, pins=(GOOD.spki_sha256,), context=AUTHORITY.client_context())
    refused(run, stranger, pins=(stranger.spki_sha256,), context=AUTHORITY.client_context())


def test_opportunistic_takes_whoever_answers(run):
    accepted(run, CertificateAuthority("somebody").issue("dns.test", expired=True), opportunistic=True)


def test_a_context_that_checks_nothing_checks_nothing(run):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    accepted(run, CertificateAuthority("somebody").issue("dns.test"), context=context)


def test_who_speaks_something_else_is_refused(run):
    async def main():
        async with Server() as server:
            server.listener._configuration.alpn_protocols = ["h3"]
            transport = server.transport()
            error = await failure(transport.exchange(make_query(), soon()))
            await transport.aclose()
            assert error.strerror.startswith(f"no QUIC with {transport.nameserver}: ")

    run(main())


def test_who_speaks_another_version_of_quic_is_refused(run):
    async def main():
        async with Server() as server:
            server.listener._configuration.supported_versions = [0xFACEB00C]
            transport = server.transport()
            error = await failure(transport.exchange(make_query(), soon()))
            await transport.aclose()
            assert error.strerror.startswith(f"no QUIC with {transport.nameserver}: ")

    run(main())


# Nameservers that break the rules


def broken(run, react, *, others=True):
    """What the query fails with; others in flight are answered, over a new connection."""

    async def main():
        def once(stream, query):
            if b"bad" in query:
                react(stream, query)
            elif b"later" not in query or len(server.queries) > 3:
                answer(stream, query)

        async with Server(once) as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            later = transport.exchange(make_query("later.example"), soon())
            await server.arrival(2)
            error = await failure(transport.exchange(make_query("bad.example"), soon(0.3)))
            if others:
                await later
                assert transport.handshakes == 2
            else:
                later.cancel()
            await transport.aclose()
            return error.strerror

    return run(main())


RULES = "the nameserver broke the rules of DNS over QUIC: "


def test_two_messages_on_a_stream_are_an_error(run):
    def react(stream, query):
        say(stream, framed(make_reply(query)) * 2, end=True)

    assert broken(run, react) == RULES + "more than one message on a stream"


def test_more_than_the_message_is_an_error_before_it_ends(run):
    def react(stream, query):
        say(stream, framed(make_reply(query)) + bytes(200_000))

    assert broken(run, react) == RULES + "more than one message on a stream"


def test_a_stream_that_ends_within_a_message_is_an_error(run):
    def react(stream, query):
        say(stream, framed(make_reply(query))[:-1], end=True)

    assert broken(run, react) == RULES + "a stream that ends within a message"


def test_an_empty_stream_is_an_error(run):
    assert (
        broken(run, lambda stream, query: say(stream, b"", end=True)) == RULES + "a stream that ends within a message"
    )


def test_an_id_is_an_error(run):
    def react(stream, query):
        stream.send(b"\0\1" + make_reply(query)[2:], ("", 0))

    assert broken(run, react) == RULES + "a message with an id"


@pytest.mark.parametrize("one_way", [False, True])
def test_a_stream_that_the_nameserver_opens_is_an_error(run, one_way):
    async def main():
        def react(stream, query):
            quic = stream._connection.quic
            quic.send_stream_data(quic.get_next_available_stream_id(is_unidirectional=one_way), b"hello")
            stream._connection.flush()

        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            server.react = react
            future = transport.exchange(make_query(), soon())
            await server.arrival(2)
            server.react = answer

            await future

            assert transport.handshakes == 2
            await transport.aclose()

    run(main())


def test_a_message_that_does_not_end_is_cut_at_the_deadline(run):
    def react(stream, query):
        say(stream, framed(make_reply(query)))

    assert broken(run, react, others=False) == "the reply did not end before the deadline"


def test_a_reply_that_drips_is_cut_at_the_deadline(run):
    async def main():
        def react(stream, query):
            for number in range(100):
                asyncio.get_running_loop().call_later(number / 100, say, stream, b"\xff")

        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            server.react = react
            error = await failure(transport.exchange(make_query(), soon(0.2)))
            assert error.strerror == "the reply did not end before the deadline"
            server.react = answer
            await transport.exchange(make_query(), soon())
            assert transport.handshakes == 2  # the old one is given up
            await transport.aclose()

    run(main())


def test_a_reply_to_another_question_is_an_error(run):
    def react(stream, query):
        stream.send(make_reply(make_query("forged.example").replace(b"\x12\x34", b"\0\0")), ("", 0))

    assert broken(run, react, others=False) == "the reply belongs to another question"


def test_a_stream_that_is_reset_is_an_error_with_its_code(run):
    def react(stream, query):
        stream._connection.quic.reset_stream(stream.id, 4)
        stream._connection.flush()

    assert broken(run, react, others=False) == "the nameserver cancelled the reply: DOQ_EXCESSIVE_LOAD"


def test_datagrams_that_are_nothing_are_ignored(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            place = transport._connection._link._connected.getsockname()
            for size in (0, 1, 20, 21, 100, 1200, 1500, 9000):
                server.listener.send(os.urandom(size), place)

            await transport.exchange(make_query(), soon())

            assert transport.handshakes == 1
            await transport.aclose()

    run(main())


def test_what_aioquic_stumbles_over_ends_the_connection_only(run, monkeypatch):
    async def main():
        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            monkeypatch.setattr(transport._connection._quic, "receive_datagram", lambda *args, now: 1 / 0)

            await transport.exchange(make_query(), soon())

            assert transport.handshakes == 2
            await transport.aclose()

    run(main())


def test_who_does_not_end_cancelled_streams_is_left(run):
    async def main():
        async with Server(lambda stream, query: None) as server:
            transport = server.transport()
            first = transport.exchange(make_query(), soon())
            await server.arrival()
            connection = transport._connection
            for number in range(64):
                connection._cancelled.add(4000 + 4 * number)
            first.cancel()
            server.react = answer
            await transport.exchange(make_query(), soon())

            assert connection.over
            assert transport.handshakes == 2
            await transport.aclose()

    run(main())


# Use and misuse


def test_where_the_loop_cannot_watch_descriptors(monkeypatch):
    async def main():
        async with Server() as server:
            loop = asyncio.get_running_loop()

            def add_reader(*_):
                raise NotImplementedError

            transport = server.transport()
            with monkeypatch.context() as patch:
                patch.setattr(type(loop), "add_reader", add_reader)
                future = transport.exchange(make_query(), soon())
            await future
            await asyncio.gather(*(transport.exchange(make_query(f"h{n}.example"), soon()) for n in range(200)))
            assert transport._connection._link._endpoint is not None
            await transport.aclose()
            assert not transport.endpoints

    asyncio.run(main())


def test_a_full_socket_is_waited_for(run):
    async def main():
        async with Server() as server:
            transport = server.transport()
            await transport.exchange(make_query(), soon())
            connection = transport._connection
            send, tries = connection._link._send, []

            def full_at_first(datagram):
                tries.append(datagram)
                if len(tries) < 3:
                    raise BlockingIOError
                return send(datagram)

            connection._link._send = full_at_first

            await transport.exchange(make_query(), soon())

            assert tries[0] == tries[1] == tries[2]
            await transport.aclose()

    run(main())


def test_a_machine_without_descriptors_is_to_blame_itself(run, monkeypatch):
    async def main():
        def no_socket(*_, **__):
            raise OSError(errno.EMFILE, "too many open files")

        monkeypatch.setattr("aioresolver.transports.quic.open_connected", no_socket)
        transport = QuicTransport(Nameserver("quic", "127.0.0.1"), context=AUTHORITY.client_context())

        assert (await failure(transport.exchange(make_query(), soon()))).local
        await transport.aclose()

    run(main())


def test_a_transport_belongs_to_one_loop():
    transport = QuicTransport(Nameserver("quic", "127.0.0.1", opportunistic=True))

    async def use():
        with pytest.raises(ValueError):
            transport.exchange(b"no message", 0)

    asyncio.run(use())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(use())


def test_settings_that_cannot_be_used():
    nameserver = Nameserver("quic", "127.0.0.1")
    with pytest.raises(ConfigurationError, match="idle_timeout"):
        QuicTransport(nameserver, idle_timeout=0)
    with pytest.raises(ConfigurationError, match="source"):
        QuicTransport(nameserver, source="::1")
    with pytest.raises(ConfigurationError, match="authorities"):
        QuicTransport(nameserver, context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def test_without_aioquic_it_says_what_to_install(monkeypatch):
    for module in [name for name in sys.modules if name.startswith(("aioquic", "aioresolver.transports.quic"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "aioquic", None)

    with pytest.raises(ConfigurationError, match=r"aioresolver\[quic\]"):
        importlib.import_module("aioresolver.transports.quic")
