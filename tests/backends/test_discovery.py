"""Discovery: records that name encrypted nameservers, which of these are believed, and for how long."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from aioresolver.answer import Answer
from aioresolver.backends.discovery import Discovery, candidates, designation_question, discover, usable_endpoints
from aioresolver.backends.stub import StubBackend
from aioresolver.errors import Attempt, ConfigurationError, LookupTimeout, ServerFailure
from aioresolver.testing import DNSServer, Fault
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Record
from aioresolver.wire.rdata import parse_rdata

PLAIN = Nameserver.parse("192.0.2.1")
ARPA = "_dns.resolver.arpa."


def svcb(text):
    return parse_rdata(RRType.SVCB, text)


USABLE = {
    "1 dot.test. alpn=dot": ["tls"],
    "1 dot.test. alpn=dot port=8853 ipv4hint=192.0.2.1": ["tls"],
    "1 doh.test. alpn=h2 dohpath=/dns-query{?dns}": ["https"],
    "1 doh.test. alpn=h3,h2 dohpath=/x?a=b{&dns}": ["https"],
    "1 all.test. alpn=doq,h2,dot dohpath=/q{?dns}": ["tls", "https", "quic"],
    "1 all.test. alpn=h2,dot": ["tls"],
    "1 dot.test. alpn=dot mandatory=alpn,port port=99": ["tls"],
    "0 alias.test.": [],
    "1 . alpn=dot ipv4hint=192.0.2.1": [],
    "1 none.test.": [],
    "1 h3.test. alpn=h3 dohpath=/q{?dns}": [],
    "1 doh.test. alpn=h2": [],
    "1 doh.test. alpn=h2 dohpath=/dns-query": [],
    "1 doh.test. alpn=h2 dohpath=dns-query{?dns}": [],
    "1 doh.test. alpn=h2 dohpath=/{tenant}{?dns}": [],
    "1 dot.test. alpn=dot port=0": [],
    "1 dot.test. alpn=dot mandatory=ech ech=AAAA": [],
    "1 dot.test. alpn=dot mandatory=key65000 key65000=x": [],
}


@pytest.mark.parametrize("text", USABLE)
def test_which_endpoints_can_be_spoken_to(text):
    endpoints = usable_endpoints([svcb(text)])

    schemes = [found.scheme for endpoint in endpoints for found in candidates(endpoint, "192.0.2.7", "192.0.2.1")]
    assert schemes == USABLE[text]


def test_the_best_come_first_and_not_too_many():
    records = [svcb(f"{priority} dot{priority}.test. alpn=dot") for priority in (3, 1, *range(20, 40))]

    assert [endpoint.priority for endpoint in usable_endpoints(records)] == [1, 3, *range(20, 26)]


def test_ways_to_speak_to_an_endpoint():
    endpoint = svcb("1 all.test. alpn=dot,h2,doq dohpath=/q{?dns}")

    assert list(map(str, candidates(endpoint, "192.0.2.7", "192.0.2.1"))) == [
        "tls://192.0.2.7#192.0.2.1",
        "https://192.0.2.7/q#192.0.2.1",
        "quic://192.0.2.7#192.0.2.1",
    ]
    ported = svcb("1 all.test. alpn=dot,h2 dohpath=/q{?dns} port=99")
    assert list(map(str, candidates(ported, "192.0.2.1", "192.0.2.1", opportunistic=True))) == [
        "tls://192.0.2.1:99",
        "https://192.0.2.1:99/q",
        "tls://192.0.2.1:99?opportunistic",
        "https://192.0.2.1:99/q?opportunistic",
    ]
    assert next(map(str, candidates(endpoint, "::7", "resolver.test"))) == "tls://[::7]#resolver.test"


def test_nonsense_in_a_record_harms_nobody_else():
    endpoint = svcb('1 all.test. alpn=dot,h2 dohpath="/a b{?dns}"')

    assert list(map(str, candidates(endpoint, "192.0.2.7", "192.0.2.1"))) == ["tls://192.0.2.7#192.0.2.1"]


class World:
    """Nameservers by URL: records, an error, or None for one that cannot be opened. `asked` says what each was asked."""

    def __init__(self, **says):
        self.says = says
        self.asked = []
        self.open = 0
        self.takes = 0.1

    def backend(self, nameserver):
        said = self.says.get(str(nameserver), None)
        if said is None:
            raise ConfigurationError(f"{nameserver} cannot be opened")
        return WorldBackend(self, str(nameserver), said)

    def find(self, nameserver=PLAIN, **options):
        return discover(nameserver, self.backend, **options)


class WorldBackend:
    def __init__(self, world, url, said):
        self.world, self.url, self.said = world, url, said
        world.open += 1

    async def query(self, question, deadline):
        self.world.asked.append((self.url, str(question)))
        assert deadline <= asyncio.get_running_loop().time() + 5
        await asyncio.sleep(self.world.takes)
        if isinstance(self.said, Exception):
            raise self.said
        now = asyncio.get_running_loop().time()
        records = [Record.parse(line) for line in self.said.splitlines()]
        mine = [record for record in records if (record.name, record.type) == (question.name, question.type)]
        return Answer.from_records(question, mine, now=now, ttl=None if mine else 60)

    async def aclose(self):
        self.world.open -= 1


WRONG = ServerFailure("a.", "A", "no answer")
SILENT = LookupTimeout("a.", "A", "no answer")


def found(run_virtual, world, nameserver="192.0.2.1", **options):
    designation = run_virtual(world.find(Nameserver.parse(nameserver), **options))
    assert world.open == 0
    return list(map(str, designation.nameservers)), pytest.approx(designation.expires - 1000.1)


def test_the_target_is_looked_up_at_the_plain_nameserver(run_virtual):
    world = World(**{
        "udp://192.0.2.1": f"{ARPA} 600 SVCB 1 dot.test. alpn=dot\ndot.test. 60 A 192.0.2.7\ndot.test. 60 AAAA ::7",
        "tls://192.0.2.7#192.0.2.1": "", "tls://[::7]#192.0.2.1": "",
    })  # fmt: skip
    assert found(run_virtual, world) == (["tls://192.0.2.7#192.0.2.1", "tls://[::7]#192.0.2.1"], 600)
    assert world.asked == [
        ("udp://192.0.2.1", f"{ARPA} SVCB"),
        ("udp://192.0.2.1", "dot.test. A"),
        ("udp://192.0.2.1", "dot.test. AAAA"),
        ("tls://192.0.2.7#192.0.2.1", f"{ARPA} SVCB"),
        ("tls://[::7]#192.0.2.1", f"{ARPA} SVCB"),
    ]


def test_hints_save_that(run_virtual):
    hints = "ipv4hint=192.0.2.1,192.0.2.8,192.0.2.9 ipv6hint=::7"
    world = World(**{
        "udp://192.0.2.1": f"{ARPA} 600 SVCB 1 dot.test. alpn=dot {hints}",
        "tls://192.0.2.1": "", "tls://192.0.2.8#192.0.2.1": WRONG, "tls://[::7]#192.0.2.1": "",
    })  # fmt: skip
    assert found(run_virtual, world)[0] == ["tls://192.0.2.1", "tls://[::7]#192.0.2.1"]
    assert [url for url, _ in world.asked] == [
        "udp://192.0.2.1", "tls://192.0.2.1", "tls://192.0.2.8#192.0.2.1", "tls://[::7]#192.0.2.1",
    ]  # fmt: skip


def test_the_next_protocol_and_the_next_priority_when_one_proves_nothing(run_virtual):
    records = (
        f"{ARPA} 600 SVCB 2 b.test. alpn=dot,doq,h2 dohpath=/q{{?dns}} ipv4hint=192.0.2.8\n"
        f"{ARPA} 600 SVCB 1 a.test. alpn=dot ipv4hint=192.0.2.7\n"
        f"{ARPA} 600 SVCB 3 c.test. alpn=dot ipv4hint=192.0.2.9\n"
    )
    world = World(**{
        "udp://192.0.2.1": records, "tls://192.0.2.7#192.0.2.1": SILENT, "tls://192.0.2.8#192.0.2.1": WRONG,
        "quic://192.0.2.8#192.0.2.1": "", "tls://192.0.2.9#192.0.2.1": "",
    })  # fmt: skip
    assert found(run_virtual, world)[0] == ["quic://192.0.2.8#192.0.2.1"]


@pytest.mark.parametrize(
    ("outcome", "proves"),
    [("REFUSED", True), ("SERVFAIL (Not Ready)", True), ("no reply", False), ("HTTP 404", False)],
)
def test_the_certificate_proves_it_whatever_the_reply_says(run_virtual, outcome, proves):
    attempt = Attempt("tls://192.0.2.7#192.0.2.1", "tls", outcome, 0.1)
    world = World(**{
        "udp://192.0.2.1": f"{ARPA} 600 SVCB 1 a.test. alpn=dot ipv4hint=192.0.2.7",
        "tls://192.0.2.7#192.0.2.1": ServerFailure("a.", "A", "no answer", attempts=(attempt,)),
    })  # fmt: skip
    assert found(run_virtual, world)[0] == (["tls://192.0.2.7#192.0.2.1"] if proves else [])


def test_nothing_is_proved(run_virtual):
    world = World(**{
        "udp://192.0.2.1": f"{ARPA} 7200 SVCB 1 a.test. alpn=dot ipv4hint=192.0.2.7",
        "tls://192.0.2.7#192.0.2.1": WRONG,
    })  # fmt: skip
    assert found(run_virtual, world) == ([], 7200)
    assert found(run_virtual, World(**{"udp://192.0.2.1": ""})) == ([], 3600)
    nowhere = World(**{"udp://192.0.2.1": f"{ARPA} 1 SVCB 1 a.test. alpn=dot"})
    assert found(run_virtual, nowhere) == ([], 60)


@pytest.mark.parametrize("error", [WRONG, SILENT])
def test_no_answer_is_an_error(run_virtual, error):
    world = World(**{"udp://192.0.2.1": error})
    with pytest.raises(type(error)):
        run_virtual(world.find())
    assert world.open == 0


@pytest.mark.parametrize(
    ("plain", "hint", "expected"),
    [
        ("10.0.0.1", "10.0.0.1", ["tls://10.0.0.1?opportunistic"]),
        ("10.0.0.1", "10.0.0.2", []),
        ("192.0.2.1", "192.0.2.1", []),
        ("fd00::1", "fd00::1", ["tls://[fd00::1]?opportunistic"]),
        ("fe80::1%7", "fe80::1", ["tls://[fe80::1%7]?opportunistic"]),
    ],
)
def test_opportunistic_is_for_private_addresses_of_its_own(run_virtual, plain, hint, expected):
    key = "ipv6hint" if ":" in hint else "ipv4hint"
    url = str(Nameserver.parse(plain))
    tls = Nameserver("tls", hint if hint != plain.partition("%")[0] else plain, hostname=plain.partition("%")[0])
    world = World(**{
        url: f"{ARPA} 600 SVCB 1 a.test. alpn=dot {key}={hint}", str(tls): WRONG,
        **dict.fromkeys(expected, ""), "tls://10.0.0.2?opportunistic#10.0.0.1": "", "tls://192.0.2.1?opportunistic": "",
    })  # fmt: skip
    assert found(run_virtual, world, plain, opportunistic=True)[0] == expected
    assert found(run_virtual, world, plain)[0] == []


def test_by_the_name_of_a_resolver(run_virtual):
    world = World(**{
        "udp://192.0.2.1": "_dns.resolver.test. 600 SVCB 1 doh.test. alpn=h2 dohpath=/q{?dns} ipv4hint=192.0.2.7",
        "https://192.0.2.7/q#resolver.test": "",
    })  # fmt: skip
    assert found(run_virtual, world, name="resolver.test")[0] == ["https://192.0.2.7/q#resolver.test"]
    assert str(designation_question("resolver.test")) == "_dns.resolver.test. SVCB"


def test_follows_what_changes(run_virtual):
    async def main():
        loop = asyncio.get_running_loop()
        record = f"{ARPA} 600 SVCB 1 a.test. alpn=dot ipv4hint=192.0.2.7"
        world = World(**{"udp://192.0.2.1": record, "tls://192.0.2.7#192.0.2.1": ""})
        told, over = [], []
        nameservers = Nameserver.parse_all("192.0.2.1 tls://192.0.2.99")
        discovery = Discovery(
            nameservers, world.backend, lambda *what: told.append(what), over=lambda: over.append(discovery.in_vain)
        )

        async def look(after):
            await asyncio.sleep(after)
            before = len(world.asked)
            discovery.follow(loop.time())
            discovery.follow(loop.time())
            await discovery.looked()
            return len(world.asked) - before

        encrypted = Nameserver.parse_all("tls://192.0.2.7#192.0.2.1")
        assert not discovery.in_vain
        assert await look(0) == 2
        assert told == [(PLAIN, encrypted)]
        assert await look(599) == 0
        assert await look(1) == 2  # the same as before
        world.says["udp://192.0.2.1"] = SILENT
        assert await look(600) == 1
        assert len(told) == 1  # silence changes nothing, and is tried again soon
        assert await look(59.8) == 0
        world.says["udp://192.0.2.1"] = record
        world.says["tls://192.0.2.7#192.0.2.1"] = WRONG
        assert await look(1) == 2
        assert told[1:] == [(PLAIN, ())]
        assert await look(600) == 2
        assert len(told) == 2
        assert over == [False] * 3 + [True] * 2
        await discovery.aclose()
        assert await look(3000) == 0

    run_virtual(main())


def test_closing_ends_a_look(run_virtual):
    async def main():
        world = World(**{"udp://192.0.2.1": ""})
        async with Discovery([PLAIN], world.backend, lambda *_: 1 / 0, over=lambda: 1 / 0) as discovery:
            discovery.follow(asyncio.get_running_loop().time())
            await asyncio.sleep(0.05)
            assert world.open == 1
        assert world.open == 0
        nothing = Discovery(Nameserver.parse_all("tls://192.0.2.7"), world.backend, lambda *_: None, over=lambda: None)
        nothing.follow(0.0)
        assert nothing.next_look == float("inf")

    run_virtual(main())


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("names", [["127.0.0.1"], ["dot.test"]])
async def test_over_the_wire(names, *, refuses):
    """The certificate must carry the address of the plain nameserver; the name of the target proves nothing."""
    pytest.importorskip("cryptography")
    from aioresolver.testing.certificates import CertificateAuthority

    authority = CertificateAuthority()
    open_encrypted = partial(open_transport, context=authority.client_context())
    faults = [Fault.refused(transport="tls")] if refuses else []
    async with DNSServer(certificate=authority.issue(*names), faults=faults) as server:
        port = Nameserver.parse(server.nameserver_tls).port
        server.add(f"{ARPA} 600 SVCB 1 dot.test. alpn=dot port={port} ipv4hint=127.0.0.1")
        plain = Nameserver.parse(server.nameserver)
        designation = await discover(plain, lambda at: StubBackend([at], open_transport=open_encrypted))
        if names == ["dot.test"]:
            assert designation.nameservers == ()
            return
        assert list(map(str, designation.nameservers)) == [server.nameserver_tls]
        assert [query.transport for query in server.queries] == ["udp", *["tls"] * (1 + refuses)]
