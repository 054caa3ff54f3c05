"""SPF: who may send mail in the name of a domain (RFC 7208). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from aioresolver.survey.tags import cited

__all__ = ["MOST_LOOKUPS", "SpfRecord", "SpfTerm", "parse_spf"]

MOST_LOOKUPS = 10
"""How many terms that need a lookup may be met, those of included records too (RFC 7208, 4.6.4)."""

MODIFIERS = ("redirect", "exp")
ASKING = ("include", "a", "mx", "ptr", "exists", "redirect")

_match_term = re.compile(r"([-+~?]?)([A-Za-z][A-Za-z0-9_.-]*)(?:([:=/])(.*))?").fullmatch
_match_domain = re.compile(r"(?:[!-$&-.0-~]|%%|%_|%-|%\{[slodiphcrtv][0-9]*r?[-.+,/_=]*\})+", re.IGNORECASE).fullmatch
_match_host = re.compile(r"(?P<domain>[^/]*)(?:/(?P<ipv4>[0-9]{1,2}))?(?://(?P<ipv6>[0-9]{1,3}))?").fullmatch


class SpfTerm(NamedTuple):
    """A mechanism, such as `ip4:192.0.2.0/24` with the qualifier `+ - ~ ?`, or a modifier, which has none (`""`).

    `value` is what stands behind the colon or the equals sign, or the prefix lengths with their slash; or nothing.
    """

    qualifier: str
    name: str
    value: str


class SpfRecord(NamedTuple):
    """What a domain says about who sends its mail.

    `terms` are those that could be understood, in their order. A receiver takes a record with a syntax error for none
    at all (permerror); `problems` says what is wrong, in sentences.
    """

    text: str
    terms: tuple[SpfTerm, ...]
    problems: tuple[str, ...] = ()

    @property
    def all(self) -> str | None:
        """The qualifier of `all`: what becomes of mail from everybody else; None when there is no `all`."""
        return next((term.qualifier for term in self.terms if term.name == "all"), None)

    @property
    def redirect(self) -> str | None:
        """The domain whose record counts instead, where nothing matches here."""
        return next((term.value for term in self.terms if term.name == "redirect"), None)

    @property
    def includes(self) -> tuple[str, ...]:
        """The domains whose senders may send too."""
        return tuple(term.value for term in self.terms if term.name == "include")

    @property
    def lookups(self) -> int:
        """How many of its own terms need a lookup; what the included records need comes on top."""
        has_all = self.all is not None
        return sum(term.name in ASKING and not (has_all and term.name == "redirect") for term in self.terms)

    def __str__(self) -> str:
        return self.text


def parse_spf(text: str) -> SpfRecord:
    """The record of this text, which begins with `v=spf1`; whatever cannot be understood is among its problems."""
    terms = []
    problems = []
    version, *words = text.split(" ")
    if version.lower() != "v=spf1":
        problems.append("it does not begin with v=spf1 and a space (RFC 7208, 4.5)")
    for word in filter(None, words):
        term, problem = _parse_term(word)
        if term is not None:
            terms.append(term)
        if problem is not None:
            problems.append(f"{cited(word)} {problem}")
    record = SpfRecord(text, tuple(terms))
    return record._replace(problems=(*problems, *_complaints(record)))


def _parse_term(word: str) -> tuple[SpfTerm | None, str | None]:
    """The term, unless it cannot be one, and what is wrong with it."""
    match = _match_term(word)
    if match is None:
        return None, "is no term (RFC 7208, 12)"
    qualifier, name, mark, value = match[1], match[2].lower(), match[3], match[4] or ""
    if mark == "=":
        if qualifier:
            return None, "is a modifier, and those have no qualifier (RFC 7208, 4.6.1)"
        known = name in MODIFIERS
        problem = "wants a domain (RFC 7208, 6)" if known and _match_domain(value) is None else None
        return SpfTerm("", name, value), problem
    check = MECHANISMS.get(name)
    if check is None:
        return None, "is a mechanism that does not exist (RFC 7208, 4.6.1)"
    value = f"/{value}" if mark == "/" else value
    problem = "has nothing behind its colon (RFC 7208, 12)" if mark == ":" and not value else check(value)
    return SpfTerm(qualifier or "+", name, value), problem


def _check_nothing(value: str) -> str | None:
    return "takes no value (RFC 7208, 5.1)" if value else None


def _check_domain(value: str) -> str | None:
    return None if _match_domain(value) else "wants a domain (RFC 7208, 5.2 and 7.1)"


def _check_ptr(value: str) -> str | None:
    return (value and _check_domain(value)) or "should not be used: it is slow, and fails easily (RFC 7208, 5.5)"


def _check_host(value: str) -> str | None:
    match = _match_host(value)
    if match is None or (match["domain"] and _match_domain(match["domain"]) is None):
        return "wants a domain, and prefix lengths such as /24//64 (RFC 7208, 5.3)"
    too_long = int(match["ipv4"] or 0) > 32 or int(match["ipv6"] or 0) > 128
    return "has a prefix longer than an address (RFC 7208, 5.6)" if too_long else None


def _check_network(network: Callable[..., object]) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        _, slash, prefix = value.partition("/")
        try:
            if slash and not (prefix.isascii() and prefix.isdigit()):
                raise ValueError(prefix)
            network(value, strict=False)
        except ValueError:
            return "has no address, or no prefix length, of its family (RFC 7208, 5.6)"
        return None

    return check


MECHANISMS: dict[str, Callable[[str], str | None]] = {
    "all": _check_nothing,
    "include": _check_domain,
    "exists": _check_domain,
    "a": _check_host,
    "mx": _check_host,
    "ptr": _check_ptr,
    "ip4": _check_network(IPv4Network),
    "ip6": _check_network(IPv6Network),
}


def _complaints(record: SpfRecord) -> list[str]:
    """What is wrong with the record as a whole."""
    names = [term.name for term in record.terms]
    mechanisms = [term.name for term in record.terms if term.qualifier]
    complaints = [f"{name} is there more than once (RFC 7208, 6)" for name in MODIFIERS if names.count(name) > 1]
    if record.lookups > MOST_LOOKUPS:
        complaints.append(
            f"{record.lookups} of its terms need a lookup, and {MOST_LOOKUPS} are the most, "
            "those of included records among them (RFC 7208, 4.6.4)"
        )
    if "all" in mechanisms:
        if mechanisms[-1] != "all":
            complaints.append("the mechanisms behind all never count (RFC 7208, 5.1)")
        if "redirect" in names:
            complaints.append("redirect does not count beside all (RFC 7208, 6.1)")
        if record.all == "+":
            complaints.append("+all lets everybody send in its name (RFC 7208, 5.1)")
    elif "redirect" not in names:
        complaints.append("it says nothing of all others: it ends without all and redirect (RFC 7208, 4.7)")
    return complaints
