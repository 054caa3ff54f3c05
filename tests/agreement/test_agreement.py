"""Resolver() and the C library's getaddrinfo and getnameinfo: the same results, but for what docs/agreement.md lists."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import idna
import pytest

CANONNAME, NUMERICHOST, NUMERICSERV, PASSIVE = 0x2, 0x4, 0x400, 0x1
V4MAPPED, ALL, ADDRCONFIG = 0x8, 0x10, 0x20
INET, INET6 = int(socket.AF_INET), int(socket.AF_INET6)
FAMILIES = (0, INET, INET6)

HOSTS = """\
# the hosts file of a made-up machine
127.0.0.1       localhost
::1             localhost ip6-localhost ip6-loopback
127.0.1.1       box.example.net box
192.0.2.140     files.example Files4.Example other
2001:db8::141   files6.example files.example
192.0.2.142     twice.hosts
192.0.2.143     twice.hosts
192.0.2.142     twice.hosts            # a duplicate
2001:db8::144   six.hosts Alias.Six.Hosts
192.0.2.145     UPPER.hosts a.upper.hosts B.UPPER.HOSTS
::ffff:192.0.2.146 mapped.hosts
192.0.2.147     dotted.hosts.
fe80::148%lo    scoped.hosts
127.1           short.hosts
192.0.2.300     bad.hosts
192.0.2.149
192.0.2.150     single
10.9.9.9        many.hosts
203.0.113.9     many.hosts
2001:db8::151   many.hosts
fd00::152       many.hosts
192.0.2.153     under_score.hosts bang!.hosts
192.0.2.154     sub.localhost
192.0.2.155     b\u00fccher.hosts xn--bcher-kva.hosts
192.0.2.156 \t tab.hosts\ttab2.hosts
"""

# A zone in this order: only hosts of the DNS, then those of the machine, then what is no name.
DNS_HOSTS = [
    "v4.example", "v6.example", "both.example", "BOTH.Example", "txt.example", "mixed.example", "many.example",
    "mapped.example", "zero.example", "alias.example", "alias4.example", "alias6.example", "chain.example",
    "long1.example", "aliastotxt.example", "dangling.example", "dangling2.example", "outside.example", "loop.example",
    "self.example", "www.branch.example", "_under.example", "under_score.example", "-dash.example", "dash-.example",
    "tobang.example", "tounder.example", "todash.example", "x.wild.example", "a.b.wild.example", "deep.example",
    "a.b.c.d.deep.example", "cut.example", "big.example", "half.example", "half6.example", "nowhere.example",
    "www.broken.test", "www.refused.test", "here.example", "example", "single", "tld", "nodata", "nowhere", "ten",
    "v4.example.", "both.example.", "nowhere.example.", "single.", "txt.example.", "broken.test",
    "www.one.test", "www.two.test", "only1.one.test", "only6.six.test",
]  # fmt: skip
SHORT_HOSTS = [
    "www", "only1", "only2", "only6", "nodata1", "alias1", "v4only", "a.b", "a.b.c", "www.nowhere", "both.example",
    "www.", "host", "localhost.one.test", "example.",
]  # fmt: skip
MACHINE_HOSTS = [
    "localhost", "LocalHost", "localhost.", "ip6-localhost", "box", "box.example.net", "files.example",
    "files4.example", "files6.example", "FILES4.example", "other", "twice.hosts", "six.hosts", "alias.six.hosts",
    "upper.hosts", "UPPER.HOSTS", "b.upper.hosts", "mapped.hosts", "scoped.hosts", "short.hosts", "bad.hosts",
    "many.hosts", "under_score.hosts", "bang!.hosts", "tab.hosts", "tab2.hosts", "dotted.hosts", "sub.localhost",
]  # fmt: skip
SPECIAL_HOSTS = [
    "dotted.hosts.", "files.example.", "other.", "x.localhost", "x.invalid", "x.onion", "invalid", "www.test.onion",
]  # fmt: skip
LITERALS = [
    "192.0.2.9", "127.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "::", "2001:db8::9", "2001:DB8:0:0::9",
    "::ffff:192.0.2.9", "::192.0.2.9", "fe80::1%lo", "fe80::1%1", "fe80::1", "fe80::1%nope", "2001:db8::9%lo", "::1%1",
    "[::1]", "::g", "1.2.3.4.5", "256.1.1.1", "1.2.3.4.", "::1.", "1:2:3:4:5:6:7:8:9", "fe80::1%", "192.0.2.09",
]  # fmt: skip
SHORT_LITERALS = ["127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.010", "1", "0"]
ODD_HOSTS = [
    "", "*", ".", "a..b", ".example", "example..", " ", "v4.example ", " v4.example", "v4 .example", "bang!.example",
    "sp ace.example", "sl/ash.example", 'quote".example', "at@sign.example", "back\\slash.example", "back\\092slash.example",
    "123.example", "0x10.example", "example.123", "v4\n.example", "v4.example\0", "a" * 63 + ".example",
    "a" * 64 + ".example", ".".join(["a" * 63] * 3) + ".example", ".".join(["a" * 63] * 4), ".".join(["a" * 61] * 4),
    "a." * 126 + "a", "a." * 127 + "a", "x" * 1100,
]  # fmt: skip
IDN_HOSTS = [
    "b\u00fccher.example", "B\u00dcCHER.example", "stra\u00dfe.example", "stra\u00dfe.idn", "xn--bcher-kva.example",
    "b\u00fccher.idn", "xn--a.example", "\u2603.example", "\U0001f4a9.example", "v4\u3002example", "b\u00fccher.hosts",
    "\u00fc" * 70 + ".example", "\uff56\uff14.example", "xn--strae-oqa.example", "\u0661.example", "a\u0308.example",
]  # fmt: skip

FLAGS = [
    CANONNAME, NUMERICHOST, NUMERICSERV, PASSIVE, V4MAPPED, ALL, V4MAPPED | ALL, ADDRCONFIG, ADDRCONFIG | V4MAPPED,
    CANONNAME | V4MAPPED | ALL, NUMERICHOST | CANONNAME, PASSIVE | NUMERICSERV, CANONNAME | ADDRCONFIG,
]  # fmt: skip
FLAGGED_HOSTS = [
    None, "v4.example", "v6.example", "both.example", "alias.example", "chain.example", "dangling.example",
    "aliastotxt.example", "txt.example", "nowhere.example", "www", "only2", "single", "localhost", "files.example",
    "files4.example", "six.hosts", "b.upper.hosts", "192.0.2.9", "::1", "::ffff:192.0.2.9", "fe80::1%lo", "both.example.",
    "many.example", "many.hosts", "box", "BOTH.Example", "half.example", "",
]  # fmt: skip
PORTS = [None, "", 0, 80, 65535, "80", " 80", "http", "HTTP", "www", "domain", "nonesuch", "65535", 65536, "70000", -1,
         b"http", "0x50", 1 << 40]  # fmt: skip
KINDS = [(0, 0), (1, 0), (2, 0), (3, 0), (5, 0), (0, 6), (0, 17), (1, 17), (2, 17), (3, 1), (4, 0), (0, 132), (1, 132)]
BYTES_HOSTS = ["both.example", "www", "localhost", "192.0.2.9", "a..b", "", "x" * 70, "b\u00fccher.example", "127.1",
               "under_score.example", "sp ace.example", "*"]  # fmt: skip
ADDRESSES = [
    "192.0.2.140", "2001:db8::141", "192.0.2.142", "192.0.2.146", "192.0.2.147", "192.0.2.10", "2001:db8::10",
    "192.0.2.99", "127.0.0.1", "127.0.0.9", "::1", "127.0.1.1", "192.0.2.36", "::ffff:192.0.2.140", "::ffff:192.0.2.10",
    "::192.0.2.10", "::ffff:127.0.0.9", "::ffff:0:192.0.2.10", "64:ff9b::192.0.2.10", "::2",
    "192.0.2.77", "0.0.0.0", "::", "fe80::1", "fe80::1%lo", "::1%1", "198.51.100.250", "192.0.2.153", "192.0.2.145",
    *(f"192.0.2.{n}" for n in (1, 4, *range(11, 28), 30, 31, 32)), "127.1", "localhost", "", "192.0.2.1.", "[::1]",
]  # fmt: skip


class Case(NamedTuple):
    """A call of both sides."""

    function: str
    arguments: list[Any]
    keywords: dict[str, int]

    def __str__(self) -> str:
        words = [*map(repr, self.arguments), *(f"{name}={value}" for name, value in self.keywords.items())]
        return f"{self.function}({', '.join(words)})"


def lookup(host: Any, port: Any = 80, *, family: int = 0, type: int = 1, proto: int = 0, flags: int = 0) -> Case:
    keywords = {"family": family, "type": type, "proto": proto, "flags": flags}
    arguments = [{"bytes": item.decode("latin-1")} if isinstance(item, bytes) else item for item in (host, port)]
    return Case("getaddrinfo", arguments, keywords)


def families(*hosts: str) -> list[Case]:
    return [lookup(host, family=family) for host in hosts for family in FAMILIES]


def flagged() -> list[Case]:
    return [lookup(h, family=family, flags=f) for h in FLAGGED_HOSTS for f in FLAGS for family in FAMILIES]


def services() -> list[Case]:
    hosts = [None, "both.example", "::1", "nowhere.example"]
    cases = [lookup(host, port, type=kind) for host in hosts for port in PORTS for kind in (0, 1, 2)]
    cases += [lookup(h, p, type=t, proto=o) for h in hosts[:3] for p in (None, 80, "http") for t, o in KINDS]
    cases += [lookup(host, "http", flags=NUMERICSERV) for host in hosts]
    return cases + [lookup("both.example", family=family) for family in (1, 99, -1)]


def in_bytes() -> list[Case]:
    return [lookup(host.encode(), family=family) for host in BYTES_HOSTS for family in FAMILIES]


def reverse() -> list[Case]:
    usual = [
        0, socket.NI_NUMERICHOST, socket.NI_NUMERICSERV, socket.NI_NAMEREQD, socket.NI_DGRAM, socket.NI_NOFQDN,
        socket.NI_NUMERICHOST | socket.NI_NUMERICSERV, socket.NI_NUMERICHOST | socket.NI_NAMEREQD,
    ]  # fmt: skip
    sockaddrs = [[address, 80, 0, 0] if ":" in address else [address, 80] for address in ADDRESSES]
    cases = [Case("getnameinfo", [sockaddr, int(flags)], {}) for sockaddr in sockaddrs for flags in usual]
    for port in (0, 22, 53, 80, 514, 65535, 65536, -1):
        cases += [Case("getnameinfo", [["192.0.2.10", port], flags], {}) for flags in (0, 1, 2, 3, 16, 17)]
    odd = [["::1"], ["::1", 80, 0, 7], ["fe80::1", 80, 0, 1], ["fe80::1", 80, 0, 77], ["192.0.2.10", 80, 0], ["::1", 80, 1 << 20],
           ["::1", "80"], [80, "::1"], ["fe80::1%lo", 80, 0, 7], ["ff02::1", 80, 0, 1], ["2001:db8::10", 80, 0, 1], ["::1", 80, 0, -1],
           ["::1", 80, 0, 0, 0], "::1"]  # fmt: skip
    cases += [Case("getnameinfo", [sockaddr, flags], {}) for sockaddr in odd for flags in (0, 1, 8)]
    return cases + [Case("getnameinfo", [["192.0.2.10", 80], flags], {}) for flags in (32, 64, 224, 256, 1 << 12, -1)]


ALL_HOSTS = [*DNS_HOSTS, *MACHINE_HOSTS]
SEARCHED = families(
    *SHORT_HOSTS, *DNS_HOSTS[-16:-4], "v4.example", "nowhere.example", "www.broken.test", "localhost", "box"
)

EVERYWHERE = {
    "127.0.0.53": [
        ["servfail", {"name": "*.broken.test"}],
        ["servfail", {"name": "broken.test"}],
        ["refused", {"name": "*.refused.test"}],
        ["drop", {"name": "*.silent.test"}],
        ["drop", {"name": "lost.example"}],
        ["servfail", {"name": "half.example", "type": "AAAA"}],
        ["servfail", {"name": "half6.example", "type": "A"}],
        ["drop", {"name": "mute.example", "type": "AAAA"}],
        ["truncate", {"name": "cut.example"}],
        ["servfail", {"name": "30.2.0.192.in-addr.arpa"}],
        ["drop", {"name": "31.2.0.192.in-addr.arpa"}],
        ["refused", {"name": "32.2.0.192.in-addr.arpa"}],
    ]
}
BOTH = ["192.0.2.2/24", "2001:db8::2/64", "fe80::2/64"]


class Machine(NamedTuple):
    """Files of /etc, the nameservers with their faults, the addresses, and what is asked there."""

    cases: list[Case]
    resolv_conf: str = ""
    nsswitch: str = "files dns"
    hosts: str = HOSTS
    addresses: list[str] = BOTH
    servers: dict[str, Any] = EVERYWHERE
    nameservers: str = "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n"
    environ: dict[str, str] = {}  # noqa: RUF012 - never changed
    hostname: str = "box"
    gai_conf: str = ""


def searching(search: str, **more: Any) -> Machine:
    return Machine(SEARCHED, f"search {search}\n", **more)


DEAD = "nameserver 127.0.0.55\nnameserver 127.0.0.56\noptions timeout:1 attempts:1\n"
FEW = families("both.example", "nowhere.example", "txt.example", "www", "only2", "a.b", "files.example", "box", "other",
               "twice.hosts", "localhost", "nowhere", "192.0.2.9", "www.broken.test", "six.hosts", "tab2.hosts")  # fmt: skip
FILES_AND_DNS = families(
    *MACHINE_HOSTS, *DNS_HOSTS[:8], "www", "single", "nowhere", "192.0.2.9", "::1", "127.1", *SPECIAL_HOSTS
)

MACHINES = {
    "names": Machine(families(*ALL_HOSTS, "mute.example", "lost.example"), "search one.test\n"),
    "no search list": Machine(families(*ALL_HOSTS, *SHORT_HOSTS)),
    "odd names": Machine(families(*ODD_HOSTS, *SPECIAL_HOSTS)),
    "odd names, search list": Machine(families(*ODD_HOSTS, *SPECIAL_HOSTS), "search one.test two.test\n"),
    "international names": Machine(families(*IDN_HOSTS)),
    "literals": Machine(families(*LITERALS, *SHORT_LITERALS), "search one.test\n"),
    "flags": Machine(flagged(), "search one.test two.test\n"),
    "services": Machine(services()),
    "bytes": Machine(in_bytes(), "search one.test\n"),
    "addresses": Machine(reverse(), "search one.test\n"),
    "search 1": searching("one.test"),
    "search 2": searching("one.test two.test"),
    "search 3": searching("two.test one.test six.test"),
    "search 6": searching("nowhere.test two.test six.test x.test y.test one.test"),
    "search root": searching(". one.test"),
    "search root last": searching("one.test ."),
    "search comment": searching("one.test # two.test", environ={}),
    "domain": Machine(SEARCHED, "domain two.test\n"),
    "domain and search": Machine(SEARCHED, "search one.test\ndomain two.test\n"),
    "search, SERVFAIL first": searching("broken.test one.test"),
    "search, SERVFAIL last": searching("one.test broken.test"),
    "search, REFUSED first": searching("refused.test one.test"),
    "search, REFUSED last": searching("two.test refused.test"),
    "search, silent first": searching("silent.test one.test"),
    "search, silent last": searching("one.test silent.test"),
    **{f"ndots {n}": searching(f"one.test two.test\noptions ndots:{n}") for n in (0, 2, 3)},
    **{f"ndots {n}, SERVFAIL": searching(f"broken.test two.test\noptions ndots:{n}") for n in (0, 2, 3)},
    "no tld query": searching("one.test two.test\noptions no-tld-query"),
    "RES_OPTIONS": searching("one.test two.test", environ={"RES_OPTIONS": "ndots:3"}),
    "LOCALDOMAIN": searching("one.test", environ={"LOCALDOMAIN": "two.test six.test"}),
    "no AAAA": Machine(families(*ALL_HOSTS), "search one.test\noptions no-aaaa\n"),
    "TCP": Machine(families(*ALL_HOSTS), "search one.test\noptions use-vc\n"),
    "single request": Machine(families(*DNS_HOSTS), "options single-request edns0\n"),
    "sortlist": Machine(families("many.example", "big.example", "both.example"),
                        "sortlist 10.0.0.0/255.0.0.0 203.0.113.0/255.255.255.0 198.51.100.0\n"),
    "files": Machine(FILES_AND_DNS, "search one.test\n", nsswitch="files"),
    "dns": Machine(FILES_AND_DNS, "search one.test\n", nsswitch="dns"),
    "dns files": Machine(FILES_AND_DNS, "search one.test\n", nsswitch="dns files"),
    "files [NOTFOUND=return] dns": Machine(FILES_AND_DNS, nsswitch="files [NOTFOUND=return] dns"),
    "files dns [NOTFOUND=return]": Machine(FILES_AND_DNS, nsswitch="files dns [NOTFOUND=return]"),
    "dns [!UNAVAIL=return] files": Machine(FILES_AND_DNS, nsswitch="dns [!UNAVAIL=return] files"),
    "dns [NOTFOUND=return] files": Machine(FILES_AND_DNS, nsswitch="dns [NOTFOUND=return] files"),
    "unknown sources": Machine(FILES_AND_DNS, nsswitch="nosuch files other [NOTFOUND=return] dns"),
    "no hosts file": Machine(families(*MACHINE_HOSTS, "both.example"), hosts=""),
    "IPv4 only": Machine(flagged() + families("many.example", "many.hosts", "localhost"), addresses=["192.0.2.2/24"]),
    "IPv6 only": Machine(flagged() + families("many.example", "many.hosts", "localhost"), addresses=["2001:db8::2/64"]),
    "loopback only": Machine(flagged() + families("many.example", "many.hosts", "localhost"), addresses=[]),
    "private addresses": Machine(families("many.example", "many.hosts", "mapped.example", "both.example"),
                                 addresses=["10.0.0.2/8", "fd00::2/64"]),
    "gai.conf": Machine(families("many.example", "many.hosts", "mapped.example", "both.example"),
                        gai_conf="precedence ::ffff:0:0/96 100\n"),
    "one dead of two": Machine(families("both.example", "nowhere.example", "txt.example", "alias.example", "www.broken.test"),
                               nameservers="nameserver 127.0.0.55\nnameserver 127.0.0.53\noptions timeout:1\n"),
    "one silent of two": Machine(families("both.example", "nowhere.example", "txt.example"),
                                 nameservers="nameserver 127.0.0.54\nnameserver 127.0.0.53\noptions timeout:1\n",
                                 servers={**EVERYWHERE, "127.0.0.54": [["drop", {}]]}),
    "one failing of two": Machine(families("both.example", "nowhere.example", "txt.example"),
                                  nameservers="nameserver 127.0.0.54\nnameserver 127.0.0.53\noptions timeout:1\n",
                                  servers={**EVERYWHERE, "127.0.0.54": [["servfail", {}]]}),
    "no hosts line": Machine(FEW, "search one.test\n", nsswitch=""),
    "dns files, all dead": Machine(FEW, nsswitch="dns files", nameservers=DEAD),
    "dns [!UNAVAIL=return] files, all dead": Machine(FEW, nsswitch="dns [!UNAVAIL=return] files", nameservers=DEAD),
    "dns [NOTFOUND=return] files, all dead": Machine(FEW, nsswitch="dns [NOTFOUND=return] files", nameservers=DEAD),
    "files, all dead": Machine(FEW, nsswitch="files", nameservers=DEAD),
    "files [SUCCESS=continue] dns": Machine(FEW, nsswitch="files [SUCCESS=continue] dns"),
    "files [success=return notfound=continue] dns": Machine(FEW, nsswitch="files [success=return notfound=continue] dns"),
    "rotate": Machine(FEW, "options rotate\nnameserver 127.0.0.54\n",
                      servers={**EVERYWHERE, "127.0.0.54": EVERYWHERE["127.0.0.53"]}),
    "IPv6 nameserver": Machine(FEW, nameservers="nameserver ::1\noptions timeout:1\n", servers={"::1": EVERYWHERE["127.0.0.53"]}),
    "CRLF": Machine(FEW, "search one.test\r\n", nameservers="nameserver 127.0.0.53\r\noptions timeout:1 attempts:1\r\n",
                    hosts=HOSTS.replace("\n", "\r\n")),
    "no line feed at the end": Machine(FEW, "search one.test", hosts=HOSTS.rstrip("\n")),
    "indented": Machine(FEW, " search two.test\n\tdomain two.test\n  nameserver 127.0.0.55\nsearch\tone.test\n"),
    "four nameservers": Machine(FEW, "nameserver 127.0.0.53\n", nameservers="".join(
        f"nameserver 127.0.0.{n}\n" for n in (55, 56, 57)) + "options timeout:1 attempts:1\n"),
    "nonsense": Machine(FEW, "nameserver nonsense\nnameserver\nsearch one.test\nsearch\noptions ndots:x timeout:1 what:1\n"
                        "lookup file bind\n"),
    "the domain of the machine": Machine(FEW, hostname="box.two.test"),
    "search that is no name": searching("bad..name one.test -x two_x.test .two.test"),
    "many ndots": searching("one.test\noptions ndots:99"),
    "both options": Machine(FEW, "search one.test\noptions ndots:2\noptions ndots:3 edns0 trust-ad\n"),
    "all dead": Machine(families("both.example", "www", "localhost", "files.example", "192.0.2.9", "box"), "search one.test\n",
                        nameservers=DEAD),
    "no nameserver line": Machine(families("both.example", "www", "nowhere.example", "box"), "search one.test\n",
                                  nameservers="options timeout:1 attempts:1\n", servers={"127.0.0.1": EVERYWHERE["127.0.0.53"]}),
}  # fmt: skip


# ---- what differs, and is meant to

ALIASES_OF_NOTHING = {
    "alias4.example", "alias6.example", "long1.example", "aliastotxt.example", "www.branch.example", "tobang.example",
    "tounder.example", "todash.example", "big.example", "alias1",
}  # fmt: skip
LOOPS = {"loop.example", "self.example"}
UNUSUAL = re.compile(r"^-|[^A-Za-z0-9_.-]")
IN_HOSTS = {name.lower() for line in HOSTS.splitlines() for name in line.partition("#")[0].split()[1:]}


class Said(NamedTuple):
    """A case, where it was asked, and what was said."""

    machine: Machine
    case: Case
    theirs: Any
    ours: Any

    @property
    def host(self) -> str:
        first = self.case.arguments[0]
        if self.case.function == "getnameinfo":
            return str(first[0]) if first else ""
        return str(first["bytes"] if isinstance(first, dict) else first or "")

    @property
    def port(self) -> Any:
        arguments = self.case.arguments
        return arguments[0][1] if self.case.function == "getnameinfo" else arguments[1]

    @property
    def ipv4_alone(self) -> bool:
        return self.case.keywords.get("family") == INET

    @property
    def both_fail(self) -> bool:
        return isinstance(self.theirs, str) and isinstance(self.ours, str)

    @property
    def entries(self) -> list[Any]:
        """Theirs, as far as it is getaddrinfo's."""
        return self.theirs if isinstance(self.theirs, list) and self.case.function == "getaddrinfo" else []


