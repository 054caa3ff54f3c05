"""CookieJar: what is sent, what is expected, what is believed (RFC 7873, 5.3)."""

from __future__ import annotations

from itertools import count

import pytest

from aioresolver.backends.cookies import LIFETIME, WITHOUT, CookieJar
from aioresolver.wire.edns import Cookie

SERVER, OTHER = b"s" * 8, b"o" * 16


@pytest.fixture
def jar() -> CookieJar:
    numbers = count(1)
    return CookieJar(lambda size: next(numbers).to_bytes(size, "big"))


def met(jar: CookieJar) -> Cookie:
    """The cookie, once the nameserver has given its own."""
    sent = jar.offer(0.0)
    assert sent is not None
    assert jar.take(sent, Cookie(sent.client, SERVER), 0.0, trusted=False)
    known = jar.offer(0.0)
    assert known is not None
    return known


def test_first_only_ours_then_the_nameservers_too(jar: CookieJar) -> None:
    assert jar.offer(0.0) == Cookie(b"\0" * 7 + b"\1")
    assert jar.expected is None
    assert met(jar) == Cookie(b"\0" * 7 + b"\1", SERVER)
    assert jar.expected == b"\0" * 7 + b"\1"


def test_chance_comes_from_the_operating_system() -> None:
    first, second = CookieJar().offer(0.0), CookieJar().offer(0.0)

    assert first is not None
    assert first != second
    assert len(first.client) == 8


def test_a_nameserver_without_cookies_is_left_alone_for_a_while(jar: CookieJar) -> None:
    sent = jar.offer(0.0)
    assert jar.take(sent, None, 1.0, trusted=False)

    assert jar.offer(1.0 + WITHOUT - 1) is None
    assert jar.offer(1.0 + WITHOUT) == Cookie(b"\0" * 7 + b"\2")


def test_a_reply_with_another_clients_cookie_is_not_believed(jar: CookieJar) -> None:
    sent = jar.offer(0.0)

    assert not jar.take(sent, Cookie(b"forged!!", SERVER), 0.0, trusted=False)
    assert jar.offer(0.0) == sent


def test_once_given_always_expected(jar: CookieJar) -> None:
    known = met(jar)

    assert not jar.take(known, None, 1.0, trusted=False)
    assert not jar.take(known, Cookie(known.client), 1.0, trusted=False)
    assert jar.offer(1.0) == known


def test_over_tcp_any_reply_counts_and_teaches(jar: CookieJar) -> None:
    known = met(jar)

    assert jar.take(known, None, 1.0, trusted=True)
    assert jar.offer(2.0) is None
    assert jar.expected is None


def test_the_nameservers_cookie_may_change(jar: CookieJar) -> None:
    known = met(jar)
    assert jar.take(known, Cookie(known.client, OTHER), 1.0, trusted=False)

    assert jar.offer(1.0) == Cookie(known.client, OTHER)
    assert jar.is_known(b"..." + known.client + OTHER + b"...")
    assert not jar.is_known(b"..." + known.client + SERVER + b"...")


def test_renewed_after_a_day_and_with_another_address(jar: CookieJar) -> None:
    known = met(jar)

    assert jar.offer(1.0, "192.0.2.1") == known  # that is only known better now
    moved = jar.offer(1.0, "192.0.2.9")
    assert moved is not None
    assert (moved.client != known.client, moved.server) == (True, b"")
    assert jar.expected is None
    assert jar.offer(2.0, "192.0.2.9") == moved
    assert jar.offer(1.0 + LIFETIME, "192.0.2.9") not in (moved, None)


def test_a_late_reply_to_an_older_cookie_changes_nothing(jar: CookieJar) -> None:
    known = met(jar)
    renewed = jar.offer(LIFETIME)

    assert jar.take(known, Cookie(known.client, OTHER), LIFETIME, trusted=False)
    assert jar.offer(LIFETIME) == renewed
    assert jar.expected is None


def test_a_query_without_a_cookie_proves_nothing(jar: CookieJar) -> None:
    met(jar)

    assert jar.take(None, None, 1.0, trusted=False)
    assert jar.expected is not None


def test_who_sends_back_another_cookie_even_over_tcp_has_no_use_for_one() -> None:
    jar = CookieJar(random=lambda size: b"c" * size)
    sent = jar.offer(0.0)
    wrong = Cookie(b"another.", b"of the server...")
    assert not jar.take(sent, wrong, 0.0, trusted=False)
    assert jar.take(sent, wrong, 0.0, trusted=True)
    assert jar.offer(1.0) is None
