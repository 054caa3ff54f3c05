"""Faults: rules by which the server misbehaves. Repeatable: chance comes from the server's seeded generator."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Collection, Sequence
from random import Random
from typing import TYPE_CHECKING, Literal, TypedDict

from aioresolver.errors import ConfigurationError, MessageFormatError
from aioresolver.testing.exchange import Exchange
from aioresolver.testing.http_exchange import CONTENT_TYPE, HttpReply
from aioresolver.wire.codes import ExtendedError, Flag, Rcode, RRType
from aioresolver.wire.message import Message, Question
from aioresolver.wire.names import Name

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Action", "Fault", "Selectors"]

Action = Callable[[Exchange], None]
"""What a fault does to an exchange."""

Transport = Literal["udp", "tcp", "tls", "https", "quic"]


class Selectors(TypedDict, total=False):
    """Which queries a fault concerns, and which of them it strikes; every constructor of Fault takes these.

    `name`: `www.example.` for that name, `*.example.` for every name below. `type`: of the question.
    `transport`: udp, tcp, tls, https or quic, or several of them. `probability`: from 0 to 1, drawn from the server's
    seeded generator. `after`: the first so many are spared. `times`: after so many strikes it is over. `lasting`: once
    it has struck, it strikes all that it concerns for so many seconds.
    """

    name: str
    type: str | int
    transport: Transport | Collection[Transport] | None
    probability: float
    after: int
    times: int | None
    lasting: float


class Fault:
    """A rule: for such queries, do so.

    Made by one of the constructors below (`Fault.drop(0.05)`), or from an action of your own, which is called with
    the Exchange and changes its `packets`. Several faults strike in the order of the server's list. A fault counts
    the queries that it concerned (`matched`) and struck (`applied`), so it serves one server.
    """

    __slots__ = ("_above", "_after", "_name", "_probability", "_times", "_transports", "_type", "_until", "action",
                 "applied", "label", "lasting", "matched")  # fmt: skip

    def __init__(
        self,
        action: Action,
        *,
        name: str | None = None,
        type: str | int | None = None,
        transport: Transport | Collection[Transport] | None = None,
        probability: float = 1.0,
        after: int = 0,
        times: int | None = None,
        lasting: float = 0.0,
    ) -> None:
        if not 0 <= probability <= 1:
            raise ConfigurationError(f"a probability lies between 0 and 1, and {probability} does not")
        self.action: Action = action
        self.label: str = getattr(action, "__name__", "fault").strip("_")
        self.lasting: float = lasting
        self.matched: int = 0
        self.applied: int = 0
        below = name is not None and name.startswith("*.")
        self._above = Name.parse(name[2:] or ".") if name is not None and below else None
        self._name = Name.parse(name) if name is not None and not below else None
        self._type = None if type is None else RRType.parse(type) if isinstance(type, str) else RRType(type)
        self._transports = (
            None if transport is None else frozenset([transport] if isinstance(transport, str) else transport)
        )
        self._probability = probability
        self._after = after
        self._times = times
        self._until = -math.inf

    def __repr__(self) -> str:
        return f"<Fault {self.label}, applied {self.applied} times>"

    def concerns(self, question: Question | None, transport: str) -> bool:
        """Whether the rule is about such queries at all."""
        if self._transports is not None and transport not in self._transports:
            return False
        if question is None:
            return self._name is None and self._above is None and self._type is None
        if self._type is not None and question.type != self._type:
            return False
        if self._above is not None:
            return question.name != self._above and question.name.is_under(self._above)
        return self._name is None or question.name == self._name

    def strikes(self, random: Random, now: float) -> bool:
        """Count a query that the rule concerns, and say whether the rule strikes it."""
        self.matched += 1
        if now >= self._until:
            if self.matched <= self._after or (self._times is not None and self.applied >= self._times):
                return False
            if self._probability < 1 and random.random() >= self._probability:
                return False
            if self.lasting:
                self._until = now + self.lasting
        self.applied += 1
        return True

    # Carriage: the reply is right, but it does not come as it should.

    @staticmethod
    def drop(share: float = 1.0, /, **only: Unpack[Selectors]) -> Fault:
        """The reply is lost: `Fault.drop(0.05)` loses one in twenty."""
        only.setdefault("probability", share)
        return Fault(_drop, **only)

    @staticmethod
    def silence(seconds: float = math.inf, /, **only: Unpack[Selectors]) -> Fault:
        """From the first query that it strikes, the server says nothing for so many seconds; then it is back."""
        only.setdefault("times", 1)
        only.setdefault("lasting", seconds)
        return Fault(_drop, **only)

    @staticmethod
    def delay(seconds: float, /, *, jitter: float = 0.0, **only: Unpack[Selectors]) -> Fault:
        """The reply comes so many seconds later, and up to `jitter` seconds later still."""

        def delay(exchange: Exchange) -> None:
            late = seconds + (exchange.random.random() * jitter if jitter else 0.0)
            exchange.packets = [packet._replace(delay=packet.delay + late) for packet in exchange.packets]

        return Fault(delay, **only)

    @staticmethod
    def duplicate(copies: int = 2, /, *, gap: float = 0.0, **only: Unpack[Selectors]) -> Fault:
        """The reply comes more than once, with `gap` seconds between."""

        def duplicate(exchange: Exchange) -> None:
            packets = exchange.packets
            exchange.packets = [p._replace(delay=p.delay + gap * n) for n in range(copies) for p in packets]

        return Fault(duplicate, **only)

    @staticmethod
    def reorder(*, at_most: float = 1.0, **only: Unpack[Selectors]) -> Fault:
        """The reply is held until the next one has gone, or `at_most` seconds have passed."""

        def reorder(exchange: Exchange) -> None:
            exchange.hold = at_most

        return Fault(reorder, **only)

    @staticmethod
    def close(after_bytes: int = 0, /, **only: Unpack[Selectors]) -> Fault:
        """A connection (TCP, TLS, HTTPS, QUIC) is closed instead of the reply, or after its first bytes.

        Over TCP and TLS two of them are the length.
        """

        def close(exchange: Exchange) -> None:
            exchange.close_after = after_bytes

        only.setdefault("transport", ("tcp", "tls", "https", "quic"))
        return Fault(close, **only)

    @staticmethod
    def http(
        *,
        status: int = 200,
        content_type: str = CONTENT_TYPE,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        stall_after: int | None = None,
        refused: bool = False,
        retiring: bool = False,
        **only: Unpack[Selectors],
    ) -> Fault:
        """Over HTTPS, the response is another: `Fault.http(status=503)`, `Fault.http(headers=[("age", "30")])`.

        `body` takes the place of the message; after `stall_after` bytes of it nothing more comes. With `refused` the
        request is not looked at (REFUSED_STREAM), with `retiring` the connection takes no more of them (GOAWAY).
        """

        def http(exchange: Exchange) -> None:
            exchange.rewrite(
                lambda wire: HttpReply(
                    wire if body is None else body,
                    status=status,
                    content_type=content_type,
                    headers=headers,
                    stall_after=stall_after,
                    refused=refused,
                    retiring=retiring,
                )
            )

        only.setdefault("transport", "https")
        return Fault(http, **only)

    # Content: the reply comes, but says something else.

    @staticmethod
    def rcode(rcode: int | str, /, **only: Unpack[Selectors]) -> Fault:
        """The reply has this rcode (`"NOTIMP"`, 4) and no records."""
        code = Rcode.parse(rcode) if isinstance(rcode, str) else Rcode(rcode)

        def answer_rcode(exchange: Exchange) -> None:
            exchange.rewrite(lambda wire: exchange.empty(wire, rcode=code))

        return Fault(answer_rcode, **only)

    @staticmethod
    def servfail(**only: Unpack[Selectors]) -> Fault:
        """The server has failed."""
        return Fault.rcode(Rcode.SERVFAIL, **only)

    @staticmethod
    def refused(**only: Unpack[Selectors]) -> Fault:
        """The server does not serve us."""
        return Fault.rcode(Rcode.REFUSED, **only)

    @staticmethod
    def extended_error(code: int | str, text: str = "", /, **only: Unpack[Selectors]) -> Fault:
        """The reply says why it is so (RFC 8914), if the query had EDNS: `Fault.extended_error("BLOCKED", "by law")`.

        Behind `Fault.servfail()` in the list it says why the server has failed.
        """
        reason = ExtendedError.parse(code) if isinstance(code, str) else ExtendedError(code)

        def extended_error(exchange: Exchange) -> None:
            exchange.rewrite(lambda wire: _with_reason(wire, reason, text))

        return Fault(extended_error, **only)

    @staticmethod
    def formerr_on_edns(**only: Unpack[Selectors]) -> Fault:
        """A server older than EDNS: FORMERR, without OPT, for a query with OPT (RFC 6891, 7)."""
        return Fault(_formerr_on_edns, **only)

    @staticmethod
    def ttl(seconds: int, /, **only: Unpack[Selectors]) -> Fault:
        """Every record lives so many seconds; any number of 32 bits is allowed."""

        def ttl(exchange: Exchange) -> None:
            exchange.rewrite(lambda wire: _with_ttls(wire, seconds))

        return Fault(ttl, **only)

    @staticmethod
    def truncate(**only: Unpack[Selectors]) -> Fault:
        """The reply over UDP is cut: TC and no records, so that the asker comes back over TCP."""
        only.setdefault("transport", "udp")
        return Fault(_truncate, **only)

    # Lies: a proper reply comes, and is not true. Its addresses are FORGED_IPV4 and FORGED_IPV6. What is denied, in turn,
    # is `Fault.rcode("NXDOMAIN")`; and `Fault.rcode("NOERROR")` is an answer with nothing in it.

    @staticmethod
    def hijack(**only: Unpack[Selectors]) -> Fault:
        """Names that do not exist have an address: that of a page with advertisements, mostly."""
        return Fault(_hijack, **only)

    @staticmethod
    def lie(*, random: bool = False, **only: Unpack[Selectors]) -> Fault:
        """Every name has the same address, or with `random` another one each time."""

        def lie(exchange: Exchange) -> None:
            exchange.forge(exchange.poisoned(random=random), None)

        return Fault(lie, **only)

    # Forgery: something else comes first, and then, unless `then_right` is false, the right reply `gap` seconds later.
    # For A and AAAA the forged replies carry FORGED_IPV4 and FORGED_IPV6, so that a test sees who believed them.

    @staticmethod
    def garble(
        *, keep_question: bool = True, then_right: bool = True, gap: float = 0.0, **only: Unpack[Selectors]
    ) -> Fault:
        """Noise comes: after a good header and question, or from the first byte on."""

        def garble(exchange: Exchange) -> None:
            exchange.forge(exchange.garbled(keep_question=keep_question), gap if then_right else None)

        return Fault(garble, **only)

    @staticmethod
    def wrong_id(*, then_right: bool = True, gap: float = 0.0, **only: Unpack[Selectors]) -> Fault:
        """A forged reply with another id."""

        def wrong_id(exchange: Exchange) -> None:
            wire = bytearray(exchange.poisoned())
            wire[:2] = (int.from_bytes(wire[:2], "big") ^ exchange.random.randint(1, 0xFFFF)).to_bytes(2, "big")
            exchange.forge(bytes(wire), gap if then_right else None)

        return Fault(wrong_id, **only)

    @staticmethod
    def wrong_question(*, then_right: bool = True, gap: float = 0.0, **only: Unpack[Selectors]) -> Fault:
        """A forged reply to a question for another name; for another type where the name is the root."""

        def wrong_question(exchange: Exchange) -> None:
            wire = bytearray(exchange.poisoned())
            if exchange.question_end > 12 + 5:
                wire[13] = ord("y") if wire[13] in b"xX" else ord("x")
            elif exchange.question_end:
                wire[exchange.question_end - 3] ^= 0x10
            exchange.forge(bytes(wire), gap if then_right else None)

        return Fault(wrong_question, **only)

    @staticmethod
    def wrong_address(*, then_right: bool = True, gap: float = 0.0, **only: Unpack[Selectors]) -> Fault:
        """A forged reply over UDP from another address than the one asked (127.0.0.2), or from another port there."""

        def wrong_address(exchange: Exchange) -> None:
            exchange.forge(exchange.poisoned(), gap if then_right else None, elsewhere=True)

        only.setdefault("transport", "udp")
        return Fault(wrong_address, **only)

    @staticmethod
    def no_response_bit(*, then_right: bool = True, gap: float = 0.0, **only: Unpack[Selectors]) -> Fault:
        """A forged reply that says it is a query (QR is 0)."""

        def no_response_bit(exchange: Exchange) -> None:
            wire = bytearray(exchange.poisoned())
            wire[2] &= 0x7F
            exchange.forge(bytes(wire), gap if then_right else None)

        return Fault(no_response_bit, **only)


def _drop(exchange: Exchange) -> None:
    exchange.packets = []


def _hijack(exchange: Exchange) -> None:
    if exchange.packets and exchange.packets[0].wire[3] & 0xF == Rcode.NXDOMAIN:
        exchange.forge(exchange.poisoned(), None)


def _formerr_on_edns(exchange: Exchange) -> None:
    if exchange.edns:
        exchange.rewrite(lambda wire: exchange.empty(wire, rcode=Rcode.FORMERR, edns=False))


def _truncate(exchange: Exchange) -> None:
    exchange.rewrite(lambda wire: exchange.empty(wire, rcode=wire[3] & 0xF, flags=Flag.TC))


def _with_reason(wire: bytes, reason: ExtendedError, text: str) -> bytes:
    try:
        reply = Message.parse(wire)
    except MessageFormatError:  # another fault was here first
        return wire
    opt = b"" if reply.edns is None else reply.edns.to_wire(reply.rcode)
    if reply.edns is None or not wire.endswith(opt):
        return wire
    return wire[: -len(opt)] + reply.edns.with_extended_error(reason, text).to_wire(reply.rcode)


def _with_ttls(wire: bytes, ttl: int) -> bytes:
    try:
        layout = Message.parse(wire).layout
    except MessageFormatError:  # another fault was here first
        return wire
    changed = bytearray(wire)
    for section in layout:
        for _owner, type_, _class, _ttl, rdata_offset, _end in section:
            if type_ != RRType.OPT:
                struct.pack_into("!I", changed, rdata_offset - 6, ttl)
    return bytes(changed)
