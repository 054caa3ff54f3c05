"""What is known beforehand, and who gets it wrong."""

from __future__ import annotations

from tests.bulk.synthetic_zones import row

from aioresolver.bulk.known_answers import ANCHORS, DOMAINS, KnownAnswers, KnownItem
from aioresolver.wire.names import Name


def test_questions():
    assert KnownItem("known.test.", None).question("abc", www=False) == "abc.known.test."
    assert KnownItem("known.test.", None).question("abc", www=True) == "www.abc.known.test."
    assert KnownItem(".", None).question("abc", www=False) == "abc."
    assert KnownItem("host.test.", frozenset({"192.0.2.1"})).question("abc", www=True) == "host.test."


def test_answers():
    domain, host = KnownItem("known.test.", None), KnownItem("host.test.", frozenset({"192.0.2.1", "192.0.2.2"}))
    said = [row("x.", "192.0.2.2"), row("x.", "192.0.2.9"), row("x."), row("x.", status="no-data")]
    said.append(row("x.", status="servfail"))
    assert [domain.is_right(each) for each in said] == [False, False, True, None, None]
    assert [host.is_right(each) for each in said] == [True, False, False, False, None]


def test_two_mistakes_are_a_lie():
    known = KnownAnswers(["known.test", "."], {})
    item = known.canaries[0]
    known.note("b", item, right=True)
    assert known.note("a", item, right=False) is True
    assert known.lie("a") is None
    assert known.note("a", item, right=False) is False
    assert known.lie("a") == "it has addresses for names below known.test. that do not exist"
    assert known.lie("b") is None
    assert (known.has_erred("a"), known.has_erred("b")) == (True, False)


def test_what_all_get_wrong_who_else_are_right_is_our_mistake():
    known = KnownAnswers(["known.test", "."], {"host.test": ["192.0.2.1"]})
    wrong, right, host = known.everything()
    for server in ("a", "b"):
        known.note(server, right, right=True)
        for _ in range(2):
            known.note(server, wrong, right=False)
    assert known.doubtful == ["known.test."]
    assert (known.lie("a"), known.lie("b")) == (None, None)
    known.note("c", wrong, right=True)
    assert known.doubtful == []
    assert known.lie("a") is not None
    for _ in range(2):
        known.note("a", host, right=False)
    known.note("c", host, right=True)
    assert known.lie("a") is not None


def test_what_liars_get_wrong_is_no_mistake_of_ours():
    known = KnownAnswers(["known.test", "."], {"host.test": ["192.0.2.1"]})
    *domains, host = known.everything()
    for server in ("a", "b"):
        known.note(server, host, right=True)
        for domain in domains * 2:
            known.note(server, domain, right=False)
    assert known.doubtful == []
    assert known.lie("a")
    assert known.lie("b")


def test_a_few_at_a_time_in_turn():
    known = KnownAnswers(["a", "b", "c"], {"d": [], "e": []})
    asked = [item.name for _ in range(6) for item in known.a_few()]
    assert {name: asked.count(name) for name in asked} == {"a.": 2, "b.": 2, "c.": 2, "d.": 3, "e.": 3}
    assert [item.name for item in KnownAnswers(["a"], {}).a_few()] == ["a."]


def test_the_usual_ones_are_names_and_addresses():
    for name in (*DOMAINS, *ANCHORS):
        assert Name.parse(name) == name
    assert all(address.count(".") == 3 for addresses in ANCHORS.values() for address in addresses)
