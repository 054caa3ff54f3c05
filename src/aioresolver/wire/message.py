"""Questions, records and whole messages. A message is walked once; its records are decoded when they are read."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import Flag, Opcode, Rcode, RRClass, RRType
from aioresolver.wire.compression import MAX_MALFORMED, NameMemo, read_name, write_name
from aioresolver.wire.edns import Edns
from aioresolver.wire.entry import parse_entry
from aioresolver.wire.layout import TTL_LIMIT, OptLayout, RecordLayout, Sections, check_owners, read_layout
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import GenericRdata, write_rdata
from aioresolver.wire.rdata.registry import READERS

__all__ = ["Message", "Question", "Record"]

_header = struct.Struct(">HHHHHH")
_type_and_class = struct.Struct(">HH")
_fixed_part = struct.Struct(">HHIH")

# Looked up without the machinery of enum.
_types, _classes, _rcodes = RRType.by_number(), RRClass.by_number(), Rcode.by_number()
_TYPES: dict[str | int, RRType] = {key: rrtype for rrtype in RRType for key in (rrtype.name, int(rrtype))}

_ROOT = Name(".")
_EDNS = Edns()
_FLAGS = 0x87F0
# What these types mean is defined for the Internet's class alone.
_INTERNET_ONLY = frozenset({RRType.A, RRType.AAAA, RRType.SRV, RRType.NAPTR, RRType.SVCB, RRType.HTTPS})


class Question(NamedTuple):
    """What is asked: the records of one type at one name."""

    name: Name
    type: RRType
    class_: RRClass = RRClass.IN

    @classmethod
    def parse(cls, name: str, type: str | int = "A", *, class_: RRClass = RRClass.IN) -> Question:
        """The question for a name and a type as people write them: `MX`, `mx`, 15 or `TYPE15`.

        Raises NameSyntaxError, and ValueError for what is no type.
        """
        rrtype = _TYPES.get(type)
        if rrtype is None:
            rrtype = RRType.parse(type) if isinstance(type, str) else RRType(type)
        return tuple.__new__(cls, (Name.parse(name), rrtype, class_))

    def __str__(self) -> str:
        return f"{self.name} {self.type}" if self.class_ == 1 else f"{self.name} {self.class_} {self.type}"


class Record:
    """One resource record; it is never changed.

    When it came in a message, `data` is decoded at its first reading, and raises MessageFormatError if malformed.
    """

    __slots__ = ("_class", "_data", "_name", "_source", "_ttl", "_type")

    _name: Name
    _type: RRType
    _class: RRClass
    _ttl: int
    _data: Any
    _source: tuple[bytes, int, int, NameMemo] | None

    def __init__(self, name: Name, type: RRType, class_: RRClass, ttl: int, data: Any) -> None:
        if not 0 <= ttl < TTL_LIMIT:
            raise ValueError(f"a TTL is 0 to {TTL_LIMIT - 1} seconds, not {ttl}")
        self._name = name
        self._type = type
        self._class = class_
        self._ttl = ttl
        self._data = data
        self._source = None

    @classmethod
    def parse(cls, text: str, origin: Name | None = None, *, ttl: int | None = None) -> Record:
        """The record of one entry of a zone file: `name [ttl] [class] type data` (RFC 1035, 5.1).

        Relative names are completed with `origin`, or with the root; `ttl` is for text without one.
        Raises RdataSyntaxError.
        """
        return cls(*parse_entry(text, origin, ttl=ttl))

    @property
    def name(self) -> Name:
        """The owner."""
        return self._name

    @property
    def type(self) -> RRType:
        """The type."""
        return self._type

    @property
    def class_(self) -> RRClass:
        """The class."""
        return self._class

    @property
    def ttl(self) -> int:
        """For how many seconds it may be kept."""
        return self._ttl

    @property
    def data(self) -> Any:
        """The typed payload: the class that is declared for the type, or GenericRdata."""
        source = self._source
        if source is not None:
            wire, start, end, memo = source
            if memo.malformed > MAX_MALFORMED:
                raise MessageFormatError(f"more than {MAX_MALFORMED} records of the message are malformed")
            read = READERS.get(self._type)
            if read is None or (self._class != 1 and _is_generic(self._type, self._class, empty=start == end)):
                self._data = tuple.__new__(GenericRdata, (self._type, wire[start:end]))
            else:
                try:
                    self._data = read(wire, start, end, memo)
                except MessageFormatError as error:
                    memo.malformed += 1
                    raise MessageFormatError(f"malformed {self._type} data: {error}") from None
            self._source = None
        return self._data

    def with_ttl(self, ttl: int) -> Record:
        """The same record with another TTL."""
        source = self._source
        record = Record(self._name, self._type, self._class, ttl, self._data if source is None else None)
        record._source = source
        return record

    def write(self, buffer: bytearray, offsets: dict[str, int] | None = None) -> None:
        """Append the wire form; `offsets` is the compression table of the message in `buffer`.

        Raises RdataSyntaxError for data that does not fit its type, ValueError for more than 65535 bytes of it.
        """
        write_name(buffer, self._name, offsets)
        buffer += _fixed_part.pack(self._type, self._class, self._ttl, 0)
        start = len(buffer)
        write_rdata(buffer, self.data, offsets)
        length = len(buffer) - start
        if length > 0xFFFF:
            raise ValueError(f"the data of {self._name} {self._type} has {length} bytes, more than a record can hold")
        buffer[start - 2 : start] = length.to_bytes(2, "big")

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Record) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        source = self._source
        try:
            data = str(self.data if source is None or source[3].malformed <= MAX_MALFORMED else self._bytes())
        except MessageFormatError:
            # Whoever shows records wants to see the bad one too (RFC 3597, 5).
            data = str(self._bytes())
        return f"{self._name} {self._ttl} {self._class._name_} {self._type._name_} {data}".rstrip()

    def __repr__(self) -> str:
        return f"<Record {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Record, self._key()

    def _bytes(self) -> GenericRdata:
        """The data of a record that came in a message, undecoded."""
        wire, start, end, _ = self._source or (b"", 0, 0, None)
        return GenericRdata(self._type, wire[start:end])

    def _key(self) -> tuple[Name, RRType, RRClass, int, Any]:
        return self._name, self._type, self._class, self._ttl, self.data


class Message:
    """A whole DNS message; it is never changed.

    One that came from the wire is decoded where it is read. Reading `answer`, `authority` or `additional` then raises
    MessageFormatError when an owner in that section is no name, and the data of a record when that is malformed.

    - `id`: 16 bits.
    - `wire`: the bytes it was parsed from; None when it was built.
    - `layout`: where the records of the answer, authority and additional section are in `wire`, without OPT: what a
      hot path reads instead of records. Empty lists when it was built.
    """

    __slots__ = ("_additional", "_answer", "_authority", "_edns", "_memo", "_opt", "_question", "_rcode", "_word", "id",
                 "layout", "wire")  # fmt: skip

    id: int
    wire: bytes | None
    layout: Sections

    def __init__(
        self,
        *,
        id: int = 0,
        flags: Flag | int = 0,
        opcode: Opcode = Opcode.QUERY,
        rcode: Rcode = Rcode.NOERROR,
        question: Iterable[Question] = (),
        answer: Iterable[Record] = (),
        authority: Iterable[Record] = (),
        additional: Iterable[Record] = (),
        edns: Edns | None = None,
    ) -> None:
        self.id = id
        self.wire = None
        self.layout = [], [], []
        self._word = flags & _FLAGS | opcode << 11 | rcode & 0xF
        self._rcode = int(rcode)
        self._memo: NameMemo | None = None
        self._opt: OptLayout | None = None
        self._edns = edns
        self._question: tuple[Question, ...] | None = tuple(question)
        self._answer: tuple[Record, ...] | None = tuple(answer)
        self._authority: tuple[Record, ...] | None = tuple(authority)
        self._additional: tuple[Record, ...] | None = tuple(additional)

    @classmethod
    def parse(cls, wire: bytes) -> Message:
        """The message that these bytes are.

        Header, questions, the bounds of every record and EDNS are checked here; an owner is when its section is read,
        and the data of a record when that is. Raises MessageFormatError, for bytes left over too.
        """
        message = cls.__new__(cls)
        message.id, word, message.layout, opt = read_layout(wire)
        message.wire = wire
        message._word = word
        message._rcode = word & 0xF if opt is None else (opt[1] >> 24) << 4 | word & 0xF
        message._opt = opt
        message._memo = message._edns = None
        message._question = message._answer = message._authority = message._additional = None
        return message

    @classmethod
    def query(
        cls,
        question: Question,
        *,
        id: int = 0,
        recursion_desired: bool = True,
        checking_disabled: bool = False,
        authentic_data: bool = False,
        edns: Edns | None = _EDNS,
    ) -> Message:
        """A message that asks this question."""
        flags = Flag.RD * recursion_desired | Flag.CD * checking_disabled | Flag.AD * authentic_data
        return cls(id=id, flags=flags, question=(question,), edns=edns)

    def reply(
        self,
        *,
        flags: Flag | int = 0,
        rcode: Rcode = Rcode.NOERROR,
        answer: Iterable[Record] = (),
        authority: Iterable[Record] = (),
        additional: Iterable[Record] = (),
        edns: Edns | None = None,
    ) -> Message:
        """A message that replies to this one: its id, opcode, questions, RD and CD; QR and `flags` on top."""
        return Message(
            id=self.id,
            flags=Flag.QR | self._word & (Flag.RD | Flag.CD) | flags,
            opcode=self.opcode,
            rcode=rcode,
            question=self.question,
            answer=answer,
            authority=authority,
            additional=additional,
            edns=edns,
        )

    @property
    def flags(self) -> Flag:
        """The header's bits without opcode and rcode."""
        return Flag(self._word & _FLAGS)

    @property
    def opcode(self) -> Opcode:
        """What the message is for."""
        return Opcode(self._word >> 11 & 0xF)

    @property
    def rcode(self) -> Rcode:
        """How the question went, the upper bits from EDNS included."""
        rcode: Rcode | None = _rcodes.get(self._rcode)
        return Rcode(self._rcode) if rcode is None else rcode

    @property
    def edns(self) -> Edns | None:
        """What the OPT record says; None without one."""
        if self._edns is None and self._opt is not None:
            payload, ttl, options = self._opt
            self._edns = Edns(payload, ttl >> 16 & 0xFF, ttl & 0xFFFF, options)
        return self._edns

    @property
    def question(self) -> tuple[Question, ...]:
        """The questions: one, in nearly every message."""
        questions = self._question
        if questions is None:
            questions = self._question = self._read_questions()
        return questions

    @property
    def answer(self) -> tuple[Record, ...]:
        """The records that answer the question."""
        records = self._answer
        if records is None:
            records = self._answer = self._read_records(self.layout[0])
        return records

    @property
    def authority(self) -> tuple[Record, ...]:
        """The records that say who is responsible."""
        records = self._authority
        if records is None:
            records = self._authority = self._read_records(self.layout[1])
        return records

    @property
    def additional(self) -> tuple[Record, ...]:
        """The records that may help, without OPT."""
        records = self._additional
        if records is None:
            records = self._additional = self._read_records(self.layout[2])
        return records

    def name_at(self, offset: int) -> Name:
        """The name at an offset of `wire`, as the owners in `layout` are. Raises MessageFormatError."""
        return read_name(self.wire or b"", offset, self._known())[0]

    def check_authority(self) -> None:
        """Raise MessageFormatError unless `authority` can be read; hardly anything is decoded for that."""
        if self.layout[1] and self._authority is None:
            check_owners(self.wire or b"", self.layout[1], self._known())

    def to_wire(self, *, limit: int = 0xFFFF, padding: int = 0) -> bytes:
        """The bytes of this message, names compressed; never longer than `limit`.

        What does not fit is left out, whole records from the back but never OPT; TC says so when answer or authority
        are not complete (RFC 2181, 9). With EDNS, `padding` makes the length a multiple of so many bytes (RFC 8467).
        Raises ValueError when not even the questions fit, or the rcode needs EDNS and there is none.
        """
        edns = self.edns
        if edns is None and self._rcode > 0xF:
            raise ValueError(f"rcode {self.rcode} needs EDNS")
        opt = b"" if edns is None else edns.to_wire(self._rcode)
        buffer = bytearray(_header.size)
        offsets: dict[str, int] = {}
        for name, rrtype, rrclass in self.question:
            write_name(buffer, name, offsets)
            buffer += _type_and_class.pack(rrtype, rrclass)
        room = limit - len(opt)
        if len(buffer) > room:
            raise ValueError(f"the questions of the message do not fit into {limit} bytes")
        word, counts = self._write_records(buffer, offsets, room)
        if edns is not None:
            counts[2] += 1
            if padding:
                padded = edns.padded(len(buffer) + len(edns.unpadded().to_wire()), padding).to_wire(self._rcode)
                opt = padded if len(buffer) + len(padded) <= limit else opt
        _header.pack_into(buffer, 0, self.id, word, len(self.question), *counts)
        return bytes(buffer + opt)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Message) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        asked = ", ".join(map(str, self.question))
        count = len(self.layout[0]) if self._answer is None else len(self._answer)
        return f"<Message {self.id} {self.opcode} {self.rcode}: {asked}; {count} in answer>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Message.parse, (self.to_wire() if self.wire is None else self.wire,)

    def _key(self) -> tuple[Any, ...]:
        return self.id, self._word, self._rcode, self.question, self.answer, self.authority, self.additional, self.edns

    def _known(self) -> NameMemo:
        """What is known of the names in `wire`, all in one place."""
        if self._memo is None:
            self._memo = NameMemo()
        return self._memo

    def _read_questions(self) -> tuple[Question, ...]:
        wire = self.wire or b""
        questions = []
        position = _header.size
        for _ in range(wire[4] << 8 | wire[5]):
            name, position = read_name(wire, position, self._known())
            rrtype, rrclass = _type_and_class.unpack_from(wire, position)
            position += _type_and_class.size
            questions.append(
                Question(name, _types.get(rrtype) or RRType.of(rrtype), _classes.get(rrclass) or RRClass.of(rrclass))
            )
        return tuple(questions)

    def _read_records(self, section: list[RecordLayout]) -> tuple[Record, ...]:
        if not section:
            return ()
        wire, memo = self.wire or b"", self._known()
        asked = read_name(wire, 12, memo)[0] if wire[4:6] != b"\0\0" else None
        new = Record.__new__
        records = []
        for owner, rrtype, rrclass, ttl, start, end in section:
            record = new(Record)
            at_question = wire[owner] == 0xC0 and wire[owner + 1] == 12
            record._name = (asked if at_question else None) or read_name(wire, owner, memo)[0]
            record._type = _types.get(rrtype) or RRType.of(rrtype)
            record._class = _classes.get(rrclass) or RRClass.of(rrclass)
            record._ttl = ttl
            record._source = wire, start, end, memo
            records.append(record)
        return tuple(records)

    def _write_records(self, buffer: bytearray, offsets: dict[str, int], room: int) -> tuple[int, list[int]]:
        """Append what fits into `room`; the flags word, and how many records each section has."""
        counts = [0, 0, 0]
        for section, records in enumerate((self.answer, self.authority, self.additional)):
            for record in records:
                before = len(buffer)
                record.write(buffer, offsets)
                if len(buffer) > room:
                    del buffer[before:]
                    return self._word | (Flag.TC if section < 2 else 0), counts
                counts[section] += 1
        return self._word, counts


def _is_generic(rrtype: RRType, rrclass: RRClass, *, empty: bool) -> bool:
    """Whether the data of a record outside the Internet's class is but bytes; an update has empty ones (RFC 2136)."""
    return rrtype in _INTERNET_ONLY or (empty and rrclass in (RRClass.NONE, RRClass.ANY))
