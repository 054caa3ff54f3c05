"""EDNS: every option is kept, the common ones are read and written."""

from __future__ import annotations

from ipaddress import ip_network

import dns.edns
import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioresolver.errors import MessageFormatError
from aioresolver.wire.codes import EdnsOption, ExtendedError, Rcode
from aioresolver.wire.edns import MAX_OPTIONS, ClientSubnet, Cookie, Edns, explain_errors, read_options
from aioresolver.wire.message import Message
from aioresolver.wire.names import Name

checked = settings(derandomize=True, deadline=None, database=None)

option_lists = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=4).map(tuple)


def through_the_wire(edns, rcode=0):
    return Message.parse(Message(rcode=Rcode(rcode), edns=edns).to_wire())


def dnspython_option(edns):
    """The only option, as dnspython reads it from the wire."""
    (option,) = dns.message.from_wire(Message(edns=edns).to_wire()).options
    return option


@checked
@given(st.integers(0, 0xFFFF), st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFF), option_lists)
def test_all_of_it_comes_back(payload, version, flags, rcode, options):
    edns = Edns(payload, version, flags, options)
    message = through_the_wire(edns, rcode)

    assert message.edns == edns
    assert message.rcode == rcode


@checked
@given(st.binary(max_size=40))
def test_options_are_read_whole_or_not_at_all(data):
    try:
        options = read_options(b"?" + data, 1, 1 + len(data))
    except MessageFormatError:
        return

    assert b"".join(code.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body for code, body in options) == data


@pytest.mark.parametrize(
    "data", [b"\0", b"\0\1", b"\0\1\0", b"\0\1\0\1", b"\0\1\0\2a", b"\0\1\0\0\0", b"\0\1\xff\xffa"]
)
def test_options_that_do_not_fill_their_record_are_malformed(data):
    with pytest.raises(MessageFormatError, match="options of the OPT record"):
        read_options(data + b"more", 0, len(data))


def test_what_is_too_large_cannot_be_written():
    for edns in (Edns(payload=65_536), Edns(version=256), Edns(flags=-1), Edns(options=((1, bytes(65_536)),))):
        with pytest.raises(ValueError, match="cannot be written"):
            edns.to_wire()


def test_plain_edns_is_1232_bytes_and_nothing_else():
    assert Edns().to_wire() == bytes.fromhex("00 0029 04d0 00 00 0000 0000")
    assert not Edns().dnssec_ok
    assert Edns().with_dnssec_ok().dnssec_ok
    assert Edns(flags=1).with_dnssec_ok().flags == 0x8001
    assert Edns().cookie is Edns().client_subnet is Edns().nsid is Edns().option(9) is None
    assert Edns().extended_errors == ()


def test_an_option_takes_the_place_of_its_like():
    edns = Edns(options=((3, b"a"), (10, b"b"), (3, b"c"))).with_option(EdnsOption.NSID, b"d")

    assert edns.options == ((10, b"b"), (3, b"d"))
    assert type(edns.options[-1][0]) is int
    assert edns.nsid == b"d"


def test_cookies():
    client, server = bytes(range(8)), bytes(range(16))

    assert Edns().with_cookie(Cookie(client)).cookie == (client, b"")
    edns = Edns().with_cookie(Cookie(client, server))
    assert edns.cookie == Cookie(client, server)
    assert dnspython_option(edns) == dns.edns.CookieOption(client, server)
    for wrong in (Cookie(b"1234567"), Cookie(client, b"1234567"), Cookie(client, bytes(33))):
        with pytest.raises(ValueError, match="a cookie has"):
            Edns().with_cookie(wrong)


@pytest.mark.parametrize("length", [0, 7, 9, 15, 41])
def test_a_malformed_cookie_raises(length):
    edns = Edns(options=((EdnsOption.COOKIE, bytes(length)),))

    with pytest.raises(MessageFormatError, match=f"not {length}"):
        assert edns.cookie


@pytest.mark.parametrize(
    "network", ["192.0.2.0/24", "0.0.0.0/0", "10.128.0.0/9", "192.0.2.1/32", "2001:db8::/56", "::/0"]
)
def test_client_subnets(network):
    subnet = ClientSubnet(ip_network(network), 20)
    edns = Edns().with_client_subnet(subnet)
    option = dnspython_option(edns)

    assert edns.client_subnet == subnet
    assert (option.address, option.srclen, option.scopelen) == (str(subnet.network[0]), subnet.network.prefixlen, 20)


