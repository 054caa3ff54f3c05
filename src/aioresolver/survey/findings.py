"""Survey and Finding: what was found of a domain and what is wrong with it, as plain data and as a report. No I/O."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from aioresolver.answer import Answer
from aioresolver.errors import AddressBlocked, LookupTimeout, NameNotFound, NoRecords, ResolutionError
from aioresolver.mail import MailServer
from aioresolver.survey.caa import CaaProperty
from aioresolver.survey.dkim import DkimKey
from aioresolver.survey.dmarc import DmarcRecord
from aioresolver.survey.mail_security import BimiRecord, MtaStsRecord, TlsReportingRecord
from aioresolver.survey.spf import SpfRecord, SpfTerm
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import AAAA, DNSKEY, DS, HTTPS, NS, SOA, A

__all__ = ["Finding", "Survey"]

V_co = TypeVar("V_co", covariant=True)

LONGEST_VALUE = 200
UNANSWERED = ("timeout", "failed")
OURS = (
    BimiRecord, CaaProperty, DkimKey, DmarcRecord, MailServer, MtaStsRecord, SpfRecord, SpfTerm, TlsReportingRecord,
)  # fmt: skip


class Finding(Generic[V_co]):
    """What one question brought to light.

    - `topic`: what it is about: `A`, `MX`, `SPF`, `DKIM google`, …; `name`: where it was looked for, or found.
    - `outcome`: `ok`, `no-data` or `nxdomain` when there is nothing, `timeout`, `blocked` or `failed`.
    - `values`: what is there, read; `problems`: what is wrong with it, a sentence each, with its source.
    - `aliases`: the names that led there; `ttl`: in seconds, and `server`: who said so; None when nobody did.
    - `reason`: why there is nothing, in words.
    """

    __slots__ = ("topic", "name", "outcome", "values", "problems", "aliases", "ttl", "server", "reason")

    def __init__(
        self,
        topic: str,
        name: Name,
        end: Answer[Any] | Exception,
        values: Sequence[V_co] = (),
        problems: Sequence[str] = (),
    ) -> None:
        self.topic: str = topic
        self.name: Name = name
        self.outcome: str = "ok" if values else _outcome(end)
        self.values: tuple[V_co, ...] = tuple(values)
        self.problems: tuple[str, ...] = tuple(problems)
        self.aliases: tuple[Name, ...] = ()
        self.ttl: int | None = None
        self.server: str | None = None
        self.reason: str = ""
        if isinstance(end, Answer):
            self.aliases, self.ttl, self.server = end.aliases, end.ttl, end.server
        else:
            self.reason = end.reason if isinstance(end, ResolutionError) else str(end)

    @property
    def value(self) -> V_co | None:
        """The first value; None when there are none."""
        return self.values[0] if self.values else None

    @property
    def unanswered(self) -> bool:
        """Whether it is unknown if there is anything, for the question could not be answered."""
        return self.outcome in UNANSWERED

    def as_dict(self) -> dict[str, Any]:
        """All of it as dicts, lists, strings and numbers; record data as presentation text, bytes in base64."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    def __repr__(self) -> str:
        return f"<Finding {self.topic} of {self.name}: {', '.join(map(str, self.values)) or self.outcome}>"


