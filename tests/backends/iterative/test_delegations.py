from __future__ import annotations

from aioresolver.backends.iterative.delegations import FOREVER, Delegation, Delegations, Trust
from aioresolver.wire.names import Name

ROOT = Delegation(Name("."), [Name("a.root.")], {Name("a.root."): ["10.0.0.1"]}, expires=FOREVER, trust=Trust.HINT)


def cut(zone: str, expires: float, trust: Trust = Trust.REFERRAL, ns: str = "ns.") -> Delegation:
    return Delegation(Name(zone), [Name(ns)], {}, expires=expires, trust=trust)


def test_the_deepest_zone_that_has_not_ended():
    known = Delegations([ROOT])
    org, example = known.learn(cut("org.", 100), 0), known.learn(cut("example.org.", 50), 0)

    assert known.closest(Name("www.example.org."), 0) is example
    assert known.closest(Name("example.org."), 0) is example
    assert known.closest(Name("notexample.org."), 0) is org
    assert known.closest(Name("www.example.org."), 50) is org
    assert known.closest(Name("www.example.org."), 100) is ROOT
    assert len(known) == 0
    assert known.closest(Name("."), 0) is ROOT


def test_an_escaped_dot_parts_no_labels():
    known = Delegations([ROOT])
    known.learn(cut("example.org.", 100), 0)

    assert known.closest(Name(r"www\.example.org."), 0) is ROOT


def test_what_is_more_to_be_believed_stays_until_it_ends():
    known = Delegations([ROOT])
    primed = known.learn(cut(".", 100, Trust.PRIMED), 0)

    assert known.learn(cut(".", 500, Trust.REFERRAL), 0) is primed
    assert known.closest(Name("x."), 99) is primed
    assert known.learn(cut(".", 500, Trust.REFERRAL), 100) is not primed


def test_a_configured_zone_is_never_replaced():
    stub = cut("corp.", FOREVER, Trust.CONFIGURED)
    known = Delegations([ROOT, stub])

    assert known.learn(cut("corp.", 100), 0) is stub
    assert known.closest(Name("www.corp."), 0) is stub
    assert known.find(Name("corp."), 0) is stub


def test_one_that_may_not_be_kept_is_not():
    known = Delegations([ROOT])
    found = known.learn(cut("org.", 0), 0)

    assert found.zone == "org."
    assert known.closest(Name("x.org."), 0) is ROOT


def test_the_least_recently_used_goes_first():
    known = Delegations([ROOT], most=2)
    for zone in ("a.", "b."):
        known.learn(cut(zone, 100), 0)
    known.closest(Name("x.a."), 0)
    known.learn(cut("c.", 100), 0)

    assert list(known.as_dict()) == ["a.", "c."]


def test_a_zone_that_failed_is_left_alone_for_longer_each_time_until_it_serves():
    zone = cut("org.", FOREVER)
    pauses = []
    for _ in range(8):
        zone.failed("no reply", 0, silent=False)
        pauses.append(zone.paused_until)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    zone.served()
    assert zone.paused_until < 0
    for _ in range(4):
        zone.failed("no reply", 0, silent=True)
    assert zone.paused_until == 30


def test_the_root_is_never_left_alone_for_long():
    for _ in range(5):
        ROOT.failed("no reply", 0, silent=True)
    assert ROOT.paused_until == 5
    ROOT.served()


def test_to_be_referred_to_it_again_does_not_heal_a_zone_unless_the_servers_are_others():
    known = Delegations([ROOT])
    known.learn(cut("org.", 100), 0).failed("no reply", 0, silent=True)

    assert known.learn(cut("org.", 200), 1).paused_until == 5
    assert known.learn(cut("org.", 200, ns="other."), 1).paused_until < 0


def test_forget_a_zone_and_what_is_below():
    known = Delegations([ROOT])
    for zone in ("org.", "example.org.", "com."):
        known.learn(cut(zone, 100), 0)

    assert known.forget(Name("org.")) == 2
    assert list(known.as_dict()) == ["com."]
    assert "com." in repr(known.find(Name("com."), 0))


def test_no_parent_is_believed_for_longer_than_a_day():
    known = Delegations([ROOT])

    assert known.learn(cut("org.", 315_360_000), 1000).expires == 87_400