@pytest.mark.parametrize(
    "data",
    ["", "0001", "000118", "0001180000", "00011800c00002", "00031800c00002", "0001210000000000"],
)
def test_a_well_or_badly_formed_client_subnet(data):
    edns = Edns(options=((EdnsOption.CLIENT_SUBNET, bytes.fromhex(data)),))

    if data == "00011800c00002":
        assert edns.client_subnet == ClientSubnet(ip_network("192.0.2.0/24"))
    else:
        with pytest.raises(MessageFormatError, match="client subnet"):
            assert edns.client_subnet


def test_a_client_subnet_with_bits_beyond_its_prefix_is_malformed():
    edns = Edns(options=((EdnsOption.CLIENT_SUBNET, bytes.fromhex("00011700c00003")),))

    with pytest.raises(MessageFormatError, match="client subnet"):
        assert edns.client_subnet


def test_extended_errors():
    edns = Edns().with_extended_error(ExtendedError.DNSSEC_BOGUS, "signature expired")
    edns = edns.with_extended_error(ExtendedError(99)).with_option(EdnsOption.NSID, b"")

    assert edns.extended_errors == ((ExtendedError.DNSSEC_BOGUS, "signature expired"), (99, ""))
    option = dnspython_option(Edns().with_extended_error(ExtendedError.BLOCKED, "no ä"))
    assert (option.code, option.text) == (15, "no ä")


def test_what_a_server_says_about_errors_is_fit_for_a_terminal():
    edns = Edns().with_extended_error(ExtendedError.BLOCKED, "red \x1b[31m\n\u202e\u2028")
    ((code, text),) = edns.extended_errors

    assert (code, text) == (ExtendedError.BLOCKED, "red ?[31m???")


def test_what_a_server_says_about_errors_is_short():
    edns = Edns()
    for _ in range(100):
        edns = edns.with_extended_error(ExtendedError.OTHER, "ä" * 60_000)

    assert edns.extended_errors == ((0, "ä" * 200 + "…"),) * 8


def test_extended_errors_in_words():
    assert explain_errors(()) == ""
    assert explain_errors([(15, "by law"), (17, ""), (4711, "")]) == "BLOCKED: by law; FILTERED; EXTENDEDERROR4711"


def test_options_between_two_hosts():
    edns = Edns(options=((3, b""), (10, bytes(8)), (11, b""), (12, b""), (15, b"\0\0")))

    assert edns.without_hop_options() == Edns(options=((3, b""), (15, b"\0\0")))


def test_what_explains_an_error_is_no_error():
    options = tuple((EdnsOption.EXTENDED_ERROR, data) for data in (b"", b"\0", b"\0\6\xffa\0", b"\0\7b"))

    assert Edns(options=options).extended_errors == ((6, "\N{REPLACEMENT CHARACTER}a"), (7, "b"))


@pytest.mark.parametrize(
    ("size", "block"), [(0, 128), (100, 128), (124, 128), (125, 128), (128, 128), (300, 468), (9, 1)]
)
def test_padding_fills_the_block(size, block):
    edns = Edns(options=((EdnsOption.PADDING, b"old"), (3, b""))).padded(size, block)

    assert [code for code, _ in edns.options] == [3, EdnsOption.PADDING]
    assert (size + 4 + len(edns.option(EdnsOption.PADDING))) % block == 0
    assert len(edns.option(EdnsOption.PADDING)) < block
    assert edns.unpadded().options == ((3, b""),)


def test_how_long_a_connection_is_kept():
    assert Edns().keepalive is None
    assert Edns().with_keepalive().option(EdnsOption.TCP_KEEPALIVE) == b""
    assert through_the_wire(Edns().with_keepalive()).edns.keepalive is None
    assert through_the_wire(Edns().with_keepalive(12.5)).edns.keepalive == 12.5
    assert Edns().with_keepalive(0).keepalive == 0.0
    assert Edns().with_keepalive(1e9).keepalive == 6553.5
    assert Edns().with_keepalive(5).with_keepalive(7).keepalive == 7
    assert dnspython_option(Edns().with_keepalive(12.5)).to_wire() == (125).to_bytes(2, "big")


