"""Attack 4, recovery of the generator (CVE-2025-40780): nothing that is to be unpredictable comes from `random`."""

from __future__ import annotations

import ast
import asyncio
import random
from pathlib import Path

from evil_server import EvilServer, honest

import aioresolver
from aioresolver import Cache, Resolver, StubBackend

SOURCES = Path(aioresolver.__file__).parent
# Made-up faults and a demonstration are to be repeatable; the others name the type only, and SystemRandom, which is the
# operating system's.
WHERE_RANDOM_MAY_BE = ("testing/", "cli/demo_iterative.py")
TYPES = {"Random", "SystemRandom"}


def test_the_package_does_not_draw_from_it() -> None:
    drawn = set()
    for source in SOURCES.rglob("*.py"):
        if source.relative_to(SOURCES).as_posix().startswith(WHERE_RANDOM_MAY_BE):
            continue
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import) and any(alias.name == "random" for alias in node.names):
                drawn.add(source.name)
            if isinstance(node, ast.ImportFrom) and node.module == "random":
                drawn |= {source.name for alias in node.names if alias.name not in TYPES}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Random":
                drawn.add(source.name)

    assert drawn == set()


async def test_a_seed_changes_nothing() -> None:
    ids: list[list[bytes]] = []
    async with EvilServer(honest) as server:
        for _ in range(2):
            random.seed(0)
            server.queries.clear()
            async with Resolver(StubBackend(server.url, randomize_case=True), cache=Cache(0)) as resolver:
                await asyncio.gather(*(resolver.resolve(f"host-with-letters-{n}.example") for n in range(50)))
            ids.append([query[:2] for query in server.queries])

    assert set(ids[0]) & set(ids[1]) != set(ids[0])
    assert ids[0] != ids[1]
