"""A small internet under virtual time, twenty milliseconds away, and a resolver that walks it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from aioresolver import IterativeBackend, Resolver
from aioresolver.testing import Internet

TEXT = """
$TTL 3600
$ORIGIN .
@         NS    a.root.
a.root.   A     192.0.2.1

$ORIGIN example.
@         NS    ns.nic
ns.nic    A     192.0.2.2
guest     NS    ns.hoster.test.
lame      NS    ns.nic
dead      NS    ns.dead
ns.dead   A     192.0.2.66

$ORIGIN test.
@         NS    ns.nic
ns.nic    A     192.0.2.3

$ORIGIN hoster.test.
@         NS    ns
ns        A     192.0.2.4
old       DNAME guest.example.

$ORIGIN guest.example.
@         NS    ns.hoster.test.
www       A     198.51.100.10
"""


class World:
    """The internet, and resolvers for it that always walk the same way."""

    def __init__(self) -> None:
        self.internet = Internet(TEXT, sockets=False, latency=0.02)

    def backend(self, **settings: Any) -> IterativeBackend:
        settings = {"hints": self.internet.hints, "exchange": self.internet.exchange, "random": Random(1)} | settings
        return IterativeBackend(**settings)

    def resolver(self, *, timeout: float = 5.0, **settings: Any) -> Resolver:
        return Resolver(self.backend(**settings), timeout=timeout, search=())


@pytest.fixture
def world() -> World:
    return World()