def test_when_a_zone_expires():
    assert Edns().expire is None
    assert through_the_wire(Edns().with_expire()).edns.expire is None
    assert through_the_wire(Edns().with_expire(1209600)).edns.expire == 1209600
    assert dnspython_option(Edns().with_expire(1209600)).to_wire() == (1209600).to_bytes(4, "big")


def test_tags_of_keys():
    assert Edns().key_tags is None
    assert through_the_wire(Edns().with_key_tags([38696, 20326])).edns.key_tags == (20326, 38696)
    for wrong in ([], [-1], [65536]):
        with pytest.raises(ValueError, match="one or more numbers of 16 bits"):
            Edns().with_key_tags(wrong)


def test_names_in_options():
    edns = Edns().with_chain(Name.parse("example.org")).with_report_channel(Name.parse("errors.example.net"))
    read = through_the_wire(edns).edns

    assert (read.chain, read.report_channel) == ("example.org.", "errors.example.net.")
    assert (Edns().chain, Edns().report_channel) == (None, None)
    assert Edns().with_chain(Name(".")).option(EdnsOption.CHAIN) == b"\0"
    theirs = dnspython_option(Edns().with_report_channel(Name.parse("errors.example.net")))
    assert str(theirs.agent_domain) == "errors.example.net."
    ours = Edns(options=((EdnsOption.REPORT_CHANNEL, theirs.to_wire()),))
    assert ours.report_channel == "errors.example.net."


@pytest.mark.parametrize(
    ("name", "code", "data"),
    [
        ("keepalive", EdnsOption.TCP_KEEPALIVE, b"\0"),
        ("keepalive", EdnsOption.TCP_KEEPALIVE, b"\0\0\0"),
        ("expire", EdnsOption.EXPIRE, b"\0\0\0"),
        ("key_tags", EdnsOption.KEY_TAG, b""),
        ("key_tags", EdnsOption.KEY_TAG, b"\0\1\2"),
        ("chain", EdnsOption.CHAIN, b""),
        ("chain", EdnsOption.CHAIN, b"\1a\0x"),
        ("chain", EdnsOption.CHAIN, b"\1a\xc0\0"),
        ("report_channel", EdnsOption.REPORT_CHANNEL, b"\1a"),
        ("cookie", EdnsOption.COOKIE, b"short"),
        ("client_subnet", EdnsOption.CLIENT_SUBNET, b"\0\3\0\0"),
    ],
)
def test_a_malformed_option_leaves_the_message_readable(name, code, data):
    message = through_the_wire(Edns(options=((3, b"id"), (code, data), (65001, b"kept"))))

    with pytest.raises(MessageFormatError):
        getattr(message.edns, name)
    assert message.edns.nsid == b"id"
    assert message.edns.option(65001) == b"kept"
    assert message.edns.extended_errors == ()
    assert message.answer == ()


def test_of_an_option_that_is_there_twice_the_first_counts():
    cookies = b"firstone", b"otherone"
    edns = Edns(options=tuple((EdnsOption.COOKIE, cookie) for cookie in cookies))

    assert through_the_wire(edns).edns.cookie == Cookie(b"firstone")
    assert through_the_wire(edns).edns.options == edns.options
    assert edns.with_cookie(Cookie(b"new one.")).options == ((EdnsOption.COOKIE, b"new one."),)


def test_an_opt_record_has_so_many_options():
    most = Edns(options=((65001, b""),) * MAX_OPTIONS)

    assert through_the_wire(most).edns == most
    with pytest.raises(MessageFormatError, match="more than 256 options"):
        through_the_wire(Edns(options=((65001, b""),) * (MAX_OPTIONS + 1)))


def test_a_client_subnet_of_a_reply_echoes_that_of_the_query():
    asked = ClientSubnet(ip_network("192.0.2.0/24"))

    assert ClientSubnet(ip_network("192.0.2.0/24"), 16).echoes(asked)
    for other in ("192.0.3.0/24", "192.0.2.0/25", "192.0.0.0/16", "2001:db8::/32"):
        assert not ClientSubnet(ip_network(other)).echoes(asked)


@pytest.mark.parametrize(("network", "scope"), [("192.0.2.0/24", 33), ("2001:db8::/56", 129), ("192.0.2.0/24", -1)])
def test_a_scope_is_a_prefix_length(network, scope):
    with pytest.raises(ValueError, match="is a prefix length"):
        Edns().with_client_subnet(ClientSubnet(ip_network(network), scope))
