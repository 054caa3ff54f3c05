"""RetryBudget and Allowance: nothing is held back while answers come; an outage does not multiply traffic."""

from __future__ import annotations

from aioresolver.backends.budgets import (
    DRIP,
    MOST_BYTES,
    MOST_PACKETS,
    MOST_STEPS,
    RESERVE,
    STEP,
    Allowance,
    RetryBudget,
)


def spent(budget: RetryBudget, now: float) -> int:
    """How many retries are left."""
    count = 0
    while budget.take(now):
        count += 1
    return count


def test_in_an_outage_there_is_the_reserve_and_a_drip() -> None:
    budget = RetryBudget()

    assert spent(budget, 0.0) == RESERVE
    assert spent(budget, 0.0) == 0
    assert spent(budget, 2.0) == 2 * DRIP


def test_each_answer_pays_for_one_up_to_the_reserve() -> None:
    budget = RetryBudget()
    spent(budget, 0.0)

    budget.answered(5)
    budget.answered()
    assert spent(budget, 0.0) == 6
    budget.answered(10 * RESERVE)
    assert spent(budget, 0.0) == RESERVE


def test_what_is_asked_for_ever_leaves_enough_for_what_is_asked_once_more() -> None:
    budget = RetryBudget()
    taken = 0
    while budget.take(0.0, 9):
        taken += 1

    assert taken == RESERVE - MOST_STEPS * STEP
    assert not budget.take(0.0, MOST_STEPS + 1)
    assert budget.take(0.0, MOST_STEPS)
    assert spent(budget, 0.0) == MOST_STEPS * STEP - 1


def test_what_reached_nobody_is_not_counted() -> None:
    budget = RetryBudget()
    spent(budget, 0.0)
    budget.refund()

    assert spent(budget, 0.0) == 1


def test_half_of_the_packets_may_be_lost_for_ever() -> None:
    budget = RetryBudget()
    for question in range(10 * RESERVE):
        assert budget.take(question / 10_000)
        budget.answered()


def test_one_lookup_has_its_own_bounds() -> None:
    allowance = Allowance()
    for _ in range(MOST_PACKETS - 1):
        allowance.sent()
    assert not allowance.spent
    allowance.sent()
    assert allowance.spent

    allowance = Allowance()
    allowance.read(MOST_BYTES - 1)
    assert not allowance.spent
    allowance.read(1)
    assert allowance.spent