def is_short_address(said: Said) -> bool:
    return said.ours == "EAI_NONAME" and re.fullmatch(r"(0x)?[0-9a-f]+(\.(0x)?[0-9a-f]+)*", said.host) is not None


def is_large_port(said: Said) -> bool:
    return said.ours == "EAI_SERVICE" and int(said.port) > 65535


def is_repetition(said: Said) -> bool:
    sockaddrs = [entry[4] for entry in said.entries]
    once = [entry for at, entry in enumerate(said.entries) if entry[4] not in sockaddrs[:at]]
    return once == said.ours != said.theirs


def is_dotted_host(said: Said) -> bool:
    host = said.host.lower()
    return host not in IN_HOSTS and not IN_HOSTS.isdisjoint({host.removesuffix("."), f"{host}."})


def is_special(said: Said) -> bool:
    name = "." + said.host.lower().removesuffix(".")
    if said.case.function == "getnameinfo":
        return name.startswith((".127.", ".::ffff:127."))
    if name.endswith((".invalid", ".onion")):
        return said.ours == "EAI_NONAME"
    ours = said.ours if isinstance(said.ours, list) else []
    return name.endswith(".localhost") and {entry[4][0] for entry in ours} <= {"127.0.0.1", "::1"}


def is_comment(said: Said) -> bool:
    """Ours is what there is without the suffixes of the comment: less, or the error of the first suffix."""
    return "#" in said.machine.resolv_conf and isinstance(said.theirs, list) and isinstance(said.ours, str)


