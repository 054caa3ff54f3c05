"""Testimony: what several nameservers say to the same question, and when one of them must be lying. Pure.

Honest nameservers differ: in the order and number of records, in TTLs, in the addresses that a content network gives
to those who are near, in what they still remember. So answers agree when they share a record, an alias or a network,
or both say that there is nothing; and an answer that no other agrees with is evidence only when most of the others
agree with each other. It takes several names to make a lie of it. Other addresses, as such, are none, however many:
only one address for names that elsewhere have nothing in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from ipaddress import ip_address
from typing import NamedTuple

from aioresolver.bulk.rows import Row
from aioresolver.bulk.statuses import ANSWERED

__all__ = ["Alone", "Dissent", "Evidence", "dissents", "network_of", "same_answer"]

LEAST_WITNESSES = 2
DENIALS_TO_LIE = 3
LEAST_SHARE_DENIED = 0.05
INVENTIONS_TO_LIE = 2
NAMES_AT_ONE_ADDRESS = 3
SHORT_MEMORY = 100
"""After so many names all counts are halved: evidence is what comes together in some time."""
MOST_REMEMBERED = 64


class Dissent(Enum):
    """How an answer differs from what the others agree on."""

    DENIES = "nothing where the others have records"
    INVENTS = "records where the others have nothing"
    ELSEWHERE = "other records"


class Alone(NamedTuple):
    """A nameserver that no other agrees with, in its dissent from one of those that agree."""

    server: str
    dissent: Dissent
    row: Row
    consensus: Row


class Evidence:
    """What speaks against one nameserver."""

    def __init__(self) -> None:
        self.names: float = 0.0
        self.denials: float = 0.0
        self.inventions: int = 0
        self._against: dict[str, None] = {}
        # What the others have for the names to which it gives this address.
        self._at: dict[str, list[frozenset[str]]] = {}
        self._crowded: str | None = None

    def note(self, name: str, alone: Alone | None) -> None:
        """A name on which it agreed with others, or stood alone, which counts once."""
        if alone is not None:
            if name in self._against:
                return
            self._against[name] = None
            if len(self._against) > MOST_REMEMBERED:
                del self._against[next(iter(self._against))]
        self.names += 1
        if self.names > SHORT_MEMORY:
            self.names, self.denials = self.names / 2, self.denials / 2
        if alone is not None and alone.dissent is Dissent.DENIES:
            self.denials += 1
        elif alone is not None and alone.dissent is Dissent.ELSEWHERE:
            self._note_addresses(alone.row, frozenset(alone.consensus.data))

    def lie(self) -> str | None:
        """What it lies about, in words."""
        if self.denials >= max(DENIALS_TO_LIE, self.names * LEAST_SHARE_DENIED):
            return "it denies names that other nameservers agree on"
        if self.inventions >= INVENTIONS_TO_LIE:
            return "it has records for names that do not exist"
        if self._crowded is not None:
            return f"it gives {self._crowded} to names that other nameservers agree to have different addresses"
        return None

    def _note_addresses(self, row: Row, others: frozenset[str]) -> None:
        for address in row.data:
            sets = self._at.pop(address, [])
            self._at[address] = sets
            if all(others.isdisjoint(known) for known in sets):
                sets.append(others)
            if len(sets) >= NAMES_AT_ONE_ADDRESS:
                self._crowded = address
        while len(self._at) > MOST_REMEMBERED:
            del self._at[next(iter(self._at))]


def dissents(answers: Mapping[str, Sequence[Row]]) -> list[Alone] | None:
    """The nameservers that stand alone with what they said to one question; None when there is no consensus to tell.

    A nameserver may have been asked more than once; it agrees if one of its answers does. Failures are no answers.
    """
    said = {server: kept for server, rows in answers.items() if (kept := [r for r in rows if r.status in ANSWERED])}
    found: list[Alone] = []
    told = False
    for server, rows in said.items():
        others = [other for name, other in said.items() if name != server]
        consensus = _consensus(others)
        if consensus is None:
            continue
        told = True
        if not any(same_answer(mine, theirs) for mine in rows for other in others for theirs in other):
            found.append(Alone(server, _dissent(rows[0], consensus), rows[0], consensus))
    return found if told else None


def same_answer(one: Row, other: Row) -> bool:
    """Whether two honest nameservers may have given these answers to the same question."""
    if one.status != "ok" or other.status != "ok":
        return one.status != "ok" and other.status != "ok"
    if not set(one.data).isdisjoint(other.data) or not set(one.aliases[1:]).isdisjoint(other.aliases[1:]):
        return True
    if one.type not in ("A", "AAAA"):
        return False
    return not set(map(network_of, one.data)).isdisjoint(map(network_of, other.data))


def _consensus(others: Sequence[Sequence[Row]]) -> Row | None:
    """An answer that more than half of the others agree with, and at least two of them."""
    for rows in others:
        agree = sum(any(same_answer(rows[0], row) for row in other) for other in others)
        if agree >= LEAST_WITNESSES and agree * 2 > len(others):
            return rows[0]
    return None


def _dissent(row: Row, consensus: Row) -> Dissent:
    if row.status != "ok":
        return Dissent.DENIES
    return Dissent.ELSEWHERE if consensus.status == "ok" else Dissent.INVENTS


def network_of(address: str) -> bytes:
    """The first 16 bits of an IPv4 address, the first 32 of an IPv6 address: about what one operator has."""
    packed = ip_address(address).packed
    return packed[: len(packed) // 4 if len(packed) == 16 else 2]
