"""The address policy against attacks that were seen, and some that were thought of."""

from __future__ import annotations

import pickle
from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.answer import Answer
from aioresolver.errors import AddressBlocked, ConfigurationError
from aioresolver.policy import AddressPolicy
from aioresolver.system.literal import ends_in_number, parse_literal
from aioresolver.system.local import LocalNames
from aioresolver.system.search import candidates
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name

PUBLIC = AddressPolicy.public()

FORBIDDEN = {
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "0.0.0.0": "this host",
    "0.1.2.3": "this host",
    "10.0.0.1": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "carrier-grade NAT",
    "100.127.255.255": "carrier-grade NAT",
    "169.254.1.1": "link-local",
    "169.254.169.254": "cloud metadata",
    "169.254.170.2": "cloud metadata",
    "100.100.100.200": "cloud metadata",
    "168.63.129.16": "cloud metadata",
    "192.0.0.192": "cloud metadata",
    "192.0.0.8": "reserved",
    "192.0.2.1": "documentation",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "benchmarking",
    "198.51.100.1": "documentation",
    "203.0.113.1": "documentation",
    "192.88.99.1": "reserved",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "this host",
    "::1": "loopback",
    "0:0:0:0:0:0:0:1": "loopback",
    "::1%lo": "loopback",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "febf::1": "link-local",
    "fec0::1": "private",
    "fc00::1": "private",
    "fdff::1": "private",
    "fd00:ec2::254": "cloud metadata",
    "fd20:ce::254": "cloud metadata",
    "ff02::1": "multicast",
    "2001:db8::1": "documentation",
    "3fff::1": "documentation",
    "2001:2::1": "reserved",
    "2001:10::1": "reserved",
    "100::1": "reserved",
    "4000::1": "reserved",
    "5f00::1": "reserved",
    "64:ff9b:1::8.8.8.8": "private",
}
DISGUISED = {
    "::ffff:127.0.0.1": "127.0.0.1 (loopback",
    "::ffff:7f00:1": "127.0.0.1 (loopback",
    "::FFFF:10.0.0.1": "10.0.0.1 (private",
    "0:0:0:0:0:ffff:a9fe:a9fe": "169.254.169.254 (cloud metadata",
    "::ffff:0.0.0.0": "0.0.0.0 (this host",
    "::ffff:0:127.0.0.1": "127.0.0.1 (loopback",
    "::127.0.0.1": "127.0.0.1 (loopback",
    "::10.0.0.1": "10.0.0.1 (private",
    "::2": "0.0.0.2 (this host",
    "64:ff9b::127.0.0.1": "127.0.0.1 (loopback",
    "64:ff9b::7f00:1": "127.0.0.1 (loopback",
    "64:ff9b::a9fe:a9fe": "169.254.169.254 (cloud metadata",
    "2002:7f00:1::": "127.0.0.1 (loopback",
    "2002:a00:1::1": "10.0.0.1 (private",
    "2002:c0a8:101:1:2:3:4:5": "192.168.1.1 (private",
    "2001:0:808:808::80ff:fffe": "127.0.0.1 (loopback",
    "2001:0:a00:1::f7f7:f7f7": "10.0.0.1 (private",
    "2606:4700::5efe:10.0.0.1": "10.0.0.1 (private",
    "2606:4700::200:5efe:127.0.0.1": "127.0.0.1 (loopback",
}
NUMERIC = [
    "2130706433", "0x7f000001", "0x7F.0.0.1", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0x7f.1", "0",
    "0x0", "127.0.0.1.", "0xa9fea9fe", "2852039166", "169.254.43518", "00000177.1", "localhost.0x1", "0x7f000001.",
    "3232235777", "127.000.000.001",
]  # fmt: skip
ALLOWED = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255",
    "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.17", "2606:4700:4700::1111",
    "2001:4860:4860::8888", "2a00::1", "3ffe::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
    "2606:4700::5efe:8.8.8.8",
]  # fmt: skip


def answer_of(question, *lines):
    records = [Record.parse(f"{line.split()[0]} 300 IN {' '.join(line.split()[1:])}") for line in lines]
    return Answer.from_records(Question.parse(*question.split()), records, now=1000.0, server="udp://192.0.2.53")