def is_forgotten_failure(said: Said) -> bool:
    failures = ("EAI_NONAME", "EAI_NODATA")
    return said.ipv4_alone and said.both_fail and said.theirs in failures and said.ours in ("EAI_AGAIN", "EAI_NONAME")


def is_idna(said: Said) -> bool:
    def encoded(encode: Callable[[str], bytes]) -> bytes | None:
        try:
            return encode(said.host)
        except UnicodeError:
            return None

    old, new = encoded(lambda host: host.encode("idna")), encoded(lambda host: idna.encode(host, uts46=True))
    return old != new and not said.host.isascii()


def is_unicode_error(said: Said) -> bool:
    return said.theirs == "ValueError" and said.ours in ("EAI_NONAME", "EAI_NODATA")


def is_alias_of_nothing(said: Said) -> bool:
    return (said.theirs, said.ours) == ("EAI_NONAME", "EAI_NODATA") and said.host in ALIASES_OF_NOTHING


def is_loop(said: Said) -> bool:
    return said.both_fail and said.ours == "EAI_AGAIN" and said.host in LOOPS


def is_no_host_name(said: Said) -> bool:
    if said.case.function == "getnameinfo":
        return "." in said.theirs
    return said.theirs == "EAI_NONAME" and UNUSUAL.search(said.host) is not None