class Survey(NamedTuple):
    """What the DNS says about a domain. `str()` is the report, `as_dict()` the same and more for JSON.

    `dkim` has a finding for each selector that was asked for, and for each well-known one that is there, or could not
    be asked. All else is one finding.
    """

    domain: Name
    a: Finding[A]
    aaaa: Finding[AAAA]
    ns: Finding[NS]
    soa: Finding[SOA]
    mx: Finding[MailServer]
    txt: Finding[str]
    caa: Finding[CaaProperty]
    https: Finding[HTTPS]
    ds: Finding[DS]
    dnskey: Finding[DNSKEY]
    spf: Finding[SpfRecord]
    dmarc: Finding[DmarcRecord]
    dkim: tuple[Finding[DkimKey], ...]
    mta_sts: Finding[MtaStsRecord]
    tls_reporting: Finding[TlsReportingRecord]
    bimi: Finding[BimiRecord]

    @property
    def findings(self) -> tuple[Finding[Any], ...]:
        """All of them, in order."""
        web = (self.a, self.aaaa, self.ns, self.soa, self.caa, self.https, self.ds, self.dnskey)
        mail = (self.mx, self.spf, self.dmarc, *self.dkim, self.mta_sts, self.tls_reporting, self.bimi)
        return (*web, *mail, self.txt)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is wrong, each with its topic."""
        return tuple(f"{finding.topic}: {problem}" for finding in self.findings for problem in finding.problems)

    @property
    def exists(self) -> bool:
        """Whether there is such a name, as far as is known."""
        return not any(finding.outcome == "nxdomain" for finding in (self.a, self.ns, self.soa))

    @property
    def signed(self) -> bool:
        """Whether the zone has keys, and the zone above vouches for them (DNSSEC). Signatures are not checked."""
        return bool(self.ds.values and self.dnskey.values)

    def as_dict(self) -> dict[str, Any]:
        """All of it as dicts, lists, strings and numbers."""
        return {
            "domain": str(self.domain),
            "exists": self.exists,
            "signed": self.signed,
            "findings": [finding.as_dict() for finding in self.findings],
            "problems": list(self.problems),
        }

    def __str__(self) -> str:
        lines = [str(self.domain) + ("" if self.exists else " does not exist"), ""]
        for finding in self.findings:
            if finding is self.mta_sts:
                lines += _told_selectors(self.dkim)
            if finding not in self.dkim:
                lines += _told(finding, self.domain)
        count = len(self.problems)
        lines += ["", f"{count} problem{'' if count == 1 else 's'}" if count else "no problems"]
        return "\n".join(map(_visible, lines))


def _told(finding: Finding[Any], domain: Name) -> list[str]:
    """The lines of a finding: its values, then what is wrong."""
    told = [_shortened(str(value)) for value in finding.values]
    if not told:
        absent = finding.outcome in ("no-data", "nxdomain")
        told = [("none" if absent else finding.outcome) + (f": {finding.reason}" if finding.reason else "")]
    elif not finding.name.is_under(domain):
        told[0] += f"  (from {finding.name})"
    if finding.aliases:
        told[0] += f"  (by way of {' '.join(finding.aliases)})"
    if isinstance(finding.value, MailServer) and finding.value.implicit:
        told[0] += "  (there is no MX)"
    return _row(finding.topic, [*told, *(f"! {problem}" for problem in finding.problems)])


def _told_selectors(findings: Sequence[Finding[DkimKey]]) -> list[str]:
    """The keys; all that could not be asked for in one line."""
    silent = [finding for finding in findings if finding.unanswered]
    lines = [line for finding in findings if not finding.unanswered for line in _told(finding, finding.name)]
    if silent:
        lines += _row("DKIM", [f"{len(silent)} selectors unknown: {silent[0].outcome}: {silent[0].reason}"])
    return lines or _row("DKIM", ["none under the well-known selectors"])


def _row(topic: str, texts: Sequence[str]) -> list[str]:
    first, *more = texts
    return [f"{topic:<18}  {first}", *(f"{'':<18}  {text}" for text in more)]


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _visible(line: str) -> str:
    """The line; what a terminal would obey is escaped, for anybody may put that into a TXT record."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)


def _outcome(end: Answer[Any] | Exception) -> str:
    """Why there are no values, in a word."""
    if isinstance(end, Answer):
        return "nxdomain" if end.rcode else "no-data"
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (NameNotFound, "nxdomain"),
        (NoRecords, "no-data"),
        (LookupTimeout, "timeout"),
        (AddressBlocked, "blocked"),
    )
    return next((word for kind, word in kinds if isinstance(end, kind)), "failed")


def _plain(value: Any) -> Any:
    """Tuples of ours as dicts, other tuples as lists; record data and errors as text, bytes in base64."""
    if value is None or isinstance(value, (str, int)):
        return str(value) if isinstance(value, Name) else value
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, OURS):
        return {key: _plain(each) for key, each in value._asdict().items()}
    if type(value) is tuple:
        return [_plain(each) for each in value]
    return str(value)
