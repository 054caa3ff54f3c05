"""HttpsRequests: the requests that carry queries to one nameserver (RFC 8484, 4.1). They say nothing of the asker."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from aioresolver.transports.http_response import CONTENT_TYPE
from aioresolver.transports.nameserver import Nameserver

__all__ = ["Headers", "HttpsRequests"]

HTTPS_PORT = 443

Headers = Sequence[tuple[bytes, bytes]]


class HttpsRequests:
    """The requests to one nameserver: all alike, but for the message.

    The `authority` is its host name, or its address when it has none.
    """

    def __init__(self, nameserver: Nameserver) -> None:
        self.authority: str = _place(nameserver.identity, nameserver.port)
        self._get = nameserver.method == "GET"
        self._path = nameserver.path
        self._get_path = nameserver.path + ("&dns=" if "?" in nameserver.path else "?dns=")
        self._base = "https://" + _place(nameserver.address.partition("%")[0] or nameserver.identity, nameserver.port)
        accept = (b"accept", CONTENT_TYPE.encode())
        head = [
            (b":method", nameserver.method.encode()),
            (b":scheme", b"https"),
            (b":authority", self.authority.encode()),
        ]
        self._get_headers = [*head, accept]
        self._post_headers = [*head, (b":path", self._path.encode()), accept]
        self._posts: dict[int, Headers] = {}

    def headers(self, wire: bytes) -> Headers:
        """The headers of the request over HTTP/2 that carries this message. The path of a GET comes first."""
        if self._get:
            return [(b":path", self.path(wire).encode()), *self._get_headers]
        size = len(wire)
        headers = self._posts.get(size)
        if headers is None:
            content = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(size).encode())]
            headers = self._posts[size] = [*self._post_headers, *content]
        return headers

    def path(self, wire: bytes) -> str:
        """The path of its URL."""
        if not self._get:
            return self._path
        return self._get_path + base64.urlsafe_b64encode(wire).rstrip(b"=").decode("ascii")

    def body(self, wire: bytes) -> bytes:
        """Its body: empty for GET."""
        return b"" if self._get else wire

    def url(self, wire: bytes) -> str:
        """Its URL for an HTTP client: with the address, where there is one, so that nobody has to look for it."""
        return self._base + self.path(wire)

    def plain_headers(self, wire: bytes) -> dict[str, str]:
        """Its headers for an HTTP client, which adds others. The response shall not be compressed: it could be a bomb."""
        headers = {"host": self.authority, "accept": CONTENT_TYPE, "accept-encoding": "identity"}
        if not self._get:
            headers["content-type"] = CONTENT_TYPE
        return headers


def _place(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == HTTPS_PORT else f"{name}:{port}"
