"""TlsEngine: TLS of one connection, bytes in and bytes out. Knows no sockets and no DNS."""

from __future__ import annotations

import contextlib
import ssl

__all__ = ["TlsEngine"]

RECORD = 16384
"""The most that one record carries (RFC 8446, 5.1), so the most that one read gives."""


class TlsEngine:
    """One end of a TLS connection, between the bytes of the network and those that are meant.

    Whoever owns the connection gives `receive` what has come, and sends what `take` gives after each call. An event
    loop's own TLS would do, but lets nobody hand in a session to resume; and a record for each turn of the loop, not
    for each write, is cheaper.

    `shaken` says that the handshake is done, `finished` that the peer has said that it is done.
    """

    __slots__ = ("_incoming", "_outgoing", "finished", "shaken", "tls")

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.shaken: bool = False
        self.finished: bool = False
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls: ssl.SSLObject = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname, session=session
        )

    def start(self) -> bytes:
        """Begin the handshake; gives what is to be sent."""
        self._shake()
        return self._outgoing.read()

    def receive(self, data: bytes) -> bytes:
        """What the bytes that have come mean; nothing as long as the handshake goes on.

        Raises ssl.SSLError, SSLCertVerificationError among them; then `take` has an alert for the peer.
        """
        self._incoming.write(data)
        if not self.shaken:
            self._shake()
            if not self.shaken:
                return b""
        read, incoming, pending = self.tls.read, self._incoming, self.tls.pending
        chunks: list[bytes] = []
        try:
            while incoming.pending or pending():
                chunk = read(RECORD)
                if not chunk:
                    self.finished = True
                    break
                chunks.append(chunk)
        except ssl.SSLWantReadError:  # a part of a record, or one that was for TLS itself
            pass
        except ssl.SSLZeroReturnError:
            self.finished = True
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def take(self) -> bytes:
        """What is to be sent now."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def encrypt(self, data: bytes) -> bytes:
        """What is to be sent for these bytes, which are not empty. Raises ssl.SSLError."""
        self.tls.write(data)
        return self._outgoing.read()

    def farewell(self) -> bytes:
        """Say that nothing more will be said (close_notify); gives what is to be sent."""
        with contextlib.suppress(ssl.SSLError):  # the peer has not said so yet, or there never was a handshake
            self.tls.unwrap()
        return self._outgoing.read()

    @property
    def session(self) -> ssl.SSLSession | None:
        """What resumes this connection's session in the next one; None before the server has sent a ticket."""
        session = self.tls.session
        if session is None or (self.tls.version() == "TLSv1.3" and not session.has_ticket):
            return None
        return session

    @property
    def resumed(self) -> bool:
        """Whether the handshake has resumed an earlier session."""
        return bool(self.tls.session_reused)

    @property
    def protocol(self) -> str | None:
        """The protocol that both ends agreed on by ALPN."""
        return self.tls.selected_alpn_protocol()

    @property
    def peer_certificate(self) -> bytes | None:
        """The certificate that the peer has shown, as DER."""
        return self.tls.getpeercert(binary_form=True)

    def _shake(self) -> None:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.shaken = True
