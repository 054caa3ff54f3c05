"""Attack 13, CAMP 2024 and DNS Unchained 2018: aliases, labels and nameservers that multiply each other."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_internet import ROOT, ScriptedInternet, delegates

from aioresolver import ServerFailure

ONE, TWO = "10.0.1.1", "10.0.2.1"
LABELS = "a.b.c.d.e.f.g.h.i"


def chain(zone: str, other: str) -> Any:
    """Each name is an alias into the other zone; the parts of it are empty."""

    def says(question: Any) -> dict[str, Any]:
        first, _, rest = str(question.name).partition(".")
        if not first[1:].isdigit() or rest != f"{LABELS}.{zone}":
            return {"rcode": "NOERROR", "authority": [f"{zone} 300 SOA ns.{zone} x.{zone} 1 1 1 1 300"]}
        return {"answer": [f"{{}} 300 CNAME n{int(first[1:]) + 1}.{LABELS}.{other}"]}

    return says


@pytest.mark.parametrize("minimise", [True, False], ids=["minimised", "whole"])
def test_aliases_of_many_labels_in_two_zones(minimise: bool, run_virtual: Any) -> None:
    """17 aliases, 10 labels each, a question for each label (CAMP's largest factor): the chain ends at its limit."""
    internet = ScriptedInternet(
        {ROOT: delegates({"one.": ONE, "two.": TWO}), ONE: chain("one.", "two."), TWO: chain("two.", "one.")}
    )

    async def main() -> None:
        async with internet.resolver(qname_minimization=minimise) as resolver:
            with pytest.raises(ServerFailure, match="aliases"):
                await resolver.query(f"n1.{LABELS}.one")

    run_virtual(main())
    assert len(internet.sent) <= (200 if minimise else 20)


def test_aliases_within_one_zone(run_virtual: Any) -> None:
    """Unchained: the zone of the victim is asked for each link."""
    internet = ScriptedInternet({ROOT: delegates({"one.": ONE}), ONE: chain("one.", "one.")})

    async def main() -> None:
        async with internet.resolver() as resolver:
            with pytest.raises(ServerFailure, match="aliases"):
                await resolver.query(f"n1.{LABELS}.one")

    run_virtual(main())
    assert len(internet.sent) <= 40


def test_aliases_and_referrals_to_many_nameservers(run_virtual: Any) -> None:
    """Each link is in a zone of its own, whose nameservers are not to be found: all of it is one budget."""

    def says(question: Any) -> dict[str, Any]:
        labels = str(question.name).rstrip(".").split(".")
        if len(labels) < 2:
            return {"rcode": "NOERROR", "authority": ["one. 300 SOA ns.one. x.one. 1 1 1 1 300"]}
        return {"authority": [f"{labels[-2]}.one. 300 NS n{i}.x{labels[-2]}{i}.one." for i in range(20)]}

    internet = ScriptedInternet({ROOT: delegates({"one.": ONE}), ONE: says})

    async def main() -> None:
        async with internet.resolver() as resolver:
            with pytest.raises(ServerFailure):
                await resolver.query("www.start.one")

    run_virtual(main())
    assert len(internet.sent) <= 200
