"""Our record data beside dnspython's, on the wire and in text: every difference stands in a table with its reason."""

from __future__ import annotations

import io
import sys
from typing import NamedTuple

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.version
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.rdata.strategies import TYPES, rdata_values, values_of

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.compression import NameMemo
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import GenericRdata, parse_rdata, read_rdata, type_of, write_rdata

pytestmark = pytest.mark.skipif(
    (dns.version.MAJOR, dns.version.MINOR) < (2, 9),
    reason="the tables are those of dnspython 2.9, which needs Python 3.11",
)

T = RRType
FEW = settings(max_examples=settings.default.max_examples // 5, deadline=None)


class Difference(NamedTuple):
    """One of us accepts what the other refuses in a sentence with these words, or shows it in another way."""

    types: set[RRType]
    words: str
    example: str
    reason: str


THEY_REFUSE = [
    Difference({T.DS}, "digest type 0 is reserved", "0 0 0 00", "a number without a meaning is still a number"),
    Difference({T.DS, T.CDS}, "digest length", "1 8 2 abcd", "whether a digest is of use is the validator's business"),
    Difference({T.TLSA, T.SMIMEA}, "association data length", "3 1 1 abcd", "likewise the TLS client's"),
    Difference({T.SSHFP}, "fingerprint length", "4 2 abcd", "likewise the SSH client's"),
    Difference({T.SVCB, T.HTTPS}, "AliasMode", "0 a. port=1", "RFC 9460, 2.4.2: recipients ignore them"),
    Difference({T.SVCB, T.HTTPS}, "invalid ECHConfigList", "1 . ech=AAAA", "what is in it is TLS's business"),
    Difference({T.NSEC}, "with bit 0", "a. TYPE0", "a number without a meaning is still a number"),
    Difference({T.NSEC3}, "with bit 0", "1 0 0 - 00 TYPE0", "likewise; dnspython itself reads it from the wire"),
    Difference({T.NSEC}, "type is unknown", "a. EID", "they leave out some obsolete names of IANA's list"),
    Difference({T.NSEC3}, "type is unknown", "1 0 0 - 00 EID", "likewise"),
    Difference({T.RRSIG}, "type is unknown", "EID 8 1 1 2 1 1 a. AAAA", "likewise"),
]
"""Examples are text that we accept."""

WE_REFUSE = [
    Difference(
        {T.CDNSKEY, T.CDS, T.CERT, T.DNSKEY, T.DS, T.OPENPGPKEY, T.SMIMEA, T.SSHFP, T.TLSA, T.RRSIG},
        "the last field of the data is missing",
        "",
        "a key, digest or certificate of no bytes has no text, and dnspython refuses its own text for it",
    ),
    Difference(
        {T.SVCB, T.HTTPS},
        "expected a path in UTF-8",
        "0001 00 0007 0001 ff",
        "RFC 9461, 5: a template is UTF-8; to dnspython it is any bytes",
    ),
]
"""Examples are bytes that dnspython accepts, in hexadecimal; for the first one the rest of a fixed part is left away."""

WE_REFUSE_TEXT = [
    Difference({T.NSEC}, "found the quoted string", 'a. "A"', "a quoted string is text, and neither type nor number"),
    Difference({T.NSEC3}, "found the quoted string", '1 0 0 "" 00', "likewise: no salt is a hyphen"),
    Difference({T.NSEC3PARAM}, "found the quoted string", '1 0 0 ""', "likewise"),
    Difference({T.CERT}, "found the quoted string", '"PKIX" 1 8 AAAA', "likewise"),
    Difference({T.DS, T.CDS}, "found the quoted string", '1 "8" 7 00', "likewise"),
    Difference({T.DNSKEY, T.CDNSKEY}, "found the quoted string", '1 3 "8" 00==', "likewise"),
    Difference({T.RRSIG}, "found the quoted string", '"A" 8 1 1 2 1 1 a. AAAA', "likewise"),
    Difference({T.LOC}, "found the quoted string", '1 "0" N 1 E 5m', "likewise"),
    Difference({T.LOC}, "with up to two decimals", "1 N 1 E 1_0m", "metres are decimals, not all that float() takes"),
    Difference({T.CERT}, "or a name such as PKIX", "+1 1 8 AAAA", "a number is digits, not all that int() takes"),
    Difference({T.OPENPGPKEY}, "expected base64 text", "AAAA==", "padding stands for something; so says Python 3.13"),
    Difference({T.CERT}, "expected base64 text", "1 1 8 AAAA==", "likewise"),
    Difference({T.DNSKEY, T.CDNSKEY}, "expected base64 text", "1 3 8 AAAA==", "likewise"),
    Difference({T.RRSIG}, "expected base64 text", "A 8 1 1 2 1 1 a. AAAA==", "likewise"),
    Difference({T.EUI48}, "found the quoted string", '"00-00-5e-00-53-2a"', "likewise"),
    Difference({T.EUI64}, "found the quoted string", '"00-00-5e-ef-10-00-00-2a"', "likewise"),
]
"""Examples are text that dnspython accepts."""

TEXT_DIFFERS = [
    Difference({T.CERT}, "PKIX 1 RSASHA256 AAAA", "PKIX 1 8 AAAA", "an algorithm is a number in every other type"),
    Difference({T.LOC}, "1 0 0.000 N 1 0 0.000 E 5.00m", "1 N 1 E 5m", "they leave out sizes as they are by default"),
    Difference({T.SVCB, T.HTTPS}, '1 . port="1"', "1 . port=1", "quotation marks stand only around what needs them"),
]
"""`words` is dnspython's text, of which `example` is our way to say it."""


def wire_of(data):
    buffer = bytearray()
    write_rdata(buffer, data)
    return bytes(buffer)


def ours(rrtype, source):
    """Our value of bytes or of text, or the reason why there is none."""
    try:
        if isinstance(source, str):
            return parse_rdata(rrtype, source, Name("."))
        return read_rdata(rrtype, source, 0, len(source))
    except (MessageFormatError, RdataSyntaxError) as error:
        return str(error)


def theirs(rrtype, source):
    """Dnspython's value of bytes or of text, or the reason why there is none."""
    try:
        if isinstance(source, str):
            return dns.rdata.from_text("IN", int(rrtype), source, origin=dns.name.root, relativize=False)
        return dns.rdata.from_wire("IN", int(rrtype), source, 0, len(source))
    except dns.exception.DNSException as error:
        return str(error)


def explained(table, rrtype, sentence):
    return any(rrtype in row.types and row.words in sentence for row in table)


def same(rrtype, source):
    """Whether both accept the source and mean the same, or one refuses it for a reason that is in a table."""
    value, peer = ours(rrtype, source), theirs(rrtype, source)
    if isinstance(peer, str):
        return isinstance(value, str) or explained(THEY_REFUSE, rrtype, peer)
    if isinstance(value, str):
        return explained(WE_REFUSE_TEXT if isinstance(source, str) else WE_REFUSE, rrtype, value)
    # Names are folded here; letters in other places are held by the round trips.
    return wire_of(value).lower() == peer.to_wire().lower() or loses_a_centimetre(rrtype, wire_of(value), peer)


def loses_a_centimetre(rrtype, wire, peer):
    """They read metres as floating point, so that 0.29 m become 28 cm; the sizes may lose as much."""
    if rrtype != T.LOC:
        return False
    altitude, peers = (int.from_bytes(data[12:], "big") for data in (wire, peer.to_wire()))
    return wire[4:12] == peer.to_wire()[4:12] and abs(altitude - peers) <= 1


def known_to_both(value):
    """Types that only one of us has a name for cannot be compared as text."""
    types = getattr(value, "types", (getattr(value, "type_covered", T.A),))
    return all(dns.rdatatype.to_text(int(rrtype)) == str(rrtype) for rrtype in types)


@pytest.mark.parametrize("rrtype", TYPES, ids=str)
class TestBesideDnspython:
    @FEW
    @given(st.data())
    def test_the_same_bytes_for_the_same_value(self, rrtype, data):
        wire = wire_of(data.draw(values_of(rrtype)))

        peer = theirs(rrtype, wire)

        assert explained(THEY_REFUSE, rrtype, peer) if isinstance(peer, str) else peer.to_wire() == wire

    @FEW
    @given(st.data())
    def test_the_same_text_for_the_same_value(self, rrtype, data):
        value = data.draw(values_of(rrtype).filter(known_to_both))
        peer = theirs(rrtype, wire_of(value))
        if isinstance(peer, str):
            return

        text = peer.to_text(chunksize=0)

        assert ours(rrtype, text) == value
        assert text == str(value) or any(rrtype in row.types for row in TEXT_DIFFERS)

    @FEW
    @given(st.data())
    def test_each_reads_the_text_of_the_other(self, rrtype, data):
        assert same(rrtype, str(data.draw(values_of(rrtype))))

    @FEW
    @given(st.binary(max_size=60))
    def test_any_bytes(self, rrtype, wire):
        assert same(rrtype, wire)

    @FEW
    @given(st.data())
    def test_damaged_bytes(self, rrtype, data):
        wire = bytearray(wire_of(data.draw(values_of(rrtype))))
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))

        assert same(rrtype, bytes(wire))

    @FEW
    @given(st.data())
    def test_damaged_text(self, rrtype, data):
        words = str(data.draw(values_of(rrtype))).split(" ")
        place = data.draw(st.integers(0, len(words)))
        words[place : place + data.draw(st.integers(0, 1))] = [data.draw(st.sampled_from(WORDS))]

        assert same(rrtype, " ".join(words))


