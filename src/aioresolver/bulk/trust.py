"""Trust: holds rows back until their nameserver has been checked, and asks again elsewhere what a liar answered."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from random import Random, SystemRandom  # the latter is from os.urandom; tests hand in the former
from typing import Any

from aioresolver.bulk.checks import Again, Check, CheckedServer, KnownQuestion, Sibling
from aioresolver.bulk.comparisons import Comparisons
from aioresolver.bulk.filters import Ask
from aioresolver.bulk.known_answers import ANCHORS, DOMAINS, KnownAnswers, KnownItem
from aioresolver.bulk.rows import Row
from aioresolver.bulk.statuses import ANSWERED
from aioresolver.bulk.testimony import Evidence
from aioresolver.errors import ConfigurationError
from aioresolver.resolver import Resolver

__all__ = ["Trust"]

MOST_HELD = 20_000
CHECK_ROWS = 500
CHECK_SECONDS = 5.0
SAMPLE = 0.02
DISPUTES_TO_TELL = 3
SILENCES_TO_DOUBT = 3
TRIES_ELSEWHERE = 3
NO_OTHER = "the nameserver gives false answers, and there is no other to ask"


class Trust:
    """A filter that lets a row out only when its nameserver has been found honest after it gave that row.

    Each nameserver is asked what is known beforehand: random names below `domains` must not exist, `anchors` must have
    their addresses. A sample of its answers is compared with those of others; where it stands alone, more of the kind
    are compared. That happens before a nameserver is used, and again whenever `check_rows` rows of it wait, or the
    first has waited `check_seconds`. A liar is named to `expel`, and all its rows that have not gone out yet are asked
    again of the others, which are checked in the same way. The last nameserver that is not known to lie is never
    expelled; when all of them lie, `complaints` says so, and so does the `error` of each row.

    What is not promised: a nameserver that lies only about some names is found when the sample meets enough of them,
    and what went out before then is not called back. Failures are not held, they accuse nobody.

    - `servers`: those in use, as in `Row.server`; others are added as rows of theirs come.
    - `sample`: the share of the answers that is compared, at the least two in each check.
    - `most_held`: so many rows wait at most; then the run waits.
    """

    def __init__(
        self,
        servers: Iterable[str] = (),
        *,
        expel: Callable[[str], object] | None = None,
        domains: Collection[str] = DOMAINS,
        anchors: Mapping[str, Collection[str]] = ANCHORS,
        sample: float = SAMPLE,
        check_rows: int = CHECK_ROWS,
        check_seconds: float = CHECK_SECONDS,
        most_held: int = MOST_HELD,
        random: Random | None = None,
        label: Callable[[], str] = lambda: secrets.token_hex(6),
    ) -> None:
        if not domains:
            raise ValueError("trust needs at least one domain under which random names do not exist")
        self.asked: int = 0
        self.asked_again: int = 0
        self.liars: dict[str, str] = {}
        self.unchecked: dict[str, str] = {}
        self._expel = expel
        self._known = KnownAnswers(domains, anchors)
        self._check_rows = check_rows
        self._check_seconds = check_seconds
        self._most_held = most_held
        self._random = random or SystemRandom()
        self._label = label
        self._held = 0
        self._ended = False
        self._servers: dict[str, CheckedServer] = {}
        self._outbox: deque[Ask] = deque()
        self._again: deque[Again] = deque()
        self._comparisons = Comparisons(
            self._servers, self._send, sample=sample, random=self._random, label=self._label
        )
        for server in servers:
            self._check(self._server(server), 0.0)

    @classmethod
    def of(cls, resolver: Resolver, **settings: Any) -> Trust:
        """The same for the nameservers of a resolver.

        Raises ConfigurationError when its backend does not ask them itself, so that none can be expelled.
        """
        backend: Any = resolver.backend
        if not hasattr(backend, "upstreams") or not hasattr(backend, "expel"):
            raise ConfigurationError(
                f"trust checks nameservers one by one, and {type(backend).__name__} does not choose among them itself:"
                " name the nameservers to ask"
            )
        return cls([upstream.text for upstream in backend.upstreams], expel=backend.expel, **settings)

    @property
    def compared(self) -> int:
        """How many names several nameservers were asked for."""
        return self._comparisons.compared

    @property
    def corrected(self) -> int:
        """How many rows say what all other nameservers say, and not what the one had said that was asked."""
        return self._comparisons.corrected

    @property
    def held(self) -> int:
        """How many rows are held back, and questions are still to be asked."""
        return self._held + len(self._outbox)

    @property
    def room(self) -> int:
        """How many rows more may be fed: none before a nameserver has been checked."""
        if self._servers and not self._held and not any(s.cleared for s in self._servers.values()):
            return 0 if any(server.check for server in self._servers.values()) else self._most_held
        return self._most_held - self._held

    @property
    def complaints(self) -> list[str]:
        """What has to be said about the nameservers, in sentences."""
        said = [f"{server} lies: {reason}" for server, reason in self.liars.items()]
        said += [f"{server} could not be checked: {reason}" for server, reason in self.unchecked.items()]
        if self.liars and not any(server.usable for server in self._servers.values()):
            said.append("every nameserver in use lies: no answer of this run is to be believed")
        disputed, compared = self._comparisons.disputed, self.compared
        if disputed >= DISPUTES_TO_TELL and disputed * 10 >= compared:
            said.append(
                f"nameservers contradict each other on {disputed} of {disputed + compared} names, and no third one tells"
                " who is right"
            )
        doubtful = self._known.doubtful
        if doubtful:
            said.append(f"no nameserver answers for {', '.join(doubtful)} as it should: these checks say nothing")
        return said

    def feed(self, rows: Sequence[Row], now: float) -> list[Row]:
        """Take these rows; returns those that no nameserver answers for."""
        through: list[Row] = []
        servers = self._servers
        for row in rows:
            text = row.server
            if text is None or row.status not in ANSWERED or "://" not in text:
                through.append(row)
                continue
            server = servers.get(text) or self._server(text)
            if server.lies:
                self._ask_elsewhere(Again(row), through)
            else:
                if not server.rows:
                    server.since = now
                server.rows.append(row)
                self._held += 1
        return through

    def asks(self, most: int, now: float) -> list[Ask]:
        """Checks, comparisons, and what a liar answered, to be asked of one nameserver each."""
        for server in self._servers.values():
            if server.rows and server.check is None and self._is_due(server, now):
                self._check(server, now)
        asks: list[Ask] = []
        while self._outbox and len(asks) < most:
            asks.append(self._outbox.popleft())
        while self._again and len(asks) < most:
            found = self._comparisons.witnesses(self._again[0].tried, 1) or self._comparisons.witnesses((), 1)
            if not found:
                break
            again = self._again.popleft()
            asks.append(Ask(again.row.name, again.row.type, found[0].text, again._replace(server=found[0].text)))
            self.asked_again += 1
        self.asked += len(asks)
        return asks

    def heard(self, ask: Ask, row: Row, now: float) -> list[Row]:
        """How a question ended."""
        through: list[Row] = []
        purpose = ask.tag
        assert ask.server is not None
        server = self._servers[ask.server]
        if isinstance(purpose, Again):
            self._held -= 1
            self._heard_again(purpose, row, now, through)
            return through
        if isinstance(purpose, KnownQuestion):
            self._heard_known(server, purpose, row)
        elif isinstance(purpose, Sibling):
            self._comparisons.heard_sibling(purpose, row._replace(server=ask.server))
        else:
            purpose.answers.setdefault(ask.server, []).append(row._replace(server=ask.server))
            purpose.open -= 1
            if not purpose.open:
                self._comparisons.weigh(purpose)
        check = purpose.check
        check.open -= 1
        if not check.open:
            self._conclude(check, now, through)
        return through

    def wake_at(self) -> float | None:
        """When the next check is due."""
        waiting = [s.since + self._check_seconds for s in self._servers.values() if s.rows and s.check is None]
        return min(waiting, default=None)

    def wake(self, now: float) -> list[Row]:
        """None: rows wait for answers."""
        return []

    def end(self, now: float) -> list[Row]:
        """No rows more: all that wait are checked now."""
        self._ended = True
        return []

    # ---- checks

    def _server(self, text: str) -> CheckedServer:
        server = self._servers.get(text)
        if server is None:
            server = self._servers[text] = CheckedServer(text)
        return server

    def _is_due(self, server: CheckedServer, now: float) -> bool:
        return (
            self._ended
            or len(server.rows) >= self._check_rows
            or now - server.since >= self._check_seconds
            or self._held >= self._most_held // 2
        )

    def _check(self, server: CheckedServer, now: float) -> None:
        """Ask what is known and compare a sample; what comes in from now on waits for the next check."""
        check = server.check = Check(server, server.rows)
        server.rows = []
        for item in self._known.a_few() if server.cleared else self._known.everything():
            self._ask_known(check, item)
        for row in self._comparisons.chosen(check.rows, server):
            self._comparisons.compare(check, row)

    def _ask_known(self, check: Check, item: KnownItem) -> None:
        question = item.question(self._label(), www=self._random.random() < 0.5)
        self._send(check, Ask(question, "A", check.server.text, KnownQuestion(check, item)))

    def _send(self, check: Check, ask: Ask) -> None:
        check.open += 1
        self._outbox.append(ask)

    def _heard_known(self, server: CheckedServer, purpose: KnownQuestion, row: Row) -> None:
        right = purpose.item.is_right(row)
        if right is None:
            return
        if right and purpose.item.addresses is None:
            purpose.check.canaries += 1
        if self._known.note(server.text, purpose.item, right=right):
            self._ask_known(purpose.check, purpose.item)

    def _conclude(self, check: Check, now: float, through: list[Row]) -> None:
        """All questions of a check are answered: let its rows out, or have them asked again."""
        server = check.server
        server.check = None
        self._comparisons.accused.add(server.text)
        while self._comparisons.accused:
            accused = self._servers[self._comparisons.accused.pop()]
            accused.lie = accused.lie or self._known.lie(accused.text) or self._testimony_against(accused)
        if server.lie is None and not check.canaries:
            server.silences += 1
            if server.silences < SILENCES_TO_DOUBT and (check.rows or server.rows):
                server.rows = check.rows + server.rows
                self._check(server, now)
                return
            server.cleared = False
            self.unchecked[server.text] = "it does not answer the questions whose answers are known"
        elif server.lie is None:
            server.silences = 0
            server.cleared = True
            self.unchecked.pop(server.text, None)
        self._expel_liars(through)
        if not server.lies:
            self._held -= len(check.rows)
            through += check.rows
        else:
            for row in check.rows:
                self._held -= 1
                self._ask_elsewhere(Again(row), through)

    # ---- liars

    def _testimony_against(self, accused: CheckedServer) -> str | None:
        """What others prove against it; nothing, and all is forgotten, when one of them is no good witness."""
        lie = accused.evidence.lie()
        if lie and any(self._servers[text].lie or self._known.has_erred(text) for text in accused.accusers):
            accused.evidence = Evidence()
            accused.accusers.clear()
            return None
        return lie

    def _expel_liars(self, through: list[Row]) -> None:
        """Expel who lies, and who cannot be checked though others can; but never the last."""
        cleared = any(server.cleared and server.lie is None for server in self._servers.values())
        if cleared:
            for text in list(self.unchecked):
                server = self._servers[text]
                if server.silences >= SILENCES_TO_DOUBT and server.lie is None:
                    server.lie = "it does not answer the questions whose answers are known"
        for server in self._servers.values():
            if server.lie is None or server.lies:
                continue
            server.lies = True
            server.cleared = False
            if server.text not in self.unchecked:
                self.liars[server.text] = server.lie
            self._held -= len(server.rows)
            rows, server.rows = server.rows, []
            for row in rows:
                self._ask_elsewhere(Again(row), through)
        if cleared:
            for server in self._servers.values():
                if server.lies and not server.expelled:
                    server.expelled = True
                    if self._expel is not None:
                        self._expel(server.text)
        if not any(server.usable for server in self._servers.values()):
            while self._again:
                self._held -= 1
                through.append(self._again.popleft().row._replace(error=NO_OTHER))

    def _ask_elsewhere(self, again: Again, through: list[Row]) -> None:
        if any(server.usable for server in self._servers.values()):
            self._again.append(again)
            self._held += 1
        else:
            through.append(again.row._replace(error=NO_OTHER))

    def _heard_again(self, again: Again, row: Row, now: float, through: list[Row]) -> None:
        """Another's answer in place of a liar's: it waits for its check, as any other."""
        mended = row._replace(index=again.row.index, input=again.row.input)
        if mended.status not in ANSWERED:
            tried = again.tried | {again.server}
            if len(tried) < TRIES_ELSEWHERE and self._comparisons.witnesses(tried, 1):
                self._again.append(again._replace(tried=tried))
                self._held += 1
                return
        through += self.feed([mended], now)
