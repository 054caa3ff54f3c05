"""Nameserver: the ways to write one, and what is refused in a clear sentence."""

from __future__ import annotations

import pickle
import socket

import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.transports.nameserver import Nameserver, checked_source

WRITTEN = {
    "1.1.1.1": "udp://1.1.1.1",
    " 1.1.1.1\n": "udp://1.1.1.1",
    "1.1.1.1:5353": "udp://1.1.1.1:5353",
    "2001:DB8::1": "udp://[2001:db8::1]",
    "[2001:db8::1]": "udp://[2001:db8::1]",
    "[2001:db8::1]:5353": "udp://[2001:db8::1]:5353",
    "fe80::1%eth0": "udp://[fe80::1%eth0]",
    "[fe80::1%7]:53": "udp://[fe80::1%7]",
    "udp://127.0.0.1:5353": "udp://127.0.0.1:5353",
    "UDP://127.0.0.1:53": "udp://127.0.0.1",
    "tcp://::1": "tcp://[::1]",
    "tls://9.9.9.9#dns.quad9.net": "tls://9.9.9.9#dns.quad9.net",
    "tls://9.9.9.9:8853#DNS.Quad9.net.": "tls://9.9.9.9:8853#dns.quad9.net",
    "tls://9.9.9.9:853": "tls://9.9.9.9",
    "https://1.1.1.1": "https://1.1.1.1/dns-query",
    "https://1.1.1.1/": "https://1.1.1.1/dns-query",
    "https://[::1]:8443/resolve?tenant=7#one.one.one.one": "https://[::1]:8443/resolve?tenant=7#one.one.one.one",
    "quic://94.140.14.14#dns.adguard-dns.com": "quic://94.140.14.14#dns.adguard-dns.com",
}

REFUSED = {
    "": "the IP address is missing",
    "udp://": "the IP address is missing",
    "tls://dns.quad9.net": "is not an IP address .to name the certificate of a server, write tls://address#name.",
    "localhost": "'localhost' is not an IP address",
    "1.1.1": "'1.1.1' is not an IP address",
    "01.1.1.1": "is not an IP address",
    "1.1.1.1:0": "port 0 is not between",
    "1.1.1.1:65536": "port 65536 is not between",
    "1.1.1.1:": "'' is not a port",
    "1.1.1.1:dns": "'dns' is not a port",
    "1.1.1.1:-1": "'-1' is not a port",
    "1.1.1.1:٣": "is not a port",
    "1.1.1.1:000000000053": "is not a port",
    "[::1": r"write an IPv6 address with a port as \[address\]:port",
    "[::1]53": r"write an IPv6 address with a port as \[address\]:port",
    "[127.0.0.1]:53": "is not an IPv6 address",
    "fe80::1%": "is not an IP address",
    "fe80::1%a b": "is not a network interface",
    "1.1.1.1%eth0": "is not an IP address",
    "1.1.1.1#53": "only for https, quic, tls",
    "tls://1.1.1.1#": "the host name after '#' is missing",
    "tls://1.1.1.1#bad name": "is not a host name",
    "tls://1.1.1.1#bücher.example": "xn--",
    "tls://1.1.1.1#" + "a." * 127 + "a": "is not a host name",
    "tls://1.1.1.1/path": "only for https",
    "https://1.1.1.1/a b": "is not a path",
    "https://1.1.1.1/a\r\nhost: x": "is not a path",
    "user@1.1.1.1": "is not an IP address",
    "ftp://1.1.1.1": "'ftp' is not a scheme; use one of udp, tcp, tls, https, quic",
    "://1.1.1.1": "'' is not a scheme",
}


@pytest.mark.parametrize("text", WRITTEN)
def test_parses_and_prints(text):
    nameserver = Nameserver.parse(text)

    assert str(nameserver) == WRITTEN[text]
    assert Nameserver.parse(str(nameserver)) == nameserver


@pytest.mark.parametrize("text", REFUSED)
def test_refuses_in_one_sentence(text):
    with pytest.raises(ConfigurationError, match=REFUSED[text]) as raised:
        Nameserver.parse(text)

    assert repr(text) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_is_a_value():
    one, other = Nameserver("tls", "::1", hostname="dns.test"), Nameserver.parse("tls://[0::1]:853#DNS.test")

    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError):
        one.port = 1


def test_fields_are_checked_too():
    assert Nameserver("https", "1.1.1.1") == Nameserver("https", "1.1.1.1", 443, path="/dns-query")
    for arguments in [("udp", "one.one"), ("udp", "1.1.1.1", 70000), ("udp", "1.1.1.1", 53, "name"), ("smtp", "::1")]:
        with pytest.raises(ConfigurationError):
            Nameserver(*arguments)


def test_what_sockets_need():
    assert Nameserver.parse("127.0.0.1").family == socket.AF_INET
    assert Nameserver.parse("127.0.0.1:5353").sockaddr == ("127.0.0.1", 5353)
    assert Nameserver.parse("::1").family == socket.AF_INET6
    assert Nameserver.parse("::1").sockaddr == ("::1", 53, 0, 0)
    assert Nameserver.parse("fe80::1%7").sockaddr == ("fe80::1", 53, 0, 7)
    index, interface = socket.if_nameindex()[0]
    assert Nameserver.parse(f"fe80::1%{interface}").sockaddr == ("fe80::1", 53, 0, index)
    with pytest.raises(OSError, match="interface"):
        Nameserver.parse("fe80::1%nosuch0").sockaddr  # noqa: B018 - reading it raises


def test_another_scheme():
    udp, moved = Nameserver.parse("1.1.1.1"), Nameserver.parse("1.1.1.1:5353")

    assert str(udp.with_scheme("tcp")) == "tcp://1.1.1.1"
    assert str(udp.with_scheme("tls")) == "tls://1.1.1.1"
    assert udp.with_scheme("tls").port == 853
    assert str(moved.with_scheme("tcp")) == "tcp://1.1.1.1:5353"
    assert udp.with_scheme("udp") is udp
    assert str(Nameserver.parse("https://1.1.1.1/x#one").with_scheme("tls")) == "tls://1.1.1.1#one"
    assert str(Nameserver.parse("tls://1.1.1.1#one").with_scheme("tcp")) == "tcp://1.1.1.1"
    with pytest.raises(ConfigurationError):
        udp.with_scheme("gopher")


def test_encrypted():
    assert [Nameserver(scheme, "::1").encrypted for scheme in ("udp", "tcp", "tls", "https", "quic")] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_source_must_reach_the_nameserver():
    v4, v6 = Nameserver("udp", "127.0.0.1"), Nameserver("udp", "::1")

    assert checked_source(None, v4) is None
    assert checked_source("127.0.0.2", v4) == "127.0.0.2"
    assert checked_source("::1", v6) == "::1"
    for source, nameserver in [("::1", v4), ("127.0.0.1", v6), ("eth0", v4), ("", v4)]:
        with pytest.raises(ConfigurationError):
            checked_source(source, nameserver)
