"""getaddrinfo without the names: beside the C library, over thousands of combinations."""

from __future__ import annotations

import socket

import pytest

from aioresolver.errors import NameNotFound, ResolutionError
from aioresolver.system.addrinfo import AddrinfoRequest, resolve_service

HOSTS = """\
192.0.2.1 both.test Alias.test
2001:db8::1 both.test
192.0.2.2 four.test
192.0.2.3 four.test
2001:db8::2 six.test
127.0.0.1 localhost
::1 localhost6
"""
SERVICES = """\
http 80/tcp www
http 80/udp
http 80/sctp
tcponly 1001/tcp
udponly 1002/udp alias2
dccponly 1003/dccp
both 1004/tcp
both 1005/udp
80name 1006/tcp
"""
MATRIX = {
    "host": [
        None, "*", "", "127.0.0.1", "::1", "192.0.2.9", "2001:db8::9", "::ffff:192.0.2.9", "::", "0.0.0.0",
        "fe80::1%lo", "fe80::1%1", "fe80::1%nope", "::1%1", "::1%lo", "fe80::1%4294967296", "ff02::1%lo", "fe80::1",
        "both.test", "Alias.test", "four.test", "six.test", "localhost", "localhost6", "nowhere.test", "1.2.3.4.5",
        "256.1.1.1", "::g", "[::1]", "fe80::1%",
    ],
    "port": [
        None, "*", "", 0, 80, 65535, "80", " 80", "+80", "80x", "-1", -1, "http", "www", "HTTP", "tcponly", "udponly",
        "alias2", "dccponly", "both", "80name", "nonesuch", "99999999999999999999999", "0x50",
    ],
    "family": [0] * 6 + [int(socket.AF_INET), int(socket.AF_INET6), 1, 99],
    "type": [0] * 12 + [1, 2, 3, 5, 6, 4, 99],
    "proto": [0] * 20 + [6, 17, 132, 136, 33, 1, 255],
    "flags": [
        0, 0, 0, 0, 1, 2, 4, 8, 0x10, 0x18, 0x20, 0x400, 3, 6, 0x1A, 0x0A, 0x3E, 0x420, 0x40, 0xC0, 0x800, 0x8000, 0x300,
    ],
}  # fmt: skip
MACHINES = {
    "loopback": [],
    "IPv4": ["192.0.2.200/24"],
    "IPv6": ["2001:db8::200/64"],
    "both": ["10.0.0.1/8", "fe80::2/64"],
}

PROGRAM = """
import os, random, socket, subprocess
from aioresolver.system.addrinfo import AddrinfoRequest
from aioresolver.system.address_order import AddressOrder
from aioresolver.system.hosts import parse_hosts
from aioresolver.system.interfaces import Interfaces
from aioresolver.wire.names import Name
matrix, hosts, addresses = given
for address in addresses:
    ip = ["ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else [])]
    if subprocess.run(ip, capture_output=True).returncode:
        print("null")
        sys.exit()
hosts = parse_hosts(hosts)
order, interfaces = AddressOrder(), Interfaces()
def ours(host, port, **hints):
    request = AddrinfoRequest(host, port, **hints, configured=interfaces.families(0.0))
    found, canonical = request.literal, ""
    if found is None:
        canonical, found = hosts.find(Name.parse(request.host), request.lookup_family)
        found = request.select(found)
    return request.build(order.sorted(found, 0.0), canonical)
def attempt(function, arguments):
    try:
        return [list(map(repr, entry)) for entry in function(arguments.pop("host"), arguments.pop("port"), **arguments)]
    except socket.gaierror as error:
        return error.errno
chance = random.Random(len(addresses))
seen = 0
wrong = []
for _ in range(4000):
    arguments = {name: chance.choice(values) for name, values in matrix.items()}
    theirs, mine = attempt(socket.getaddrinfo, dict(arguments)), attempt(ours, dict(arguments))
    seen += isinstance(theirs, list)
    if theirs != mine:
        wrong.append([arguments, theirs, mine])
print(json.dumps([seen, wrong]))
"""


@pytest.mark.parametrize("addresses", MACHINES.values(), ids=MACHINES)
def test_the_c_library_gives_the_same(in_private_etc, addresses):
    files = {"hosts": HOSTS, "services": SERVICES, "nsswitch.conf": "hosts: files\nservices: files\n", "gai.conf": ""}

    results = in_private_etc(PROGRAM, files, [MATRIX, HOSTS, addresses])

    if results is None:
        pytest.skip("needs iproute2")
    seen, wrong = results
    assert wrong == []
    assert seen > 500


