"""What domains say about mail in transit and its looks: MTA-STS (RFC 8461), TLS-RPT (RFC 8460), BIMI (draft). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from aioresolver.survey.tags import TagList, cited

__all__ = ["BimiRecord", "MtaStsRecord", "TlsReportingRecord", "parse_bimi", "parse_mta_sts", "parse_tls_reporting"]

BIMI_RULE = "draft-brand-indicators-for-message-identification, 4.2"

_match_id = re.compile(r"[A-Za-z0-9]{1,32}").fullmatch


class MtaStsRecord(NamedTuple):
    """That mail to the domain goes over verified TLS; how is told at `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`.

    `id` changes when that does.
    """

    text: str
    id: str
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


class TlsReportingRecord(NamedTuple):
    """Where to report on TLS with the domain's mail servers; `reports` are URIs."""

    text: str
    reports: tuple[str, ...]
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


class BimiRecord(NamedTuple):
    """The logo to show beside the domain's mail: the URI of an SVG file, and that of a certificate for it.

    Both are empty when the domain wants none shown.
    """

    text: str
    logo: str
    certificate: str
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


def parse_mta_sts(text: str) -> MtaStsRecord:
    """The record of this text, which begins with `v=STSv1`; whatever cannot be understood is among its problems."""
    tags = TagList(text, "RFC 8461, 3.1")
    tags.version("STSv1")
    identity = tags.get("id", "")
    if _match_id(identity) is None:
        tags.complain(f"id is 1 to 32 letters and digits, not {cited(identity)}")
    return MtaStsRecord(text, identity, tuple(tags.problems))


def parse_tls_reporting(text: str) -> TlsReportingRecord:
    """The record of this text, which begins with `v=TLSRPTv1`; whatever cannot be understood is among its problems."""
    tags = TagList(text, "RFC 8460, 3")
    tags.version("TLSRPTv1")
    if not tags.get("rua"):
        tags.complain("rua, where to report to, is missing")
    return TlsReportingRecord(text, tags.uris("rua", ("mailto", "https")), tuple(tags.problems))


def parse_bimi(text: str) -> BimiRecord:
    """The record of this text, which begins with `v=BIMI1`; whatever cannot be understood is among its problems."""
    tags = TagList(text, BIMI_RULE)
    tags.version("BIMI1")
    if "l" not in tags:
        tags.complain("l, where the logo is, is missing")
    logo, certificate = tags.get("l", ""), tags.get("a", "")
    for name, uri in (("l", logo), ("a", certificate)):
        if uri and not uri.lower().startswith("https://"):
            tags.complain(f"{name} is an https URI, not {cited(uri)}")
    return BimiRecord(text, logo, certificate, tuple(tags.problems))
