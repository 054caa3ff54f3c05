"""Where mail goes: preferences, null and implicit MX, hosts that are broken."""

from __future__ import annotations

from typing import Any

import pytest

from aioresolver.errors import AddressBlocked, NameNotFound, NameSyntaxError, NoRecords, NullMX, ServerFailure
from aioresolver.mail import MOST_HOSTS, MailServer, by_preference, find_mail_hosts, find_mail_servers
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.names import Name

ZONE = """
$ORIGIN mail.test.
@            60 SOA ns hostmaster 1 7200 3600 1209600 30
@            60 MX 20 second
@            60 MX 10 first
@            60 MX 30 first
@            60 A 192.0.2.1
@            60 TXT "v=spf1 " "mx -all"
@            60 TXT "caf\\233"
first        60 A 192.0.2.11
first        60 AAAA 2001:db8::11
second       60 A 192.0.2.12
null         60 MX 0 .
half         60 MX 0 .
half         60 MX 5 first
implicit     60 A 192.0.2.2
nothing      60 TXT "no mail"
www          60 CNAME @
web          60 CNAME implicit
broken       60 MX 10 alias
broken       60 MX 20 missing
broken       60 MX 30 192.0.2.7.
broken       60 MX 40 inside
alias        60 CNAME first
dead         60 MX 10 missing
dead         60 MX 20 nothing
failing      60 MX 10 missing
failing      60 MX 20 servfail
half-dead    60 MX 10 one-family
one-family   60 AAAA 2001:db8::13
inside       60 A 10.0.0.1
private      60 MX 10 inside
lonely       60 AAAA 2001:db8::14
"""


def never(limit: int) -> int:
    return 0


@pytest.fixture
async def server() -> Any:
    many = "".join(f"many 60 MX 10 host{number}\nhost{number} 60 A 192.0.2.9\n" for number in range(MOST_HOSTS + 9))
    async with DNSServer(ZONE + many) as server:
        server.faults.append(Fault.servfail(name="servfail.mail.test"))
        yield server


@pytest.fixture
async def resolver(server: Any) -> Any:
    async with Resolver(server.nameserver, timeout=5) as resolver:
        yield resolver


def hosts(servers: list[MailServer]) -> list[str]:
    return [server.host.removesuffix(".mail.test.") for server in servers]


async def test_lower_preferences_come_first_with_their_addresses_and_no_host_comes_twice(resolver):
    servers = await resolver.mail_servers("mail.test")

    assert [(server.preference, server.host) for server in servers] == [
        (10, "first.mail.test."),
        (20, "second.mail.test."),
    ]
    assert sorted(servers[0].addresses) == ["192.0.2.11", "2001:db8::11"]
    assert str(servers[1]) == "20 second.mail.test. 192.0.2.12"
    assert servers[1].problem is None
    assert not servers[1].implicit


def test_equal_preferences_are_drawn_by_lot():
    servers = [MailServer(preference, Name.parse(name)) for preference, name in [(2, "c"), (1, "a"), (1, "b")]]

    assert [server.host for server in by_preference(servers, never)] == ["b.", "a.", "c."]
    assert [server.host for server in by_preference(servers, lambda limit: limit - 1)] == ["a.", "b.", "c."]


async def test_a_null_mx_is_an_error_of_its_own(resolver):
    with pytest.raises(NullMX, match="takes no mail") as caught:
        await resolver.mail_servers("null.mail.test")

    assert isinstance(caught.value, NoRecords)


async def test_a_null_mx_beside_others_does_not_count(resolver):
    assert hosts(await resolver.mail_servers("half.mail.test")) == ["first"]


async def test_without_mx_mail_goes_to_the_domain_itself(resolver):
    (server,) = await resolver.mail_servers("implicit.mail.test")

    assert server == MailServer(0, Name("implicit.mail.test."), ("192.0.2.2",), implicit=True)
    assert server.problem is None


async def test_a_domain_without_ipv4_takes_mail_too(resolver):
    (server,) = await resolver.mail_servers("lonely.mail.test")

    assert server.addresses == ("2001:db8::14",)


async def test_an_alias_stands_for_its_target(resolver):
    assert hosts(await resolver.mail_servers("www.mail.test")) == ["first", "second"]
    (server,) = await resolver.mail_servers("web.mail.test")
    assert (server.host, server.problem) == ("implicit.mail.test.", None)


async def test_without_mx_and_address_there_is_no_mail(resolver):
    with pytest.raises(NoRecords, match="no mail server has an address"):
        await resolver.mail_servers("nothing.mail.test")


async def test_a_domain_that_is_not_there(resolver):
    with pytest.raises(NameNotFound):
        await resolver.mail_servers("no.mail.test")


async def test_a_failed_lookup_is_no_reason_to_go_to_the_domain_itself(server, resolver):
    server.faults.append(Fault.servfail(name="implicit.mail.test", type="MX"))

    with pytest.raises(ServerFailure):
        await resolver.mail_servers("implicit.mail.test")


async def test_broken_hosts_are_left_out(resolver):
    assert hosts(await resolver.mail_servers("broken.mail.test")) == ["alias", "inside"]


async def test_every_host_is_told_of_with_what_is_wrong(resolver):
    alias, missing, literal, inside = await find_mail_hosts(resolver, "broken.mail.test")

    assert "alias.mail.test. is an alias" in alias.problem
    assert sorted(alias.addresses) == ["192.0.2.11", "2001:db8::11"]
    assert "no such name (RFC 5321" in missing.problem
    assert isinstance(missing.error, NameNotFound)
    assert "neither a name nor" in literal.problem
    assert inside.problem is None


async def test_when_no_host_has_addresses_each_is_named(resolver):
    with pytest.raises(NoRecords, match=r"missing.mail.test. no such name; nothing.mail.test. no such records"):
        await resolver.mail_servers("dead.mail.test")


async def test_when_one_of_them_failed_mail_may_be_delivered_later(resolver):
    with pytest.raises(ServerFailure) as caught:
        await resolver.mail_servers("failing.mail.test")

    assert caught.value.attempts


async def test_one_family_that_fails_does_not_hide_the_other(server, resolver):
    server.faults.append(Fault.servfail(name="one-family.mail.test", type="A"))

    (found,) = await resolver.mail_servers("half-dead.mail.test")

    assert found.addresses == ("2001:db8::13",)


async def test_the_policy_counts(server):
    async with Resolver(server.nameserver, policy=AddressPolicy.public()) as resolver:
        with pytest.raises(AddressBlocked):
            await resolver.mail_servers("private.mail.test")


async def test_a_domain_with_very_many_hosts_does_not_make_us_ask_for_all(server, resolver):
    assert len(await find_mail_servers(resolver, "many.mail.test", below=never)) == MOST_HOSTS


async def test_an_address_is_no_domain(resolver):
    with pytest.raises(ValueError, match="is an address"):
        await resolver.mail_servers("192.0.2.1")
    with pytest.raises(NameSyntaxError):
        await resolver.mail_servers("bad..name")


async def test_texts_are_joined(resolver):
    assert sorted(await resolver.txt("mail.test")) == [r"caf\xe9", "v=spf1 mx -all"]


async def test_no_texts_are_an_error(resolver):
    with pytest.raises(NoRecords):
        await resolver.txt("first.mail.test")
    with pytest.raises(NameNotFound):
        await resolver.txt("no.mail.test")
