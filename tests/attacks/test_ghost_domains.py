"""Attack 17, ghost domains (2012, Phoenix 2022, CVE-2026-40622, CVE-2026-42955): a zone that outlives its delegation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from scripted_internet import EVIL, ROOT, ScriptedInternet, absent, delegates

LEASE = 100


def child(question: Any) -> dict[str, Any]:
    """A server that says of everything that it lives for a day, its own nameservers and their addresses foremost."""
    more = {"authority": ["ghost. 86400 NS ns.ghost."], "additional": [f"ns.ghost. 86400 A {EVIL}"]}
    if str(question.type) == "NS":
        return {"answer": ["ghost. 86400 NS ns.ghost."], "additional": more["additional"]}
    return {"answer": ["{} 86400 A " + (EVIL if question.name == "ns.ghost." else "192.0.2.66")], **more}


@pytest.mark.parametrize(
    ("name", "type"),
    [("ghost", "NS"), ("ns.ghost", "A"), ("www.ghost", "A"), ("ghost", "A")],
    ids=["by its NS", "by its glue", "by answers", "by its apex"],
)
def test_a_zone_that_was_taken_back_is_gone(name: str, type: str, run_virtual: Any) -> None:
    internet = ScriptedInternet({ROOT: delegates({"ghost.": EVIL}, ttl=LEASE), EVIL: child})

    async def main() -> None:
        async with internet.resolver() as resolver:
            assert await resolver.resolve("www.ghost")
            internet.servers[ROOT] = lambda question: absent(".")
            for second in range(0, LEASE - 10, 10):  # the attacker asks, to have it renewed
                answer = await resolver.query(name, type)
                assert answer.ttl <= LEASE - second
                await resolver.query(f"{second}.ghost")
                await asyncio.sleep(10)
            await asyncio.sleep(11)
            for asked in ("www.ghost", "other.ghost", "0.ghost"):
                assert (await resolver.query(asked)).rcode.name == "NXDOMAIN"
            assert (await resolver.query(name, type)).rcode.name == "NXDOMAIN"

    run_virtual(main())


def test_a_zone_that_moved_is_found_where_it_is(run_virtual: Any) -> None:
    """The old nameservers go on to say that it is theirs."""
    internet = ScriptedInternet({ROOT: delegates({"ghost.": EVIL}, ttl=LEASE), EVIL: child})

    async def main() -> None:
        async with internet.resolver() as resolver:
            await resolver.query("www.ghost")
            internet.servers[ROOT] = delegates({"ghost.": "10.0.3.1"}, ttl=LEASE)
            internet.servers["10.0.3.1"] = lambda question: {"answer": ["{} 60 A 192.0.2.1"]}
            await asyncio.sleep(LEASE - 1)
            await resolver.query("ghost", "NS")
            await resolver.query("ns.ghost")
            await asyncio.sleep(2)
            assert [str(data) for data in await resolver.resolve("www.ghost")] == ["192.0.2.1"]

    run_virtual(main())
