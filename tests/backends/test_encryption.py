"""Modes of encryption: who is asked at all, and who at a moment."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from aioresolver.backends.encryption import ENCRYPTION_MODES, chosen, permitted
from aioresolver.errors import ConfigurationError
from aioresolver.transports.nameserver import Nameserver

PLAIN = Nameserver.parse_all("192.0.2.1 tcp://192.0.2.2")
ENCRYPTED = Nameserver.parse_all("tls://192.0.2.3 https://dns.test quic://192.0.2.5?opportunistic")


class Known(NamedTuple):
    nameserver: Nameserver
    works: bool = True


def test_who_is_asked_at_all():
    assert chosen([*PLAIN, *ENCRYPTED]) == (*PLAIN, *ENCRYPTED)
    assert chosen([*PLAIN, *ENCRYPTED], "plain") == PLAIN
    assert chosen([*PLAIN, *ENCRYPTED], "required") == ENCRYPTED
    assert chosen(PLAIN) == PLAIN
    assert chosen(ENCRYPTED) == ENCRYPTED
    for mode in ENCRYPTION_MODES:
        assert chosen([], mode) == ()


@pytest.mark.parametrize(
    ("nameservers", "mode", "message"),
    [
        (
            PLAIN,
            "required",
            r"^encryption='required' leaves no nameserver: udp://192.0.2.1, tcp://192.0.2.2 are plain; ",
        ),
        (
            ENCRYPTED[:1],
            "plain",
            r"^encryption='plain' leaves no nameserver: tls://192.0.2.3 is encrypted; give one as an",
        ),
        (PLAIN, "opportunistic", r"^encryption is one of automatic, plain, required, not 'opportunistic'$"),
    ],
)
def test_when_nobody_is_left(nameservers, mode, message):
    with pytest.raises(ConfigurationError, match=message):
        chosen(nameservers, mode)


def test_no_plain_one_while_an_encrypted_one_works():
    plain, one, other = Known(PLAIN[0]), Known(ENCRYPTED[0]), Known(ENCRYPTED[1])

    def asked(*upstreams):
        return [*permitted(upstreams, lambda upstream: upstream.works)]

    assert asked(plain, one, other) == [one, other]
    assert asked(plain, one._replace(works=False), other) == [one._replace(works=False), other]
    dead = [plain, one._replace(works=False), other._replace(works=False)]
    assert asked(*dead) == dead
    assert asked(plain._replace(works=False), one) == [one]


def test_where_there_is_no_choice_nothing_is_looked_at():
    for upstreams in ([], [Known(PLAIN[0]), Known(PLAIN[1])], [Known(ENCRYPTED[0]), Known(ENCRYPTED[1])]):
        assert permitted(upstreams, lambda _: 1 / 0) is upstreams
