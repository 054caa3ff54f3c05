"""Write the inputs that fuzzing starts from: `python tests/fuzz/seeds.py` fills the corpus where it has none."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from tests.fuzz.connection_targets import QUERY
from tests.fuzz.targets import TARGETS
from tests.fuzz.wire_targets import TYPES

from aioresolver.wire.codes import EdnsOption, ExtendedError, Flag, Rcode
from aioresolver.wire.edns import Cookie, Edns
from aioresolver.wire.message import Message, Question, Record
from aioresolver.wire.rdata import write_rdata

CORPUS = Path(__file__).parent / "corpus"

RECORDS = r"""
www.example.org. 300 A 192.0.2.1
www.example.org. 300 AAAA 2001:db8::1
example.org. 3600 NS ns1.example.org.
www.example.org. 60 CNAME web.example.net.
example.org. 60 DNAME example.net.
1.2.0.192.in-addr.arpa. 60 PTR host.example.org.
example.org. 60 MX 10 mail.example.org.
example.org. 60 TXT "v=spf1 -all" "\000\255\"x\\"
example.org. 60 SPF "v=spf1"
example.org. 60 SOA ns1.example.org. host\.master.example.org. 1 7200 3600 1209600 300
example.org. 60 HINFO "RFC8482" ""
example.org. 60 RP a.example.org. b.example.org.
example.org. 60 AFSDB 1 afs.example.org.
_sip._udp.example.org. 60 SRV 0 5 5060 sip.example.org.
example.org. 60 NAPTR 100 50 "s" "SIP+D2U" "!^.*$!sip:x@y!" _sip._udp.example.org.
_ftp._tcp.example.org. 60 URI 10 1 "ftp://ftp.example.org/public"
example.org. 60 SVCB 1 . alpn=h2,h3 no-default-alpn port=8443 mandatory=alpn,port key65000="ab\000c"
example.org. 60 HTTPS 1 svc.example.org. alpn=h3 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1 ech=AEX+ dohpath=/q{?dns}
example.org. 60 DS 60485 8 2 2bb183af5f22588179a53b0a98631fad1a2921182bb183af5f22588179a53b0a
example.org. 60 CDS 0 0 0 00
example.org. 60 DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==
example.org. 60 CDNSKEY 0 3 0 AA==
example.org. 60 RRSIG A 13 2 300 20301231235959 20260101000000 12345 example.org. AAECAwQFBgc=
example.org. 60 NSEC \000.Example.org. A NS SOA MX TXT RRSIG NSEC DNSKEY TYPE65534
p0.example.org. 60 NSEC3 1 1 10 aabb 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG
example.org. 60 NSEC3PARAM 1 0 0 -
example.org. 60 CAA 128 issue "letsencrypt.org; validationmethods=dns-01"
_443._tcp.example.org. 60 TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
example.org. 60 SMIMEA 3 1 1 00
example.org. 60 SSHFP 4 2 0123456789abcdef
example.org. 60 OPENPGPKEY mQENBA==
example.org. 60 CERT PKIX 1 RSASHA256 AAEC
example.org. 60 LOC 52 14 5.000 N 0 8 50.000 E 10.00m 1m 10000m 10m
example.org. 60 EUI48 00-00-5e-00-53-2a
example.org. 60 EUI64 00-00-5e-ef-10-00-00-2a
example.org. 60 TYPE65280 \# 4 0a000001
*.a\.b.example.org. 60 CH A \# 4 0a000001
""".strip().splitlines()

ZONES = [
    '$ORIGIN example.org.\n$TTL 1h\n@ SOA ns1 host 1 2 3 4 5\n  NS ns1\nns1 A 192.0.2.1 ; why\nt TXT ( "a b"\n  c )\n',
    "$GENERATE 1-5/2 host$ A 192.0.2.$\n$GENERATE 0-3 ${8,3,x} CNAME h$.example.org.\nx IN 5 A 192.0.2.1\n",
    'a.example. 1w2d CH TXT "\\"" \\\n\t\tAAAA ::1\n$INCLUDE x\n',
]  # fmt: skip
RESOLV = [
    "nameserver 192.0.2.1\nnameserver fe80::1%eth0\nsearch a.example b.example\noptions ndots:2 timeout:1 rotate edns0\n",
    "domain example.org\nsortlist 192.0.2.0/255.255.255.0 10.0.0.0\noptions attempts:99 use-vc trust-ad no-aaaa\n# x\n; y\n",
]
HOSTS = [
    "127.0.0.1 localhost\n::1 localhost ip6-localhost # x\n192.0.2.1\tHost.Example host\nbad line\nfe80::1%lo0 x\n"
]
NSSWITCH = [
    "passwd: files\nhosts: files [NOTFOUND=return SUCCESS=continue] mdns4_minimal [!UNAVAIL=return] dns myhostname\n"
]
GAI = ["label ::1/128 0\nprecedence ::ffff:0:0/96 100\nscopev4 ::ffff:169.254.0.0/112 2\nreload yes\n"]
LITERALS = ["192.0.2.1", "0x7f.1", "017700000001", "2001:db8::1%eth0", "::ffff:192.0.2.1", "1.2.3.4.5", "4294967296"]
NAMESERVERS = [
    "1.1.1.1", "192.0.2.1:5353", "[2001:db8::1]:5353", "udp://[fe80::1%25eth0]:53", "fe80::1%eth0",
    "tls://9.9.9.9#dns.quad9.net", "https://dns.google/dns-query?address=8.8.8.8,8.8.4.4&method=get",
    "tls://192.0.2.1?pin-sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=&opportunistic#a.example",
    "quic://94.140.14.14#dns.adguard-dns.com, tcp://192.0.2.1 1.1.1.1",
]  # fmt: skip
CODES = ["MX", "mx", "TYPE65280", "15", "A,AAAA", "CLASS3", "IN", "NXDOMAIN", "SERVFAIL", "ANY A", "TYPE65536"]
LINES = [
    "example.org\nexample.org MX,TXT\n\n192.0.2.1\n2001:db8::1 PTR\nb\u00fccher.example\r\n bad name\n"
    + "a" * 70
    + "\n",
    "\ufeffwww.example.org\nx..y\n1.2\n_dmarc.x TXT",
]
CSV = ['name,other\nexample.org,"a,\nb"\n"ex""ample.org",x\n,\n', "a\tname\n1\texample.org\n"]
MAILS = [
    "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a/24//64 mx:x.example include:_spf.example ?exists:%{i}._spf.example ~all",
    "v=spf1 redirect=_spf.example.org exp=x.example",
    "v=DMARC1; p=reject; sp=none; pct=50; rua=mailto:a@b.example!10m,mailto:c@d; adkim=s; fo=1:d; ri=86400; np=none; t=y",
    "v=DKIM1; k=rsa; h=sha256; t=y:s; s=email; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALRiMLAh9iimur8VA7qVvdqxevEuUkW4K+2Kd/w=",
    "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "v=BIMI1; l=https://a.example/logo.svg; a=https://a.example/vmc.pem",
    "v=STSv1; id=20260101T000000;", "v=TLSRPTv1; rua=mailto:a@b.example,https://c.example/",
    "letsencrypt.org; validationmethods=dns-01; accounturi=https://a.example/1",
]  # fmt: skip


def messages() -> Iterator[bytes]:
    """Replies of every kind."""
    records = [Record.parse(text) for text in RECORDS]
    full = Edns(flags=0x8000).with_cookie(Cookie(b"12345678", b"abcdefgh")).with_option(EdnsOption.NSID, b"ns1")
    full = full.with_extended_error(ExtendedError.BLOCKED, "by law").with_option(
        EdnsOption.CLIENT_SUBNET, b"\0\1\x18\0\xc0\0\2"
    )
    for record in records:
        question = Question(record.name, record.type)
        yield Message(id=1, flags=Flag.QR, question=[question], answer=[record], edns=Edns()).to_wire()
    by_type = {record.type.name: record for record in records if record.type.name.isalpha() or record.type == 1}
    question = Question.parse("www.example.org")
    address, alias = records[0], records[3]
    target = Record.parse("web.example.net. 60 A 192.0.2.7")
    yield Message(id=1, flags=Flag.QR, question=[question], answer=[address, address], edns=full).to_wire()
    yield Message(id=1, flags=Flag.QR, question=[question], answer=[target, alias], additional=[records[1]]).to_wire()
    yield Message(id=1, flags=Flag.QR, rcode=Rcode.NXDOMAIN, question=[question], authority=[by_type["SOA"]]).to_wire()
    yield Message(id=1, rcode=Rcode.BADVERS, question=[question], edns=Edns(version=1)).to_wire()
    yield Message(id=1, flags=Flag.QR, question=[question], answer=[records[4], target]).to_wire()
    yield Message(id=1, flags=Flag.QR, question=[question], answer=records[:8], authority=records[8:16]).to_wire()
    yield QUERY


def rdata_seeds() -> Iterator[tuple[bytes, bytes]]:
    """The wire and the text of data of every type, each behind the byte that chooses the type."""
    for text in RECORDS[:-1]:
        record = Record.parse(text)
        buffer = bytearray()
        write_rdata(buffer, record.data)
        choice = bytes((TYPES.index(record.type),))
        yield choice + buffer, choice + str(record.data).encode()


def frames(*messages: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(each)) + each for each in messages)


def replies() -> list[bytes]:
    """Replies to the three queries that are under way on a connection."""
    body = b"\x81\x80" + QUERY[4:]
    return [bytes((0, number)) + body for number in range(3)]


def cache_lines() -> Iterator[str]:
    yield json.dumps({"format": "aioresolver cache", "version": 1, "saved": 1.8e9})
    for wire in list(messages())[:12]:
        message = Message.parse(wire)
        name, rrtype, rrclass = message.question[0]
        yield json.dumps({"name": name, "type": str(rrtype), "class": str(rrclass), "ttl": 60.0, "server": "udp://192.0.2.1",
                          "message": base64.b64encode(wire).decode()})  # fmt: skip


def seeds() -> dict[str, list[bytes]]:
    """The inputs of each target."""
    wires = list(messages())
    data = list(rdata_seeds())
    names = [Record.parse(text).name for text in RECORDS]
    options = [wire[wire.rindex(b"\0\0\x29") + 11 :] for wire in wires if b"\0\0\x29" in wire]
    http = b"\0\0\x2d\1\4\0\0\0\1\x88\x5f\x17application/dns-message\x0f\x0d\x0227"
    journal = {"format": "aioresolver bulk journal", "version": 1, "whole": False, "resumed": 1, "started": 1.8e9,
               "configuration": {"types": ["A"], "input": "names.txt", "format": "jsonl"}, "offset": 9, "tail": zlib.crc32(b"{}\n" * 3),
               "ledger": {"inputs": 2, "expected": 2, "next": 2, "checksum": 1, "statuses": {"ok": 1}, "left": [1, [0, "A"]]}}  # fmt: skip
    manifest = {"format": "aioresolver bulk manifest", "version": 1, "complete": True, "resumed": 1, "inputs": 1, "expected_rows": 1,
                "statuses": {"ok": 1}, "configuration": {"types": ["A"], "input": "names.txt", "format": "jsonl"}}  # fmt: skip
    texts = {
        "zone_text": ZONES, "resolv_conf": RESOLV, "hosts": HOSTS, "nsswitch": NSSWITCH, "gai_conf": GAI,
        "literal": LITERALS, "nameserver": NAMESERVERS, "codes": CODES, "bulk_lines": LINES, "record": RECORDS,
        "names_text": [*map(str, names), "B\u00fccher.example", "xn--bcher-kva.example.", "a b", r"\300.x", "a" * 64],
    }  # fmt: skip
    return {
        **{name: [text.encode() for text in each] for name, each in texts.items()},
        "message": wires,
        "answer": wires,
        "names_wire": [bytes(range(0, 24, 3)) + wire[12:] for wire in wires[::4]],
        "rdata_wire": [wire for wire, _ in data],
        "rdata_text": [text for _, text in data],
        "edns": [option for option in options if option],
        "query": [name.to_wire() + b"\0\1\0\1" + bytes(range(30)) for name in names[::5]],
        "bulk_column": [bytes((choice,)) + text.encode() for text in CSV for choice in (1, 2, 9)],
        "mail_texts": [bytes((number,)) + text.encode() for number, text in enumerate(MAILS)],
        "cache_file": ["\n".join(cache_lines()).encode()],
        "journal": [json.dumps(journal).encode()],
        "manifest": [json.dumps(manifest).encode()],
        "tcp_stream": [b"\3" + frames(*replies()), b"\0" + frames(replies()[1], b"", wires[0])],
        "https_connection": [b"\x20" + http + b"\0\0\x1b\0\1\0\0\0\1" + replies()[0], b"\0\0\0\x08\7\0\0\0\0\0\0\0\0\1\0\0\0\0"],
        "http_response": [b":status=200\ncontent-type=application/dns-message\nage=5\n\n" + replies()[0]],
        "quic_stream": [bytes((0xEC | 0,)) + frames(replies()[0]), b"\x50" + frames(replies()[0])],
        "cookies": [b"\1" + option for option in options if option],
    }  # fmt: skip


def main() -> None:
    """Write what is missing."""
    for name, inputs in seeds().items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            for each in inputs:
                (folder / hashlib.sha256(each).hexdigest()[:12]).write_bytes(each)
    print({name: len(list((CORPUS / name).iterdir())) for name in TARGETS})


if __name__ == "__main__":
    main()
