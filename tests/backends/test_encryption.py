"""Modes of encryption: who is asked at all, and who at a moment; and that a StubBackend keeps to it, under virtual time."""

from __future__ import annotations

import asyncio
import errno
from typing import NamedTuple

import pytest

from aioresolver.backends.encryption import ENCRYPTION_MODES, chosen, permitted
from aioresolver.backends.stub import StubBackend
from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.message import Question, Record

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


# ---- in a StubBackend

PLAIN_URL, TLS_URL, OTHER_URL = "udp://192.0.2.1", "tls://192.0.2.2", "tls://192.0.2.3"
REFUSED = TransportError("no connection to the nameserver", code=errno.ECONNREFUSED)


def yes(query, transport):
    name = query.question[0].name
    records = (Record.parse(f"{name} 60 A 192.0.2.99"),) if query.question[0].type == 1 else ()
    return query.reply(answer=records)


def refused(query, transport):
    return REFUSED


def silent(query, transport):
    return None


@pytest.fixture
def play(run_virtual, network):
    def play(scripts, scene, nameservers=None, **options):
        network.scripts.update(scripts)

        async def main():
            async with StubBackend(nameservers or list(scripts), open_transport=network.open, **options) as backend:
                return await scene(backend)

        return run_virtual(main())

    return play


async def ask(backend, name="www.example"):
    return await backend.query(Question.parse(name), asyncio.get_running_loop().time() + 5)


def test_no_name_is_said_aloud_while_an_encrypted_nameserver_works(play, network):
    async def scene(backend):
        for number in range(200):
            await ask(backend, f"n{number}.example")
            await asyncio.sleep(5)

    play({PLAIN_URL: yes, TLS_URL: yes, OTHER_URL: silent}, scene)
    assert len(network.asked(TLS_URL)) >= 200
    assert network.asked(OTHER_URL)
    assert network.asked(PLAIN_URL) == []


@pytest.mark.parametrize("broken", [refused, silent])
def test_a_plain_one_helps_in_the_same_lookup_when_none_works(play, network, broken):
    async def scene(backend):
        assert (await ask(backend)).server == PLAIN_URL
        assert (await ask(backend)).server == PLAIN_URL
        network.transports[TLS_URL].script = yes
        for _ in range(3):
            await asyncio.sleep(10)
            answer = await ask(backend)
        return answer.server

    assert play({PLAIN_URL: yes, TLS_URL: broken}, scene) == TLS_URL


@pytest.mark.parametrize(("mode", "asked"), [("required", TLS_URL), ("plain", PLAIN_URL)])
def test_the_other_kind_is_left_out(play, network, mode, asked):
    async def scene(backend):
        return [upstream.text for upstream in backend.upstreams]

    assert play({PLAIN_URL: yes, TLS_URL: refused}, scene, encryption=mode) == [asked]
    assert list(network.transports) == [asked]


def test_a_nameserver_given_by_name(play, network):
    async def scene(backend):
        return (await ask(backend)).server

    scripts = {PLAIN_URL: yes, "tls://192.0.2.99#dns.test": yes}
    assert play(scripts, scene, ["tls://dns.test"], bootstrap=PLAIN_URL) == "tls://dns.test"
    assert sorted(str(query.question[0]) for query in network.asked(PLAIN_URL)) == ["dns.test. A", "dns.test. AAAA"]
    assert [str(query.question[0]) for query in network.asked("tls://192.0.2.99#dns.test")] == ["www.example. A"]


def test_what_is_discovered_is_encrypted():
    with pytest.raises(ConfigurationError, match=r"^discover finds encrypted nameservers"):
        StubBackend(PLAIN_URL, discover=True, encryption="plain")


def test_a_bootstrap_must_be_known_by_its_address():
    with pytest.raises(ConfigurationError, match="cannot be a bootstrap"):
        StubBackend("tls://dns.test", bootstrap="tls://other.test")


def test_a_second_one_that_is_asked_early_is_none_in_clear(play, network):
    async def scene(backend):
        for number in range(20):
            await ask(backend, f"n{number}.example")
        network.transports[TLS_URL].script = lambda *call: (0.5, yes(*call))
        assert (await ask(backend)).server == TLS_URL
        assert network.asked(PLAIN_URL) == []
        network.transports[TLS_URL].script = silent
        assert (await ask(backend)).server == PLAIN_URL

    play({PLAIN_URL: yes, TLS_URL: yes}, scene, hedge=0.9)
    play({PLAIN_URL: yes, TLS_URL: yes}, scene, race=2)
