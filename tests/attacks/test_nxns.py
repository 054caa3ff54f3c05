"""Attack 10, NXNSAttack 2020 and NRDelegation 2022: a referral to many nameservers that are the victim's to deny."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from scripted_internet import ROOT, ScriptedInternet, absent, delegates

from aioresolver import DNSError, ServerFailure

VICTIM, ATTACKER = "10.0.1.1", "10.0.2.1"


def attacked(count: int, victim: Any) -> ScriptedInternet:
    targets = [f"ns{number}.victim." for number in range(count)]

    def refers(question: Any) -> dict[str, Any]:
        return {"authority": [f"sub.evil. 300 NS {target}" for target in targets]}

    return ScriptedInternet({ROOT: delegates({"victim.": VICTIM, "evil.": ATTACKER}), ATTACKER: refers, VICTIM: victim})


@pytest.mark.parametrize("eager", ["lazy", "eager"])
@pytest.mark.parametrize("count", [100, 1500])
def test_names_that_do_not_exist(count: int, eager: str, run_virtual: Any) -> None:
    internet = attacked(count, lambda question: absent("victim."))

    async def main() -> None:
        async with internet.resolver(fetch_ns_addresses=eager) as resolver:
            with pytest.raises(ServerFailure):
                await resolver.query("www.sub.evil")

    run_virtual(main())
    assert len(internet.asked(VICTIM)) <= 10
    assert len(internet.sent) <= 20


@pytest.mark.parametrize("count", [100, 1500])
def test_a_victim_that_does_not_answer(count: int, run_virtual: Any) -> None:
    internet = attacked(count, lambda question: None)

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with internet.resolver() as resolver:
            with pytest.raises(DNSError):
                await resolver.query("www.sub.evil")
        return loop.time() - began

    assert run_virtual(main()) <= 10.01
    assert len(internet.asked(VICTIM)) <= 10
    assert len(internet.sent) <= 50


@pytest.mark.parametrize("count", [100, 1500])
def test_nameservers_that_refer_back(count: int, run_virtual: Any) -> None:
    """NRDelegation: each of them has an address, of a server that refers to the next referral."""

    def refers_back(question: Any) -> dict[str, Any]:
        if str(question.name).startswith("ns"):
            return (
                {"answer": ["{} 300 A 10.0.3.1"]} if str(question.type) == "A" else absent("victim.", rcode="NOERROR")
            )
        return absent("victim.", rcode="NOERROR")

    internet = attacked(count, refers_back)
    internet.servers["10.0.3.1"] = lambda question: {
        "authority": [f"sub.evil. 300 NS ns{i}.victim." for i in range(count)]
    }

    async def main() -> None:
        async with internet.resolver() as resolver:
            with pytest.raises(ServerFailure):
                await resolver.query("www.sub.evil")

    run_virtual(main())
    assert len(internet.sent) <= 50
    assert len(internet.asked(VICTIM)) <= 10


def test_a_hundred_such_questions_cost_the_victim_no_more(run_virtual: Any) -> None:
    """What was looked up in vain is remembered, so another name of the same zone does not begin anew."""
    internet = attacked(100, lambda question: absent("victim."))

    async def main() -> None:
        async with internet.resolver() as resolver:
            names = [resolver.query(f"{number}.sub.evil") for number in range(100)]
            outcomes = await asyncio.gather(*names, return_exceptions=True)
            assert all(isinstance(outcome, ServerFailure) for outcome in outcomes)

    run_virtual(main())
    assert len(internet.asked(VICTIM)) <= 300  # without, 100 times 1,500; the limit is five hosts for each question
