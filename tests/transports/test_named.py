"""NamedTransport under virtual time: addresses are found, tried one after the other, and found anew."""

from __future__ import annotations

import asyncio
import errno

import pytest

from aioresolver.errors import ConfigurationError, ServerFailure, TransportError
from aioresolver.transports.base import AgedReply
from aioresolver.transports.named import NamedTransport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport

NAMED = Nameserver.parse("tls://dns.test")
REFUSED = TransportError("no connection to the nameserver", code=errno.ECONNREFUSED)
BROKEN = ConfigurationError("it cannot be used")


class Place:
    """The transport to one address: `says` is a reply, an error, or None for silence; after so many seconds."""

    def __init__(self, world, nameserver):
        self.world, self.nameserver = world, nameserver
        self.queries, self.tasks = [], []
        self.waiting = self.closed = self.kept = 0
        self.handshakes, self.resumed, self.ignored = 1, 1, 2

    def exchange(self, query, deadline):
        self.queries.append(query)
        self.tasks.append(asyncio.ensure_future(self._reply(query, deadline)))
        return self.tasks[-1]

    async def _reply(self, query, deadline):
        loop = asyncio.get_running_loop()
        delay, said = self.world.says[self.nameserver.address]
        self.waiting += 1
        try:
            if said is None or loop.time() + delay > deadline:
                await asyncio.sleep(deadline - loop.time())
                raise TransportError("no reply before the deadline", code=errno.ETIMEDOUT)
            await asyncio.sleep(delay)
        except asyncio.CancelledError as error:
            if "closed" in error.args:
                raise TransportError("the transport is closed", local=True) from None
            raise
        finally:
            self.waiting -= 1
        if isinstance(said, Exception):
            raise said
        return said

    def keep_alive(self, seconds):
        self.kept = seconds

    async def aclose(self):
        self.closed += 1
        for task in self.tasks:
            task.cancel("closed")


class World:
    """What the name's addresses are, what each of them says, and the transport that is tested."""

    def __init__(self, addresses=(), *, takes=0.1, **says):
        self.addresses, self.takes = addresses, takes
        self.says = {}
        self.found = []
        self.tasks = set()
        self.places = {}
        self.transport = NamedTransport(NAMED, self.open, self.resolve)

    def open(self, nameserver):
        said = self.says[nameserver.address]
        if said is BROKEN:
            raise BROKEN
        assert nameserver.hostname == "dns.test"
        self.places[nameserver.address] = place = Place(self, nameserver)
        return place

    async def resolve(self, hostname, deadline):
        loop = asyncio.get_running_loop()
        self.found.append((hostname, round(loop.time() - 1000, 3), round(deadline - loop.time(), 3)))
        await asyncio.sleep(self.takes)
        if isinstance(self.addresses, Exception):
            raise self.addresses
        return self.addresses

    async def ask(self, seconds=5.0, query=b"?"):
        return await self.transport.exchange(query, asyncio.get_running_loop().time() + seconds)

    def asked(self):
        return {address: len(place.queries) for address, place in self.places.items()}

    async def end(self):
        await self.transport.aclose()
        for _ in range(3):  # what was cancelled ends in the next turns
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == self.tasks
        assert not any(place.waiting for place in self.places.values())


@pytest.fixture
def world(run_virtual):
    """Play a scene in a world of these addresses, and see that nothing is left of it."""

    def play(scene, addresses, **says):
        async def main():
            it = World(addresses)
            it.tasks = asyncio.all_tasks()
            it.says = {address.replace("_", "."): said for address, said in says.items()}
            result = await scene(it)
            await it.end()
            return result

        return run_virtual(main())

    return play


def test_finds_the_address_at_the_first_query(world):
    async def scene(it):
        assert it.found == []
        queries = [asyncio.ensure_future(it.ask(query=bytes([n]))) for n in range(3)]
        assert await asyncio.gather(*queries) == [b"yes"] * 3
        assert await it.ask() == b"yes"
        assert it.found == [("dns.test", 0.0, 5.0)]
        assert it.places["::1"].queries == [b"\0", b"\1", b"\2", b"?"]
        assert it.transport.addresses == ("::1",)

    world(scene, ["::1", "::1"], **{"::1": (0.1, b"yes")})


def test_the_reply_is_handed_on_as_it_is(world):
    async def scene(it):
        return await it.ask()

    assert world(scene, ["::1"], **{"::1": (0, AgedReply(b"yes", age=7.0))}).age == 7.0