def is_nameless_line(said: Said) -> bool:
    return said.host == "" and said.ours == "EAI_NONAME" and said.case.arguments[0] is not None


def is_nul(said: Said) -> bool:
    return "\0" in said.host and said.ours == "EAI_NONAME"


def is_canonical_name(said: Said) -> bool:
    def without_names(entries: Any) -> Any:
        return [[*entry[:3], *entry[4:]] for entry in entries]

    wanted = said.case.function == "getaddrinfo" and said.case.keywords["flags"] & CANONNAME
    lists = isinstance(said.theirs, list) and isinstance(said.ours, list)
    return bool(wanted) and lists and without_names(said.theirs) == without_names(said.ours)


def is_late_file(said: Said) -> bool:
    order = said.machine.nsswitch
    if not order.startswith("dns ") or not order.endswith("files"):
        return False
    return said.host == "ip6-localhost" or said.ours == "EAI_AGAIN" or (said.both_fail and said.theirs == "EAI_NONAME")


def is_bad_suffix(said: Said) -> bool:
    return "bad..name" in said.machine.resolv_conf and said.theirs == "EAI_NONAME"


def is_carriage_return(said: Said) -> bool:
    return "\r" in said.machine.nameservers and said.theirs == "EAI_AGAIN"


def is_host_without_aaaa(said: Said) -> bool:
    without = "no-aaaa" in said.machine.resolv_conf and (said.theirs, said.ours) == ("EAI_NONAME", "EAI_NODATA")
    return without and said.host in IN_HOSTS


