"""Comparisons: a sample of each nameserver's answers beside those of others, and more of what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random  # the type: what draws is handed in

from aioresolver.bulk.checks import Case, Check, CheckedServer, Sibling
from aioresolver.bulk.filters import Ask
from aioresolver.bulk.rows import Row
from aioresolver.bulk.statuses import ANSWERED
from aioresolver.bulk.synthesis import parent_of
from aioresolver.bulk.testimony import Alone, Dissent, dissents, same_answer

__all__ = ["Comparisons"]

LEAST_SAMPLE = 2
MOST_WITNESSES = 4
SUSPECTED = 8
MOST_SUSPECTED = 32


class Comparisons:
    """Asks others for a sample of what a nameserver has answered; `send` takes the questions of a check.

    One other is asked at first. If that one differs, so are more, and the nameserver itself once again; then whoever
    stands alone has it noted against it. `accused` are those of whom something was noted.
    """

    def __init__(
        self,
        servers: Mapping[str, CheckedServer],
        send: Callable[[Check, Ask], object],
        *,
        sample: float,
        random: Random,
        label: Callable[[], str],
    ) -> None:
        self.compared: int = 0
        self.corrected: int = 0
        self.accused: set[str] = set()
        self._servers = servers
        self._send = send
        self._sample = sample
        self._random = random
        self._label = label
        self._disputes: Counter[tuple[str, str]] = Counter()

    @property
    def disputed(self) -> int:
        """On how many names two nameservers contradict each other, neither of which is known to lie."""
        servers = self._servers
        return sum(n for (one, other), n in self._disputes.items() if not servers[one].lies and not servers[other].lies)

    def chosen(self, rows: Sequence[Row], server: CheckedServer) -> list[Row]:
        """A sample of the rows; and some of those that have the commonest address, for that is what most lies have."""
        if not rows or not self.witnesses((server.text,), 1):
            return []
        count = min(len(rows), max(LEAST_SAMPLE, round(len(rows) * self._sample)))
        chosen = {(row.index, row.type): row for row in self._random.sample(rows, count)}
        common = Counter(row.data[0] for row in rows if row.data and row.data[0] not in server.vouched)
        for address, times in common.most_common(1):
            if times >= 3:
                same = [row for row in rows if row.data and row.data[0] == address]
                chosen.update(((row.index, row.type), row) for row in self._random.sample(same, 3))
        return list(chosen.values())

    def compare(self, check: Check, row: Row) -> None:
        """Ask another nameserver the question of this row."""
        case = Case(check, row)
        check.seen.add((row.name, row.type))
        self._call(case, self.witnesses((check.server.text,), 1))

    def _call(self, case: Case, witnesses: Sequence[CheckedServer]) -> None:
        for witness in witnesses:
            case.open += 1
            case.called.add(witness.text)
            self._send(case.check, Ask(case.row.name, case.row.type, witness.text, case))

    def weigh(self, case: Case) -> None:
        """All who were asked about one name have answered."""
        check, row = case.check, case.row
        server = check.server
        others = [said for text, rows in case.answers.items() if text != server.text for said in rows]
        useful = [said for said in others if said.status in ANSWERED]
        if not case.wide:
            if useful and all(same_answer(row, said) for said in useful):
                self._agreed(case)
            elif len(case.called) < MOST_WITNESSES or useful:
                case.wide = bool(useful)
                more = MOST_WITNESSES - len(case.called) if useful else 1
                witnesses = self.witnesses({server.text, *case.called}, more)
                self._call(case, [server, *witnesses] if useful else witnesses)
            return
        answers = {text: list(rows) for text, rows in case.answers.items() if self._servers[text].cleared}
        answers[server.text] = [row, *answers.get(server.text, [])]
        alone = dissents(answers)
        if alone is None:
            pair = sorted(text for text, rows in answers.items() if any(said.status in ANSWERED for said in rows))
            if len(pair) == 2:
                self._disputes[pair[0], pair[1]] += 1
            return
        self.compared += 1
        by_server = {found.server: found for found in alone}
        for text in answers:
            if text in by_server:
                self._servers[text].accusers.update(other for other in answers if other not in by_server)
            self._testify(case, text, by_server.get(text))

    def _agreed(self, case: Case) -> None:
        self.compared += 1
        server = case.check.server
        server.evidence.note(case.row.name, None)
        if case.row.data:
            server.vouch(case.row.data[0])

    def _testify(self, case: Case, text: str, alone: Alone | None) -> None:
        """Note what was found of one who was asked."""
        server = self._servers[text]
        check = case.check
        self.accused.add(text)
        invents = alone is not None and alone.dissent is Dissent.INVENTS
        server.evidence.note(case.row.name, None if invents else alone)
        if alone is None:
            return
        if invents:
            # It may know what the others are made to deny. Whether it makes up names there, a random one tells.
            self._ask_sibling(check, alone)
        if server is not check.server:
            return
        if alone.dissent is Dissent.DENIES:
            self._correct(check, case.row, alone.consensus)
        self._suspect(case, alone.dissent)

    def _ask_sibling(self, check: Check, alone: Alone) -> None:
        name = f"{self._label()}.{parent_of(alone.row.name)}"
        denier = alone.consensus.server
        if len(name) < 255 and denier is not None:
            sibling = Sibling(check, alone.server)
            for server in (alone.server, denier):
                self._send(check, Ask(name, alone.row.type, server, sibling))

    def heard_sibling(self, sibling: Sibling, row: Row) -> None:
        """What one of the two has for the random name."""
        if row.server == sibling.server:
            sibling.found = row.status == "ok"
        else:
            sibling.denied = row.status in ("nxdomain", "no-data")
        if sibling.invented:
            self._servers[sibling.server].evidence.inventions += 1
            self.accused.add(sibling.server)

    def _correct(self, check: Check, row: Row, better: Row) -> None:
        """One answer that all others contradict is theirs in the end, though it makes no liar."""
        for place, other in enumerate(check.rows):
            if other.index == row.index and other.type == row.type:
                check.rows[place] = better._replace(index=row.index, input=row.input)
                self.corrected += 1
                break

    def _suspect(self, case: Case, dissent: Dissent) -> None:
        """Compare more of what is like this: the same records, else the same parent, else the same status."""
        check, row = case.check, case.row
        if check.suspected >= MOST_SUSPECTED:
            return
        parent = parent_of(row.name)
        fresh = [other for other in check.rows if (other.name, other.type) not in check.seen]
        if dissent is Dissent.ELSEWHERE:  # nothing but the same address again makes a lie of it
            fresh = [other for other in fresh if not set(row.data).isdisjoint(other.data)]
        alike = sorted(
            fresh,
            key=lambda other: (
                set(row.data).isdisjoint(other.data),
                parent_of(other.name) != parent,
                other.status != row.status,
                self._random.random(),
            ),
        )
        for other in alike[:SUSPECTED]:
            check.suspected += 1
            self.compare(check, other)

    def witnesses(self, besides: Collection[str], most: int) -> list[CheckedServer]:
        """Others to ask, by chance; those that have been checked, as long as there are any."""
        able = [server for server in self._servers.values() if server.usable and server.text not in besides]
        cleared = [server for server in able if server.cleared]
        chosen = cleared or able
        return self._random.sample(chosen, min(most, len(chosen)))
