"""A run that is killed, or runs out of disk, anywhere, and is taken up again."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import itertools
import json
import random
import zlib

import pytest

from aioresolver.bulk.disk import Disk
from aioresolver.bulk.inputs import BadInput, Input
from aioresolver.bulk.journal import Journal
from aioresolver.bulk.rows import Row
from aioresolver.errors import ConfigurationError, UsageError
from aioresolver.wire.codes import RRType

A, AAAA, MX = RRType.A, RRType.AAAA, RRType.MX
CONFIGURATION = {"types": ["A", "AAAA"], "input": "names.txt", "input bytes": 123}


def make_inputs(count=14):
    """One type, two or three; duplicates; one that is no name; and indices with holes, as blank lines leave them."""
    for number in range(count):
        index = number + number // 5
        if number % 7 == 3:
            yield BadInput(index, "not a name", ("A", "AAAA"), "bad-name", "it has a blank")
        else:
            types = ((A,), (A, AAAA), (A, AAAA, MX))[number % 3]
            yield Input(index, f"h{number % 6}", f"h{number % 6}.", types)


EXPECTED = sorted((entry.index, str(type_)) for entry in make_inputs() for type_ in entry.types)


def row_for(entry, type_):
    return Row(entry.index, entry.text, entry.text, str(type_), "ok", ("192.0.2.1",), (), 60, "udp://127.0.0.1", 1, 0.5)


def run(disk, path="/nowhere/out.jsonl", *, seed=0, window=6, interval=0.5, asked=None, **options):
    """A whole run, whose rows come out of order; the journal is closed then."""
    chance, clock = random.Random(seed), itertools.count(step=0.2)
    journal = Journal.open(path, CONFIGURATION, disk=disk, interval=interval, clock=lambda: 0.0, **options)
    try:
        pending = []
        for entry in itertools.chain(journal.left(make_inputs()), itertools.repeat(None)):
            if entry is not None:
                pending += [(entry, type_) for type_ in entry.types]
            elif not pending:
                break
            while pending and (entry is None or len(pending) > window):
                question = pending.pop(chance.randrange(len(pending)))
                if asked is not None:
                    asked.append((question[0].index, str(question[1])))
                journal.write([row_for(*question)])
                journal.commit(next(clock))
        journal.close()
    except OSError:
        journal.abort()
        raise
    return journal


class Crash(BaseException):
    """The process, or the machine, is gone."""


class File:
    def __init__(self):
        self.content, self.durable = bytearray(), b""


class MemoryDisk(Disk):
    """Files in memory, with what a power failure would leave of them.

    `crash_at` counts steps: each operation is one, and each fourth of a write. `room` is in bytes, of all that is
    written.
    """

    def __init__(self, crash_at=None, room=None):
        self.names, self.durable_names = {}, {}
        self.descriptors, self.positions = {}, {}
        self.crash_at, self.room = crash_at, room
        self.steps = self.written = 0

    def step(self):
        self.steps += 1
        if self.steps == self.crash_at:
            raise Crash

    def after_kill(self):
        return self.reborn(dict(self.names), lambda file: bytes(file.content))

    def after_power_failure(self, kept):
        """`kept`: none of the bytes that were not durable, half of them, or all of them, as zeros."""
        return self.reborn(dict(self.durable_names), lambda file: remains(file, kept))

    def reborn(self, names, content):
        disk = MemoryDisk()
        for name, file in names.items():
            disk.names[name] = disk.durable_names[name] = again = File()
            again.durable = content(file)
            again.content = bytearray(again.durable)
        return disk

    def open(self, path):
        self.step()
        file = self.names.setdefault(path, File())
        descriptor = len(self.positions)
        self.descriptors[descriptor], self.positions[descriptor] = file, 0
        return descriptor

    def lock(self, descriptor, path):
        return True

    def size(self, descriptor):
        return len(self.descriptors[descriptor].content)

    def read(self, descriptor, offset, count):
        return bytes(self.descriptors[descriptor].content[offset : offset + count])

    def write(self, descriptor, data):
        quarter = len(data) // 4 + 1
        for start in range(0, len(data), quarter):
            self.step()
            self.put(descriptor, data[start : start + quarter])

    def put(self, descriptor, data):
        room = len(data) if self.room is None else max(0, self.room - self.written)
        file, at = self.descriptors[descriptor], self.positions[descriptor]
        file.content[at:] = data[:room]
        self.positions[descriptor] = at + len(data[:room])
        self.written += len(data[:room])
        if room < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")

    def truncate(self, descriptor, size):
        self.step()
        file = self.descriptors[descriptor]
        del file.content[size:]
        file.durable = file.durable[:size]
        self.positions[descriptor] = size

    def sync(self, descriptor):
        self.step()
        self.descriptors[descriptor].durable = bytes(self.descriptors[descriptor].content)

    def close(self, descriptor):
        del self.descriptors[descriptor]

    def load(self, path):
        return bytes(self.names[path].content) if path in self.names else None

    def exists(self, path):
        return path in self.names

    def replace(self, source, target):
        self.step()
        self.names[target] = self.names.pop(source)
        self.step()
        self.durable_names = dict(self.names)

    def remove(self, path):
        self.step()
        self.names.pop(path, None)


def remains(file, kept):
    content, durable = bytes(file.content), file.durable
    if not content.startswith(durable):  # cut, and written anew since
        durable = content[: next((i for i, (x, y) in enumerate(zip(content, durable, strict=False)) if x != y), 0)]
    more = len(content) - len(durable)
    return {"nothing": durable, "half": content[: len(durable) + more // 2], "zeros": durable + bytes(more)}[kept]


def rows_of(data, path):
    """Index and type of every row."""
    if ".gz" in path:
        data = gzip.decompress(data)
    if ".csv" in path:
        return [(int(row["index"]), row["type"]) for row in csv.DictReader(io.StringIO(data.decode(), newline=""))]
    return [(row["index"], row["type"]) for row in map(json.loads, data.splitlines())]


def check(disk, path="/nowhere/out.jsonl"):
    """The output is whole, with every row once; and nothing else is left."""
    assert sorted(rows_of(disk.load(path), path)) == EXPECTED
    assert sorted(disk.names) == [path, f"{path}.manifest.json"]
    manifest = json.loads(disk.load(f"{path}.manifest.json"))
    assert manifest["complete"]
    assert manifest["rows"] == manifest["expected_rows"] == sum(manifest["statuses"].values()) == len(EXPECTED)
    assert manifest["inputs"] == 14


def steps_of(**options):
    disk = MemoryDisk()
    run(disk, **options)
    return disk.steps


PATHS = ["/nowhere/out.jsonl", "/nowhere/out.csv", "/nowhere/out.jsonl.gz"]


@pytest.mark.parametrize("path", PATHS)
def test_a_run_without_a_crash(path):
    disk = MemoryDisk()

    journal = run(disk, path)

    check(disk, path)
    assert journal.is_complete
    assert not journal.resumed


@pytest.mark.parametrize("path", PATHS)
def test_killed_at_any_step_it_is_taken_up_without_loss_or_repetition(path):
    for step in range(1, steps_of(path=path) + 1):
        disk = MemoryDisk(crash_at=step)
        with pytest.raises(Crash):
            run(disk, path)

        disk = disk.after_kill()
        run(disk, path, seed=1)

        check(disk, path)


@pytest.mark.parametrize("kept", ["nothing", "half", "zeros"])
@pytest.mark.parametrize("path", PATHS)
def test_a_power_failure_at_any_step_loses_nothing_either(path, kept):
    for step in range(1, steps_of(path=path) + 1):
        disk = MemoryDisk(crash_at=step)
        with pytest.raises(Crash):
            run(disk, path)

        disk = disk.after_power_failure(kept)
        run(disk, path, seed=1)

        check(disk, path)


def test_killed_again_and_again():
    chance = random.Random(4)
    kills = 0
    for _ in range(40):
        disk = MemoryDisk()
        while True:
            disk.crash_at = disk.steps + chance.randrange(1, 60)
            try:
                run(disk, seed=chance.random(), window=chance.randrange(1, 9), interval=chance.choice([0.0, 0.5]))
                break
            except Crash:
                kills += 1
                disk = disk.after_kill() if chance.random() < 0.5 else disk.after_power_failure("half")
        check(disk)
    assert kills > 100


@pytest.mark.parametrize("path", PATHS)
def test_a_disk_that_is_full_at_any_byte_says_so_and_what_came_before_is_kept(path):
    disk = MemoryDisk()
    run(disk, path)
    for room in range(0, disk.written, 19):
        disk = MemoryDisk(room=room)
        with pytest.raises(OSError, match="No space left on device") as failure:
            run(disk, path)
        assert failure.value.errno == errno.ENOSPC
        assert failure.value.filename.startswith(path)
        assert path not in disk.names or f"{path}.journal" in disk.names

        disk = disk.after_kill()
        run(disk, path, seed=1)

        check(disk, path)


def test_what_is_durable_is_not_asked_again():
    for step in range(1, steps_of()):
        disk = MemoryDisk(crash_at=step)
        first, second = [], []
        with pytest.raises(Crash):
            run(disk, asked=first)
        disk = disk.after_kill()
        run(disk, seed=1, asked=second)

        repeated = set(first) & set(second)

        # half a second, at a row each 0.2 s, and the row that was being written
        assert len(repeated) <= 4
        assert sorted({*first, *second}) == EXPECTED
        check(disk)


def test_an_abort_saves_all_there_is():
    disk = MemoryDisk()
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)
    entries = list(itertools.islice(journal.left(make_inputs()), 6))
    journal.write([row_for(entries[1], A), row_for(entries[0], A)])
    journal.abort()
    asked = []

    run(disk, asked=asked)

    check(disk)
    assert len(asked) == len(EXPECTED) - 2


def test_after_an_interruption_within_a_write_nothing_wrong_is_saved(monkeypatch):
    disk = MemoryDisk()
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)
    entries = list(journal.left(make_inputs()))
    monkeypatch.setattr(journal._writer, "_encode", lambda rows: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        journal.write([row_for(entries[0], A)])
    journal.abort()

    run(disk)

    check(disk)


def test_a_run_that_was_finished_is_not_done_again():
    disk = MemoryDisk()
    run(disk)
    before = disk.load("/nowhere/out.jsonl")
    asked = []

    journal = run(disk, asked=asked)

    assert journal.is_complete
    assert asked == []
    assert disk.load("/nowhere/out.jsonl") == before
    assert journal.statuses == {"ok": len(EXPECTED)}
    assert (journal.inputs, journal.expected) == (14, len(EXPECTED))


def test_the_manifest_says_how_often_the_run_was_taken_up():
    disk = MemoryDisk()
    for _ in range(3):
        disk.crash_at = disk.steps + 20
        with pytest.raises(Crash):
            run(disk)
        disk = disk.after_kill()

    run(disk)

    assert json.loads(disk.load("/nowhere/out.jsonl.manifest.json"))["resumed"] == 3


def crashed():
    disk = MemoryDisk(crash_at=40)
    with pytest.raises(Crash):
        run(disk)
    return disk.after_kill()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"types": ["A"]}, "types was A AAAA, and is A now"),
        ({"input": "others.txt"}, "input was names.txt, and is others.txt now"),
        ({"wildcards": "drop"}, "wildcards was null, and is drop now"),
    ],
)
def test_another_configuration_is_refused_with_what_differs(changed, said):
    disk = crashed()
    before = disk.load("/nowhere/out.jsonl.partial")

    with pytest.raises(ConfigurationError) as refusal:
        Journal.open("/nowhere/out.jsonl", {**CONFIGURATION, **changed}, disk=disk)

    assert str(refusal.value) == (
        f"/nowhere/out.jsonl.journal is of another run: {said}; delete it and /nowhere/out.jsonl.partial to start anew"
    )
    assert disk.load("/nowhere/out.jsonl.partial") == before


def test_another_configuration_is_refused_for_a_finished_run_too():
    disk = MemoryDisk()
    run(disk)

    with pytest.raises(ConfigurationError, match="there already, of another run: types was A AAAA, and is MX now"):
        Journal.open("/nowhere/out.jsonl", {**CONFIGURATION, "types": ["MX"]}, disk=disk)


def test_other_names_are_refused_before_anything_is_asked():
    disk = crashed()
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)
    others = (entry._replace(text=f"x{entry.text}") for entry in make_inputs())

    with pytest.raises(ConfigurationError, match=r"its first \d+ names are not those that were read then; delete"):
        next(journal.left(others))


def test_fewer_names_are_refused_too():
    disk = crashed()
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)

    with pytest.raises(ConfigurationError, match="are not those that were read then"):
        next(journal.left(make_inputs(2)))


def test_an_output_that_was_changed_is_refused():
    disk = crashed()
    content = disk.names["/nowhere/out.jsonl.partial"].content
    content[:] = content.replace(b"192", b"193")

    with pytest.raises(ConfigurationError, match="its output was changed since"):
        Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)


def test_an_output_that_became_shorter_is_refused():
    disk = crashed()
    del disk.names["/nowhere/out.jsonl.partial"].content[10:]

    with pytest.raises(ConfigurationError, match="is shorter than its journal says"):
        Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"format": "aioresolver bulk journal", "version": 2}'])
def test_a_journal_that_is_none_is_refused(content):
    disk = crashed()
    disk.names["/nowhere/out.jsonl.journal"].content[:] = content

    with pytest.raises(ConfigurationError, match="is not a journal of this version: delete it to start anew"):
        Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)


def test_an_output_of_something_else_is_not_written_over():
    disk = MemoryDisk()
    disk.names["/nowhere/out.jsonl"] = File()

    with pytest.raises(ConfigurationError, match="is there already, without a journal"):
        Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)


@pytest.mark.parametrize("path", ["-", "/dev/null"])
def test_a_stream_cannot_be_taken_up(path):
    with pytest.raises(ConfigurationError, match="is not a file"):
        Journal.open(path, CONFIGURATION)


def test_it_is_not_closed_while_rows_are_missing():
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=MemoryDisk())
    entries = list(journal.left(make_inputs()))
    journal.write([row_for(entries[0], A)])

    with pytest.raises(UsageError, match=f"{len(EXPECTED) - 1} rows are missing"):
        journal.close()


def test_it_is_not_closed_before_the_inputs_have_ended():
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=MemoryDisk())
    journal.write([row_for(next(journal.left(make_inputs())), A)])

    with pytest.raises(UsageError, match="or inputs unread"):
        journal.close()


def test_a_row_that_came_already_is_an_error():
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=MemoryDisk())
    entries = list(journal.left(make_inputs()))
    journal.write([row_for(entries[0], A)])

    with pytest.raises(UsageError, match="has come already"):
        journal.write([row_for(entries[0], A)])


def test_inputs_out_of_order_are_an_error_and_saved_by_nobody():
    disk = MemoryDisk()
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)
    entries = list(journal.left(reversed(list(make_inputs()))))
    with pytest.raises(UsageError, match="do not rise"):
        journal.write([row_for(entries[0], A)])
    journal.abort()

    run(disk)

    check(disk)


def test_nothing_just_now_is_passed_on():
    disk = MemoryDisk()
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)

    assert [entry and entry.index for entry in journal.left(iter([None, *make_inputs(2), None]))] == [None, 0, 1, None]


async def test_inputs_that_arrive():
    async def arriving(count):
        for entry in make_inputs(count):
            yield entry

    disk = MemoryDisk()
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)
    entries = [entry async for entry in journal.left(arriving(5))]
    journal.write([row_for(entries[0], A)])
    journal.abort()
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)

    left = [entry async for entry in journal.left(arriving(14))]

    assert left == list(make_inputs())[1:]


def test_checkpoints_are_as_far_apart_as_asked_for_and_not_without_rows():
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=MemoryDisk())
    entries = list(journal.left(make_inputs()))

    assert not journal.commit(10.0)
    journal.write([row_for(entries[0], A)])
    assert journal.commit(10.0)
    journal.write([row_for(entries[1], A)])
    assert not journal.commit(10.4)
    assert journal.commit(10.5)
    assert not journal.commit(11.0)


def test_a_save_that_was_overtaken_does_nothing():
    disk = MemoryDisk()
    journal = Journal.open("/nowhere/out.jsonl", CONFIGURATION, disk=disk)
    entries = list(journal.left(make_inputs()))
    journal.write([row_for(entries[0], A)])
    late = journal.checkpoint(1.0)
    journal.write([row_for(entry, type_) for entry in entries for type_ in entry.types][1:])
    journal.close()

    late()

    check(disk)


def test_the_journal_does_not_grow_with_the_run():
    disk = MemoryDisk()
    journal = Journal.open("/nowhere/out.jsonl", {}, disk=disk)
    sizes = []
    for number, entry in enumerate(journal.left(Input(index, "h", "h.", (A,)) for index in range(20_000))):
        journal.write([row_for(entry, A)])
        if journal.commit(number / 1000):
            sizes.append(len(disk.load("/nowhere/out.jsonl.journal")))

    assert len(sizes) > 20
    assert max(sizes) < 500


def test_members_of_a_compressed_output_can_be_read_one_by_one():
    disk = MemoryDisk()
    run(disk, "/nowhere/out.jsonl.gz", interval=0)
    data, members = disk.load("/nowhere/out.jsonl.gz"), 0
    while data:
        member = zlib.decompressobj(wbits=31)
        assert member.decompress(data).endswith(b"}\n")
        data, members = member.unused_data, members + 1

    assert members == len(EXPECTED)
