"""Attacks 11 and 12: delegations without end (iDNS 2015) and in circles (TsuNAME 2021, self-pointed glue)."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_internet import ROOT, Says, ScriptedInternet, delegates

from aioresolver import ServerFailure
from aioresolver.wire.names import Name

EVIL = "10.0.2.1"


def endless(question: Any) -> dict[str, Any]:
    """Every name has a nameserver in another zone yet, without glue (CVE-2014-8500)."""
    labels = str(question.name).rstrip(".").split(".")
    zone = labels[-2] if len(labels) > 1 else "0"
    number = int(zone[1:]) if zone[1:].isdigit() else 0
    return {"authority": [f"{zone}.evil. 300 NS ns.z{number + 1}.evil."]}


def deeper(question: Any) -> dict[str, Any]:
    """Every name is in a zone one label deeper, of the same server."""
    labels = str(question.name).rstrip(".").split(".")
    zone = ".".join(["0", *labels])
    return {"authority": [f"{zone}. 300 NS ns.evil."], "additional": [f"ns.evil. 300 A {EVIL}"]}


CIRCLES: dict[str, dict[str, Says]] = {
    "endless": {ROOT: delegates({"evil.": EVIL}), EVIL: endless},
    "ever deeper": {ROOT: delegates({"evil.": EVIL}), EVIL: deeper},
    "of two zones": {ROOT: delegates({"evil.": ["ns.other."], "other.": ["ns.evil."]})},
    "of one zone": {ROOT: delegates({"evil.": ["ns.evil."]})},
    "of thirteen nameservers each": {
        ROOT: delegates({"evil.": [f"ns{i}.other." for i in range(13)], "other.": [f"ns{i}.evil." for i in range(13)]})
    },
    "glue to itself": {ROOT: delegates({"evil.": ROOT})},
    "glue to the one before": {
        ROOT: delegates({"evil.": EVIL}),
        EVIL: delegates({"sub.evil.": ROOT, "evil.": EVIL}),
    },
}


@pytest.mark.parametrize("minimise", [True, False], ids=["minimised", "whole"])
@pytest.mark.parametrize("circle", CIRCLES)
def test_a_circle_ends(circle: str, minimise: bool, run_virtual: Any) -> None:
    internet = ScriptedInternet(CIRCLES[circle])

    async def main() -> None:
        async with internet.resolver(qname_minimization=minimise) as resolver:
            for name in ("www.sub.evil", "www.evil", "a.b.c.d.e.f.g.h.evil"):
                before = len(internet.sent)
                with pytest.raises(ServerFailure):
                    await resolver.query(name)
                assert len(internet.sent) - before <= 50

    run_virtual(main())


def test_a_circle_does_not_hold_back_what_is_beside_it(run_virtual: Any) -> None:
    internet = ScriptedInternet(
        {
            ROOT: delegates({"evil.": ["ns.other.", "ns.good."], "other.": ["ns.evil."], "good.": "10.0.3.1"}),
            "10.0.3.1": lambda question: {
                "answer": [f"{{}} 300 A {'10.0.3.1' if question.name == Name('ns.good.') else '192.0.2.1'}"]
            },
        }
    )

    async def main() -> None:
        async with internet.resolver() as resolver:
            assert [str(data) for data in await resolver.resolve("www.evil")] == ["192.0.2.1"]

    run_virtual(main())
