"""HttpsRequests: the requests of RFC 8484."""

from __future__ import annotations

import pytest

from aioresolver.transports.http_request import HttpsRequests
from aioresolver.transports.nameserver import Nameserver

# RFC 8484, 4.1.1: www.example.com, A; and a name with a label of 62 characters.
FIRST = bytes.fromhex("00000100000100000000000003777777076578616d706c6503636f6d0000010001")
SECOND = bytes.fromhex(
    "000001000001000000000000016 13e3632636861726163746572 6c6162656c2d6d616b65732d626173653634 75726c2d"
    "6469737469 6e6374 2d66726f6d2d7374616e64 6172642d62617365363407 6578616d706c6503636f6d0000010001".replace(" ", "")
)


def requests(text="https://192.0.2.1/dns-query"):
    return HttpsRequests(Nameserver.parse(text))


def test_the_examples_of_the_rfc():
    get = requests("https://192.0.2.1/dns-query?method=get")
    assert get.path(FIRST) == "/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"
    assert get.path(SECOND) == (
        "/dns-query?dns=AAABAAABAAAAAAAAAWE-NjJjaGFyYWN0ZXJsYWJl"
        "bC1tYWtlcy1iYXNlNjR1cmwtZGlzdGluY3QtZnJvbS1zdGFuZGFyZC1iYXNlNjQHZXhhbXBsZQNjb20AAAEAAQ"
    )
    assert get.body(FIRST) == b""
    assert get.headers(FIRST)[0] == (b":path", get.path(FIRST).encode())


def test_post():
    post = requests()
    assert post.body(FIRST) == FIRST
    assert post.path(FIRST) == "/dns-query"
    headers = dict(post.headers(FIRST))
    assert headers[b":method"] == b"POST"
    assert headers[b"content-type"] == headers[b"accept"] == b"application/dns-message"
    assert headers[b"content-length"] == b"33"
    assert post.headers(FIRST) is post.headers(FIRST)


@pytest.mark.parametrize(
    ("text", "authority", "url"),
    [
        ("https://192.0.2.1", "192.0.2.1", "https://192.0.2.1/dns-query"),
        ("https://192.0.2.1:8443/q", "192.0.2.1:8443", "https://192.0.2.1:8443/q"),
        ("https://[2001:db8::1]", "[2001:db8::1]", "https://[2001:db8::1]/dns-query"),
        ("https://192.0.2.1#dns.test", "dns.test", "https://192.0.2.1/dns-query"),
        ("https://192.0.2.1:8443#dns.test", "dns.test:8443", "https://192.0.2.1:8443/dns-query"),
        ("https://dns.test/q?address=192.0.2.1", "dns.test", "https://192.0.2.1/q"),
        ("https://dns.test", "dns.test", "https://dns.test/dns-query"),
    ],
)
def test_who_is_asked(text, authority, url):
    assert requests(text).authority == authority
    assert requests(text).url(FIRST) == url
    assert requests(text).plain_headers(FIRST)["host"] == authority


def test_a_path_with_parameters_of_its_own():
    get = requests("https://192.0.2.1/q?key=1&method=get")
    assert get.path(FIRST) == "/q?key=1&dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"


def test_only_who_posts_says_of_what_type():
    assert "content-type" in requests().plain_headers(FIRST)
    assert "content-type" not in requests("https://192.0.2.1/dns-query?method=get").plain_headers(FIRST)
