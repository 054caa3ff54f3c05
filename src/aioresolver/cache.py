"""Cache: answers, absences and failures, each for as long as it may be believed. Time is an argument here."""

from __future__ import annotations

import copy
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

from aioresolver.answer import Answer
from aioresolver.errors import ConfigurationError, ResolutionError
from aioresolver.flow.clock import loop_time
from aioresolver.flow.counters import Counters
from aioresolver.remembered_failures import MAX_FAILURE_TTL, MIN_FAILURE_TTL, RememberedFailures
from aioresolver.stale_answer import StaleAnswer, is_signed_still
from aioresolver.warmth import Warmth
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

__all__ = ["Cache", "CacheStats"]

NXDOMAIN = Rcode.NXDOMAIN
# RFC 8767, 4: what a stale answer says of its time to live.
STALE_TTL = 30.0
# RFC 8767, 5: how often, at most, a stale answer is asked for anew; and for how long, at most, one is of use.
RECHECK = 30.0
MAX_STALE = 3 * 86_400.0
# RFC 8767, 5: just under what programs commonly wait.
STALE_AFTER = 1.8
# After so many answers put, as many of the oldest are looked at.
SWEEP = 16


class CacheStats(Counters):
    """Plain counters. Every `get` counts as one of these five.

    - `hits`: answers with records; `negative_hits`: answers without; `failure_hits`: failures; `misses`: nothing.
    - `stale_hits`: answers handed out after their time (RFC 8767), by `get` or `stale_answer`.
    - `stored`: answers and failures taken in.
    - `evicted`: dropped for want of room; `expired`: found past their time; `flushed`: dropped on demand.
    - `skipped`: entries of a file that could not be used.
    - `entries`: answers and failures held now.
    """

    __slots__ = ("entries", "evicted", "expired", "failure_hits", "flushed", "hits", "misses", "negative_hits",
                 "skipped", "stale_hits", "stored")  # fmt: skip

    hits: int
    negative_hits: int
    failure_hits: int
    misses: int
    stale_hits: int
    stored: int
    evicted: int
    expired: int
    flushed: int
    skipped: int
    entries: int


