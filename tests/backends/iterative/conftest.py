"""The player of scenarios: a small internet and what is asked of it, as one text, under virtual time, without a socket.

A scenario is a file in `scenarios/`, named after the one behaviour that it shows. Its first line, a comment, says it in
a sentence. Lines that are indented belong to the last line that is not; `#` begins a comment. It is played from top to
bottom.

How the backend is set (before the first `ask`):

    set prime                       ask the root for the root first (else: not)
    set no-minimization             show whole names
    set eager                       look up all addresses of nameservers at once
    set stub ZONE ADDRESS …         a stub zone;   set forward ZONE ADDRESS …   a forward zone
    set budget queries=20 depth=3   limits, see Limits
    set timeout SECONDS             the client's patience for each question (5)
    set seed NUMBER                 choose among equal servers at random, so seeded (else: the first in the parent's order)
    hints NAME ADDRESS …            a root server (a.root. at 10.0.0.1 when there are none)

Servers; each block replaces what was at these addresses before, so that a file can say what changes later:

    usual                           the root at 10.0.0.1, org. at 10.0.1.1 and com. at 10.0.2.1
      RECORD                        each in org., com. or the root by its owner's last label, names in full
    server ADDRESS …
      zone ORIGIN                   begins a zone; the lines after it, up to the next keyword, are its zone file
      www A 192.0.2.1               (relative names are completed with ORIGIN; $TTL works; without it, 3600)
      on NAME TYPE [CONDITION …] say RCODE [aa] [tc] [ra]
        answer RECORD               sections of a reply by hand: `answer`, `authority`, `additional`; TTL 3600 if not given
      on NAME TYPE [CONDITION …] do FAULT
    NAME is a name, `*` for any, or `*.ZONE` for any below ZONE; `{}` in a record stands for the name asked for.
    TYPE is a type or `*`. CONDITIONs: `udp`, `tcp`, `edns`, `first N` (the first N times), `after N`.
    FAULTs: silence · delay SECONDS · refused (connection refused) · unreachable (this machine's own fault) · garbage ·
    truncated (an empty reply with TC) · lower-case (the question is not repeated letter for letter) · wrong-id ·
    wrong-question · huge N (a referral to N nameservers, `huge N ZONE`) · cookie (with one, for who sent one) ·
    bad-cookie (BADCOOKIE, with one) · no-question (FORMERR and nothing else) · servfail CODE TEXT (with that reason).
    The first `on` that fits counts; else the zones answer; a server without a zone for the name refuses.
    At an address without a server nobody answers.

What happens:

    wait SECONDS                    time passes
    ask NAME TYPE [| NAME TYPE …]   a question, or several at the same time; what is expected of each:
      NOERROR | NXDOMAIN            the rcode
      FAILURE [WORDS]               a ServerFailure that says WORDS;   TIMEOUT   a LookupTimeout
      = RECORD                      the answer section is exactly these records, aliases included; TTLs do not count
      ttl N | ttl <= N              seconds that the answer lives
      packets N | packets <= N      how many queries were sent for this line
      tcp N                         so many of them over TCP
      asks ADDRESS [NAME [TYPE]]    such a query was sent;   not ADDRESS [NAME [TYPE]]   none was (`*` for any)
      took <= SECONDS
      drops WORDS                   a record with these words in its text or reason was not believed
      attempt WORDS                 so ended a try at a server
"""

from __future__ import annotations

import asyncio
import errno
import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from aioresolver.backends.iterative.backend import IterativeBackend
from aioresolver.backends.iterative.budget import Limits
from aioresolver.errors import LookupTimeout, ServerFailure, TransportError
from aioresolver.testing.authority import Authority
from aioresolver.testing.zone import Zone
from aioresolver.wire.codes import EdnsOption, Flag, Rcode, RRType
from aioresolver.wire.edns import Cookie, Edns
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name

SCENARIOS = Path(__file__).parent / "scenarios"
ROUND_TRIP = 0.01
WAYS = ("zone", "on")


class Query(NamedTuple):
    """A query that was sent."""

    address: str
    name: Name
    type: RRType
    tcp: bool
    recursion: bool
    when: float


