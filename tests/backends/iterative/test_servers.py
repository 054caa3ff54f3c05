from __future__ import annotations

import random
from collections import Counter

import pytest

from aioresolver.backends.iterative.servers import MOST_AT_ONCE, SILENT_ADDRESSES, Server, Servers
from aioresolver.wire.edns import Edns
from aioresolver.wire.names import Name

ZONE, OTHER = Name("example."), Name("other.")


@pytest.fixture
def servers() -> Servers:
    return Servers(random.Random(1))


@pytest.mark.parametrize(
    ("address", "family", "text"),
    [
        ("10.0.0.1", 4, "udp://10.0.0.1"),
        ("10.0.0.1:5353", 4, "udp://10.0.0.1:5353"),
        ("fd00::1", 6, "udp://[fd00::1]"),
        ("[fd00::1]:53", 6, "udp://[fd00::1]:53"),
    ],
)
def test_an_address(address, family, text):
    server = Server(address)

    assert (server.family, server.text) == (family, text)
    assert "unmeasured" in repr(server)


def test_lame_for_a_zone_for_longer_each_time():
    server = Server("10.0.0.1")
    server.went_lame(ZONE, 0.0)
    assert server.is_lame(ZONE, 4.9)
    assert not server.is_lame(ZONE, 5.0)
    assert not server.is_lame(OTHER, 0.0)
    server.went_lame(ZONE, 5.0)
    assert server.is_lame(ZONE, 14.9)
    for _ in range(10):
        server.went_lame(ZONE, 0.0)
    assert not server.is_lame(ZONE, 300.0)
    server.served(ZONE)
    assert not server.is_lame(ZONE, 0.0)


def test_zones_that_it_is_lame_for_are_bounded():
    server = Server("10.0.0.1")
    for number in range(1000):
        server.went_lame(Name(f"{number}."), 0.0)

    assert sum(server.is_lame(Name(f"{number}."), 1.0) for number in range(1000)) == 100


def test_edns_and_letters_are_tried_again_after_a_quarter_of_an_hour():
    server = Server("10.0.0.1")
    assert server.speaks_edns(0.0)
    assert server.spells(0.0)
    server.refused_edns(0.0)
    server.prefer_connections(0.0)
    assert server.connected_until == 900.0
    server.allow_datagrams(0.0)
    assert server.connected_until < 0
    assert not server.speaks_edns(899.0)
    assert not server.spells(899.0)
    assert server.speaks_edns(900.0)
    assert server.spells(900.0)


def test_patience_grows_with_each_try_and_follows_the_round_trip():
    server = Server("10.0.0.1")
    assert [server.patience(tries) for tries in range(4)] == [0.4, 0.8, 1.6, 3.0]
    for _ in range(20):
        server.health.heard(0.5, 0.0)
    assert 0.5 < server.patience(0) < 1.0
    assert server.patience(9) == 3.0
    assert "500" in repr(server)


def test_the_quickest_is_chosen_and_others_now_and_then(servers):
    quick, slow = servers.of("10.0.0.1"), servers.of("10.0.0.2")
    servers.heard(quick, 0.01, 0.0)
    servers.heard(slow, 0.3, 0.0)
    chosen = Counter(servers.choose([quick, slow], 0.0).address for _ in range(2000))

    assert chosen["10.0.0.1"] > 1900
    assert chosen["10.0.0.2"] > 10


def test_among_equals_all_are_chosen(servers):
    equals = [servers.of(f"10.0.0.{number}") for number in range(5)]
    chosen = Counter(servers.choose(equals, 0.0).address for _ in range(2000))

    assert len(chosen) == 5
    assert min(chosen.values()) > 300


def test_a_silent_one_is_left_but_for_a_probe_now_and_then(servers):
    well, dead = servers.of("10.0.0.1"), servers.of("10.0.0.2")
    servers.heard(well, 0.01, 0.0)
    servers.silent(dead, 0.0)

    assert sum(servers.choose([well, dead], 100.0) is dead for _ in range(2000)) <= 1


def test_a_family_whose_addresses_are_all_silent_is_left_for_a_while(servers):
    ours = servers.of("10.0.0.1")
    sixes = [servers.of(f"fd00::{number}") for number in range(SILENT_ADDRESSES)]
    for server in sixes:
        servers.silent(server, 0.0)

    assert not servers.may_use(6, 59.0)
    assert servers.may_use(6, 60.0)
    assert {servers.choose([ours, *sixes], 1.0) for _ in range(100)} == {ours}
    assert servers.choose(sixes[:1], 1.0) is sixes[0]


def test_one_reply_saves_a_family(servers):
    for number in range(SILENT_ADDRESSES - 1):
        servers.silent(servers.of(f"fd00::{number}"), 0.0)
    servers.heard(servers.of("fd00::99"), 0.01, 0.0)
    servers.silent(servers.of("fd00::77"), 0.0)

    assert servers.may_use(6, 0.0)


def test_both_families_are_never_left_at_once(servers):
    servers.unreachable(6, 0.0)
    servers.unreachable(4, 0.0)

    assert not servers.may_use(6, 0.0)
    assert servers.may_use(4, 0.0)


def test_they_are_bounded():
    servers = Servers(random.Random(1), most=10)
    first = servers.of("10.0.0.0")
    for number in range(1, 30):
        servers.of(f"10.0.0.{number}")
        assert servers.of("10.0.0.0") is first

    assert len(servers) == 10
    assert first in list(servers.measured())


def test_so_many_at_once_and_the_rest_in_their_turn(run_virtual):
    async def main():
        server = Server("10.0.0.1")
        assert [server.take_turn() for _ in range(MOST_AT_ONCE)] == [None] * MOST_AT_ONCE
        first, second, third = server.take_turn(), server.take_turn(), server.take_turn()
        second.cancel()
        server.end_turn()
        assert (first.done(), third.done(), server.in_flight) == (True, False, MOST_AT_ONCE)
        server.end_turn(2)
        assert (third.done(), server.in_flight) == (True, MOST_AT_ONCE - 1)

    run_virtual(main())


def test_who_has_its_hands_full_is_not_chosen(servers):
    busy, free = servers.of("10.0.0.1"), servers.of("10.0.0.2")
    busy.in_flight = MOST_AT_ONCE

    assert {servers.choose([busy, free], 0.0) for _ in range(100)} == {free}
    assert servers.choose([busy], 0.0) is busy


def test_the_opt_record_has_a_cookie_until_there_is_no_use_for_one(servers):
    server = servers.of("10.0.0.1")
    cookie, opt = server.opt(0.0)

    assert cookie.client in opt
    assert server.opt(1.0) == (cookie, opt)
    server.cookies.take(cookie, None, 1.0, trusted=False)
    assert server.opt(2.0) == (None, Edns().to_wire())
    assert server.opt(302.0)[0].client != cookie.client
    assert servers.of("10.0.0.2").opt(0.0)[0].client != cookie.client
