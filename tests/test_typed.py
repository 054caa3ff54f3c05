"""The stub of typed answers says what there is to say of every record type; `python tests/test_typed.py` writes it anew."""

from __future__ import annotations

import inspect
from pathlib import Path

from aioresolver import typed
from aioresolver.resolver import Resolver
from aioresolver.wire.codes import RRType
from aioresolver.wire.rdata import shapes

STUB = Path(typed.__file__).with_suffix(".pyi")

HEAD = """\
# What a type checker is told of answers: which data each record type has. Written by tests/test_typed.py.
# fmt: off

from asyncio import Future
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterable
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, overload

from aioresolver.answer import Answer
from aioresolver.errors import DNSError
from aioresolver.wire import rdata
from aioresolver.wire.codes import RRType

__all__ = ["asking", "peeking", "streaming", "submitting"]

_D = TypeVar("_D")
_Name = TypeVar("_Name", bound=str)
_Item = TypeVar("_Item", bound=str | tuple[Any, ...])
_Many: TypeAlias = Iterable[_Item] | AsyncIterable[_Item]
_Outcomes: TypeAlias = AsyncGenerator[tuple[_Item, Answer[_D] | DNSError | ValueError]]

def asking(method: Callable[..., Coroutine[Any, Any, Answer[Any]]]) -> _Asking: ...
def submitting(method: Callable[..., Future[Answer[Any]]]) -> _Submitting: ...
def peeking(method: Callable[..., Answer[Any] | None]) -> _Peeking: ...
def streaming(method: Callable[..., _Outcomes[Any, Any]]) -> _Streaming: ...
"""
ONE = "def __call__(self, name: str, type: {type}) -> {answer}: ..."
MANY = "def __call__(self, names: _Many[{item}], type: {type}, *, concurrency: int | None = None) -> {answer}: ..."
FORMS = {
    "_Asking": (f"async {ONE}", "Answer[{data}]"),
    "_Submitting": (ONE, "Future[Answer[{data}]]"),
    "_Peeking": (ONE, "Answer[{data}] | None"),
    "_Streaming": (MANY, "_Outcomes[{item}, {data}]"),
}


def stub() -> str:
    """The whole file: a class for each form of method, with an overload for each registered type, A first."""
    # A test may have registered a type of its own.
    ours = sorted(shape.type for shape in shapes() if shape.cls.__module__.startswith("aioresolver."))
    lines = [HEAD]
    for name, (method, answer) in FORMS.items():
        lines.append(f"class {name}(Protocol):")
        for rrtype in ours:
            default = ' = "A"' if rrtype == RRType.A else ""
            type_ = f'Literal["{rrtype.name}", RRType.{rrtype.name}]{default}'
            result = answer.format(item="_Name", data=f"rdata.{rrtype.name}")
            lines += ["    @overload", "    " + method.format(item="_Name", type=type_, answer=result)]
        # Types that come as numbers or in variables; and items that bring theirs along.
        result = answer.format(item="_Item", data="Any")
        lines += ["    @overload", "    " + method.format(item="_Item", type='str | int = "A"', answer=result), ""]
    return "\n".join(lines)


def test_every_registered_type_has_its_overloads():
    assert STUB.read_text(encoding="utf-8") == stub(), "run python tests/test_typed.py"


def test_the_names_of_types_are_those_of_their_classes():
    assert [shape.type.name for shape in shapes() if shape.cls.__module__.startswith("aioresolver.")] == [
        shape.cls.__name__ for shape in shapes() if shape.cls.__module__.startswith("aioresolver.")
    ]


def test_at_run_time_nothing_is_in_between():
    for method in (Resolver.query, Resolver.resolve, Resolver.submit, Resolver.peek, Resolver.query_many):
        assert inspect.isfunction(method)
        assert method.__module__ == Resolver.__module__
        assert inspect.getdoc(method)


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
