"""Attack 21, names that mean something else as text (Jeitner and Shulman 2021): bytes are escaped, and keep apart."""

from __future__ import annotations

from typing import Any

import pytest
from evil_server import TRUE, EvilServer, reply_to
from scripted_internet import FORGED, ROOT, ScriptedInternet, answers, delegates

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


@pytest.mark.parametrize("label", ["www\\.bank\\.com", "www.bank.com\\000", "www.bank.com\\.", "www.bank.com\\032"])
def test_walks_keep_them_apart(label: str, run_virtual: Any) -> None:
    """A zone below such a name, its nameserver and an alias to it say nothing of the name that it looks like."""
    bank, evil = "10.0.1.1", "10.0.2.1"

    def forges(question: Any) -> dict[str, Any]:
        if str(question.name) == "www.evil.":
            return {
                "answer": [
                    f"{{}} 300 CNAME {label}.evil.",
                    f"{label}.evil. 300 A {FORGED}",
                    f"www.bank.com. 300 A {FORGED}",
                ]
            }
        if str(question.name).endswith(f"{label}.evil."):
            return {
                "authority": [f"{label}.evil. 300 NS ns.{label}.evil.", f"{label}. 300 NS ns.{label}.evil."],
                "additional": [f"ns.{label}.evil. 300 A 10.0.3.1"],
            }
        return {"rcode": "NOERROR"}

    internet = ScriptedInternet(
        {
            ROOT: delegates({"com.": bank, "evil.": evil}),
            bank: answers("com.", {"www.bank.com.": TRUE}),
            evil: forges,
            "10.0.3.1": lambda question: {"answer": ["{} 300 A " + FORGED]},
        }
    )

    async def main() -> None:
        async with internet.resolver() as resolver:
            answer = await resolver.query("www.evil")
            assert str(answer.name) == f"{label}.evil."
            assert [data.address for data in await resolver.query(f"x.{label}.evil")] == [FORGED]
            assert resolver.peek("www.bank.com") is None
            assert [data.address for data in await resolver.resolve("www.bank.com")] == [TRUE]
            assert {str(zone) for zone in resolver.backend.memory.delegations.as_dict()} == {
                "com.",
                "evil.",
                f"{label}.evil.",
            }

    run_virtual(main())
