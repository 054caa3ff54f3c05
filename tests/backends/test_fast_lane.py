"""FastLane: what goes out in batches comes back as it should, whatever the nameserver and the network do.

The nameservers are on loopback and the clock is a number: what is there is read before the clock goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import random
import socket
from collections import Counter
from types import NoneType

import pytest
from tests.virtual_time import virtual

from aioresolver.answer import Answer
from aioresolver.backends.lookup import Lookup
from aioresolver.backends.stub import StubBackend
from aioresolver.cache import Cache
from aioresolver.errors import LookupTimeout, ServerFailure, TransportError, UsageError
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault
from aioresolver.transports import udp
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.udp import UdpTransport
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.edns import Cookie, Edns
from aioresolver.wire.message import Message, Question, Record


class Server:
    """A nameserver: `react(query, tries)` gives a reply, several, or (seconds, reply), or None for silence.

    `tries` is how often the question has come. A reply is a Message or bytes.
    """

    def __init__(self, react, port=0):
        self.react = react
        self.loop = asyncio.get_running_loop()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.url = f"udp://127.0.0.1:{self.port}"
        self.times, self.queries, self.ports, self.tries = [], [], set(), Counter()
        self.loop.add_reader(self.socket, self.read)

    def read(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                wire, address = self.socket.recvfrom(4096)
                query = Message.parse(wire)
                self.times.append(self.loop.time())
                self.queries.append(query)
                self.ports.add(address[1])
                self.tries[query.question[0]] += 1
                said = self.react(query, self.tries[query.question[0]])
                for reply in said if isinstance(said, list) else [said]:
                    delay, reply = reply if isinstance(reply, tuple) else (0, reply)
                    if reply is not None:
                        self.send(reply if isinstance(reply, bytes) else reply.to_wire(), address, delay)

    def send(self, wire, address, delay):
        if delay:
            self.loop.call_later(delay, self.send, wire, address, 0)
        elif self.socket.fileno() >= 0:
            self.socket.sendto(wire, address)

    def close(self):
        if self.socket.fileno() >= 0:
            self.loop.remove_reader(self.socket)
            self.socket.close()


@contextlib.contextmanager
def serving(*reactions):
    """Nameservers that react so."""
    servers = [Server(react) for react in reactions]
    try:
        yield servers[0] if len(servers) == 1 else servers
    finally:
        for server in servers:
            server.close()


@contextlib.asynccontextmanager
async def asking(*servers, timeout=5.0, **options):
    """A resolver that asks these, and of which nothing is under way when the body has ended."""
    backend = StubBackend([getattr(server, "url", server) for server in servers], **options)
    resolver = Resolver(backend, cache=Cache(0), hosts_file="/nonexistent", timeout=timeout)
    yield resolver
    await settled()
    assert (resolver.limiter.in_use, resolver.limiter.waiting, resolver.stats.under_way) == (0, 0, 0)
    assert (len(resolver._dispatch.flights), len(resolver._dispatch._queue)) == (0, 0)
    assert not backend.busy
    assert (backend._posted, list(backend._waiting)) == ({}, [])
    await asyncio.sleep(3)  # as long as a probe may take
    upstreams = [*backend.upstreams, *backend._pool._left]
    assert [(upstream.window.used, upstream.window.retries) for upstream in upstreams] == [(0, 0)] * len(upstreams)
    for upstream in upstreams:
        assert {transport.in_flight for transport in upstream._transports.values()} == {0}
    await resolver.aclose()


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def ask(resolver, *names):
    """The outcomes, in order."""
    return await asyncio.gather(*map(resolver.submit, names), return_exceptions=True)


def names(count, prefix="n"):
    return [f"{prefix}{number}.example" for number in range(count)]


def addresses(outcomes):
    return {str(datum) for outcome in outcomes for datum in outcome}


def good(query, tries=1):
    (question,) = query.question
    text = {1: "A 192.0.2.1", 28: "AAAA 2001:db8::1", 15: "MX 10 mail.example.", 16: "TXT text"}[question.type]
    return query.reply(answer=[Record.parse(f"{question.name} 60 {text}")])


def silent(query, tries):
    return None


def says(rcode):
    return lambda query, tries: query.reply(rcode=rcode)


def at_first(react, others=good):
    """Only the first time that a question comes."""
    return lambda query, tries: (react if tries == 1 else others)(query, tries)


# What is usual


@virtual
async def test_a_packet_for_each_name_and_nothing_else(monkeypatch):
    monkeypatch.setattr(StubBackend, "_careful", None)  # which would be slower
    with serving(good) as server:
        async with asking(server) as resolver:
            outcomes = await ask(resolver, *names(500))
            assert addresses(outcomes) == {"192.0.2.1"}
            assert {outcome.server for outcome in outcomes} == {server.url}
            assert (len(server.queries), resolver.backend.upstreams[0].asked) == (500, 500)
            assert resolver.backend.upstreams[0].answered == 500
            assert {query.edns is not None for query in server.queries} == {True}
            assert len(server.ports) >= 4
            assert len({query.id for query in server.queries}) > 400


@virtual
async def test_other_types_and_empty_answers_need_no_second_look_either(monkeypatch):
    def react(query, tries):
        (question,) = query.question
        soa = [Record.parse("example. 300 SOA ns. host. 1 2 3 4 60")]
        if question.name.startswith("no"):
            return query.reply(rcode=Rcode.NXDOMAIN, authority=soa)
        if question.name.startswith("empty"):
            return query.reply(authority=soa)
        if question.name.startswith("alias"):
            return query.reply(
                answer=[Record.parse("alias.example. 9 CNAME a.example."), Record.parse("a.example. 60 A 192.0.2.9")]
            )
        return good(query)

    monkeypatch.setattr(StubBackend, "_careful", None)
    with serving(react) as server:
        async with asking(server) as resolver:
            items = [("a.example", type) for type in ("A", "AAAA", "MX", "TXT")]
            outcomes = dict([pair async for pair in resolver.query_many(items)])
            assert [str(outcomes[item][0]) for item in items] == [
                "192.0.2.1",
                "2001:db8::1",
                "10 mail.example.",
                '"text"',
            ]
            absent, empty, alias = await ask(resolver, "no.example", "empty.example", "alias.example")
            assert (absent.rcode, empty.rcode, len(absent), len(empty)) == (Rcode.NXDOMAIN, Rcode.NOERROR, 0, 0)
            assert (alias.aliases, [str(datum) for datum in alias]) == (("alias.example.",), ["192.0.2.9"])
            assert len(server.queries) == 7


# Loss


@pytest.mark.parametrize("lost", [1, 3])
@virtual
async def test_what_is_lost_is_asked_again(lost):
    """So many times in a row, for every tenth name."""

    def react(query, tries):
        is_unlucky = str(query.question[0].name).endswith("0.example.")
        return None if is_unlucky and tries <= lost else good(query)

    with serving(react) as server:
        async with asking(server) as resolver:
            outcomes = await ask(resolver, *names(500))
            assert addresses(outcomes) == {"192.0.2.1"}
            assert len(server.queries) == 500 + 50 * lost
            assert resolver.backend.upstreams[0].lost == 50 * lost


@virtual
async def test_a_late_reply_counts_after_patience_has_ended():
    """It is the first try that is answered, and the second never."""
    with serving(at_first(lambda query, tries: (1.5, good(query)), silent)) as server:
        async with asking(server) as resolver:
            loop = asyncio.get_running_loop()
            start = loop.time()
            outcomes = await ask(resolver, *names(20))
            assert addresses(outcomes) == {"192.0.2.1"}
            assert loop.time() - start == pytest.approx(1.5, abs=0.002)
            assert min(server.tries.values()) >= 2


@virtual
async def test_copies_of_a_reply_do_no_harm():
    with serving(lambda query, tries: [good(query), good(query), (0.1, good(query))]) as server:
        async with asking(server) as resolver:
            pairs = [pair async for pair in resolver.query_many(names(200))]
            assert sorted(item for item, _ in pairs) == sorted(names(200))
            assert len(server.queries) == 200


@pytest.mark.parametrize("timeout", [0.05, 0.2, 0.31, 0.5, 5.0])
@virtual
async def test_silence_ends_at_the_deadline(timeout):
    with serving(silent) as server:
        async with asking(server, timeout=timeout) as resolver:
            loop = asyncio.get_running_loop()
            for count in (1, 50):
                start = loop.time()
                outcomes = await ask(resolver, *names(count))
                assert {type(outcome) for outcome in outcomes} == {LookupTimeout}
                assert loop.time() - start == pytest.approx(timeout, abs=0.003)
            assert {attempt.outcome for attempt in outcomes[0].attempts} == {"no reply"}
            asked = len(server.queries)
            await asyncio.sleep(3)
            assert len(server.queries) == asked


# What a nameserver may say


@pytest.mark.parametrize("rcode", [Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NOTIMP])
@virtual
async def test_an_only_one_that_refuses_is_asked_once_more(rcode):
    with serving(at_first(says(rcode))) as server:
        async with asking(server) as resolver:
            outcomes = await ask(resolver, *names(30))
            assert addresses(outcomes) == {"192.0.2.1"}
            assert outcomes[0].attempts[0].outcome.startswith(rcode.name)


@pytest.mark.parametrize("rcode", [Rcode.SERVFAIL, Rcode.REFUSED])
@virtual
async def test_one_that_refuses_has_another_beside_it(rcode):
    with serving(says(rcode), good) as (bad, other):
        async with asking(bad, other) as resolver:
            outcomes = await ask(resolver, *names(100))
            assert addresses(outcomes) == {"192.0.2.1"}
            await asyncio.sleep(0.1)
            again = await ask(resolver, *names(100, "m"))
            assert addresses(again) == {"192.0.2.1"}
            assert len(bad.queries) <= 110  # it is benched


@virtual
async def test_all_that_refuse_are_an_error_that_says_so():
    with serving(says(Rcode.SERVFAIL), says(Rcode.REFUSED)) as servers:
        async with asking(*servers) as resolver:
            outcomes = await ask(resolver, *names(20))
            assert {type(outcome) for outcome in outcomes} == {ServerFailure}
            assert {attempt.server for attempt in outcomes[0].attempts} == {server.url for server in servers}


@virtual
async def test_a_complaint_about_edns_is_remembered():
    with serving(lambda query, tries: query.reply(rcode=Rcode.FORMERR) if query.edns else good(query)) as server:
        async with asking(server) as resolver:
            assert addresses(await ask(resolver, *names(20))) == {"192.0.2.1"}
            asked = len(server.queries)
            assert addresses(await ask(resolver, *names(20, "m"))) == {"192.0.2.1"}
            assert len(server.queries) == asked + 20
            assert {query.edns for query in server.queries[asked:]} == {None}


@virtual
async def test_an_alias_that_leads_nowhere_is_followed():
    def react(query, tries):
        name = str(query.question[0].name)
        if name.startswith("n"):
            return query.reply(answer=[Record.parse(f"{name} 60 CNAME t.{name}")])
        return good(query)

    with serving(react) as server:
        async with asking(server) as resolver:
            outcomes = await ask(resolver, *names(20))
            assert addresses(outcomes) == {"192.0.2.1"}
            assert outcomes[7].aliases == ("n7.example.",)
            assert outcomes[7].name == "t.n7.example."


def referral(query, tries):
    return query.reply(authority=[Record.parse("example. 60 NS ns.example.")])


def garbage(query, tries):
    wire = good(query).to_wire()
    return wire[:-3] + b"\xff"


def bad_data(query, tries):
    return good(query).to_wire()[:-6] + b"\0\5\1\2\3\4\5"


def alias_circle(query, tries):
    name = query.question[0].name
    return query.reply(answer=[Record.parse(f"{name} 60 CNAME {name}")])


@pytest.mark.parametrize("react", [referral, garbage, bad_data, alias_circle])
@virtual
async def test_what_is_no_answer_is_not_taken_for_one(react):
    with serving(at_first(react)) as server:
        async with asking(server) as resolver:
            outcomes = await ask(resolver, *names(20))
            assert addresses(outcomes) == {"192.0.2.1"}
            assert set(server.tries.values()) == {2}
    with serving(react) as server:
        async with asking(server) as resolver:
            outcomes = await ask(resolver, *names(20))
            assert {type(outcome) for outcome in outcomes} == {ServerFailure}
    with serving(react, good) as servers:
        async with asking(*servers) as resolver:
            assert addresses(await ask(resolver, *names(20))) == {"192.0.2.1"}


def wrong_question(query, tries):
    other = Question.parse("other.example")
    return Message(
        id=query.id, flags=Flag.QR, question=(other,), answer=(Record.parse("other.example. 60 A 192.0.2.66"),)
    )


def wrong_id(query, tries):
    forged = good(query).to_wire()
    return bytes([forged[0] ^ 0x55]) + forged[1:]


def wrong_type(query, tries):
    wire = good(query).to_wire()
    return wire.replace(b"\0\1\0\1", b"\0\2\0\1", 1)


def no_question(query, tries):
    return query.id.to_bytes(2, "big") + b"\x81\x80\0\0\0\0\0\0\0\0"


def no_response_bit(query, tries):
    wire = good(query).to_wire()
    return wire[:2] + bytes([wire[2] & 0x7F]) + wire[3:]


def header_cut(query, tries):
    return good(query).to_wire()[:11]


def nothing(query, tries):
    return b""


FORGERIES = [wrong_question, wrong_id, wrong_type, no_question, no_response_bit, header_cut, nothing]


@pytest.mark.parametrize("forge", FORGERIES)
@virtual
async def test_what_does_not_match_is_ignored_and_the_right_one_is_taken(forge):
    with serving(lambda query, tries: [forge(query, tries), good(query)]) as server:
        async with asking(server) as resolver:
            outcomes = await ask(resolver, *names(50))
            assert addresses(outcomes) == {"192.0.2.1"}
            assert len(server.queries) == 50
            (transport,) = resolver.backend.upstreams[0]._transports.values()
            assert transport.ignored == 50


# Over connections, whose bytes the clock must wait for

ZONE = "$GENERATE 0-29 n$.example. 60 A 192.0.2.1"


def over(url, **options):
    return Resolver(StubBackend(url), cache=Cache(0), hosts_file="/nonexistent", **options)


async def test_truncation_goes_to_tcp_at_the_same_nameserver():
    async with DNSServer(ZONE, faults=[Fault.truncate()]) as server, over(server.nameserver) as resolver:
        assert addresses(await ask(resolver, *names(30))) == {"192.0.2.1"}
        assert Counter(query.transport for query in server.queries) == {"udp": 30, "tcp": 30}
        await settled()
        assert (resolver.limiter.in_use, resolver.backend.upstreams[0].window.used) == (0, 0)


async def test_a_nameserver_over_tcp_has_no_fast_lane():
    async with DNSServer(ZONE) as server, over(server.nameserver_tcp) as resolver:
        assert addresses(await ask(resolver, *names(30))) == {"192.0.2.1"}
        assert Counter(query.transport for query in server.queries) == {"tcp": 30}
        await settled()
        assert (resolver.limiter.in_use, resolver.backend.upstreams[0].window.used) == (0, 0)


async def test_who_is_expelled_is_closed_in_the_end():
    async with DNSServer(ZONE) as one, DNSServer(ZONE) as two:
        async with over([one.nameserver_tcp, two.nameserver_tcp]) as resolver:
            await ask(resolver, *names(5))
            upstream = resolver.backend.upstreams[0]
            assert resolver.backend.expel(upstream.text)
            assert addresses(await ask(resolver, *names(10))) == {"192.0.2.1"}
        assert {transport._closed for transport in upstream._transports.values()} == {True}


# What this machine may do


@virtual
async def test_where_nobody_listens_all_are_told_so():
    with serving(good) as server:
        server.close()
        async with asking(server) as resolver:
            loop = asyncio.get_running_loop()
            start = loop.time()
            outcomes = await ask(resolver, *names(300))
            assert {type(outcome) for outcome in outcomes} == {ServerFailure}
            assert "refused" in str(outcomes[-1]).lower()
            assert loop.time() - start < 5


@virtual
async def test_a_nameserver_that_comes_back_is_found():
    with serving(good) as server:
        server.close()
        async with asking(server) as resolver:
            futures = [resolver.submit(name) for name in names(50)]
            await asyncio.sleep(0.1)
            revived = Server(good, server.port)
            assert addresses(await asyncio.gather(*futures)) == {"192.0.2.1"}
            revived.close()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENETUNREACH])
@virtual
async def test_no_socket_can_be_opened_for_a_while(code, monkeypatch):
    opened = udp.open_connected
    with serving(good) as server:
        async with asking(server) as resolver:

            def refuse(*args, **options):
                raise OSError(code, "no")

            monkeypatch.setattr(udp, "open_connected", refuse)
            futures = [resolver.submit(name) for name in names(50)]
            await asyncio.sleep(0.1)
            assert not any(future.done() for future in futures)
            monkeypatch.setattr(udp, "open_connected", opened)
            assert addresses(await asyncio.gather(*futures)) == {"192.0.2.1"}

            assert resolver.backend.upstreams[0].health.failures == 0  # which is not its fault


@virtual
async def test_no_socket_can_be_opened_at_all(monkeypatch):
    def refuse(*args, **options):
        raise OSError(errno.EMFILE, "no")

    monkeypatch.setattr(udp, "open_connected", refuse)
    with serving(good) as server:
        async with asking(server) as resolver:
            outcomes = await ask(resolver, *names(50))
            assert {type(outcome) for outcome in outcomes} == {ServerFailure}
            assert "Too many open files" in str(outcomes[0])


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOBUFS])
@virtual
async def test_a_socket_that_does_not_always_send(code, monkeypatch):
    class Reluctant(socket.socket):
        sends = 0

        def send(self, wire):
            Reluctant.sends += 1
            if not Reluctant.sends % 3:
                raise OSError(code, "not now")
            return super().send(wire)

    def open_reluctant(nameserver, *, source=None):
        connected = Reluctant(nameserver.family, socket.SOCK_DGRAM)
        connected.setblocking(False)
        connected.connect(nameserver.sockaddr)
        return connected

    monkeypatch.setattr(udp, "open_connected", open_reluctant)
    with serving(good) as server:
        async with asking(server) as resolver:
            assert addresses(await ask(resolver, *names(200))) == {"192.0.2.1"}
            assert Reluctant.sends > 250


@virtual
async def test_sockets_are_renewed_under_load():
    """Each serves 50 queries; what its successor does not know of, it still takes."""
    with serving(lambda query, tries: (0.05, good(query))) as server:
        transports = []

        def open_transport(nameserver):
            transports.append(UdpTransport(nameserver, sockets=4, renew_queries=50))
            return transports[-1]

        async with asking(server, open_transport=open_transport) as resolver:
            pairs = [pair async for pair in resolver.query_many(names(2000))]
            assert addresses(outcome for _, outcome in pairs) == {"192.0.2.1"}
            assert len(server.queries) == 2000
            assert len(server.ports) >= 20
            (transport,) = transports
            assert len(transport._sockets) <= 4
            assert not transport._retiring


# Several


@virtual
async def test_one_dead_of_two():
    with serving(silent, good) as (dead, alive):
        async with asking(dead, alive) as resolver:
            loop = asyncio.get_running_loop()
            start = loop.time()
            assert addresses(await ask(resolver, *names(1000))) == {"192.0.2.1"}
            assert loop.time() - start < 1
            assert addresses(await ask(resolver, *names(1000, "m"))) == {"192.0.2.1"}
            assert len(dead.queries) < 300
            assert [upstream.health.benched for upstream in resolver.backend.upstreams] == [True, False]


@virtual
async def test_one_slow_of_two():
    with serving(lambda query, tries: (0.2, good(query)), good) as (slow, quick):
        async with asking(slow, quick) as resolver:
            assert addresses(await ask(resolver, *names(500))) == {"192.0.2.1"}
            before = len(slow.queries)
            assert addresses(await ask(resolver, *names(500, "m"))) == {"192.0.2.1"}
            assert len(slow.queries) - before < 10
            assert len(quick.queries) >= 500


@virtual
async def test_two_equals_share_what_there_is():
    with serving(good, good) as servers:
        async with asking(*servers, rotate=True) as resolver:
            for round in range(10):
                assert addresses(await ask(resolver, *names(50, f"r{round}-"))) == {"192.0.2.1"}
            counts = [len(server.queries) for server in servers]
            assert sum(counts) <= 502
            assert min(counts) >= 150


@virtual
async def test_the_rate_holds_for_each_retransmissions_included():
    def react(query, tries):
        return good(query) if tries > 1 or str(query.question[0].name).endswith(("1.example.", "2.example.")) else None

    with serving(react, good) as servers:
        async with asking(*servers, rate=100) as resolver:
            pairs = [pair async for pair in resolver.query_many(names(600))]
            assert all(isinstance(outcome, Answer) for _, outcome in pairs)
            for server in servers:
                times = server.times
                for first, began in enumerate(times[::10]):
                    within = sum(began <= when <= began + 1 for when in times[10 * first :])
                    assert within <= 100 * 1.35, within


@virtual
async def test_who_is_expelled_is_asked_no_more_and_its_last_replies_count():
    with serving(lambda query, tries: (0.1, good(query)), lambda query, tries: (0.1, good(query))) as (one, two):
        async with asking(one, two) as resolver:
            futures = [resolver.submit(name) for name in names(100)]
            await asyncio.sleep(0.05)
            assert one.queries
            assert resolver.backend.expel(one.url)
            assert not resolver.backend.expel(one.url)
            assert not resolver.backend.expel(two.url)  # the last one stays
            asked = len(one.queries)
            assert addresses(await asyncio.gather(*futures)) == {"192.0.2.1"}
            assert addresses(await ask(resolver, *names(100, "m"))) == {"192.0.2.1"}
            assert len(one.queries) == asked
            assert [upstream.text for upstream in resolver.backend.upstreams] == [two.url]


# Leaving and closing


@virtual
async def test_who_leaves_frees_the_ids_at_once_and_late_replies_are_nobodys():
    with serving(lambda query, tries: (0.1, good(query))) as server:
        async with asking(server) as resolver:
            (transport,) = resolver.backend.upstreams[0]._transports.values()
            futures = [resolver.submit(name) for name in names(100)]
            assert transport.in_flight > 0
            for future in futures:
                future.cancel()
            await asyncio.sleep(0)
            assert (transport.in_flight, resolver.backend.upstreams[0].window.used) == (0, 0)
            asked = resolver.backend.upstreams[0].asked
            await asyncio.sleep(10)
            assert len(server.queries) == asked
            assert addresses(await ask(resolver, *names(100))) == {"192.0.2.1"}


@virtual
async def test_who_leaves_while_it_is_asked_again_leaves_nothing_either():
    with serving(silent) as server:
        async with asking(server) as resolver:
            (transport,) = resolver.backend.upstreams[0]._transports.values()
            futures = [resolver.submit(name) for name in names(30)]
            await asyncio.sleep(2)
            assert set(server.tries.values()) != {1}
            for future in futures:
                future.cancel()
            await asyncio.sleep(0)
            assert (transport.in_flight, resolver.backend.upstreams[0].window.used) == (0, 0)
            asked = len(server.queries)
            await asyncio.sleep(20)
            assert len(server.queries) == asked


@virtual
async def test_who_leaves_in_the_turn_in_which_it_fails_is_reported_nowhere(monkeypatch):
    reports = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context["message"]))
    fail = Lookup.fail

    def leave_and_fail(lookup, error):
        future.cancel()
        fail(lookup, error)

    monkeypatch.setattr(Lookup, "fail", leave_and_fail)
    with serving(says(Rcode.SERVFAIL)) as server:
        async with asking(server) as resolver:
            future = resolver.submit("a.example")
            await asyncio.wait([future])
            assert future.cancelled()
            await settled()
            gc.collect()
    assert reports == []


@virtual
async def test_a_stream_leaves_and_another_asks_the_same_while_it_is_asked_again():
    """The room that the one makes must not be taken by the other before the one is done with leaving."""
    mute = True
    with serving(lambda query, tries: None if mute else good(query)) as server:
        async with asking(server) as resolver:
            leaving = resolver.query_many(names(300), concurrency=1000)
            first = asyncio.ensure_future(leaving.__anext__())
            await asyncio.sleep(0.9)
            following = asyncio.ensure_future(
                collect(resolver.query_many([*names(5, "m"), *names(300)], concurrency=1000))
            )
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            mute = False
            first.cancel()
            pairs = await following
            assert len(pairs) == 305
            assert addresses(outcome for _, outcome in pairs) == {"192.0.2.1"}


async def collect(stream):
    return [pair async for pair in stream]


@pytest.mark.parametrize("after", [0, 0.1, 1])
@virtual
async def test_closing_ends_all_that_is_under_way(after):
    with serving(silent) as server:
        backend = StubBackend(server.url)
        resolver = Resolver(backend, hosts_file="/nonexistent")
        futures = [resolver.submit(name) for name in names(3000)]
        stream = asyncio.ensure_future(collect(resolver.query_many(names(100, "m"))))
        await asyncio.sleep(after)
        await resolver.aclose()
        outcomes = await asyncio.gather(*futures, stream, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {UsageError}
        asked = len(server.queries)
        await asyncio.sleep(10)
        assert len(server.queries) <= max(asked, backend.upstreams[0].asked)
        (transport,) = backend.upstreams[0]._transports.values()
        assert (transport.in_flight, resolver.limiter.in_use, backend.busy) == (0, 0, False)


# Anything in any order


class Chaos:
    """Nameservers and askers driven by chance; in the end the nameservers mend, and all must come to rest."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.mended = False
        self.futures, self.streams = [], []

    def react(self, query, tries):
        if self.mended:
            return good(query)
        what = self.chance.randrange(24)
        odd = {
            0: silent,
            1: silent,
            2: lambda query, tries: (self.chance.choice([0.1, 0.6, 2]), good(query)),
            3: says(Rcode.SERVFAIL),
            4: says(Rcode.REFUSED),
            5: lambda query, tries: query.reply(rcode=Rcode.FORMERR) if query.edns else good(query),
            6: referral,
            7: garbage,
            8: lambda query, tries: [good(query), (0.01, good(query)), good(query)],
            9: lambda query, tries: [self.chance.choice(FORGERIES)(query, tries), good(query)],
            10: alias_circle,
        }
        return odd.get(what, good)(query, tries)

    def name(self):
        return f"n{self.chance.randrange(30)}.example"

    def submit(self, resolver):
        self.futures += [resolver.submit(self.name()) for _ in range(self.chance.choice([1, 3, 30]))]

    def cancel(self, resolver):
        for future in self.futures[:: self.chance.randrange(1, 6)]:
            future.cancel()

    def stream(self, resolver):
        items = [self.name() for _ in range(self.chance.randrange(40))]
        stream = resolver.query_many(items, concurrency=self.chance.choice([1, 5, 50]))
        self.streams.append(asyncio.ensure_future(self.take(stream, items)))

    @staticmethod
    async def take(stream, items):
        assert sorted([item async for item, _ in stream]) == sorted(items)

    def leave_stream(self, resolver):
        if self.streams:
            self.chance.choice(self.streams).cancel()

    def expel(self, resolver):
        if not self.chance.randrange(4):
            resolver.backend.expel(self.chance.choice(resolver.backend.upstreams).text)

    def renew(self, resolver):
        for upstream in resolver.backend.upstreams:
            for transport in upstream._transports.values():
                for sock in list(getattr(transport, "_sockets", ())):
                    transport._renew(sock)

    async def run(self):
        with serving(*[self.react] * 3) as servers:
            some = servers[: self.chance.randrange(1, 4)]
            rate = self.chance.choice([None, None, 300])
            timeout = self.chance.choice([0.2, 1, 5])
            async with asking(*some, timeout=timeout, rate=rate, rotate=self.chance.random() < 0.5) as resolver:
                steps = [self.submit] * 4 + [self.cancel, self.stream, self.leave_stream] * 2 + [self.expel, self.renew]
                for _ in range(40):
                    self.chance.choice(steps)(resolver)
                    await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.3]))
                self.mended = True
                await asyncio.wait([asyncio.ensure_future(asyncio.sleep(0)), *self.futures, *self.streams])
                for stream in self.streams:
                    assert stream.cancelled() or stream.exception() is None
                for future in self.futures:
                    assert future.cancelled() or isinstance(
                        future.exception(), (NoneType, ServerFailure, LookupTimeout)
                    )


