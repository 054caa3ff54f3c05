"""Attack 8: a server says more than it may (CVE-2025-40778, CVE-2025-11411, CVE-2026-42960). None of it is believed."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_internet import EVIL, FORGED, ROOT, TRUE, ScriptedInternet, answers, delegates

from aioresolver import Resolver

VICTIM, ATTACKER = "10.0.1.1", "10.0.2.1"
HIJACK = ["victim. 86400 NS ns.evil."], ["ns.evil. 86400 A " + EVIL]

MODES: dict[str, dict[str, list[str]]] = {
    "sibling NS in the authority section": {"authority": HIJACK[0], "additional": HIJACK[1]},
    "NS of the parent": {"authority": [". 86400 NS ns.evil."], "additional": HIJACK[1]},
    "NS of its own, unsolicited": {
        "authority": ["evil. 86400 NS ns.victim."],
        "additional": ["ns.victim. 86400 A " + EVIL],
    },
    "glue of the victim's nameserver": {"additional": ["ns.victim. 86400 A " + EVIL]},
    "glue of the parent's nameserver": {"authority": [". 86400 NS a.root."], "additional": ["a.root. 86400 A " + EVIL]},
    "the victim's DNAME": {"answer": ["victim. 86400 DNAME evil."]},
    "the root's DNAME": {"answer": [". 86400 DNAME evil."]},
    "an address of the victim's": {"answer": ["canary.victim. 86400 A " + FORGED]},
    "an alias of the victim's": {"answer": ["canary.victim. 86400 CNAME www.evil."]},
    "MX in the authority section": {
        "authority": ["victim. 86400 MX 10 ns.victim."],
        "additional": ["ns.victim. 86400 A " + EVIL],
    },
    "an SOA of the victim's": {"authority": ["victim. 86400 SOA ns.evil. x.evil. 9 1 1 1 86400"]},
}


def hijacked(question: Any) -> dict[str, Any]:
    return {"answer": ["{} 300 A " + FORGED]}


@pytest.mark.parametrize("known", [False, True], ids=["victim unknown", "victim known"])
@pytest.mark.parametrize("mode", MODES)
def test_more_than_it_may_say(mode: str, known: bool, run_virtual: Any) -> None:
    internet = ScriptedInternet(
        {
            ROOT: delegates({"victim.": VICTIM, "evil.": ATTACKER}),
            VICTIM: answers("victim.", {"canary.victim.": TRUE, "www.victim.": TRUE}),
            ATTACKER: answers("evil.", {"www.evil.": "192.0.2.66", "evil.": "192.0.2.66"}, **MODES[mode]),
            EVIL: hijacked,
        }
    )
    run_virtual(attack(internet, known=known))


@pytest.mark.parametrize("known", [False, True], ids=["victim unknown", "victim known"])
def test_a_referral_with_a_second_cut(known: bool, run_virtual: Any) -> None:
    """The parent of the attacker's zone is the attacker's, too, and refers to the victim beside it."""

    def refers(question: Any) -> dict[str, Any]:
        return {
            "authority": ["www.evil. 86400 NS ns.www.evil.", *HIJACK[0]],
            "additional": ["ns.www.evil. 86400 A 10.0.2.2", *HIJACK[1], "ns.victim. 86400 A " + EVIL],
        }

    internet = ScriptedInternet(
        {
            ROOT: delegates({"victim.": VICTIM, "evil.": ATTACKER}),
            VICTIM: answers("victim.", {"canary.victim.": TRUE, "www.victim.": TRUE}),
            ATTACKER: refers,
            "10.0.2.2": answers("www.evil.", {"www.evil.": "192.0.2.66"}),
            EVIL: hijacked,
        }
    )
    run_virtual(attack(internet, known=known))


async def attack(internet: ScriptedInternet, *, known: bool) -> None:
    async with internet.resolver() as resolver:
        if known:
            assert await address(resolver, "www.victim") == TRUE
        assert await address(resolver, "www.evil") == "192.0.2.66"
        assert resolver.peek("canary.victim") is None
        assert resolver.peek("victim", "DNAME") is None
        assert await address(resolver, "canary.victim") == TRUE
        assert (await resolver.query("only-if-hijacked.victim")).rcode.name == "NXDOMAIN"
        assert internet.asked(EVIL) == []
        assert await address(resolver, "www.evil") == "192.0.2.66"


async def address(resolver: Resolver, name: str) -> str:
    return str((await resolver.resolve(name))[0])