class Rule:
    """What a server does when it is asked something."""

    def __init__(self, words: list[str], line: str) -> None:
        self.name, self.type = words[0].lower(), words[1]
        self.udp = self.tcp = True
        self.edns: bool | None = None
        self.first, self.after = 1 << 30, 0
        self.count = 0
        self.verdict: list[str] = []
        self.fault: list[str] = []
        self.sections: dict[str, list[str]] = {"answer": [], "authority": [], "additional": []}
        rest = words[2:]
        while rest:
            word = rest.pop(0)
            if word == "udp":
                self.tcp = False
            elif word == "tcp":
                self.udp = False
            elif word in ("edns", "no-edns"):
                self.edns = word == "edns"
            elif word == "first":
                self.first = int(rest.pop(0))
            elif word == "after":
                self.after = int(rest.pop(0))
            elif word == "say":
                self.verdict, rest = rest, []
            elif word == "do":
                self.fault, rest = rest, []
            else:
                raise ValueError(f"not understood: {line}")

    def fits(self, question: Question, *, tcp: bool, edns: bool) -> bool:
        if not (self.tcp if tcp else self.udp) or self.edns not in (None, edns):
            return False
        if self.type not in ("*", str(question.type)):
            return False
        if self.name.startswith("*."):
            zone = Name.parse(self.name[2:])
            fits = question.name.is_under(zone) and question.name != zone
        else:
            fits = self.name in ("*", question.name)
        if not fits:
            return False
        self.count += 1
        return self.after < self.count <= self.after + self.first


class Server:
    """Zones and rules behind some addresses."""

    def __init__(self, lines: list[str]) -> None:
        self.rules: list[Rule] = []
        texts: dict[str, list[str]] = {}
        into: list[str] = []
        for line in lines:
            words = line.split()
            if words[0] == "zone" and len(words) == 2:
                into = texts[words[1]] = []
            elif words[0] == "on":
                self.rules.append(Rule(words[1:], line))
            elif words[0] in ("answer", "authority", "additional") and self.rules:
                self.rules[-1].sections[words[0]].append(" ".join(words[1:]))
            else:
                into.append(line)
        zones = [Zone("$TTL 3600\n" + "\n".join(text) + "\n", origin) for origin, text in texts.items()]
        self.authority = Authority(zones)


def usual(records: list[str]) -> dict[str, Server]:
    """The root and two top-level domains, with these records."""
    zones = {
        ".": ["zone .", "@ NS a.root.", "a.root. A 10.0.0.1"],
        "org": ["zone org.", "@ NS ns", "ns A 10.0.1.1"],
        "com": ["zone com.", "@ NS ns", "ns A 10.0.2.1"],
    }
    for zone, address in (("org", "10.0.1.1"), ("com", "10.0.2.1")):
        zones["."] += [f"{zone}. NS ns.{zone}.", f"ns.{zone}. A {address}"]
    for record in records:
        zones.get(record.split()[0][:-1].rpartition(".")[2], zones["."]).append(record)
    return {f"10.0.{i}.1": Server(lines) for i, lines in enumerate(zones.values())}


