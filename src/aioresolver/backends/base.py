"""Backend: whoever can find the answer to a question. Keeps no cache and sets no limit."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from aioresolver.answer import Answer
from aioresolver.wire.message import Question

__all__ = ["Backend"]


@runtime_checkable
class Backend(Protocol):
    """Finds the answer to a question; keeps no cache and sets no limit.

    Anything with these two methods is a backend: no base class is needed. A backend may also have the attribute
    `concurrency: int`, how many lookups at once suit it; a resolver that is given no limiter of its own goes by it.

    Making one does no I/O. It belongs to the loop that is running at its first query, and raises
    ConfigurationError when it is used from another or after `aclose()`.
    """

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        """Return what the question gets; an empty Answer when the name or the type does not exist.

        `deadline` is in loop time, and the wait ends there whatever happens. Raises ServerFailure when nobody gave
        a usable answer, LookupTimeout at the deadline, ConfigurationError for a question that this backend can
        never answer. Cancelling the caller ends the lookup.
        """
        ...

    async def aclose(self) -> None:
        """Let go of everything: sockets, threads, connections. Lookups under way fail. May be called twice."""
        ...
