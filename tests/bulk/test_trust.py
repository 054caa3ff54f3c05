"""Liars of every sort are found and expelled, and what they said does not come out; honest nameservers stay."""

from __future__ import annotations

from random import Random

import pytest
from tests.bulk import nameservers as ns
from tests.bulk.synthetic_zones import row, run

from aioresolver.bulk.filters import Ask
from aioresolver.bulk.trust import NO_OTHER, Trust
from aioresolver.bulk.wildcards import Wildcards
from aioresolver.errors import ConfigurationError

NAMES = [f"{'nehc'[i % 4]}{i}.{'victim' if i % 19 == 0 else 'zone'}{i % 97}.example." for i in range(4000)]


def trusting(crowd: ns.Crowd, *, seed: int = 1, **settings) -> Trust:
    settings = {"domains": ns.DOMAINS, "anchors": ns.ANCHORS, **settings}
    return Trust(crowd.servers, expel=crowd.expel, random=Random(seed), **settings)


def wrong_rows(rows):
    return [row for row in rows if row.data not in ns.truth(row.name)]


def sift(crowd: ns.Crowd, names=NAMES, *, seed: int = 1, batch: int = 200, **settings):
    trust = trusting(crowd, seed=seed, **settings)
    rows, asked = run(trust, [(name, "A") for name in names], crowd, batch=batch, random=Random(seed))
    assert asked == trust.asked
    assert [row.input for row in rows] == list(names)
    assert trust.held == 0
    return rows, trust


@pytest.mark.parametrize("seed", range(3))
def test_honest_nameservers(seed):
    crowd = ns.Crowd(seed, a=ns.honest, b=ns.honest, c=ns.elsewhere, d=ns.elsewhere, e=ns.elsewhere)
    rows, trust = sift(crowd, seed=seed)
    assert crowd.expelled == []
    assert trust.complaints == []
    assert wrong_rows(rows) == []
    assert trust.asked < len(NAMES) / 10


LIARS = {
    "hijack": ns.hijack,
    "wrong": ns.wrong,
    "empty": ns.empty,
    "deny": ns.deny,
    "random": ns.random_answers(),
    "hijack of .com": ns.only_for("com.", ns.wrong),
    "wrong, and no checks": ns.refusing_checks(ns.wrong),
}


@pytest.mark.parametrize("lie", LIARS)
@pytest.mark.parametrize("honest", [1, 3])
def test_a_liar(lie, honest):
    crowd = ns.Crowd(liar=LIARS[lie], **{f"h{i}": (ns.honest, ns.elsewhere)[i % 2] for i in range(honest)})
    rows, trust = sift(crowd)
    assert crowd.expelled == ["udp://liar"]
    assert wrong_rows(rows) == []
    assert {row.server for row in rows} == set(crowd.servers) - {"udp://liar"}
    assert len(trust.complaints) == 1


def test_most_of_them_lie():
    crowd = ns.Crowd(honest=ns.honest, **{f"l{i}": lie for i, lie in enumerate(LIARS.values())})
    rows, _ = sift(crowd)
    assert set(crowd.servers) - set(crowd.expelled) == {"udp://honest"}
    assert wrong_rows(rows) == []


@pytest.mark.parametrize("lie", [ns.wrong, ns.deny], ids=["one address", "denials"])
def test_lies_about_some_domains(lie):
    """What went out before they are found is not called back; what is held then is asked again."""
    crowd = ns.Crowd(a=ns.honest, b=ns.honest, c=ns.honest, liar=ns.only_for(".victim", lie))
    rows, trust = sift(crowd, sample=0.2)
    assert crowd.expelled == ["udp://liar"]
    assert len(wrong_rows(rows)) <= 5  # of fifty
    assert trust.asked_again > 0


def test_one_address_for_some_domains_is_found():
    crowd = ns.Crowd(a=ns.honest, b=ns.honest, c=ns.honest, liar=ns.only_for(".victim", ns.wrong))
    rows, trust = sift(crowd)
    assert crowd.expelled == ["udp://liar"]
    assert len(wrong_rows(rows)) <= 10
    assert trust.asked_again > 0