class Cache:
    """Holds answers until they expire, in memory; the least recently used goes first.

    One cache may serve several resolvers of one thread. `now` is always a loop's time, which all event loops of a
    machine share. An entry takes 500 to 800 bytes, more once its records were read.

    - `max_entries`: how many answers, and besides a tenth as many failures.
    - `min_ttl`, `max_ttl`: answers are kept at least and at most so many seconds, whatever their TTL.
    - `negative_max_ttl`: the same for answers without records (RFC 2308, 5, recommends one to three hours; 15 minutes
      is when people who made a record late stop waiting). One that says not how long it holds, for want of an SOA,
      is not kept at all. That a name does not exist holds for all its types, not for the names under it.
    - `failure_ttl`: how long a failure is remembered, so that a broken zone is not asked again at once (RFC 9520), 1 to
      300 seconds; twice as long each time it comes again, up to 300. 0: not at all.
    - `stale`: for how many seconds after its time an answer with records is kept, for when there is no fresh one
      (RFC 8767), at most three days. 0: not at all; `86_400` is a good value.
    - `stale_after`: how long a lookup waits for the fresh one before the stale one serves. 0: serve it at once.
    - `prefetch`: have answers that are in use asked for again before they expire, in the last tenth of their life.

    Raises ConfigurationError for numbers that make no sense.
    """

    __slots__ = (
        "_answers",
        "_brief",
        "_clock",
        "_failures",
        "_rechecks",
        "_stats",
        "_totals",
        "_warmth",
        "failure_ttl",
        "max_entries",
        "max_ttl",
        "min_ttl",
        "negative_max_ttl",
        "prefetch",
        "stale",
        "stale_after",
    )

    def __init__(
        self,
        max_entries: int = 100_000,
        *,
        min_ttl: float = 0.0,
        max_ttl: float = 86_400.0,
        negative_max_ttl: float = 900.0,
        failure_ttl: float = 5.0,
        stale: float = 0.0,
        stale_after: float = STALE_AFTER,
        prefetch: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not max_entries >= 0:
            raise ConfigurationError(f"max_entries is how many answers a cache holds, 0 or more, not {max_entries!r}")
        if not 0 <= min_ttl <= max_ttl < float("inf"):
            raise ConfigurationError(f"min_ttl and max_ttl are seconds, the lower first, not {min_ttl!r}, {max_ttl!r}")
        if not 0 <= negative_max_ttl < float("inf"):
            raise ConfigurationError(f"negative_max_ttl is a number of seconds, 0 or more, not {negative_max_ttl!r}")
        if failure_ttl and not MIN_FAILURE_TTL <= failure_ttl <= MAX_FAILURE_TTL:
            raise ConfigurationError(f"failure_ttl is 0, or 1 to 300 seconds (RFC 9520), not {failure_ttl!r}")
        if not 0 <= stale <= MAX_STALE:
            raise ConfigurationError(f"stale is 0 to {MAX_STALE:.0f} seconds, three days (RFC 8767), not {stale!r}")
        if not 0 <= stale_after < float("inf"):
            raise ConfigurationError(f"stale_after is a number of seconds, 0 or more, not {stale_after!r}")
        self.max_entries: int = max_entries
        self.min_ttl: float = min_ttl
        self.max_ttl: float = max_ttl
        self.negative_max_ttl: float = negative_max_ttl
        self.failure_ttl: float = failure_ttl
        self.stale: float = stale
        self.stale_after: float = stale_after
        self.prefetch: bool = prefetch
        self._clock = clock
        self._stats = CacheStats()
        # Kept by question; "no such name" by (name, class), which no question equals.
        self._answers: OrderedDict[tuple[Any, ...], Answer[Any]] = OrderedDict()
        self._totals = 0  # of the latter
        self._failures = RememberedFailures()
        self._warmth = Warmth()
        # Until when an answer, should it be stale by then, serves at once and is not asked for anew.
        self._rechecks: dict[tuple[Any, ...], float] = {}
        # What the zone did not want to be kept at all, and `min_ttl` does.
        self._brief: set[tuple[Any, ...]] = set()

    def __len__(self) -> int:
        return len(self._answers) + len(self._failures)

    def __bool__(self) -> bool:
        """An empty cache is a cache: `cache or Cache()` must not replace it."""
        return True

    @property
    def stats(self) -> CacheStats:
        """The counters, which go on counting."""
        self._stats.entries = len(self)
        return self._stats

    def get(self, question: Question, now: float) -> Answer[Any] | ResolutionError | None:
        """The answer or the failure that is known and fresh. The error is a new one, free to be raised.

        It is a stale answer while it is no use to ask for a fresh one: that has failed within 30 seconds, or is late
        (RFC 8767, 5).
        """
        answers = self._answers
        answer = answers.get(question)
        if answer is None and not self._totals and not self._failures:
            self._stats.misses += 1
            return None
        if answer is None or answer.expires <= now:
            return self._get_less(question, answer, now)
        answers.move_to_end(question)
        if self.prefetch:
            self._warmth.add(question)
        if answer.empty:
            self._stats.negative_hits += 1
        else:
            self._stats.hits += 1
        return answer

    def peek(self, question: Question, now: float) -> tuple[Answer[Any] | ResolutionError, float] | None:
        """What is held of a question, and for how many seconds more, below 0 when it is stale. Not counted as use."""
        own, total = self._answers.get(question), self._answers.get((question.name, question.class_))
        for answer in (own, total):
            if answer is not None and answer.expires > now:
                return answer, answer.expires - now
        if own is not None and not own.empty and own.expires + self.stale > now:
            return own, own.expires - now
        failure = self._failures.known(question, now)
        return None if failure is None else (failure.again(), failure.expires - now)

    def put(self, answer: Answer[Any], now: float) -> Answer[Any]:
        """Keep an answer; returned as it is kept, its life cut or stretched to the cache's limits.

        It replaces what is known of the question, failures included, even when it may not be kept itself.
        """
        if not self.max_entries:
            return answer
        life = answer.expires - now
        key = answer.question
        if answer.empty or not self.min_ttl <= life <= self.max_ttl or life <= 0:
            kept = self._limited(answer, now)
            if kept is None:
                self._forget(key)
                return answer
            answer = kept
        self._keep(answer, now)
        if life <= 0:
            self._brief.add(key)
        return answer

    def put_failure(self, question: Question, error: ResolutionError, now: float) -> None:
        """Remember that a question could not be answered; a known answer stays."""
        life = self._failures.life(question, self.failure_ttl, now)
        if self.has_stale(question, now):
            self._rechecks[question] = now + max(RECHECK, life)
        if life <= 0 or not self.max_entries:
            return
        self._failures.add(question, error, life, now)
        self._stats.stored += 1
        if len(self._failures) > max(1, self.max_entries // 10):
            self._failures.popitem(last=False)
            self._stats.evicted += 1

    def has_stale(self, question: Question, now: float) -> bool:
        """Whether `stale_answer` has one."""
        answer = self._answers.get(question) if self.stale else None
        return (
            answer is not None
            and not answer.empty
            and answer.expires + self.stale > now
            and question not in self._brief
            and (not self._totals or question[::2] not in self._answers)
        )

    def stale_answer(self, question: Question, now: float, *, late: bool = False) -> Answer[Any] | None:
        """The answer with records whose time is over, but not by more than `stale` seconds; its TTL reads 30 s.

        A fresh one is returned as it is. None when there is none, its TTL was 0, or it carries signatures that are over.
        `late` is when the fresh one is on its way for too long: then `get` gives the stale one too, for 30 seconds.
        """
        if not self.has_stale(question, now):
            return None
        answer = self._answers[question]
        if answer.expires > now:
            return answer
        if not is_signed_still(answer, self._clock()):
            self._expire(question)
            return None
        if late:
            self._rechecks[question] = now + RECHECK
        self._stats.stale_hits += 1
        return StaleAnswer.of_fresh(answer, now + STALE_TTL)

    def wants_refresh(self, question: Question, now: float) -> bool:
        """Whether the answer is used often, is still fresh, and ends soon; only with `prefetch`."""
        return self._warmth.wants_refresh(question, now)

    def begin_refresh(self, question: Question) -> None:
        """It is being asked for anew: nobody else has to, whatever comes of it."""
        self._warmth.end(question)

    def flush(self, name: str | None = None, *, subtree: bool = False) -> int:
        """Forget everything, or what is known of one name, with `subtree` also of all names under it.

        How many entries went is returned. Raises NameSyntaxError.
        """
        answers, failures = list(self._answers), list(self._failures)
        if name is not None:
            top = Name.parse(name)
            answers, failures = _owned(answers, top, subtree=subtree), _owned(failures, top, subtree=subtree)
        for key in answers:
            self._drop(key)
        for question in failures:
            del self._failures[question]
        self._stats.flushed += len(answers) + len(failures)
        return len(answers) + len(failures)

    def forget_failures(self) -> None:
        """Forget that lookups failed or were late, as after a change of network; answers stay."""
        self._rechecks.clear()
        self._stats.flushed += len(self._failures)
        self._failures.clear()

    def save(self, path: str | os.PathLike[str], *, now: float | None = None) -> int:
        """Write the fresh answers to a file, for `load`; how many is returned.

        The file is replaced as a whole, and only its owner may read it. Blocks. `now` defaults to the running
        loop's time. Raises OSError.
        """
        from aioresolver.cache_file import write_cache  # noqa: PLC0415 - json and the like, for those who keep a file

        return write_cache(
            path, list(self._answers.values()), now=loop_time() if now is None else now, wall=self._clock()
        )

    def load(self, path: str | os.PathLike[str], *, now: float | None = None) -> int:
        """Take in what `save` wrote, less the time since; how many answers is returned.

        What is known and fresh already stays. Entries that cannot be read are skipped, and counted in
        `stats.skipped`. Blocks. Raises OSError, and ConfigurationError when the file is none that `save` wrote.
        """
        from aioresolver.cache_file import read_cache  # noqa: PLC0415 - as above

        now = loop_time() if now is None else now
        count = 0
        for answer in read_cache(path, now=now, wall=self._clock()):
            if answer is None:
                self._stats.skipped += 1
            elif answer.expires > now:
                count += self._take_in(answer, now)
        return count

    def _get_less(
        self, question: Question, answer: Answer[Any] | None, now: float
    ) -> Answer[Any] | ResolutionError | None:
        """What is known of a question without a fresh answer of its own."""
        if answer is not None and (answer.empty or answer.expires + self.stale <= now):
            self._expire(question)
        elif self._rechecks and self._rechecks.get(question, 0.0) > now:
            stale = self.stale_answer(question, now)
            if stale is not None:
                return stale
        covering = self._answers.get(key := question[::2]) if self._totals else None
        if covering is not None:
            if covering.expires > now:
                self._answers.move_to_end(key)
                self._stats.negative_hits += 1
                if answer is not None:  # it is older, and stale
                    self._drop(question)
                return covering if covering.question == question else _changed(covering, question=question)
            self._expire(key)
        failure = self._failures.known(question, now) if self._failures else None
        if failure is not None:
            self._stats.failure_hits += 1
            return failure.again()
        self._stats.misses += 1
        return None

    def _limited(self, answer: Answer[Any], now: float) -> Answer[Any] | None:
        """The answer with the life that it gets here; None when it may not be kept."""
        life = answer.expires - now
        if answer.empty:
            if life <= 0 or answer.rcode not in (Rcode.NOERROR, NXDOMAIN):
                return None
            limit = min(self.negative_max_ttl, self.max_ttl)
        else:
            limit = self.max_ttl
        allowed = min(max(life, self.min_ttl), limit)
        if allowed <= 0:
            return None
        return answer if allowed == life else _changed(answer, expires=now + allowed)

    def _keep(self, answer: Answer[Any], now: float) -> None:
        question, answers = answer.question, self._answers
        key: tuple[Any, ...] = question
        if answer.rcode == NXDOMAIN:
            if answer.total:  # without an SOA it does not come from DNS, and holds for one family of addresses
                self._drop(question)
                key = question[::2]
                self._totals += key not in answers
        elif self._totals:
            self._drop(question[::2])
        if self._failures:
            self._failures.pop(question, None)
        if self._rechecks:
            self._rechecks.pop(key, None)
        if self._brief:
            self._brief.discard(key)
        before = len(answers)
        answers[key] = answer
        if len(answers) == before:
            answers.move_to_end(key)
        self._stats.stored = stored = self._stats.stored + 1
        if self.prefetch:
            if answer.empty:
                self._warmth.end(key)
            else:
                self._warmth.begin(key, now, answer.expires)
        if len(answers) > self.max_entries:
            self._drop(next(iter(answers)))
            self._stats.evicted += 1
        elif not stored % SWEEP:
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        """Drop what is over among those least recently used, so that an idle cache shrinks too."""
        for key in list(islice(self._answers, SWEEP)):
            if self._answers[key].expires + self.stale <= now:
                self._expire(key)

    def _take_in(self, answer: Answer[Any], now: float) -> bool:
        """Keep an answer from a file, unless it is known; min_ttl was applied when it was fresh."""
        known = self._answers.get(answer.question)
        if known is not None and known.expires > now:
            return False
        longest = self.negative_max_ttl if answer.empty else self.max_ttl
        if answer.expires > now + longest:
            answer = _changed(answer, expires=now + longest)
        self._keep(answer, now)
        return True

    def _forget(self, question: Question) -> None:
        self._drop(question)
        self._drop((question.name, question.class_))
        self._failures.pop(question, None)

    def _expire(self, key: tuple[Any, ...]) -> None:
        self._drop(key)
        self._stats.expired += 1

    def _drop(self, key: tuple[Any, ...]) -> None:
        if self._answers.pop(key, None) is not None and len(key) == 2:
            self._totals -= 1
        if self._warmth:
            self._warmth.end(key)
        if self._rechecks:
            self._rechecks.pop(key, None)
        if self._brief:
            self._brief.discard(key)


def _changed(answer: Answer[Any], *, question: Question | None = None, expires: float | None = None) -> Answer[Any]:
    """A copy of an answer for another question or another time."""
    other = copy.copy(answer)
    if question is not None:
        other.question = question
    if expires is not None:
        other.expires = expires
    return other


K = TypeVar("K", bound=tuple[Any, ...])


def _owned(keys: list[K], top: Name, *, subtree: bool) -> list[K]:
    """The keys of a name, or of all names under it."""
    if subtree:
        return [key for key in keys if key[0].is_under(top)]
    return [key for key in keys if key[0] == top]
