"""Public resolvers, and how many queries a second are polite to each of them. Explicit rates are the caller's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from aioresolver.errors import ConfigurationError
from aioresolver.transports.nameserver import Nameserver

__all__ = ["POLITE_RATE", "PublicResolver", "polite_rates", "public_resolver"]

POLITE_RATE = 1000.0
"""Queries a second to the nameservers of one operator, where the operator says nothing else, or allows more."""


class PublicResolver(NamedTuple):
    """A service that resolves for everybody.

    `limit` is what the operator says it answers to one client, an IPv4 address or an IPv6 /64, in queries a second;
    None when nothing is said.
    """

    operator: str
    addresses: tuple[str, ...]
    limit: float | None = None

    @property
    def rate(self) -> float:
        """How many queries a second are polite, to all of its addresses together."""
        return POLITE_RATE if self.limit is None else min(self.limit, POLITE_RATE)


PUBLIC = (
    PublicResolver(
        "Google",
        (
            "8.8.8.8",
            "8.8.4.4",
            "2001:4860:4860::8888",
            "2001:4860:4860::8844",
            "2001:4860:4860::6464",
            "2001:4860:4860::64",
        ),
        limit=1500.0,  # "QPS per IPv4 or IPv6 /64", developers.google.com/speed/public-dns/docs/isp
    ),
    PublicResolver(
        "Cloudflare",
        (
            *("1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001"),
            *("1.1.1.2", "1.0.0.2", "2606:4700:4700::1112", "2606:4700:4700::1002"),
            *("1.1.1.3", "1.0.0.3", "2606:4700:4700::1113", "2606:4700:4700::1003"),
            *("2606:4700:4700::64", "2606:4700:4700::6400"),
        ),
    ),
    PublicResolver(
        "Quad9",
        (
            *("9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9"),
            *("9.9.9.10", "149.112.112.10", "2620:fe::10", "2620:fe::fe:10"),
            *("9.9.9.11", "149.112.112.11", "2620:fe::11", "2620:fe::fe:11"),
        ),
    ),
    PublicResolver(
        "OpenDNS",
        (
            *("208.67.222.222", "208.67.220.220", "2620:119:35::35", "2620:119:53::53"),
            *("208.67.222.123", "208.67.220.123", "2620:119:35::123", "2620:119:53::123"),
            *("208.67.222.220", "208.67.220.222"),
        ),
    ),
    PublicResolver(
        "AdGuard",
        (
            *("94.140.14.14", "94.140.15.15", "2a10:50c0::ad1:ff", "2a10:50c0::ad2:ff"),
            *("94.140.14.15", "94.140.15.16", "2a10:50c0::bad1:ff", "2a10:50c0::bad2:ff"),
            *("94.140.14.140", "94.140.14.141", "2a10:50c0::1:ff", "2a10:50c0::2:ff"),
        ),
    ),
    PublicResolver("Control D", ("76.76.2.0", "76.76.10.0", "2606:1a40::", "2606:1a40:1::")),
    PublicResolver("CleanBrowsing", ("185.228.168.9", "185.228.169.9", "185.228.168.10", "185.228.168.168")),
    PublicResolver("DNS.SB", ("185.222.222.222", "45.11.45.11", "2a09::", "2a11::")),
    PublicResolver("Level 3", ("4.2.2.1", "4.2.2.2", "4.2.2.3", "4.2.2.4", "4.2.2.5", "4.2.2.6")),
    PublicResolver("Verisign", ("64.6.64.6", "64.6.65.6", "2620:74:1b::1:1", "2620:74:1c::2:2")),
    PublicResolver("Yandex", ("77.88.8.8", "77.88.8.1", "77.88.8.88", "77.88.8.2", "77.88.8.7", "77.88.8.3")),
    PublicResolver("AliDNS", ("223.5.5.5", "223.6.6.6", "2400:3200::1", "2400:3200:baba::1")),
    PublicResolver("DNSPod", ("119.29.29.29", "2402:4e00::")),
    PublicResolver("114DNS", ("114.114.114.114", "114.114.115.115")),
    PublicResolver("Quad101", ("101.101.101.101", "101.102.103.104", "2001:de4::101", "2001:de4::102")),
    PublicResolver("Comodo", ("8.26.56.26", "8.20.247.20")),
)
"""The well-known ones."""

_BY_ADDRESS = {ip_address(address): resolver for resolver in PUBLIC for address in resolver.addresses}


def public_resolver(nameserver: str) -> PublicResolver | None:
    """The service that a nameserver (`1.1.1.1`, `tls://9.9.9.9#dns.quad9.net`) belongs to, if it is a known one.

    Raises ConfigurationError for what is no nameserver.
    """
    address = _address(nameserver)
    return None if address is None else _BY_ADDRESS.get(address)


def polite_rates(nameservers: Iterable[str]) -> dict[str, float | None]:
    """How many queries a second are polite to each of these nameservers, by its text; None is as many as it bears.

    What is known to be public, or has a public address, gets no more than POLITE_RATE. Operators count by client, so the
    nameservers of one share what it bears. Loopback, private and link-local addresses are one's own: there is no limit.
    Raises ConfigurationError for what is no nameserver.
    """
    texts = list(dict.fromkeys(nameservers))
    known = {text: public_resolver(text) for text in texts}
    shares = Counter(found.operator for found in known.values() if found is not None)
    rates: dict[str, float | None] = {}
    for text, found in known.items():
        if found is not None:
            rates[text] = found.rate / shares[found.operator]
        else:
            address = _address(text)
            rates[text] = POLITE_RATE if address is None or address.is_global else None
    return rates


def _address(nameserver: str) -> IPv4Address | IPv6Address | None:
    """The address of a nameserver; None when it is known by its name."""
    try:
        return ip_address(Nameserver.parse(nameserver).address)
    except ConfigurationError:
        raise
    except ValueError:
        return None