def test_an_answer_that_all_others_contradict_is_theirs():
    denied = next(name for name in NAMES[:40] if name.startswith("h"))
    crowd = ns.Crowd(a=ns.honest, b=ns.honest, c=ns.honest, odd=ns.only_for(denied, ns.deny))
    rows, trust = sift(crowd, NAMES[:40] * 4, sample=1.0)
    assert crowd.expelled == []
    assert wrong_rows(rows) == []
    assert trust.corrected > 0


def test_what_only_one_knows_is_no_lie():
    """The others deny it; that it makes things up would show with a random name beside it."""

    def knowing(ask: Ask):
        return row(ask.name, "192.0.2.9") if ask.name.startswith("n1") else ns.honest(ask)

    crowd = ns.Crowd(a=ns.honest, b=ns.honest, c=knowing)
    sift(crowd, sample=0.3)
    assert crowd.expelled == []


def test_two_that_contradict_each_other():
    crowd = ns.Crowd(honest=ns.honest, liar=ns.only_for("zone", ns.random_answers()))
    _, trust = sift(crowd, NAMES[:400])
    assert crowd.expelled == []
    assert "no third one tells who is right" in trust.complaints[0]


def test_all_lie():
    crowd = ns.Crowd(a=ns.hijack, b=ns.wrong, c=ns.empty)
    rows, trust = sift(crowd, NAMES[:300])
    assert crowd.expelled == []
    assert {row.error for row in rows} == {NO_OTHER}
    assert trust.complaints[-1] == "every nameserver in use lies: no answer of this run is to be believed"


def test_the_only_one_lies():
    crowd = ns.Crowd(a=ns.wrong)
    rows, trust = sift(crowd, NAMES[:50])
    assert len(rows) == 50
    assert len(trust.complaints) == 2


def test_the_last_that_is_honest_stays_when_it_is_found_last():
    def late(ask: Ask):
        return ns.dead(ask) if ask.name.endswith(("test.", "com.")) and next(silent) < 5 else ns.honest(ask)

    silent = iter(range(10**6))
    crowd = ns.Crowd(a=ns.hijack, b=late, c=ns.wrong)
    rows, _ = sift(crowd)
    assert set(crowd.expelled) == {"udp://a", "udp://c"}
    assert wrong_rows(rows) == []


def test_our_own_mistake():
    """A domain that has a wildcard by now, and a host that has moved: nobody is a liar for that."""
    crowd = ns.Crowd(a=ns.honest, b=ns.elsewhere)
    _, trust = sift(crowd, NAMES[:200], domains=["h1.example", "com"], anchors={"h77.example": ["192.0.2.1"]})
    assert crowd.expelled == []
    assert trust.complaints == ["no nameserver answers for h77.example. as it should: these checks say nothing"]

    def with_wildcard(ask: Ask):
        return row(ask.name, "192.0.2.7") if ask.name.endswith("h1.example.") else ns.honest(ask)

    crowd = ns.Crowd(a=with_wildcard, b=with_wildcard)
    _, trust = sift(crowd, NAMES[:200], domains=["h1.example", "com"])
    assert crowd.expelled == []
    assert "h1.example." in trust.complaints[0]


def test_nothing_can_be_checked():
    crowd = ns.Crowd(a=ns.refusing_checks(ns.honest), b=ns.refusing_checks(ns.elsewhere))
    rows, trust = sift(crowd, NAMES[:200])
    assert crowd.expelled == []
    assert wrong_rows(rows) == []
    assert sum("could not be checked" in said for said in trust.complaints) == 2


def test_a_dead_one_delays_nothing():
    crowd = ns.Crowd(a=ns.honest, b=ns.dead)
    rows, _ = sift(crowd, NAMES[:300])
    assert crowd.expelled == []
    assert {row.status for row in rows if row.server == "udp://b"} == {"timeout"}


def test_nothing_is_fed_before_one_is_checked():
    trust = Trust(["udp://a", "udp://b"], domains=ns.DOMAINS, anchors=ns.ANCHORS)
    assert trust.room == 0
    asks = trust.asks(100, 0.0)
    assert {ask.server for ask in asks} == {"udp://a", "udp://b"}
    for ask in asks:
        if ask.server == "udp://a":
            trust.heard(ask, ns.honest(ask), 0.0)
    assert trust.room > 0