WORDS = [
    "0",
    "-1",
    "65536",
    "+1",
    "0x1",
    "1_0",
    "00",
    "x",
    '""',
    '"0"',
    '"A"',
    '"a',
    'b"',
    "@",
    "a.b",
    "a.b.",
    "a\\.b",
    "\\256",
    "=",
    "-",
    "1h",
    "A",
    "TYPE1",
    "(",
    ")",
    ";",
    "1.2.3.4",
    "127.1",
    "::1",
    "alpn=h2",
    "port=1",
    "port=",
    "mandatory=port",
    "key1=\\002h2",
    "key01=\\002h2",
    "no-default-alpn",
    "N",
    "20240101000000",
    "20241301000000",
    "RSASHA256",
    "PKIX",
    "AB==",
    "abc",
    "\\#",
]


@FEW
@given(rdata_values().filter(lambda value: not isinstance(value, GenericRdata)))
def test_each_reads_what_the_other_compresses(value):
    peer = theirs(type_of(value), wire_of(value))
    if isinstance(peer, str):
        return
    file, table = io.BytesIO(b"\0" * 12), {}
    file.seek(12)
    peer.to_wire(file, table)
    start = file.tell()
    peer.to_wire(file, table)
    message = file.getvalue()
    buffer, offsets = bytearray(12), {}
    write_rdata(buffer, value, offsets)
    write_rdata(buffer, value, offsets)

    assert read_rdata(type_of(value), message, start, len(message), NameMemo()) == value
    assert dns.rdata.from_wire("IN", int(type_of(value)), bytes(buffer), start, len(buffer) - start) == peer
    assert buffer == message


