"""Who may import whom: the floors of docs/design.md, held for every file, deferred and typing imports included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent / "src"
PACKAGE = ROOT / "aioresolver"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS = {
    "errors": 1,
    "flow": 1,
    "wire": 2,
    "transports": 2,
    "answer": 3,
    "backends": 4,
    "system": 4,
    "policy": 4,
    "cache": 4,
    "resolver": 5,  # one room in several files: see ROOMS
    "dnssec": 5,
    "bulk": 6,
    "server": 6,
    "testing": 6,
    "adapters": 7,
    "cli": 8,
}
ROOMS = {  # files that are part of a room without a folder
    "alias_chain": "answer",
    "stale_answer": "answer",
    "remembered_failures": "cache",
    "cache_file": "cache",
    "events": "answer",
    "configured": "resolver",
    "connect": "resolver",
    "dispatch": "resolver",
    "explain": "resolver",
    "explanation": "resolver",
    "freshness": "resolver",
    "host": "resolver",
    "mail": "resolver",
    "narrator": "resolver",
    "os_fallback": "resolver",
    "questions": "resolver",
    "services": "resolver",
    "snapshot": "resolver",
    "stats": "resolver",
    "stream": "resolver",
    "survey": "resolver",
    "trace": "resolver",
    "typed": "resolver",
    "warmth": "cache",
}
FACE = 7  # __init__.py shows what the floors below this one have
DOOR = 9  # __main__.py opens the command line

# Folders of tests whose subject is the whole house.
WHOLE = [("agreement",), ("attacks",), ("benchmarks",), ("endurance",), ("fuzz",), ("interop",), ("loopback",)]
VAGUE = {"utils", "util", "common", "helpers", "helper", "core", "types", "misc", "manager", "handlers"}


def room(module: str) -> str:
    """`aioresolver.wire.rdata.basic` is in the room `wire`; the face is in the room ``."""
    first = module.split(".")[1] if "." in module else ""
    return ROOMS.get(first, first)


def floor(module: str) -> int:
    return {"": FACE, "__main__": DOOR}.get(room(module)) or FLOORS[room(module)]


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Every import of the file with its line: anywhere in it, relative ones made absolute."""
    package = module_of(file).split(".")
    if file.name != "__init__.py":
        package.pop()
    for node in import_statements(file.read_text(encoding="utf-8")):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        else:
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{source}.{alias.name}"
                yield node.lineno, name if source.startswith("aioresolver") and is_module(name) else source


@cache
def import_statements(code: str) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in ast.walk(ast.parse(code)) if isinstance(node, (ast.Import, ast.ImportFrom))]


def offences(file: Path) -> Iterator[str]:
    """What the file imports of ours and may not."""
    here = module_of(file)
    for line, name in imports(file):
        if name.split(".")[0] != "aioresolver" or (room(name) == room(here) != ""):
            continue
        if not floor(name) < floor(here):
            yield f"{file.relative_to(ROOT)}:{line} (floor {floor(here)}) imports {name} (floor {floor(name)})"


def test_the_rooms_are_those_of_the_design():
    rooms = {room(module_of(file)) for file in FILES}

    assert rooms - {"", "__main__"} <= FLOORS.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_imports_only_from_lower_floors_and_its_own_room(file):
    assert list(offences(file)) == []


@pytest.mark.parametrize(
    ("path", "code", "allowed"),
    [
        ("wire/x.py", "from ..errors import DNSError", True),
        ("wire/x.py", "from .names import Name", True),
        ("wire/x.py", "from ..transports.base import Transport", False),
        ("wire/x.py", "from .. import transports", False),
        ("wire/x.py", "import aioresolver", False),
        ("transports/x.py", "def f():\n    import aioresolver.wire.message", False),
        ("flow/x.py", "if TYPE_CHECKING:\n    from aioresolver.errors import DNSError", False),
        ("backends/x.py", "from aioresolver.system.hosts import Hosts", False),
        ("cache.py", "from .answer import Answer", True),
        ("cache.py", "from .policy import AddressPolicy", False),
        ("__init__.py", "from .cli.main import main", False),
        ("__init__.py", "from .resolver import Resolver", True),
    ],
)
def test_the_check_sees_what_it_should(monkeypatch, path, code, allowed):
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: code)

    assert (list(offences(PACKAGE / path)) == []) is allowed


def test_no_files_import_each_other_in_a_circle():
    ours = {module_of(file): {name for _, name in imports(file) if is_module(name)} for file in FILES}

    TopologicalSorter(ours).prepare()  # raises CycleError, which names the circle


def test_no_file_has_a_name_that_says_nothing():
    assert [file for file in FILES if file.stem in VAGUE or file.parent.name in VAGUE] == []


def test_random_is_not_where_numbers_must_be_unpredictable():
    """`random` may be imported by testing, and where a comment on the line says why."""
    found = []
    for file in FILES:
        lines = file.read_text(encoding="utf-8").splitlines()
        found += [
            f"{file.relative_to(ROOT)}:{line}"
            for line, name in imports(file)
            if name.split(".")[0] == "random" and room(module_of(file)) != "testing" and "  # " not in lines[line - 1]
        ]

    assert found == []


def test_the_tree_of_tests_mirrors_the_tree_of_sources():
    ours = {Path(__file__), TESTS / "test_exports.py", TESTS / "test_docs.py"}
    strays = []
    for file in sorted(TESTS.rglob("test_*.py")):
        folder = file.parent.relative_to(TESTS)
        source = PACKAGE / folder / file.name.removeprefix("test_")
        is_room = (PACKAGE / folder / file.stem.removeprefix("test_")).is_dir()
        if file not in ours and folder.parts[:1] not in WHOLE and not source.is_file() and not is_room:
            strays.append(str(file.relative_to(TESTS)))

    assert strays == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_opens_with_one_line_that_says_what_it_is(file):
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
