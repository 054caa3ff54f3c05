"""What people ask for, as Questions: names and types as they write them, and addresses for their reverse names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aioresolver.errors import NameSyntaxError
from aioresolver.system.literal import parse_literal
from aioresolver.wire.codes import RRClass, RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name

__all__ = ["TypeLike", "question_of", "questions_of"]

TypeLike = str | int
PTR, IN = RRType.PTR, RRClass.IN
# What the constructor of a NamedTuple comes down to, without its layer of Python.
_new = tuple.__new__


def question_of(name: str, type: TypeLike) -> Question:
    """The question for a name as people write it; an address stands for its reverse name when PTR is asked.

    Raises NameSyntaxError, and ValueError for what is no type.
    """
    question = Question.parse(name, type)
    if question.type == PTR and parse_literal(name) is not None:
        return Question(Name.reverse(name), PTR)
    return question


def questions_of(rrtype: RRType) -> Callable[[Any], Question]:
    """What makes the question of an item of many: a name, or a tuple that begins with a name and a type. Hot."""
    parse = Name.parse
    is_plain = rrtype != PTR

    def question(item: Any) -> Question:
        if is_plain and type(item) is str:
            return _new(Question, (parse(item), rrtype, IN))
        return question_of(*_asked(item, rrtype))

    return question


def _asked(item: Any, rrtype: RRType) -> tuple[str, TypeLike]:
    """The name and the type that an item asks for; raises NameSyntaxError when it is neither name nor tuple."""
    name, type_ = item[:2] if isinstance(item, tuple) and len(item) > 1 else (item, rrtype)
    if not isinstance(name, str) or not isinstance(type_, (str, int)):
        raise NameSyntaxError(f"{item!r:.200} is neither a name nor a tuple of a name and a type")
    return name, type_
