"""Closing: `async with` for whatever has an aclose(). Knows no DNS."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

__all__ = ["Closing"]

S = TypeVar("S", bound="Closing")


class Closing(ABC):
    """Closes itself at the end of `async with`."""

    __slots__ = ()

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of everything. May be called twice."""

    async def __aenter__(self: S) -> S:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
