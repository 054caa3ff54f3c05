"""Attack 9, MaginotDNS 2023: a forwarder, or whoever forges its replies, says who serves what the walk is to find."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_internet import EVIL, FORGED, ROOT, TRUE, ScriptedInternet, answers, delegates

FORWARDER, COM = "10.5.0.1", "10.0.1.1"


@pytest.mark.parametrize("section", ["answer", "authority"])
def test_a_forwarder_teaches_nothing_about_zones(section: str, run_virtual: Any) -> None:
    def forges(question: Any) -> dict[str, Any]:
        said: dict[str, Any] = {"answer": ["{} 300 A 192.0.2.5"], "authority": []}
        said[section] += ["com. 86400 NS ns.evil.", ". 86400 NS ns.evil.", "corp.test. 86400 NS ns.evil."]
        said["additional"] = [f"ns.evil. 86400 A {EVIL}", f"ns.com. 86400 A {EVIL}", f"a.root. 86400 A {EVIL}"]
        said["answer"] += [f"x.com. 86400 A {FORGED}"]
        return said

    internet = ScriptedInternet(
        {
            ROOT: delegates({"com.": COM}),
            COM: answers("com.", {"x.com.": TRUE}),
            FORWARDER: forges,
            EVIL: lambda question: {"answer": ["{} 300 A " + FORGED]},
        }
    )

    async def main() -> None:
        async with internet.resolver(forwards={"corp.test": [FORWARDER]}) as resolver:
            assert [str(data) for data in await resolver.resolve("www.corp.test")] == ["192.0.2.5"]
            assert [str(data) for data in await resolver.resolve("x.com")] == [TRUE]
            assert [str(question.name) for question in internet.asked(ROOT)] == ["com."]
            assert internet.asked(EVIL) == []
            assert [str(data) for data in await resolver.resolve("other.corp.test")] == ["192.0.2.5"]
            assert len(internet.asked(FORWARDER)) == 2

    run_virtual(main())


def test_a_nameserver_in_a_forward_zone_is_found_but_not_remembered(run_virtual: Any) -> None:
    """Its address is the forwarder's word: good for this question, and for no other."""
    internet = ScriptedInternet(
        {
            ROOT: delegates({"com.": ["ns.corp.test."]}),
            COM: answers("com.", {"x.com.": TRUE, "y.com.": TRUE}),
            FORWARDER: lambda question: {"answer": ["{} 86400 A " + COM]},
        }
    )

    async def main() -> None:
        async with internet.resolver(forwards={"corp.test": [FORWARDER]}) as resolver:
            assert [str(data) for data in await resolver.resolve("x.com")] == [TRUE]
            assert len(resolver.backend.memory.hosts) == 0  # type: ignore[union-attr]

    run_virtual(main())
