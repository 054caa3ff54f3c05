"""Upstream: over what a nameserver is asked."""

from __future__ import annotations

import pytest

from aioresolver.backends.upstream import Upstream
from aioresolver.transports.nameserver import Nameserver


class Counting:
    """A transport that only counts what came in vain."""

    near_misses = 0


def made(url: str = "udp://192.0.2.1") -> tuple[Upstream, Counting]:
    transport = Counting()
    return Upstream(Nameserver.parse(url), lambda _: transport, room=lambda: None), transport


def test_silence_alone_is_no_reason_for_tcp() -> None:
    upstream, _ = made()
    upstream.went_silent("udp", 0.0)

    assert upstream.scheme == "udp"


def test_silence_with_near_misses_is_and_for_a_minute() -> None:
    upstream, transport = made()
    transport.near_misses = 3
    upstream.went_silent("udp", 100.0)
    assert upstream.scheme == "tcp"

    upstream.served(edns=True, now=159.0)
    assert upstream.scheme == "tcp"
    upstream.served(edns=True, now=160.0)
    assert upstream.scheme == "udp"

    upstream.went_silent("udp", 161.0)
    assert upstream.scheme == "udp"  # these near misses are old
    transport.near_misses = 4
    upstream.went_silent("udp", 162.0)
    assert upstream.scheme == "tcp"


def test_tcp_that_is_silent_too_was_the_wrong_way() -> None:
    upstream, transport = made()
    transport.near_misses = 1
    upstream.went_silent("udp", 0.0)
    upstream.went_silent("tcp", 1.0)

    assert upstream.scheme == "udp"


@pytest.mark.parametrize("url", ["tcp://192.0.2.1", "tls://192.0.2.1#dns.example"])
def test_who_is_asked_over_a_connection_stays_so(url: str) -> None:
    upstream, _ = made(url)
    upstream.went_silent(upstream.scheme, 0.0)

    assert upstream.scheme == upstream.nameserver.scheme