@pytest.mark.parametrize(("address", "reason"), FORBIDDEN.items())
def test_addresses_that_are_not_public(address, reason):
    with pytest.raises(AddressBlocked, match=rf"{reason}, [0-9a-f.:]+/[0-9]+\)") as caught:
        PUBLIC.check("evil.example", ["8.8.8.8", address])

    assert address.partition("%")[0] in str(caught.value)


@pytest.mark.parametrize(("address", "meaning"), DISGUISED.items())
def test_addresses_that_stand_for_others(address, meaning):
    with pytest.raises(AddressBlocked) as caught:
        PUBLIC.check("evil.example", [address])

    assert f"{address}, which stands for {meaning}" in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b:1::10.0.0.1",
        "64:ff9b:1:a00:0:100::",
        "64:ff9b:1:a:0:1::",
        "64:ff9b:1:0:a:0:100:0",
        "64:ff9b:1:77::a00:1",
    ],
)
def test_local_nat64_hides_nothing_whatever_the_length_of_its_prefix(address):
    assert PUBLIC.reason(address)
    assert "stands for 10.0.0.1 (denied" in AddressPolicy(["10.0.0.0/8"]).reason(address)


@pytest.mark.parametrize("text", NUMERIC)
def test_old_ways_to_write_an_address_are_no_way_in(text):
    """They are neither an address nor a name that a resolver may look up; judged as an address, they are forbidden."""
    assert parse_literal(text) is None
    assert ends_in_number(text)
    with pytest.raises(AddressBlocked, match="not an address"):
        PUBLIC.check(text, [text])


@pytest.mark.parametrize("address", ALLOWED)
def test_public_addresses_next_to_the_others(address):
    assert PUBLIC.check("good.example", [address]) == [address]
    assert PUBLIC.reason(address) is None


def test_how_many_attacks_there_are():
    assert len(FORBIDDEN) + len(DISGUISED) + len(NUMERIC) > 60


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "64:ff9b::{}", "::ffff:0:{}"]))
def test_a_disguise_is_judged_as_what_is_behind_it(address, disguise):
    behind, outside = PUBLIC.reason(str(address)), PUBLIC.reason(disguise.format(address))

    if behind is None:
        assert outside is None or disguise == "::ffff:0:{}"
    else:
        assert behind in outside


@given(st.ip_addresses())
def test_whatever_python_calls_private_is_forbidden(address):
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        assert PUBLIC.reason(str(address))
    # Mapped and 6to4 addresses are judged by what they stand for; only some versions of Python call them private.
    if address.is_private and not (isinstance(address, IPv6Address) and (address.ipv4_mapped or address.sixtofour)):
        assert PUBLIC.reason(str(address))


@given(st.text(max_size=20))
def test_what_is_no_address_is_forbidden(text):
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        assert PUBLIC.reason(text)


ANSWERS = {
    "one among good ones": ("evil.example A", ["evil.example A 8.8.8.8", "evil.example A 10.0.0.1"]),
    "the only one": ("evil.example AAAA", ["evil.example AAAA ::ffff:10.0.0.1"]),
    "behind an alias": ("evil.example A", ["evil.example CNAME db.internal.", "db.internal A 10.0.0.1"]),
    "behind a DNAME": ("a.evil.example A", ["evil.example DNAME internal.", "a.internal A 127.0.0.1"]),
    "a hint of HTTPS": ("evil.example HTTPS", ["evil.example HTTPS 1 . ipv4hint=8.8.8.8,127.0.0.1"]),
    "a hint of SVCB": ("evil.example SVCB", ["evil.example SVCB 1 x.example. ipv6hint=2606:4700::1,::1"]),
    "a hint of the second record": (
        "evil.example HTTPS",
        ["evil.example HTTPS 1 . alpn=h2", "evil.example HTTPS 2 . ipv6hint=64:ff9b::a00:1"],
    ),
    "an answer of every type": ("evil.example ANY", ["evil.example MX 1 x.", "evil.example A 169.254.169.254"]),
}


