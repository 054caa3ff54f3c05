"""SRV and HTTPS: the order in which a client has to try, with the dice in our hands."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.errors import AddressBlocked, NameNotFound, NameSyntaxError, NoRecords, ServerFailure
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.services import UNDERSTOOD_KEYS, by_weight, find_https, find_services
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import SRV, ServiceKey, parse_rdata

ZONE = """
$ORIGIN shop.test.
@                  60 SOA ns hostmaster 1 7200 3600 1209600 30
@                  60 HTTPS 1 . alpn=h2 ipv4hint=192.0.2.7
_imap._tcp         60 SRV 10 0 143 mail
_imap._tcp         60 SRV 5 0 1143 fast
_xmpp-client._tcp  60 SRV 0 0 0 .
_sip._udp          60 SRV 1 1 5060 sip
inside             60 HTTPS 1 . ipv4hint=10.0.0.7
"""


def never(limit: int) -> int:
    """Dice that always show nothing."""
    return 0


def highest(limit: int) -> int:
    return limit - 1


class Zone:
    """Answers out of a dict of zone lines: `{"a.test. HTTPS": ["1 . alpn=h2"]}`."""

    def __init__(self, **lines: list[str]) -> None:
        self.lines = lines
        self.asked: list[str] = []

    async def query(self, name: str, type: Any = "A") -> Answer[Any]:
        question = Question.parse(name, type)
        self.asked.append(str(question))
        lines = self.lines.get(question.name, [])
        records = [
            Record(question.name, question.type, question.class_, 60, parse_rdata(question.type, line))
            for line in lines
        ]
        return Answer.from_records(question, records, now=0, rcode=Rcode.NOERROR if records else Rcode.NXDOMAIN)

    async def resolve(self, name: str, type: Any = "A") -> Answer[Any]:
        return await self.query(name, type)


def web(records: dict[str, list[str]]) -> Zone:
    zone = Zone()
    zone.lines = records
    return zone


def srv(priority: int, weight: int, target: str) -> SRV:
    return SRV(priority, weight, 1, Name.parse(target))


def targets(servers: list[SRV]) -> str:
    return "".join(server.target[0] for server in servers)


def test_lower_priorities_go_first():
    assert targets(by_weight([srv(30, 9, "c"), srv(10, 0, "a"), srv(20, 5, "b")])) == "abc"


def test_the_draw_is_that_of_the_rfc():
    """The first whose running sum is at least the number drawn, those without weight at the beginning."""
    servers = [srv(1, 60, "a"), srv(1, 0, "z"), srv(1, 40, "b")]
    drawn = iter([2, 1, 0, 0, 0])  # two for the shuffle, which leaves things as they are, then the draws

    assert targets(by_weight(servers, lambda limit: next(drawn))) == "zab"

    seen = []
    drawn = iter([2, 1, 61, 40, 0])

    def below(limit: int) -> int:
        seen.append(limit)
        return next(drawn)

    assert targets(by_weight(servers, below)) == "baz"
    assert seen == [3, 2, 101, 61, 1]


def test_the_first_one_is_drawn_in_proportion_to_the_weights():
    random = Random(1)
    servers = [srv(1, 75, "a"), srv(1, 25, "b"), srv(2, 100, "z")]
    first = Counter(targets(by_weight(servers, random.randrange))[0] for _ in range(2000))

    assert 1400 < first["a"] < 1600
    assert first["a"] + first["b"] == 2000


def test_servers_without_weight_share_the_load():
    random = Random(1)
    first = Counter(targets(by_weight([srv(1, 0, "a"), srv(1, 0, "b")], random.randrange))[0] for _ in range(1000))

    assert 400 < first["a"] < 600


def test_every_server_comes_once():
    servers = [srv(number % 3, number, f"s{number}") for number in range(50)]

    assert sorted(by_weight(servers)) == sorted(servers)
    assert by_weight([]) == []


async def test_a_service_of_a_domain():
    async with DNSServer(ZONE) as server, Resolver(server.nameserver) as resolver:
        found = await resolver.services("shop.test", "imap")
        assert [(one.target, one.port) for one in found] == [("fast.shop.test.", 1143), ("mail.shop.test.", 143)]
        assert await resolver.services("_imap._tcp.shop.test") == found
        assert (await resolver.services("shop.test", "_sip", proto="udp"))[0].port == 5060
        with pytest.raises(NoRecords, match="not offered"):
            await resolver.services("shop.test", "xmpp-client")
        with pytest.raises(NameNotFound):
            await resolver.services("shop.test", "gopher")
        server.faults.append(Fault.servfail())
        with pytest.raises(ServerFailure):
            await resolver.services("shop.test", "ftp")


async def test_the_dice_of_services_can_be_ours():
    zone = web({"_x._tcp.a.test.": ["1 1 80 one.", "1 1 80 two."]})

    rolls = iter([1, 0, 0])

    assert targets(await find_services(zone, "a.test", "x", below=never)) == "to"
    assert targets(await find_services(zone, "a.test", "x", below=lambda limit: next(rolls))) == "ot"


async def test_endpoints_in_the_order_of_their_priorities_and_the_origin_at_last():
    zone = web({"a.test.": ["2 b.test. port=8443", "1 . alpn=h2,h3 ipv6hint=2001:db8::1 ipv4hint=192.0.2.1"]})
    first, second, last = await find_https(zone, "a.test", below=never)

    assert (first.target, first.port) == ("a.test.", 443)
    assert first.alpn == ("h2", "h3", "http/1.1")
    assert first.hints == ("2001:db8::1", "192.0.2.1")
    assert (second.target, second.port, second.alpn) == ("b.test.", 8443, ("http/1.1",))
    assert last == ("a.test.", 443, (), (), None)
    assert first.record is not None


async def test_equal_priorities_are_tried_in_random_order():
    zone = web({"a.test.": ["1 b.test.", "1 c.test."]})

    assert {(await find_https(zone, "a.test", below=dice))[0].target for dice in (never, highest)} == {
        "b.test.",
        "c.test.",
    }


async def test_without_records_there_is_the_origin():
    zone = web({})

    assert await find_https(zone, "a.test") == [("a.test.", 443, (), (), None)]
    assert zone.asked == ["a.test. HTTPS"]


async def test_another_port_has_a_name_of_its_own():
    """RFC 9460, 9.1."""
    zone = web({"_8443._https.a.test.": ["1 b.test."]})

    assert [endpoint[:2] for endpoint in await find_https(zone, "a.test", 8443)] == [
        ("b.test.", 8443),
        ("a.test.", 8443),
    ]


async def test_aliases_are_followed_and_win_over_what_stands_beside_them():
    zone = web({"a.test.": ["0 b.test.", "1 wrong.test."], "b.test.": ["0 c.test."], "c.test.": ["1 . port=9"]})
    found = await find_https(zone, "a.test", below=never)

    assert [endpoint[:2] for endpoint in found] == [("c.test.", 9), ("c.test.", 443), ("a.test.", 443)]
    assert zone.asked == ["a.test. HTTPS", "b.test. HTTPS", "c.test. HTTPS"]


async def test_an_alias_of_a_name_with_addresses_only():
    """RFC 9460, 3: the alias counts, for it may have A and AAAA records."""
    found = await find_https(web({"a.test.": ["0 b.test."]}), "a.test")

    assert [endpoint.target for endpoint in found] == ["b.test.", "a.test."]


@pytest.mark.parametrize(
    ("records", "reason"),
    [({"a.test.": ["0 ."]}, "not available"), ({"a.test.": ["0 b.test."], "b.test.": ["0 a.test."]}, "aliases")],
)
async def test_aliases_that_lead_nowhere(records, reason):
    with pytest.raises(NoRecords, match=reason):
        await find_https(web(records), "a.test")


async def test_what_is_mandatory_and_not_understood_leaves_the_record_out():
    zone = web({"a.test.": ["1 b.test. mandatory=key65280 key65280=x", "2 c.test. mandatory=port port=1"]})

    assert [endpoint.target for endpoint in await find_https(zone, "a.test")] == ["c.test.", "a.test."]
    understood = UNDERSTOOD_KEYS | {ServiceKey(65280)}
    assert len(await find_https(zone, "a.test", understood=understood)) == 3


async def test_only_endpoints_that_speak_a_protocol_of_ours():
    zone = web({"a.test.": ["1 h3.test. alpn=h3 no-default-alpn", "2 h2.test. alpn=h2", "3 old.test."]})

    async def found(*alpn: str) -> list[str]:
        return [endpoint.target[:-6] for endpoint in (await find_https(zone, "a.test", alpn=alpn))[:-1]]

    assert await found("h3") == ["h3"]
    assert await found("h2") == ["h2"]
    assert await found("http/1.1") == ["h2", "old"]
    assert await found("h2", "h3") == ["h3", "h2"]


async def test_an_address_has_no_endpoints():
    with pytest.raises(ValueError, match="connect to it"):
        await find_https(web({}), "192.0.2.1")
    with pytest.raises(NameSyntaxError):
        await find_https(web({}), "a..test")


async def test_the_resolver_asks_and_its_policy_sees_the_hints():
    async with DNSServer(ZONE) as server:
        async with Resolver(server.nameserver) as resolver:
            first, last = await resolver.https("shop.test")
            assert (first.hints, first.alpn, last.record) == (("192.0.2.7",), ("h2", "http/1.1"), None)
            assert await asyncio.gather(*(resolver.https("none.shop.test") for _ in range(3)))
        async with Resolver(server.nameserver, policy=AddressPolicy.public()) as resolver:
            with pytest.raises(AddressBlocked):
                await resolver.https("inside.shop.test")