def is_one_by_one(said: Said) -> bool:
    return "single-request" in said.machine.resolv_conf and said.theirs == "EAI_AGAIN" and isinstance(said.ours, list)


def is_refused_over_tcp(said: Said) -> bool:
    return "use-vc" in said.machine.resolv_conf and said.both_fail and "refused" in said.host


DIFFERENCES: dict[str, Callable[[Said], bool]] = {
    "Short, octal and hexadecimal addresses": is_short_address,
    "Ports above 65535": is_large_port,
    "An address that is there twice": is_repetition,
    "A dot at the end, and the hosts file": is_dotted_host,
    "`localhost`, `invalid`, `onion`": is_special,
    "Comments on a `search` line": is_comment,
    "A failure, for IPv4 alone": is_forgotten_failure,
    "Names that are not ASCII": is_idna,
    "`UnicodeError`": is_unicode_error,
    "An alias of a name without such an address": is_alias_of_nothing,
    "Aliases in a circle": is_loop,
    "Unusual characters": is_no_host_name,
    "The empty host": is_nameless_line,
    "NUL in a host": is_nul,
    "Canonical names": is_canonical_name,
    "`hosts: dns files`": is_late_file,
    "CRLF in resolv.conf": is_carriage_return,
    "A suffix that is no name": is_bad_suffix,
    "`no-aaaa`, and a host in the hosts file": is_host_without_aaaa,
    "`single-request`, and IPv4 fails": is_one_by_one,
    "REFUSED with `use-vc`": is_refused_over_tcp,
}
"""The lines of the table in docs/agreement.md, and which cases they are about."""

