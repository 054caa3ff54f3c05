"""HttpsTransport against the testing server: by POST and GET, what is no reply, and what happens to connections."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import gc
import socket

import pytest

from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.testing import DNSServer, Fault
from aioresolver.transports.base import AgedReply
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.message import Message, Question
from aioresolver.wire.query import query_wire

pytest.importorskip("cryptography")
pytest.importorskip("h2")

from aioresolver.testing.certificates import CertificateAuthority
from aioresolver.testing.https_listener import HttpsListener
from aioresolver.transports import http2_connection
from aioresolver.transports.https import HttpsTransport

ZONE = "*.example. 60 A 192.0.2.1\nlong.example. 60 TXT " + " ".join(f'"{n:03}{"." * 240}"' for n in range(200))


def soon(seconds: float = 10) -> float:
    return asyncio.get_running_loop().time() + seconds


def query(name: str = "www.example", type: str = "A") -> bytes:
    return query_wire(Question.parse(name, type))


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("127.0.0.1", "dns.test")


@pytest.fixture
def serving(certificate):
    """A server that speaks HTTPS: `async with serving() as server`."""
    return lambda **options: DNSServer(ZONE, certificate=certificate, **options)


@pytest.fixture
def carrying(authority):
    """A transport to it that trusts it: `async with carrying(server) as transport`."""

    @contextlib.asynccontextmanager
    async def carry(server, options="", **settings):
        nameserver = Nameserver.parse(server.nameserver_https + options)
        transport = HttpsTransport(nameserver, context=authority.client_context(["h2"]), **settings)
        try:
            yield transport
        finally:
            await transport.aclose()

    return carry


@pytest.mark.parametrize("method", ["post", "get"])
def test_a_thousand_queries_one_handshake(run, serving, carrying, method):
    async def main():
        async with serving() as server, carrying(server, f"?method={method}") as transport:
            names = [f"h{number}.example" for number in range(1000)]
            replies = await asyncio.gather(*[transport.exchange(query(name), soon()) for name in names])
            for name, reply in zip(names, replies, strict=True):
                message = Message.parse(reply)
                assert str(message.question[0].name) == f"{name}."
                assert [str(record.data) for record in message.answer] == ["192.0.2.1"]
            assert transport.handshakes == 1
            assert {received.transport for received in server.queries} == {"https"}
            assert {received.id for received in server.queries} == {0}

    run(main())


async def test_long_replies_do_not_run_out_of_window(serving, carrying):
    async with serving() as server, carrying(server) as transport:
        for _ in range(5):
            replies = await asyncio.gather(
                *[transport.exchange(query("long.example", "TXT"), soon()) for _ in range(100)]
            )
            assert {len(reply) > 40_000 for reply in replies} == {True}
        assert transport.handshakes == 1


async def test_a_query_longer_than_the_window(serving, carrying):
    padded = query()[:-2] + (60_000).to_bytes(2, "big") + b"\0\x0c" + (59_996).to_bytes(2, "big") + bytes(59_996)
    async with serving() as server, carrying(server) as transport:
        replies = await asyncio.gather(*[transport.exchange(padded, soon()) for _ in range(5)])
        assert len(replies) == 5


async def test_more_than_the_server_takes_wait(serving, carrying, monkeypatch):
    monkeypatch.setattr(HttpsListener, "most_streams", 3)
    async with serving() as server, carrying(server) as transport:
        server.faults = [Fault.delay(0.001)]
        await transport.exchange(query(), soon())
        asked = [transport.exchange(query(f"h{number}.example"), soon()) for number in range(50)]
        asked[20].cancel()
        replies = await asyncio.gather(*asked[:20], *asked[21:])
        assert len(replies) == 49
        assert transport.handshakes == 1
        assert len(server.queries) == 50


async def test_what_is_refused_before_the_server_has_said_how_many_is_sent_again(serving, carrying, monkeypatch):
    monkeypatch.setattr(HttpsListener, "most_streams", 3)
    async with serving() as server, carrying(server) as transport:
        replies = await asyncio.gather(*[transport.exchange(query(f"h{n}.example"), soon()) for n in range(90)])
        assert len(replies) == 90
        assert len(server.queries) == 90


async def test_always_refused(serving, carrying):
    async with serving() as server, carrying(server) as transport:
        server.faults = [Fault.http(refused=True)]
        with pytest.raises(TransportError, match="the nameserver refuses the query") as raised:
            await transport.exchange(query(), soon())
        assert not raised.value.local
        assert 2 <= len(server.queries) <= 4


NO_REPLIES = {
    "not found": (Fault.http(status=404), "HTTP status 404"),
    "too many requests": (Fault.http(status=429), "HTTP status 429"),
    "out of service": (Fault.http(status=503), "HTTP status 503"),
    "another 2xx": (Fault.http(status=204), "HTTP status 204"),
    "a redirect": (Fault.http(status=302, headers=[("location", "/other")]), "HTTP status 302: redirects are not followed"),
    "a page": (Fault.http(content_type="text/html; charset=utf-8"), "text/html; charset=utf-8, not application/dns-message"),
    "no type": (Fault.http(content_type=""), "of no content type, not application/dns-message"),
    "a megabyte": (Fault.http(body=bytes(1 << 20)), "the reply is longer than 65535 bytes"),
    "one too many": (Fault.http(body=bytes(65536)), "the reply is longer than 65535 bytes"),
    "nothing": (Fault.http(body=b""), "the response is no reply to the query"),
    "garbage": (Fault.http(body=b"garbage" * 4), "the response is no reply to the query"),
    "another question": (Fault.wrong_question(then_right=False), "the response is no reply to the query"),
    "a query": (Fault.no_response_bit(then_right=False), "the response is no reply to the query"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_REPLIES)
def test_what_is_no_reply_fails_at_once_and_alone(run, serving, carrying, case):
    fault, reason = NO_REPLIES[case]

    async def main():
        async with serving() as server, carrying(server) as transport:
            server.faults = [Fault(fault.action, name="bad.example.")]
            good = [transport.exchange(query(f"h{number}.example"), soon()) for number in range(3)]
            bad = transport.exchange(query("bad.example"), soon())
            good += [transport.exchange(query(f"h{number}.example"), soon()) for number in range(3)]
            with pytest.raises(TransportError, match=reason) as raised:
                await bad
            assert not raised.value.local
            assert raised.value.errno == errno.EPROTO
            assert len(await asyncio.gather(*good)) == 6
            assert await transport.exchange(query(), soon())
            assert transport.handshakes == 1

    run(main())


async def test_the_path_asked_is_the_one_configured(serving, authority):
    async with serving() as server:
        nameserver = Nameserver.parse(server.nameserver_https.replace("/dns-query", "/other"))
        transport = HttpsTransport(nameserver, context=authority.client_context(["h2"]))
        with pytest.raises(TransportError, match="HTTP status 404"):
            await transport.exchange(query(), soon())
        await transport.aclose()


async def test_an_error_that_repeats_no_question_is_a_reply(serving, carrying):
    body = b"\0\0\x80\x01" + bytes(8)
    async with serving() as server, carrying(server) as transport:
        server.faults = [Fault.http(body=body)]
        assert await transport.exchange(query(), soon()) == body


async def test_a_content_type_with_parameters_and_capitals(serving, carrying):
    async with serving() as server, carrying(server) as transport:
        server.faults = [Fault.http(content_type="Application/DNS-message; x=y")]
        assert await transport.exchange(query(), soon())


@pytest.mark.parametrize(
    ("age", "seconds"), [("0", None), ("30", 30), ("nonsense", None), ("-5", None), ("9" * 30, None)]
)
async def test_the_age_of_a_reply(serving, carrying, age, seconds):
    async with serving() as server, carrying(server) as transport:
        server.faults = [Fault.http(headers=[("age", age)])]
        reply = await transport.exchange(query(), soon())
        assert getattr(reply, "age", None) == seconds
        assert isinstance(reply, AgedReply) == (seconds is not None)


def test_a_body_that_drips_ends_at_the_deadline(run, serving, carrying):
    async def main():
        async with serving() as server, carrying(server) as transport:
            server.faults = [Fault.http(stall_after=20, name="slow.example.")]
            assert await transport.exchange(query(), soon())
            slow = transport.exchange(query("slow.example"), soon(0.05))
            with pytest.raises(TransportError, match="no reply before the deadline") as raised:
                await slow
            assert raised.value.errno == errno.ETIMEDOUT
            assert transport.in_flight == 0
            assert await transport.exchange(query(), soon())

    run(main())


def test_the_last_stream_a_connection_has_is_free_again_after_a_deadline(run, serving, carrying, monkeypatch):
    monkeypatch.setattr(HttpsListener, "most_streams", 1)

    async def main():
        async with serving() as server, carrying(server) as transport:
            server.faults = [Fault.http(stall_after=20, name="slow.example.")]
            assert await transport.exchange(query(), soon())
            slow = transport.exchange(query("slow.example"), soon(0.05))
            waiting = transport.exchange(query(), soon())
            with pytest.raises(TransportError, match="no reply before the deadline"):
                await slow
            assert await waiting

    run(main())


async def test_cancelling_frees_the_stream(serving, carrying):
    async with serving() as server, carrying(server) as transport:
        server.faults = [Fault.drop(name="lost.example.")]
        lost = [transport.exchange(query("lost.example"), soon()) for _ in range(200)]
        await server.received(100)
        for future in lost:
            future.cancel()
        assert transport.in_flight == 0
        assert await transport.exchange(query(), soon())
        assert transport.handshakes == 1


async def test_a_connection_that_is_retired_is_replaced_and_nothing_lost(serving, carrying):
    async with serving() as server, carrying(server) as transport:
        server.faults = [Fault.http(retiring=True, after=10, times=1), Fault.http(retiring=True, after=300, times=1)]
        replies = await asyncio.gather(*[transport.exchange(query(f"h{n}.example"), soon()) for n in range(1000)])
        assert len(replies) == 1000
        assert transport.handshakes == 3


async def test_what_was_asked_before_a_connection_is_retired_is_answered_over_it(serving, carrying):
    async with serving() as server, carrying(server) as transport:
        server.faults = [Fault.http(retiring=True, name="last.example."), Fault.delay(0.02, name="slow.example.")]
        slow = transport.exchange(query("slow.example"), soon())
        assert await transport.exchange(query("last.example"), soon())
        assert await transport.exchange(query(), soon())
        assert await slow
        assert transport.handshakes == 2
        assert server.asked("slow.example") == 1


async def test_a_connection_out_of_stream_numbers_is_replaced(serving, carrying, monkeypatch):
    monkeypatch.setattr(http2_connection, "MOST_STREAM_ID", 99)
    async with serving() as server, carrying(server) as transport:
        replies = await asyncio.gather(*[transport.exchange(query(f"h{n}.example"), soon()) for n in range(120)])
        assert len(replies) == 120
        assert transport.handshakes == 3
        assert len(server.queries) == 120


def test_a_broken_connection_loses_nothing(run, serving, carrying):
    async def main():
        async with serving() as server, carrying(server) as transport:
            server.faults = [Fault.close(name="h60.example.", times=1), Fault.close(10, name="h90.example.", times=1)]
            assert await transport.exchange(query(), soon())
            replies = await asyncio.gather(*[transport.exchange(query(f"h{n}.example"), soon()) for n in range(100)])
            assert len(replies) == 100
            assert transport.handshakes >= 2

    run(main())


async def test_a_server_that_only_closes_is_given_up(serving, carrying):
    async with serving() as server, carrying(server) as transport:
        server.faults = [Fault.close()]
        with pytest.raises(TransportError):
            await transport.exchange(query(), soon())


def test_restarts_lose_nothing(run, serving, carrying):
    async def main():
        server = serving()
        async with server, carrying(server) as transport:
            assert await transport.exchange(query(), soon())
            for _ in range(3):
                asked = [transport.exchange(query(f"h{n}.example"), soon()) for n in range(100)]
                await server.received(server.count + 30)
                await server.aclose()
                await server.start()
                results = await asyncio.gather(*asked, return_exceptions=True)
                assert [result for result in results if isinstance(result, BaseException)] == []

    run(main())


async def test_an_idle_connection_is_closed(serving, carrying):
    async with serving() as server, carrying(server, idle_timeout=0.01) as transport:
        assert await transport.exchange(query(), soon())
        while transport._connection is not None:
            await asyncio.sleep(0.001)
        assert await transport.exchange(query(), soon())
        assert transport.handshakes == 2
        assert transport.resumed == 1


async def test_closed_by_the_server_while_idle(serving, carrying):
    async with serving(idle=0.01) as server, carrying(server) as transport:
        assert await transport.exchange(query(), soon())
        while transport._connection is not None:
            await asyncio.sleep(0.001)
        assert await transport.exchange(query(), soon())


def test_nothing_is_left_behind(run, serving, carrying, open_sockets):
    async def main():
        await asyncio.sleep(0)
        before = open_sockets()
        async with serving() as server, carrying(server) as transport:
            server.faults = [Fault.drop(name="lost.example.")]
            await transport.exchange(query(), soon())
            waiting = transport.exchange(query("lost.example"), soon())
            await transport.aclose()
            await transport.aclose()
            with pytest.raises(TransportError, match="the transport is closed") as raised:
                await waiting
            assert raised.value.local
            with pytest.raises(TransportError, match="the transport is closed"):
                await transport.exchange(query(), soon())
        gc.collect()
        await asyncio.sleep(0.01)
        assert open_sockets() == before

    run(main())


BAD = {
    "wrong name": (["other.test"], {}, "#dns.test", "Hostname mismatch.*'dns.test'"),
    "wrong address": (["dns.test"], {}, "", "IP address mismatch.*'127.0.0.1'"),
    "expired": (["127.0.0.1"], {"expired": True}, "", "certificate has expired"),
    "self-signed": (["127.0.0.1"], {"self_signed": True}, "", "self.signed certificate"),
}


@pytest.mark.parametrize("case", BAD)
async def test_refuses_a_certificate(authority, carrying, case):
    names, options, hostname, reason = BAD[case]
    async with DNSServer(ZONE, certificate=authority.issue(*names, **options)) as server:
        async with carrying(server, hostname) as transport:
            with pytest.raises(TransportError, match=f"the certificate of .* is not valid: .*{reason}") as raised:
                await transport.exchange(query(), soon())
            assert not raised.value.local
        assert server.queries == []


async def test_a_key_that_is_pinned_needs_no_authority(authority):
    certificate = authority.issue("other.test", self_signed=True)
    pins = [base64.b64encode(pin).decode() for pin in (certificate.spki_sha256, bytes(32))]
    async with DNSServer(ZONE, certificate=certificate) as server:
        transport = HttpsTransport(Nameserver.parse(f"{server.nameserver_https}?pin-sha256={pins[0]}"))
        assert await transport.exchange(query(), soon())
        await transport.aclose()
        transport = HttpsTransport(Nameserver.parse(f"{server.nameserver_https}?pin-sha256={pins[1]}"))
        with pytest.raises(TransportError, match="is not a pinned one"):
            await transport.exchange(query(), soon())
        await transport.aclose()
        assert len(server.queries) == 1


async def test_opportunistic_takes_whoever_answers(authority):
    async with DNSServer(ZONE, certificate=authority.issue("other.test", expired=True)) as server:
        transport = HttpsTransport(Nameserver.parse(f"{server.nameserver_https}?opportunistic"))
        assert await transport.exchange(query(), soon())
        await transport.aclose()


async def test_a_host_name(serving, carrying):
    async with serving() as server, carrying(server, "#dns.test") as transport:
        assert await transport.exchange(query(), soon())


async def test_a_server_without_http_2(authority, certificate):
    async def talk(reader, writer):
        writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=certificate.server_context(["http/1.1"]))
    nameserver = Nameserver("https", "127.0.0.1", listener.sockets[0].getsockname()[1])
    transport = HttpsTransport(nameserver, context=authority.client_context(["h2"]))
    with pytest.raises(TransportError, match=r"https://127\.0\.0\.1.* does not speak HTTP/2"):
        await transport.exchange(query(), soon())
    await transport.aclose()
    listener.close()


async def test_nobody_listens(closed_port):
    transport = HttpsTransport(Nameserver("https", "127.0.0.1", closed_port))
    with pytest.raises(TransportError, match="no connection to the nameserver"):
        await transport.exchange(query(), soon())
    await transport.aclose()


def test_impossible_settings():
    with pytest.raises(ConfigurationError, match="idle_timeout"):
        HttpsTransport(Nameserver("https", "127.0.0.1"), idle_timeout=0)


async def test_speaks_nothing_in_clear():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        transport = HttpsTransport(Nameserver("https", *listener.getsockname()))
        asked = transport.exchange(query("secret.example"), soon())
        peer, _ = await loop.sock_accept(listener)
        seen = await loop.sock_recv(peer, 4096)
        peer.close()
        with pytest.raises(TransportError):
            await asked
        await transport.aclose()
    assert seen[0] == 0x16  # a TLS handshake
    assert b"secret" not in seen
