from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.backends.iterative.minimisation import MOST_STEPS, next_step
from aioresolver.wire.names import Name


def walk(name: str, zone: str) -> list[str]:
    known, steps, seen = Name(zone), 0, []
    while True:
        step = next_step(Name(name), known, steps)
        seen.append(step)
        if step == name:
            return seen
        known, steps = step, steps + 1


@pytest.mark.parametrize(
    ("name", "zone", "steps"),
    [
        ("www.example.org.", ".", ["org.", "example.org.", "www.example.org."]),
        ("www.example.org.", "example.org.", ["www.example.org."]),
        ("example.org.", "example.org.", ["example.org."]),
        (".", ".", ["."]),
        ("org.", ".", ["org."]),
        ("a.b.c.org.", "org.", ["c.org.", "b.c.org.", "a.b.c.org."]),
        ("_25._tcp.mail.org.", "org.", ["mail.org.", "_25._tcp.mail.org."]),
        ("_dmarc.example.org.", "example.org.", ["_dmarc.example.org."]),
        (r"a\.b.c.org.", "org.", ["c.org.", r"a\.b.c.org."]),
    ],
)
def test_one_label_more_each_time(name, zone, steps):
    assert walk(name, zone) == steps


def test_many_labels_take_ten_steps():
    name = ".".join("1" * 32) + ".ip6.arpa."
    seen = walk(name, ".")

    assert len(seen) <= MOST_STEPS + 1
    assert [step.count(".") for step in seen[:4]] == [1, 2, 3, 4]
    assert seen == sorted(seen, key=len)


@given(st.lists(st.sampled_from(["a", "bc", "_x", r"\.", r"\255"]), min_size=1, max_size=60), st.integers(0, 60))
def test_it_ends_with_the_name_and_each_step_is_under_the_one_before(labels, depth):
    name = ".".join(labels) + "."
    zone = Name(".".join(labels[min(depth, len(labels)) :]) + ".") if depth < len(labels) else Name(".")
    seen = walk(name, zone)

    assert len(seen) <= MOST_STEPS + 1
    assert all(after.is_under(before) for before, after in pairwise(seen))
