"""StubBackend: the pure-asyncio wire client. It asks recursive nameservers and believes them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

from aioresolver.answer import Answer
from aioresolver.backends.batches import Landed
from aioresolver.backends.budgets import RetryBudget
from aioresolver.backends.dialect import Dialect
from aioresolver.backends.fast_lane import FastLane
from aioresolver.backends.lookup import Lookup
from aioresolver.backends.ranking import equals, ranked
from aioresolver.backends.upstream import Upstream
from aioresolver.errors import ConfigurationError, ServerFailure, UsageError
from aioresolver.events import Observer, UpstreamBenched
from aioresolver.flow.closing import Closing
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.transports.base import Transport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport
from aioresolver.transports.udp import UdpTransport
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Question

__all__ = ["StubBackend"]

USUAL_EDNS = Edns()

# How often patience with the questions in the fast lanes is looked at, and the order of the upstreams.
TICK = 0.05
# With hedging it is milliseconds that count.
HEDGED_TICK = 0.005
# A far nameserver that bears a lot has so many under way, if the receive buffers hold the replies.
MOST_UNDER_WAY = 20_000


class StubBackend(Closing):
    """Asks nameservers over UDP, TCP or TLS, the quickest first, and the next one when that one fails.

    `nameservers` are URLs or addresses (`1.1.1.1`, `udp://127.0.0.1:5353`, `tls://9.9.9.9#dns.quad9.net`). Lost
    packets are sent again, to each nameserver in turn, until the deadline, and a late reply to any of them counts.
    SERVFAIL, REFUSED and nonsense make the next nameserver's turn, and an only one is asked once more; one that
    refuses to be connected is tried three times within a second. Truncation goes to TCP at the same nameserver; one
    that chokes on EDNS is asked without. Dead nameservers are remembered and probed. Each is asked only as much at once
    as it bears, which is found out; what the quickest has no room for goes to others that are as quick.

    - `rotate`: take turns among nameservers that are equally quick.
    - `rate`, `in_flight`: how many queries a second, those that are sent again included, and how many at once each of
      them gets at most.
    - `hedge`: a share of replies, such as 0.95: when the first nameserver takes longer than for so many, a second one
      is asked too. `race`: how many are asked at once; the first useful reply counts.
    - `edns`: what every question carries: the DO bit, a client subnet, NSID or any option. None is no EDNS at all. All
      askers get what is answered to that: a cache is for one such choice.
    - `randomize_case`: send the letters of names in random case over UDP, which a forger has to guess; a nameserver
      that does not echo it is asked over TCP, and without from then on.
    - `encryption`: `automatic` asks the encrypted nameservers of the list as long as one of them works, and then the
      others; `required` and `plain` leave the other kind out. A list of encrypted ones alone is never asked in clear.
    - `open_transport`: makes the transport to a nameserver; a test may hand in its own.

    Raises ConfigurationError for a nameserver, and for numbers, that cannot be used.
    """

    concurrency = 2000

    def __init__(
        self,
        nameservers: Sequence[Nameserver | str] | Nameserver | str,
        *,
        rotate: bool = False,
        rate: float | None = None,
        in_flight: int | None = None,
        hedge: float | None = None,
        race: int = 1,
        edns: Edns | None = USUAL_EDNS,
        randomize_case: bool = False,
        encryption: str = "automatic",
        open_transport: Callable[[Nameserver], Transport] = open_transport,
    ) -> None:
        if isinstance(nameservers, (str, Nameserver)):
            nameservers = [nameservers]
        parsed = [n if isinstance(n, Nameserver) else Nameserver.parse(n) for n in nameservers]
        if not parsed:
            raise ConfigurationError("a stub backend needs at least one nameserver, such as '1.1.1.1'")
        _check(rate=rate, in_flight=in_flight, hedge=hedge, race=race)
        self.nameservers: tuple[Nameserver, ...] = tuple(dict.fromkeys(parsed))
        self.rotate: bool = rotate
        self.race: int = race
        self._tick_length = TICK if hedge is None else HEDGED_TICK
        self._budget = RetryBudget()

        def upstream(nameserver: Nameserver) -> Upstream:
            plain = not nameserver.encrypted
            return Upstream(
                nameserver,
                open_transport,
                room=self._pump,
                dialect=Dialect(edns, cookies=plain, randomizes=randomize_case),
                budget=self._budget,
                most=in_flight,
                rate=rate,
                percentile=hedge,
                tier=int(plain),
            )

        self._upstreams = list(map(upstream, self.nameservers))
        self._hurried = False
        self._expelled: list[Upstream] = []
        self._lanes: dict[Upstream, FastLane] = {}
        self._equals: Sequence[Upstream] = self._upstreams
        self._looked_at = float("-inf")
        self._ticking: asyncio.TimerHandle | None = None
        self._opening: asyncio.TimerHandle | None = None
        self._waiting: deque[Lookup] = deque()
        self._under_way: set[Lookup] = set()
        self._posted: dict[Question, Lookup] = {}
        self._successors: list[Upstream] = []
        self._landed: Landed | None = None
        self._roomy: Callable[[], object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarms: DeadlineRing | None = None
        self._closed = False

    async def query(self, question: Question, deadline: float) -> Answer[Any]:
        """Ask until an answer comes; raises ServerFailure, or LookupTimeout at the deadline."""
        return await self.submit(question, deadline)

    def submit(self, question: Question, deadline: float) -> asyncio.Future[Answer[Any]]:
        """The same without a coroutine; cancelling the future ends the lookup at once."""
        self._bind()
        if self.rotate:
            self._upstreams.append(self._upstreams.pop(0))
        lookup = self._make_lookup(question, deadline)
        if self._waiting or ranked(self._upstreams)[0].window.room(lookup.began) <= 0:
            self._waiting.append(lookup)
            lookup.wait()
            self._wait_for_pace(lookup.began)
        else:
            lookup.start()
        return lookup

    # ---- the same in batches (see BatchBackend)

    def serve(self, landed: Landed, roomy: Callable[[], object]) -> None:
        """Give outcomes to `landed` from now on."""
        self._bind()
        self._landed, self._roomy = landed, roomy

    def room(self, now: float) -> int:
        """How many questions the best upstreams bear more than they have."""
        if now >= self._looked_at + TICK:
            self._look(now)
        if len(self._equals) == 1:
            room = self._equals[0].window.room(now)
        else:
            room = sum(upstream.window.room(now) for upstream in self._equals)
        if not room:
            self._wait_for_pace(now)
        return room

    def post(self, questions: Sequence[Question], deadline: float) -> None:
        """Ask all of these."""
        loop = self._bind()
        now = loop.time()
        if self._hurried:
            self._hurry(hurried=False)
        if len(self._upstreams) > 1:
            self._probe(questions[0], now)
        if self.rotate:
            self._equals = [*self._equals[1:], self._equals[0]]
        for upstream in self._equals:
            count = upstream.window.room(now)
            self._send(upstream, questions[:count], now, deadline)
            questions = questions[count:]
            if not questions:
                break
        else:
            self._send(self._equals[0], questions, now, deadline)
        if self._ticking is None:
            self._ticking = loop.call_later(self._tick_length, self._tick)

    def hurry(self) -> None:
        """Nothing more is to come for now: ask again sooner, so that the last few do not take most of the time."""
        if self._hurried:
            return
        self._hurry(hurried=True)
        for lookup in list(self._under_way):
            lookup.hasten()

    def _hurry(self, *, hurried: bool) -> None:
        self._hurried = hurried
        for upstream in self._upstreams:
            upstream.health.hurried = hurried

    def withdraw(self, questions: Collection[Question]) -> int:
        """Forget these; how many there were is returned."""
        lookups = [self._posted.pop(question) for question in questions if question in self._posted]
        for lookup in lookups:
            lookup.cancel()
        return len(lookups) + sum(lane.withdraw(questions) for lane in self._lanes.values())

    # ---- what is known of the nameservers

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """The nameservers as they are known by now."""
        return tuple(self._upstreams)

    @property
    def observer(self) -> Observer | None:
        """Who is told of failed attempts, and of nameservers that are benched or back; must not raise."""
        return self._upstreams[0].observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        for upstream in self._upstreams:
            upstream.observer = observer

    def expel(self, server: str) -> bool:
        """Ask a nameserver no more, by its URL, unless it is the last one; whether it was expelled."""
        left = [upstream for upstream in self._upstreams if upstream.text != server]
        if not left or len(left) == len(self._upstreams):
            return False
        self._expelled += [upstream for upstream in self._upstreams if upstream.text == server]
        self._upstreams[:] = left
        self._looked_at = float("-inf")
        if self.observer is not None:
            self.observer(UpstreamBenched(server, "it was expelled"))
        return True

    @property
    def served_at(self) -> float:
        """When a nameserver last gave a useful reply, in loop time."""
        return max(upstream.served_at for upstream in self._upstreams)

    @property
    def busy(self) -> bool:
        """Whether lookups are under way."""
        return bool(self._under_way) or any(lane.waiting for lane in self._lanes.values())

    async def aclose(self) -> None:
        """Close every socket; lookups under way fail. May be called twice."""
        self._empty_lanes()
        self._closed = True
        for lookup in list(self._under_way):
            question = lookup.question
            lookup.fail(ServerFailure(question.name, str(question.type), "the backend was closed"))
        for timer in (self._ticking, self._opening):
            if timer is not None:
                timer.cancel()
        for upstream in (*self._upstreams, *self._expelled):
            await upstream.aclose()
        if self._alarms is not None:
            self._alarms.close()

    def hand_over(self, successor: StubBackend) -> None:
        """Have the lookups under way go on at the successor's nameservers, where these here let them wait."""
        self._successors = successor._upstreams
        self._empty_lanes()
        for lookup in self._under_way:
            lookup.widen(successor._upstreams)

    async def drain(self) -> None:
        """Let the lookups under way finish, then close."""
        try:
            while self._under_way:
                await asyncio.wait(list(self._under_way))
        finally:
            await self.aclose()

    def __repr__(self) -> str:
        return f"StubBackend({[str(nameserver) for nameserver in self.nameservers]})"

    def _bind(self) -> asyncio.AbstractEventLoop:
        """Belong to the running loop from the first query on."""
        loop = asyncio.get_running_loop()
        if loop is self._loop and not self._closed:
            return loop
        if self._closed:
            raise UsageError("the backend is closed")
        if self._loop is not None:
            raise UsageError("the backend belongs to another event loop: make one for each loop")
        self._loop = loop
        self._alarms = DeadlineRing(loop)
        return loop

    def _look(self, now: float) -> None:
        """See who is best now."""
        self._looked_at = now
        self._equals = equals(self._upstreams)

    def _probe(self, question: Question, now: float) -> None:
        for upstream in self._upstreams:
            if upstream not in self._equals and upstream.health.wants_probe(now):
                upstream.probe(question, now)

    def _send(self, upstream: Upstream, questions: Sequence[Question], now: float, deadline: float) -> None:
        lane = self._lanes.get(upstream) or self._open_lane(upstream)
        if lane is not None and self.race == 1 and lane.suits(now, deadline):
            if questions:
                lane.post(questions, now, deadline)
            return
        for question in questions:
            self._careful(question, deadline).start()

    def _open_lane(self, upstream: Upstream) -> FastLane | None:
        assert self._loop is not None
        transport = upstream.transport(upstream.nameserver.scheme)
        if not isinstance(transport, UdpTransport):
            return None
        upstream.window.most = min(transport.capacity, upstream.most or MOST_UNDER_WAY)
        lane = FastLane(upstream, transport, landed=self._land, careful=self._careful, loop=self._loop)
        self._lanes[upstream] = lane
        return lane

    def _careful(self, question: Question, deadline: float) -> Lookup:
        """A Lookup for a question that was posted."""
        lookup = self._posted[question] = self._make_lookup(question, deadline)
        lookup.add_done_callback(self._ended)
        return lookup

    def _make_lookup(self, question: Question, deadline: float) -> Lookup:
        assert self._loop is not None
        assert self._alarms is not None
        upstreams = [*self._successors, *self._upstreams] if self._successors else self._upstreams
        return Lookup(
            question,
            deadline,
            upstreams,
            loop=self._loop,
            alarms=self._alarms,
            under_way=self._under_way,
            race=self.race,
        )

    def _ended(self, future: asyncio.Future[Answer[Any]]) -> None:
        """A Lookup for a question that was posted is over."""
        assert isinstance(future, Lookup)
        if self._posted.get(future.question) is not future:  # withdrawn: what became of it concerns nobody
            if not future.cancelled():
                future.exception()
            return
        del self._posted[future.question]
        error = future.exception()
        self._land([(future.question, future.result() if error is None else error)])

    def _land(self, outcomes: Sequence[tuple[Question, Answer[Any] | BaseException]]) -> None:
        if self._landed is not None:
            self._landed(outcomes)

    def _tick(self) -> None:
        """End the patience with what waits for too long."""
        assert self._loop is not None
        self._ticking = None
        for lane in list(self._lanes.values()):
            lane.end_patience(self._loop.time())
        if self._ticking is None and any(lane.waiting for lane in self._lanes.values()):
            self._ticking = self._loop.call_later(self._tick_length, self._tick)

    def _empty_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.empty()

    def _wait_for_pace(self, now: float) -> None:
        """Tell when the rate or the pace of a nameserver lets the next question through."""
        opens_at = [at for upstream in self._equals if (at := upstream.window.opens_at(now)) is not None]
        if opens_at and self._opening is None:
            assert self._loop is not None
            self._opening = self._loop.call_at(min(opens_at), self._opened)

    def _opened(self) -> None:
        self._opening = None
        self._pump()

    def _pump(self) -> None:
        """Start lookups that wait, as far as the best upstream has room."""
        waiting = self._waiting
        while waiting and not self._closed:
            if waiting[0].done():
                waiting.popleft()
            elif ranked(self._upstreams)[0].window.room(waiting[0].get_loop().time()) <= 0:
                self._wait_for_pace(waiting[0].get_loop().time())
                break
            else:
                waiting.popleft().start()
        if self._roomy is not None and not self._closed:
            self._roomy()


def _check(*, rate: float | None, in_flight: int | None, hedge: float | None, race: int) -> None:
    if rate is not None and not 0 < rate < float("inf"):
        raise ConfigurationError(f"rate is how many queries a second a nameserver gets, above 0, not {rate!r}")
    if in_flight is not None and not in_flight >= 1:
        raise ConfigurationError(
            f"in_flight is how many queries a nameserver gets at once, 1 or more, not {in_flight!r}"
        )
    if hedge is not None and not 0 < hedge < 1:
        raise ConfigurationError(f"hedge is a share of replies, between 0 and 1, such as 0.95, not {hedge!r}")
    if not race >= 1:
        raise ConfigurationError(f"race is how many nameservers are asked at once, 1 or more, not {race!r}")
