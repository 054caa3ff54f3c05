"""HttpRequest and HttpReply: what carries a query, and what a reply says."""

from __future__ import annotations

import pytest

from aioresolver.testing.http_exchange import HttpReply, HttpRequest

TYPE = "application/dns-message"


def asked(method, target, body=b"", **headers):
    request = HttpRequest(method, target, {name.replace("_", "-"): value for name, value in headers.items()})
    request.body += body
    return request.query("/dns-query")


def test_post():
    assert asked("POST", "/dns-query", b"abc", content_type=TYPE) == b"abc"
    assert asked("POST", "/dns-query?x=1", b"abc", content_type=TYPE) == b"abc"


@pytest.mark.parametrize(("text", "wire"), [("AAAB", b"\0\0\1"), ("_-8", b"\xff\xef"), ("", b"")])
def test_get(text, wire):
    assert asked("GET", f"/dns-query?a=b&dns={text}") == wire


@pytest.mark.parametrize("parameters", ["", "?dns", "?dns=+/8", "?dns=A", "?dns=AAA=", "?dns=AA*A"])
def test_get_without_a_query(parameters):
    assert asked("GET", f"/dns-query{parameters}") == 400


def test_a_reply_is_its_body():
    reply = HttpReply(b"abc", status=503, headers=[("age", "3")])
    assert reply == b"abc"
    assert reply.head == [("content-type", TYPE), ("content-length", "3"), ("age", "3")]
    assert (reply.status, reply.stall_after, reply.refused, reply.retiring) == (503, None, False, False)
    assert HttpReply(content_type="").head == [("content-length", "0")]
