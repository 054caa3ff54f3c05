"""Comparisons: a sample of each nameserver's answers beside those of others, and more of what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random

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
        self.compared = 0
        self.disputed = 0
        self.corrected = 0
        self.accused: set[str] = set()
        self._servers = servers
        self._send = send
        self._sample = sample
        self._random = random
        self._label = label

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
            self.disputed += 1
            return
        self.compared += 1
        by_server = {found.server: found for found in alone}
        for text in answers:
            self._testify(case, text, by_server.get(text))

    def _agreed(self, case: Case) -> None:
        self.compared += 1
        server = case.check.server
        server.evidence.note(None)
        if case.row.data:
            server.vouch(case.row.data[0])

    def _testify(self, case: Case, text: str, alone: Alone | None) -> None:
        """Note what was found of one who was asked."""
        server = self._servers[text]
        check = case.check
        self.accused.add(text)
        if alone is not None and alone.dissent is Dissent.INVENTS:
            # It may know what the others are made to deny. Whether it makes up names there, a random one tells.
            name = f"{self._label()}.{parent_of(case.row.name)}"
            if len(name) < 255:
                self._send(check, Ask(name, case.row.type, text, Sibling(check)))
            server.evidence.note(None)
        else:
            server.evidence.note(alone)
        if alone is None or server is not check.server:
            return
        if alone.dissent is Dissent.DENIES:
            self._correct(check, case.row, alone.consensus)
        self._suspect(case)

    def _correct(self, check: Check, row: Row, better: Row) -> None:
        """One answer that all others contradict is theirs in the end, though it makes no liar."""
        for place, other in enumerate(check.rows):
            if other.index == row.index and other.type == row.type:
                check.rows[place] = better._replace(index=row.index, input=row.input)
                self.corrected += 1
                break

    def _suspect(self, case: Case) -> None:
        """Compare more of what is like this: the same records, the same parent, the same status."""
        check, row = case.check, case.row
        if check.suspected >= MOST_SUSPECTED:
            return
        parent = parent_of(row.name)
        alike = sorted(
            (other for other in check.rows if (other.name, other.type) not in check.seen),
            key=lambda other: (
                not (row.data and other.data and row.data[0] == other.data[0]),
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
