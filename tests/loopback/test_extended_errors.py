"""What nameservers say beside their answers, from the packet to where people read it (RFC 8914)."""

from __future__ import annotations

import asyncio
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from aioresolver.cache import Cache
from aioresolver.cli.main import main
from aioresolver.errors import NameNotFound, NoRecords, ServerFailure
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.codes import EdnsOption, ExtendedError, Flag, Rcode
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message

ZONE = """
$ORIGIN said.test.
@      60 SOA ns hostmaster 1 7200 3600 1209600 30
www    60 A 192.0.2.1
alias  60 CNAME www
"""
BLOCKED = (ExtendedError.BLOCKED, "by law")


def saying(edns: Edns, *, rcode: Rcode | None = None, flags: int = 0, **only: Any) -> Fault:
    """The right reply with these options, another rcode, and more flags."""

    def change(wire: bytes) -> bytes:
        reply = Message.parse(wire)
        return Message(
            id=reply.id,
            flags=reply.flags | flags,
            rcode=reply.rcode if rcode is None else rcode,
            question=reply.question,
            answer=reply.answer if rcode is None else (),
            authority=reply.authority,
            edns=edns,
        ).to_wire()

    return Fault(lambda exchange: exchange.rewrite(change), **only)


def server_of(*faults: Fault) -> DNSServer:
    return DNSServer(ZONE, faults=faults)


@pytest.mark.parametrize("name", ["www.said.test", "alias.said.test"])
async def test_beside_an_answer(name: str) -> None:
    edns = Edns().with_extended_error(*BLOCKED).with_option(EdnsOption.NSID, b"seven").with_option(65001, b"\1")
    async with server_of(saying(edns, flags=Flag.AD)) as server, Resolver(server.nameserver) as resolver:
        for _ in range(2):  # the second time from the cache
            answer = await resolver.resolve(name)
            assert answer.extended_errors == (BLOCKED,)
            assert (answer.nsid, answer.edns, answer.authenticated) == (b"seven", edns, True)
        assert len(server.queries) == 1


@pytest.mark.parametrize(
    ("name", "error_type", "reason"),
    [("no.said.test", NameNotFound, "no such name"), ("said.test", NoRecords, "no such records")],
)
async def test_beside_absence(name: str, error_type: type[Exception], reason: str) -> None:
    edns = Edns().with_extended_error(*BLOCKED).with_extended_error(ExtendedError.FILTERED)
    async with server_of(saying(edns)) as server, Resolver(server.nameserver, search=["corp.test"]) as resolver:
        assert (await resolver.query(name)).extended_errors == (BLOCKED, (ExtendedError.FILTERED, ""))
        for asking in (resolver.resolve(f"{name}."), resolver.addresses(f"{name}.", 2)):
            with pytest.raises(error_type) as caught:
                await asking
            error: Any = caught.value
            assert error.extended_errors == (BLOCKED, (ExtendedError.FILTERED, ""))
            assert str(error).endswith(f"A: {reason} (BLOCKED: by law; FILTERED)")
            assert pickle.loads(pickle.dumps(error)).extended_errors == error.extended_errors


async def test_beside_a_failure() -> None:
    bogus = Edns().with_extended_error(ExtendedError.DNSSEC_BOGUS, "\x1b[31mexpired\n")
    late = Edns().with_extended_error(ExtendedError.NO_REACHABLE_AUTHORITY)
    async with (
        server_of(saying(bogus, rcode=Rcode.SERVFAIL)) as one,
        server_of(saying(late, rcode=Rcode.SERVFAIL)) as two,
        Resolver([one.nameserver, two.nameserver]) as resolver,
    ):
        with pytest.raises(ServerFailure) as caught:
            await resolver.query("www.said.test")
        with pytest.raises(ServerFailure) as remembered:
            await resolver.query("www.said.test")
    for error in (caught.value, remembered.value, pickle.loads(pickle.dumps(caught.value))):
        assert sorted(error.extended_errors) == [(6, "?[31mexpired?"), (22, "")]
        assert {attempt.extended_errors for attempt in error.attempts} == {((6, "?[31mexpired?"),), ((22, ""),)}
        assert "SERVFAIL (DNSSEC_BOGUS: ?[31mexpired?)" in str(error)
        assert "SERVFAIL (NO_REACHABLE_AUTHORITY)" in str(error)


async def test_over_a_restart(tmp_path: Path) -> None:
    edns = Edns().with_extended_error(*BLOCKED)
    path = tmp_path / "cache"
    async with server_of(saying(edns, flags=Flag.AD)) as server, Resolver(server.nameserver) as resolver:
        await resolver.query("www.said.test")
        await resolver.query("no.said.test")
        assert resolver.cache.save(path) == 2
    async with Resolver("udp://127.0.0.1:1", cache=Cache()) as resolver:
        assert resolver.cache.load(path, now=asyncio.get_running_loop().time()) == 2
        for name in ("www.said.test", "no.said.test"):
            answer = await resolver.query(name)
            assert answer.extended_errors == (BLOCKED,)
            assert answer.authenticated


async def test_in_an_explanation() -> None:
    edns = Edns().with_extended_error(*BLOCKED)
    async with server_of(saying(edns)) as server, Resolver(server.nameserver, search=[]) as resolver:
        told = await resolver.explain("no.said.test")
    assert told.replies[0].extended_errors == ("BLOCKED: by law",)
    assert "(BLOCKED: by law)" in str(told)
    assert json.loads(json.dumps(told.as_dict())) == told.as_dict()


@pytest.mark.parametrize("name", ["www.said.test", "no.said.test"])
def test_on_the_command_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    edns = Edns().with_extended_error(*BLOCKED)
    with DNSServer.in_thread(ZONE, faults=(saying(edns, flags=Flag.AD),)) as server:
        main((f"@{server.nameserver}", name))
        assert "; they say: BLOCKED: by law\n" in (out := capsys.readouterr().out)
        assert " ms, authenticated, good for " in out
        main((f"@{server.nameserver}", name, "--json"))
        assert json.loads(capsys.readouterr().out)["extended_errors"] == ["BLOCKED: by law"]


def test_a_failure_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    edns = Edns().with_extended_error(ExtendedError.DNSSEC_BOGUS, "expired")
    with DNSServer.in_thread(ZONE, faults=(saying(edns, rcode=Rcode.SERVFAIL),)) as server:
        main((f"@{server.nameserver}", "www.said.test"))
        assert "SERVFAIL (DNSSEC_BOGUS: expired)" in capsys.readouterr().out
        main((f"@{server.nameserver}", "www.said.test", "--json"))
        assert json.loads(capsys.readouterr().out)["extended_errors"] == ["DNSSEC_BOGUS: expired"]
