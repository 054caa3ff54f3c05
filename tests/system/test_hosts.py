"""The hosts file, line by line and beside the C library; overrides."""

from __future__ import annotations

import socket

import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.system.hosts import HostOverrides, parse_hosts
from aioresolver.wire.names import Name

TEXT = """\
192.0.2.9\tCanon.test  alias1.test # comment.test
   192.0.2.8  indented.test#close.test
192.0.2.10 other.test alias1.test
2001:db8::1 canon.test six.test
192.0.2.12
192.0.2.13 a_b.test weird!.test
192.0.2.14 dup.test
192.0.2.14 dup.test
192.0.2.15 xn--bcher-kva.test
0.0.0.0 blocked.test
::1 loop.test
127.0.0.1 loop.test
::1 loop6.test
192.0.2.21 loop6.test
::ffff:192.0.2.22 mapped.test
192.0.2.099 zero.test
127.1 short.test
fe80::5 link.test
fe80::6%lo scoped.test
# 192.0.2.23 out.test
\t
not.an.address words.test
2001:DB8::0:2 upper6.test\r
"""


def find(name, family=socket.AF_UNSPEC, text=TEXT):
    return parse_hosts(text).find(Name.parse(name), family)


def test_all_lines_of_a_name_count_in_their_order():
    assert find("canon.test") == ("Canon.test", ("192.0.2.9", "2001:db8::1"))
    assert find("alias1.test") == ("Canon.test", ("192.0.2.9", "192.0.2.10"))


def test_a_family_alone():
    assert find("canon.test", socket.AF_INET) == ("Canon.test", ("192.0.2.9",))
    assert find("canon.test", socket.AF_INET6) == ("canon.test", ("2001:db8::1",))
    assert find("other.test", socket.AF_INET6) == ("", ())


def test_ipv4_alone_also_means_the_ipv4_inside_ipv6():
    assert find("loop.test", socket.AF_INET)[1] == ("127.0.0.1",)
    assert find("loop6.test", socket.AF_INET)[1] == ("127.0.0.1", "192.0.2.21")
    assert find("mapped.test", socket.AF_INET)[1] == ("192.0.2.22",)
    assert find("mapped.test", socket.AF_INET6)[1] == ("::ffff:192.0.2.22",)


@pytest.mark.parametrize("name", ["comment.test", "close.test", "zero.test", "short.test", "scoped.test", "out.test"])
def test_comments_and_lines_without_a_plain_address_say_nothing(name):
    assert find(name) == ("", ())
    assert Name.parse(name) not in parse_hosts(TEXT)


def test_names_are_found_in_any_spelling():
    hosts = parse_hosts("192.0.2.1 Trailing.Test. BÜCHER.test\n192.0.2.2 xn--bcher-kva.test")

    assert hosts.find(Name.parse("TRAILING.test"))[1] == ("192.0.2.1",)
    assert hosts.find(Name.parse("bücher.test"))[1] == ("192.0.2.2",)


def test_reverse():
    hosts = parse_hosts(TEXT)

    assert hosts.names_of("192.0.2.9") == ("Canon.test", "alias1.test")
    assert hosts.names_of("::1") == ("loop.test",)
    assert hosts.names_of("192.0.2.77") == ()
    assert hosts.reverse()["9.2.0.192.in-addr.arpa."] == ("Canon.test", "alias1.test")


def test_no_file_knows_no_name():
    assert len(parse_hosts("")) == 0


NAMES = [word for line in TEXT.splitlines() for word in line.replace("#", " ").split()[1:]] + ["nowhere.test"]
FAMILIES = [int(socket.AF_UNSPEC), int(socket.AF_INET), int(socket.AF_INET6)]

PROGRAM = """
import socket
def look(name, family):
    try:
        found = socket.getaddrinfo(name, 80, family=family, type=1, flags=socket.AI_CANONNAME)
    except socket.gaierror:
        return "", []
    return found[0][3], [entry[4][0] for entry in found]
def name_of(address):
    try:
        return socket.getnameinfo((address, 80), socket.NI_NAMEREQD)[0]
    except socket.gaierror:
        return ""
names, families, addresses = given
print(json.dumps([[look(name, family) for name in names for family in families], [name_of(a) for a in addresses]]))
"""


def test_the_c_library_finds_the_same(in_private_etc):
    hosts = parse_hosts(TEXT)
    addresses = ["192.0.2.9", "192.0.2.10", "2001:db8::1", "::1", "127.0.0.1", "192.0.2.77", "0.0.0.0"]

    files = {"hosts": TEXT, "nsswitch.conf": "hosts: files\n"}
    found, names = in_private_etc(PROGRAM, files, [NAMES, FAMILIES, addresses])

    asked = [(name, family) for name in NAMES for family in FAMILIES]
    for (name, family), (canonical, theirs) in zip(asked, found, strict=True):
        ours = hosts.find(Name.parse(name), family)
        # The order in which getaddrinfo gives them is address_order's business.
        assert (ours[0], sorted(ours[1])) == (canonical, sorted(set(theirs))), (name, family)
    assert [(hosts.names_of(address) or ("",))[0] for address in addresses] == names


def test_overrides():
    overrides = HostOverrides(
        {
            "API.test": "127.0.0.1",
            "many.test": ["192.0.2.1", "2001:DB8::1"],
            "db.test:5432": ("127.0.0.1", 15432),
            "web.test:443": ["192.0.2.3", "192.0.2.4"],
        }
    )

    assert overrides.find(Name.parse("api.test")) == ("127.0.0.1",)
    assert overrides.find(Name.parse("many.test")) == ("192.0.2.1", "2001:db8::1")
    assert overrides.find(Name.parse("db.test")) == ()
    assert overrides.redirect(Name.parse("db.test"), 5432) == (("127.0.0.1",), 15432)
    assert overrides.redirect(Name.parse("db.test"), 5433) is None
    assert overrides.redirect(Name.parse("web.test"), 443) == (("192.0.2.3", "192.0.2.4"), 443)
    assert list(overrides) == ["api.test.", "many.test."]
    assert "api.test." in overrides


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ({"a.test": "127.1"}, "'127.1' is not an IP address"),
        ({"a.test": "other.test"}, "'other.test' is not an IP address"),
        ({"a.test": []}, "'a.test' has no address"),
        ({"a.test": ("127.0.0.1", 80)}, "so it needs one too: 'a.test:80'"),
        ({"a.test:80": ("127.0.0.1", 70000)}, "'70000' is not a port"),
        ({"a.test:http": "127.0.0.1"}, "'http' is not a port"),
        ({"a..test": "127.0.0.1"}, "'a..test'"),
    ],
)
def test_overrides_that_make_no_sense(hosts, message):
    with pytest.raises(ConfigurationError, match=message):
        HostOverrides(hosts)
