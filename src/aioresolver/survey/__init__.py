"""A survey of a domain: what its records say about addresses, mail, certificates and DNSSEC, and what is wrong."""

from __future__ import annotations

from aioresolver.survey.asking import take_survey
from aioresolver.survey.caa import CaaProperty, parse_caa
from aioresolver.survey.dkim import KNOWN_SELECTORS, DkimKey, parse_dkim
from aioresolver.survey.dmarc import DmarcRecord, parse_dmarc
from aioresolver.survey.findings import Finding, Survey
from aioresolver.survey.mail_security import (
    BimiRecord,
    MtaStsRecord,
    TlsReportingRecord,
    parse_bimi,
    parse_mta_sts,
    parse_tls_reporting,
)
from aioresolver.survey.spf import SpfRecord, SpfTerm, parse_spf

__all__ = [
    "KNOWN_SELECTORS",
    "BimiRecord",
    "CaaProperty",
    "DkimKey",
    "DmarcRecord",
    "Finding",
    "MtaStsRecord",
    "SpfRecord",
    "SpfTerm",
    "Survey",
    "TlsReportingRecord",
    "parse_bimi",
    "parse_caa",
    "parse_dkim",
    "parse_dmarc",
    "parse_mta_sts",
    "parse_spf",
    "parse_tls_reporting",
    "take_survey",
]
