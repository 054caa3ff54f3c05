"""How much an upstream is sent: the rate, the window, and the pace that is found over links of every kind."""

from __future__ import annotations

import random
from collections import defaultdict, deque

import pytest

from aioresolver.backends.ranking import Health
from aioresolver.backends.window import BURST, START, Window

# ---- the rate


def test_no_more_goes_at_once_than_fifty_milliseconds_worth_of_the_rate() -> None:
    window = Window(1000, rate=400)
    assert window.room(5.0) == 20
    window.sent(20, 5.0)
    assert window.room(5.0) == 0
    assert window.opens_at(5.0) == pytest.approx(5.0 + 1 / 400)
    assert window.room(5.01) == 4


def test_a_low_rate_lets_one_through_at_a_time() -> None:
    window = Window(1000, rate=0.5)
    now = 77.0
    times = []
    while now < 90:
        assert window.room(now) == 1
        window.sent(1, now)
        times.append(now)
        opens_at = window.opens_at(now)
        assert opens_at is not None
        assert window.room(now) == window.room(opens_at - 0.01) == 0
        now = opens_at
    assert times == pytest.approx([77, 79, 81, 83, 85, 87, 89])


def test_retransmissions_are_owed_to_the_rate() -> None:
    window = Window(1000, rate=100)
    window.sent(35, 1.0, again=True)
    assert window.room(1.0) == window.room(1.3) == 0
    assert window.opens_at(1.0) == pytest.approx(1.31)
    assert window.room(window.opens_at(1.0) or 0.0) == 1


@pytest.mark.parametrize("rate", [3.0, 70.0, 12_345.6])
def test_the_rate_is_kept_whatever_the_time(rate: float) -> None:
    randomness = random.Random(4)
    window = Window(100_000, rate=rate)
    window.size = 100_000.0
    began = now = 987_654.3
    sent = 0
    while now < began + 20:
        room = window.room(now)
        if room:
            assert window.opens_at(now) is None
            count = randomness.randint(1, room)
            window.sent(count, now)
            window.used = 0
            sent += count
            assert sent <= (now - began) * rate + max(1, BURST * rate) + 1
        opens_at = window.opens_at(now)
        now = max(now + randomness.expovariate(rate), opens_at or 0.0)
    assert sent > 20 * rate * 0.4


def test_without_a_rate_nothing_opens_later() -> None:
    window = Window(1000)
    assert window.room(0.0) == START
    window.sent(START, 0.0)
    assert window.room(0.0) == 0
    assert window.full
    assert window.opens_at(0.0) is None


# ---- the window


def reply(window: Window, count: int, elapsed: float, now: float) -> None:
    window.used -= count
    window.answered(count, elapsed, now)
    window.sent(window.room(now), now)


def test_a_near_server_gets_as_many_at_once_as_may_be() -> None:
    window = Window(500)
    window.sent(window.room(9.0), 9.0)
    for step in range(1, 2000):
        reply(window, 10, 0.001, 9.0 + step / 1000)
    assert window.size == window.used == 500
    assert window.pace is None
    window.most = 300
    assert window.size == 300


def test_replies_that_wait_end_its_growth() -> None:
    window = Window(500)
    window.sent(window.room(9.0), 9.0)
    reply(window, 10, 0.001, 9.0)
    for step in range(1, 500):
        reply(window, 10, 0.015, 9.0 + step / 1000)
    assert window.size == START + 10


def test_what_was_sent_beyond_the_room_leaves_none() -> None:
    window = Window(500)
    window.sent(START + 5, 1.0)
    assert window.room(1.0) == 0


def test_a_far_server_that_nobody_asked_for_a_while_gets_a_few_at_once() -> None:
    window = Window(500)
    window.sent(1, 1.0)
    reply(window, 1, 0.1, 1.1)
    assert window.pace is not None
    assert window.opens_at(1.1) is not None
    window.used = 0
    assert window.room(9.0) == START


# ---- links


class Link:
    """A way to a server, and back: so many packets a second, a queue, and losses that are nobody's doing."""

    def __init__(
        self,
        capacity: float,
        trip: float,
        *,
        queue: int = 50,
        loss: float = 0.0,
        late: float = 0.0,
        entries: int | None = None,
    ) -> None:
        self.capacity = capacity
        self.trip = trip
        self.queue = queue
        self.loss = loss
        self.late = late
        self.entries = entries
        self.restarts = 0.0
        self.sent = self.dropped = 0
        self._translated: deque[float] = deque()
        self._free_at = 0.0
        self._random = random.Random(1)

    def carry(self, now: float, *, dead: bool) -> float | None:
        """When the reply is there, if ever."""
        self.sent += 1
        begins = max(self._free_at, now)
        if (begins - now) * self.capacity > self.queue or self._table_is_full(now):
            self.dropped += 1
            return None
        self._free_at = begins + 1 / self.capacity
        arrives = self._free_at + self.trip
        if self._random.random() < self.late:
            arrives += self._random.expovariate(5)
        lost = dead or self._random.random() < self.loss
        if self.entries is not None:
            self._translated.append(now + 1.0 if lost else arrives)
        return None if lost else arrives

    def refuses(self, now: float) -> bool:
        """Whether nobody is there, which is said at once: for so many seconds of each, it is started again."""
        return now % 1.0 > 1.0 - self.restarts

    def _table_is_full(self, now: float) -> bool:
        """Whether a router that translates addresses has an entry for as many questions as it can remember."""
        if self.entries is None or len(self._translated) < self.entries:
            return False
        self._translated = deque(ends for ends in self._translated if ends > now)
        return len(self._translated) >= self.entries


