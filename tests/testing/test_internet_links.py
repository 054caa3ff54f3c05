"""The way to a nameserver: over real sockets on loopback, or without any; the same comes back."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from aioresolver.backends.iterative.exchange import NearMiss
from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.testing import Fault, Internet, internet_links
from aioresolver.wire.message import Message, Question

TEXT = """
    @       NS a.root.
    a.root. A 192.0.2.1
            AAAA 2001:db8::1
    $ORIGIN shop.test.
    ns      A 192.0.2.2
    www     A 192.0.2.7
    long    TXT "{}"
""".format('" "'.join(["x" * 250] * 8))


def query(name, type="A"):
    return Message.query(Question.parse(name, type), id=0x1234, recursion_desired=False).to_wire()


async def ask(internet, address, name, type="A", *, tcp=False, within=5.0):
    wire = await internet.exchange(address, query(name, type), tcp, asyncio.get_running_loop().time() + within)
    return Message.parse(wire)


@pytest.fixture(params=[True, False], ids=["sockets", "in process"])
async def internet(request):
    async with Internet(TEXT, sockets=request.param) as internet:
        yield internet


async def test_each_address_is_its_own_server(internet):
    from_root = await ask(internet, "192.0.2.1", "www.shop.test")
    also_from_root = await ask(internet, "2001:db8::1", "www.shop.test", tcp=True)
    from_shop = await ask(internet, "192.0.2.2", "www.shop.test")

    assert (from_root.answer, str(from_root.authority[0].data)) == ((), "ns.shop.test.")
    assert also_from_root.authority == from_root.authority
    assert [str(record.data) for record in from_shop.answer] == ["192.0.2.7"]
    assert [(str(q.server), q.address, q.tcp) for q in internet.queries] == [
        ("a.root.", "192.0.2.1", False),
        ("a.root.", "2001:db8::1", True),
        ("ns.shop.test.", "192.0.2.2", False),
    ]


async def test_truncated_over_udp_and_whole_over_tcp(internet):
    over_udp = await ask(internet, "192.0.2.2", "long.shop.test", "TXT")
    over_tcp = await ask(internet, "192.0.2.2", "long.shop.test", "TXT", tcp=True)

    assert (bool(over_udp.flags & 0x200), len(over_udp.answer)) == (True, 0)
    assert (bool(over_tcp.flags & 0x200), len(over_tcp.answer)) == (False, 1)


async def test_where_nobody_listens(internet):
    with pytest.raises(TransportError, match=r"nobody listens at 192\.0\.2\.99") as caught:
        await ask(internet, "192.0.2.99", "www.shop.test")
    assert caught.value.errno == errno.ECONNREFUSED


async def test_silence_ends_at_the_deadline(internet):
    internet.fail("ns.shop.test", Fault.drop())
    with pytest.raises(TransportError) as caught:
        await ask(internet, "192.0.2.2", "www.shop.test", within=0.01)
    assert caught.value.errno == errno.ETIMEDOUT


async def test_what_is_no_reply_is_passed_over(internet):
    internet.fail(
        "ns.shop.test", Fault.wrong_id(), Fault.wrong_question(), Fault.wrong_address(), Fault.no_response_bit()
    )

    assert [str(record.data) for record in (await ask(internet, "192.0.2.2", "www.shop.test")).answer] == ["192.0.2.7"]


@pytest.mark.parametrize("fault", [Fault.wrong_id, Fault.wrong_question, Fault.no_response_bit])
async def test_when_only_that_comes_it_is_told(internet, fault):
    internet.fail("ns.shop.test", fault(then_right=False))
    with pytest.raises(NearMiss):
        await ask(internet, "192.0.2.2", "www.shop.test", within=0.05)


async def test_an_error_without_a_question_is_one_over_tcp(internet):
    internet.fail("ns.shop.test", Fault(lambda exchange: exchange.rewrite(lambda wire: wire[:3] + b"\x01" + b"\0" * 8)))

    assert (await ask(internet, "192.0.2.2", "www.shop.test", tcp=True)).rcode.name == "FORMERR"
    with pytest.raises(TransportError):
        await ask(internet, "192.0.2.2", "www.shop.test", within=0.01)


async def test_a_connection_that_is_closed(internet):
    internet.fail("ns.shop.test", Fault.close())
    with pytest.raises(TransportError):
        await ask(internet, "192.0.2.2", "www.shop.test", tcp=True, within=2)


async def test_a_reply_comes_twice(internet):
    internet.fail("ns.shop.test", Fault.duplicate(3))

    assert len((await ask(internet, "192.0.2.2", "www.shop.test")).answer) == 1


def test_within_the_process_time_may_be_virtual(run_virtual):
    async def main():
        loop = asyncio.get_running_loop()
        internet = Internet(TEXT, sockets=False, latency={"a.root": 30, "2001:db8::1": 45})
        began = loop.time()
        await ask(internet, "192.0.2.1", "www.shop.test", within=100)
        await ask(internet, "2001:db8::1", "www.shop.test", within=100)
        await ask(internet, "192.0.2.2", "www.shop.test", within=100)
        assert loop.time() - began == pytest.approx(75)
        assert [query.when - began for query in internet.queries] == pytest.approx([0, 30, 75])
        internet.fail("ns.shop.test", Fault.drop())
        with pytest.raises(TransportError):
            await ask(internet, "192.0.2.2", "www.shop.test", within=1000)
        assert loop.time() - began == pytest.approx(1075)

    run_virtual(main())


def test_within_the_process_it_serves_one_loop_after_the_other(run_virtual):
    internet = Internet(TEXT, sockets=False)
    for _ in range(2):
        assert len(run_virtual(ask(internet, "192.0.2.2", "www.shop.test")).answer) == 1
    run_virtual(internet.aclose())


async def test_sockets_are_one_port_on_many_addresses_and_end_with_it():
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    async with Internet(TEXT) as internet:
        places = {internet.nameserver(server.address) for server in internet.servers}
        await ask(internet, "192.0.2.2", "www.shop.test")
    assert len(places) == 3
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) <= before
    with pytest.raises(ConfigurationError, match="before it is started"):
        await ask(internet, "192.0.2.2", "www.shop.test")
    async with internet:
        assert len((await ask(internet, "192.0.2.2", "www.shop.test")).answer) == 1


async def test_a_loopback_address_is_itself_and_is_given_to_nobody_else():
    text = "$ORIGIN a.test.\nns A 127.77.0.1\n$ORIGIN b.test.\nns A 192.0.2.1"
    async with Internet(text) as internet:
        assert internet.nameserver("ns.a.test").startswith("udp://127.77.0.1:")
        assert not internet.nameserver("ns.b.test").startswith("udp://127.77.0.1:")


async def test_one_loopback_address_is_enough(monkeypatch):
    real = internet_links.bind

    def bind(address, port):
        if address != "127.0.0.1":
            raise OSError(errno.EADDRNOTAVAIL, "as on macOS")
        return real(address, port)

    monkeypatch.setattr(internet_links, "bind", bind)
    async with Internet(TEXT) as internet:
        assert len((await ask(internet, "192.0.2.2", "www.shop.test")).answer) == 1


async def test_a_port_that_is_taken_at_one_address_is_left_for_another(monkeypatch):
    real, refused = internet_links.bind, []

    def bind(address, port):
        if port and not refused:
            refused.append(port)
            raise OSError(errno.EADDRINUSE, "taken")
        return real(address, port)

    monkeypatch.setattr(internet_links, "bind", bind)
    async with Internet(TEXT) as internet:
        assert len((await ask(internet, "192.0.2.2", "www.shop.test")).answer) == 1
    assert refused
    refused.clear()
    with pytest.raises(OSError, match="taken"):
        await Internet(TEXT, port=1).start()