def test_asks_the_next_address_when_one_fails_and_stays_there(world):
    async def scene(it):
        assert await it.ask() == b"yes"
        assert await it.ask() == b"yes"
        assert it.asked() == {"::1": 1, "::2": 1, "::3": 2}
        assert it.transport.addresses == ("::3", "::1", "::2")

    world(scene, ["::1", "::2", "::3"], **{"::1": (0, REFUSED), "::2": (0, REFUSED), "::3": (0, b"yes")})


def test_does_not_wait_long_for_an_address_that_never_replied(world):
    async def scene(it):
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await it.ask() == b"yes"
        assert loop.time() - began == pytest.approx(0.1 + 0.5 + 0.2)
        await asyncio.sleep(0)
        assert it.places["::1"].waiting == 0
        assert await it.ask() == b"yes"
        assert it.asked() == {"::1": 1, "::2": 2}

    world(scene, ["::1", "::2"], **{"::1": (0, None), "::2": (0.2, b"yes")})


def test_a_slow_address_still_counts(world):
    async def scene(it):
        assert await it.ask() == b"slow"
        assert it.transport.addresses == ("::1", "::2")

    world(scene, ["::1", "::2"], **{"::1": (0.7, b"slow"), "::2": (0.7, b"late")})


def test_an_address_that_falls_silent_is_not_the_first_any_more(world):
    async def scene(it):
        assert await it.ask() == b"one"
        it.says["::1"] = (0, None)
        with pytest.raises(TransportError) as raised:
            await it.ask(1.0)
        assert raised.value.errno == errno.ETIMEDOUT
        assert await it.ask() == b"two"

    world(scene, ["::1", "::2"], **{"::1": (0, b"one"), "::2": (0, b"two")})


def test_one_question_without_a_reply_says_nothing_when_others_have_one(world):
    async def scene(it):
        assert await it.ask() == b"one"
        it.says["::1"] = (0, None)
        silent = asyncio.ensure_future(it.ask(1.0))
        await asyncio.sleep(0.1)
        it.says["::1"] = (0, b"one")
        assert await it.ask() == b"one"
        with pytest.raises(TransportError):
            await silent
        assert it.transport.addresses == ("::1", "::2")

    world(scene, ["::1", "::2"], **{"::1": (0, b"one"), "::2": (0, b"two")})


def test_finds_anew_when_all_failed(world):
    async def scene(it):
        with pytest.raises(TransportError, match="no connection"):
            await it.ask()
        it.addresses = ["::9"]
        with pytest.raises(TransportError):  # not all the time
            await it.ask()
        assert len(it.found) == 1
        await asyncio.sleep(1)
        with pytest.raises(TransportError):
            await it.ask()
        await asyncio.sleep(0.1)
        assert await it.ask() == b"new"
        assert len(it.found) == 2
        assert it.places["::1"].closed == it.places["::2"].closed == 1

    world(scene, ["::1", "::2"], **{"::1": (0, REFUSED), "::2": (0, REFUSED), "::9": (0, b"new")})


def test_finds_anew_after_a_while_and_lets_what_is_under_way_end(world):
    async def scene(it):
        assert await it.ask() == b"old"
        await asyncio.sleep(300)
        it.addresses = ["::2", "::3"]
        it.says["::1"] = (1, b"old")
        assert await it.ask() == b"old"  # meanwhile the addresses were found
        await asyncio.sleep(0)
        assert it.places["::1"].closed == 1
        assert it.transport.addresses == ("::2", "::3")
        assert await it.ask() == b"new"
        assert it.transport.handshakes == 3
        assert (it.transport.resumed, it.transport.ignored) == (3, 6)

    world(scene, ["::1", "::2"], **{"::1": (0, b"old"), "::2": (0, b"new"), "::3": (0, b"new")})


def test_keeps_the_old_addresses_when_none_is_found(world):
    async def scene(it):
        assert await it.ask() == b"yes"
        await asyncio.sleep(300)
        it.addresses = OSError(errno.EIO, "the bootstrap is down")
        for _ in range(3):
            assert await it.ask() == b"yes"
            await asyncio.sleep(0.2)
        assert len(it.found) == 2
        assert it.transport.addresses == ("::1",)

    world(scene, ["::1"], **{"::1": (0, b"yes")})


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [
        ([], "it has none"),
        (OSError(errno.EIO, "the disk is broken"), "the disk is broken"),
        (ServerFailure("dns.test.", "A", "no answer"), "dns.test. A: no answer"),
        (["::1", "no address"], "::1, no address cannot be used"),
    ],
)
def test_says_why_there_is_no_address(world, addresses, reason):
    async def scene(it):
        queries = [asyncio.ensure_future(it.ask()) for _ in range(2)]
        for _ in range(2):
            for query in [*queries, it.ask()]:
                with pytest.raises(
                    TransportError, match=f"^.Errno [0-9]+. no address of dns.test: {reason}$"
                ) as raised:
                    await query
                assert raised.value.errno == errno.EHOSTUNREACH
            queries = []
        assert len(it.found) == 1
        await asyncio.sleep(1)
        it.addresses = ["::2"]
        assert await it.ask() == b"yes"

    world(scene, addresses, **{"::1": BROKEN, "::2": (0, b"yes")})


