"""CAA: who may issue certificates for a domain (RFC 8659), read by its tags. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from aioresolver.survey.tags import cited, is_mailto
from aioresolver.wire.rdata import CAA

__all__ = ["CaaProperty", "parse_caa"]

CRITICAL = 0x80
ISSUING = ("issue", "issuewild", "issuemail", "issuevmc")
OTHERS = ("iodef", "contactemail", "contactphone")

_match_issuer = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
).fullmatch
_match_parameter = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)[ \t]*=[ \t]*([!-:<-~]*)").fullmatch


class CaaProperty(NamedTuple):
    """One property of a domain: its tag in lower case, and its value.

    `issuer` is, for the tags that begin with `issue`, the authority that may issue, and `""` for nobody; None for all
    other tags. `parameters` are what it is told besides. `critical`: who does not know the tag must not issue at all.
    """

    tag: str
    value: str
    critical: bool = False
    issuer: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.tag} {self.value!r}{' (critical)' if self.critical else ''}"


def parse_caa(record: CAA) -> CaaProperty:
    """The property of this record; whatever cannot be understood is among its problems."""
    tag, value = record.tag.lower(), record.text
    problems = []
    critical = bool(record.flags & CRITICAL)
    if record.flags & ~CRITICAL:
        problems.append(f"the flags are {record.flags}, and only 128 (critical) means anything (RFC 8659, 4.1)")
    if tag in ISSUING:
        issuer, parameters, more = _read_issue(tag, value)
        return CaaProperty(tag, value, critical, issuer, parameters, (*problems, *more))
    if tag not in OTHERS:
        effect = "and so nobody may issue" if critical else "and so it means nothing"
        problems.append(f"the tag {cited(tag)} is not known, {effect} (RFC 8659, 4.1)")
    elif tag == "iodef" and not (is_mailto(value) or value.lower().startswith(("https://", "http://"))):
        problems.append(f"iodef is a mailto, https or http URI, not {cited(value)} (RFC 8659, 4.4)")
    return CaaProperty(tag, value, critical, problems=tuple(problems))


def _read_issue(tag: str, value: str) -> tuple[str, tuple[tuple[str, str], ...], list[str]]:
    """The issuer, the parameters, and what is wrong. A malformed value forbids everybody."""
    rule = "RFC 9495, 3" if tag == "issuemail" else "RFC 8659, 4.2"
    issuer, *rest = (piece.strip(" \t") for piece in value.split(";"))
    problems = []
    if issuer and _match_issuer(issuer) is None:
        problems.append(f"{tag} names {cited(issuer)}, which is no domain: nobody may issue ({rule})")
        issuer = ""
    parameters = []
    for piece in filter(None, rest):
        match = _match_parameter(piece)
        if match is None:
            problems.append(f"the parameter {cited(piece)} of {tag} is not name=value ({rule})")
        else:
            parameters.append((match[1], match[2]))
    return issuer.lower(), tuple(parameters), problems
