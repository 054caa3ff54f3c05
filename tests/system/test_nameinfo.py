"""getnameinfo without the names: socket addresses, services, flags."""

from __future__ import annotations

import socket

import pytest

from aioresolver.errors import NameNotFound, ResolutionError
from aioresolver.system.nameinfo import NameinfoRequest, is_host_name

HOST, SERV, NOFQDN = socket.NI_NUMERICHOST, socket.NI_NUMERICSERV, socket.NI_NOFQDN
NAMEREQD, DGRAM = socket.NI_NAMEREQD, socket.NI_DGRAM
NUMBERS = HOST | SERV


@pytest.mark.parametrize(
    ("sockaddr", "expected"),
    [
        (("192.0.2.1", 80), ("192.0.2.1", "80")),
        (("2001:DB8:0::1", 80), ("2001:db8::1", "80")),
        (("2001:db8::1", 80, 0, 0), ("2001:db8::1", "80")),
        (("2001:db8::1", 80, 5, 7), ("2001:db8::1%7", "80")),
        (("fe80::1", 0, 0, 4_000_000_000), ("fe80::1%4000000000", "0")),
        (("fe80::1%lo", 80), ("fe80::1", "80")),
        (("::1", 80, 0, -1), ("::1%4294967295", "80")),
        (("::ffff:192.0.2.1", 80), ("::ffff:192.0.2.1", "80")),
    ],
)
def test_numbers_as_the_c_library_writes_them(sockaddr, expected):
    request = NameinfoRequest(sockaddr, NUMBERS)

    assert not request.wants_name
    assert request.build() == expected == socket.getnameinfo(sockaddr, NUMBERS)


def test_an_interface_has_a_name_for_link_local_addresses_only():
    index, name = socket.if_nameindex()[0]

    assert NameinfoRequest(("fe80::1", 80, 0, index), NUMBERS).build()[0] == f"fe80::1%{name}"
    assert NameinfoRequest(("ff02::1", 80, 0, index), NUMBERS).build()[0] == f"ff02::1%{name}"
    assert NameinfoRequest(("2001:db8::1", 80, 0, index), NUMBERS).build()[0] == f"2001:db8::1%{index}"


def test_services(monkeypatch):
    monkeypatch.setattr(
        socket, "getservbyport", lambda port, protocol: {(514, "tcp"): "shell", (514, "udp"): "syslog"}[port, protocol]
    )

    assert NameinfoRequest(("192.0.2.1", 514), HOST).build()[1] == "shell"
    assert NameinfoRequest(("192.0.2.1", 514), HOST | DGRAM).build()[1] == "syslog"
    assert NameinfoRequest(("192.0.2.1", 514), NUMBERS).build()[1] == "514"


def test_a_port_without_a_service_is_a_number(monkeypatch):
    def unknown(*_):
        raise OSError("port/proto not found")

    monkeypatch.setattr(socket, "getservbyport", unknown)

    assert NameinfoRequest(("192.0.2.1", 60000), HOST).build()[1] == "60000"


def test_the_name():
    request = NameinfoRequest(("192.0.2.1", 80), SERV)

    assert (request.wants_name, request.wants_short_name, request.address) == (True, False, "192.0.2.1")
    assert request.build("www.example") == ("www.example", "80")
    assert request.build(None) == ("192.0.2.1", "80")
    assert request.build("www.example", domain="example") == ("www.example", "80")


def test_a_name_of_our_own_domain_may_be_short():
    request = NameinfoRequest(("192.0.2.1", 80), SERV | NOFQDN)

    assert request.wants_short_name
    assert request.build("www.corp.example", domain="corp.example")[0] == "www"
    assert request.build("www.other.example", domain="corp.example")[0] == "www.other.example"
    assert request.build("corp.example", domain="corp.example")[0] == "corp.example"
    assert request.build("www.corp.example")[0] == "www.corp.example"


def test_a_name_is_required():
    with pytest.raises(NameNotFound, match="no name"):
        NameinfoRequest(("192.0.2.1", 80), NAMEREQD).build(None)
    with pytest.raises(NameNotFound):
        NameinfoRequest(("192.0.2.1", 80), NAMEREQD | HOST)


@pytest.mark.parametrize(
    ("sockaddr", "flags", "code"),
    [
        (("127.1", 80), 0, socket.EAI_NONAME),
        (("localhost", 80), 0, socket.EAI_NONAME),
        (("", 80), 0, socket.EAI_NONAME),
        (("192.0.2.1", 65536), 0, socket.EAI_SERVICE),
        (("192.0.2.1", -1), 0, socket.EAI_SERVICE),
        (("192.0.2.1", 80), 1 << 12, socket.EAI_BADFLAGS),
        (("192.0.2.1", 80), -1, socket.EAI_BADFLAGS),
    ],
)
def test_errors(sockaddr, flags, code):
    with pytest.raises(ResolutionError) as caught:
        NameinfoRequest(sockaddr, flags)

    assert caught.value.errno == code


@pytest.mark.parametrize(
    "sockaddr",
    [["192.0.2.1", 80], ("192.0.2.1",), ("192.0.2.1", 80, 0), ("::1", "80"), (b"::1", 80), ("::1", 80, 1 << 20),
     ("::1", 80, 0, 0, 0), (None, 80), "::1"],
)  # fmt: skip
def test_what_is_no_socket_address_is_refused_as_the_socket_module_does(sockaddr):
    with pytest.raises((TypeError, OSError, OverflowError)) as theirs:
        socket.getnameinfo(sockaddr, NUMBERS)
    with pytest.raises(theirs.type):
        NameinfoRequest(sockaddr, NUMBERS)


@pytest.mark.parametrize(
    "name", ["www.example.", "under_score.example.", "_dmarc.example", "a.-b.example", "b-.example", "1"]
)
def test_host_names(name):
    assert is_host_name(name)


@pytest.mark.parametrize("name", ["-dash.example", "bang!.example", r"sp\032ace.example", r"dot\.dot.example", ".", ""])
def test_what_is_no_host_name(name):
    assert not is_host_name(name)
