"""MTA-STS, TLS-RPT and BIMI records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.survey.mail_security import parse_bimi, parse_mta_sts, parse_tls_reporting


def test_good_records():
    sts = parse_mta_sts("v=STSv1; id=20260101T000000;")
    tls = parse_tls_reporting("v=TLSRPTv1;rua=mailto:tls@example.org,https://example.org/tls")
    bimi = parse_bimi("v=BIMI1; l=https://example.org/logo.svg; a=https://example.org/vmc.pem")

    assert (sts.id, sts.problems, str(sts)) == ("20260101T000000", (), sts.text)
    assert (tls.reports, tls.problems) == (("mailto:tls@example.org", "https://example.org/tls"), ())
    assert (bimi.logo, bimi.certificate) == ("https://example.org/logo.svg", "https://example.org/vmc.pem")
    assert (bimi.problems, str(bimi), str(tls)) == ((), bimi.text, tls.text)


def test_a_domain_may_want_no_logo():
    assert parse_bimi("v=BIMI1; l=; a=;").problems == ()


@pytest.mark.parametrize(
    ("parse", "text", "problem"),
    [
        (parse_mta_sts, "v=STSv1", "id is 1 to 32 letters and digits"),
        (parse_mta_sts, "v=STSv1; id=2026-01-01", "id is 1 to 32"),
        (parse_mta_sts, f"v=STSv1; id={'1' * 33}", "id is 1 to 32"),
        (parse_mta_sts, "v=STSV1; id=1", "written STSv1"),
        (parse_mta_sts, "id=1; v=STSv1", "does not begin with"),
        (parse_tls_reporting, "v=TLSRPTv1", "rua, where to report to, is missing"),
        (parse_tls_reporting, "v=TLSRPTv1; rua=http://example.org", "no mailto or https URI"),
        (parse_tls_reporting, "v=TLSRPTv1; rua=mailto:nobody", "no mailto or https URI"),
        (parse_bimi, "v=BIMI1", "l, where the logo is, is missing"),
        (parse_bimi, "v=BIMI1; l=http://example.org/logo.svg", "l is an https URI"),
        (parse_bimi, "v=BIMI1; l=; a=file:x", "a is an https URI"),
    ],
)
def test_bad_records(parse, text, problem):
    (told,) = parse(text).problems

    assert problem in told
    assert told.endswith(")")


@pytest.mark.parametrize("parse", [parse_mta_sts, parse_tls_reporting, parse_bimi])
@given(text=st.text())
def test_any_text_can_be_read(parse, text):
    assert parse(text).text == text
