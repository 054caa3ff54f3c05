"""Nameserver: the ways to write one, and what is refused in a clear sentence."""

from __future__ import annotations

import base64
import pickle
import socket

import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.transports.nameserver import Nameserver, checked_source

PIN = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(b"\xff" * 32).decode()

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
    "https://1.1.1.1/dns-query{?dns}": "https://1.1.1.1/dns-query",
    "https://1.1.1.1?tenant=7": "https://1.1.1.1/dns-query?tenant=7",
    "https://1.1.1.1/?tenant=7": "https://1.1.1.1/?tenant=7",
    "https://1.1.1.1/x?#one": "https://1.1.1.1/x#one",
    "https://1.1.1.1/x?a&method=GET&b=2": "https://1.1.1.1/x?a&b=2&method=get",
    "https://1.1.1.1?method=post": "https://1.1.1.1/dns-query",
    "tls://1.1.1.1?opportunistic": "tls://1.1.1.1?opportunistic",
    f"tls://1.1.1.1?pin-sha256={PIN}": f"tls://1.1.1.1?pin-sha256={PIN}",
    f"quic://[::1]:99?pin-sha256={PIN}&pin-sha256={OTHER}&pin-sha256={PIN}#One.": (
        f"quic://[::1]:99?pin-sha256={PIN}&pin-sha256={OTHER}#one"
    ),
    f"https://1.1.1.1/x?pin-sha256={PIN}&method=get&c=d": f"https://1.1.1.1/x?c=d&pin-sha256={PIN}&method=get",
    "tls://10.0.0.7#192.0.2.1": "tls://10.0.0.7#192.0.2.1",
    "tls://10.0.0.7#2001:DB8::1": "tls://10.0.0.7#2001:db8::1",
    "tls://10.0.0.7#10.0.0.7": "tls://10.0.0.7",
    "tls://dns.quad9.net": "tls://dns.quad9.net",
    "TLS://DNS.quad9.net.:8853": "tls://dns.quad9.net:8853",
    "tls://dns.quad9.net#dns.quad9.net.": "tls://dns.quad9.net",
    "https://dns.google": "https://dns.google/dns-query",
    "https://dns.google/dns-query{?dns}": "https://dns.google/dns-query",
    "tls://dns.quad9.net?address=9.9.9.9": "tls://9.9.9.9#dns.quad9.net",
    "tls://dns.quad9.net:99?opportunistic&address=2620:fe::FE": "tls://[2620:fe::fe]:99?opportunistic#dns.quad9.net",
    "https://dns.google/q?address=8.8.8.8&x=y": "https://8.8.8.8/q?x=y#dns.google",
}

