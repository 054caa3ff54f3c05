"""Asks everything about a domain at once, and has it read. One question that fails loses no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from aioresolver.answer import Answer
from aioresolver.errors import DNSError, NameNotFound, NoRecords, ResolutionError, UsageError
from aioresolver.mail import MailServer, find_mail_hosts
from aioresolver.survey.caa import CaaProperty, parse_caa
from aioresolver.survey.checks import check_delegation, check_https, check_nameservers, check_soa
from aioresolver.survey.dkim import KNOWN_SELECTORS, DkimKey, is_dkim, parse_dkim
from aioresolver.survey.dmarc import DmarcRecord, applicable, parse_dmarc, tree_walk
from aioresolver.survey.findings import Finding, Survey
from aioresolver.survey.mail_security import parse_bimi, parse_mta_sts, parse_tls_reporting
from aioresolver.survey.spf import parse_spf
from aioresolver.survey.tags import cited
from aioresolver.system.literal import parse_literal
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import CAA, TXT

__all__ = ["TextKind", "choose", "take_survey"]

PLAIN = (RRType.A, RRType.AAAA, RRType.NS, RRType.SOA, RRType.TXT, RRType.HTTPS, RRType.DS, RRType.DNSKEY)
WILDCARD = "*"

End = Answer[Any] | DNSError


class _Asking(Protocol):
    async def query(self, name: str, type: str | int = "A") -> Answer[Any]: ...
    async def addresses(self, host: str) -> list[str]: ...


class _Parsed(Protocol):
    @property
    def problems(self) -> tuple[str, ...]: ...


P = TypeVar("P", bound=_Parsed)


class TextKind(NamedTuple):
    """A kind of record that lives in TXT: its topic, the word that `v=` begins it with, and who says there is one."""

    topic: str
    version: str
    rule: str


SPF = TextKind("SPF", "spf1", "RFC 7208, 4.5")
DMARC = TextKind("DMARC", "DMARC1", "RFC 9989, 4.10")
MTA_STS = TextKind("MTA-STS", "STSv1", "RFC 8461, 3.1")
TLS_REPORTING = TextKind("TLS-RPT", "TLSRPTv1", "RFC 8460, 3")
BIMI = TextKind("BIMI", "BIMI1", "draft-brand-indicators-for-message-identification, 7.2")


async def take_survey(asking: _Asking, domain: str, *, selectors: Collection[str] = ()) -> Survey:
    """What the DNS says about a domain; see `Resolver.survey`."""
    if isinstance(selectors, str):
        raise TypeError(f"selectors is a list of DKIM selectors, not one text: [{selectors!r}]")
    if parse_literal(domain) is not None:
        raise ValueError(f"{domain!r} is an address: a survey is of a domain")
    name = Name.parse(domain)
    for selector in selectors:
        _below(f"{selector}._domainkey", name)  # raises NameSyntaxError
    plain, named, mx, caa, dmarc, dkim = await asyncio.gather(
        asyncio.gather(*(_ask(asking, name, type_) for type_ in PLAIN)),
        asyncio.gather(*(_texts(asking, label, name) for label in ("_mta-sts", "_smtp._tls", "default._bimi"))),
        _mail(asking, name),
        _climb_for_caa(asking, name),
        _climb_for_dmarc(asking, name),
        _keys(asking, name, tuple(selectors)),
    )
    ends = dict(zip(PLAIN, plain, strict=True))
    (sts_name, sts), (tls_name, tls), (bimi_name, bimi) = named
    texts = ends[RRType.TXT]
    delegation = check_delegation(_data(ends[RRType.DS]), _data(ends[RRType.DNSKEY]))
    known = isinstance(ends[RRType.DS], Answer) and isinstance(ends[RRType.DNSKEY], Answer)
    return Survey(
        domain=name,
        a=_finding(name, RRType.A, ends),
        aaaa=_finding(name, RRType.AAAA, ends),
        ns=_finding(name, RRType.NS, ends, check_nameservers),
        soa=_finding(name, RRType.SOA, ends, check_soa),
        mx=mx,
        txt=Finding("TXT", name, texts, _strings(texts)),
        caa=caa,
        https=_finding(name, RRType.HTTPS, ends, check_https),
        ds=_finding(name, RRType.DS, ends, lambda _: delegation if known else ()),
        dnskey=_finding(name, RRType.DNSKEY, ends),
        spf=_published(SPF, name, texts, parse_spf),
        dmarc=dmarc,
        dkim=dkim,
        mta_sts=_published(MTA_STS, sts_name, sts, parse_mta_sts),
        tls_reporting=_published(TLS_REPORTING, tls_name, tls, parse_tls_reporting),
        bimi=_published(BIMI, bimi_name, bimi, parse_bimi),
    )


def choose(kind: TextKind, texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Which of the texts are of a kind, and what is wrong with their number, or with those that nearly are."""
    chosen, problems = [], []
    separators = " " if kind is SPF else ";"
    for text in texts:
        begin = text.split(separators, 1)[0].replace(" ", "").lower()
        if begin == f"v={kind.version}".lower():
            chosen.append(text)
        elif begin.startswith((f"v={kind.version}".lower(), kind.version.lower())):
            problems.append(f"{cited(text)} begins nearly as v={kind.version} does, and does not count ({kind.rule})")
    if len(chosen) > 1:
        problems.append(f"there are {len(chosen)} records, and so none counts ({kind.rule})")
    return chosen, problems


