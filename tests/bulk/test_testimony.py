"""When answers agree, who stands alone, and how much it takes to make a liar."""

from __future__ import annotations

import pytest
from tests.bulk.synthetic_zones import row

from aioresolver.bulk.testimony import Alone, Dissent, Evidence, dissents, same_answer

ONE, OTHER = row("a.test.", "192.0.2.1"), row("a.test.", "198.51.100.1")
NOTHING, FAILED = row("a.test."), row("a.test.", status="servfail")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (ONE, ONE, True),
        (ONE, OTHER, False),
        (ONE, NOTHING, False),
        (NOTHING, row("a.test.", status="no-data"), True),
        (row("a.test.", "192.0.2.1", "192.0.2.2"), row("a.test.", "192.0.2.2", "192.0.2.3"), True),
        (ONE, row("a.test.", "192.0.77.9"), True),
        (row("a.test.", "2001:db8::1", type="AAAA"), row("a.test.", "2001:db8:ffff::9", type="AAAA"), True),
        (row("a.test.", "2001:db8::1", type="AAAA"), row("a.test.", "2001:db9::1", type="AAAA"), False),
        (row("a.test.", "10 a.test.", type="MX"), row("a.test.", "10 b.test.", type="MX"), False),
        (ONE._replace(aliases=("a.test.", "cdn.test.")), OTHER._replace(aliases=("a.test.", "cdn.test.")), True),
        (ONE._replace(aliases=("a.test.", "cdn.test.")), OTHER._replace(aliases=("a.test.", "me.test.")), False),
    ],
)
def test_same_answer(one, other, same):
    assert same_answer(one, other) is same
    assert same_answer(other, one) is same


@pytest.mark.parametrize(
    ("said", "alone"),
    [
        ([ONE, ONE, OTHER], [(2, Dissent.ELSEWHERE)]),
        ([ONE, ONE, NOTHING], [(2, Dissent.DENIES)]),
        ([NOTHING, NOTHING, ONE], [(2, Dissent.INVENTS)]),
        ([ONE, ONE, ONE], []),
        ([ONE, OTHER, NOTHING], None),
        ([ONE, OTHER], None),
        ([ONE, OTHER, FAILED, FAILED], None),
        ([ONE, ONE, OTHER, FAILED], [(2, Dissent.ELSEWHERE)]),
        ([ONE, ONE, OTHER, OTHER], []),
        ([ONE, ONE, OTHER, NOTHING], [(2, Dissent.ELSEWHERE), (3, Dissent.DENIES)]),
    ],
)
def test_who_stands_alone(said, alone):
    found = dissents({str(i): [each] for i, each in enumerate(said)})
    assert (found if found is None else [(int(a.server), a.dissent) for a in found]) == alone


def test_one_answer_of_several_suffices_to_agree():
    assert dissents({"a": [ONE], "b": [ONE], "c": [OTHER, ONE]}) == []


def against(dissent, name, data=(), others=()):
    return Alone("a", dissent, row(name, *data), row(name, *others))


def test_denials():
    evidence = Evidence()
    for name in ("a.", "b.", "b.", "b."):
        evidence.note(name, against(Dissent.DENIES, name, others=["192.0.2.1"]))
    assert evidence.lie() is None
    evidence.note("c.", against(Dissent.DENIES, "c.", others=["192.0.2.1"]))
    assert "denies" in evidence.lie()


def test_few_denials_among_many_names_are_none():
    evidence = Evidence()
    for i in range(5000):
        evidence.note(f"{i}.", against(Dissent.DENIES, f"{i}.", others=["192.0.2.1"]) if i % 100 == 0 else None)
        assert evidence.lie() is None


def test_one_address_for_names_that_have_nothing_in_common():
    evidence = Evidence()
    for i in (1, 2, 1):
        evidence.note(f"{i}.", against(Dissent.ELSEWHERE, f"{i}.", ["203.0.113.1"], [f"192.0.2.{i}"]))
        assert evidence.lie() is None
    evidence.note("3.", against(Dissent.ELSEWHERE, "3.", ["203.0.113.1"], ["192.0.2.3"]))
    assert "203.0.113.1" in evidence.lie()


def test_other_addresses_however_many_are_no_lie():
    evidence = Evidence()
    for i in range(300):
        evidence.note(f"{i}.", against(Dissent.ELSEWHERE, f"{i}.", [f"10.0.0.{i % 256}"], [f"10.9.{i}.1"][: i % 2 + 1]))
    assert evidence.lie() is None or "10.0.0." in evidence.lie()
    hosted_together = Evidence()
    for i in range(300):
        hosted_together.note(f"{i}.", against(Dissent.ELSEWHERE, f"{i}.", ["10.0.0.1"], ["192.0.2.1"]))
    assert hosted_together.lie() is None
