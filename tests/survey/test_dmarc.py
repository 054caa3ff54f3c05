"""DMARC records, and whose counts on the way up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.survey.dmarc import applicable, parse_dmarc, tree_walk
from aioresolver.wire.names import Name

GOOD = [
    "v=DMARC1; p=none",
    "v=DMARC1;p=reject;",
    "v=DMARC1; sp=quarantine; p=reject; np=reject; rua=mailto:a@example.org,mailto:b@example.net!10m",
    "v=DMARC1 ; p = quarantine ; adkim=s; aspf=r; fo=1:d:s; ruf=mailto:a@example.org; t=y; psd=n",
    "v=DMARC1; p=none; unknown=tag; pct=100",
]


@pytest.mark.parametrize("text", GOOD)
def test_good_records(text):
    assert parse_dmarc(text).problems == ()


def test_what_is_not_said_follows_from_what_is():
    record = parse_dmarc("v=DMARC1; p=Reject")

    assert (record.policy, record.subdomain_policy, record.missing_policy) == ("reject", "reject", "reject")
    assert (record.percent, record.testing, record.strict_dkim, record.strict_spf) == (100, False, False, False)
    assert (record.reports, record.failure_reports, record.public_suffix) == ((), (), "u")
    assert str(record) == record.text


def test_all_of_it():
    record = parse_dmarc(
        "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=s; t=y; psd=y;"
        "rua=mailto:a@example.org, mailto:b@example.org; ruf=https://example.org/f"
    )

    assert (record.policy, record.subdomain_policy, record.missing_policy) == ("reject", "quarantine", "none")
    assert (record.testing, record.strict_dkim, record.strict_spf, record.public_suffix) == (True, True, True, "y")
    assert record.reports == ("mailto:a@example.org", "mailto:b@example.org")
    assert record.failure_reports == ("https://example.org/f",)
    assert parse_dmarc("v=DMARC1; p=none; sp=reject").missing_policy == "reject"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("v=dmarc1; p=none", "written DMARC1, not 'dmarc1'"),
        ("p=none; v=DMARC1", "does not begin with v=DMARC1"),
        ("v=DMARC1", "there is no p"),
        ("v=DMARC1; p=deny", "p is none, quarantine or reject, not 'deny'"),
        ("v=DMARC1; p=none; sp=all", "sp is none"),
        ("v=DMARC1; p=none; np=", "np is none"),
        ("v=DMARC1; p=none; adkim=strict", "adkim is r or s"),
        ("v=DMARC1; p=none; pct=150", "pct is a number from 0 to 100"),
        ("v=DMARC1; p=none; pct=-1", "pct is a number"),
        ("v=DMARC1; p=none; pct=٣", "pct is a number"),
        ("v=DMARC1; p=none; pct=20", "pct=20 counts no longer"),
        ("v=DMARC1; p=none; rua=a@example.org", "rua has 'a@example.org'"),
        ("v=DMARC1; p=none; t=1", "t is y or n"),
        ("v=DMARC1; p=none; p=reject", "more than once"),
        ("v=DMARC1; p=none p=reject", "p is none, quarantine or reject"),
        ("v=DMARC1; p=none, sp=none", "p is none, quarantine or reject"),
    ],
)
def test_bad_records(text, problem):
    (told,) = parse_dmarc(text).problems

    assert problem in told
    assert "(RFC " in told


@given(st.text())
def test_any_text_can_be_read(text):
    assert parse_dmarc(text).policy in ("none", "quarantine", "reject")


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("example.org", ["example.org.", "org."]),
        ("org", ["org."]),
        (".", ["."]),
        ("c.b.a", ["c.b.a.", "b.a.", "a."]),
        (
            "j.i.h.g.f.e.d.c.b.a",
            ["j.i.h.g.f.e.d.c.b.a.", *("g.f.e.d.c.b.a."[cut:] for cut in range(0, 14, 2))],
        ),
    ],
)
def test_the_walk_up_has_eight_steps_at_the_most(domain, names):
    assert tree_walk(Name.parse(domain)) == names


@pytest.mark.parametrize(
    ("found", "whose"),
    [
        ({}, None),
        ({"a.b.c.": "u"}, "a.b.c."),
        ({"a.b.c.": "u", "b.c.": "u"}, "b.c."),
        ({"a.b.c.": "n", "b.c.": "u"}, "a.b.c."),
        ({"b.c.": "u", "c.": "y"}, "b.c."),
        ({"a.b.c.": "u", "c.": "y"}, "c."),
        ({"c.": "y"}, "c."),
    ],
)
def test_the_record_of_the_organisation_counts(found, whose):
    records = {Name(name): parse_dmarc(f"v=DMARC1; p=none; psd={suffix}") for name, suffix in found.items()}

    assert applicable(records) == whose
