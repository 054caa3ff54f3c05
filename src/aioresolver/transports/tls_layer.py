"""TlsLayer: TLS between a connection of the event loop and the protocol that speaks over it. Knows no DNS."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from aioresolver.transports.tls_engine import TlsEngine

__all__ = ["ClosedEarly", "TlsLayer"]


class ClosedEarly(ConnectionResetError):
    """The peer closed the connection before the handshake was done."""


class Watch(Protocol):
    """Is told when the descriptor of a layer is opened and closed."""

    def __call__(self, layer: TlsLayer, *, is_open: bool) -> None:
        """The descriptor is open, or it is closed."""


class TlsLayer(asyncio.Protocol):
    """A protocol to the event loop, and a transport to `inner`, which sees what is meant and not what is sent.

    `inner.connection_made` is called when the handshake is done and `check`, if given, raises nothing;
    `inner.connection_lost` only after that. `shaken` is done when `inner` has its connection, or has the reason why it
    gets none (an OSError). `lost` is done when the descriptor is closed; `watch` is told of that, and of its opening.
    """

    def __init__(
        self,
        inner: asyncio.Protocol,
        engine: TlsEngine,
        *,
        loop: asyncio.AbstractEventLoop,
        check: Callable[[TlsEngine], object] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.engine = engine
        self.shaken: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self._inner = inner
        self._check = check
        self._watch = watch
        self._raw: asyncio.Transport | None = None
        self._talking = False
        self._aborted = False
        self._error: Exception | None = None

    # ---- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection: begin the handshake, if it is ours to begin."""
        self._raw = cast("asyncio.Transport", transport)  # uvloop's are no instances of it
        if self._watch is not None:
            self._watch(self, is_open=True)
        if self._aborted:
            self._raw.abort()
        elif first := self.engine.start():
            self._raw.write(first)

    def data_received(self, data: bytes) -> None:
        """Bytes have come: any part of a record, or several."""
        engine, raw = self.engine, cast("asyncio.Transport", self._raw)
        try:
            meant = engine.receive(data)
        except ssl.SSLError as error:
            meant, self._error = b"", error
        if answer := engine.take():
            raw.write(answer)
        if self._error is not None:
            raw.close()  # after the alert
            return
        if not self._talking and engine.shaken and not self._begin():
            return
        if meant:
            self._inner.data_received(meant)
        if engine.finished:
            self.eof_received()

    def eof_received(self) -> None:
        """The peer says no more."""
        if self._talking:
            self._inner.eof_received()
        if self._raw is not None:
            self._raw.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The descriptor is closed."""
        if not self.lost.done():
            self.lost.set_result(None)
        if self._watch is not None:
            self._watch(self, is_open=False)
        error = self._error or exc
        if self._talking:
            self._inner.connection_lost(error)
        elif not self.shaken.done():
            self.shaken.set_exception(
                error or ClosedEarly(errno.ECONNRESET, "it closed the connection during the handshake")
            )
            self.shaken.exception()  # nobody has to look at it

    def pause_writing(self) -> None:
        """The peer does not read as fast as we send."""
        if self._talking:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        if self._talking:
            self._inner.resume_writing()

    def _begin(self) -> bool:
        """Hand the connection over."""
        try:
            if self._check is not None:
                self._check(self.engine)
        except OSError as error:
            self._error = error
            self.close()
            return False
        self._talking = True
        self._inner.connection_made(cast("asyncio.BaseTransport", self))
        if not self.shaken.done():
            self.shaken.set_result(None)
        return True

    # ---- what the inner protocol calls

    def write(self, data: bytes) -> None:
        """Send bytes; one call is one record, or several full ones."""
        if data and self._raw is not None and not self._raw.is_closing():
            self._raw.write(self.engine.encrypt(data))

    def writelines(self, pieces: Sequence[bytes]) -> None:
        """Send pieces that mean something each, in one write and two records.

        A server that takes one message at a time, as dnsdist 1.7 does, forgets those that it has decrypted together
        with another, until there is something to read. So the last one has a record of its own, and is just that.
        """
        if len(pieces) > 1 and self._raw is not None and not self._raw.is_closing():
            encrypt = self.engine.encrypt
            self._raw.write(encrypt(b"".join(pieces[:-1])) + encrypt(pieces[-1]))
        elif pieces:
            self.write(pieces[0])

    def close(self) -> None:
        """Say that nothing more will be said, and close when all is sent."""
        raw = self._raw
        if raw is not None and not raw.is_closing():
            if goodbye := self.engine.farewell():
                raw.write(goodbye)
            raw.close()

    def abort(self) -> None:
        """Close at once."""
        self._aborted = True
        if self._raw is not None:
            self._raw.abort()

    def is_closing(self) -> bool:
        """Whether the connection is closed, or about to be."""
        return self._raw is None or self._raw.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As of the connection below; `ssl_object` is TLS's own."""
        if name == "ssl_object":
            return self.engine.tls
        return default if self._raw is None else self._raw.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """How many bytes wait to be sent."""
        return 0 if self._raw is None else self._raw.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Take no more bytes from the peer."""
        if self._raw is not None:
            self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again."""
        if self._raw is not None:
            self._raw.resume_reading()
