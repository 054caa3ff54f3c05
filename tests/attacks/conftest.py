"""What attacks share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package


@pytest.fixture(params=[1, 2], ids=["posted", "careful"])
def race(request: pytest.FixtureRequest) -> int:
    """For StubBackend: a question goes through the fast lane, or, where two nameservers are to race, by a Lookup."""
    return int(request.param)