def request(host="192.0.2.1", port=80, **hints):
    return AddrinfoRequest(host, port, **hints)


def code_of(host="192.0.2.1", port=80, **hints):
    with pytest.raises(ResolutionError) as caught:
        request(host, port, **hints)
    assert isinstance(caught.value, socket.gaierror)
    return caught.value.errno


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3.4.5", "a.0x1", "127.0.0.1."]
)
def test_what_ipaddress_refuses_stays_refused(host):
    with pytest.raises(NameNotFound):
        request(host)


@pytest.mark.parametrize("port", [65536, "65536", "99999", 1 << 70])
def test_a_port_that_is_none_is_not_made_another(port):
    assert code_of(port=port) == socket.EAI_SERVICE


def test_other_types_fail_as_in_the_socket_module():
    for wrong in ((3, 80), (bytearray(b"x"), 80)):
        with pytest.raises(TypeError, match="must be string or None"):
            AddrinfoRequest(*wrong)
    with pytest.raises(OSError, match="Int or String expected"):
        AddrinfoRequest("x", 1.5)


def test_bytes():
    assert request(b"www.Example", b"80").host == "www.Example"
    assert request(b"::1", b"80").literal == ["::1"]
    assert code_of("b\u00fccher".encode()) == socket.EAI_NONAME
    assert code_of(port=b"\xff") == socket.EAI_SERVICE


@pytest.mark.parametrize("host", ["b\u00fccher.example", "www.example.", "a_b", "localhost"])
def test_a_name_is_for_others_to_look_up(host):
    asked = request(host, None)

    assert (asked.host, asked.literal, asked.lookup_family) == (host, None, socket.AF_UNSPEC)


def test_nul_is_in_no_name():
    assert code_of("a\0b") == socket.EAI_NONAME


def test_what_is_looked_up_and_what_is_taken():
    found = ["192.0.2.1", "2001:db8::1"]

    assert request("x", family=socket.AF_INET).select(found) == ["192.0.2.1"]
    assert request("x", family=socket.AF_INET6).select(found) == ["2001:db8::1"]
    mapped = request("x", family=socket.AF_INET6, flags=socket.AI_V4MAPPED)
    assert mapped.lookup_family == socket.AF_UNSPEC
    assert mapped.select(found) == ["2001:db8::1"]
    assert mapped.select(found[:1]) == ["::ffff:192.0.2.1"]
    both = request("x", family=socket.AF_INET6, flags=socket.AI_V4MAPPED | socket.AI_ALL)
    assert both.select(found) == ["2001:db8::1", "::ffff:192.0.2.1"]


@pytest.mark.parametrize(
    ("configured", "lookup_family"),
    [
        ([], socket.AF_UNSPEC),
        ([socket.AF_INET], socket.AF_INET),
        ([socket.AF_INET6], socket.AF_INET6),
        ([socket.AF_INET, socket.AF_INET6], socket.AF_UNSPEC),
    ],
)
def test_addrconfig(configured, lookup_family):
    assert request("x", flags=socket.AI_ADDRCONFIG, configured=configured).lookup_family == lookup_family


def test_addrconfig_without_an_address_of_the_family():
    hints = {"flags": socket.AI_ADDRCONFIG, "configured": [socket.AF_INET]}

    assert code_of("x", family=socket.AF_INET6, **hints) == socket.EAI_NONAME
    assert code_of("::1", **hints) == socket.EAI_ADDRFAMILY


def test_the_result():
    asked = request("www.example", "80", type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)

    assert asked.wants_canonical_name
    assert asked.build(["192.0.2.1", "fe80::1%1"], "real.example.") == [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "real.example", ("192.0.2.1", 80)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 1)),
    ]
    assert asked.build(["192.0.2.1"])[0][3] == "www.example"
    assert request("www.example").build(["192.0.2.1"], "real.example.")[0][3] == ""


def test_no_address_is_an_error():
    with pytest.raises(NameNotFound, match=r"www\.example"):
        request("www.example").build([])


def test_services():
    assert resolve_service("80", type=socket.SOCK_STREAM) == [(socket.SOCK_STREAM, socket.IPPROTO_TCP, 80)]
    assert resolve_service(None, type=socket.SOCK_RAW, proto=1) == [(socket.SOCK_RAW, 1, 0)]
    with pytest.raises(ResolutionError, match=r"^example address: no service 'no such service'"):
        resolve_service("no such service", host="example")
    with pytest.raises(ResolutionError):
        resolve_service("a\0b")
