"""Every input that a fuzzer found worth keeping is taken as it should be: by each target, on every Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_corpus(name):
    target = TARGETS[name]
    if target.needs is not None:
        pytest.importorskip(target.needs)
    inputs = sorted((CORPUS / name).iterdir())

    for path in inputs:
        target.run(path.read_bytes())

    assert inputs
    assert max(path.stat().st_size for path in inputs) <= 4096


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_nothing_and_little(name):
    target = TARGETS[name]
    if target.needs is not None:
        pytest.importorskip(target.needs)

    for data in (b"", b"\0", b"\xff", b"a", b"\0" * 40, b"\xff" * 40):
        target.run(data)


def test_the_corpus_has_no_other_folders():
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(TARGETS)