class Internet:
    """The servers of a scenario, and what was sent to them."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.servers: dict[str, Server] = {}
        self.queries: list[Query] = []

    async def exchange(self, address: str, query: bytes, tcp: bool, deadline: float) -> bytes:
        message = Message.parse(query)
        question = message.question[0]
        recursion = bool(message.flags & Flag.RD)
        self.queries.append(Query(address, question.name, question.type, tcp, recursion, self.clock()))
        server = self.servers.get(address)
        if server is None:
            return await self._silence(deadline)
        rules = (rule for rule in server.rules if rule.fits(question, tcp=tcp, edns=message.edns is not None))
        rule = next(rules, None)
        fault = rule.fault if rule is not None else []
        if fault[:1] == ["silence"]:
            return await self._silence(deadline)
        if fault[:1] == ["refused"]:
            raise TransportError("connection refused", code=errno.ECONNREFUSED)
        if fault[:1] == ["unreachable"]:
            raise TransportError("network unreachable", code=errno.ENETUNREACH, local=True)
        delay = float(fault[1]) if fault[:1] == ["delay"] else ROUND_TRIP
        if self.clock() + delay > deadline:
            return await self._silence(deadline)
        await asyncio.sleep(delay)
        if fault[:1] == ["garbage"]:
            return query[:2] + b"\x84\0" + query[4:6] + b"\0\5\0\0\0\0" + query[12:]
        if rule is not None and rule.verdict:
            reply = self._scripted(rule, message)
        else:
            reply = self._from_zones(server, message)
        return self._carried(reply, query, message, fault, tcp=tcp)

    async def _silence(self, deadline: float) -> bytes:
        await asyncio.sleep(max(deadline - self.clock(), 0))
        raise TransportError("no reply before the deadline", code=errno.ETIMEDOUT)

    def _scripted(self, rule: Rule, message: Message) -> Message:
        rcode, *flags = rule.verdict
        bits = sum(Flag[flag.upper()] for flag in flags)
        name = message.question[0].name
        made = {
            section: [Record.parse(text.replace("{}", name), ttl=3600) for text in texts]
            for section, texts in rule.sections.items()
        }
        return message.reply(flags=bits, rcode=Rcode.parse(rcode), edns=message.edns and Edns(), **made)

    def _from_zones(self, server: Server, message: Message) -> Message:
        verdict = server.authority.answer(message.question[0])
        return message.reply(
            flags=Flag.AA if verdict.authoritative else 0,
            rcode=verdict.rcode,
            answer=verdict.answer,
            authority=verdict.authority,
            additional=verdict.additional,
            edns=message.edns and Edns(),
        )

    def _carried(self, reply: Message, query: bytes, message: Message, fault: list[str], *, tcp: bool) -> bytes:
        """The bytes of a reply, with the letters of the question as they were."""
        kind = fault[0] if fault else ""
        if kind == "huge":
            zone = Name.parse(fault[2])
            servers = [Record.parse(f"{zone} NS ns{i}.{zone}", ttl=3600) for i in range(int(fault[1]))]
            reply = message.reply(authority=servers, edns=Edns())
        if kind == "truncated":
            reply = message.reply(flags=Flag.TC, edns=Edns())
        if kind == "cookie" and message.edns and message.edns.cookie:
            reply = message.reply(
                flags=reply.flags,
                rcode=reply.rcode,
                answer=reply.answer,
                authority=reply.authority,
                additional=reply.additional,
                edns=baked(message),
            )
        if kind == "bad-cookie":
            reply = message.reply(rcode=Rcode.BADCOOKIE, edns=baked(message))
        if kind == "servfail":
            reason = int(fault[1]).to_bytes(2, "big") + " ".join(fault[2:]).encode()
            reply = message.reply(rcode=Rcode.SERVFAIL, edns=Edns().with_option(EdnsOption.EXTENDED_ERROR, reason))
        if kind == "no-question":
            return query[:2] + b"\x80\1" + bytes(8)
        wire = reply.to_wire(limit=65535 if tcp else 1232)
        end = 12
        while query[end]:
            end += query[end] + 1
        if kind != "lower-case":
            wire = wire[:12] + query[12:end] + wire[end:]
        if kind == "wrong-id":
            wire = bytes((wire[0] ^ 1,)) + wire[1:]
        if kind == "wrong-question":
            wire = wire[:13] + bytes((wire[13] ^ 1,)) + wire[14:]
        return wire


def baked(message: Message) -> Edns:
    """EDNS with the cookie of the query, and one of a server."""
    assert message.edns is not None
    assert message.edns.cookie is not None
    return Edns().with_cookie(Cookie(message.edns.cookie.client, b"a server"))


class FirstChoice(random.Random):
    """Chance that always takes the first of what there is to choose from, and never explores."""

    def random(self) -> float:
        return 0.05


class Steps:
    """Takes what a walk tells."""

    def __init__(self) -> None:
        self.steps: list[Any] = []

    def step(self, step: Any) -> None:
        self.steps.append(step)


class Player:
    """Plays the blocks of a scenario."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.internet = Internet(self.loop.time)
        self.settings: dict[str, Any] = {"prime": False, "stubs": {}, "forwards": {}}
        self.hints: dict[str, list[str]] = {}
        self.timeout = 5.0
        self.chance: random.Random = FirstChoice(1)
        self.made: IterativeBackend | None = None

    async def play(self, text: str) -> None:
        for head, lines in blocks(text):
            words = head.split()
            if words[0] == "set":
                self.set(words[1], words[2:])
            elif words[0] == "hints":
                self.hints[words[1]] = words[2:]
            elif words[0] == "server":
                server = Server(lines)
                self.internet.servers.update(dict.fromkeys(words[1:], server))
            elif words[0] == "usual":
                self.internet.servers.update(usual(lines))
            elif words[0] == "wait":
                await asyncio.sleep(float(words[1]))
            elif words[0] == "ask":
                await self.ask(head[4:], lines)
            else:
                raise ValueError(f"not understood: {head}")
        if self.made is not None:
            await self.made.aclose()

    def set(self, key: str, values: list[str]) -> None:
        if key == "prime":
            self.settings["prime"] = True
        elif key == "no-minimization":
            self.settings["qname_minimization"] = False
        elif key == "eager":
            self.settings["fetch_ns_addresses"] = "eager"
        elif key in ("stub", "forward"):
            self.settings[f"{key}s"][values[0]] = values[1:]
        elif key == "budget":
            limits = dict(pair.split("=") for pair in values)
            self.settings["budget"] = Limits(
                **{name: float(n) if name == "seconds" else int(n) for name, n in limits.items()}
            )
        elif key == "timeout":
            self.timeout = float(values[0])
        elif key == "seed":
            self.chance = random.Random(int(values[0]))
        else:
            raise ValueError(f"no such setting: {key}")

    @property
    def backend(self) -> IterativeBackend:
        if self.made is None:
            self.made = IterativeBackend(
                self.hints or {"a.root.": ["10.0.0.1"]},
                exchange=self.internet.exchange,
                random=self.chance,
                **self.settings,
            )
        return self.made

    async def ask(self, asked: str, expected: list[str]) -> None:
        began, sent, steps = self.loop.time(), len(self.internet.queries), Steps()
        questions = [Question.parse(*one.split()) for one in asked.split("|")]
        deadline = began + self.timeout
        walks = [self.backend.walk(question, deadline, recorder=steps) for question in questions]
        outcomes = await asyncio.gather(*walks, return_exceptions=True)
        elapsed = self.loop.time() - began
        queries = self.internet.queries[sent:]
        story = "\n".join(
            [
                f"ask {asked}",
                *map(repr, outcomes),
                *(f"  {q.when - began:.2f} {q.address} {q.name} {q.type}" for q in queries),
            ]
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, (ServerFailure, LookupTimeout)):
                raise outcome
            check_outcome(outcome, [line.split(" # ")[0].strip() for line in expected], story)
        check_traffic(queries, elapsed, steps, expected, story)


