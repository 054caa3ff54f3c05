"""Attack 24: a resolver that is made to ask itself. It ends with a few packets, and nothing multiplies."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_internet import ROOT, ScriptedInternet, delegates

from aioresolver import DNSError, Resolver
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Message

FRONT = "10.5.0.1"


class Mirror(ScriptedInternet):
    """An internet in which one server is the resolver itself."""

    front: Resolver

    async def exchange(self, address: str, query: bytes, tcp: bool, deadline: float) -> bytes:
        if address != FRONT:
            return await super().exchange(address, query, tcp, deadline)
        message = Message.parse(query)
        self.sent.append((address, message.question[0]))
        rcode = Rcode.NOERROR
        try:
            await self.front.query(str(message.question[0].name), message.question[0].type)
        except DNSError:
            rcode = Rcode.SERVFAIL
        reply = message.reply(rcode=rcode).to_wire()
        end = 12 + len(message.question[0].name.to_wire())
        return reply[:12] + query[12:end] + reply[end:]


@pytest.mark.parametrize(
    ("options", "zones"),
    [
        ({"forwards": {".": [FRONT]}}, {}),
        ({"stubs": {"evil": [FRONT]}}, {}),
        ({}, {"evil.": FRONT}),
        ({"qname_minimization": False}, {"evil.": FRONT}),
    ],
    ids=["forward", "stub", "nameserver", "nameserver, whole names"],
)
def test_asking_itself(options: dict[str, Any], zones: dict[str, str], run_virtual: Any) -> None:
    internet = Mirror({ROOT: delegates(zones)})

    async def main() -> None:
        async with internet.resolver(timeout=5, **options) as resolver:
            internet.front = resolver
            for name in ("www.sub.evil", "other.evil"):
                with pytest.raises(DNSError):
                    await resolver.query(name)

    run_virtual(main())
    assert 1 <= len(internet.asked(FRONT)) <= 40
    assert len(internet.sent) <= 50
