"""A trace as text: the whole tree, failures as clear as successes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from aioresolver.testing import Fault
from aioresolver.trace import Trace

GOLDEN = {
    "www.guest.example": """\
www.guest.example A, from the root

.  known for another 3600 s: a.root.
├─ a.root. 192.0.2.1                . NS (priming)             → 1 record  20.0 ms udp
│       believed . NS a.root. (a root server was asked who the root servers are)
└─ a.root. 192.0.2.1                example. A (a part)        → referral to example.: 1 nameserver, 1 address  20.0 ms udp
        believed example. NS ns.nic.example. (under the root, and example. is in it)
        believed ns.nic.example. A 192.0.2.2 (glue: under the root, and a nameserver of example.)

example.
└─ ns.nic.example. 192.0.2.2        guest.example. A (a part)  → referral to guest.example.: 1 nameserver, 0 addresses  20.0 ms udp
        believed guest.example. NS ns.hoster.test. (under example., and guest.example. is in it)

guest.example.
├─ ns.hoster.test. A is looked up  → 192.0.2.4  60.0 ms
│  ├─ .  known for another 3600 s: a.root.
│  │  └─ a.root. 192.0.2.1          test. A (a part)           → referral to test.: 1 nameserver, 1 address  20.0 ms udp
│  │          believed test. NS ns.nic.test. (under the root, and test. is in it)
│  │          believed ns.nic.test. A 192.0.2.3 (glue: under the root, and a nameserver of test.)
│  ├─ test.
│  │  └─ ns.nic.test. 192.0.2.3     hoster.test. A (a part)    → referral to hoster.test.: 1 nameserver, 1 address  20.0 ms udp
│  │          believed hoster.test. NS ns.hoster.test. (under test., and hoster.test. is in it)
│  │          believed ns.hoster.test. A 192.0.2.4 (glue: under test., and a nameserver of hoster.test.)
│  └─ hoster.test.
│     └─ ns.hoster.test. 192.0.2.4  ns.hoster.test. A          → 192.0.2.4  20.0 ms udp
│             believed ns.hoster.test. A 192.0.2.4 (under hoster.test., of which this is a server)
└─ ns.hoster.test. 192.0.2.4        www.guest.example. A       → 198.51.100.10  20.0 ms udp
        believed www.guest.example. A 198.51.100.10 (under guest.example., of which this is a server)

→ www.guest.example. 3600 IN A 198.51.100.10
7 of 200 packets, … bytes, 140.0 ms""",
    "www.lame.example": """\
lame.example.
└─ ns.nic.example. 192.0.2.2  www.lame.example. A       ✗ refers to itself  20.0 ms udp
        dropped lame.example. NS ns.nic.example. (lame.example. is not for itself to delegate)

✗ www.lame.example. A: no nameserver of lame.example. was of use (refers to itself)
4 of 200 packets, … bytes, 80.0 ms""",
}


@pytest.fixture
def trace(run_virtual: Any, world: Any) -> Any:
    world.internet.fail("ns.dead.example", Fault.drop())

    def trace(name: str, type: str = "A") -> Trace:
        async def main() -> Trace:
            async with world.resolver() as resolver:
                found: Trace = await resolver.trace(name, type)
                return found

        return run_virtual(main())  # type: ignore[no-any-return]

    return trace


@pytest.mark.parametrize("name", GOLDEN)
def test_the_tree(trace: Any, name: str) -> None:
    told = re.sub(r"[\d,]+ of 262,144 bytes", "… bytes", str(trace(name)))
    assert told.endswith(GOLDEN[name])
    assert told.startswith(f"{name} A, from the root\n\n")


def test_silence(trace: Any) -> None:
    told = str(trace("www.dead.example"))
    silence = [line for line in told.splitlines() if "✗ no reply" in line]
    assert len(silence) >= 3
    assert silence[0] == "├─ ns.dead.example. 192.0.2.66  www.dead.example. A       ✗ no reply  400.0 ms udp"
    assert silence[-1].startswith("└─ ns.dead.example. 192.0.2.66  www.dead.example. A       ✗ no reply  ")
    assert told.splitlines()[-2].startswith(
        "✗ www.dead.example. A: no nameserver of dead.example. was of use (no reply"
    )


def test_aliases_to_nothing_end_with_that(trace: Any) -> None:
    *_, dname, alias, nothing, _ = str(trace("x.old.hoster.test")).splitlines()
    assert dname == "→ old.hoster.test. 3600 IN DNAME guest.example."
    assert alias == "→ x.old.hoster.test. 3600 IN CNAME x.guest.example."
    assert nothing == "→ no such name (NXDOMAIN)"


def test_no_such_records(trace: Any) -> None:
    assert str(trace("www.guest.example", "MX")).splitlines()[-2] == "→ no records of this type (NOERROR)"


def test_a_name_cannot_change_a_terminal_or_a_drawing(trace: Any) -> None:
    told = trace("www.guest.example")._replace(name="\033[2Jwww\x00")
    assert str(told).startswith("'\\x1b[2Jwww\\x00' A, from the root\n")
    assert "\033" not in told.to_svg()
    assert all(line.isprintable() for line in str(trace("\\027\\000.guest.example")).splitlines())


def test_colours_are_those_of_the_caller(trace: Any) -> None:
    told = trace("www.dead.example")
    assert "\n".join(told.lines()) == str(told)
    painted = list(told.lines(lambda text, style: f"<{style} {text}>"))
    assert painted[0] == "<data www.dead.example A, from the root>"
    assert any("<bad ✗ no reply>  <comment 400.0 ms udp>" in line for line in painted)
    assert painted[-2].startswith("<bad ✗ www.dead.example. A: ")
    assert painted[2] == "<data .><comment   known for another 3600 s: a.root.>"
