"""Closing: `async with` for whatever has an aclose()."""

from __future__ import annotations

import pytest

from aioresolver.flow.closing import Closing


class Door(Closing):
    """Counts how often it is closed."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


async def test_it_is_closed_at_the_end() -> None:
    async with Door() as door:
        assert door.closed == 0
    assert door.closed == 1


async def test_it_is_closed_when_something_goes_wrong() -> None:
    door = Door()
    with pytest.raises(KeyError):
        async with door:
            raise KeyError
    assert door.closed == 1


def test_aclose_must_be_there() -> None:
    with pytest.raises(TypeError, match="aclose"):
        Closing()
