"""Every failure is a socket.gaierror with the number that getaddrinfo would give, and goes through pickle."""

from __future__ import annotations

import asyncio
import pickle
import socket

import pytest

from aioresolver import (
    DNSError,
    LookupTimeout,
    NameNotFound,
    NoRecords,
    ResolutionError,
    ServerFailure,
)
from aioresolver.testing import DNSServer, Fault

ZONE = """
example.      60 SOA ns hostmaster 1 3600 600 86400 60
www.example.  60 A   192.0.2.1
text.example. 60 TXT "only text"
"""
NODATA = getattr(socket, "EAI_NODATA", socket.EAI_NONAME)

FAILURES = {
    "no such name": ("nowhere.example", [], NameNotFound, {socket.EAI_NONAME}, "NXDOMAIN"),
    "no such records": ("text.example", [], NoRecords, {NODATA}, "NOERROR"),
    "SERVFAIL": ("www.example", [Fault.servfail()], ServerFailure, {socket.EAI_AGAIN}, None),
    "REFUSED": ("www.example", [Fault.refused()], ServerFailure, {socket.EAI_AGAIN}, None),
    "silence": ("www.example", [Fault.drop()], LookupTimeout, {socket.EAI_AGAIN}, None),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_what_goes_wrong(kind, failure):
    name, faults, error, codes, rcode = FAILURES[failure]
    async with DNSServer(ZONE, faults=faults) as server, kind.resolver(server, timeout=0.1) as resolver:
        with pytest.raises(socket.gaierror) as caught:
            await resolver.resolve(name)

    raised = caught.value
    assert type(raised) is error
    assert isinstance(raised, (DNSError, ResolutionError, OSError))
    assert isinstance(raised, TimeoutError) == (error is LookupTimeout)
    assert raised.errno in codes
    assert raised.args[0] == raised.errno
    assert (raised.name, raised.type) == (f"{name}.", "A")
    assert rcode is None or raised.rcode == rcode
    check_pickle(raised)


@pytest.mark.backends("stub", "stub over tcp", "cares", "cares over tcp", "system")
async def test_where_nobody_listens(kind):
    async with DNSServer(ZONE) as server:
        pass
    async with kind.resolver(server) as resolver:
        with pytest.raises(ServerFailure) as caught:
            await resolver.resolve("www.example")

    assert caught.value.errno == socket.EAI_AGAIN
    assert caught.value.attempts
    check_pickle(caught.value)


HOST_CALLS = {
    "addresses": lambda resolver: resolver.addresses("nowhere.example"),
    "getaddrinfo": lambda resolver: resolver.getaddrinfo("nowhere.example", 80),
}


@pytest.mark.parametrize("call", HOST_CALLS)
async def test_hosts_too(kind, call):
    async with DNSServer(ZONE) as server, kind.resolver(server) as resolver:
        with pytest.raises(socket.gaierror) as caught:
            await HOST_CALLS[call](resolver)

    assert caught.value.errno == socket.EAI_NONAME
    check_pickle(caught.value)


async def test_everybody_who_waits_gets_an_error_of_their_own(kind):
    async with DNSServer(ZONE, faults=[Fault.servfail()]) as server, kind.resolver(server) as resolver:
        errors = await asyncio.gather(*(resolver.resolve("www.example") for _ in range(10)), return_exceptions=True)

    assert {type(error) for error in errors} == {ServerFailure}
    assert len(set(map(id, errors))) == 10
    assert len({str(error) for error in errors}) == 1


@pytest.mark.backends("stub")
async def test_the_attempts_say_what_each_server_did(kind):
    async with DNSServer(ZONE, faults=[Fault.servfail()]) as server, kind.resolver(server) as resolver:
        with pytest.raises(ServerFailure) as caught:
            await resolver.resolve("www.example")

    (first, *_) = caught.value.attempts
    assert (first.server, first.transport, first.outcome) == (server.nameserver, "udp", "SERVFAIL")
    assert 0 < first.elapsed < 5
    assert f"{server.nameserver} (udp): SERVFAIL after" in str(caught.value)


def check_pickle(error: ResolutionError) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is type(error)
        assert (str(again), again.args, again.errno) == (str(error), error.args, error.errno)
        assert vars(again) == vars(error)