REFUSED = {
    "": "the IP address is missing",
    "udp://": "the IP address is missing",
    "tls://": "the IP address is missing",
    "udp://dns.quad9.net": "'dns.quad9.net' is not an IP address .a host name will do for https, quic, tls.",
    "localhost": "'localhost' is not an IP address",
    "tls://1.1.1": "'1.1.1' is not an IP address",
    "tls://dns.example.0x7f": "is not an IP address",
    "tls://bücher.example": "is not an IP address",
    "tls://dns.example#other.example": "two host names, 'dns.example' and 'other.example': write address=IP",
    "tls://dns.example?address=8.8.8.8,9.9.9.9": "it has 2 addresses, so it stands for several",
    "tls://dns.example?address=": "the IP address is missing",
    "tls://dns.example?address": "'address' needs a value",
    "tls://dns.example?address=8.8.8": "'8.8.8' is not an IP address",
    "tls://8.8.8.8?address=9.9.9.9": "'address' is only for an encrypted nameserver that is given by its host name",
    "8.8.8.8?address=9.9.9.9": "'address' is only for an encrypted nameserver that is given by its host name",
    "8.8.8.8?opportunistic": "'opportunistic' is only for https, quic, tls",
    "tls://8.8.8.8?opportunistic=yes": "'opportunistic' has no value",
    "tls://8.8.8.8?method=get": "'method' is only for https",
    "https://8.8.8.8?method=put": "'put' is not a method: use post or get",
    "https://8.8.8.8?method": "'method' needs a value",
    "tls://8.8.8.8?tenant=7": "'tenant=7' is not an option; use one of address, method, opportunistic, pin-sha256",
    f"tcp://8.8.8.8?pin-sha256={PIN}": "'pin-sha256' is only for https, quic, tls",
    "tls://8.8.8.8?pin-sha256=abcd": "'abcd' is not a SHA-256 digest in base64 .44 characters.",
    f"tls://8.8.8.8?pin-sha256={PIN[:-2]}!!": "is not a SHA-256 digest in base64",
    f"tls://8.8.8.8?pin-sha256={PIN}&opportunistic": "'opportunistic' takes whoever answers",
    f"https://8.8.8.8?pin_sha256={PIN}": "cannot be a parameter of the path",
    f"https://8.8.8.8/x?PIN-SHA256={PIN}": "cannot be a parameter of the path",
    "https://8.8.8.8/x?dns=AAAA": "'dns=AAAA' cannot be a parameter of the path",
    "tls://8.8.8.8#fe80::1%eth0": "is not a host name",
    "fe80::1%a&b": "is not a network interface",
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


LISTS = {
    "1.1.1.1": ["udp://1.1.1.1"],
    " 1.1.1.1, 8.8.8.8\ttls://9.9.9.9,,1.1.1.1": ["udp://1.1.1.1", "udp://8.8.8.8", "tls://9.9.9.9"],
    "tls://dns.quad9.net?address=9.9.9.9,149.112.112.112": [
        "tls://9.9.9.9#dns.quad9.net", "tls://149.112.112.112#dns.quad9.net",
    ],
    "tls://dns.quad9.net?address=9.9.9.9,::1,https://dns.google": [
        "tls://9.9.9.9#dns.quad9.net", "tls://[::1]#dns.quad9.net", "https://dns.google/dns-query",
    ],
    "https://dns.test?address=::1&address=::2,::3&method=get#dns.test,::4": [
        "https://[::1]/dns-query?method=get#dns.test", "https://[::2]/dns-query?method=get#dns.test",
        "https://[::3]/dns-query?method=get#dns.test", "udp://[::4]",
    ],
    "tls://dns.test?address=::1&opportunistic,::2": ["tls://[::1]?opportunistic#dns.test", "udp://[::2]"],
    "tls://dns.test?address=::1 ::2": ["tls://[::1]#dns.test", "udp://[::2]"],
}  # fmt: skip


@pytest.mark.parametrize("text", LISTS)
def test_lists(text):
    assert list(map(str, Nameserver.parse_all(text))) == LISTS[text]


def test_lists_of_texts_and_of_what_was_read():
    one, two, three = map(Nameserver.parse, ("tls://::1#a", "tls://::2#a", "::3"))

    assert Nameserver.parse_all(one) == (one,)
    assert Nameserver.parse_all([]) == ()
    assert Nameserver.parse_all([three, "tls://a?address=::1,::2 ::3", one]) == (three, one, two)


@pytest.mark.parametrize("text", ["", " ", ",", "1.1.1.1,tls://", "1.1.1.1 8.8.8"])
def test_lists_that_are_refused(text):
    with pytest.raises(ConfigurationError, match=r"^nameserver '"):
        Nameserver.parse_all(text)


def test_known_by_its_name():
    nameserver = Nameserver.parse("tls://dns.test:99")

    assert (nameserver.address, nameserver.hostname, nameserver.family) == ("", "dns.test", socket.AF_UNSPEC)
    assert nameserver == Nameserver("tls", "", 99, "DNS.test.")
    assert nameserver.at("::1") == Nameserver("tls", "::1", 99, "dns.test")
    assert checked_source("::1", nameserver) == "::1"
    with pytest.raises(ConfigurationError, match="its address has to be found first"):
        nameserver.sockaddr  # noqa: B018 - reading it raises


def test_what_its_certificate_must_carry():
    identities = {
        url: Nameserver.parse(url).identity for url in ("tls://::1", "tls://fe80::1%7", "tls://::1#a", "tls://a")
    }

    assert identities == {"tls://::1": "::1", "tls://fe80::1%7": "fe80::1", "tls://::1#a": "a", "tls://a": "a"}
    assert Nameserver.parse("tls://::1#192.0.2.1").identity == "192.0.2.1"


def test_is_a_value():
    one, other = Nameserver("tls", "::1", hostname="dns.test"), Nameserver.parse("tls://[0::1]:853#DNS.test")

    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError):
        one.port = 1


def test_fields_are_checked_too():
    assert Nameserver("https", "1.1.1.1") == Nameserver("https", "1.1.1.1", 443, path="/dns-query")
    assert Nameserver("tls", "::1", pins=(b"1" * 32, b"1" * 32)).pins == (b"1" * 32,)
    assert Nameserver("https", "::1", method="get").method == "GET"
    for settings in [
        {"pins": (b"1",)},
        {"method": "HEAD"},
        {"path": "/?method=get"},
        {"address": "", "hostname": None},
    ]:
        with pytest.raises(ConfigurationError):
            Nameserver(**{"scheme": "https", "address": "::1", **settings})
    for arguments in [
        ("udp", "one.one"),
        ("tls", ""),
        ("udp", "", 53),
        ("udp", "1.1.1.1", 70000),
        ("udp", "1.1.1.1", 53, "name"),
        ("smtp", "::1"),
    ]:
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


@pytest.mark.parametrize("given", [None, 5, b"1.1.1.1", [None], ["1.1.1.1", 5], [b"1.1.1.1"]])
def test_what_is_no_text(given):
    with pytest.raises(ConfigurationError, match=r"such as 'tls://9\.9\.9\.9#dns\.quad9\.net', not "):
        Nameserver.parse_all(given)


def test_another_scheme():
    udp, moved = Nameserver.parse("1.1.1.1"), Nameserver.parse("1.1.1.1:5353")

    assert str(udp.with_scheme("tcp")) == "tcp://1.1.1.1"
    assert str(udp.with_scheme("tls")) == "tls://1.1.1.1"
    assert udp.with_scheme("tls").port == 853
    assert str(moved.with_scheme("tcp")) == "tcp://1.1.1.1:5353"
    assert udp.with_scheme("udp") is udp
    assert str(Nameserver.parse("https://1.1.1.1/x#one").with_scheme("tls")) == "tls://1.1.1.1#one"
    assert str(Nameserver.parse("tls://1.1.1.1#one").with_scheme("tcp")) == "tcp://1.1.1.1"
    assert str(Nameserver.parse("https://1.1.1.1?method=get&opportunistic").with_scheme("quic")) == (
        "quic://1.1.1.1?opportunistic"
    )
    assert Nameserver.parse(f"tls://1.1.1.1?pin-sha256={PIN}").with_scheme("quic").pins == (bytes(range(32)),)
    assert Nameserver.parse(f"tls://1.1.1.1?pin-sha256={PIN}").with_scheme("udp") == Nameserver("udp", "1.1.1.1")
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
