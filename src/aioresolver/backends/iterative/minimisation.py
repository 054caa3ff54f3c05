"""Which part of a name the servers of a zone are to see next (RFC 9156). Pure."""

from __future__ import annotations

from aioresolver.wire.names import Name, rest_of

__all__ = ["MOST_STEPS", "ONE_LABEL_STEPS", "next_step"]

MOST_STEPS = 10
"""So many questions at most hide a part of one name (RFC 9156, 2.3)."""

ONE_LABEL_STEPS = 4
"""So many of them show but one label more."""


def next_step(name: Name, known: Name, steps: int) -> Name:
    """The part of `name` to ask for, when `known` is the deepest part that was seen or is a zone of its own.

    `steps` is how many such questions there were. The name itself comes when nothing is left to hide: it is asked for
    with its own type. Labels that begin with an underscore, below which hardly a zone begins, are shown at once.
    """
    hidden = _between(name, known)
    left = len(hidden)
    if left <= 1 or steps >= MOST_STEPS:
        return name
    shown = 1 if steps < ONE_LABEL_STEPS else -(-left // (MOST_STEPS - steps))
    if shown >= left:
        return name
    step = hidden[-shown]
    return name if step.startswith("_") else step


def _between(name: Name, known: Name) -> list[Name]:
    """The name, and all above it that are below `known`."""
    names: list[Name] = []
    text: str = name
    while text and text != known:
        names.append(Name(text))
        text = rest_of(text)
    return names