def blocks(text: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for whole in text.splitlines():
        line = whole if '"' in whole or "\\#" in whole else whole.split("#")[0]
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] in " \t":
            found[-1][1].append(line.strip())
        else:
            found.append((line.strip(), []))
    return found


def check_outcome(outcome: Any, expected: list[str], story: str) -> None:
    records = sorted(plain(Record.parse(line[1:].strip(), ttl=1)) for line in expected if line.startswith("="))
    for line in expected:
        word, _, rest = line.partition(" ")
        if word in ("NOERROR", "NXDOMAIN"):
            assert not isinstance(outcome, BaseException), story
            assert str(outcome.rcode) == word, story
            assert sorted(map(plain, outcome.message.answer)) == records, story
        elif word == "FAILURE":
            assert isinstance(outcome, ServerFailure), story
            assert rest in outcome.reason, f"{outcome.reason}\n{story}"
        elif word == "TIMEOUT":
            assert isinstance(outcome, LookupTimeout), story
        elif word == "attempt":
            assert any(rest in attempt.outcome for attempt in outcome.attempts), f"{outcome.attempts}\n{story}"
        elif word == "ttl":
            assert holds(outcome.ttl, rest), f"ttl {outcome.ttl}\n{story}"


def check_traffic(queries: list[Query], elapsed: float, steps: Steps, expected: list[str], story: str) -> None:
    for line in expected:
        word, _, rest = line.partition(" ")
        if word == "packets":
            assert holds(len(queries), rest), f"{len(queries)} packets\n{story}"
        elif word == "tcp":
            assert holds(sum(query.tcp for query in queries), rest), story
        elif word == "took":
            assert holds(elapsed, rest), f"took {elapsed}\n{story}"
        elif word in ("asks", "not"):
            assert any(meets(query, rest.split()) for query in queries) is (word == "asks"), f"{line}\n{story}"
        elif word == "drops":
            dropped = [text for step in steps.steps for text in map(" ".join, step.dropped)]
            assert any(rest in text for text in dropped), f"{line}: {dropped}\n{story}"
        else:
            assert word in ("NOERROR", "NXDOMAIN", "FAILURE", "TIMEOUT", "ttl", "=", "attempt"), (
                f"not understood: {line}"
            )


def meets(query: Query, words: list[str]) -> bool:
    address, name, type_ = [*words, "*", "*"][:3]
    return address in ("*", query.address) and name in ("*", query.name) and type_ in ("*", str(query.type))


def holds(value: float, text: str) -> bool:
    words = text.split()
    if words[0] == "<=":
        return value <= float(words[1])
    if words[0] == ">=":
        return value >= float(words[1])
    return value == float(words[0])


def plain(record: Record) -> str:
    return f"{record.name} {record.type} {record.data}"


@pytest.fixture
def play(run_virtual: Any) -> Any:
    """Play the text of a scenario."""

    def play(text: str) -> None:
        async def main() -> None:
            await Player().play(text)

        run_virtual(main())

    return play