met: Counter[str] = Counter()
machines_asked: set[str] = set()


def explained(said: Said) -> bool:
    titles = [title for title, explains in DIFFERENCES.items() if explains(said)]
    met.update(titles)
    return bool(titles)


def complaints(machine: Machine, case: Case, result: dict[str, Any]) -> Iterator[str]:
    """What is wrong about a case."""
    theirs, ours, alone, addresses = (result[key] for key in ("theirs", "ours", "alone", "addresses"))
    if ours != theirs and not explained(Said(machine, case, theirs, ours)):
        yield f"{case}\n   theirs {theirs}\n   ours   {ours}"
    if alone not in (ours, theirs) and not explained(Said(machine, case, theirs, alone)):
        yield f"{case}\n   theirs {theirs}\n   alone  {alone}"
    if result["later"] != ours:
        yield f"{case}\n   ours   {ours}\n   later  {result['later']}"
    if addresses is not None:
        expected = [entry[4][0] for entry in ours] if isinstance(ours, list) else ours
        # An impossible name is a NameSyntaxError from all but getaddrinfo, where nobody expects one.
        if addresses != expected and (addresses, expected) != ("ValueError", "EAI_NONAME"):
            yield f"{case}\n   getaddrinfo {ours}\n   addresses   {addresses}"


