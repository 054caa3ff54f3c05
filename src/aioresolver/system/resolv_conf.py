"""resolv.conf read as glibc reads it: text to values. No I/O, no clock.

Where glibc and resolv.conf(5) differ, glibc wins: a keyword counts only at the start of a line, the last `domain` or
`search` line replaces those before it, options match by their beginning, IPv4 addresses may have an old short form.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import NamedTuple

__all__ = ["ResolvConf", "parse_resolv_conf"]

DEFAULT_NAMESERVER = "127.0.0.1"
LARGEST_NDOTS = 15
LARGEST_TIMEOUT = 30
LARGEST_ATTEMPTS = 5
MOST_NAMESERVERS = 3


class ResolvConf(NamedTuple):
    """What a resolv.conf and its environment variables say.

    `nameservers` are IP addresses as text, a scope after `%`, at most three. `search` holds suffixes as they were
    written; the root is ".". `timeout` is in seconds for one try, `attempts` the tries for each nameserver.
    """

    nameservers: tuple[str, ...] = (DEFAULT_NAMESERVER,)
    search: tuple[str, ...] = ()
    sortlist: tuple[IPv4Network, ...] = ()
    ndots: int = 1
    timeout: int = 5
    attempts: int = 2
    rotate: bool = False
    use_tcp: bool = False
    edns: bool = False
    trust_ad: bool = False
    no_aaaa: bool = False
    single_request: bool = False
    single_request_reopen: bool = False
    no_tld_query: bool = False
    no_reload: bool = False


def parse_resolv_conf(text: str, environ: Mapping[str, str] | None = None, *, hostname: str = "") -> ResolvConf:
    """Read a resolv.conf; what cannot be understood is skipped, as the C library does.

    `environ` is searched for LOCALDOMAIN (replaces `search` and `domain`) and RES_OPTIONS (added to `options`).
    `hostname` is this machine's name: without a search list its domain is the search list.
    """
    environ = environ or {}
    nameservers: list[str] = []
    sortlist: list[IPv4Network] = []
    options: dict[str, int | bool] = {}
    search: tuple[str, ...] | None = None
    for line in text.split("\n"):
        keyword, value = _split(line)
        if keyword == "nameserver":
            nameservers.extend(_address(value))
        elif keyword == "search" and value:
            search = _words(value)
        elif keyword == "domain" and value:
            search = _words(value)[:1]
        elif keyword == "sortlist":
            sortlist.extend(_networks(value))
        elif keyword == "options":
            options |= _options(value)
    if "LOCALDOMAIN" in environ:
        search = tuple(environ["LOCALDOMAIN"].split("\n")[0].split()) or (".",)
    if search is None:
        domain = hostname.partition(".")[2]
        search = (domain,) if domain else ()
    options |= _options(environ.get("RES_OPTIONS", ""))
    return ResolvConf(
        tuple(nameservers[:MOST_NAMESERVERS]) or (DEFAULT_NAMESERVER,),
        search,
        tuple(sortlist),
        **options,  # type: ignore[arg-type]  # the keys are field names, see _FLAGS and _NUMBERS
    )


# In this order: the first whose beginning matches is meant.
_FLAGS = (
    ("rotate", "rotate"),
    ("edns0", "edns"),
    ("single-request-reopen", "single_request_reopen"),
    ("single-request", "single_request"),
    ("no_tld_query", "no_tld_query"),
    ("no-tld-query", "no_tld_query"),
    ("no-reload", "no_reload"),
    ("use-vc", "use_tcp"),
    ("trust-ad", "trust_ad"),
    ("no-aaaa", "no_aaaa"),
)
# Name, field, least and largest value. glibc takes 0 for timeout and attempts, and then waits a second or asks nobody.
_NUMBERS = (
    ("ndots:", "ndots", 0, LARGEST_NDOTS),
    ("timeout:", "timeout", 1, LARGEST_TIMEOUT),
    ("attempts:", "attempts", 1, LARGEST_ATTEMPTS),
)


def _split(line: str) -> tuple[str, str]:
    """The keyword, which must start the line and be followed by a blank, and what follows it."""
    end = min((at for at in (line.find(" "), line.find("\t")) if at > 0), default=0)
    return line[:end], line[end:].strip(" \t\r")


def _words(value: str) -> tuple[str, ...]:
    """Blank-separated words up to a comment, whose words glibc takes for suffixes, which only costs it time."""
    words = value.split()
    comment = next((at for at, word in enumerate(words) if word[0] in "#;"), len(words))
    return tuple(words[:comment])


def _address(value: str) -> list[str]:
    """The one address of a nameserver line, or nothing."""
    word = value.split(maxsplit=1)[0] if value else ""
    try:
        return [socket.inet_ntoa(socket.inet_aton(word))]
    except (OSError, ValueError):  # ValueError: a zero byte, which text can have
        pass
    address, percent, scope = word.partition("%")
    try:
        address = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address))
    except (OSError, ValueError):
        return []
    return [address + percent + scope if scope else address]


def _networks(value: str) -> list[IPv4Network]:
    """The address/mask pairs of a sortlist line; without a mask, that of the address's class."""
    networks = []
    for word in value.partition(";")[0].split():
        address, _, mask = word.replace("&", "/").partition("/")
        try:
            packed = socket.inet_aton(address)
            wanted = socket.inet_ntoa(socket.inet_aton(mask)) if mask else _class_mask(packed)
            networks.append(IPv4Network((packed, wanted), strict=False))
        except (OSError, ValueError):  # a mask with holes sorts nothing that anyone could mean
            continue
    return networks


def _class_mask(packed: bytes) -> str:
    return "255.0.0.0" if packed[0] < 128 else "255.255.0.0" if packed[0] < 192 else "255.255.255.0"


def _options(value: str) -> dict[str, int | bool]:
    """The fields that an options line sets."""
    fields: dict[str, int | bool] = {}
    for word in value.split():
        for prefix, field, least, largest in _NUMBERS:
            if word.startswith(prefix):
                fields[field] = max(least, min(_leading_number(word[len(prefix) :]), largest))
                break
        else:
            fields.update(next(([(field, True)] for prefix, field in _FLAGS if word.startswith(prefix)), []))
    return fields


def _leading_number(text: str) -> int:
    """As C's atoi: the digits that it begins with, 0 when there are none."""
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    return int(digits.lstrip("0")[:10] or "0")  # what int() makes of thousands of digits is an error
