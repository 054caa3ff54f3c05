"""AddressPolicy: which addresses may be handed out. Against SSRF and DNS rebinding.

It looks at addresses as numbers, and through every form of IPv6 address that stands for an IPv4 address.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any, NamedTuple, TypeVar

from aioresolver.answer import Answer
from aioresolver.errors import AddressBlocked, ConfigurationError, NameSyntaxError
from aioresolver.stale_answer import StaleAnswer
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Record
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import AAAA, SVCB, A, ServiceKey, ServiceParam

__all__ = ["PUBLIC_RULES", "AddressPolicy"]

D = TypeVar("D")

PUBLIC_RULES: Mapping[str, str] = {
    "0.0.0.0/8": "this host",
    "10.0.0.0/8": "private",
    "100.100.100.200/32": "cloud metadata",
    "100.64.0.0/10": "carrier-grade NAT",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "cloud metadata",
    "169.254.169.254/32": "cloud metadata",
    "169.254.170.2/32": "cloud metadata",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.192/32": "cloud metadata",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "reserved",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "::/128": "this host",
    "::1/128": "loopback",
    "64:ff9b:1::/48": "private",
    "2001:db8::/32": "documentation",
    "2001::/23": "reserved",
    "3fff::/20": "documentation",
    "fd00:ec2::254/128": "cloud metadata",
    "fd20:ce::254/128": "cloud metadata",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "private",
    "ff00::/8": "multicast",
    # Of IPv6 only 2000::/3 is given out for unicast; mapped and NAT64 addresses are judged by what they stand for.
    "::ffff:0:0/96": "",
    "64:ff9b::/96": "",
    "::/3": "reserved",
    "4000::/2": "reserved",
    "8000::/1": "reserved",
}
"""The networks that `AddressPolicy.public()` denies, and why; the first that an address is in counts.

