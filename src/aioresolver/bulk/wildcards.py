"""Wildcards: tells names that exist from those that a wildcard made up, in one pass and within a budget of questions."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from aioresolver.bulk.filters import Ask
from aioresolver.bulk.rows import Row
from aioresolver.bulk.synthesis import Found, Synthesis, parent_of
from aioresolver.bulk.wildcard_map import WildcardMap, middles_of

__all__ = ["Wildcards"]

SHARE = 0.05
FREE = 20
MOST_HELD = 20_000
PATIENCE = 30.0
MOST_KNOWN = 50_000
AMPLE = 8
"""With a budget for so many questions, some are spent on what seems to be known, or is not likely."""
FIRST_OF_FAMILY = 2
"""So many places below one name are looked at before the others: the answer may be one for all."""
MOST_PASSED_OVER = 100
TOP = 15


class Wildcards:
    """A filter that says of each row with records whether they are a wildcard's: its `wildcard` is True or False.

    A random name beside it is asked for (`4f1c09aa73be.example.` beside `www.example.`). If that one exists too, there
    is a wildcard, and names with the same records, or with the same alias, count as made up by it: they cannot be told
    apart. Names with other records are real. Nothing is asked where names have turned out not to exist anyhow; a
    wildcard that covers several parents is looked for above them; and where the same first label exists under several
    parents (`a.x.example.`, `a.y.example.`), the label between them is tried too.

    `action` is `mark`, or `drop`: then the row's status becomes `wildcard`, and its records are left out.

    - `share`, `free`: the questions asked are at most `free`, and this share of the run's own. Rows that would need
      more keep None; those with the most siblings are seen to first.
    - `most_held`: so many rows wait at most until it is known, and so many seconds for the budget: `patience`.
    - `most_known`: so many parents are remembered at most.
    - `label`: makes the random labels.
    """

    def __init__(
        self,
        action: Literal["mark", "drop"] = "mark",
        *,
        share: float = SHARE,
        free: int = FREE,
        most_held: int = MOST_HELD,
        patience: float = PATIENCE,
        most_known: int = MOST_KNOWN,
        label: Callable[[], str] = lambda: secrets.token_hex(6),
    ) -> None:
        if action not in ("mark", "drop"):
            raise ValueError(f"wildcards are marked or dropped: 'mark' or 'drop', not {action!r}")
        self.action = action
        self.asked: int = 0
        self.wild: int = 0
        self.real: int = 0
        self.unknown: int = 0
        self._share = share
        self._budget = float(free)
        self._most_held = most_held
        self._label = label
        self._map = WildcardMap(most_known)
        self._held = 0
        self._patience = patience
        self._now = 0.0
        self._ended = False
        # Places in the order in which their first row began to wait, with the time.
        self._queue: deque[tuple[float, Synthesis]] = deque()
        # Places that want a question, by the number of rows that wait for it: the index is its binary logarithm.
        self._wanting: list[dict[Synthesis, None]] = [{} for _ in range(TOP + 1)]

    @property
    def held(self) -> int:
        """How many rows are held back."""
        return self._held

    @property
    def room(self) -> int:
        """How many rows more may be fed."""
        return self._most_held - self._held

    def feed(self, rows: Sequence[Row], now: float) -> list[Row]:
        """Take these rows; returns those that are judged, and those without records."""
        self._now = now
        through: list[Row] = []
        asked = 0
        for row in rows:
            if row.attempts:
                asked += 1
            status = row.status
            if status == "ok":
                self._judge(row, through)
            else:
                if status == "nxdomain":
                    self._note_absence(row, through)
                through.append(row)
        self._budget += self._share * asked
        self._let_go(through)
        return through

    def asks(self, most: int, now: float) -> list[Ask]:
        """Random names to ask for, as far as the budget goes."""
        asks: list[Ask] = []
        for bucket in reversed(self._wanting):
            passed_over = 0
            asked: list[Synthesis] = []
            for place in bucket:
                if len(asks) >= most or self._budget < 1:
                    break
                if not self._has_to_wait(place):
                    asked.append(place)
                    asks.append(self._ask(place))
                elif passed_over < MOST_PASSED_OVER:
                    passed_over += 1
                else:
                    break
            for place in asked:
                self._want(place, -1)
        return asks

    def heard(self, ask: Ask, row: Row, now: float) -> list[Row]:
        """What a random name got."""
        self._now = now
        synthesis: Synthesis = ask.tag
        through: list[Row] = []
        synthesis.open = False
        was_wild = synthesis.wild
        synthesis.learn(row, None if synthesis.prefix else self._map.above(synthesis.suffix, synthesis.type))
        family = self._map.family(synthesis)
        if family is not None:
            family.heard += 1
            family.open -= 1
            if synthesis.wild and not was_wild:
                family.wild += 1
                self._look_above(synthesis, family.wild)
        self._judge_again(synthesis, through)
        if synthesis.wild and not was_wild and self._map.has_wild_below(synthesis):
            self._judge_below(synthesis, through)
        self._let_go(through)
        return through

    def wake_at(self) -> float | None:
        """When the patience of the first that waits for the budget ends."""
        queue = self._queue
        while queue and not self._is_waiting(*queue[0]):
            queue.popleft()
        return queue[0][0] + self._patience if queue else None

    def wake(self, now: float) -> list[Row]:
        """Rows that have waited for the budget too long."""
        through: list[Row] = []
        while (wake_at := self.wake_at()) is not None and wake_at <= now:
            self._abandon(self._queue.popleft()[1], through)
        return through

    def end(self, now: float) -> list[Row]:
        """No rows more: what the budget does not pay for is unknown."""
        self._ended = True
        through: list[Row] = []
        self._let_go(through)
        return through

    # ---- the way of one row

    def _judge(self, row: Row, through: list[Row]) -> None:
        """Add the row to those that are through, or to those that wait for a question."""
        if row.name == ".":
            self._release(row, through, wildcard=False)
            return
        parent = parent_of(row.name)
        if self._map.known("", parent, row.type) is None and self._map.explains(row):
            self._release(row, through, wildcard=True)
            return
        place = self._map.at("", parent, row.type)
        if place.wild is None and not place.open and self._map.is_clear(parent):
            place.clear()
        found = place.judge(row, doubts=self._budget >= AMPLE)
        if found is Found.REAL:
            found, place = self._judge_middles(row, place, through)
        if found is Found.UNDECIDED:
            self._hold(row, place, through)
        else:
            self._release(row, through, wildcard=None if found is Found.UNKNOWABLE else found is Found.MADE_UP)

    def _judge_middles(self, row: Row, place: Synthesis, through: list[Row]) -> tuple[Found, Synthesis]:
        """Whether another label further up would have made no difference; and what has to be asked to tell."""
        for prefix, label, suffix in middles_of(row.name):
            middle = self._map.middle(prefix, label, suffix, row.type, curious=self._budget >= AMPLE)
            if middle is None:
                continue
            found = middle.judge(row, doubts=False)
            if found is Found.UNDECIDED:
                return found, middle
            if found is Found.MADE_UP:
                # An ordinary wildcard further up answers for any label too, but not below a name that exists.
                above = self._map.at("", suffix, row.type)
                if above.wild is None and above.judge(row, doubts=False) is Found.UNDECIDED:
                    return Found.UNDECIDED, above
                if not above.wild:
                    if not middle.confirmed:
                        self._map.confirm(middle)
                        self._judge_below(middle, through)
                    return found, middle
        return Found.REAL, place

    # ---- what questions teach

    def _note_absence(self, row: Row, through: list[Row]) -> None:
        parent = parent_of(row.name)
        if self._map.note_absence(parent):
            place = self._map.known("", parent, row.type)
            if place is not None and place.wild is None and not place.open:
                self._judge_again(place, through)

    def _look_above(self, synthesis: Synthesis, wild: int) -> None:
        """From the second wildcard below one name on, it is worth asking whether it is really one further up."""
        if wild >= FIRST_OF_FAMILY:
            above = self._map.at("", parent_of(synthesis.suffix), synthesis.type)
            if above.wild is None and not above.open:
                self._want(above, TOP)

    def _judge_below(self, above: Synthesis, through: list[Row]) -> None:
        """Judge those that wait for questions which this one has answered."""
        for bucket in self._wanting:
            for place in list(bucket):
                if place.wild is None and any(map(above.covers, place.waiting)):
                    rows = place.waiting
                    place.waiting = [row for row in rows if not self._map.explains(row)]
                    self._held -= len(rows) - len(place.waiting)
                    for row in rows:
                        if self._map.explains(row):
                            self._release(row, through, wildcard=True)
                    self._want(place, min(len(place.waiting).bit_length(), TOP) if place.waiting else -1)

    def _judge_again(self, place: Synthesis, through: list[Row]) -> None:
        """Judge what waits for it."""
        self._want(place, -1)
        rows, place.waiting = place.waiting, []
        self._held -= len(rows)
        for row in rows:
            self._judge(row, through)

    # ---- questions

    def _ask(self, place: Synthesis) -> Ask:
        name = place.name(self._label())
        assert name is not None
        place.open = True
        family = self._map.family(place)
        if family is not None:
            family.open += 1
        self._budget -= 1
        self.asked += 1
        return Ask(name, place.type, tag=place)

    def _has_to_wait(self, place: Synthesis) -> bool:
        """Whether others of its family come first, which may answer for all."""
        family = self._map.family(place)
        if family is None or place.wild is not None or family.heard - family.wild >= FIRST_OF_FAMILY:
            return False
        if family.open >= FIRST_OF_FAMILY:
            return True
        above = self._map.known("", parent_of(place.suffix), place.type)
        return above is not None and above.wild is None and (above.open or above.bucket >= 0)

    # ---- holding and letting go

    def _hold(self, row: Row, place: Synthesis, through: list[Row]) -> None:
        if place.name("x" * 12) is None:
            place.give_up()
            self._release(row, through, wildcard=None)
            return
        if not place.waiting:
            place.since = self._now
            self._queue.append((self._now, place))
            if len(self._queue) > 2 * self._held + 1000:
                self._queue = deque(each for each in self._queue if self._is_waiting(*each))
        place.waiting.append(row)
        self._held += 1
        if not place.open:
            self._want(place, min(len(place.waiting).bit_length(), TOP))

    @staticmethod
    def _is_waiting(since: float, place: Synthesis) -> bool:
        return bool(place.waiting) and place.since == since and not place.open

    def _want(self, place: Synthesis, bucket: int) -> None:
        """Put it where it belongs among those that want a question; -1 is nowhere."""
        if bucket != place.bucket:
            if place.bucket >= 0:
                del self._wanting[place.bucket][place]
            if bucket >= 0:
                self._wanting[bucket][place] = None
            place.bucket = bucket

    def _release(self, row: Row, through: list[Row], *, wildcard: bool | None) -> None:
        if wildcard is None:
            self.unknown += 1
        elif wildcard:
            self.wild += 1
            row = row._replace(wildcard=True)
            if self.action == "drop":
                row = row._replace(status="wildcard", data=(), aliases=())
        else:
            self.real += 1
            row = row._replace(wildcard=False)
        through.append(row)

    def _let_go(self, through: list[Row]) -> None:
        """Let rows go unknown that wait for more than the budget: at the end, and when too many wait."""
        if self._ended:
            wanting = sum(map(len, self._wanting))
            for bucket in self._wanting:
                while bucket and wanting > int(self._budget):
                    self._abandon(next(iter(bucket)), through)
                    wanting -= 1
        for bucket in self._wanting:
            while bucket and self._held >= self._most_held:
                self._abandon(next(iter(bucket)), through)

    def _abandon(self, place: Synthesis, through: list[Row]) -> None:
        self._want(place, -1)
        self._held -= len(place.waiting)
        for row in place.waiting:
            self._release(row, through, wildcard=None)
        place.waiting.clear()
