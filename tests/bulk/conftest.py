"""What tests of bulk runs share: a resolver that is made of a dict."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.errors import DNSError
from aioresolver.stream import PAUSE
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Question, Record

SOA = Record.parse("test. 60 IN SOA ns.test. hostmaster.test. 1 2 3 4 60")


class DictResolver:
    """Answers from a dict of `name type` to a text of records, an Rcode or an error; what is not there is NXDOMAIN.

    It takes and gives items as a Resolver does, `concurrency` at once and in any order.
    """

    def __init__(self, answers: Mapping[str, Any] = {}, *, default: Any = Rcode.NXDOMAIN, seed: int = 1) -> None:
        self.answers = {_key(*key.split()): value for key, value in answers.items()}
        self.default = default
        self.asked: list[str] = []
        self.most_under_way = 0
        self.ended = False
        self._random = random.Random(seed)

    def outcome(self, name: str, type: Any) -> Answer[Any] | Exception:
        try:
            question = Question.parse(name, type)
        except (DNSError, ValueError) as error:
            return error
        self.asked.append(str(question))
        found = self.answers.get(str(question), self.default)
        if isinstance(found, Exception):
            return found
        rcode = found if isinstance(found, Rcode) else Rcode.NOERROR
        lines = found.splitlines() if isinstance(found, str) else []
        if lines and lines[0] == "NXDOMAIN":
            rcode = Rcode.NXDOMAIN
            del lines[0]
        records = [Record.parse(line) for line in lines]
        authority = () if rcode == 0 and records else (SOA,)
        return Answer.from_records(
            question,
            records,
            rcode=rcode,
            authority=authority,
            now=asyncio.get_running_loop().time(),
            server="udp://192.0.2.53",
            elapsed=0.001,
        )

    async def query_many(self, items: Any, /, *, concurrency: int | None = None) -> Any:
        most = concurrency or 10
        pull = _pull_async(items) if isinstance(items, AsyncIterable) else _pull_sync(items)
        under_way: deque[Any] = deque()
        try:
            while True:
                while len(under_way) < most and (item := await pull(wait=not under_way)) is not None:
                    under_way.append(item)
                    self.most_under_way = max(self.most_under_way, len(under_way))
                if not under_way:
                    return
                under_way.rotate(self._random.randrange(len(under_way)))
                item = under_way.popleft()
                if self._random.random() < 0.5:
                    await asyncio.sleep(0)
                yield item, self.outcome(item[0], item[1])
        finally:
            self.ended = True
            await pull(wait=False, close=True)


def _key(name: str, type: str) -> str:
    return str(Question.parse(name, type))


def _pull_sync(items: Iterable[Any]) -> Any:
    iterator = iter(items)
    at_end = False

    async def pull(*, wait: bool, close: bool = False) -> Any:
        nonlocal at_end
        if at_end or close:
            return None
        try:
            item = next(iterator)
        except StopIteration:
            at_end = True
            return None
        assert item is not PAUSE or not wait, "nothing is under way, and there is nothing to ask just now"
        return None if item is PAUSE else item

    return pull


def _pull_async(items: AsyncIterable[Any]) -> Any:
    iterator = aiter(items)
    coming: Any = None
    at_end = False

    async def pull(*, wait: bool, close: bool = False) -> Any:
        nonlocal coming, at_end
        if close and coming is not None:
            coming.cancel()
            await asyncio.wait([coming])
            return None
        if at_end or close:
            return None
        if coming is None:
            coming = asyncio.ensure_future(anext(iterator))
        await (asyncio.wait([coming]) if wait else asyncio.sleep(0))
        if not coming.done():
            return None
        done, coming = coming, None
        try:
            return done.result()
        except StopAsyncIteration:
            at_end = True
            return None

    return pull


@pytest.fixture(scope="session")
def dict_resolver() -> type[DictResolver]:
    return DictResolver
