"""An internet within the process whose every reply is written by the test: whatever an attacker's servers would say."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Mapping
from typing import Any

from aioresolver import IterativeBackend, Question, Resolver, TransportError
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Record
from aioresolver.wire.names import Name

Said = Mapping[str, Any]
"""`rcode`, and lists of records as text in `answer`, `authority`, `additional`; `{}` is the name asked for."""
Says = Callable[[Question], "Said | None"]
ROOT, TRUE, FORGED, EVIL = "10.0.0.1", "192.0.2.80", "203.0.113.66", "10.6.6.6"
SOA = "{zone} 300 SOA ns.{zone} admin.{zone} 1 3600 600 86400 300"
ROUND_TRIP = 0.01


def delegates(zones: Mapping[str, str | list[str]], *, ttl: int = 3600) -> Says:
    """A server that refers to these zones: each with the address of a nameserver in it, or nameservers without any."""

    def says(question: Question) -> Said:
        zone = next((zone for zone in zones if question.name.is_under(Name(zone))), None)
        if zone is None:
            return absent(".")
        servers = zones[zone]
        if isinstance(servers, str):
            return {"authority": [f"{zone} {ttl} NS ns.{zone}"], "additional": [f"ns.{zone} {ttl} A {servers}"]}
        return {"authority": [f"{zone} {ttl} NS {server}" for server in servers]}

    return says


def answers(zone: str, hosts: Mapping[str, str], **more: list[str]) -> Says:
    """A server of a zone with these addresses; `more` is in every reply that has one."""

    def says(question: Question) -> Said:
        address = hosts.get(question.name)
        if address is None or str(question.type) != "A":
            below = any(Name(host).is_under(question.name) for host in hosts)
            return absent(zone, rcode="NOERROR" if below else "NXDOMAIN")
        return {
            "answer": ["{} 300 A " + address, *more.get("answer", [])],
            **{k: v for k, v in more.items() if k != "answer"},
        }

    return says


def absent(zone: str, *, rcode: str = "NXDOMAIN") -> Said:
    """There is nothing."""
    return {"rcode": rcode, "authority": [SOA.format(zone=zone).replace("..", ".").replace("ns. ", "ns.root. ")]}


class ScriptedInternet:
    """Servers by address, each a function from question to reply; None is silence. `sent` has all queries."""

    def __init__(self, servers: Mapping[str, Says]) -> None:
        self.servers: dict[str, Says] = dict(servers)
        self.sent: list[tuple[str, Question]] = []

    async def exchange(self, address: str, query: bytes, tcp: bool, deadline: float) -> bytes:
        """As IterativeBackend asks for it."""
        message = Message.parse(query)
        question = message.question[0]
        self.sent.append((address, question))
        says = self.servers.get(address)
        said = None if says is None else says(question)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(ROUND_TRIP if said is not None else max(deadline - loop.time(), 0))
        if said is None:
            raise TransportError("no reply before the deadline", code=errno.ETIMEDOUT)
        sections = {
            section: tuple(Record.parse(text.replace("{}", question.name)) for text in said.get(section, ()))
            for section in ("answer", "authority", "additional")
        }
        flags = Flag.AA if sections["answer"] or "rcode" in said else 0
        rcode = Rcode.parse(said.get("rcode", "NOERROR"))
        wire = message.reply(flags=flags, rcode=rcode, edns=Edns(), **sections).to_wire(limit=65535 if tcp else 1232)
        end = 12 + len(question.name.to_wire())
        return wire[:12] + query[12:end] + wire[end:]  # the letters as they were

    def resolver(self, *, timeout: float = 30.0, **options: Any) -> Resolver:
        """A resolver that walks it from the root."""
        return Resolver(self.backend(**options), search=(), timeout=timeout)

    def backend(self, **options: Any) -> IterativeBackend:
        """The same without cache."""
        return IterativeBackend({"a.root.": [ROOT]}, exchange=self.exchange, **{"prime": False, **options})

    def asked(self, address: str) -> list[Question]:
        """What this server was asked."""
        return [question for to, question in self.sent if to == address]