class Query:
    """A name on its way; `under_way` has the number of the link for each try that somebody waits for."""

    __slots__ = ("began", "dead", "done", "tries", "under_way")

    def __init__(self, began: float, *, dead: bool) -> None:
        self.began = began
        self.dead = dead
        self.done = False
        self.tries = 0
        self.under_way: list[int] = []


class Run:
    """Somebody with endless names asks over links, a millisecond at a time, as a StubBackend would.

    A name goes to a server with room; what is not answered in patience goes to the next, until five seconds are over.
    Each millisecond's replies are told at once, and the windows are looked at only when something has happened.
    """

    TICK = 0.001
    DEADLINE = 5.0

    def __init__(self, *links: Link, dead: float = 0.0, rate: float | None = None, most: int = 10_000) -> None:
        self.links = links
        self.windows = [Window(most, rate=rate) for _ in links]
        self.answers: defaultdict[int, int] = defaultdict(int)
        self._health = [Health() for _ in links]
        self._dead = dead
        self._random = random.Random(2)
        self._tick = 0
        self._replies: defaultdict[int, list[tuple[Query, int, float, bool]]] = defaultdict(list)
        self._alarms: defaultdict[int, list[tuple[Query, int, bool]]] = defaultdict(list)
        self._opens_at = 0.0

    def run(self, seconds: float) -> Run:
        for _ in range(round(seconds / self.TICK)):
            self._tick += 1
            now = self._tick * self.TICK
            replies = self._replies.pop(self._tick, [])
            alarms = self._alarms.pop(self._tick, [])
            if replies:
                self._hear(replies, now)
            for query, at, first in alarms:
                if not query.done:
                    self._end_patience(query, at, now, first=first)
            if replies or alarms or now >= self._opens_at:
                self._fill(now)
        return self

    def answered(self, first: int, last: int) -> float:
        """Answers a second, from one second to another."""
        return sum(self.answers[second] for second in range(first, last)) / (last - first)

    def lost_by_own_doing(self, first: float, seconds: float) -> float:
        """The share of packets that find no place, in so many seconds from now on."""
        self.run(first)
        sent, dropped = self._counts()
        self.run(seconds)
        sent_later, dropped_later = self._counts()
        return (dropped_later - dropped) / (sent_later - sent)

    def _counts(self) -> tuple[int, int]:
        return sum(link.sent for link in self.links), sum(link.dropped for link in self.links)

    def _hear(self, replies: list[tuple[Query, int, float, bool]], now: float) -> None:
        heard: dict[int, tuple[int, float]] = {}
        for query, at, sent, first in replies:
            if query.done:
                continue
            query.done = True
            self.answers[int(now)] += 1
            self._health[at].heard(now - sent, now)
            for used in query.under_way:
                self.windows[used].used -= 1
            if first:
                count, slowest = heard.get(at, (0, 0.0))
                heard[at] = (count + 1, max(slowest, now - sent))
        for at, (count, slowest) in heard.items():
            self.windows[at].answered(count, slowest, now)

    def _end_patience(self, query: Query, at: int, now: float, *, first: bool) -> None:
        query.under_way.remove(at)
        self.windows[at].used -= 1
        if first:
            self.windows[at].lost(1, now)
        if now - query.began >= self.DEADLINE:
            query.done = True
        else:
            self._send(query, (at + 1) % len(self.links), now)

    def _fill(self, now: float) -> None:
        self._opens_at = float("inf")
        for at, window in enumerate(self.windows):
            for _ in range(window.room(now)):
                self._send(Query(now, dead=self._random.random() < self._dead), at, now)
            opens_at = window.opens_at(now)
            if opens_at is not None:
                self._opens_at = min(self._opens_at, opens_at)

    def _send(self, query: Query, at: int, now: float) -> None:
        first = not query.tries
        patience = self._health[at].patience(query.tries // len(self.links), query.began + self.DEADLINE - now)
        query.tries += 1
        query.under_way.append(at)
        self.windows[at].sent(1, now, again=not first)
        refused = self.links[at].refuses(now)
        if refused:
            self.windows[at].unreached()
            patience, first = 0.25, False
        self._alarms[max(self._tick + 1, round((now + patience) / self.TICK))].append((query, at, first))
        if refused:
            return
        arrives = self.links[at].carry(now, dead=query.dead)
        if arrives is not None:
            self._replies[max(self._tick + 1, round(arrives / self.TICK + 0.5))].append((query, at, now, first))


TRIPS = pytest.mark.parametrize("trip", [0.001, 0.03, 0.3])


@TRIPS
@pytest.mark.parametrize("queue", [20, 1000])
def test_it_finds_what_a_link_carries(trip: float, queue: int) -> None:
    run = Run(Link(1000, trip, queue=queue))
    lost = run.lost_by_own_doing(8, 8)
    assert run.answered(6, 16) > 920
    assert lost < 0.03


@TRIPS
def test_packets_that_the_path_loses_do_not_slow_it_down(trip: float) -> None:
    run = Run(Link(1000, trip, loss=0.1)).run(15)
    assert run.answered(5, 15) > 0.8 * 900


@TRIPS
def test_a_few_dead_names_do_not_slow_it_down(trip: float) -> None:
    link = Link(1000, trip)
    run = Run(link, dead=0.025).run(15)
    tries = link.sent / sum(run.answers.values())
    assert tries < 1.4
    assert run.answered(5, 15) > 0.9 * 1000 / 1.25


@TRIPS
def test_many_dead_names_do_not_slow_it_down(trip: float) -> None:
    """Each of them costs nine packets in its five seconds, so that three in ten packets can be answered."""
    link = Link(2000, trip)
    run = Run(link, dead=0.2).run(20)
    assert run.answered(5, 20) > 0.5 * 2000 * 0.8 / (0.8 + 0.2 * 9)


@TRIPS
def test_it_follows_the_capacity_down_and_up_again(trip: float) -> None:
    link = Link(2000, trip)
    run = Run(link).run(6)
    link.capacity = 500
    lost = run.lost_by_own_doing(15, 5)
    assert lost < 0.1
    assert run.answered(8, 12) > 0.8 * 500
    link.capacity = 2000
    run.run(20)
    assert run.answered(41, 46) > 0.85 * 2000


def test_a_router_that_remembers_two_hundred_questions() -> None:
    run = Run(Link(20_000, 0.1, queue=1000, entries=200))
    lost = run.lost_by_own_doing(4, 6)
    assert run.answered(4, 10) > 0.85 * 2000
    assert lost < 0.03


def test_late_replies_do_not_slow_it_down() -> None:
    """Three in ten come 200 ms later on average: more than patience, so that a good part is asked twice."""
    run = Run(Link(1000, 0.03, late=0.3)).run(15)
    assert run.answered(5, 15) > 0.6 * 1000


def test_each_of_two_servers_gets_what_it_bears() -> None:
    strong, weak = Link(1500, 0.03), Link(300, 0.01)
    run = Run(strong, weak).run(15)
    assert run.answered(5, 15) > 0.9 * 1800
    assert 0.6 * 300 < weak.sent / 15 < 2 * 300


def test_a_far_and_fast_server_is_found_out_within_seconds() -> None:
    run = Run(Link(10_000, 0.3, queue=500)).run(8)
    assert run.answered(7, 8) > 0.85 * 10_000


def test_after_an_outage_it_is_as_fast_as_before() -> None:
    link = Link(1000, 0.03)
    run = Run(link).run(5)
    link.loss = 1.0
    run.run(3)
    assert run.answered(7, 8) == 0
    link.loss = 0.0
    run.run(7)
    assert run.answered(11, 15) > 0.9 * 1000


@pytest.mark.parametrize("trip", [0.001, 0.015, 0.1])
def test_a_server_that_is_restarted_every_second_is_asked_as_fast_as_it_answers(trip: float) -> None:
    """It is gone for a sixth of the time, and says so; each time that looks like the collapse of a link."""
    link = Link(2000, trip)
    link.restarts = 0.15
    run = Run(link).run(40)
    assert run.answered(10, 20) > 0.7 * 2000
    assert run.answered(30, 40) > 0.7 * 2000


@TRIPS
def test_a_rate_holds_over_any_link(trip: float) -> None:
    link = Link(1000, trip, loss=0.1)
    Run(link, rate=300).run(10)
    assert 0.85 * 3000 < link.sent < 3000 + 15 + 300 * 0.5


def test_nothing_but_silence_stops_nobody() -> None:
    link = Link(1000, 0.03, loss=1.0)
    run = Run(link).run(8)
    assert not run.answers
    link.loss = 0.0
    run.run(8)
    assert run.answered(12, 16) > 900


def test_over_a_connection_there_is_nothing_to_find_out() -> None:
    window = Window(500, searching=False)
    window.sent(400, 0.0)
    for tenth in range(50):
        window.lost(20, tenth / 10)
        window.answered(1, 3.0, tenth / 10)

    assert (window.pace, window.size, window.room(5.0)) == (None, 500, 100)


def test_a_rate_may_come_later() -> None:
    window = Window(500, searching=False)
    window.rate = 100.0
    window.sent(window.room(0.0), 0.0)

    assert window.used < 20
    assert window.room(0.0) == 0
    assert window.opens_at(0.0) is not None


def test_who_is_asked_again_takes_no_place() -> None:
    window = Window(100)
    window.sent(100, 0.0)
    assert window.room(0.0) == 0

    window.used -= 100  # patience is over
    window.sent(100, 0.4, again=True)
    window.retries += 100
    assert (window.used, window.room(0.4)) == (100, 100)
