"""HttpResponse: what has come of the response to one query. Here is the rule of which response carries a reply."""

from __future__ import annotations

from collections.abc import Iterable

from aioresolver.transports.base import AgedReply
from aioresolver.transports.exchange import Exchange

__all__ = ["CONTENT_TYPE", "MOST_BODY", "TOO_LONG", "HttpResponse", "status_fault", "type_fault"]

CONTENT_TYPE = "application/dns-message"
MOST_BODY = 65535
"""As long as a DNS message can be."""
TOO_LONG = "the reply is longer than 65535 bytes"

WANTED_TYPE = CONTENT_TYPE.encode()


class HttpResponse:
    """The response to one query, as far as it has come.

    Only one with status 200 and a DNS message of at most 65535 bytes in it is a reply (RFC 8484, 4.2.1). What is
    wrong with any other is said by `take_headers` and `take_data`.
    """

    __slots__ = ("_age", "_body", "exchange")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange: Exchange = exchange
        self._age = 0
        self._body = bytearray()

    def take_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """What is wrong with these headers; None if nothing is."""
        status = content_type = b""
        for name, value in headers:
            if name == b":status":
                status = value
            elif name == b"content-type":
                content_type = value
            elif name == b"age":
                self._age = _read_number(value)
            elif name == b"content-length" and _read_number(value) > MOST_BODY:
                return TOO_LONG
            elif name == b"content-encoding" and value not in {b"", b"identity"}:
                return f"the response is compressed ({value.decode('ascii', 'replace')}), which nobody asked for"
        if status != b"200":
            return status_fault(status.decode("ascii", "replace"))
        if content_type != WANTED_TYPE:
            return type_fault(content_type.decode("ascii", "replace"))
        return None

    def take_data(self, data: bytes) -> str | None:
        """What is wrong with a body that goes on like this; None if nothing is."""
        self._body += data
        return TOO_LONG if len(self._body) > MOST_BODY else None

    def reply(self) -> bytes | None:
        """The whole body, if it is the reply to the query."""
        reply, exchange = bytes(self._body), self.exchange
        if not (exchange.matches(reply) or exchange.matches_without_question(reply)):
            return None
        return AgedReply(reply, age=self._age) if self._age > 0 else reply


def status_fault(status: str) -> str | None:
    """What is wrong with a response of this status."""
    if status == "200":
        return None
    if status.startswith("3"):
        return f"HTTP status {status}: redirects are not followed"
    return f"HTTP status {status or 'missing'}"


def type_fault(content_type: str) -> str | None:
    """What is wrong with a response of this media type; parameters do not matter."""
    if content_type.partition(";")[0].strip().lower() == CONTENT_TYPE:
        return None
    return f"the response is {content_type or 'of no content type'}, not {CONTENT_TYPE}"


def _read_number(text: bytes) -> int:
    """A number of seconds or bytes; 0 for what is none (RFC 9110, 5.6.1: what cannot be read is ignored)."""
    return int(text) if text.isdigit() and len(text) < 10 else 0
