"""Walks, told as scenarios: a small internet, what is asked of it, and what comes of it. The format is in conftest.py."""

from __future__ import annotations

from pathlib import Path

import pytest

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(scenario, play):
    play(scenario.read_text(encoding="utf-8"))
