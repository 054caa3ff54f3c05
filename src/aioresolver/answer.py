"""Answer: a reply read for its question. Everything below makes one, everything above reads one."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from socket import AF_INET6, inet_ntoa, inet_ntop
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from aioresolver.alias_chain import AliasChain, soa_ttl
from aioresolver.errors import Attempt
from aioresolver.flow.clock import loop_time
from aioresolver.wire.codes import ExtendedError, Flag, Rcode, RRType
from aioresolver.wire.edns import Edns
from aioresolver.wire.layout import (
    read_plain_absence,
    read_plain_addresses,
    without_hop_options,
    write_plain_addresses,
)
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.names import Name
from aioresolver.wire.query import question_section
from aioresolver.wire.rdata import AAAA, A

if TYPE_CHECKING:
    import dns.message
    import dns.rrset

__all__ = ["Answer"]

D_co = TypeVar("D_co", covariant=True)

# What the constructor of a NamedTuple comes down to, without its layer of Python.
new: Any = tuple.__new__
NOERROR, NXDOMAIN = Rcode.NOERROR, Rcode.NXDOMAIN
ADDRESS_LENGTHS: dict[int, int] = {RRType.A: 4, RRType.AAAA: 16}
# Header, the root's label, type and class: how far behind the length of the name's text the answer section begins.
BEFORE_ANSWERS = 12 + 1 + 4
BEFORE_DATA = 12
# An OPT record without options is the last 11 bytes of most replies, and begins so.
OPT_LENGTH = 11
OPT_BEGINS = b"\0\0\x29"
AUTHENTIC = Flag.AD.value


class Answer(Generic[D_co]):
    """What a question got: records, or their proven absence. It is never changed once made.

    An answer is a sequence of its data (`for mx in answer`, `answer[0]`, `len(answer)`) and is true when it has any.

    - `question`: what was asked.
    - `empty`: whether it has no records.
    - `rcode`: NOERROR or NXDOMAIN.
    - `expires`: the event loop's time at which the answer ends: the least TTL over aliases and records, or for an
      empty answer what the zone's SOA allows (RFC 2308, 5). Not above the time it was made: do not keep it.
    - `server`: who gave it, as a nameserver URL or a word such as `hosts`; None when unknown.
    - `attempts`: the tries that failed before this answer came.
    - `elapsed`: seconds from the first packet to this answer.
    """

    __slots__ = ("_chain", "_message", "attempts", "elapsed", "empty", "expires", "question", "rcode", "server")

    question: Question
    empty: bool
    rcode: Rcode
    expires: float
    server: str | None
    attempts: tuple[Attempt, ...]
    elapsed: float

    def __init__(
        self,
        question: Question,
        message: Message | bytes,
        chain: AliasChain[D_co],
        *,
        rcode: Rcode,
        expires: float,
        server: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        elapsed: float = 0.0,
    ) -> None:
        self.question = question
        self.empty = not chain.records
        self.rcode = rcode
        self.expires = expires
        self.server = server
        self.attempts = attempts
        self.elapsed = elapsed
        self._message = message
        self._chain: AliasChain[D_co] | None = chain

    @classmethod
    def of_plain(
        cls, question: Question, wire: bytes, now: float, server: str | None = None, elapsed: float = 0.0
    ) -> Answer[D_co] | None:
        """The answer in a reply that is nearly as short as can be, which stays undecoded.

        It has nothing but addresses of the name that was asked for, or says with an SOA that there is nothing. None when
        it is anything else, or not a message at all: then `of` says more. The question section of `wire` is known to be
        `question`'s.
        """
        name, type_, class_ = question
        if class_ != 1 or "\\" in name or len(name) < 2:
            return None
        rcode, position = NOERROR, len(name) + BEFORE_ANSWERS
        empty = not (wire[7] or wire[6])
        if not empty:
            length = ADDRESS_LENGTHS.get(type_)
            ttl = None if length is None else read_plain_addresses(wire, position, type_, length)
        else:
            ttl = read_plain_absence(wire, position)
            if wire[3] & 0xF:
                rcode = NXDOMAIN
        if ttl is None:
            return None
        if wire[11] and wire[-OPT_LENGTH : 3 - OPT_LENGTH] != OPT_BEGINS:
            wire = without_hop_options(wire, position)
        answer: Answer[D_co] = cls.__new__(cls)
        answer.question = question
        answer.empty = empty
        answer.rcode = rcode
        answer.expires = now + ttl
        answer.server = server
        answer.attempts = ()
        answer.elapsed = elapsed
        answer._message = wire
        answer._chain = None
        return answer

    @classmethod
    def of(
        cls,
        question: Question,
        message: Message,
        *,
        now: float,
        server: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        elapsed: float = 0.0,
    ) -> Answer[D_co]:
        """The answer that a message holds; `now` is when it was asked for.

        Raises MessageFormatError when its records cannot be decoded, an owner in its authority section neither, or its
        aliases run in a circle.
        """
        wire = message.wire
        if wire is not None and wire.startswith(question.name.to_wire(), 12):
            plain: Answer[D_co] | None = cls.of_plain(question, wire, now, server, elapsed)
            if plain is not None:
                plain.attempts = attempts
                return plain
        rcode = message.rcode
        message.check_authority()
        chain: AliasChain[D_co] = AliasChain(question, message)
        return cls(
            question,
            message,
            chain,
            rcode=rcode,
            expires=now + chain.ttl(message),
            server=server,
            attempts=attempts,
            elapsed=elapsed,
        )

    @classmethod
    def from_records(
        cls,
        question: Question,
        records: Sequence[Record] = (),
        *,
        now: float,
        rcode: Rcode = Rcode.NOERROR,
        ttl: float | None = None,
        authority: Sequence[Record] = (),
        server: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        elapsed: float = 0.0,
        edns: Edns | None = None,
    ) -> Answer[D_co]:
        """An answer made of records that came otherwise than in a message; `ttl` in seconds overrules theirs."""
        message = Message(
            question=(question,), answer=tuple(records), authority=tuple(authority), rcode=rcode, edns=edns
        )
        chain: AliasChain[D_co] = AliasChain(question, message)
        return cls(
            question,
            message,
            chain,
            rcode=rcode,
            expires=now + (chain.ttl(message) if ttl is None else ttl),
            server=server,
            attempts=attempts,
            elapsed=elapsed,
        )

    @classmethod
    def from_addresses(
        cls,
        question: Question,
        addresses: Sequence[tuple[bytes, int]],
        *,
        now: float,
        server: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        elapsed: float = 0.0,
    ) -> Answer[D_co]:
        """An answer of packed addresses, each with its TTL, that the name itself has; lighter than `from_records`."""
        wire = write_plain_addresses(question_section(question), question.type, addresses)
        answer = cls.of_plain(question, wire, now, server, elapsed)
        if answer is None:
            answer = cls.of(question, Message.parse(wire), now=now, server=server, elapsed=elapsed)
        answer.attempts = attempts
        return answer

    @classmethod
    def from_dnspython(cls, given: dns.message.Message | dns.rrset.RRset, *, server: str | None = None) -> Answer[D_co]:
        """The answer that a reply holds, or that an RRset is; its TTL counts from now. Needs dnspython.

        Raises ServerFailure when the reply's rcode is neither NOERROR nor NXDOMAIN, MessageFormatError when it is no
        reply to one question.
        """
        from aioresolver.wire.dnspython import from_dnspython  # noqa: PLC0415 - most programs have no dnspython

        message = from_dnspython(given)
        return cls.of(message.question[0], message, now=loop_time(), server=server)

    def to_dnspython(self) -> dns.message.Message:
        """The whole message as dnspython's; a reply with these records when the answer came in none. Needs dnspython.

        `aioresolver.adapters.dnspython.to_rrset` makes an RRset. Raises `dns.exception.FormError` for data that
        dnspython does not take, where it is stricter than we are.
        """
        from aioresolver.wire.dnspython import to_message  # noqa: PLC0415 - most programs have no dnspython

        return to_message(self.message)

    @property
    def message(self) -> Message:
        """The whole message, all sections and EDNS included.

        EDNS options that are between us and the nameserver alone, which are cookies, keepalive and padding, may be missing.
        """
        message = self._message
        if isinstance(message, bytes):
            message = self._message = Message.parse(message)
        return message

    @property
    def name(self) -> Name:
        """The name that has the records, after the aliases."""
        return self.question.name if self._is_plain() else self._read().name

    @property
    def aliases(self) -> tuple[Name, ...]:
        """The names that led there (CNAME and DNAME), the question's first; empty when there were none."""
        return () if self._is_plain() else self._read().aliases

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of the question's type at `name`; behind them the RRSIG records over these, if any came.

        Such come when the nameservers are asked with the DO bit. `data`, and the answer as a sequence, are without them.
        """
        return self._read().records + self.signatures

    @property
    def signatures(self) -> tuple[Record, ...]:
        """The RRSIG records over the records."""
        return () if self._is_plain() else self._read().signatures

    @property
    def data(self) -> tuple[D_co, ...]:
        """The records' data, typed by the question."""
        return self._plain_data() if self._is_plain() else self._read().data

    @property
    def authority(self) -> tuple[Record, ...]:
        """The authority section: the SOA of an empty answer."""
        return self.message.authority

    @property
    def edns(self) -> Edns | None:
        """What the nameserver's OPT record says, unknown options as they came; None when none came.

        `answer.edns.client_subnet` has the scope for which the answer is meant. Cookies, keepalive and padding are left
        out. Decoded at each reading.
        """
        message = self._message
        edns = (Message.parse(message) if type(message) is bytes else self.message).edns
        return edns if edns is None or not edns.options else edns.without_hop_options()

    @property
    def extended_errors(self) -> tuple[tuple[ExtendedError, str], ...]:
        """What the nameserver says about the answer, code and text of each (RFC 8914): BLOCKED, FILTERED, STALE_ANSWER.

        The text is printable, and short. The codes are not authenticated in any way.
        """
        edns = self.edns if self._has_options() else None
        return () if edns is None else edns.extended_errors

    @property
    def nsid(self) -> bytes | None:
        """Which of the nameserver's machines it was, if that was asked for and told (RFC 5001)."""
        edns = self.edns if self._has_options() else None
        return None if edns is None else edns.nsid

    @property
    def authenticated(self) -> bool:
        """Whether the nameserver says that it has validated the answer by DNSSEC: the AD bit (RFC 4035, 3.2.3).

        That is worth as much as the nameserver, and the way to it, can be trusted: over anything but loopback or an
        encrypted, authenticated transport, whoever is on the way can set it. Nameservers set it when they are asked with
        AD or DO.
        """
        message = self._message
        return bool((message[3] if type(message) is bytes else self.message.flags) & AUTHENTIC)

    @property
    def stale(self) -> bool:
        """Whether it was past its time already when it was handed out, for want of a fresh one (RFC 8767)."""
        return False

    @property
    def ttl(self) -> int:
        """Seconds that the answer is still good for, counted down at the time of reading."""
        return max(0, round(self.expires - loop_time()))

    @property
    def total(self) -> bool:
        """Whether it says of the name itself, with an SOA, that nothing at all is there: NXDOMAIN without aliases.

        With aliases it is the last one's target that does not exist (RFC 6604).
        """
        if self.rcode != NXDOMAIN:
            return False
        return self._is_plain() or (not self.aliases and self.empty and soa_ttl(self.message) is not None)

    @property
    def dangling(self) -> bool:
        """Whether the aliases lead to a name of which the message says nothing at all."""
        if isinstance(self._message, bytes):
            return False
        chain = self._read()
        return bool(chain.aliases) and not chain.records and not self.rcode and soa_ttl(self.message) is None

    def rotated(self, places: int) -> Answer[D_co]:
        """The same answer with its records in round-robin order."""
        chain = self._read()
        if len(chain.records) < 2:
            return self
        other = copy.copy(self)
        other._chain = chain.rotated(places)
        return other

    def continued(self, tail: Answer[D_co]) -> Answer[D_co]:
        """This answer, whose aliases end nowhere, with the answer for the name that they lead to."""
        mine, more = self.message, tail.message
        message = Message(
            flags=more.flags & (mine.flags | ~Flag.AD),
            rcode=tail.rcode,
            question=(self.question,),
            answer=(*mine.answer, *more.answer),
            authority=more.authority,
            edns=more.edns,
        )
        return Answer(
            self.question,
            message,
            AliasChain(self.question, message),
            rcode=tail.rcode,
            expires=min(self._alias_expiry(), tail.expires),
            server=tail.server,
            attempts=self.attempts + tail.attempts,
            elapsed=self.elapsed + tail.elapsed,
        )

    def __bool__(self) -> bool:
        return not self.empty

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[D_co]:
        return iter(self.data)

    @overload
    def __getitem__(self, index: int) -> D_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[D_co, ...]: ...
    def __getitem__(self, index: int | slice) -> D_co | tuple[D_co, ...]:
        if self._chain is None and type(self._message) is bytes:
            return self._plain_data()[index]
        return self._read().data[index]

    def __repr__(self) -> str:
        data = ", ".join(map(str, self.data)) or self.rcode.name
        return f"<Answer {self.question}: {data} (ttl {self.ttl})>"

    def _has_options(self) -> bool:
        """Whether a look at EDNS is worth while; for nearly all answers it is not."""
        message = self._message
        if type(message) is not bytes:
            return True
        return bool(message[10] or message[11]) and message[-OPT_LENGTH : 3 - OPT_LENGTH] != OPT_BEGINS

    def _is_plain(self) -> bool:
        """Whether it came from `of_plain`, and nobody has read more of it than its data."""
        return self._chain is None and type(self._message) is bytes

    def _plain_data(self) -> tuple[D_co, ...]:
        """The addresses, taken from where they must be. They are not kept: decoding costs less than remembering."""
        wire = cast(bytes, self._message)
        name, type_, _ = self.question
        start = len(name) + BEFORE_ANSWERS + BEFORE_DATA
        count = wire[6] << 8 | wire[7]
        if not count:
            return ()
        addresses: list[Any]
        if type_ == 1:
            if count == 1:
                return cast("tuple[D_co]", (new(A, (inet_ntoa(wire[start : start + 4]),)),))
            ends = range(start + 4, start + 4 + 16 * count, 16)
            addresses = [new(A, (inet_ntoa(wire[end - 4 : end]),)) for end in ends]
        else:
            ends = range(start + 16, start + 16 + 28 * count, 28)
            addresses = [new(AAAA, (inet_ntop(AF_INET6, wire[end - 16 : end]),)) for end in ends]
        return tuple(addresses)

    def _read(self) -> AliasChain[D_co]:
        chain = self._chain
        if chain is None:
            chain = self._chain = AliasChain(self.question, self.message)
        return chain

    def _alias_expiry(self) -> float:
        """When the aliases end; a dangling answer itself may not be kept, its aliases may."""
        made = self.expires - self._read().ttl(self.message)
        return made + min((record.ttl for record in self.message.answer), default=0)