@pytest.mark.parametrize("name", MACHINES)
def test_both_say_the_same(name: str, ask_both: Callable[..., list[dict[str, Any]]]) -> None:
    machine = MACHINES[name]
    files = {
        "hosts": machine.hosts,
        "resolv.conf": machine.nameservers + machine.resolv_conf,
        "nsswitch.conf": f"hosts: {machine.nsswitch}\nservices: files\n" if machine.nsswitch else "services: files\n",
        "gai.conf": machine.gai_conf,
    }
    results = ask_both(
        machine.cases,
        files=files,
        servers=machine.servers,
        addresses=machine.addresses,
        environ=machine.environ,
        hostname=machine.hostname,
    )
    machines_asked.add(name)
    pairs = zip(machine.cases, results, strict=True)
    wrong = [complaint for case, result in pairs for complaint in complaints(machine, case, result)]
    assert not wrong, f"{len(wrong)} of {len(machine.cases)}:\n" + "\n".join(wrong)


def test_there_are_many_cases() -> None:
    assert sum(len(set(map(str, machine.cases))) for machine in MACHINES.values()) >= 10_000


def test_the_table_in_the_docs_has_all_differences_and_no_other() -> None:
    page = Path(__file__).parents[2] / "docs" / "agreement.md"
    rows = re.findall(r"^\| (.+?) \|", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert rows[1:] == ["---", *DIFFERENCES][1:]


def test_every_difference_is_still_one() -> None:
    if machines_asked != set(MACHINES):
        pytest.skip("only some of the machines were asked")

    assert set(met) == set(DIFFERENCES)
