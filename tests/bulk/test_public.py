"""Public resolvers: who they are, and what is polite to ask of them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from aioresolver.bulk.public import POLITE_RATE, PUBLIC, polite_rates, public_resolver
from aioresolver.errors import ConfigurationError


@pytest.mark.parametrize(
    ("nameserver", "operator"),
    [
        ("8.8.8.8", "Google"),
        ("udp://8.8.4.4:53", "Google"),
        ("[2001:4860:4860:0::8888]:53", "Google"),
        ("tls://9.9.9.9#dns.quad9.net", "Quad9"),
        ("https://1.1.1.1/dns-query", "Cloudflare"),
    ],
)
def test_a_public_resolver_is_known_by_its_address(nameserver, operator):
    assert public_resolver(nameserver).operator == operator


@pytest.mark.parametrize("nameserver", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fe80::1%eth0", "fd00::53"])
def test_what_is_near_has_no_limit(nameserver):
    assert public_resolver(nameserver) is None
    assert polite_rates([nameserver]) == {nameserver: None}


def test_a_public_address_is_treated_politely_though_nobody_knows_it():
    assert polite_rates(["193.0.14.129"]) == {"193.0.14.129": POLITE_RATE}


def test_an_operator_counts_what_all_of_its_addresses_get():
    rates = polite_rates(["8.8.8.8", "tls://8.8.4.4#dns.google", "8.8.8.8", "1.1.1.1", "127.0.0.1"])

    assert rates == {"8.8.8.8": 500.0, "tls://8.8.4.4#dns.google": 500.0, "1.1.1.1": 1000.0, "127.0.0.1": None}


def test_nobody_gets_more_than_it_allows_or_than_is_polite():
    assert all(resolver.rate <= (resolver.limit or POLITE_RATE) for resolver in PUBLIC)
    assert all(0 < resolver.rate <= POLITE_RATE for resolver in PUBLIC)


def test_an_address_belongs_to_one_operator_and_is_global():
    addresses = [ip_address(address) for resolver in PUBLIC for address in resolver.addresses]

    assert len(set(addresses)) == len(addresses)
    assert all(address.is_global for address in addresses)


def test_what_is_no_nameserver_is_told():
    with pytest.raises(ConfigurationError):
        polite_rates(["gopher://1.1.1.1"])
