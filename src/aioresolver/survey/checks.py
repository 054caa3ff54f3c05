"""What is wrong with plain records: NS, SOA, HTTPS, DS and DNSKEY, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from aioresolver.wire.rdata import DNSKEY, DS, HTTPS, NS, SOA

__all__ = ["check_delegation", "check_https", "check_nameservers", "check_soa"]

LONGEST_NEGATIVE = 86400
ZONE_KEY, REVOKED = 0x0100, 0x0080
SHA1_DIGEST = 1
DEAD_ALGORITHMS = {1: "RSAMD5", 3: "DSA", 5: "RSASHA1", 6: "DSA-NSEC3-SHA1", 7: "RSASHA1-NSEC3-SHA1", 12: "ECC-GOST"}


def check_nameservers(nameservers: Sequence[NS]) -> list[str]:
    """One is none."""
    if len(nameservers) == 1:
        return ["there is only one nameserver, and there should be two at least (RFC 1034, 4.1, and RFC 2182, 5)"]
    return []


def check_soa(soas: Sequence[SOA]) -> list[str]:
    """Times that contradict each other, or hurt."""
    problems = []
    for soa in soas:
        if soa.retry >= soa.refresh:
            problems.append(f"retry ({soa.retry} s) is not shorter than refresh ({soa.refresh} s) (RFC 1912, 2.2)")
        if soa.expire <= soa.refresh + soa.retry:
            problems.append(f"expire ({soa.expire} s) is over before refresh and a retry are (RFC 1912, 2.2)")
        if soa.minimum > LONGEST_NEGATIVE:
            problems.append(f"what does not exist is remembered for {soa.minimum} s, and a day is long (RFC 2308, 5)")
    return problems


def check_https(records: Sequence[HTTPS]) -> list[str]:
    """An alias stands alone."""
    problems = []
    aliases = [record for record in records if record.priority == 0]
    if aliases and len(aliases) < len(records):
        problems.append("there is an alias beside other records, and only the alias counts (RFC 9460, 2.4.1)")
    if any(alias.params for alias in aliases):
        problems.append("an alias has parameters, which do not count (RFC 9460, 2.4.2)")
    return problems


def check_delegation(digests: Sequence[DS], keys: Sequence[DNSKEY]) -> list[str]:
    """Whether the chain of trust holds as far as numbers tell; signatures are not checked."""
    if not digests:
        return ["the zone has keys, and the zone above does not vouch for them: it has no DS (RFC 4035, 2.4)"] * bool(
            keys
        )
    if not keys:
        return ["the zone above vouches for keys that the zone does not have: validators fail (RFC 4035, 5)"]
    problems = []
    live = {(key.key_tag, key.algorithm) for key in keys if key.flags & ZONE_KEY and not key.flags & REVOKED}
    if live.isdisjoint((digest.key_tag, digest.algorithm) for digest in digests):
        problems.append("no DS is of a key that the zone has: validators fail (RFC 4035, 5.2)")
    if all(digest.digest_type == SHA1_DIGEST for digest in digests):
        problems.append("the only digests are SHA-1, which must not be used any more (RFC 8624, 3.3, and RFC 9905)")
    dead = sorted({DEAD_ALGORITHMS[key.algorithm] for key in keys if key.algorithm in DEAD_ALGORITHMS})
    problems += [f"a key is for {name}, which must not be used any more (RFC 8624, 3.1, and RFC 9905)" for name in dead]
    return problems
