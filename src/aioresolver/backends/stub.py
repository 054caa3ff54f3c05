"""StubBackend: the pure-asyncio wire client. It asks recursive nameservers and believes them."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Literal

from aioresolver.answer import Answer
from aioresolver.backends.batches import Landed
from aioresolver.backends.bootstrap import Bootstrap, known_by_address
from aioresolver.backends.budgets import RetryBudget
from aioresolver.backends.dialect import Dialect
from aioresolver.backends.discovery import Discovery
from aioresolver.backends.encryption import chosen
from aioresolver.backends.fast_lane import FastLane
from aioresolver.backends.lookup import Lookup
from aioresolver.backends.pool import Pool
from aioresolver.backends.stream_lane import StreamLane
from aioresolver.backends.upstream import Upstream
from aioresolver.errors import ConfigurationError, ServerFailure, UsageError
from aioresolver.events import Observer
from aioresolver.flow.closing import Closing
from aioresolver.flow.deadline_ring import DeadlineRing
from aioresolver.transports.base import Transport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport as open_usual
from aioresolver.transports.udp import UdpTransport
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Question

__all__ = ["StubBackend"]

USUAL_EDNS = Edns()

# How often patience with the questions in the fast lanes is looked at.
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
    - `discover`: ask plain nameservers which encrypted ones they are too, and use those that prove it (RFC 9462);
      `"opportunistic"` also those at their own private address, which cannot prove it.
    - `bootstrap`: who is asked for the addresses of nameservers that are given by name; by default the operating system.
    - `context`: what encrypted nameservers are checked with, in place of the machine's authorities.
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
        discover: bool | Literal["opportunistic"] = False,
        bootstrap: Sequence[Nameserver | str] | Nameserver | str = (),
        context: ssl.SSLContext | None = None,
        open_transport: Callable[[Nameserver], Transport] | None = None,
    ) -> None:
        _check(rate=rate, in_flight=in_flight, hedge=hedge, race=race, edns=edns)
        if context is not None and not isinstance(context, ssl.SSLContext):
            raise ConfigurationError(f"context is an ssl.SSLContext, not {context!r}")
        if open_transport is not None and not callable(open_transport):
            raise ConfigurationError(
                f"open_transport makes the transport to a nameserver, which is not for {open_transport!r}"
            )
        self.nameservers: tuple[Nameserver, ...] = tuple(dict.fromkeys(Nameserver.parse_all(nameservers)))
        if not self.nameservers:
            raise ConfigurationError("a stub backend needs at least one nameserver, such as '1.1.1.1'")
        self.rotate: bool = rotate
        self.race: int = race
        self._tick_length = TICK if hedge is None else HEDGED_TICK
        open_transport = open_transport or partial(open_usual, context=context)
        budget = RetryBudget()
        known = known_by_address(Nameserver.parse_all(bootstrap))
        self._bootstrap = Bootstrap(
            StubBackend(known, open_transport=open_transport) if known else None, open_transport=open_transport
        )

        def make_upstream(nameserver: Nameserver) -> Upstream:
            return Upstream(
                nameserver,
                self._bootstrap.open,
                room=self._pump,
                dialect=Dialect(edns, cookies=not nameserver.encrypted, randomizes=randomize_case),
                budget=budget,
                most=in_flight,
                rate=rate,
                percentile=hedge,
            )

        self._pool = Pool(self._asked_first(encryption, discover=bool(discover)), make_upstream, changed=self._pump)
        if discover:
            alone = partial(StubBackend, bootstrap=known, open_transport=open_transport)
            self._pool.discovery = Discovery(
                self.nameservers,
                alone,
                self._pool.discovered,
                over=self._pump,
                opportunistic=discover == "opportunistic",
            )
        self._lanes: dict[Upstream, FastLane | StreamLane] = {}
        self._ticking: asyncio.TimerHandle | None = None
        self._opening: asyncio.TimerHandle | None = None
        self._waiting: deque[Lookup] = deque()
        self._under_way: set[Lookup] = set()
        self._posted: dict[Question, Lookup] = {}
        self._over: list[Lookup] = []
        self._telling = False
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
            self._pool.take_turns()
        lookup = self._make_lookup(question, deadline)
        if self._waiting or not self._pool.has_room_first(lookup.began):
            self._let_wait(lookup)
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
        room = self._pool.room(now)
        if not room:
            self._wait_for_pace(now)
        return room

    def post(self, questions: Sequence[Question], deadline: float) -> None:
        """Ask all of these."""
        loop = self._bind()
        now = loop.time()
        pool = self._pool
        if pool.hurried:
            pool.hurry(hurried=False)
        if len(pool.upstreams) > 1:
            pool.probe(questions[0], now)
        if self.rotate:
            pool.take_turns()
        for upstream in pool.best:
            count = upstream.window.room(now)
            self._send(upstream, questions[:count], now, deadline)
            questions = questions[count:]
            if not questions:
                break
        else:
            self._post_anyway(questions, now, deadline)
        if self._ticking is None:
            self._ticking = loop.call_later(self._tick_length, self._tick)

    def hurry(self) -> None:
        """Nothing more is to come for now: ask again sooner, so that the last few do not take most of the time."""
        if self._pool.hurried:
            return
        self._pool.hurry(hurried=True)
        for lookup in list(self._under_way):
            lookup.hasten()

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
        return tuple(self._pool.upstreams)

    @property
    def observer(self) -> Observer | None:
        """Who is told of failed attempts, and of nameservers that are benched or back; must not raise."""
        return self._pool.observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._pool.observer = observer

    def expel(self, server: str) -> bool:
        """Ask a nameserver no more, by its URL, unless it is the last one; whether it was expelled."""
        return self._pool.expel(server)

    @property
    def served_at(self) -> float:
        """When a nameserver last gave a useful reply, in loop time."""
        return self._pool.served_at

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
        await self._pool.aclose()
        await self._bootstrap.aclose()
        if self._alarms is not None:
            self._alarms.close()

    def hand_over(self, successor: StubBackend) -> None:
        """Have the lookups under way go on at the successor's nameservers, where these here let them wait."""
        self._successors = successor._pool.upstreams
        self._empty_lanes()
        for lookup in self._under_way:
            lookup.widen(self._successors)
        if not self._pool.upstreams:  # nobody was discovered, for whom they wait
            waiting, self._waiting = self._waiting, deque()
            for lookup in waiting:
                if not lookup.done():
                    lookup.start()

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

    def _asked_first(self, encryption: str, *, discover: bool) -> tuple[Nameserver, ...]:
        """The nameservers to begin with; where all have to be discovered, none."""
        if discover and encryption == "plain":
            raise ConfigurationError("discover finds encrypted nameservers, and encryption='plain' asks none of them")
        plain = not any(nameserver.encrypted for nameserver in self.nameservers)
        if discover and plain and encryption == "required":
            return ()
        return chosen(self.nameservers, encryption)

    def _send(self, upstream: Upstream, questions: Sequence[Question], now: float, deadline: float) -> None:
        lane = self._lanes.get(upstream) or self._open_lane(upstream)
        if lane is not None and self.race == 1 and lane.suits(now, deadline):
            if questions:
                lane.post(questions, now, deadline)
            return
        for question in questions:
            self._careful(question, deadline).start()

    def _open_lane(self, upstream: Upstream) -> FastLane | StreamLane | None:
        assert self._loop is not None
        scheme = upstream.nameserver.scheme
        transport = upstream.transport(scheme)
        lane: FastLane | StreamLane
        if isinstance(transport, UdpTransport):
            upstream.window.most = min(transport.capacity, upstream.most or MOST_UNDER_WAY)
            lane = FastLane(upstream, transport, landed=self._land, careful=self._careful, loop=self._loop)
        elif scheme != "udp":
            lane = StreamLane(upstream, landed=self._land, careful=self._careful, loop=self._loop)
        else:
            return None
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
        upstreams = self._pool.upstreams
        if self._successors:
            upstreams = [*self._successors, *upstreams]
        return Lookup(
            question,
            deadline,
            upstreams,
            loop=self._loop,
            alarms=self._alarms,
            under_way=self._under_way,
            race=self.race,
        )

    def _post_anyway(self, questions: Sequence[Question], now: float, deadline: float) -> None:
        """What nobody has room for goes to the best; where there is nobody, it waits for those that are discovered."""
        if self._pool.best:
            self._send(self._pool.best[0], questions, now, deadline)
            return
        for question in questions:
            self._let_wait(self._careful(question, deadline))

    def _let_wait(self, lookup: Lookup) -> None:
        """Have it wait for its turn, or for somebody to ask."""
        waiting = self._waiting
        while waiting and waiting[0].done():
            waiting.popleft()
        waiting.append(lookup)
        lookup.wait()
        if self._pool.is_deserted:
            self._wait_no_more()

    def _wait_no_more(self) -> None:
        """Nobody was discovered, so nobody's turn will come."""
        waiting, self._waiting = self._waiting, deque()
        asked = ", ".join(map(str, self.nameservers))
        reason = f"no encrypted nameserver was discovered at {asked}, and encryption is required"
        for lookup in waiting:
            lookup.fail(ServerFailure(str(lookup.question.name), str(lookup.question.type), reason))

    def _ended(self, future: asyncio.Future[Answer[Any]]) -> None:
        """A Lookup for a question that was posted is over."""
        assert isinstance(future, Lookup)
        self._over.append(future)
        self._tell_soon()

    def _tell_soon(self) -> None:
        """Tell what is over, and that there is room, once for all that happens in this turn of the loop."""
        if not self._telling:
            assert self._loop is not None
            self._telling = True
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        self._telling = False
        over, self._over = self._over, []
        outcomes: list[tuple[Question, Answer[Any] | BaseException]] = []
        for lookup in over:
            error = None if lookup.cancelled() else lookup.exception()
            if self._posted.get(lookup.question) is lookup:  # else it was withdrawn: what became of it concerns nobody
                del self._posted[lookup.question]
                outcomes.append((lookup.question, lookup.result() if error is None else error))
        if outcomes:
            self._land(outcomes)
        if self._roomy is not None and not self._closed:
            self._roomy()

    def _land(self, outcomes: Sequence[tuple[Question, Answer[Any] | BaseException]]) -> None:
        if self._landed is not None:
            self._landed(outcomes)

    def _tick(self) -> None:
        """End the patience with what waits for too long."""
        assert self._loop is not None
        self._ticking = None
        if len(self._lanes) > len(self._pool.upstreams):  # some have left
            known = self._pool.upstreams
            self._lanes = {each: lane for each, lane in self._lanes.items() if lane.waiting or each in known}
        for lane in list(self._lanes.values()):
            lane.end_patience(self._loop.time())
        if self._ticking is None and any(lane.waiting for lane in self._lanes.values()):
            self._ticking = self._loop.call_later(self._tick_length, self._tick)

    def _empty_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.empty()

    def _wait_for_pace(self, now: float) -> None:
        """Tell when the rate or the pace of a nameserver lets the next question through."""
        opens_at = self._pool.opens_at(now)
        if opens_at is not None and self._opening is None:
            assert self._loop is not None
            self._opening = self._loop.call_at(opens_at, self._opened)

    def _opened(self) -> None:
        self._opening = None
        self._pump()

    def _pump(self) -> None:
        """Start lookups that wait, as far as the best upstream has room."""
        if self._waiting and self._pool.is_deserted:
            self._wait_no_more()
        waiting = self._waiting
        while waiting and not self._closed:
            if waiting[0].done():
                waiting.popleft()
            elif not self._pool.has_room_first(waiting[0].get_loop().time()):
                self._wait_for_pace(waiting[0].get_loop().time())
                break
            else:
                waiting.popleft().start()
        if self._roomy is not None and not self._closed:
            self._tell_soon()


def _check(*, rate: float | None, in_flight: int | None, hedge: float | None, race: int, edns: Edns | None) -> None:
    if any(each is not None and not isinstance(each, (int, float)) for each in (rate, in_flight, hedge)):
        raise ConfigurationError(f"rate, in_flight and hedge are numbers, not {rate!r}, {in_flight!r} and {hedge!r}")
    if edns is not None and not isinstance(edns, Edns):
        raise ConfigurationError(f"edns is an Edns, or None to ask without, not {edns!r}")
    if rate is not None and not 0 < rate < float("inf"):
        raise ConfigurationError(f"rate is how many queries a second a nameserver gets, above 0, not {rate!r}")
    if in_flight is not None and not in_flight >= 1:
        raise ConfigurationError(
            f"in_flight is how many queries a nameserver gets at once, 1 or more, not {in_flight!r}"
        )
    if hedge is not None and not 0 < hedge < 1:
        raise ConfigurationError(f"hedge is a share of replies, between 0 and 1, such as 0.95, not {hedge!r}")
    if not isinstance(race, int) or race < 1:
        raise ConfigurationError(f"race is how many nameservers are asked at once, 1 or more, not {race!r}")