def test_queries_that_wait_keep_their_deadlines(world):
    async def scene(it):
        it.takes = 3
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(TransportError, match=r"no address of dns\.test before the deadline") as raised:
            await it.ask(1.0)
        assert raised.value.errno == errno.ETIMEDOUT
        assert loop.time() - began == pytest.approx(1)
        with pytest.raises(TransportError, match="no reply before the deadline"):
            await it.ask(0)
        assert await it.ask() == b"yes"
        assert loop.time() - began == pytest.approx(3)

    world(scene, ["::1"], **{"::1": (0, b"yes")})


def test_the_next_address_is_not_asked_after_the_deadline(world):
    async def scene(it):
        with pytest.raises(TransportError, match="no reply before the deadline"):
            await it.ask(0.4)
        assert it.asked() == {"::1": 1, "::2": 0}

    world(scene, ["::1", "::2"], **{"::1": (0, None), "::2": (0, b"yes")})


def test_cancelling(world):
    async def scene(it):
        early = asyncio.ensure_future(it.ask())
        await asyncio.sleep(0.05)
        early.cancel()
        late = asyncio.ensure_future(it.ask())
        await asyncio.sleep(0.7)
        assert it.asked() == {"::1": 1, "::2": 1}
        late.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not any(place.waiting for place in it.places.values())
        assert early.cancelled()
        assert late.cancelled()
        future = it.transport.exchange(b"?", 2000)
        future.cancel()
        assert not future.cancel()

    world(scene, ["::1", "::2"], **{"::1": (0, None), "::2": (0, None)})


def test_closing_fails_what_waits(world):
    async def scene(it):
        for takes in (1, 0):
            it.takes = takes
            waiting = asyncio.ensure_future(it.ask())
            await asyncio.sleep(0.1)
            await it.transport.aclose()
            with pytest.raises(TransportError, match="the transport is closed") as raised:
                await waiting
            assert raised.value.local
            await it.transport.aclose()
            with pytest.raises(TransportError, match="the transport is closed"):
                await it.ask()
            if takes:
                it.transport = NamedTransport(NAMED, it.open, it.resolve)
        assert it.asked() == {"::1": 1, "::2": 0}
        assert [place.closed for place in it.places.values()] == [1, 1]

    world(scene, ["::1", "::2"], **{"::1": (0, None), "::2": (0, None)})


def test_idle_time_goes_to_the_one_that_is_used(world):
    async def scene(it):
        await it.ask()
        it.transport.keep_alive(30.0)
        assert [place.kept for place in it.places.values()] == [0, 30.0]

    world(scene, ["::1", "::2"], **{"::1": (0, REFUSED), "::2": (0, b"yes")})


def test_what_is_no_query_is_the_callers_mistake(world):
    class Strict(Place):
        def exchange(self, query, deadline):
            raise ValueError("the query is not a whole DNS message")

    async def scene(it):
        it.transport = NamedTransport(NAMED, lambda at: Strict(it, at), it.resolve)
        for _ in range(2):
            with pytest.raises(ValueError, match="not a whole DNS message"):
                await it.ask()

    world(scene, ["::1", "::2"])


def test_belongs_to_one_loop(run_virtual):
    it = World([])
    run_virtual(it.transport.aclose())
    with pytest.raises(TransportError):
        run_virtual(it.ask())
    with pytest.raises(RuntimeError, match="another event loop"):
        run_virtual(it.ask())


def test_needs_a_name():
    with pytest.raises(ConfigurationError, match="has no name"):
        NamedTransport(Nameserver.parse("tls://::1"), lambda at: None, None)


async def test_over_the_wire(tcp_server, messages):
    server = await tcp_server()
    named = Nameserver("tls", "", server.nameserver.port, "dns.test")

    async def resolve(hostname, deadline):
        return ["127.0.0.1"]

    transport = NamedTransport(named, lambda at: open_transport(Nameserver("tcp", at.address, at.port)), resolve)
    query = messages.query()
    reply = await transport.exchange(query, asyncio.get_running_loop().time() + 5)
    assert reply[2:] == messages.reply(query)[2:]
    assert transport.addresses == ("127.0.0.1",)
    await transport.aclose()
