"""What is done and what is left, without files: any order, any cut, told by its state alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.bulk.inputs import Input
from aioresolver.bulk.ledger import Ledger
from aioresolver.bulk.rows import Row
from aioresolver.errors import ConfigurationError, UsageError
from aioresolver.wire.codes import RRType

A, AAAA, MX = RRType.A, RRType.AAAA, RRType.MX


def make_inputs(types_of_each):
    return [Input(2 * index, f"h{index % 3}", f"h{index % 3}.", types) for index, types in enumerate(types_of_each)]


def row_for(question):
    index, type_ = question
    return Row(index, "h", "h.", type_, "ok")


def questions_of(entries):
    return [(entry.index, str(type_)) for entry in entries for type_ in entry.types]


def feed(ledger, entries):
    """What the ledger lets through."""
    through = []
    for entry in entries:
        if ledger.is_rereading:
            if ledger.reread(entry):
                continue
            through += ledger.end_rereading()
        ledger.take(entry)
        through.append(entry)
    return [*through, *ledger.end_rereading()]


@given(st.lists(st.sampled_from([(A,), (A, AAAA), (MX, A, AAAA)]), max_size=12), st.randoms(use_true_random=False))
def test_after_every_cut_exactly_the_rest_is_let_through(types_of_each, chance):
    inputs = make_inputs(types_of_each)
    ledger, done = Ledger(), []
    while True:
        taken = max(chance.randint(0, len(inputs)), ledger.inputs)
        under_way = questions_of(feed(ledger, inputs[:taken]))
        settled = chance.sample(under_way, chance.randint(0, len(under_way)))
        ledger.settle(list(map(row_for, settled)))
        done += settled
        assert ledger.missing == len(questions_of(inputs[: ledger.inputs])) - len(done)
        if ledger.inputs == len(inputs) and not ledger.missing:
            break
        ledger = Ledger(json.loads(json.dumps(ledger.state())))

    assert sorted(done) == sorted(questions_of(inputs))
    assert ledger.statuses.total() == ledger.expected == len(done)


def test_the_state_is_as_large_as_what_is_under_way():
    ledger = Ledger()
    for index in range(10_000):
        ledger.take(Input(index, "h", "h.", (A, AAAA)))
        if index != 17:
            ledger.settle([row_for((index, "A")), row_for((index, "AAAA"))])
    ledger.settle([row_for((17, "A"))])

    assert ledger.state() == {
        "next": 10_000,
        "left": [[17, "AAAA"]],
        "inputs": 10_000,
        "checksum": ledger.state()["checksum"],
        "expected": 20_000,
        "statuses": {"ok": 19_999},
    }


def test_cut_while_rereading_the_state_is_the_earlier_one():
    ledger = Ledger()
    inputs = make_inputs([(A,)] * 5)
    feed(ledger, inputs)
    ledger.settle([row_for((2, "A"))])
    state = ledger.state()
    again = Ledger(state)
    again.reread(inputs[0])

    assert again.state() == state


@pytest.mark.parametrize("change", [lambda inputs: inputs[1:], lambda inputs: [inputs[1], *inputs[1:]], lambda _: []])
def test_other_inputs_are_refused(change):
    ledger = Ledger()
    inputs = make_inputs([(A,)] * 5)
    feed(ledger, inputs)

    with pytest.raises(ConfigurationError, match="its first 5 names are not those"):
        feed(Ledger(ledger.state()), change(inputs))


@pytest.mark.parametrize("indices", [[0, 0], [1, 0], [0, 2, 1]])
def test_indices_rise(indices):
    ledger = Ledger()
    for index in indices:
        ledger.take(Input(index, "h", "h.", (A,)))

    with pytest.raises(UsageError, match="do not rise"):
        ledger.state()


@pytest.mark.parametrize(
    "rows", [[(0, "A"), (0, "A")], [(1, "AAAA"), (1, "AAAA")], [(1, "MX")], [(2, "A")], [(0, "A"), (0, "AAAA")]]
)
def test_a_row_that_is_not_due(rows):
    ledger = Ledger()
    ledger.take(Input(0, "h", "h.", (A,)))
    ledger.take(Input(1, "h", "h.", (A, AAAA)))

    with pytest.raises(UsageError, match="was not to come, or has come already"):
        ledger.settle(list(map(row_for, rows)))
