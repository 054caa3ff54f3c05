"""The cache's file: what was saved comes back with the time it had left, and nothing else ever does."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aioresolver.answer import Answer
from aioresolver.cache import Cache
from aioresolver.errors import ConfigurationError, ServerFailure
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.message import Message, Question, Record

NOW = 1000.0
WALL = 1_790_000_000.0
SOA = Record.parse("example.org. 300 SOA ns.example.org. host.example.org. 1 2 3 4 300")


def found(name: str = "www.example.org", ttl: int = 300) -> Answer[Any]:
    question = Question.parse(name)
    message = Message(flags=Flag.QR, question=(question,), answer=(Record.parse(f"{name}. {ttl} A 192.0.2.1"),))
    return Answer.of(question, Message.parse(message.to_wire()), now=NOW, server="udp://192.0.2.53")


def cache_at(wall: float, **settings: Any) -> Cache:
    return Cache(clock=lambda: wall, **settings)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "names.cache"


@pytest.fixture
def saved(path: Path) -> Path:
    """A file with one answer."""
    cache = cache_at(WALL)
    cache.put(found(), NOW)
    cache.save(path, now=NOW)
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any]], None], line: int = 1) -> None:
    lines = path.read_text().splitlines()
    values = json.loads(lines[line])
    change(values)
    lines[line] = json.dumps(values)
    path.write_text("\n".join(lines) + "\n")


def test_what_was_saved_comes_back_with_the_time_it_has_left(path: Path) -> None:
    old = cache_at(WALL)
    question = Question.parse("text.example.org", "TXT")
    records = (Record.parse(r'text.example.org. 60 TXT "one \"two\"" "\195\169"'),)
    answers = [
        found(),
        Answer.from_records(question, records, now=NOW, server="system"),
        Answer.from_records(Question.parse("gone.example.org", "MX"), now=NOW, rcode=Rcode.NXDOMAIN, authority=(SOA,)),
        Answer.from_records(Question.parse("www.example.org", "AAAA"), now=NOW, authority=(SOA,)),
    ]
    for answer in answers:
        old.put(answer, NOW)
    assert old.save(path, now=NOW + 10) == 4

    new = cache_at(WALL + 30)  # and the loop counts from another moment
    assert new.load(path, now=50.0) == 4
    for answer in answers:
        known = new.get(answer.question, 50.0)
        assert isinstance(known, Answer)
        assert known.expires == pytest.approx(50.0 + (answer.expires - NOW) - 10 - 30)
        assert (known.data, known.rcode, known.server) == (answer.data, answer.rcode, answer.server)
        assert known.authority == answer.authority
    assert new.get(Question.parse("gone.example.org", "A"), 50.0) is not None
    assert new.stats.skipped == 0


def test_the_file_is_as_documented(saved: Path) -> None:
    header, entry = map(json.loads, saved.read_text().splitlines())
    assert header == {"format": "aioresolver cache", "version": 1, "saved": WALL}
    wire = base64.b64decode(entry.pop("message"))
    assert Message.parse(wire).question == (Question.parse("www.example.org"),)
    assert entry == {
        "name": "www.example.org.",
        "type": "A",
        "class": "IN",
        "ttl": 300.0,
        "server": "udp://192.0.2.53",
    }


def test_only_fresh_answers_are_saved(path: Path) -> None:
    cache = cache_at(WALL, stale=1000)
    cache.put(found("a.example.org", ttl=10), NOW)
    cache.put(found("b.example.org", ttl=20), NOW)
    cache.put_failure(Question.parse("c.example.org"), ServerFailure("c.example.org.", "A", "broken"), NOW)
    assert cache.save(path, now=NOW + 10) == 1
    assert cache_at(WALL).load(path, now=NOW) == 1


def test_what_expired_on_the_disk_is_not_loaded(saved: Path) -> None:
    cache = cache_at(WALL + 300)
    assert cache.load(saved, now=NOW) == 0
    assert len(cache) == 0
    assert cache.stats.skipped == 0


def test_a_wall_clock_set_back_lengthens_no_life(saved: Path) -> None:
    cache = cache_at(WALL - 5000)
    cache.load(saved, now=NOW)
    answer = cache.get(Question.parse("www.example.org"), NOW)
    assert isinstance(answer, Answer)
    assert answer.expires == NOW + 300


def test_the_limits_of_the_new_cache_hold(path: Path) -> None:
    old = cache_at(WALL)
    old.put(found(), NOW)
    old.put(Answer.from_records(Question.parse("b.example.org"), now=NOW, authority=(SOA,)), NOW)
    old.save(path, now=NOW)
    new = cache_at(WALL, max_ttl=60, negative_max_ttl=30)
    assert new.load(path, now=NOW) == 2
    assert new.get(Question.parse("www.example.org"), NOW + 59.9) is not None
    assert new.get(Question.parse("www.example.org"), NOW + 60) is None
    assert new.get(Question.parse("b.example.org"), NOW + 29.9) is not None
    assert new.get(Question.parse("b.example.org"), NOW + 30) is None


def test_the_order_of_use_is_kept(path: Path) -> None:
    old = cache_at(WALL)
    for name in "abc":
        old.put(found(name), NOW)
    old.get(Question.parse("a"), NOW)
    old.save(path, now=NOW)
    new = cache_at(WALL, max_entries=2)
    new.load(path, now=NOW)
    assert [name for name in "abc" if new.get(Question.parse(name), NOW) is not None] == ["a", "c"]


def test_what_is_known_already_stays(saved: Path) -> None:
    cache = cache_at(WALL)
    known = cache.put(found(), NOW)
    assert cache.load(saved, now=NOW) == 0
    assert cache.get(Question.parse("www.example.org"), NOW) is known


def test_saving_leaves_the_answers_as_small_as_they_were(path: Path) -> None:
    cache, answer = cache_at(WALL), found()
    cache.put(answer, NOW)
    cache.save(path, now=NOW)
    assert isinstance(answer._message, bytes)


def test_saving_replaces_the_file_as_a_whole(saved: Path) -> None:
    assert cache_at(WALL).save(saved, now=NOW) == 0
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]
    assert len(saved.read_text().splitlines()) == 1


def test_a_failed_save_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError("no space left")

    before = saved.read_bytes()
    cache = cache_at(WALL)
    cache.put(found("b.example.org"), NOW)
    monkeypatch.setattr("aioresolver.cache_file.json.dumps", full)
    with pytest.raises(OSError, match="no space left"):
        cache.save(saved, now=NOW)
    assert saved.read_bytes() == before
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_an_answer_that_no_message_can_hold_is_left_out(path: Path) -> None:
    question = Question.parse("a.example.org", "TXT")
    record = Record.parse("a.example.org. 60 TXT " + " ".join(['"' + "x" * 250 + '"'] * 300))
    cache = cache_at(WALL)
    cache.put(Answer.from_records(question, (record,), now=NOW), NOW)
    cache.put(found(), NOW)
    assert cache.save(path, now=NOW) == 1
    assert cache_at(WALL).load(path, now=NOW) == 1


async def test_the_loops_time_is_the_default(path: Path) -> None:
    now = asyncio.get_running_loop().time()
    cache, answer = Cache(), found()
    answer.expires = now + 300
    cache.put(answer, now)
    cache.save(path)
    other = Cache()
    assert other.load(path) == 1
    known = other.get(answer.question, now)
    assert isinstance(known, Answer)
    assert known.expires == pytest.approx(now + 300, abs=30)


def test_without_a_loop_too(path: Path) -> None:
    assert Cache().save(path) == 0
    assert Cache().load(path) == 0


def test_no_file_is_an_os_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Cache().load(path)
    with pytest.raises(FileNotFoundError):
        Cache().save(path / "not" / "there")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}",
        b"[1, 2]\n",
        b"null\n",
        b"[" * 100_000,
        b"\x80\x04\x95pickle",
        b"\xff" * 1000,
        b"127.0.0.1 localhost\n",
        b'{"format":"something else","version":1,"saved":1}\n',
        b'{"format":"aioresolver cache","version":1,"saved":NaN}\n',
        b'{"format":"aioresolver cache","version":1,"saved":"soon"}\n',
        b'{"format":"aioresolver cache","version":1,"saved":1' + b"0" * 400 + b"}\n",
        b'{"format":"aioresolver cache"}\n',
    ],
)
def test_a_foreign_file_is_refused_in_one_sentence(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is not a file that a cache was saved in") as caught:
        Cache().load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_version_is_refused(saved: Path) -> None:
    rewrite(saved, lambda header: header.update(version=2), line=0)
    with pytest.raises(ConfigurationError, match="has version 2 of the cache file format; this is version 1"):
        Cache().load(saved)


@pytest.mark.parametrize(
    "change",
    [
        {"message": "not base64!"},
        {"message": ""},
        {"message": "AAAA"},
        {"message": 5},
        {"message": None},
        {"name": "other.example.org."},
        {"name": "a..b"},
        {"name": None},
        {"type": "AAAA"},
        {"type": "NONSENSE"},
        {"type": []},
        {"class": "CH"},
        {"class": None},
        {"class": "X"},
        {"ttl": "soon"},
        {"ttl": None},
        {"ttl": float("nan")},
        {"ttl": float("inf")},
        {"ttl": 10**400},
        {"server": 5},
        {"server": ["a"]},
    ],
)
def test_a_spoilt_entry_is_skipped_and_counted(saved: Path, change: dict[str, Any]) -> None:
    saved.write_text(saved.read_text() + saved.read_text().splitlines()[1] + "\n")
    rewrite(saved, lambda entry: entry.update(change))
    cache = cache_at(WALL)
    assert cache.load(saved, now=NOW) == 1
    assert cache.stats.skipped == 1


@pytest.mark.parametrize("key", ["name", "type", "class", "ttl", "server", "message"])
def test_an_entry_without_all_its_values_is_skipped(saved: Path, key: str) -> None:
    rewrite(saved, lambda entry: entry.pop(key))
    cache = cache_at(WALL)
    assert (cache.load(saved, now=NOW), cache.stats.skipped) == (0, 1)


def test_a_message_that_is_a_failure_is_skipped(saved: Path) -> None:
    question = Question.parse("www.example.org")
    wire = Message(flags=Flag.QR, rcode=Rcode.SERVFAIL, question=(question,)).to_wire()
    rewrite(saved, lambda entry: entry.update(message=base64.b64encode(wire).decode()))
    cache = cache_at(WALL)
    assert (cache.load(saved, now=NOW), cache.stats.skipped) == (0, 1)


def test_a_file_cut_short_gives_what_is_whole(path: Path) -> None:
    old = cache_at(WALL)
    for name in "abc":
        old.put(found(name), NOW)
    old.save(path, now=NOW)
    path.write_bytes(path.read_bytes()[:-20])
    cache = cache_at(WALL)
    assert (cache.load(path, now=NOW), cache.stats.skipped) == (2, 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.lists(st.binary(max_size=80) | st.text(max_size=40).map(str.encode), max_size=5), at=st.integers(0, 400))
def test_any_bytes_in_the_place_of_entries_are_survived(saved: Path, junk: list[bytes], at: int) -> None:
    whole = saved.read_bytes()
    head = whole.index(b"\n") + 1
    path = saved.parent / "junk.cache"
    path.write_bytes(whole[: head + at] + b"".join(junk) + b"\n" + whole[head:])
    cache = cache_at(WALL)
    assert cache.load(path, now=NOW) <= 1
    assert isinstance(cache.get(Question.parse("www.example.org"), NOW), Answer)
