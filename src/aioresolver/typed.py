"""Typed answers: for a type checker `resolve(name, "MX")` is an `Answer[MX]`; how is in typed.pyi. At run time it is nothing."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["asking", "peeking", "streaming", "submitting"]

T = TypeVar("T")


def asking(method: T) -> T:
    """A coroutine method that takes a name and a type, and returns an Answer."""
    return method


def submitting(method: T) -> T:
    """A method that takes a name and a type, and returns the future of an Answer."""
    return method


def peeking(method: T) -> T:
    """A method that takes a name and a type, and returns an Answer or None."""
    return method


def streaming(method: T) -> T:
    """A method that takes names and a type, and gives each name with its outcome."""
    return method
