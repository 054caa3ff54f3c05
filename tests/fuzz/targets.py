"""Every parser that meets bytes of others, as a target for fuzzing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.fuzz import connection_targets, text_targets, wire_targets

__all__ = ["TARGETS", "Target"]


class Target(NamedTuple):
    """What takes any bytes and raises nothing; `needs` is a package without which it cannot run."""

    run: Callable[[bytes], None]
    needs: str | None = None


NEEDS = {"https_connection": "h2", "quic_stream": "aioquic"}
TARGETS = {
    name: Target(getattr(module, name), NEEDS.get(name))
    for module in (wire_targets, text_targets, connection_targets)
    for name in module.__all__
    if callable(getattr(module, name))
}
