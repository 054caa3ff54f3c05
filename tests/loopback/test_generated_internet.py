"""The iterative backend in generated internets, within the process under virtual time: it finds what the zones say.

The internets are those of the interop tests, where real servers serve them and Unbound walks them too.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from aioresolver import Answer, IterativeBackend, Resolver, ServerFailure
from aioresolver.testing import Internet
from aioresolver.testing.authority import Authority, Verdict
from aioresolver.wire.message import Question

QUESTIONS = 400
BROKEN = ("broken.beta.", "left.alpha.", "right.beta.", "blank.alpha.", "lame.shop.alpha.")


def load() -> ModuleType:
    path = Path(__file__).parent.parent / "interop" / "generated_internet.py"
    spec = importlib.util.spec_from_file_location("generated_internet", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generated = load()


@pytest.mark.parametrize("loss", [0.0, 0.05])
@pytest.mark.parametrize("minimise", [True, False])
@pytest.mark.parametrize("seed", range(10, 13))
def test_what_the_zones_say_is_found(run_virtual, seed, minimise, loss):
    internet = Internet(
        generated.internet_text(seed), sockets=False, latency={"ns1.shop.alpha": 0.1}, loss=loss, seed=seed
    )
    zones = Authority(internet.zones)
    asked = generated.questions(seed, {zone.origin: zone for zone in internet.zones}, QUESTIONS)

    async def main():
        backend = IterativeBackend(
            hints=internet.hints, exchange=internet.exchange, random=Random(seed), qname_minimization=minimise
        )
        async with Resolver(backend, timeout=60) as resolver:
            return {question: outcome async for question, outcome in resolver.query_many(asked)}

    wrong = []
    for (name, type_), outcome in run_virtual(main()).items():
        said = zones.answer(Question.parse(name, type_))
        passed = way(name, type_, said)
        if isinstance(outcome, ServerFailure):
            right = passed[-1] in passed[:-1] or any(passed[-1].endswith(zone) for zone in BROKEN)
        else:
            assert isinstance(outcome, Answer), outcome
            data = {r.data for r in said.answer if r.type.name == type_ and r.name == passed[-1]}
            right = outcome.rcode == said.rcode and set(outcome) == data and not said.referral
        if not right:
            wrong.append((name, type_, outcome))
    assert wrong == []


def way(name: str, type_: str, said: Verdict) -> list[str]:
    """The names from the question's on, alias after alias, until there is none or it was there before."""
    aliases = {record.name: record.data.target for record in said.answer if record.type.name == "CNAME" != type_}
    passed = [name]
    while passed[-1] in aliases and passed[-1] not in passed[:-1]:
        passed.append(aliases[passed[-1]])
    return passed
