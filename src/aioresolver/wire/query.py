"""Queries as bytes, for the hot path; and the letter case of what they ask, which can be made hard to guess.

The case of letters does not matter in a name, but servers echo it: random case is what a forger has to guess
besides id and port ("0x20").
"""

from __future__ import annotations

import struct

from aioresolver.wire.codes import EdnsOption, Flag, RRClass, RRType
from aioresolver.wire.edns import Edns
from aioresolver.wire.names import LENGTHS, Name

__all__ = ["QueryForm", "query_frame", "query_wire", "question_section", "randomized", "same_but_case"]

Asked = tuple[Name, RRType, RRClass]
"""What a Question is."""

_header = struct.Struct(">HHHHHH")
_type_and_class = struct.Struct(">HH")
_option = struct.Struct(">HH")

# Flags and EDNS of what is asked nearly always, put together beforehand.
_USUAL = Edns()
_USUAL_OPT = _USUAL.to_wire()
_USUAL_HEADS = tuple(_header.pack(0, Flag.RD, 1, 0, 0, count) for count in range(2))

# Type and class, as they end the question section of the Internet's class.
_ENDS = {rrtype: _type_and_class.pack(rrtype, 1) for rrtype in RRType}
_END = _type_and_class.size

_OPT_LENGTH = slice(9, 11)
_BEFORE_OPTIONS = 11

# The bit that is the case of a letter; no length of a label is a letter.
_CASE_BITS = bytes(0x20 if chr(byte).isalpha() and byte < 0x80 else 0 for byte in range(256))


def query_wire(
    question: Asked,
    *,
    edns: Edns | bool | None = True,
    recursion_desired: bool = True,
    checking_disabled: bool = False,
    authentic_data: bool = False,
    padding: int = 0,
) -> bytes:
    """The bytes of `Message.query(question)` with id 0.

    `edns` is what the OPT record says; True is the usual one, and False or None none at all. With EDNS, `padding`
    makes the length a multiple of so many bytes (RFC 8467 recommends 128).
    """
    section = question_section(question)
    head = _head(bool(edns), recursion_desired, checking_disabled, authentic_data)
    if padding and edns:
        opt = edns.unpadded().to_wire() if isinstance(edns, Edns) else _USUAL_OPT
        return b"".join((head, section, _padded(opt, len(head) + len(section), padding)))
    return b"".join((head, section, _opt(edns)))


def query_frame(
    edns: Edns | bool | None = True,  # noqa: FBT001, FBT002 - as in query_wire, where it has to be named
    *,
    recursion_desired: bool = True,
    checking_disabled: bool = False,
    authentic_data: bool = False,
) -> tuple[bytes, bytes]:
    """What stands before and behind the question in every `query_wire` like this, less the two bytes of the id."""
    return _head(bool(edns), recursion_desired, checking_disabled, authentic_data)[2:], _opt(edns)


class QueryForm:
    """The bytes of `query_wire(question, edns=edns, padding=padding)` for many questions: all but these is put together once."""

    __slots__ = ("_block", "_head", "_opt", "_tails")

    def __init__(self, edns: Edns | None, *, padding: int = 0) -> None:
        self._head = _USUAL_HEADS[edns is not None]
        self._block = padding if edns is not None else 0
        self._opt = _opt(edns.unpadded() if edns is not None and padding else edns)
        self._tails: dict[int, bytes] = {}

    def wire(self, question: Asked) -> bytes:
        """The query with id 0."""
        section = question_section(question)
        if not self._block:
            return b"".join((self._head, section, self._opt))
        size = len(section) % self._block
        tail = self._tails.get(size)
        if tail is None:
            tail = self._tails[size] = _padded(self._opt, len(self._head) + len(section), self._block)
        return b"".join((self._head, section, tail))


def question_section(question: Asked) -> bytes:
    """The question section of a query."""
    name, type_, class_ = question
    end = _ENDS.get(type_) if class_ == 1 else None
    if end is None or "\\" in name or name == ".":
        return name.to_wire() + _type_and_class.pack(type_, class_)
    return b"".join([LENGTHS[len(label)] + label for label in name.encode().split(b".")]) + end


def randomized(section: bytes, bits: bytes) -> bytes:
    """The question section of one question with its letters in an unpredictable case.

    `bits` are random bytes, one for each of the name at least: a letter changes its case with bit 5 of its own.
    Raises ValueError when there are fewer.
    """
    size = len(section) - _END
    if len(bits) < size:
        raise ValueError(f"a name of {size} bytes takes as many random ones, not {len(bits)}")
    name = section[:size]
    flips = int.from_bytes(name.translate(_CASE_BITS), "big") & int.from_bytes(bits[:size], "big")
    return (int.from_bytes(name, "big") ^ flips).to_bytes(size, "big") + section[size:]


def same_but_case(section: bytes, other: bytes) -> bool:
    """Whether two question sections ask the same, in whatever letter case."""
    return section == other or (section[-_END:] == other[-_END:] and section[:-_END].lower() == other[:-_END].lower())


def _head(edns: bool, recursion_desired: bool, checking_disabled: bool, authentic_data: bool) -> bytes:  # noqa: FBT001 - each is a bit of the header
    if recursion_desired and not checking_disabled and not authentic_data:
        return _USUAL_HEADS[edns]
    word = Flag.RD * recursion_desired | Flag.CD * checking_disabled | Flag.AD * authentic_data
    return _header.pack(0, word, 1, 0, 0, edns)


def _opt(edns: Edns | bool | None) -> bytes:  # noqa: FBT001 - likewise
    if edns is True or edns is _USUAL:
        return _USUAL_OPT
    return edns.to_wire() if edns else b""


def _padded(opt: bytes, before: int, block: int) -> bytes:
    """An OPT record of which so many bytes stand before, with padding up to a whole block."""
    fill = -(before + len(opt) + _option.size) % block
    length = len(opt) - _BEFORE_OPTIONS + _option.size + fill
    padding = _option.pack(EdnsOption.PADDING, fill) + bytes(fill)
    return opt[: _OPT_LENGTH.start] + length.to_bytes(2, "big") + opt[_OPT_LENGTH.stop :] + padding