def _published(kind: TextKind, name: Name, end: End, parse: Callable[[str], P]) -> Finding[P]:
    """What the domain publishes of a kind, with everything that is wrong."""
    chosen, problems = choose(kind, _strings(end))
    values = [parse(text) for text in chosen]
    problems += [problem for value in values for problem in value.problems]
    return Finding(kind.topic, name, end, values, problems)


def _finding(
    name: Name, type_: RRType, ends: dict[RRType, End], check: Callable[[Sequence[Any]], Sequence[str]] | None = None
) -> Finding[Any]:
    data = _data(ends[type_])
    return Finding(type_.name, name, ends[type_], data, check(data) if check else ())


async def _ask(asking: _Asking, name: str, type_: RRType = RRType.TXT) -> End:
    try:
        return await asking.query(name, type_)
    except UsageError:
        raise
    except DNSError as error:
        return error.with_traceback(None)


async def _texts(asking: _Asking, label: str, domain: Name) -> tuple[Name, End]:
    """The TXT records of a name below the domain."""
    try:
        name = _below(label, domain)
    except DNSError as error:  # with the domain's name it is too long
        return domain, error.with_traceback(None)
    return name, await _ask(asking, name)


async def _mail(asking: _Asking, domain: Name) -> Finding[MailServer]:
    end = await _ask(asking, domain, RRType.MX)
    if not isinstance(end, Answer) or end.rcode:
        return Finding("MX", domain, end)
    try:
        servers = await find_mail_hosts(asking, domain)
    except ResolutionError as error:
        return Finding("MX", domain, error.with_traceback(None))
    first = servers[0]
    if first.implicit and not first.addresses:
        lasting = first.error is None or isinstance(first.error, (NameNotFound, NoRecords))
        return Finding("MX", domain, end if lasting else first.error or end)
    problems = [server.problem for server in servers if server.problem]
    if any(mx.exchange == "." for mx in end):
        problems.append("there is a null MX beside others (RFC 7505, 3)")
    return Finding("MX", domain, end, servers, problems)


async def _climb_for_caa(asking: _Asking, domain: Name) -> Finding[CaaProperty]:
    """The records of the domain, or those of the nearest domain above that has any (RFC 8659, 3)."""
    name = domain
    first = end = await _ask(asking, name, RRType.CAA)
    while isinstance(end, Answer) and not end and name.parent != ".":
        name = name.parent
        end = await _ask(asking, name, RRType.CAA)
    if isinstance(end, Answer) and not end:
        return Finding("CAA", domain, first)
    records: Sequence[CAA] = _data(end)
    values = [parse_caa(record) for record in records]
    return Finding("CAA", name, end, values, [problem for value in values for problem in value.problems])


async def _climb_for_dmarc(asking: _Asking, domain: Name) -> Finding[DmarcRecord]:
    """The domain's record, or the one that speaks for it from above (RFC 9989, 4.10)."""
    walked: dict[Name, tuple[Finding[DmarcRecord], End]] = {}
    for above in tree_walk(domain):
        name, end = await _texts(asking, "_dmarc", above)
        finding = _published(DMARC, name, end, parse_dmarc)
        walked[above] = finding, end
        counts = len(finding.values) == 1 and (above == domain or finding.values[0].public_suffix != "u")
        if counts or finding.unanswered:
            break
    steps = walked.items()
    records = {above: finding.values[0] for above, (finding, _) in steps if len(finding.values) == 1}
    there = [above for above, (finding, _) in steps if finding.values]
    silent = [above for above, (finding, _) in steps if finding.unanswered]
    chosen, end = walked[applicable(records) or (there or silent or [domain])[0]]
    passed = [
        f"{problem} at {finding.name}"
        for finding, _ in walked.values()
        for problem in finding.problems
        if finding is not chosen and len(finding.values) != 1
    ]
    return Finding("DMARC", chosen.name, end, chosen.values, (*chosen.problems, *passed))


async def _keys(asking: _Asking, domain: Name, given: Sequence[str]) -> tuple[Finding[DkimKey], ...]:
    """What is under the selectors: always those that were asked for; others when there is a key, or no answer.

    A wildcard would put its key under all of them: it is told of once.
    """
    selectors = list(dict.fromkeys((WILDCARD, *given, *KNOWN_SELECTORS)))
    named = await asyncio.gather(*(_texts(asking, f"{selector}._domainkey", domain) for selector in selectors))
    everywhere = sorted(_strings(named[0][1]))
    findings = []
    for selector, (name, end) in zip(selectors, named, strict=True):
        texts = _strings(end)
        values = [parse_dkim(text) for text in texts if is_dkim(text)]
        problems = [problem for value in values for problem in value.problems]
        if len(values) > 1:
            problems.append(f"there are {len(values)} keys, and no rule which counts (RFC 6376, 3.6.2.2)")
        elif not values and selector in given and isinstance(end, Answer):
            problems.append("there is no key under this selector (RFC 6376, 3.6.2)")
        finding = Finding(f"DKIM {selector}", name, end, values, problems)
        its_own = bool(values) and (selector == WILDCARD or sorted(texts) != everywhere)
        if selector in given or its_own or (finding.unanswered and name != domain):
            findings.append(finding)
    return tuple(findings)


def _below(label: str, domain: Name) -> Name:
    return Name.parse(f"{label}.{'' if domain == '.' else domain}")


def _data(end: End) -> Sequence[Any]:
    return end.data if isinstance(end, Answer) else ()


def _strings(end: End) -> list[str]:
    records: Sequence[TXT] = _data(end)
    return [record.text for record in records]
