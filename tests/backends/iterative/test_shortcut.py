from __future__ import annotations

import asyncio
import random

import pytest

from aioresolver import Cache, Resolver
from aioresolver.backends.batches import BatchBackend
from aioresolver.backends.iterative.backend import IterativeBackend
from aioresolver.backends.iterative.servers import MOST_AT_ONCE
from aioresolver.errors import LookupTimeout, ServerFailure, UsageError
from aioresolver.testing import DNSServer, Fault
from aioresolver.wire.codes import Rcode
from aioresolver.wire.names import Name

ZONE = """
$ORIGIN leaf.
@ 600 SOA ns h 1 2 3 4 60
$GENERATE 0-199 h$ 60 A 192.0.2.$
alias 60 CNAME h1
away 60 CNAME h1.other.
big 60 A 192.0.2.1
six 60 AAAA 2001:db8::1
mail 60 MX 10 h1
deep.er 60 A 192.0.2.77
"""


class Setup:
    """A stub zone on a loopback server, and a resolver that has asked it once, so that shortcuts can be taken."""

    def __init__(self, *faults, timeout=3.0):
        self.server = DNSServer(ZONE, faults=faults)
        self.timeout = timeout

    async def __aenter__(self):
        await self.server.__aenter__()
        address = f"127.0.0.1:{self.server.port}"
        stubs = {"leaf.": [address], "other.": [address]}
        self.backend = IterativeBackend({"a.root.": ["127.0.0.1:1"]}, stubs=stubs, random=random.Random(1))
        self.resolver = Resolver(self.backend, cache=Cache(0), timeout=self.timeout)
        assert (await self.resolver.query("h0.leaf"))[0].address == "192.0.2.0"
        self.server.clear()
        self.walks = []
        walk = self.backend.walk

        async def noted(question, deadline, **kwargs):
            self.walks.append(str(question))
            return await walk(question, deadline, **kwargs)

        self.backend.walk = noted
        return self

    async def __aexit__(self, *_):
        assert not any(server.in_flight for server in self.backend.memory.servers.measured())
        await self.resolver.aclose()
        await self.server.__aexit__(None, None, None)
        assert len(asyncio.all_tasks()) == 1


def test_it_takes_batches():
    assert isinstance(IterativeBackend(), BatchBackend)


async def test_many_at_once_take_a_packet_each_and_no_walk():
    async with Setup() as here:
        answers = await asyncio.gather(*(here.resolver.query(f"h{number}.leaf") for number in range(200)))
        assert [answer[0].address for answer in answers] == [f"192.0.2.{number}" for number in range(200)]
        assert here.walks == []
        assert len(here.server.queries) == 200
        assert not any(query.recursion_desired for query in here.server.queries)
        assert answers[0].server == f"udp://127.0.0.1:{here.server.port}"


async def test_letters_are_in_unpredictable_case_and_ids_too():
    async with Setup() as here:
        await asyncio.gather(*(here.resolver.query(f"h{number}.leaf") for number in range(50)))
        names = [query.wire[12:].split(b"\0")[0] for query in here.server.queries]
        assert sum(name != name.lower() for name in names) > 30
        assert len({query.id for query in here.server.queries}) > 45


@pytest.mark.parametrize(("name", "rcode"), [("six.leaf", Rcode.NOERROR), ("nowhere.leaf", Rcode.NXDOMAIN)])
async def test_absence_takes_no_walk_either(name, rcode):
    async with Setup() as here:
        answer = await here.resolver.query(name)
        assert (answer.rcode, len(answer), answer.ttl) == (rcode, 0, 60)
        assert here.walks == []
        assert len(here.server.queries) == 1


async def test_other_types_than_addresses_too():
    async with Setup() as here:
        answer = await here.resolver.query("mail.leaf", "MX")
        assert [str(data) for data in answer] == ["10 h1.leaf."]
        assert (await here.resolver.query("alias.leaf", "CNAME"))[0].target == "h1.leaf."
        assert (await here.resolver.query("mail.leaf", "TXT")).ttl == 60
        assert here.walks == []
        await here.resolver.query("mail.leaf", "ANY")
        assert here.walks == ["mail.leaf. ANY"]


async def test_an_alias_is_followed_by_a_walk_which_asks_nothing_again():
    async with Setup() as here:
        answer = await here.resolver.query("alias.leaf")
        assert (answer.name, answer[0].address) == ("h1.leaf.", "192.0.2.1")
        assert here.walks == ["alias.leaf. A"]
        assert len(here.server.queries) == 1


async def test_an_alias_elsewhere():
    async with Setup() as here:
        with pytest.raises(ServerFailure):
            await here.resolver.query("away.leaf")
        assert [str(query.name) for query in here.server.queries] == ["away.leaf.", "h1.other."]


async def test_a_truncated_reply_goes_to_tcp_at_once():
    async with Setup(Fault.truncate(name="big.leaf.")) as here:
        assert (await here.resolver.query("big.leaf"))[0].address == "192.0.2.1"
        assert [query.transport for query in here.server.queries] == ["udp", "tcp"]


