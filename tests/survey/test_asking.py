"""A survey against a server on loopback: what is found, and what becomes of failures."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.errors import ConfigurationError, NameSyntaxError, UsageError
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.survey import KNOWN_SELECTORS, DmarcRecord, Finding, Survey, take_survey
from aioresolver.survey.asking import BIMI, SPF, choose
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.codes import RRType
from aioresolver.wire.message import Question, Record

KEY = b64encode(bytes(range(32))).decode()
APEX = "$ORIGIN {0}.\n@ 60 SOA ns hostmaster 1 7200 3600 1209600 30\n@ 60 NS ns\n@ 60 NS ns.other.test.\n"
GOOD = (
    APEX.format("good.test")
    + f"""
@                   60 A 192.0.2.1
@                   60 AAAA 2001:db8::1
@                   60 MX 10 mail
@                   60 TXT "v=spf1 mx " "-all"
@                   60 TXT "a word"
@                   60 CAA 0 issue "ca.test"
@                   60 HTTPS 1 . alpn=h2
@                   60 DNSKEY 257 3 13 aGVsbG8=
mail                60 A 192.0.2.25
_dmarc              60 TXT "v=DMARC1; p=reject; sp=quarantine"
_mta-sts            60 TXT "v=STSv1; id=1;"
_smtp._tls          60 TXT "v=TLSRPTv1; rua=mailto:tls@good.test"
default._bimi       60 TXT "v=BIMI1; l=https://good.test/logo.svg"
google._domainkey   60 TXT "v=DKIM1; k=ed25519; p={KEY}"
s1._domainkey       60 CNAME key.other.test.
mine._domainkey     60 TXT "k=ed25519; p={KEY}"
a.b.c               60 A 192.0.2.9
"""
)
OTHER = APEX.format("other.test") + f'key 60 TXT "v=DKIM1; k=ed25519; p={KEY}"\n'
BAD = (
    APEX.format("bad.test")
    + """
