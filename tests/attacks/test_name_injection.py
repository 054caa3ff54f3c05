"""Attack 21, names that mean something else as text (Jeitner and Shulman 2021): bytes are escaped, and keep apart."""

from __future__ import annotations

from typing import Any

import pytest
from evil_server import TRUE, EvilServer, reply_to

from aioresolver import NameNotFound, NameSyntaxError, Question, Resolver, StubBackend
from aioresolver.wire.codes import Flag
from aioresolver.wire.message import Message, Record


def aliased(target: str) -> Any:
    """A script: www.evil.example is an alias of that, which has the forged address."""

    def script(query: bytes, send) -> None:
        message = Message.parse(query)
        if str(message.question[0].name) != "www.evil.example.":
            send(reply_to(query))
            return
        records = (
            Record.parse(f"www.evil.example. 300 CNAME {target}"),
            Record.parse(f"{target} 300 A 203.0.113.66"),
        )
        send(query[:2] + message.reply(flags=Flag.RA, answer=records).to_wire()[2:])

    return script


@pytest.mark.parametrize("target", ["www.bank.com\\000.evil.example.", "www\\.bank\\.com.evil.example."])
async def test_the_cache_keeps_them_apart(target: str, race: int) -> None:
    async with EvilServer(aliased(target)) as server, Resolver(StubBackend(server.url, race=race)) as resolver:
        answer = await resolver.query("www.evil.example")
        assert str(answer.name) == target

        for name in ("www.bank.com", "www.bank.com.evil.example"):
            assert resolver.peek(name) is None
            assert [data.address for data in await resolver.resolve(name)] == [TRUE]


def test_a_dot_within_a_label_is_no_border() -> None:
    assert Question.parse("a\\.b.example") != Question.parse("a.b.example")
    assert Question.parse("a\\000.example").name.labels[0] == b"a\0"
    assert "\0" not in str(Question.parse("a\\000.example").name)


@pytest.mark.parametrize("host", ["www.bank.com\0.evil.example", "a b.example", "www.bank.com\n.evil.example"])
async def test_what_is_no_host_name_is_none(host: str, race: int) -> None:
    async with (
        EvilServer(lambda query, send: None) as server,
        Resolver(StubBackend(server.url, race=race), timeout=1) as resolver,
    ):
        with pytest.raises((NameNotFound, NameSyntaxError, ValueError)):
            await resolver.getaddrinfo(host, 80)
        assert server.queries == []