def test_failures_and_the_hosts_file_pass():
    trust = Trust(domains=ns.DOMAINS, anchors=ns.ANCHORS)
    rows = [row("a.test.", status="timeout"), row("b.test.", "192.0.2.1")._replace(server="hosts")]
    rows += [row("c.test.", "192.0.2.1")._replace(server=None)]
    assert trust.feed(rows, 0.0) == rows


def test_rows_wait_for_the_next_check():
    trust = Trust(domains=ns.DOMAINS, anchors=ns.ANCHORS, check_rows=3, check_seconds=5.0)
    ours = [row(f"h{i}.example.", "192.0.2.1", index=i)._replace(server="udp://a") for i in range(5)]
    assert trust.feed(ours[:1], 10.0) == []
    assert trust.asks(9, 11.0) == []
    assert trust.wake_at() == 15.0
    trust.feed(ours[1:3], 12.0)
    asks = trust.asks(9, 12.0)
    assert asks
    trust.feed(ours[3:], 12.5)
    through = [came for ask in asks for came in trust.heard(ask, ns.honest(ask), 13.0)]
    assert through == ours[:3]
    assert trust.held == 2
    assert trust.wake_at() == 17.5
    trust.end(14.0)
    asks = trust.asks(9, 14.0)
    assert [came for ask in asks for came in trust.heard(ask, ns.honest(ask), 15.0)] == ours[3:]


def test_held_rows_are_bounded():
    crowd = ns.Crowd(a=ns.honest, b=ns.honest)
    trust = trusting(crowd, most_held=100, check_rows=10**6, check_seconds=10**6)
    most = 0

    feed = trust.feed

    def watch(rows, now):
        nonlocal most
        found = feed(rows, now)
        most = max(most, trust.held)
        return found

    trust.feed = watch
    rows, _ = run(trust, [(name, "A") for name in NAMES], crowd, batch=20)
    assert len(rows) == len(NAMES)
    assert most <= 120


def test_which_backends():
    class Backend:
        upstreams = ()

    class Resolver:
        backend = Backend()

    with pytest.raises(ConfigurationError, match="does not choose among them itself"):
        Trust.of(Resolver())
    with pytest.raises(ValueError, match="at least one domain"):
        Trust(domains=[])


@pytest.mark.parametrize("seed", range(60))
def test_whatever_they_do_each_row_comes_out_once(seed):
    """Nameservers of any sort, failures, small bounds, both filters: it ends, and not all of them are expelled."""
    random = Random(seed)

    def failing(world, share):
        return lambda ask: row(ask.name, status="servfail") if random.random() < share else world(ask)

    def sometimes(lie, share):
        return lambda ask: lie(ask) if random.random() < share else ns.honest(ask)

    sorts = [ns.honest, ns.elsewhere, ns.dead, *LIARS.values(), ns.only_for(".victim", ns.wrong)]
    sorts += [sometimes(ns.wrong, random.random()), failing(ns.honest, 0.3), failing(ns.hijack, 0.7)]
    crowd = ns.Crowd(seed, **{f"s{i}": random.choice(sorts) for i in range(random.randint(1, 6))})
    trust = trusting(
        crowd,
        seed=seed,
        check_rows=random.choice([1, 5, 500]),
        check_seconds=random.choice([0.5, 5, 10**6]),
        most_held=random.choice([1, 5, 100, 20000]),
        sample=random.choice([0.0, 0.02, 1.0]),
    )
    wildcards = Wildcards(free=random.choice([0, 20]), most_held=random.choice([1, 10, 20000]), most_known=5)
    filters = random.choice([[trust], [trust, wildcards]])
    names = random.choices(NAMES, k=random.choice([0, 1, 3, 50, 300]))
    batch, under_way = random.choice([1, 7, 100]), random.choice([1, 3, 200])
    rows, _ = run(filters, [(name, "A") for name in names], crowd, batch=batch, under_way=under_way, random=random)
    assert [row.input for row in rows] == names
    assert len(crowd.expelled) < len(crowd.servers)
    assert all(filter_.held == 0 for filter_ in filters)
