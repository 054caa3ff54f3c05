"""HttpRequest and HttpReply: what DNS over HTTPS is on the side of a server (RFC 8484). Knows no connections."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

__all__ = ["CONTENT_TYPE", "HttpReply", "HttpRequest"]

CONTENT_TYPE = "application/dns-message"
MOST_BODY = 65535
BAD_REQUEST, NOT_FOUND, NOT_ALLOWED, TOO_LARGE, WRONG_TYPE = 400, 404, 405, 413, 415


class HttpReply(bytes):
    """A message with what HTTP says about it.

    `headers` are added to the usual ones, `content_type` takes the place of the usual one. With `stall_after` so many
    bytes of the body are sent, and then nothing more. `refused` says that the request was not looked at, `retiring`
    that the connection takes no more requests (both HTTP/2).
    """

    status: int
    content_type: str
    headers: Sequence[tuple[str, str]]
    stall_after: int | None
    refused: bool
    retiring: bool

    def __new__(
        cls,
        body: bytes = b"",
        *,
        status: int = 200,
        content_type: str = CONTENT_TYPE,
        headers: Sequence[tuple[str, str]] = (),
        stall_after: int | None = None,
        refused: bool = False,
        retiring: bool = False,
    ) -> HttpReply:
        """A body with a status, and headers of its own."""
        reply = super().__new__(cls, body)
        reply.status = status
        reply.content_type = content_type
        reply.headers = tuple(headers)
        reply.stall_after = stall_after
        reply.refused = refused
        reply.retiring = retiring
        return reply

    @property
    def head(self) -> list[tuple[str, str]]:
        """All headers, in lower case."""
        own = [("content-type", self.content_type)] if self.content_type else []
        return [*own, ("content-length", str(len(self))), *self.headers]


class HttpRequest:
    """One request, as far as it has come; the names of headers are in lower case."""

    __slots__ = ("body", "headers", "method", "target")

    def __init__(self, method: str, target: str, headers: dict[str, str]) -> None:
        self.method: str = method
        self.target: str = target
        self.headers: dict[str, str] = headers
        self.body: bytearray = bytearray()

    def query(self, path: str) -> bytes | int:
        """The DNS message that it carries, or the status that says why there is none."""
        own_path, _, parameters = self.target.partition("?")
        if own_path != path:
            return NOT_FOUND
        if self.method == "GET":
            return _from_parameters(parameters)
        if self.method != "POST":
            return NOT_ALLOWED
        if self.headers.get("content-type", "") != CONTENT_TYPE:
            return WRONG_TYPE
        return TOO_LARGE if len(self.body) > MOST_BODY else bytes(self.body)


def _from_parameters(parameters: str) -> bytes | int:
    for parameter in parameters.split("&"):
        key, given, value = parameter.partition("=")
        if key == "dns" and given and not set(value) & set("+/="):
            try:
                return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
            except (binascii.Error, ValueError):
                return BAD_REQUEST
    return BAD_REQUEST