@pytest.mark.parametrize("seed", range(15))
@virtual
async def test_whatever_happens_in_whatever_order(seed):
    await Chaos(seed).run()


# The same over several schemes, with all that a backend can be told to do


class Connection:
    """A transport over connections, by chance: it answers, breaks, or is silent."""

    def __init__(self, chaos, scheme):
        self.chaos, self.scheme, self.in_flight = chaos, scheme, 0

    async def exchange(self, query, deadline):
        loop, chance = asyncio.get_running_loop(), self.chaos.chance
        fate = 12 if self.chaos.mended else chance.randrange(12)
        self.chaos.overhear(Message.parse(query), self.scheme)
        self.in_flight += 1
        try:
            if fate < 2:
                await asyncio.sleep(deadline - loop.time())
                raise TransportError("no reply before the deadline", code=errno.ETIMEDOUT)
            await asyncio.sleep(min(chance.choice([0, 0.01, 0.05, 0.4]), max(0, deadline - loop.time())))
            if fate < 4:
                raise TransportError("it broke", code=chance.choice([errno.ECONNRESET, errno.ECONNREFUSED]))
            return self.chaos.over_connections(Message.parse(query)).to_wire()
        finally:
            self.in_flight -= 1

    async def aclose(self):
        pass


class MixedChaos(Chaos):
    """Besides: cookies, random case, truncation, TCP and TLS that break, discovery, successors, near misses, closing."""

    def __init__(self, seed):
        super().__init__(seed)
        self.modes = self.chance.sample(["cookies", "mangle", "truncate", "complain"], self.chance.randrange(5))
        self.private = self.chance.random() < 0.2
        self.late, self.aloud, self.transports, self.others = [], [], [], []
        self.successor = self.closing = None

    def open(self, nameserver):
        is_udp = nameserver.scheme == "udp"
        self.transports.append(UdpTransport(nameserver) if is_udp else Connection(self, nameserver.scheme))
        return self.transports[-1]

    def overhear(self, query, scheme):
        if self.private and scheme in {"udp", "tcp"} and query.question[0].name != "_dns.resolver.arpa.":
            self.aloud.append(query)

    def happens(self, mode, share):
        return mode in self.modes and not self.mended and self.chance.random() < share

    def react(self, query, tries):
        self.overhear(query, "udp")
        if query.question[0].name == "_dns.resolver.arpa.":
            return query.reply(rcode=Rcode.REFUSED)
        said = super().react(query, tries)
        if self.happens("truncate", 0.2):
            return query.reply(flags=Flag.TC)
        if not isinstance(said, Message) or not said.answer:
            return said
        wire = self.with_cookie(query, said).to_wire()
        end = wire.index(b"\0", 12)
        return wire[:12] + wire[12:end].lower() + wire[end:] if self.happens("mangle", 0.3) else wire

    def over_connections(self, query):
        if query.edns and self.happens("complain", 0.3):
            return query.reply(rcode=Rcode.FORMERR)
        if not self.mended and self.chance.random() < 0.1:
            return query.reply(rcode=Rcode.SERVFAIL) if self.chance.random() < 0.5 else query.reply(flags=Flag.TC)
        return self.with_cookie(query, good(query))

    def with_cookie(self, query, reply):
        cookie = query.edns.cookie if query.edns else None
        if "cookies" not in self.modes or cookie is None or self.happens("cookies", 0.1):
            return reply
        edns = Edns().with_cookie(Cookie(cookie.client, b"of the server"))
        if self.happens("cookies", 0.03):
            return query.reply(rcode=Rcode.BADCOOKIE, edns=edns if self.chance.random() < 0.5 else Edns())
        return query.reply(answer=reply.answer, edns=edns)

    def ask_alone(self, resolver):
        loop = asyncio.get_running_loop()
        for _ in range(self.chance.choice([1, 5, 40])):
            deadline = loop.time() + self.chance.choice([0.1, 0.5, 2, 5])
            lookup = resolver.backend.submit(Question.parse(self.name()), deadline)
            lookup.add_done_callback(lambda _, due=deadline: loop.time() <= due + 0.01 or self.late.append(due))
            self.futures.append(lookup)

    def discover(self, resolver):
        encrypted = [Nameserver.parse(f"tls://127.0.0.1:{port}#ns.example") for port in (853, 854)]
        found = tuple(each for each in encrypted if self.mended or self.chance.random() < 0.6)
        resolver.backend._pool.discovered(Nameserver.parse(self.urls[0]), found)

    def expel(self, resolver):
        if resolver.backend.upstreams:
            super().expel(resolver)

    def hand_over(self, resolver):
        if not (self.chance.randrange(6) or self.successor or self.private):
            self.successor = StubBackend(self.urls[::-1], open_transport=self.open)
            resolver.backend.hand_over(self.successor)

    def miss(self, resolver):
        for transport in self.transports:
            if isinstance(transport, UdpTransport):
                transport.near_misses += 1

    def close(self, resolver):
        if not (self.chance.randrange(40) or self.closing):
            self.closing = asyncio.ensure_future(resolver.aclose())

    def make_resolver(self):
        chance, options = self.chance, {"open_transport": self.open}
        if self.private:
            options |= {"encryption": "required", "discover": True}
        backend = StubBackend(
            self.urls,
            rate=chance.choice([None, None, 300]),
            in_flight=chance.choice([None, None, 5]),
            hedge=chance.choice([None, None, 0.9]),
            race=chance.choice([1, 1, 1, 2]),
            rotate=chance.random() < 0.5,
            randomize_case=chance.random() < 0.5,
            **options,
        )
        return Resolver(backend, cache=Cache(0), hosts_file="/nonexistent", timeout=chance.choice([0.2, 1, 5]))

    async def run(self):
        steps = [self.submit, self.ask_alone] * 3 + [self.cancel, self.stream, self.leave_stream, self.discover] * 2
        steps += [self.expel, self.renew, self.hand_over, self.miss, self.close]
        with serving(*[self.react] * 3) as servers:
            self.urls = [server.url for server in servers][: self.chance.randrange(1, 4)]
            resolver = self.make_resolver()
            for _ in range(40):
                with contextlib.suppress(UsageError):  # closed
                    self.chance.choice(steps)(resolver)
                await asyncio.sleep(self.chance.choice([0, 0, 0, 0.001, 0.01, 0.3]))
            self.mended = True
            if not self.closing:
                self.discover(resolver)
            waiting = [asyncio.ensure_future(asyncio.sleep(0)), *self.futures, *self.streams]
            assert not (await asyncio.wait(waiting, timeout=60))[1]
            await settled()
            await asyncio.sleep(3)  # as long as a probe may take
            self.check(resolver)
            for each in (resolver, self.successor):
                if each is not None:
                    await each.aclose()

    def check(self, resolver):
        assert (self.late, self.aloud) == ([], [])
        ends = [end for end in (*self.futures, *self.streams) if not end.cancelled()]
        errors = {type(end.exception()) for end in ends}
        assert errors <= {NoneType, ServerFailure, LookupTimeout, *([UsageError] if self.closing else [])}
        answers = [end.result() for end in self.futures if not end.cancelled() and end.exception() is None]
        assert addresses(answers) <= {"192.0.2.1"}
        backend = resolver.backend
        assert (resolver.limiter.in_use, resolver.limiter.waiting, resolver.stats.under_way) == (0, 0, 0)
        assert (backend.busy, backend._posted) == (False, {})
        successors = self.successor.upstreams if self.successor else ()
        for upstream in (*backend.upstreams, *backend._pool._left, *successors):
            assert (upstream.window.used, upstream.window.retries) == (0, 0)
        assert {transport.in_flight for transport in self.transports} <= {0}


@pytest.mark.parametrize("seed", range(25))
@virtual
async def test_whatever_happens_over_whatever_is_spoken(seed):
    await MixedChaos(seed).run()
