from __future__ import annotations

import pytest

from aioresolver.backends.iterative.local_zones import LOCAL_ZONES, LocalZones
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name


def answer(name: str, type: str = "A", covered: tuple[str, ...] = ()):
    return LocalZones([Name(zone) for zone in covered]).answer(Question.parse(name, type))


@pytest.mark.parametrize(
    "name",
    [
        "1.0.0.10.in-addr.arpa.", "4.3.16.172.in-addr.arpa.", "4.3.31.172.in-addr.arpa.", "2.1.168.192.in-addr.arpa.",
        "1.0.64.100.in-addr.arpa.", "1.1.254.169.in-addr.arpa.", "x.home.arpa.", "www.onion.", "a.alt.", "b.local.",
        "c.test.", "d.invalid.", "e.d.f.ip6.arpa.", "1.0.8.e.f.ip6.arpa.", "test.", "onion.",
    ],
)  # fmt: skip
def test_special_names_do_not_exist(name):
    rcode, records, authority = answer(name)

    assert rcode == Rcode.NXDOMAIN
    assert records == []
    assert [str(record.type) for record in authority] == ["SOA"]
    assert Name.parse(name).is_under(authority[0].name)


@pytest.mark.parametrize(
    "name",
    ["example.org.", "4.3.32.172.in-addr.arpa.", "4.3.15.172.in-addr.arpa.", "1.0.128.100.in-addr.arpa.", "latest.",
     "arpa.", "in-addr.arpa.", "ip6.arpa.", ".", "1.1.1.1.in-addr.arpa.", "myonion.", "homearpa."],
)  # fmt: skip
def test_others_are_left_to_the_dns(name):
    assert answer(name) is None


def test_localhost_is_here():
    assert [str(record) for record in answer("localhost")[1]] == ["localhost. 10800 IN A 127.0.0.1"]
    assert [str(record) for record in answer("www.localhost", "AAAA")[1]] == ["www.localhost. 10800 IN AAAA ::1"]
    rcode, records, authority = answer("www.localhost", "MX")
    assert (rcode, records, len(authority)) == (Rcode.NOERROR, [], 1)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_so_are_its_reverse_names(address):
    name = Name.reverse(address)

    assert [str(record.data) for record in answer(name, "PTR")[1]] == ["localhost."]
    assert answer(name, "A")[0] == Rcode.NOERROR
    assert answer("0.127.in-addr.arpa.")[0] == Rcode.NOERROR
    assert answer("9.0.0.127.in-addr.arpa.", "PTR")[0] == Rcode.NXDOMAIN


def test_the_apex_of_a_reverse_zone_has_records():
    assert [str(record.type) for record in answer("10.in-addr.arpa.", "SOA")[1]] == ["SOA"]
    assert [str(record.data) for record in answer("10.in-addr.arpa.", "NS")[1]] == ["localhost."]
    assert answer("10.in-addr.arpa.", "MX")[0] == Rcode.NOERROR


def test_a_covered_zone_is_asked_for():
    assert answer("1.0.0.10.in-addr.arpa.", covered=("10.in-addr.arpa.",)) is None
    assert answer("1.2.5.10.in-addr.arpa.", covered=("5.10.in-addr.arpa.",)) is None
    assert answer("1.2.6.10.in-addr.arpa.", covered=("5.10.in-addr.arpa.",))[0] == Rcode.NXDOMAIN
    assert answer("www.test.", covered=("test.",)) is None


def test_a_forward_zone_for_all_the_rest_covers_no_special_name():
    assert answer("x.home.arpa.", covered=(".",))[0] == Rcode.NXDOMAIN


def test_every_local_zone_is_a_name():
    assert all(Name.parse(zone) == zone for zone in LOCAL_ZONES)
    assert len(LOCAL_ZONES) > 100
