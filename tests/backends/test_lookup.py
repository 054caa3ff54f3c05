"""Lookup: what is doubtful is asked for over TCP; who is slow gets company; no retry that nobody paid for."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import pytest

from aioresolver.answer import Answer
from aioresolver.backends.budgets import MOST_PACKETS, RESERVE
from aioresolver.backends.dialect import MANGLED_TO_BELIEVE
from aioresolver.backends.stub import StubBackend
from aioresolver.errors import ConfigurationError, LookupTimeout, ServerFailure, TransportError
from aioresolver.transports.base import AgedReply
from aioresolver.wire.codes import Flag, Rcode
from aioresolver.wire.edns import Cookie, Edns
from aioresolver.wire.message import Message, Question, Record

ASKED = Question.parse("www.example.org")
FIRST, SECOND, THIRD = (f"udp://192.0.2.{number}" for number in (1, 2, 3))
OVER_TCP = "tcp://192.0.2.1"
SERVER_COOKIE = b"of the server..."


def good(query: Message, _: Any = None, *, edns: Edns | None = None) -> Message:
    record = Record.parse("www.example.org. 300 A 192.0.2.80")
    return query.reply(flags=Flag.RA, answer=(record,), edns=edns)


def with_cookie(query: Message, _: Any = None) -> Message:
    """What a server with cookies says; BADCOOKIE while it does not see its own."""
    assert query.edns is not None
    cookie = query.edns.cookie
    assert cookie is not None
    edns = Edns().with_cookie(Cookie(cookie.client, SERVER_COOKIE))
    if cookie.server != SERVER_COOKIE:
        return query.reply(rcode=Rcode.BADCOOKIE, edns=edns)
    return good(query, edns=edns)


def after(seconds: float) -> Callable[..., Any]:
    return lambda query, _: (seconds, good(query))


def silent(*_: Any) -> None:
    return None


@pytest.fixture
def asking(run_virtual: Any, network: Any) -> Callable[..., Any]:
    """Run `script(ask)` with a stub backend for the URLs, where `await ask()` gives the answer and the time it took."""

    def run(script: Callable[..., Any], *urls: str, timeout: float = 5.0, **options: Any) -> Any:
        async def main() -> Any:
            loop = asyncio.get_running_loop()
            backend = StubBackend(urls or (FIRST,), open_transport=network.open, **options)

            async def ask(name: str = "www.example.org") -> tuple[Answer[Any], float]:
                began = loop.time()
                answer = await backend.query(Question.parse(name), began + timeout)
                return answer, loop.time() - began

            try:
                return await script(ask)
            finally:
                await backend.aclose()

        return run_virtual(main())

    return run


def test_a_bad_cookie_is_followed_by_the_right_one(network: Any, asking: Any) -> None:
    network.scripts[FIRST] = with_cookie

    async def script(ask: Any) -> None:
        await ask()
        await ask()

    asking(script)
    servers = [query.edns.cookie.server for query in network.asked(FIRST)]
    assert servers == [b"", SERVER_COOKIE, SERVER_COOKIE]
    assert network.asked(OVER_TCP) == []


def test_a_cookie_that_is_always_bad_leads_to_tcp(network: Any, asking: Any) -> None:
    def script(query: Message, transport: Any) -> Message:
        return good(query) if transport.scheme == "tcp" else query.reply(rcode=Rcode.BADCOOKIE, edns=query.edns)

    network.scripts[FIRST] = script
    asking(lambda ask: ask())

    assert len(network.asked(FIRST)) == 3
    assert len(network.asked(OVER_TCP)) == 1


def test_a_reply_without_the_cookie_is_checked_over_tcp_at_once(network: Any, asking: Any) -> None:
    forged = Record.parse("www.example.org. 300 A 203.0.113.66")
    says: list[Any] = [with_cookie, with_cookie, lambda query, _: query.reply(answer=(forged,), edns=Edns())]
    network.scripts[FIRST] = lambda query, transport: says.pop(0)(query, transport)
    network.scripts[OVER_TCP] = with_cookie

    async def script(ask: Any) -> tuple[Answer[Any], float]:
        await ask()
        return await ask()

    answer, took = asking(script)
    assert [str(data) for data in answer] == ["192.0.2.80"]
    assert took == pytest.approx(0.02, abs=0.002)


@pytest.mark.parametrize("tcp", [good, lambda *_: ConnectionRefusedError(errno.ECONNREFUSED, "refused")])
def test_servers_of_both_kinds_behind_one_forwarder_cost_no_timeout(network: Any, asking: Any, tcp: Any) -> None:
    turns = [True, True]  # BADCOOKIE, then the answer

    def script(query: Message, transport: Any) -> Any:
        if transport.scheme == "tcp":
            return tcp(query)
        return with_cookie(query) if turns and turns.pop() else good(query)

    network.scripts[FIRST] = script

    async def main(ask: Any) -> list[float]:
        return [(await ask())[1] for _ in range(5)]

    assert max(asking(main)) < 0.5
    assert len(network.asked(OVER_TCP)) == 1


def test_letters_of_another_case_lead_to_tcp_and_are_left_alone(network: Any, asking: Any) -> None:
    def script(query: Message, transport: Any) -> Any:
        asked = transport.sent[-1][12:]
        if transport.scheme == "udp" and asked != asked.lower():
            return TransportError("the question came back in other letters", code=errno.EBADMSG)
        return good(query)

    network.scripts[FIRST] = script

    async def main(ask: Any) -> None:
        for number in range(5):
            await ask(f"a-long-name-with-letters-{number}.example.org")

    asking(main, randomize_case=True)
    assert len(network.asked(OVER_TCP)) == MANGLED_TO_BELIEVE
    assert len(network.asked(FIRST)) == 5


def test_case_is_random_only_over_udp_and_when_asked_for(network: Any, asking: Any) -> None:
    network.scripts[FIRST] = lambda query, transport: (
        good(query) if transport.scheme == "tcp" else query.reply(flags=Flag.TC)
    )

    asking(lambda ask: ask("a-long-name-with-letters.example.org"), randomize_case=True)
    (over_udp,), (over_tcp,) = network.transports[FIRST].sent, network.transports[OVER_TCP].sent
    assert over_udp[12:50] != over_udp[12:50].lower()
    assert over_tcp[12:50] == over_udp[12:50].lower()

    network.transports.clear()
    asking(lambda ask: ask("a-long-name-with-letters.example.org"))
    assert network.transports[FIRST].sent[0][12:50] == over_tcp[12:50]


def test_a_slow_reply_is_hedged_with_a_second_server(network: Any, asking: Any) -> None:
    slow = iter([*[0.02] * 50, 2.0])
    network.scripts[FIRST] = lambda query, _: (next(slow, 0.02), good(query))
    network.scripts[SECOND] = after(0.03)

    async def main(ask: Any) -> float:
        for _ in range(50):
            await ask()
        before = len(network.asked(SECOND))
        answer, took = await ask()
        assert answer.server == SECOND
        assert len(network.asked(SECOND)) == before + 1
        return float(took)

    assert asking(main, FIRST, SECOND, hedge=0.95) < 0.1


def test_without_hedging_patience_is_longer(network: Any, asking: Any) -> None:
    slow = iter([*[0.02] * 50, 2.0])
    network.scripts[FIRST] = lambda query, _: (next(slow, 0.02), good(query))
    network.scripts[SECOND] = after(0.03)

    async def main(ask: Any) -> float:
        for _ in range(50):
            await ask()
        return float((await ask())[1])

    assert 0.25 < asking(main, FIRST, SECOND) < 0.4


def test_in_a_race_the_first_useful_reply_counts(network: Any, asking: Any) -> None:
    network.scripts[FIRST] = after(0.3)
    network.scripts[SECOND] = lambda query, _: (0.01, query.reply(rcode=Rcode.SERVFAIL))
    network.scripts[THIRD] = after(0.1)

    answer, took = asking(lambda ask: ask(), FIRST, SECOND, THIRD, race=3)
    assert answer.server == THIRD
    assert took == pytest.approx(0.1, abs=0.01)
    assert [len(network.asked(url)) for url in (FIRST, SECOND, THIRD)] == [1, 1, 1]


def test_an_outage_does_not_multiply_traffic(network: Any, asking: Any) -> None:
    network.scripts[FIRST] = silent
    lookups = 2 * RESERVE

    async def main(ask: Any) -> list[Any]:
        return await asyncio.gather(*[ask(f"{n}.example.org") for n in range(lookups)], return_exceptions=True)

    ends = asking(main, in_flight=lookups, timeout=5.0)
    assert {type(end) for end in ends} == {LookupTimeout}
    packets = len(network.asked(FIRST))
    assert packets < 2 * lookups


def test_one_lookup_sends_so_many_packets_at_most(network: Any, asking: Any) -> None:
    network.scripts[FIRST] = silent

    async def main(ask: Any) -> None:
        with pytest.raises(LookupTimeout):
            await ask()

    asking(main, timeout=300.0)
    assert len(network.asked(FIRST)) == MOST_PACKETS


def test_who_was_of_use_a_moment_ago_is_waited_for(network: Any, asking: Any) -> None:
    up = [True]

    def script(query: Message, _: Any) -> Any:
        return good(query) if up[0] else (0.001, ConnectionRefusedError(errno.ECONNREFUSED, "refused"))

    network.scripts[FIRST] = script

    async def main(ask: Any) -> float:
        await ask()
        up[0] = False
        asyncio.get_running_loop().call_later(1.8, lambda: up.__setitem__(0, True))
        return float((await ask())[1])

    assert 1.8 < asking(main) < 2.4


def test_who_is_gone_for_good_is_given_up_soon(network: Any, asking: Any) -> None:
    network.scripts[FIRST] = lambda *_: (0.001, ConnectionRefusedError(errno.ECONNREFUSED, "refused"))

    async def main(ask: Any) -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(ServerFailure):
            await ask()
        return asyncio.get_running_loop().time() - began

    assert asking(main) < 1.0


def test_what_an_http_cache_kept_has_less_time_to_live(network: Any, asking: Any) -> None:
    url = "https://192.0.2.1/dns-query"
    network.scripts[url] = lambda query, _: AgedReply(good(query).to_wire(), age=120.0)

    async def main(ask: Any) -> float:
        answer, _ = await ask()
        return float(answer.expires - asyncio.get_running_loop().time())

    assert asking(main, url) == pytest.approx(180.0, abs=0.1)


@pytest.mark.parametrize(("url", "kept_alive"), [("tls://192.0.2.1", True), ("https://192.0.2.1/dns-query", False)])
def test_what_is_encrypted_is_padded(network: Any, asking: Any, url: str, kept_alive: bool) -> None:
    network.scripts[url] = good
    asking(lambda ask: ask(), url)

    (sent,) = network.transports[url].sent
    edns = Message.parse(sent).edns
    assert edns is not None
    assert len(sent) == 128
    assert (edns.option(11) == b"") is kept_alive
    assert edns.cookie is None


def test_an_encrypted_one_is_asked_as_long_as_it_works(network: Any, asking: Any) -> None:
    encrypted = "tls://192.0.2.9"
    network.scripts[FIRST] = after(0.001)
    works = [True]
    network.scripts[encrypted] = lambda query, _: (0.2, good(query)) if works[0] else None

    async def main(ask: Any) -> tuple[str, str]:
        first, _ = await ask()
        works[0] = False
        second, _ = await ask()
        return first.server, second.server

    assert asking(main, FIRST, encrypted) == (encrypted, FIRST)


def test_a_truncated_reply_without_our_cookie_is_not_what_there_is(network: Any, asking: Any) -> None:
    """A forger who guessed id and port, and keeps TCP from working: it is neither believed nor handed out for want of more."""

    def script(query: Message, transport: Any) -> Any:
        if transport.scheme == "tcp":
            return TransportError("refused")
        if not forging:
            return with_cookie(query)
        record = Record.parse("www.example.org. 300 A 203.0.113.66")
        return query.reply(flags=Flag.RA | Flag.TC, answer=(record,), edns=Edns())

    async def main(ask: Any) -> None:
        await ask()
        forging.append(True)
        with pytest.raises((ServerFailure, LookupTimeout)):
            await ask()

    forging: list[bool] = []
    network.scripts[FIRST] = network.scripts[OVER_TCP] = script
    asking(main)


# Where there is no TCP: SYNs are dropped on the way, or refused

NO_TCP = [silent, lambda *_: ConnectionRefusedError(errno.ECONNREFUSED, "refused")]


@pytest.mark.parametrize("tcp", NO_TCP)
def test_a_cookie_that_is_gone_and_cannot_be_checked_is_not_missed_for_long(
    network: Any, asking: Any, tcp: Any
) -> None:
    has_cookies = True
    network.scripts[FIRST] = lambda query, _: (with_cookie if has_cookies and query.edns.cookie else good)(query)
    network.scripts[OVER_TCP] = tcp

    async def script(ask: Any) -> list[float]:
        nonlocal has_cookies
        await ask()
        has_cookies = False
        return [(await ask())[1] for _ in range(3)]

    first, *later = asking(script)
    assert first < 3.1
    assert later == pytest.approx([0.01, 0.01], abs=0.002)


def test_even_lookups_that_have_too_little_time_for_that_teach_it(network: Any, asking: Any) -> None:
    has_cookies = True
    network.scripts[FIRST] = lambda query, _: (with_cookie if has_cookies and query.edns.cookie else good)(query)
    network.scripts[OVER_TCP] = silent

    async def script(ask: Any) -> None:
        nonlocal has_cookies
        await ask()
        has_cookies = False
        for _ in range(2):
            with pytest.raises(LookupTimeout):
                await ask()
        await ask()

    asking(script, timeout=0.5)


@pytest.mark.parametrize("tcp", NO_TCP)
def test_letters_of_another_case_that_cannot_be_checked(network: Any, asking: Any, tcp: Any) -> None:
    def script(query: Message, transport: Any) -> Any:
        asked = transport.sent[-1][12:].partition(b"\0")[0]
        return good(query) if asked == asked.lower() else TransportError("other letters", code=errno.EBADMSG)

    network.scripts[FIRST] = script
    network.scripts[OVER_TCP] = tcp

    async def main(ask: Any) -> list[float]:
        return [(await ask("a-long-name-with-letters.example.org"))[1] for _ in range(3)]

    first, *later = asking(main, randomize_case=True)
    assert first < 1.6
    assert later == pytest.approx([0.01, 0.01], abs=0.002)


@pytest.mark.parametrize("only_over_tcp", [False, True])
def test_truncation_and_a_complaint_about_edns_do_not_take_turns_for_ever(
    network: Any, asking: Any, *, only_over_tcp: bool
) -> None:
    def script(query: Message, transport: Any) -> Message:
        if query.edns is not None and (transport.scheme == "tcp" or not only_over_tcp):
            return query.reply(rcode=Rcode.FORMERR)
        return good(query) if transport.scheme == "tcp" else query.reply(flags=Flag.TC)

    network.scripts[FIRST] = script
    answer, _ = asking(lambda ask: ask())
    assert answer
    assert len(network.asked(FIRST)) + len(network.asked(OVER_TCP)) == 3


def test_a_transport_that_cannot_be_opened_ends_the_lookup(network: Any, asking: Any, monkeypatch: Any) -> None:
    open_transport = network.open

    def open_datagrams(nameserver: Any) -> Any:
        if nameserver.scheme == "tcp":
            raise ConfigurationError("there is no TCP here")
        return open_transport(nameserver)

    monkeypatch.setattr(network, "open", open_datagrams)
    network.scripts[FIRST] = lambda query, _: query.reply(flags=Flag.TC)
    with pytest.raises(ConfigurationError, match="no TCP here"):
        asking(lambda ask: ask())


@pytest.mark.parametrize("busy", [True, False])
def test_who_serves_others_meanwhile_is_not_given_up(network: Any, asking: Any, busy: bool) -> None:
    """A nameserver that is restarted every second may be down whenever one lookup tries, and up for all others."""

    def script(query: Message, transport: Any) -> Any:
        if query.question[0].name == "unlucky.example.org." and asyncio.get_running_loop().time() < up_at[0]:
            return TransportError("refused", code=errno.ECONNREFUSED)
        return good(query)

    async def main(ask: Any) -> None:
        up_at.append(asyncio.get_running_loop().time() + 4)
        await ask()
        unlucky = asyncio.ensure_future(ask("unlucky.example.org"))
        while busy and not unlucky.done():
            await asyncio.sleep(0.5)
            await ask()
        await unlucky

    up_at: list[float] = []
    network.scripts[FIRST] = script
    if busy:
        asking(main, timeout=10)
    else:
        with pytest.raises(ServerFailure, match="refused"):
            asking(main, timeout=10)


def test_when_the_target_of_an_alias_is_met_with_silence_time_is_over(network: Any, asking: Any) -> None:
    def script(query: Message, _: Any) -> Any:
        if str(query.question[0].name) != "www.example.org.":
            return None
        alias = Record.parse("www.example.org. 300 CNAME elsewhere.example.net.")
        return query.reply(flags=Flag.RA, answer=(alias,))

    network.scripts[FIRST] = script

    async def main(ask: Any) -> None:
        with pytest.raises(LookupTimeout, match=r"www\.example\.org"):
            await ask()

    asking(main, timeout=2.0)


def test_who_was_refused_when_it_was_down_is_not_forgotten_when_it_is_up(network: Any, asking: Any) -> None:
    """As many as the reserve has no retries for, and nobody else who would earn some."""
    up = [True]

    def script(query: Message, _: Any) -> Any:
        return good(query) if up[0] else (0.001, ConnectionRefusedError(errno.ECONNREFUSED, "refused"))

    network.scripts[FIRST] = script
    lookups = 3 * RESERVE

    async def main(ask: Any) -> None:
        await ask()
        up[0] = False
        asyncio.get_running_loop().call_later(1.0, lambda: up.__setitem__(0, True))
        await asyncio.gather(*[ask(f"{number}.example.org") for number in range(lookups)])

    asking(main, in_flight=lookups, timeout=3.0)
