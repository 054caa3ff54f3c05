"""Internet: faults, latency, loss and changes while it runs; what was asked of whom."""

from __future__ import annotations

import asyncio

import pytest

from aioresolver.errors import ConfigurationError, TransportError
from aioresolver.testing import Fault, Internet
from aioresolver.wire.message import Message, Question

TEXT = """
    @       NS a.root.
    a.root. A 192.0.2.1
            AAAA 2001:db8::1
    $ORIGIN test.
    ns      A 192.0.2.2
    $ORIGIN shop.test.
    ns      A 192.0.2.3
    www     A 192.0.2.7
"""
ROOT, TEST, SHOP = "192.0.2.1", "192.0.2.2", "192.0.2.3"


@pytest.fixture
def internet():
    return Internet(TEXT, sockets=False)


async def ask(internet, address, name, type="A", *, tcp=False):
    query = Message.query(Question.parse(name, type), recursion_desired=False).to_wire()
    return Message.parse(await internet.exchange(address, query, tcp, asyncio.get_running_loop().time() + 1))


async def test_faults_by_name_by_address_and_away_again(internet):
    internet.fail("a.root", Fault.servfail())
    internet.fail("192.0.2.3", Fault.refused())
    codes = [
        (await ask(internet, address, "www.shop.test")).rcode.name for address in (ROOT, "2001:db8::1", TEST, SHOP)
    ]
    internet.heal("a.root.")
    after = [(await ask(internet, address, "www.shop.test")).rcode.name for address in (ROOT, SHOP)]
    internet.heal()

    assert codes == ["SERVFAIL", "SERVFAIL", "NOERROR", "REFUSED"]
    assert after == ["NOERROR", "REFUSED"]
    assert (await ask(internet, SHOP, "www.shop.test")).rcode.name == "NOERROR"


async def test_faults_may_be_there_from_the_beginning():
    internet = Internet(TEXT, sockets=False, faults={"ns.shop.test": [Fault.rcode("NOTIMP")]})

    assert (await ask(internet, SHOP, "www.shop.test")).rcode.name == "NOTIMP"


@pytest.mark.parametrize("where", ["ns.nobody.test", "192.0.2.99"])
def test_unknown_servers_are_told(internet, where):
    with pytest.raises(ConfigurationError, match=f"is called {where}"):
        internet.fail(where, Fault.drop())
    with pytest.raises(ConfigurationError, match=f"is called {where}"):
        Internet(TEXT, faults={where: []})


async def test_what_was_asked_of_whom(internet):
    await ask(internet, ROOT, "www.shop.test")
    await ask(internet, "2001:db8::1", "shop.test", "NS")
    await ask(internet, SHOP, "www.shop.test", tcp=True)

    assert [str(query) for query in internet.queries] == [
        "a.root. www.shop.test. A",
        "a.root. shop.test. NS",
        "ns.shop.test. www.shop.test. A (tcp)",
    ]
    assert internet.count == 3
    assert internet.counts == {"a.root.": 2, "ns.shop.test.": 1}
    assert internet.server("2001:db8::1").count == 1
    internet.clear()
    assert (internet.count, internet.counts, internet.queries) == (0, {}, [])


async def test_zones_change_while_it_runs(internet):
    assert (await ask(internet, SHOP, "new.shop.test")).rcode.name == "NXDOMAIN"
    internet.add("new.shop.test. 60 A 192.0.2.8")
    assert len((await ask(internet, SHOP, "new.shop.test")).answer) == 1
    assert internet.remove("shop.test", "NS", zone="test.") == 1
    assert (await ask(internet, TEST, "www.shop.test")).rcode.name == "NXDOMAIN"
    internet.add("shop.test. 60 NS ns.far.example.", zone="test.")
    assert str((await ask(internet, TEST, "www.shop.test")).authority[0].data) == "ns.far.example."
    assert (await ask(internet, SHOP, "www.shop.test")).rcode.name == "NOERROR"
    with pytest.raises(ConfigurationError, match="no zone"):
        internet.remove("shop.test", zone="elsewhere.")


def test_loss_is_the_same_each_time_and_spares_tcp(run_virtual):
    async def lost(seed):
        internet = Internet(TEXT, sockets=False, loss=0.3, seed=seed)
        internet.heal()  # takes away no loss
        found = []
        for _ in range(40):
            assert len((await ask(internet, SHOP, "www.shop.test", tcp=True)).answer) == 1
            try:
                found.append(bool(await ask(internet, SHOP, "www.shop.test")))
            except TransportError:
                found.append(False)
        return found

    first, again, other = run_virtual(lost(1)), run_virtual(lost(1)), run_virtual(lost(2))

    assert first == again != other
    assert 15 < sum(first) < 40


def test_latency_is_one_for_all_or_by_server(run_virtual):
    async def took(latency):
        loop, internet = asyncio.get_running_loop(), Internet(TEXT, sockets=False, latency=latency)
        times = []
        for address in (ROOT, "2001:db8::1", SHOP):
            began = loop.time()
            await ask(internet, address, "www.shop.test")
            times.append(round(loop.time() - began, 6))
        return times

    assert run_virtual(took(0.02)) == [0.02, 0.02, 0.02]
    assert run_virtual(took({"a.root": 0.03, "2001:db8::1": 0.2})) == [0.03, 0.2, 0]


async def test_its_servers_and_zones(internet):
    assert [(str(server.name), [zone.origin for zone in server.zones]) for server in internet.servers] == [
        ("a.root.", ["."]),
        ("a.root.", ["."]),
        ("ns.test.", ["test."]),
        ("ns.shop.test.", ["shop.test."]),
    ]
    assert [zone.origin for zone in internet.zones] == [".", "test.", "shop.test."]
    with pytest.raises(ConfigurationError, match="sockets"):
        internet.nameserver("a.root")


async def test_a_referral_of_a_server_that_no_reply_promises_recursion(internet):
    reply = await ask(internet, ROOT, "www.shop.test")

    assert [flag for flag in ("AA", "RA", "TC") if reply.flags & {"AA": 0x400, "RA": 0x80, "TC": 0x200}[flag]] == []
    assert (await ask(internet, SHOP, "www.shop.test")).flags & 0x480 == 0x400