@pytest.mark.parametrize("row", THEY_REFUSE, ids=lambda row: row.words)
def test_what_dnspython_refuses_is_accepted_here(row):
    for rrtype in row.types:
        assert not isinstance(ours(rrtype, row.example), str)
        assert row.words in theirs(rrtype, row.example)


@pytest.mark.parametrize("row", WE_REFUSE, ids=lambda row: row.words)
def test_what_we_refuse_is_accepted_by_dnspython(row):
    for rrtype in row.types:
        wire = bytes.fromhex(row.example) or wire_without_its_end(rrtype)
        assert row.words in ours(rrtype, wire)
        assert not isinstance(theirs(rrtype, wire), str)


@pytest.mark.parametrize("row", WE_REFUSE_TEXT, ids=lambda row: row.example)
def test_text_that_we_refuse_is_accepted_by_dnspython(row):
    for rrtype in row.types:
        assert row.words in ours(rrtype, row.example)
        if "base64" not in row.words or sys.version_info < (3, 13):
            assert not isinstance(theirs(rrtype, row.example), str)


def wire_without_its_end(rrtype):
    """The fixed part of types that end in a key or the like: zeros, but no digest type 0."""
    size = {T.CERT: 5, T.OPENPGPKEY: 0, T.SMIMEA: 3, T.SSHFP: 2, T.TLSA: 3, T.RRSIG: 19}.get(rrtype, 4)
    return bytes(size) if rrtype not in (T.DS, T.CDS) else b"\0\0\0\7"


@pytest.mark.parametrize("row", TEXT_DIFFERS, ids=lambda row: row.words)
def test_where_the_texts_differ_they_mean_the_same(row):
    for rrtype in row.types:
        assert theirs(rrtype, row.example).to_text() == row.words
        found = ours(rrtype, row.words)
        assert found == ours(rrtype, row.example) or "expected a record type" in found
