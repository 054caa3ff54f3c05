"""The search list by glibc's rules: which names a name stands for, in which order, and when to stop. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Generic, TypeVar

from aioresolver.errors import NameSyntaxError
from aioresolver.wire.names import Name

__all__ = ["Outcome", "SearchWalk", "candidates"]

T = TypeVar("T")


def candidates(text: str, search: Sequence[Name], ndots: int = 1, *, no_tld_query: bool = False) -> list[Name]:
    """The names to ask for when a user writes `text`, in the order of asking, none twice.

    A trailing dot, or a `Name`, means that name only. With `ndots` dots or more it is asked as it is first and with
    each suffix after that; with fewer, the suffixes come first. `no_tld_query` keeps a name without any dot from
    being asked as it is when there are suffixes. A suffix that makes the name too long is passed over.
    Raises NameSyntaxError when `text` is no name.
    """
    name = Name.parse(text)
    if not search or text[-1:] == ".":
        return [name]
    dots = name.count(".") - 1
    suffixed = [longer for suffix in search if (longer := _join(name, suffix))]
    if dots >= ndots:
        names = [name, *suffixed]
    elif dots or not no_tld_query or not suffixed:
        names = [*suffixed, name]
    else:
        names = suffixed
    return list(dict.fromkeys(names))


class Outcome(Enum):
    """How it went with one candidate that gave no records."""

    NOT_FOUND = "NXDOMAIN"
    NO_DATA = "no data"
    SERVFAIL = "SERVFAIL"
    """Every nameserver tried and could not: this zone may be broken, the next may not."""
    FAILED = "failed"
    """No nameserver could be asked, or all refused or kept silent: the other suffixes would fare the same."""

    def beside(self, other: Outcome) -> Outcome:
        """The outcome of A (self) and AAAA (other) asked together, when neither gave records."""
        return other if self is Outcome.NO_DATA else self


class SearchWalk(Generic[T]):
    """A walk over candidates that ends where glibc's would, and knows which of the failures to report.

    Iterate over it; return at the first candidate that has records, and tell it about every other with `saw`.
    Afterwards `verdict` is what came with the outcome that counts.

    That is: of the name as it is, when that was asked first; otherwise no data before SERVFAIL before the last one.
    `as_is_first` is whether that counts as asked first: not, when it only is because the root is the first suffix.
    """

    __slots__ = ("_as_is", "_as_is_first", "_current", "_failures", "_names", "_stopped")

    def __init__(self, names: Sequence[Name], as_is: Name, *, as_is_first: bool = True) -> None:
        self._names = names
        self._as_is = as_is
        self._as_is_first = as_is_first and names[0] == as_is
        self._current = as_is
        self._stopped = False
        self._failures: list[tuple[Outcome, T]] = []

    def __iter__(self) -> Iterator[Name]:
        for name in self._names:
            if not self._stopped or name == self._as_is:
                self._current = name
                yield name

    def saw(self, outcome: Outcome, what: T) -> None:
        """The candidate just given had no records; `what` is the answer or the error that said so."""
        self._failures.append((outcome, what))
        if outcome is Outcome.FAILED and self._current != self._as_is:
            self._stopped = True

    @property
    def verdict(self) -> T:
        """What came with the outcome to report. Raises IndexError before the first `saw`."""
        if self._as_is_first:
            return self._failures[0][1]
        for wanted in (Outcome.NO_DATA, Outcome.SERVFAIL):
            for outcome, what in self._failures[:-1]:
                if outcome is wanted:
                    return what
        return self._failures[-1][1]


def _join(name: Name, suffix: Name) -> Name | None:
    """The name below the suffix; None when it would be too long."""
    if suffix == ".":
        return name
    try:
        return Name.parse(f"{name}{suffix}")
    except NameSyntaxError:
        return None
