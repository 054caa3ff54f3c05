"""DMARC: what is to become of mail that only pretends to come from a domain (RFC 9989, before that RFC 7489). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aioresolver.survey.tags import TagList, cited
from aioresolver.wire.names import Name

__all__ = ["DmarcRecord", "applicable", "parse_dmarc", "tree_walk"]

RULE = "RFC 9989, 4.7"
POLICIES = ("none", "quarantine", "reject")
REPORT_SCHEMES = ("mailto", "https", "http")
MOST_STEPS = 8


class DmarcRecord(NamedTuple):
    """What a domain wants done with mail that fails its checks: `none`, `quarantine` or `reject`.

    - `policy`: for the domain; `subdomain_policy`: for what is below it; `missing_policy`: for what does not exist
      there. Where the record does not say, they are what counts instead.
    - `strict_dkim`, `strict_spf`: the names have to be the same, one organisation is not enough.
    - `testing`: receivers are asked to be milder by one step (t=y).
    - `percent`: to how much of the mail it applies (pct of RFC 7489); receivers of today leave it out of account.
    - `reports`, `failure_reports`: URIs to send reports to.
    - `public_suffix`: y, n or u (psd).
    """

    text: str
    policy: str
    subdomain_policy: str
    missing_policy: str
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False
    percent: int = 100
    reports: tuple[str, ...] = ()
    failure_reports: tuple[str, ...] = ()
    public_suffix: str = "u"
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


def parse_dmarc(text: str) -> DmarcRecord:
    """The record of this text, which begins with `v=DMARC1`; whatever cannot be understood is among its problems."""
    tags = TagList(text, RULE)
    tags.version("DMARC1")
    policy = tags.choice("p", POLICIES)
    if "p" not in tags:
        tags.complain("there is no p, so that the policy is none, or the record is taken for none at all")
    policy = policy or "none"
    subdomain_policy = tags.choice("sp", POLICIES) or policy
    missing_policy = tags.choice("np", POLICIES) or subdomain_policy
    percent = _percent(tags)
    return DmarcRecord(
        text,
        policy,
        subdomain_policy,
        missing_policy,
        strict_dkim=tags.choice("adkim", ("r", "s")) == "s",
        strict_spf=tags.choice("aspf", ("r", "s")) == "s",
        testing=tags.choice("t", ("y", "n")) == "y",
        percent=percent,
        reports=tags.uris("rua", REPORT_SCHEMES),
        failure_reports=tags.uris("ruf", REPORT_SCHEMES),
        public_suffix=tags.choice("psd", ("y", "n", "u")) or "u",
        problems=tuple(tags.problems),
    )


def _percent(tags: TagList) -> int:
    text = tags.get("pct", "100")
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100):
        tags.complain(f"pct is a number from 0 to 100, not {cited(text)}", "RFC 7489, 6.3")
        return 100
    if int(text) < 100:
        tags.complain(f"pct={text} counts no longer: t=y says that it is a test", "RFC 9989, appendix A")
    return int(text)


def tree_walk(domain: Name) -> list[Name]:
    """The domain and those above it whose `_dmarc` may speak for it, at most 8 of them (RFC 9989, 4.10)."""
    above = [domain]
    while above[-1].parent != ".":
        above.append(above[-1].parent)
    return [domain, *above[1:][1 - MOST_STEPS :]]


def applicable(found: Mapping[Name, DmarcRecord]) -> Name | None:
    """Whose record counts of those found on the way up, in this order; None when there are none (RFC 9989, 4.10)."""
    names = list(found)
    for position, name in enumerate(names):
        if found[name].public_suffix == "n":
            return name
        if found[name].public_suffix == "y":
            below = names[position - 1] if position else name
            return below if below.parent == name else name
    return names[-1] if names else None