From the IANA registries of special-purpose addresses (RFC 6890) and the documentation of cloud providers. A network
with an empty reason is no rule but an exception to those below it.
"""

MOST_REMEMBERED = 4096


class _Rule(NamedTuple):
    """A network as numbers, and why it is denied."""

    network: int
    mask: int
    reason: str
    text: str


class AddressPolicy:
    """Which addresses a resolver may hand out; it judges every answer, wherever its addresses come from.

    - `deny`: networks (`"10.0.0.0/8"`), or a mapping of networks to the reason that an error gives.
    - `allow`: networks that are allowed though denied. An IPv6 address that stands for an IPv4 address has to be
      allowed as both.
    - `allow_names`: names below which (and at which) every address is allowed: `"corp.example"`. It is the name that
      was asked for that counts, not where its aliases lead.
    - `drop`: False means that one forbidden address blocks the whole answer, as it shows that the name cannot be
      trusted; True, that only the forbidden addresses are taken out, and an answer of nothing else is blocked.

    Looked through are: IPv4-mapped, -translated and -compatible addresses, NAT64 (RFC 6052 in 64:ff9b::/96 and
    64:ff9b:1::/48), 6to4, Teredo and ISATAP. Raises ConfigurationError for what is no network or no name.
    """

    def __init__(
        self,
        deny: Iterable[str] | Mapping[str, str] = (),
        *,
        allow: Iterable[str] = (),
        allow_names: Iterable[str] = (),
        drop: bool = False,
    ) -> None:
        reasons = deny if isinstance(deny, Mapping) else dict.fromkeys(deny, "denied")
        rules = [_rule(network, reason) for network, reason in reasons.items()]
        self.drop = drop
        self._deny = _by_version(rules)
        self._allow = _by_version(_rule(network, "") for network in allow)
        self._allow_names = tuple(_zone(name) for name in allow_names)
        self._verdicts: dict[str, str | None] = {}

    @classmethod
    def public(cls, *, allow: Iterable[str] = (), allow_names: Iterable[str] = (), drop: bool = False) -> AddressPolicy:
        """Only addresses of the public Internet: see PUBLIC_RULES."""
        return cls(PUBLIC_RULES, allow=allow, allow_names=allow_names, drop=drop)

    def reason(self, address: str) -> str | None:
        """Why the address is forbidden, as `10.0.0.1 (private, 10.0.0.0/8)`; None when it is allowed.

        What is no address is forbidden.
        """
        try:
            return self._verdicts[address]
        except KeyError:
            if len(self._verdicts) >= MOST_REMEMBERED:
                self._verdicts.clear()
            verdict = self._verdicts[address] = self._judge(address)
            return verdict

    def allows_name(self, name: str) -> bool:
        """Whether `allow_names` exempts this name."""
        if not self._allow_names:
            return False
        try:
            parsed = Name.parse(name)
        except NameSyntaxError:
            return False
        return any(parsed.is_under(zone) for zone in self._allow_names)

    def check(self, name: str, addresses: Iterable[str]) -> list[str]:
        """The addresses that may be handed out for a name (or for a literal, which is its own name).

        Raises AddressBlocked, which says the address and the rule.
        """
        addresses = list(addresses)
        reasons = [reason for address in addresses if (reason := self.reason(address))]
        if not reasons or self.allows_name(name):
            return addresses
        allowed = [address for address in addresses if self.reason(address) is None]
        if not self.drop or not allowed:
            raise _blocked(name, "address", reasons)
        return allowed

    def apply(self, answer: Answer[D]) -> Answer[D]:
        """The answer as it may be handed out: itself when nothing in it is forbidden.

        It judges A and AAAA, and the address hints of SVCB and HTTPS; with `drop`, hints are taken out, and the
        record too when they are mandatory. Raises AddressBlocked.
        """
        type_ = answer.question.type
        if type_ not in JUDGED:
            return answer
        reasons = [reason for data in answer for address in _addresses(data) if (reason := self.reason(address))]
        if not reasons or self.allows_name(answer.question.name):
            return answer
        # Signatures are left out: they were made over all the records.
        signed = answer.records[: len(answer)]
        records = [kept for record in signed if (kept := self._cleaned(record))] if self.drop else []
        if not records:
            raise _blocked(answer.question.name, str(type_), reasons)
        aliases = [record for record in answer.message.answer if record.type in ALIASES] if answer.aliases else []
        cleaned: Answer[D] = Answer.from_records(
            answer.question,
            [*aliases, *records],
            now=answer.expires,
            ttl=0,
            rcode=answer.rcode,
            server=answer.server,
            attempts=answer.attempts,
            elapsed=answer.elapsed,
            edns=answer.edns,
        )
        return StaleAnswer.of_fresh(cleaned, cleaned.expires) if answer.stale else cleaned

    def _judge(self, address: str) -> str | None:
        ipv6 = ":" in address
        try:
            packed = socket.inet_pton(socket.AF_INET6 if ipv6 else socket.AF_INET, address.partition("%")[0])
        except (OSError, ValueError):
            return f"{address} (not an address)"
        number = int.from_bytes(packed, "big")
        rule = self._denied(number, ipv6=ipv6)
        if ipv6:
            for inner in embedded(number):
                inner_rule = self._denied(inner, ipv6=False)
                if inner_rule is not None:
                    stands_for = socket.inet_ntoa(inner.to_bytes(4, "big"))
                    return f"{address}, which stands for {stands_for} ({inner_rule.reason}, {inner_rule.text})"
        return None if rule is None else f"{address} ({rule.reason}, {rule.text})"

    def _denied(self, number: int, *, ipv6: bool) -> _Rule | None:
        """The rule that forbids the address, if any and no other rule allows it."""
        for rule in self._deny[ipv6]:
            if number & rule.mask == rule.network:
                allowed = not rule.reason or any(number & allow.mask == allow.network for allow in self._allow[ipv6])
                return None if allowed else rule
        return None

    def _cleaned(self, record: Record) -> Record | None:
        """The record without what is forbidden; None when nothing of use is left."""
        data = record.data
        if not any(map(self.reason, _addresses(data))):
            return record
        if not isinstance(data, SVCB):
            return None
        params = tuple(param for param in map(self._cleaned_param, data.params) if param is not None)
        left = {key for key, _ in params}
        if not left.issuperset(data.mandatory):
            return None
        return Record(record.name, record.type, record.class_, record.ttl, data._replace(params=params))

    def _cleaned_param(self, param: ServiceParam) -> ServiceParam | None:
        key, value = param
        if key not in HINTS or not isinstance(value, tuple):
            return param
        allowed = tuple(address for address in value if self.reason(str(address)) is None)
        return ServiceParam(key, allowed) if allowed else None  # type: ignore[arg-type]  # hints are tuples of str


JUDGED = frozenset({RRType.A, RRType.AAAA, RRType.SVCB, RRType.HTTPS, RRType.ANY})
ALIASES = frozenset({RRType.CNAME, RRType.DNAME})
HINTS = frozenset({ServiceKey.IPV4HINT, ServiceKey.IPV6HINT})


def embedded(number: int) -> Iterator[int]:
    """The IPv4 addresses that an IPv6 address may stand for, as numbers."""
    low = number & 0xFFFFFFFF
    if number >> 32 in (0xFFFF, 0xFFFF << 16, 0x64FF9B << 64):
        yield low  # mapped, translated (RFC 2765), NAT64's well-known prefix
    elif number >> 32 == 0:
        if number > 1:
            yield low  # compatible; :: and ::1 have rules of their own
    elif number >> 112 == 0x2002:
        yield number >> 80 & 0xFFFFFFFF  # 6to4
    elif number >> 96 == 0x20010000:
        yield number >> 64 & 0xFFFFFFFF  # Teredo's server
        yield low ^ 0xFFFFFFFF  # and its client
    elif number >> 80 == 0x64FF9B0001:
        yield from translated(number)
    if number >> 32 & 0xFDFFFFFF == 0x5EFE:
        yield low  # ISATAP


def translated(number: int) -> Iterator[int]:
    """Where RFC 6052, 2.2 puts the IPv4 address behind a prefix of 48, 56, 64 and 96 bits.

    Bits 64 to 71 are left out, and what is behind the address is zero.
    """
    if number & 0xFFFFFFFF:
        yield number & 0xFFFFFFFF
    if not number & 0xFFFFFF:
        yield number >> 24 & 0xFFFFFFFF
    if not number & 0xFFFFFFFF:
        yield (number >> 64 & 0xFF) << 24 | number >> 32 & 0xFFFFFF
    if not number & 0xFFFFFFFFFF:
        yield (number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF


def _addresses(data: Any) -> tuple[str, ...]:
    """The addresses in the data of a record."""
    if isinstance(data, (A, AAAA)):
        return (data.address,)
    if isinstance(data, SVCB):  # HTTPS too
        return data.ipv4hint + data.ipv6hint
    return ()


def _rule(network: str, reason: str) -> _Rule:
    try:
        parsed = ip_network(network)
    except ValueError as error:
        raise ConfigurationError(f"address policy: {error}") from None
    return _Rule(int(parsed.network_address), int(parsed.netmask), reason, network)


def _by_version(rules: Iterable[_Rule]) -> tuple[tuple[_Rule, ...], tuple[_Rule, ...]]:
    """The rules for IPv4, and those for IPv6."""
    listed = list(rules)
    ipv4 = tuple(rule for rule in listed if ":" not in rule.text)
    return ipv4, tuple(rule for rule in listed if ":" in rule.text)


def _zone(name: str) -> Name:
    try:
        return Name.parse(name.removeprefix("*").removeprefix("."))
    except NameSyntaxError as error:
        raise ConfigurationError(f"address policy: allow_names: {error}") from None


def _blocked(name: str, type_: str, reasons: list[str]) -> AddressBlocked:
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return AddressBlocked(name, type_, f"the address policy forbids {reasons[0]}{more}")
