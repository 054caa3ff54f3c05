"""Budget: how much one client's question may cost, its sub-questions included. It is never reset."""

from __future__ import annotations

from typing import NamedTuple

from aioresolver.wire.names import Name

__all__ = ["Budget", "BudgetExceeded", "Limits", "Spent"]


class Limits(NamedTuple):
    """What one question of a client may cost.

    - `queries`: packets to nameservers in all, retries included; `queries_each`: those for one name on the way.
    - `depth`: how deep a lookup of a nameserver's address may be inside of another one.
    - `nameservers_kept`, `nameservers_used`: of those that a delegation names, so many are remembered and asked.
    - `lookups`: so many nameservers without address are looked up for one delegation.
    - `aliases`: length of a chain of CNAME and DNAME; `referrals`: for one name on the way.
    - `bytes`: of all replies together; `seconds`: from the beginning to the end.
    """

    queries: int = 200
    queries_each: int = 50
    depth: int = 7
    nameservers_kept: int = 20
    nameservers_used: int = 13
    lookups: int = 5
    aliases: int = 11
    referrals: int = 30
    bytes: int = 256 * 1024
    seconds: float = 10.0


class BudgetExceeded(Exception):
    """A limit is reached. `whole`: nothing more may be spent on the client's question, not only on a part of it."""

    def __init__(self, reason: str, *, whole: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.whole = whole


class Spent:
    """What is spent on one name on the way: the queries sent and the referrals followed for it."""

    __slots__ = ("queries", "referrals")

    def __init__(self) -> None:
        self.queries: int = 0
        self.referrals: int = 0


class Budget:
    """What is spent so far on a client's question. All walks for it share this one object.

    `deadline` is in loop time; `out_of_time` says which of the two ends it, the client's own or `limits.seconds`.
    """

    __slots__ = ("_lookups", "bytes", "deadline", "limits", "own_deadline", "queries")

    def __init__(self, limits: Limits, *, now: float, deadline: float) -> None:
        self.limits: Limits = limits
        self.queries: int = 0
        self.bytes: int = 0
        self._lookups: dict[Name, int] = {}
        self.own_deadline: bool = now + limits.seconds < deadline
        self.deadline: float = now + limits.seconds if self.own_deadline else deadline

    def spend_query(self, spent: Spent) -> None:
        """One more packet goes out, for the name that `spent` is about. Raises BudgetExceeded."""
        limits = self.limits
        if self.queries >= limits.queries:
            raise BudgetExceeded(f"more than {limits.queries} queries are needed for it", whole=True)
        if spent.queries >= limits.queries_each:
            raise BudgetExceeded(f"more than {limits.queries_each} queries are needed for one name")
        self.queries += 1
        spent.queries += 1

    def unspend_query(self, spent: Spent) -> None:
        """One could not be sent after all."""
        self.queries -= 1
        spent.queries -= 1

    def may_look_up(self, zone: Name) -> bool:
        """Whether one more of the nameservers of this zone may be looked up."""
        return self._lookups.get(zone, 0) < self.limits.lookups

    def spend_look_up(self, zone: Name) -> None:
        """One more of its nameservers is looked up."""
        self._lookups[zone] = self._lookups.get(zone, 0) + 1

    def spend_bytes(self, count: int) -> None:
        """A reply of so many bytes came. Raises BudgetExceeded."""
        self.bytes += count
        if self.bytes > self.limits.bytes:
            raise BudgetExceeded(f"the replies have more than {self.limits.bytes} bytes together", whole=True)

    def check_depth(self, depth: int) -> None:
        """A lookup inside of others begins. Raises BudgetExceeded."""
        if depth > self.limits.depth:
            raise BudgetExceeded(f"nameservers of nameservers are more than {self.limits.depth} deep")

    def spend_referral(self, spent: Spent) -> None:
        """One more referral is followed for a name. Raises BudgetExceeded."""
        spent.referrals += 1
        if spent.referrals > self.limits.referrals:
            raise BudgetExceeded(f"more than {self.limits.referrals} referrals for one name")

    def check_aliases(self, count: int) -> None:
        """So many aliases were followed. Raises BudgetExceeded."""
        if count > self.limits.aliases:
            raise BudgetExceeded(f"a chain of more than {self.limits.aliases} aliases", whole=True)

    def time_is_up(self) -> BudgetExceeded:
        """The error for when `limits.seconds` are over."""
        return BudgetExceeded(f"it takes more than {self.limits.seconds:g} s", whole=True)