@pytest.mark.parametrize(("question", "lines"), ANSWERS.values(), ids=ANSWERS)
def test_answers_that_are_blocked(question, lines):
    with pytest.raises(AddressBlocked) as caught:
        PUBLIC.apply(answer_of(question, *lines))

    assert caught.value.name == f"{question.split()[0]}."
    assert caught.value.type == question.split()[1]


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("good.example A", "good.example A 8.8.8.8"),
        ("good.example AAAA", "good.example AAAA 2606:4700::1"),
        ("good.example HTTPS", "good.example HTTPS 1 . ipv4hint=8.8.8.8"),
        ("good.example TXT", "good.example TXT 127.0.0.1"),
        ("good.example MX", "good.example MX 1 localhost."),
    ],
)
def test_an_answer_without_anything_forbidden_is_the_same_object(question, line):
    answer = answer_of(question, line)

    assert PUBLIC.apply(answer) is answer
    assert AddressPolicy().apply(answer) is answer


def test_an_empty_answer_is_not_blocked():
    answer = answer_of("none.example A")

    assert PUBLIC.apply(answer) is answer


def test_an_answer_from_the_wire_is_judged_too():
    message = Message.query(Question.parse("evil.example")).reply(
        answer=[Record.parse("evil.example. 0 IN A 127.0.0.1")]
    )
    answer = Answer.of(Question.parse("evil.example"), Message.parse(message.to_wire()), now=0.0)

    with pytest.raises(AddressBlocked):
        PUBLIC.apply(answer)


def test_a_name_that_flips_between_two_lookups_is_caught_at_the_second():
    good, bad = (answer_of("flip.example A", f"flip.example A {address}") for address in ("8.8.8.8", "127.0.0.1"))

    for _ in range(2):
        assert PUBLIC.apply(good)[0].address == "8.8.8.8"
        with pytest.raises(AddressBlocked):
            PUBLIC.apply(bad)


def test_the_hosts_file_and_overrides_are_no_way_around(tmp_path):
    (tmp_path / "hosts").write_text("10.0.0.1 intranet.example\n")
    local = LocalNames({"api.example": "192.168.0.1"}, hosts_file=tmp_path / "hosts")

    for name in ("intranet.example", "api.example", "localhost", "www.localhost"):
        with pytest.raises(AddressBlocked):
            PUBLIC.apply(local.answer(Question.parse(name), 0.0))


def test_the_search_list_is_no_way_to_an_allowed_name():
    """`admin.corp` asked with a hostile suffix is another name, and a name that only ends alike is another too."""
    policy = AddressPolicy.public(allow_names=["corp"])

    for name in candidates("admin.corp", [Name("evil.example.")]):
        blocked = not name.is_under(Name("corp."))
        assert policy.allows_name(name) is not blocked
    assert not policy.allows_name("notcorp")
    assert not policy.allows_name("corp.evil.example")
    assert not policy.allows_name("a\\.corp")


def test_an_alias_into_an_allowed_name_does_not_inherit_its_trust():
    policy = AddressPolicy.public(allow_names=["corp.example"])
    lines = ["evil.example CNAME db.corp.example.", "db.corp.example A 10.0.0.1"]

    with pytest.raises(AddressBlocked):
        policy.apply(answer_of("evil.example A", *lines))
    assert policy.apply(answer_of("db.corp.example A", lines[1]))[0].address == "10.0.0.1"


@pytest.mark.parametrize("name", ["corp.example", "*.corp.example", ".corp.example", "CORP.example."])
def test_allowed_names(name):
    policy = AddressPolicy.public(allow_names=[name])

    assert policy.check("db.corp.example", ["10.0.0.1", "127.0.0.1"]) == ["10.0.0.1", "127.0.0.1"]
    with pytest.raises(AddressBlocked):
        policy.check("db.corp.example.net", ["10.0.0.1"])
    with pytest.raises(AddressBlocked):
        policy.check("::1", ["::1"])


