"""Addresses written where a host name may stand. Only what `ipaddress` accepts is one; the rest never becomes one."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, ip_address

__all__ = ["ends_in_number", "parse_literal"]

_DIGITS = frozenset("0123456789")
# No number ends in one of these, and nearly all host names do.
_LETTERS = frozenset("ghijklmnopqrstuvwyzGHIJKLMNOPQRSTUVWYZ")
_is_number = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*").fullmatch


def parse_literal(text: str) -> str | None:
    """The address that the text is, in its canonical form, or None for what is a name.

    IPv6 may carry a scope (`fe80::1%eth0`), which is kept; brackets are not part of an address. None too for forms
    that inet_aton(3) would take (`127.1`, `0x7f000001`, `2130706433`): see `ends_in_number`.
    """
    if text[-1:] not in _DIGITS and ":" not in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return text
    canonical = socket.inet_ntop(socket.AF_INET6, address.packed)
    return f"{canonical}%{address.scope_id}" if address.scope_id else canonical


def ends_in_number(text: str) -> bool:
    """Whether the last label is a number, decimal or hexadecimal, a dot behind it or not.

    Such text is an IPv4 address or nothing, as in URLs: no top-level domain is a number, and what inet_aton(3) makes
    of `127.1` is a way around every list of forbidden addresses. Only for text that `parse_literal` has refused.
    """
    if text[-1:] in _LETTERS:
        return False
    return _is_number(text.removesuffix(".").rpartition(".")[2]) is not None
