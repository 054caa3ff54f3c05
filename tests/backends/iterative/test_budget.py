from __future__ import annotations

import pytest

from aioresolver.backends.iterative.budget import Budget, BudgetExceeded, Limits, Spent
from aioresolver.wire.names import Name


def make(**limits):
    return Budget(Limits(**limits), now=100.0, deadline=1000.0)


def test_queries_are_counted_in_all_and_for_each_name():
    budget, first, second = make(queries=5, queries_each=3), Spent(), Spent()
    for _ in range(3):
        budget.spend_query(first)
    with pytest.raises(BudgetExceeded, match="more than 3 queries") as error:
        budget.spend_query(first)
    assert not error.value.whole
    budget.spend_query(second)
    budget.spend_query(second)
    with pytest.raises(BudgetExceeded, match="more than 5 queries") as error:
        budget.spend_query(second)
    assert error.value.whole
    assert budget.queries == 5


def test_what_could_not_be_sent_costs_nothing():
    budget, spent = make(queries=1, queries_each=1), Spent()
    for _ in range(3):
        budget.spend_query(spent)
        budget.unspend_query(spent)
    assert (budget.queries, spent.queries) == (0, 0)


def test_bytes_of_all_replies_together():
    budget = make(bytes=100)
    budget.spend_bytes(100)
    with pytest.raises(BudgetExceeded, match="100 bytes"):
        budget.spend_bytes(1)


def test_depth_aliases_and_referrals():
    budget, spent = make(depth=2, aliases=3, referrals=1), Spent()
    budget.check_depth(2)
    budget.check_aliases(3)
    budget.spend_referral(spent)
    with pytest.raises(BudgetExceeded, match="2 deep"):
        budget.check_depth(3)
    with pytest.raises(BudgetExceeded, match="3 aliases"):
        budget.check_aliases(4)
    with pytest.raises(BudgetExceeded, match="1 referrals"):
        budget.spend_referral(spent)


def test_lookups_are_counted_for_each_delegation():
    budget, one, other = make(lookups=1), Name("one."), Name("other.")
    assert budget.may_look_up(one)
    budget.spend_look_up(one)
    assert not budget.may_look_up(one)
    assert budget.may_look_up(other)


@pytest.mark.parametrize(("deadline", "ends", "own"), [(105.0, 105.0, False), (200.0, 110.0, True)])
def test_the_earlier_of_two_deadlines_ends_it(deadline, ends, own):
    budget = Budget(Limits(seconds=10), now=100.0, deadline=deadline)

    assert budget.deadline == ends
    assert budget.own_deadline is own
    assert "10 s" in budget.time_is_up().reason
