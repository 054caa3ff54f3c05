"""What is wrong with NS, SOA, HTTPS, DS and DNSKEY."""

from __future__ import annotations

import pytest

from aioresolver.survey.checks import check_delegation, check_https, check_nameservers, check_soa
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import DNSKEY, DS, NS, SOA, parse_rdata

KEY = DNSKEY(257, 3, 13, b"key")
OLD_KEY = DNSKEY(257, 3, 7, b"key")
REVOKED_KEY = DNSKEY(257 | 0x80, 3, 13, b"key")


def vouching(key: DNSKEY, digest_type: int = 2) -> DS:
    return DS(key.key_tag, key.algorithm, digest_type, b"digest")


def soa(refresh: int = 7200, retry: int = 3600, expire: int = 1209600, minimum: int = 300) -> SOA:
    return SOA(Name("ns."), Name("host."), 1, refresh, retry, expire, minimum)


def test_one_nameserver_is_none():
    one, two = NS(Name("a.")), NS(Name("b."))

    assert len(check_nameservers([one])) == 1
    assert check_nameservers([one, two]) == check_nameservers([]) == []


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (soa(), ""),
        (soa(refresh=3600, retry=3600), "retry (3600 s)"),
        (soa(expire=10_000), "expire (10000 s)"),
        (soa(minimum=604_800), "604800 s"),
    ],
)
def test_times(times, words):
    told = check_soa([times])

    assert len(told) == bool(words)
    assert words in "".join(told)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (["1 . alpn=h2", "2 other.example."], ""),
        (["0 other.example."], ""),
        ([], ""),
        (["0 other.example.", "1 ."], "only the alias counts"),
        (["0 other.example. port=1"], "has parameters"),
    ],
)
def test_aliases_of_web_origins(records, words):
    told = check_https([parse_rdata(RRType.HTTPS, text) for text in records])

    assert len(told) == bool(words)
    assert words in "".join(told)


@pytest.mark.parametrize(
    ("digests", "keys", "words"),
    [
        ([], [], ""),
        ([vouching(KEY)], [KEY], ""),
        ([vouching(KEY), vouching(OLD_KEY)], [KEY], ""),
        ([vouching(KEY, 1), vouching(KEY, 2)], [KEY], ""),
        ([], [KEY], "it has no DS"),
        ([vouching(KEY)], [], "keys that the zone does not have"),
        ([vouching(KEY)], [DNSKEY(257, 3, 13, b"another")], "no DS is of a key that the zone has"),
        ([vouching(REVOKED_KEY)], [REVOKED_KEY], "no DS is of a key"),
        ([vouching(KEY, 1)], [KEY], "SHA-1"),
        ([vouching(OLD_KEY)], [OLD_KEY], "RSASHA1-NSEC3-SHA1"),
    ],
)
def test_the_chain_of_trust(digests, keys, words):
    told = check_delegation(digests, keys)

    assert len(told) == bool(words)
    assert words in "".join(told)