async def test_a_lost_packet_is_sent_again_by_a_walk():
    async with Setup(Fault.drop(name="h7.leaf.", times=1)) as here:
        assert (await here.resolver.query("h7.leaf"))[0].address == "192.0.2.7"
        assert here.walks == ["h7.leaf. A"]
        assert len(here.server.queries) == 2


async def test_silence_ends_at_the_deadline():
    async with Setup(Fault.drop(name="h7.leaf."), timeout=0.7) as here:
        with pytest.raises(LookupTimeout):
            await here.resolver.query("h7.leaf")
        assert len(here.server.queries) in (2, 3)


async def test_servfail_is_not_asked_again_of_the_same_server():
    async with Setup(Fault.servfail(name="h7.leaf.")) as here:
        with pytest.raises(ServerFailure, match="SERVFAIL"):
            await here.resolver.query("h7.leaf")
        assert len(here.server.queries) == 1


async def test_a_deeper_name_is_shown_step_by_step():
    async with Setup() as here:
        assert (await here.resolver.query("deep.er.leaf"))[0].address == "192.0.2.77"
        assert here.walks == ["deep.er.leaf. A"]


async def test_special_names_are_not_sent():
    async with Setup() as here:
        assert (await here.resolver.query("1.0.0.10.in-addr.arpa", "PTR")).rcode == Rcode.NXDOMAIN
        assert here.server.queries == []


async def test_an_asker_that_leaves():
    async with Setup(Fault.delay(0.3)) as here:
        asked = [asyncio.ensure_future(here.resolver.query(f"h{number}.leaf")) for number in range(5)]
        await asyncio.sleep(0.05)
        for one in asked[:4]:
            one.cancel()
        assert (await asked[4])[0].address == "192.0.2.4"
        assert not here.backend._shortcut._ways


async def test_closing_under_way():
    async with Setup(*(Fault.drop(name=f"h{number}.leaf.") for number in range(1, 6))) as here:
        asked = [asyncio.ensure_future(here.resolver.query(f"h{number}.leaf")) for number in range(1, 6)]
        await asyncio.sleep(0.05)
        await here.resolver.aclose()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {UsageError}


async def test_a_server_that_is_gone():
    async with Setup() as here:
        await here.server.__aexit__(None, None, None)
        with pytest.raises(ServerFailure, match="refused"):
            await here.resolver.query("h1.leaf")
        await here.server.__aenter__()


async def test_answers_end_with_the_delegation():
    async with Setup() as here:
        cut = here.backend.memory.delegations.closest(here.backend._setting.stubs["leaf."].zone, 0)
        cut.expires = asyncio.get_running_loop().time() + 5
        assert (await here.resolver.query("h1.leaf")).ttl <= 5
        assert (await here.resolver.query("nowhere.leaf")).ttl <= 5


async def test_a_late_reply_counts():
    async with Setup(Fault.delay(0.7, name="h5.leaf", times=1), Fault.drop(name="h5.leaf", after=1)) as here:
        assert (await here.resolver.query("h5.leaf"))[0].address == "192.0.2.5"
        assert here.walks == ["h5.leaf. A"]


async def test_a_limit_on_what_is_under_way_to_one_server():
    async with Setup() as here:
        seen = []
        server = next(iter(here.backend.memory.servers.measured()))
        take = here.backend._shortcut.took

        def took(server, replies):
            seen.append(server.in_flight)
            take(server, replies)

        here.backend._shortcut.took = took
        names = [f"x{number}.leaf" for number in range(1000)]
        answers = await asyncio.gather(*map(here.resolver.query, names))
        assert all(answer.rcode == Rcode.NXDOMAIN for answer in answers)
        assert max(seen) <= MOST_AT_ONCE
        assert len(here.server.queries) == 1000
        assert server.in_flight == 0


async def test_waiting_for_a_turn_can_be_given_up():
    async with Setup(Fault.delay(0.05)) as here:
        first, second = ([f"{letter}{number}.leaf" for number in range(150)] for letter in "xy")
        leaving = [asyncio.ensure_future(here.resolver.query(name)) for name in first]
        staying = [asyncio.ensure_future(here.resolver.query(name)) for name in second]
        await asyncio.sleep(0.01)
        for task in leaving:
            task.cancel()
        assert {answer.rcode for answer in await asyncio.gather(*staying)} == {Rcode.NXDOMAIN}


async def test_when_a_server_falls_silent_those_who_wait_for_it_go_elsewhere():
    async with Setup() as here, DNSServer(ZONE) as other:
        here.server.faults.append(Fault.drop())
        cut = here.backend.memory.delegations.find(Name("leaf."), 0.0)
        cut.candidates = [*cut.candidates, (here.backend.memory.servers.of(f"127.0.0.1:{other.port}"), Name("ns."))]
        answers = await asyncio.gather(*(here.resolver.query(f"x{number}.leaf") for number in range(400)))
        assert {answer.rcode for answer in answers} == {Rcode.NXDOMAIN}
        assert len(here.server.queries) < 300
