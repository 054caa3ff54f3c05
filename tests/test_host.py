"""A host's addresses: where they are looked for, in which order, and what is said when there are none."""

from __future__ import annotations

import asyncio
import socket

import pytest

from aioresolver.answer import Answer
from aioresolver.errors import NameNotFound, NoRecords, ServerFailure
from aioresolver.host import FAMILY_GRACE, SearchList, find_host
from aioresolver.system.config import SystemConfig, SystemConfigFiles
from aioresolver.system.local import LocalNames
from aioresolver.wire.codes import Rcode
from aioresolver.wire.message import Record
from aioresolver.wire.names import Name

ZONE = """\
both.test. 60 A 192.0.2.1
both.test. 60 AAAA 2001:db8::1
four.test. 60 A 192.0.2.4
six.test. 60 AAAA 2001:db8::6
www.one.test. 60 A 192.0.2.71
"""
HOSTS = "192.0.2.99 both.test\n192.0.2.98 Late.Hosts late\n"


class Machine:
    """Files, a zone, and what was asked of it."""

    def __init__(self, folder, *, order="files dns", options="", hosts=HOSTS):
        paths = {"resolv_conf": folder / "resolv.conf", "nsswitch_conf": folder / "nsswitch.conf"}
        paths["resolv_conf"].write_text(f"nameserver 127.0.0.1\n{options}\n")
        paths["nsswitch_conf"].write_text(f"hosts: {order}\n")
        (folder / "hosts").write_text(hosts)
        files = SystemConfigFiles(**paths, environ={}, hostname=str, platform="linux")
        self.config: SystemConfig = files.current(0.0)
        self.local = LocalNames(config=files, hosts_file=folder / "hosts")
        self.records = [Record.parse(line) for line in ZONE.splitlines()]
        self.asked = []
        self.broken = set()
        self.silent = set()

    def submit(self, question):
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self.asked.append(f"{question.name} {question.type}")
        if str(question.type) in self.silent:
            return future
        if (question.name, str(question.type)) in self.broken:
            future.set_exception(ServerFailure(question.name, str(question.type), "out of order"))
            return future
        records = [r for r in self.records if r.name == question.name]
        rcode = Rcode.NOERROR if records else Rcode.NXDOMAIN
        records = [r for r in records if r.type == question.type]
        future.set_result(Answer.from_records(question, records, rcode=rcode, ttl=60, now=loop.time()))
        return future

    async def find(self, host, family=0, *, search=()):
        wanted = SearchList(tuple(map(Name.parse, search)), self.config.ndots)
        found = await find_host(host, family, local=self.local, submit=self.submit, search=wanted, config=self.config)
        return found.addresses

    async def error_of(self, host, family=0, **more):
        with pytest.raises(socket.gaierror) as caught:
            await self.find(host, family, **more)
        return caught.value.errno


async def test_the_hosts_file_before_the_dns(tmp_path):
    machine = Machine(tmp_path)

    assert await machine.find("both.test") == ["192.0.2.99"]
    assert machine.asked == []
    assert await machine.find("both.test", socket.AF_INET6) == ["2001:db8::1"]


async def test_the_hosts_file_after_the_dns(tmp_path):
    machine = Machine(tmp_path, order="dns files")

    assert await machine.find("both.test") == ["192.0.2.1", "2001:db8::1"]
    assert await machine.find("late") == ["192.0.2.98"]
    assert await machine.error_of("late", socket.AF_INET6) == socket.EAI_NONAME
    assert await machine.error_of("nowhere.test") == socket.EAI_NONAME


async def test_the_hosts_file_when_the_dns_fails(tmp_path):
    machine = Machine(tmp_path, order="dns files")
    machine.broken = {("late.", "A"), ("late.", "AAAA"), ("four.test.", "A")}

    assert await machine.find("late") == ["192.0.2.98"]
    assert await machine.error_of("four.test", socket.AF_INET) == socket.EAI_AGAIN


async def test_no_dns_at_all(tmp_path):
    machine = Machine(tmp_path, order="files")

    assert await machine.find("both.test") == ["192.0.2.99"]
    assert await machine.find("localhost") == ["127.0.0.1", "::1"]
    with pytest.raises(NameNotFound, match=r"nsswitch\.conf names no DNS"):
        await machine.find("four.test")
    assert machine.asked == []


async def test_no_hosts_file_at_all(tmp_path):
    machine = Machine(tmp_path, order="dns")

    assert await machine.find("both.test") == ["192.0.2.1", "2001:db8::1"]
    assert await machine.error_of("late") == socket.EAI_NONAME


async def test_no_aaaa(tmp_path):
    machine = Machine(tmp_path, options="options no-aaaa", hosts="2001:db8::99 six.hosts\n")

    assert await machine.find("both.test") == ["192.0.2.1"]
    assert await machine.error_of("both.test", socket.AF_INET6) == NoRecords.eai
    assert await machine.error_of("six.test") == NoRecords.eai
    assert await machine.error_of("nowhere.test", socket.AF_INET6) == socket.EAI_NONAME
    assert await machine.find("six.hosts") == ["2001:db8::99"]
    assert not [asked for asked in machine.asked if "AAAA" in asked]


async def test_without_aaaa_a_failure_is_one(tmp_path):
    machine = Machine(tmp_path, options="options no-aaaa")
    machine.broken = {("four.test.", "A")}

    assert await machine.error_of("four.test", socket.AF_INET6) == socket.EAI_AGAIN


async def test_one_family_is_enough(tmp_path):
    machine = Machine(tmp_path, hosts="")
    machine.broken = {("both.test.", "AAAA")}

    assert await machine.find("both.test") == ["192.0.2.1"]
    assert await machine.error_of("both.test", socket.AF_INET6) == socket.EAI_AGAIN


@pytest.mark.parametrize(("silent", "left"), [("AAAA", "192.0.2.1"), ("A", "2001:db8::1")])
def test_a_family_that_is_silent_is_waited_for_a_second(tmp_path, run_virtual, silent, left):
    machine = Machine(tmp_path, hosts="")
    machine.silent = {silent}

    async def main():
        began = asyncio.get_running_loop().time()
        assert await machine.find("both.test") == [left]
        return asyncio.get_running_loop().time() - began

    assert run_virtual(main()) == pytest.approx(FAMILY_GRACE)


async def test_the_root_first_in_the_search_list_is_a_suffix_like_others(tmp_path):
    machine = Machine(tmp_path)

    assert await machine.find("www", search=[".", "one.test"]) == ["192.0.2.71"]
    assert await machine.error_of("www", socket.AF_INET6, search=[".", "one.test"]) == NoRecords.eai
    assert await machine.error_of("www.", socket.AF_INET6, search=[".", "one.test"]) == socket.EAI_NONAME


@pytest.mark.parametrize("host", ["::1.", "127.0.0.1.", "127.1"])
async def test_an_address_is_not_made_of_a_name(tmp_path, host):
    machine = Machine(tmp_path)

    assert await machine.error_of(host) == socket.EAI_NONAME
    assert machine.asked == []


def test_the_search_list_is_the_machines_but_for_what_is_given():
    config = SystemConfig(search=(Name.parse("corp.test"),), ndots=2, no_tld_query=True)
    mine = (Name.parse("mine.test"),)

    assert SearchList.of(config, suffixes=None, ndots=None) == (config.search, 2, True)
    assert SearchList.of(config, suffixes=mine, ndots=1) == (mine, 1, True)
    assert SearchList.of(config, suffixes=(), ndots=None) == ((), 2, True)
    assert SearchList.of(SystemConfig(), suffixes=None, ndots=None) == SearchList()
