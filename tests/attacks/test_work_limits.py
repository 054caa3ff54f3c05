"""What one question may cost, whatever the servers do: at most 200 packets, and no longer than its deadline."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from scripted_internet import ROOT, Says, ScriptedInternet, absent, delegates

from aioresolver import LookupTimeout, Question, ServerFailure

EVIL, VICTIM = "10.0.2.1", "10.0.1.1"
asked: list[Question] = []


def nxns(question: Any) -> dict[str, Any]:
    return {"authority": [f"sub.evil. 300 NS ns{number}.victim." for number in range(1000)]}


def chain_of_64(question: Any) -> dict[str, Any]:
    first = str(question.name).partition(".")[0]
    number = int(first) if first.isdigit() else 0
    if number >= 64:
        return {"answer": ["{} 300 A 192.0.2.1"]}
    return {"answer": [f"{{}} 300 CNAME {number + 1}.sub.evil."]} if str(question.type) == "A" else absent("evil.")


def loop(question: Any) -> dict[str, Any]:
    """Each time a label deeper into a name that has a hundred of them, then back to the first."""
    labels = str(question.name).split(".")
    asked.append(question)
    zone = ".".join(labels[-(4 + len(asked) % 90) :])
    return {"authority": [f"{zone} 300 NS ns.{zone}"], "additional": [f"ns.{zone} 300 A {EVIL}"]}


def of_65_kb(question: Any) -> dict[str, Any]:
    names = [f"{'x' * 60}{number:03}.sub.evil." for number in range(560)]
    return {
        "authority": [f"sub.evil. 300 NS {name}" for name in names],
        "additional": [f"{name} 300 A 10.9.{number >> 8}.{number & 255}" for number, name in enumerate(names)],
    }


ATTACKS: dict[str, dict[str, Says]] = {
    "an NXNS referral": {EVIL: nxns, VICTIM: lambda question: absent("victim.")},
    "an NXNS referral to the dead": {EVIL: nxns},
    "a chain of 64 aliases": {EVIL: chain_of_64},
    "a delegation cycle": {EVIL: lambda question: {"authority": ["sub.evil. 300 NS ns.sub.other."]}, VICTIM: nxns},
    "a referral loop": {EVIL: loop},
    "a 65 KB referral": {EVIL: of_65_kb},
}


@pytest.mark.parametrize("minimise", [True, False], ids=["minimised", "whole"])
@pytest.mark.parametrize("patience", [1.0, 60.0])
@pytest.mark.parametrize("attack", ATTACKS)
def test_it_ends_within_budget_and_deadline_with_at_most_200_packets(
    attack: str, patience: float, minimise: bool, run_virtual: Any
) -> None:
    zones = {"evil.": EVIL, "victim.": VICTIM}
    internet = ScriptedInternet({ROOT: delegates(zones), **ATTACKS[attack]})

    async def main() -> None:
        asked.clear()
        backend = internet.backend(qname_minimization=minimise)
        now = asyncio.get_running_loop().time
        for name in ("1.sub.evil", "x." * 100 + "sub.evil"):
            began, before = now(), len(internet.sent)
            with pytest.raises((ServerFailure, LookupTimeout)):
                await backend.query(Question.parse(name), began + patience)
            assert now() - began <= min(patience, backend.limits.seconds) + 0.001
            assert len(internet.sent) - before <= backend.limits.queries == 200
        await backend.aclose()

    run_virtual(main())
