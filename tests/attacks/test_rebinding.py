"""Attack 20, DNS rebinding: a name of the attacker's leads to an address behind the firewall, at once or the second time.

Through a real resolver on loopback; what the policy itself forbids is in tests/test_policy.py.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from aioresolver import AddressPolicy, Resolver
from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.errors import AddressBlocked, NoRecords, ServerFailure
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.message import Message, Record

PUBLIC = "8.8.8.8"  # nothing is ever sent there
FORMS = {
    "this-host": "0.0.0.0",
    "this-network": "0.1.2.3",
    "private-10": "10.0.0.1",
    "shared": "100.64.0.1",
    "loopback": "127.0.0.1",
    "all-of-loopback": "127.255.255.254",
    "link-local": "169.254.169.254",
    "private-172": "172.31.255.255",
    "private-192": "192.168.1.1",
    "broadcast": "255.255.255.255",
    "unspecified": "::",
    "loopback6": "::1",
    "unique-local": "fc00::1",
    "unique-local-d": "fd12:3456::1",
    "link-local6": "fe80::1",
    "mapped": "::ffff:127.0.0.1",
    "mapped-private": "::ffff:10.0.0.1",
    "compatible": "::127.0.0.1",
    "nat64": "64:ff9b::7f00:1",
    "nat64-private": "64:ff9b::10.0.0.1",
    "nat64-local": "64:ff9b:1::7f00:1",
    "6to4": "2002:7f00:1::",
    "teredo": "2001:0:a00:1::1",
}


def type_of(address: str) -> str:
    return "AAAA" if ":" in address else "A"


def hint(address: str) -> str:
    return f"{'ipv6hint' if ':' in address else 'ipv4hint'}={address}"


def zone() -> str:
    lines = ["$ORIGIN evil.test.", "@ 60 SOA ns hostmaster 1 7200 3600 1209600 30"]
    for name, address in FORMS.items():
        type_ = type_of(address)
        beside = PUBLIC if type_ == "A" else "2001:4860:4860::8888"
        lines += [
            f"{name} 60 {type_} {address}",
            f"beside.{name} 60 {type_} {beside}",
            f"beside.{name} 60 {type_} {address}",
            f"alias.{name} 60 CNAME {name}",
            f"chain.{name} 60 CNAME alias.{name}",
            f"https.{name} 60 HTTPS 1 . alpn=h2 {hint(address)}",
            f"svcb.{name} 60 SVCB 1 . {hint(address)}",
        ]
    return "\n".join([*lines, "flip 0 A 127.0.0.1", "turn 0 A 127.0.0.1", ""])


@pytest.fixture(scope="module")
def server() -> Any:
    with DNSServer.in_thread(zone()) as running:
        yield running


async def streamed(resolver: Resolver, name: str, type_: str) -> None:
    ((_, outcome),) = [pair async for pair in resolver.query_many([(name, type_)])]
    if isinstance(outcome, Exception):
        raise outcome


async def peeked(resolver: Resolver, name: str, type_: str) -> None:
    with suppress(AddressBlocked):
        await resolver.query(name, type_)
    assert resolver.peek(name, type_) is None, "it should have been blocked"


def family(type_: str) -> int:
    return socket.AF_INET6 if type_ == "AAAA" else socket.AF_INET


Way = Callable[[Resolver, str, str], Awaitable[Any]]
WAYS: dict[str, Way] = {
    "query": lambda resolver, name, type_: resolver.query(name, type_),
    "resolve": lambda resolver, name, type_: resolver.resolve(name, type_),
    "submit": lambda resolver, name, type_: resolver.submit(name, type_),
    "query_many": streamed,
    "peek": peeked,
}
HOST_WAYS: dict[str, Way] = {
    "addresses": lambda resolver, name, type_: resolver.addresses(name, family(type_)),
    "endpoints": lambda resolver, name, type_: resolver.endpoints(name, 80, family=family(type_)),
    "getaddrinfo": lambda resolver, name, type_: resolver.getaddrinfo(name, 80, family=family(type_)),
    "connect": lambda resolver, name, type_: resolver.connect(name, 80, family=family(type_)),
    "open_connection": lambda resolver, name, type_: resolver.open_connection(name, 80, family=family(type_)),
}


def guarded(server: DNSServer, **options: Any) -> Resolver:
    return Resolver(server.nameserver, policy=options.pop("policy", AddressPolicy.public()), search=[], **options)


@pytest.mark.parametrize("form", FORMS)
async def test_no_form_of_an_inner_address_is_handed_out(server: DNSServer, form: str) -> None:
    type_ = type_of(FORMS[form])
    async with guarded(server) as resolver:
        for name in (form, f"beside.{form}", f"alias.{form}", f"chain.{form}"):
            for way in (WAYS | HOST_WAYS).values():
                with pytest.raises(AddressBlocked):
                    await way(resolver, f"{name}.evil.test", type_)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("type_", ["HTTPS", "SVCB"])
async def test_hints_are_addresses_too(server: DNSServer, form: str, type_: str) -> None:
    name = f"{type_.lower()}.{form}.evil.test"
    async with guarded(server) as resolver:
        for way in WAYS.values():
            with pytest.raises(AddressBlocked):
                await way(resolver, name, type_)
    async with guarded(server, policy=AddressPolicy.public(drop=True)) as resolver:
        (record,) = await resolver.query(name, type_)
        assert record.ipv4hint == record.ipv6hint == ()


@pytest.mark.parametrize("form", FORMS)
async def test_with_drop_what_is_left_is_outside(server: DNSServer, form: str) -> None:
    type_ = type_of(FORMS[form])
    async with guarded(server, policy=AddressPolicy.public(drop=True)) as resolver:
        answer = await resolver.resolve(f"beside.{form}.evil.test", type_)
        assert [data.address for data in answer] == [PUBLIC if type_ == "A" else "2001:4860:4860::8888"]
        with pytest.raises((AddressBlocked, NoRecords)):
            await resolver.resolve(f"{form}.evil.test", type_)


@pytest.mark.parametrize("literal", FORMS.values())
async def test_nor_is_it_when_it_is_written_instead_of_a_name(server: DNSServer, literal: str) -> None:
    async with guarded(server) as resolver:
        for way in HOST_WAYS.values():
            with pytest.raises(AddressBlocked):
                await way(resolver, literal, type_of(literal))


def flipping(*addresses: str, name: str, ttl: int = 0) -> Fault:
    """Each reply about the name has the next of these addresses, and then always the last."""
    left = itertools.chain(addresses, itertools.repeat(addresses[-1]))

    def flip(wire: bytes) -> bytes:
        reply = Message.parse(wire)
        record = Record.parse(f"{reply.question[0].name} {ttl} A {next(left)}")
        return Message(id=reply.id, flags=reply.flags, question=reply.question, answer=(record,)).to_wire()

    return Fault(lambda exchange: exchange.rewrite(flip), name=name, type="A")


async def test_a_name_that_flips_with_a_ttl_of_zero(server: DNSServer) -> None:
    """Outside when it is looked at, inside when it is connected to: the second lookup is judged like the first."""
    server.faults.append(flipping(PUBLIC, "127.0.0.1", name="flip.evil.test"))
    async with guarded(server) as resolver:
        assert [data.address for data in await resolver.resolve("flip.evil.test")] == [PUBLIC]
        for name, way in (WAYS | HOST_WAYS).items():
            if name != "peek":  # nothing of it is kept
                with pytest.raises(AddressBlocked):
                    await way(resolver, "flip.evil.test", "A")
        assert resolver.peek("flip.evil.test") is None


async def test_between_the_judgement_and_the_connection_is_no_lookup(server: DNSServer) -> None:
    """What was judged is what is connected to; the flip finds nobody who asks."""
    pytest.importorskip("aiohappyeyeballs")
    accepted: list[Any] = []
    listener = await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    policy = AddressPolicy(["127.0.0.2/32"])
    async with listener, guarded(server, policy=policy) as resolver:
        server.clear()
        server.faults.append(flipping("127.0.0.1", "127.0.0.2", name="turn.evil.test"))
        _, writer = await resolver.open_connection("turn.evil.test", port, family=2)
        assert writer.get_extra_info("peername") == ("127.0.0.1", port)
        assert [query.name for query in server.queries].count("turn.evil.test.") == 1
        with pytest.raises(AddressBlocked):
            await resolver.open_connection("turn.evil.test", port, family=2)
        for each in (writer, *accepted):
            each.close()
            with suppress(ConnectionError):
                await each.wait_closed()


async def test_a_cache_that_others_filled_is_judged_too(server: DNSServer) -> None:
    cache = Cache(stale=3600)
    async with Resolver(server.nameserver, cache=cache, search=[]) as careless:
        assert (await careless.resolve("loopback.evil.test"))[0].address == "127.0.0.1"
    async with guarded(server, cache=cache) as resolver:
        for way in (WAYS | HOST_WAYS).values():
            with pytest.raises(AddressBlocked):
                await way(resolver, "loopback.evil.test", "A")


def test_stale_answers_are_judged_too(run_virtual: Any) -> None:
    class Once:
        """An inside address, and then nothing."""

        concurrency = 10
        asked = 0

        async def query(self, question: Any, deadline: float) -> Any:
            self.asked += 1
            if self.asked > 1:
                raise ServerFailure(question.name, "A", "down")
            records = [Record.parse(f"{question.name} 60 A 127.0.0.1"), Record.parse(f"{question.name} 60 A {PUBLIC}")]
            return Answer.from_records(question, records, now=asyncio.get_running_loop().time())

        async def aclose(self) -> None:
            pass

    async def main() -> None:
        cache = Cache(stale=3600)
        policy = AddressPolicy.public()
        async with Resolver(Once(), cache=cache, policy=policy, hosts_file="/nonexistent") as resolver:
            for wait in (0, 61, 1):
                await asyncio.sleep(wait)
                for way in (WAYS | HOST_WAYS).values():
                    with pytest.raises(AddressBlocked):
                        await way(resolver, "aged.evil.test", "A")
        policy = AddressPolicy.public(drop=True)
        async with Resolver(Once(), cache=cache, policy=policy, hosts_file="/nonexistent") as resolver:
            answer = await resolver.query("aged.evil.test")
            assert ([data.address for data in answer], answer.stale) == ([PUBLIC], True)

    run_virtual(main())
