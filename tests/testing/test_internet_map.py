"""From one text to zones, who serves them, and the delegations between them."""

from __future__ import annotations

import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.testing.internet_map import map_internet


def lines(plan, origin, name=None):
    """The zone's records but the SOA, or those of one name: `name type data`."""
    return sorted(
        f"{record.name} {record.type} {record.data}"
        for record in plan.zones[origin].records
        if record.type.name != "SOA" and name in (None, record.name)
    )


def served(plan):
    return {place.address: (place.name, [zone.origin for zone in place.zones]) for place in plan.places.values()}


def test_a_zone_alone_gets_a_root_and_nameservers():
    plan = map_internet("$ORIGIN shop.test.\nwww A 192.0.2.7")

    assert lines(plan, ".") == [
        ". NS a.root.",
        "a.root. A 198.18.0.1",
        "ns.shop.test. A 198.18.0.2",
        "shop.test. NS ns.shop.test.",
    ]
    assert lines(plan, "shop.test.") == [
        "ns.shop.test. A 198.18.0.2",
        "shop.test. NS ns.shop.test.",
        "www.shop.test. A 192.0.2.7",
    ]
    assert plan.hints == {"a.root.": ("198.18.0.1",)}
    assert served(plan) == {
        "198.18.0.2": ("ns.shop.test.", ["shop.test."]),
        "198.18.0.1": ("a.root.", ["."]),
    }


def test_nothing_at_all_is_a_root():
    plan = map_internet("")

    assert list(plan.zones) == ["."]
    assert plan.hints == {"a.root.": ("198.18.0.1",)}


def test_the_root_may_have_several_servers_in_both_families():
    plan = map_internet("""
        @       NS a.root.
        @       NS b.root.
        a.root. A 192.0.2.1
                AAAA 2001:db8::1
        b.root. A 192.0.2.2
    """)

    assert plan.hints == {"a.root.": ("192.0.2.1", "2001:db8::1"), "b.root.": ("192.0.2.2",)}
    assert served(plan)["2001:db8::1"] == ("a.root.", ["."])


def test_each_zone_is_delegated_by_the_one_above_it():
    plan = map_internet("$ORIGIN test.\n$ORIGIN deep.shop.test.\n$ORIGIN shop.test.")

    assert "deep.shop.test. NS ns.deep.shop.test." in lines(plan, "shop.test.")
    assert "deep.shop.test. NS ns.deep.shop.test." not in lines(plan, "test.")
    assert "shop.test. NS ns.shop.test." in lines(plan, "test.")


def test_glue_is_what_lies_below_the_zone_above():
    plan = map_internet("""
        $ORIGIN test.
        $ORIGIN shop.test.
        @   NS  ns
        @   NS  ns.bank.test.
        @   NS  ns.far.example.
        ns  A   192.0.2.1
        $ORIGIN bank.test.
        ns  A   192.0.2.2
        $ORIGIN far.example.
        ns  A   192.0.2.3
    """)

    assert lines(plan, "test.", "shop.test.") == [
        "shop.test. NS ns.bank.test.",
        "shop.test. NS ns.far.example.",
        "shop.test. NS ns.shop.test.",
    ]
    assert lines(plan, "test.", "ns.shop.test.") == ["ns.shop.test. A 192.0.2.1"]
    assert lines(plan, "test.", "ns.bank.test.") == ["ns.bank.test. A 192.0.2.2"]
    assert lines(plan, "test.", "ns.far.example.") == []
    assert served(plan)["192.0.2.3"] == ("ns.far.example.", ["shop.test.", "far.example."])


def test_a_nameserver_within_the_zone_above_has_no_glue():
    plan = map_internet("$ORIGIN test.\nhoster A 192.0.2.1\n$ORIGIN shop.test.\n@ NS hoster.test.")

    assert lines(plan, "test.", "hoster.test.") == ["hoster.test. A 192.0.2.1"]
    assert served(plan)["192.0.2.1"] == ("hoster.test.", ["shop.test."])


def test_a_delegation_by_hand_stays_as_it_is():
    plan = map_internet("""
        $ORIGIN test.
        shop     NS  lame.shop
        lame.shop A  192.0.2.66
        $ORIGIN shop.test.
        @   NS  ns
        ns  A   192.0.2.1
    """)

    assert lines(plan, "test.", "shop.test.") == ["shop.test. NS lame.shop.test."]
    assert lines(plan, "test.", "ns.shop.test.") == []
    assert served(plan)["192.0.2.66"] == ("lame.shop.test.", [])
    assert served(plan)["192.0.2.1"] == ("ns.shop.test.", ["shop.test."])


def test_stale_glue_leads_to_a_server_that_serves_nothing():
    plan = map_internet("""
        $ORIGIN test.
        shop     NS  ns.shop
        ns.shop  A   192.0.2.66
        $ORIGIN shop.test.
        @   NS  ns
        ns  A   192.0.2.1
    """)

    assert served(plan)["192.0.2.66"] == ("ns.shop.test.", [])
    assert served(plan)["192.0.2.1"] == ("ns.shop.test.", ["shop.test."])


def test_a_nameserver_may_have_no_address():
    plan = map_internet("$ORIGIN shop.test.\n@ NS ns.nowhere.example.")

    assert lines(plan, ".", "shop.test.") == ["shop.test. NS ns.nowhere.example."]
    assert served(plan) == {"198.18.0.1": ("a.root.", ["."])}


def test_two_names_of_one_address_are_one_server():
    plan = map_internet("$ORIGIN a.test.\nns A 192.0.2.1\n$ORIGIN b.test.\nns A 192.0.2.1")

    assert served(plan)["192.0.2.1"] == ("ns.a.test.", ["a.test.", "b.test."])


def test_what_one_text_may_do():
    plan = map_internet("""
        $TTL 77
        $ORIGIN test.
        www A 192.0.2.1
        $ORIGIN shop
        $TTL 99
        www A 192.0.2.2
        $GENERATE 0-2 h$ A 192.0.2.1$
        $ORIGIN test.
        ftp A 192.0.2.3
    """)

    assert list(plan.zones) == [".", "test.", "shop.test."]
    ttls = {record.name: record.ttl for zone in plan.zones.values() for record in zone.records}
    assert (ttls["www.test."], ttls["www.shop.test."], ttls["ftp.test."]) == (77, 99, 99)
    assert "h2.shop.test. A 192.0.2.12" in lines(plan, "shop.test.")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("\n\n$ORIGIN shop.test.\n\nwww B 1", "zone line 5: "),
        ("$ORIGIN shop.test.\nwww.other.test. A 192.0.2.1", "zone line 2: www.other.test. is outside"),
        ("\n$ORIGIN", "zone line 2: "),
        ("$ORIGIN a..b.", "zone line 1: "),
        ("$TTL 5\n\n$ORIGIN a.\nx CNAME y\nx A 192.0.2.1", "zone line 5: x.a. has a CNAME"),
    ],
)
def test_mistakes_name_their_line(text, what):
    with pytest.raises(ConfigurationError, match=f"^{what}"):
        map_internet(text)
