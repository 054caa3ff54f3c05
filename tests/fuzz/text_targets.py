"""Fuzz targets of text: configuration, zones, nameservers, lists of names, records about mail, saved state."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aioresolver.bulk.columns import Column
from aioresolver.bulk.inputs import BadInput, Input, Inputs, parse_types
from aioresolver.bulk.journal import Journal
from aioresolver.bulk.lines import LineCutter
from aioresolver.bulk.manifest import read_manifest
from aioresolver.cache_file import read_cache
from aioresolver.errors import ConfigurationError
from aioresolver.survey.caa import parse_caa
from aioresolver.survey.dkim import is_dkim, parse_dkim
from aioresolver.survey.dmarc import parse_dmarc
from aioresolver.survey.mail_security import parse_bimi, parse_mta_sts, parse_tls_reporting
from aioresolver.survey.spf import parse_spf
from aioresolver.system.hosts import parse_hosts
from aioresolver.system.literal import ends_in_number, parse_literal
from aioresolver.system.nsswitch import parse_lookup_order
from aioresolver.system.policy_table import parse_gai_conf
from aioresolver.system.resolv_conf import parse_resolv_conf
from aioresolver.testing.zone_text import parse_zone_text
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.codes import Rcode, RRClass, RRType
from aioresolver.wire.message import Question
from aioresolver.wire.names import Name
from aioresolver.wire.rdata import CAA

__all__ = ["bulk_column", "bulk_lines", "cache_file", "codes", "gai_conf", "hosts", "journal", "literal", "mail_texts",
           "manifest", "nameserver", "nsswitch", "resolv_conf", "zone_text"]  # fmt: skip

FEW_RECORDS = 10_000


def text_of(data: bytes) -> str:
    """The text as a file gives it that is read whatever it holds."""
    return data.decode("utf-8", "surrogateescape")


def zone_text(data: bytes) -> None:
    """A zone file."""
    text = text_of(data)
    if "$GENERATE" in text.upper():
        text = text[:200].replace("00", "")  # a million records are what it may ask for
    with suppress(ConfigurationError):
        parsed = parse_zone_text(text, Name.parse("example.org"))
        assert len(parsed.records) == len(parsed.lines)
        for record in parsed.records[:100]:
            assert str(record)


def resolv_conf(data: bytes) -> None:
    """The file of the C library's resolver; nothing in it is an error there."""
    text = text_of(data)
    parse_resolv_conf(text, {"RES_OPTIONS": text[:40], "LOCALDOMAIN": text[40:60]}, hostname=text[60:90])
    parse_resolv_conf(text, {})


def hosts(data: bytes) -> None:
    """The hosts file; what is no entry is passed over."""
    parsed = parse_hosts(text_of(data))
    for name in parsed.names():
        assert name in parsed
        parsed.find(name)
    parsed.reverse()


def nsswitch(data: bytes) -> None:
    """The order of sources."""
    assert parse_lookup_order(text_of(data))


def gai_conf(data: bytes) -> None:
    """The order of addresses."""
    table = parse_gai_conf(text_of(data))
    for address in (0, 1, 0xFFFF7F000001, (1 << 128) - 1):
        table.label(address), table.precedence(address), table.scope(address)


def literal(data: bytes) -> None:
    """What may be an address, in the forms that inet_aton takes."""
    text = text_of(data)
    found = parse_literal(text)
    if found is not None:
        assert parse_literal(found) == found
        Name.reverse(found)
    ends_in_number(text)


def nameserver(data: bytes) -> None:
    """Nameservers, alone and in lists."""
    text = text_of(data)
    try:
        parsed = Nameserver.parse_all(text)
    except ConfigurationError:
        parsed = ()
    for each in parsed:
        assert Nameserver.parse(str(each)) == each
        _ = each.family, each.identity, each.encrypted
    with suppress(ConfigurationError):
        Nameserver.parse(text)


def codes(data: bytes) -> None:
    """Types, classes and rcodes by name or number, and the types of a list."""
    text = text_of(data)
    for parse in (RRType.parse, RRClass.parse, Rcode.parse):
        with suppress(ValueError):
            assert parse(str(parse(text))) == parse(text)
    with suppress(ValueError):
        assert Question.parse("example.org", text).name == "example.org."
    with suppress(ValueError):
        assert parse_types(text)


def bulk_lines(data: bytes) -> None:
    """A file of names, as it is cut into lines and read, in one piece and in several."""
    whole, pieces = LineCutter(), LineCutter()
    lines = [*whole.feed(data), *whole.end()]
    size = 1 + (data[0] & 31 if data else 0)
    cut = [line for start in range(0, len(data), size) for line in pieces.feed(data[start : start + size])]
    assert [*cut, *pieces.end()] == lines
    read = Inputs(lines)
    found = list(read)
    assert len(found) + read.blank == len(lines)
    for each in found:
        if isinstance(each, Input):
            assert Name.parse(str(each.name)) == each.name
        else:
            assert isinstance(each, BadInput)
            assert each.error


def bulk_column(data: bytes) -> None:
    """A CSV file; its first byte says what is wanted of it."""
    choice = data[0] if data else 0
    column: str | int = "name" if choice & 1 else 1 + (choice >> 1 & 3)
    cutter = LineCutter()
    lines = [*cutter.feed(data[1:]), *cutter.end()]
    with suppress(ConfigurationError):
        cells = Column(column, delimiter="\t" if choice & 8 else ",")
        found = [*cells.feed(lines[:3]), *cells.feed(lines[3:]), *cells.end()]
        assert len(found) <= len(lines)


def mail_texts(data: bytes) -> None:
    """Texts about mail and certificates: whatever is wrong with them is among their problems."""
    text = text_of(data[1:])
    for parse in (parse_spf, parse_dmarc, parse_dkim, parse_bimi, parse_mta_sts, parse_tls_reporting):
        assert str(parse(text)) is not None
    is_dkim(text)
    tag = ("issue", "issuewild", "iodef", "contactemail")[data[0] & 3 if data else 0]
    str(parse_caa(CAA(data[0] if data else 0, tag, data[1:])))


def on_disk(data: bytes, use: Callable[[str], object]) -> None:
    """Use a file that holds these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        Path(path).write_bytes(data)
        use(path)


def cache_file(data: bytes) -> None:
    """A saved cache: a line that cannot be read is no answer."""

    def use(path: str) -> None:
        with suppress(ConfigurationError):
            for answer in read_cache(path, now=0.0, wall=1.8e9):
                if answer is not None:
                    repr(answer)

    on_disk(data, use)


def journal(data: bytes) -> None:
    """The journal of a run that is to go on, whose output is there."""

    def use(path: str) -> None:
        Path(f"{path}.journal").write_bytes(data)
        Path(f"{path}.partial").write_bytes(b"{}\n" * 3)
        with suppress(ConfigurationError):
            Journal.open(path, CONFIGURATION, format="jsonl").abort()

    on_disk(b"", use)


CONFIGURATION = {"types": ["A"], "input": "names.txt"}


def manifest(data: bytes) -> None:
    """What a finished run says of itself."""

    def use(path: str) -> None:
        with suppress(ConfigurationError):
            found = read_manifest(path)
            assert found is not None
            json.dumps(found)
        Path(f"{path}.jsonl").write_bytes(b"")
        Path(f"{path}.jsonl.manifest.json").write_bytes(data)
        with suppress(ConfigurationError):
            Journal.open(f"{path}.jsonl", CONFIGURATION).abort()

    on_disk(data, use)
