"""How a backend is set and what it remembers, which all its walks share; an errand, what a walk is about; how it fails."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple

from aioresolver.backends.iterative.budget import Budget, Limits, Spent
from aioresolver.backends.iterative.conversation import Conversations, Said
from aioresolver.backends.iterative.delegations import FOREVER, Delegation
from aioresolver.backends.iterative.flights import Flights
from aioresolver.backends.iterative.local_zones import LocalZones
from aioresolver.backends.iterative.memory import Memory
from aioresolver.backends.iterative.scrub import is_askable
from aioresolver.backends.iterative.servers import Chance, Server
from aioresolver.backends.iterative.steps import Recorder
from aioresolver.errors import Attempt
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name, rest_of

__all__ = ["Deadline", "Errand", "Given", "Setting", "WalkError"]


class Setting:
    """What all walks of a backend have in common.

    `may_ask` says whether an address that somebody else named may be asked. `prime_at`: not before, for it failed.
    """

    def __init__(
        self,
        memory: Memory,
        conversations: Conversations,
        *,
        chance: Chance,
        clock: Callable[[], float],
        limits: Limits,
        local: LocalZones,
        forwards: Mapping[Name, Delegation],
        stubs: Mapping[Name, Delegation],
        minimise: bool,
        prime: bool,
        eager: bool,
        may_ask: Callable[[str], bool] = is_askable,
    ) -> None:
        self.memory = memory
        self.conversations = conversations
        self.chance = chance
        self.clock = clock
        self.limits = limits
        self.local = local
        self.forwards = forwards
        self.stubs = stubs
        self.minimise = minimise
        self.prime = prime
        self.eager = eager
        self.may_ask = may_ask
        self.flights: Flights = Flights()
        self.prime_at: float = -FOREVER

    def cold(self) -> Setting:
        """The same, with nothing learnt yet, and nothing to share with others."""
        afresh = copy.copy(self)
        afresh.memory = Memory([each.afresh() for each in self.memory.delegations.configured], self.chance)
        afresh.conversations = self.conversations.knowing(afresh.memory.servers)
        afresh.forwards = {zone: each.afresh() for zone, each in self.forwards.items()}
        afresh.flights = Flights()
        afresh.prime_at = -FOREVER
        return afresh

    def forward_of(self, name: Name) -> Delegation | None:
        """The forward zone that the name is in, unless a stub zone is closer."""
        if not self.forwards:
            return None
        text: str = name
        while True:
            found = self.forwards.get(Name(text))
            if found is not None or text in self.stubs:
                return found
            if text == ".":
                return None
            text = rest_of(text) or "."


class Given(NamedTuple):
    """What a server said before the errand began, and by which delegation it was asked.

    Where it has said nothing in time, `earlier` is what it may still say. `connect`: it should be asked over TCP now.
    """

    cut: Delegation
    server: Server
    host: Name
    said: Said | None = None
    earlier: asyncio.Future[bytes] | None = None
    connect: bool = False


class Errand:
    """What a walk is about, and what it has spent.

    `depth`: how deep it is among lookups of nameservers' addresses. `spent`: what the name costs that it is at.
    `attempts`: the tries that came to nothing. `given`: what a server has said already, with the delegation it was asked by.
    """

    __slots__ = ("attempts", "budget", "depth", "given", "question", "recorder", "setting", "spent")

    def __init__(
        self,
        question: Question,
        budget: Budget,
        setting: Setting,
        *,
        depth: int = 0,
        spent: Spent | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.question: Question = question
        self.budget: Budget = budget
        self.setting: Setting = setting
        self.depth: int = depth
        self.spent: Spent = Spent() if spent is None else spent
        self.recorder: Recorder | None = recorder
        self.attempts: list[Attempt] = []
        self.given: Given | None = None


class WalkError(Exception):
    """A walk, or a part of it, came to nothing; in words.

    `fleeting`: next time may be better, so do not remember it. `unheard`: servers were asked, and none replied.
    """

    def __init__(self, reason: str, *, rcode: str | None = None, fleeting: bool = False, unheard: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.rcode = rcode
        self.fleeting = fleeting
        self.unheard = unheard


class Deadline(Exception):
    """Time is over."""