@                   60 MX 10 alias
@                   60 MX 20 missing
@                   60 MX 30 .
@                   60 TXT "v=spf1 mx"
@                   60 TXT "v=spf1 -all"
@                   60 TXT "spf1 mx -all"
@                   60 CAA 1 isue "ca.test"
@                   60 DNSKEY 257 3 13 aGVsbG8=
alias               60 CNAME host
host                60 A 192.0.2.25
_dmarc              60 TXT "v=DMARC1"
_dmarc              60 TXT "v=DMARC1; p=all"
_smtp._tls          60 TXT "v=TLSRPTv1"
default._bimi       60 TXT "v=BIMI1"
_mta-sts            60 TXT "v=STSv1; id=-"
*._domainkey        60 TXT "v=DKIM1; p="
google._domainkey   60 TXT "v=DKIM1; p=!"
google._domainkey   60 TXT "v=DKIM1; p="
deep.under          60 TXT "v=spf1 -all"
_dmarc.two.under    60 TXT "v=DMARC1; p=none"
_dmarc.two.under    60 TXT "v=DMARC1; p=reject"
_dmarc.under        60 TXT "v=DMARC1; p=quarantine; psd=n"
"""
)
QUIET = APEX.format("quiet.test") + "@ 60 MX 0 .\n"
WEB = APEX.format("web.test") + "@ 60 A 10.0.0.1\n"
TOP = (
    APEX.format("test")
    + "good 60 NS ns\ngood 60 DS 18400 13 2 00\nbad 60 NS ns\nquiet 60 NS ns\nweb 60 NS ns\nother 60 NS ns\n"
)


@pytest.fixture
async def server() -> Any:
    async with DNSServer(GOOD, OTHER, BAD, QUIET, WEB, TOP) as server:
        yield server


@pytest.fixture
async def resolver(server: Any) -> Any:
    async with Resolver(server.nameserver, timeout=5) as resolver:
        yield resolver


def dkim(survey: Survey, selector: str) -> Finding[Any]:
    return next(finding for finding in survey.dkim if finding.topic == f"DKIM {selector}")


async def test_a_domain_in_order(resolver):
    survey = await resolver.survey("Good.Test", selectors=["mine"])

    assert survey.domain == "good.test."
    assert (survey.exists, survey.signed) == (True, True)
    assert str(survey.a.value) == "192.0.2.1"
    assert str(survey.aaaa.value) == "2001:db8::1"
    assert sorted(str(ns.target) for ns in survey.ns.values) == ["ns.good.test.", "ns.other.test."]
    assert survey.soa.value.serial == 1
    assert str(survey.mx.value) == "10 mail.good.test. 192.0.2.25"
    assert sorted(survey.txt.values) == ["a word", "v=spf1 mx -all"]
    assert survey.caa.value.issuer == "ca.test"
    assert survey.https.value.alpn == ("h2",)
    assert survey.spf.value.all == "-"
    assert survey.dmarc.value.subdomain_policy == "quarantine"
    assert survey.mta_sts.value.id == "1"
    assert survey.tls_reporting.value.reports == ("mailto:tls@good.test",)
    assert survey.bimi.value.logo == "https://good.test/logo.svg"
    assert [finding.topic for finding in survey.dkim] == ["DKIM mine", "DKIM google", "DKIM s1"]
    assert survey.dkim[2].aliases == ("s1._domainkey.good.test.",)
    assert survey.dkim[0].value.key == bytes(range(32))
    assert survey.problems == ()
    assert str(survey).endswith("\n\nno problems")


async def test_everything_that_is_wrong_is_told(resolver):
    survey = await resolver.survey("bad.test", selectors=["mine"])
    told = "\n".join(survey.problems)

    for words in [
        "MX: the mail server alias.bad.test. is an alias",
        "MX: the mail server missing.bad.test. has no address",
        "MX: there is a null MX beside others",
        "SPF: 'spf1 mx -all' begins nearly as v=spf1 does",
        "SPF: there are 2 records, and so none counts (RFC 7208, 4.5)",
        "SPF: it says nothing of all others",
        "CAA: the flags are 1",
        "CAA: the tag 'isue' is not known",
        "DS: the zone has keys, and the zone above does not vouch for them",
        "DMARC: there are 2 records",
        "DMARC: there is no p",
        "DMARC: p is none, quarantine or reject, not 'all'",
        "MTA-STS: id is 1 to 32",
        "TLS-RPT: rua, where to report to, is missing",
        "BIMI: l, where the logo is, is missing",
        "DKIM google: there are 2 keys",
        "DKIM google: the key is not base64",
    ]:
        assert words in told
    assert str(survey).endswith(f"\n\n{len(survey.problems)} problems")
    assert all("(RFC " in problem or "(draft-" in problem for problem in survey.problems)


async def test_a_wildcard_among_selectors_is_told_of_once(resolver):
    survey = await resolver.survey("bad.test")

    assert [finding.topic for finding in survey.dkim] == ["DKIM *", "DKIM google"]
    assert dkim(survey, "*").value.revoked


async def test_a_selector_that_was_asked_for_is_told_of_when_there_is_no_key(resolver):
    survey = await resolver.survey("good.test", selectors=["gone"])

    assert dkim(survey, "gone").problems == ("there is no key under this selector (RFC 6376, 3.6.2)",)
    assert dkim(survey, "gone").outcome == "nxdomain"


async def test_the_record_of_the_organisation_speaks_for_what_is_below(resolver):
    survey = await resolver.survey("a.b.c.good.test")

    assert survey.dmarc.name == "_dmarc.good.test."
    assert isinstance(survey.dmarc.value, DmarcRecord)
    assert survey.caa.name == "good.test."
    assert "(from _dmarc.good.test.)" in str(survey)
    assert "(from good.test.)" in str(survey)


async def test_a_zone_may_end_the_walk(resolver):
    survey = await resolver.survey("deep.under.bad.test")

    assert survey.dmarc.name == "_dmarc.under.bad.test."


async def test_records_that_do_not_count_are_told_of_beside_the_one_that_does(resolver):
    survey = await resolver.survey("two.under.bad.test")

    assert survey.dmarc.name == "_dmarc.under.bad.test."
    assert survey.dmarc.value.policy == "quarantine"
    assert survey.dmarc.problems == (
        "there are 2 records, and so none counts (RFC 9989, 4.10) at _dmarc.two.under.bad.test.",
    )


async def test_the_walk_goes_up_to_the_top(server, resolver):
    survey = await resolver.survey("web.test")

    assert (survey.dmarc.outcome, survey.dmarc.name) == ("nxdomain", "_dmarc.web.test.")
    asked = {(query.name, str(query.type)) for query in server.queries}
    assert {("_dmarc.web.test.", "TXT"), ("_dmarc.test.", "TXT"), ("test.", "CAA")} <= asked


async def test_no_mail_and_mail_to_the_domain_itself(resolver):
    quiet = await resolver.survey("quiet.test")
    web = await resolver.survey("web.test")
    nothing = await resolver.survey("key.other.test")

    assert (quiet.mx.outcome, quiet.mx.reason) == ("no-data", "the domain takes no mail (RFC 7505)")
    assert "none: the domain takes no mail (RFC 7505)" in str(quiet)
    assert web.mx.value.implicit
    assert web.mx.problems == ()
    assert "0 web.test. 10.0.0.1  (there is no MX)" in str(web)
    assert (nothing.mx.outcome, nothing.mx.reason) == ("no-data", "")


async def test_a_domain_that_is_not_there(resolver):
    survey = await resolver.survey("no.good.test")

    assert not survey.exists
    assert survey.a.outcome == survey.mx.outcome == survey.txt.outcome == "nxdomain"
    assert str(survey).startswith("no.good.test. does not exist\n")


@pytest.mark.parametrize("type_", ["A", "NS", "MX", "TXT", "CAA", "DS", "HTTPS"])
async def test_a_question_that_fails_loses_no_other(server, resolver, type_):
    server.faults.append(Fault.servfail(name="good.test", type=type_))

    survey = await resolver.survey("good.test")

    failed = {finding.topic for finding in survey.findings if finding.outcome == "failed"}
    assert failed == ({"TXT", "SPF"} if type_ == "TXT" else {type_})
    assert len([finding for finding in survey.findings if finding.outcome == "ok"]) >= 14
    assert survey.problems == ()
    assert f"{type_:<18}  failed: " in str(survey)


async def test_below_a_failure_there_is_no_verdict(server, resolver):
    server.faults.append(Fault.servfail(name="_dmarc.good.test"))
    survey = await resolver.survey("a.b.c.good.test")

    assert survey.dmarc.outcome == "failed"
    assert survey.dmarc.name == "_dmarc.good.test."


async def test_when_nobody_answers_the_report_is_short(server, resolver):
    server.faults.append(Fault.servfail())

    survey = await resolver.survey("good.test")

    assert all(finding.unanswered for finding in survey.findings)
    assert len(survey.dkim) == len(KNOWN_SELECTORS) + 1
    assert f"DKIM                {len(survey.dkim)} selectors unknown: failed: " in str(survey)
    assert len(str(survey).splitlines()) < 25


async def test_the_policy_counts(server):
    async with Resolver(server.nameserver, policy=AddressPolicy.public()) as resolver:
        survey = await resolver.survey("web.test")

    assert survey.a.outcome == "blocked"
    assert survey.ns.outcome == "ok"
    assert survey.mx.outcome == "blocked"


async def test_without_a_cache_it_is_the_same(server):
    async with Resolver(server.nameserver, cache=Cache(0)) as resolver:
        survey = await resolver.survey("good.test")

    assert survey.problems == ()
    assert len(server.queries) < 100


async def test_a_backend_that_cannot_ask_for_a_type_loses_only_that():
    class AddressesOnly:
        async def query(self, name: str, type: Any = "A") -> Any:
            question = Question.parse(name, type)
            if question.type != RRType.A:
                raise ConfigurationError(f"this backend cannot ask for {question.type}")
            return Answer.from_records(question, [Record.parse(f"{question.name} 60 A 192.0.2.1")], now=0)

        async def addresses(self, host: str) -> list[str]:
            return ["192.0.2.1"]

    survey = await take_survey(AddressesOnly(), "good.test")

    assert survey.a.outcome == "ok"
    assert survey.mx.reason == "this backend cannot ask for MX"
    assert {finding.outcome for finding in survey.findings} == {"ok", "failed"}


async def test_all_of_it_goes_into_json(resolver):
    survey = await resolver.survey("bad.test")

    said = json.loads(json.dumps(survey.as_dict()))
    assert said["problems"] == list(survey.problems)
    assert [finding["topic"] for finding in said["findings"]] == [finding.topic for finding in survey.findings]


async def test_a_name_so_long_that_nothing_fits_below_it(resolver):
    survey = await resolver.survey(".".join(["a" * 61] * 4))

    assert survey.a.outcome in ("failed", "nxdomain")
    assert survey.dmarc.outcome in ("failed", "nxdomain")
    assert survey.dkim == ()


async def test_what_the_caller_did_wrong_is_raised(server):
    resolver = Resolver(server.nameserver)
    with pytest.raises(NameSyntaxError):
        await resolver.survey("bad..name")
    with pytest.raises(NameSyntaxError):
        await resolver.survey("good.test", selectors=["bad..name"])
    with pytest.raises(ValueError, match="is an address"):
        await resolver.survey("2001:db8::1")
    with pytest.raises(TypeError, match="not one text"):
        await resolver.survey("good.test", selectors="google")
    await resolver.aclose()
    with pytest.raises(UsageError):
        await resolver.survey("good.test")


@pytest.mark.parametrize(
    ("kind", "texts", "chosen", "problems"),
    [
        (SPF, ["v=spf1", "V=SPF1 -all", "hello"], 2, 1),
        (SPF, ["v=spf10 -all", "v=spf1;-all", "v=spf1\tmx", "spf1 mx"], 0, 4),
        (SPF, ["hello", ""], 0, 0),
        (BIMI, ["v = BIMI1 ; l="], 1, 0),
        (BIMI, ["v=bimi1; l="], 1, 0),
        (BIMI, ["BIMI1; l=", "v=BIMI10"], 0, 2),
    ],
)
def test_which_texts_are_meant(kind, texts, chosen, problems):
    found, told = choose(kind, texts)

    assert (len(found), len(told)) == (chosen, problems)
