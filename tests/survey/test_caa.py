"""CAA properties: who may issue, and what is malformed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.survey.caa import parse_caa
from aioresolver.wire.rdata import CAA


def caa(tag: str, value: str, flags: int = 0) -> CAA:
    return CAA(flags, tag, value.encode())


@pytest.mark.parametrize(
    ("record", "issuer", "parameters"),
    [
        (caa("issue", "ca.example.net"), "ca.example.net", ()),
        (caa("ISSUE", " CA.example.net ; account=230123"), "ca.example.net", (("account", "230123"),)),
        (caa("issuewild", ";"), "", ()),
        (caa("issue", ""), "", ()),
        (caa("issuemail", "ca.example; a=1;b = 2 ;"), "ca.example", (("a", "1"), ("b", "2"))),
        (caa("iodef", "mailto:security@example.org"), None, ()),
        (caa("iodef", "https://example.org/caa"), None, ()),
        (caa("contactemail", "x@example.org"), None, ()),
    ],
)
def test_good_properties(record, issuer, parameters):
    read = parse_caa(record)

    assert (read.issuer, read.parameters, read.problems) == (issuer, parameters, ())
    assert read.tag == record.tag.lower()


def test_how_it_is_shown():
    assert str(parse_caa(caa("issue", "ca.example"))) == "issue 'ca.example'"
    assert str(parse_caa(caa("issue", ";", 128))) == "issue ';' (critical)"


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (caa("issue", "ca_1.example"), "issue names 'ca_1.example', which is no domain: nobody may issue"),
        (caa("issue", "https://ca.example"), "which is no domain"),
        (caa("issue", "ca.example; account"), "the parameter 'account' of issue is not name=value"),
        (caa("issuemail", "-"), "RFC 9495"),
        (caa("iodef", "security@example.org"), "iodef is a mailto, https or http URI"),
        (caa("isue", "ca.example"), "the tag 'isue' is not known, and so it means nothing"),
        (caa("tbs", "x", 128), "the tag 'tbs' is not known, and so nobody may issue"),
        (caa("issue", "ca.example", 1), "the flags are 1, and only 128"),
    ],
)
def test_bad_properties(record, problem):
    (told,) = parse_caa(record).problems

    assert problem in told


def test_a_malformed_issuer_is_nobody():
    assert parse_caa(caa("issue", "ca example")).issuer == ""


@given(st.sampled_from(["issue", "iodef", "x"]), st.binary(), st.integers(0, 255))
def test_any_value_can_be_read(tag, value, flags):
    parse_caa(CAA(flags, tag, value))