def test_allowed_networks():
    policy = AddressPolicy.public(allow=["10.1.0.0/16", "fd00:1::/32", "64:ff9b:1::/48"])

    for address in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00:1::5", "64:ff9b:1::8.8.8.8"):
        assert policy.reason(address) is None
    for address in ("10.2.0.1", "::ffff:10.2.0.1", "fd00:2::5", "64:ff9b:1::10.2.0.1", "::10.1.2.3"):
        assert policy.reason(address)


def test_allowing_all_of_ipv6_does_not_allow_what_hides_in_it():
    policy = AddressPolicy.public(allow=["::/0"])

    assert policy.reason("fd00::1") is None
    assert policy.reason("::ffff:127.0.0.1")
    assert policy.reason("64:ff9b::10.0.0.1")


def test_dropping_only_what_is_forbidden():
    policy = AddressPolicy.public(drop=True)
    answer = answer_of(
        "mixed.example A", "mixed.example CNAME m.example.", "m.example A 10.0.0.1", "m.example A 8.8.8.8"
    )

    kept = policy.apply(answer)

    assert [data.address for data in kept] == ["8.8.8.8"]
    assert (kept.name, kept.aliases) == ("m.example.", ("mixed.example.",))
    assert (kept.expires, kept.server, kept.rcode) == (answer.expires, answer.server, answer.rcode)
    assert "10.0.0.1" not in str([str(record) for record in kept.message.answer])
    assert policy.check("mixed.example", ["10.0.0.1", "8.8.8.8"]) == ["8.8.8.8"]


def test_dropping_all_is_blocking():
    policy = AddressPolicy.public(drop=True)

    with pytest.raises(AddressBlocked, match=r"10\.0\.0\.1 .*and 1 more"):
        policy.apply(answer_of("bad.example A", "bad.example A 10.0.0.1", "bad.example A 127.0.0.1"))
    with pytest.raises(AddressBlocked):
        policy.check("bad.example", ["10.0.0.1"])


def test_dropping_hints():
    policy = AddressPolicy.public(drop=True)
    answer = answer_of(
        "x.example HTTPS",
        "x.example HTTPS 1 . alpn=h2 ipv4hint=10.0.0.1,8.8.8.8 ipv6hint=::1",
        "x.example HTTPS 2 . mandatory=ipv4hint ipv4hint=127.0.0.1",
        "x.example HTTPS 3 . ipv4hint=8.8.4.4",
    )

    assert [str(data) for data in policy.apply(answer)] == ['1 . alpn="h2" ipv4hint=8.8.8.8', "3 . ipv4hint=8.8.4.4"]


def test_ones_own_rules():
    policy = AddressPolicy({"203.0.113.0/24": "the test lab", "2606:4700::/32": "a network we avoid"})

    assert policy.check("x.example", ["10.0.0.1", "::1"]) == ["10.0.0.1", "::1"]
    with pytest.raises(AddressBlocked, match=r"203\.0\.113\.7 \(the test lab, 203\.0\.113\.0/24\)"):
        policy.check("x.example", ["203.0.113.7"])
    with pytest.raises(AddressBlocked, match="a network we avoid"):
        policy.check("x.example", ["2606:4700::1"])
    assert AddressPolicy(["10.0.0.0/8"]).reason("::ffff:10.0.0.1")


def test_the_error_is_plain_data():
    with pytest.raises(AddressBlocked) as caught:
        PUBLIC.check("evil.example", ["10.0.0.1"])

    copy = pickle.loads(pickle.dumps(caught.value))
    assert (
        str(copy)
        == str(caught.value)
        == ("evil.example address: the address policy forbids 10.0.0.1 (private, 10.0.0.0/8)")
    )
    assert isinstance(copy, OSError)


@pytest.mark.parametrize("keywords", [{"deny": ["10.0.0.1/8"]}, {"allow": ["x"]}, {"allow_names": ["a..b"]}])
def test_nonsense_is_told_at_once(keywords):
    with pytest.raises(ConfigurationError, match="address policy"):
        AddressPolicy(**keywords)


def test_what_is_remembered_is_bounded():
    policy = AddressPolicy.public()
    for number in range(10_000):
        policy.reason(f"8.8.{number >> 8}.{number & 255}")

    assert len(policy._verdicts) <= 4096
