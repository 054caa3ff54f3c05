"""resolv.conf: every directive, and the same values as the C library's own parser."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from aioresolver.system.resolv_conf import ResolvConf, parse_resolv_conf


def test_an_empty_file_means_the_nameserver_on_this_machine():
    assert parse_resolv_conf("") == ResolvConf(nameservers=("127.0.0.1",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nameserver 192.0.2.1", ("192.0.2.1",)),
        ("nameserver\t192.0.2.1  \r\n", ("192.0.2.1",)),
        ("nameserver 192.0.2.1 # the first\nnameserver 2001:db8::1 # and more", ("192.0.2.1", "2001:db8::1")),
        ("nameserver fe80::1%eth0", ("fe80::1%eth0",)),
        ("nameserver 2001:DB8:0::1", ("2001:db8::1",)),
        ("nameserver 127.1", ("127.0.0.1",)),
        ("".join(f"nameserver 192.0.2.{i}\n" for i in range(1, 6)), ("192.0.2.1", "192.0.2.2", "192.0.2.3")),
        ("nameserver dns.example\nnameserver 192.0.2.300\nnameserver", ("127.0.0.1",)),
        (" nameserver 192.0.2.1", ("127.0.0.1",)),
        ("nameservers 192.0.2.1", ("127.0.0.1",)),
        ("NAMESERVER 192.0.2.1", ("127.0.0.1",)),
        ("#nameserver 192.0.2.1\n;nameserver 192.0.2.1", ("127.0.0.1",)),
    ],
)
def test_nameservers(text, expected):
    assert parse_resolv_conf(text).nameservers == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("search a.example b.example", ("a.example", "b.example")),
        ("search a.example\nsearch b.example", ("b.example",)),
        ("search a.example\ndomain b.example c.example", ("b.example",)),
        ("domain b.example\nsearch a.example c.example", ("a.example", "c.example")),
        ("search a.example\nsearch\nsearch  \ndomain", ("a.example",)),
        ("search " + " ".join(f"d{i}.example" for i in range(9)), tuple(f"d{i}.example" for i in range(9))),
        ("search a.example # b.example", ("a.example",)),
        ("search .", (".",)),
        ("", ("hosts.example",)),
    ],
)
def test_the_search_list(text, expected):
    assert parse_resolv_conf(text, hostname="box.hosts.example").search == expected


def test_without_a_domain_in_the_host_name_there_is_no_search_list():
    assert parse_resolv_conf("", hostname="box").search == ()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("ndots:3 timeout:2 attempts:4", {"ndots": 3, "timeout": 2, "attempts": 4}),
        ("ndots:99 timeout:99 attempts:99", {"ndots": 15, "timeout": 30, "attempts": 5}),
        ("ndots:0 timeout:0 attempts:0", {"ndots": 0, "timeout": 1, "attempts": 1}),
        ("ndots: timeout:x", {"ndots": 0, "timeout": 1}),
        ("ndots:2x", {"ndots": 2}),
        ("rotate use-vc edns0", {"rotate": True, "use_tcp": True, "edns": True}),
        ("trust-ad no-aaaa no-reload", {"trust_ad": True, "no_aaaa": True, "no_reload": True}),
        ("single-request", {"single_request": True}),
        ("single-request-reopen", {"single_request_reopen": True}),
        ("no-tld-query", {"no_tld_query": True}),
        ("no_tld_query inet6 debug unheard-of", {"no_tld_query": True}),
    ],
)
def test_options(options, expected):
    assert parse_resolv_conf(f"options {options}") == ResolvConf(**expected)
    assert parse_resolv_conf("", {"RES_OPTIONS": options}) == ResolvConf(**expected)


def test_options_add_up_over_lines_and_the_environment_has_the_last_word():
    conf = parse_resolv_conf("options ndots:2\noptions rotate ndots:3", {"RES_OPTIONS": "ndots:4"})

    assert (conf.ndots, conf.rotate) == (4, True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("x.example y.example", ("x.example", "y.example")), ("", (".",)), ("one\ntwo", ("one",))],
)
def test_localdomain_replaces_the_search_list(value, expected):
    text = "search a.example\ndomain b.example"

    assert parse_resolv_conf(text, {"LOCALDOMAIN": value}, hostname="box.c.example").search == expected


def test_sortlist():
    conf = parse_resolv_conf("sortlist 130.155.160.0/255.255.240.0 10.1.0.0 192.0.2.9&255.255.255.128 x ; 9.9.9.9")

    assert conf.sortlist == (
        IPv4Network("130.155.160.0/20"),
        IPv4Network("10.0.0.0/8"),
        IPv4Network("192.0.2.0/25"),
    )


CASES = [
    "",
    "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
    "nameserver 127.1\nnameserver 0x7f.1\n nameserver 192.0.2.3\nNameserver 192.0.2.4\n",
    "nameserver 192.0.2.1#x\nnameserver 192.0.2.2 #x\nnameserver 192.0.2.3;x\nnameserver\t192.0.2.4\n",
    "nameserver 192.0.2.1 192.0.2.2\nnameserver x\nnameserver\n",
    "domain a.example\n",
    "domain  a.example b.example\nsearch\n",
    "search a.example b.example  c.example\nsearch \n",
    "search a.example\ndomain b.example\nnameserver 192.0.2.1",
    "search\ta.example\tb.example",
    "; search x\n# search y\nsearch z.example\n",
    "options ndots:5\n",
    "options ndots:99 timeout:99 attempts:99\n",
    "options ndots: timeout:7x attempts:3\noptions ndots:2\n",
    "options rotate edns0 use-vc single-request\n",
    "options single-request-reopen no-tld-query no-reload trust-ad\n",
    "options rotated no_tld_query unheard-of\n",
    "options\trotate\tndots:4\n",
    "optionsrotate ndots:4\n",
]
ENVIRONMENTS = [
    {},
    {"LOCALDOMAIN": "l.example m.example"},
    {"LOCALDOMAIN": ""},
    {"RES_OPTIONS": "ndots:7 rotate"},
    {"RES_OPTIONS": "timeout:3", "LOCALDOMAIN": "l.example"},
]

# The head of struct __res_state, as <resolv.h> has it.
PROGRAM = """
import ctypes, os, socket, struct
libc = ctypes.CDLL(None)
libc["__res_ninit"].restype = ctypes.c_int
results = []
for number, (text, environ) in enumerate(given):
    # It reads the file, and the environment, only when the file's size or time is another.
    open("/etc/resolv.conf", "w").write(text + "\\n#" + "x" * number)
    for name in ("LOCALDOMAIN", "RES_OPTIONS"):
        os.environ.pop(name, None)
    os.environ.update(environ)
    state = ctypes.create_string_buffer(2048)
    assert libc["__res_ninit"](state) == 0
    timeout, attempts, options, count = struct.unpack_from("iiLi", state)
    at = struct.calcsize("iiLi")
    nameservers = [socket.inet_ntoa(state.raw[at + 16 * i + 4 : at + 16 * i + 8]) for i in range(count)]
    at = (at + 3 * 16 + 2 + 7) // 8 * 8
    search = []
    for i in range(6):
        pointer = struct.unpack_from("P", state, at + 8 * i)[0]
        if not pointer:
            break
        search.append(ctypes.string_at(pointer).decode())
    at += 7 * 8 + 256
    at = (at + 7) // 8 * 8 + 8
    results.append([nameservers, search, state.raw[at] & 15, timeout, attempts, options])
    libc["__res_nclose"](state)
print(json.dumps([socket.gethostname(), results]))
"""
BITS = {
    "use_tcp": 0x8,
    "rotate": 0x4000,
    "edns": 0x100000,
    "single_request": 0x200000,
    "single_request_reopen": 0x400000,
    "no_tld_query": 0x1000000,
    "no_reload": 0x2000000,
    "trust_ad": 0x4000000,
}


def test_the_c_library_reads_the_same(in_private_etc):
    given = [(text, environ) for text in CASES for environ in ENVIRONMENTS]

    hostname, results = in_private_etc(PROGRAM, {"resolv.conf": ""}, given)

    for (text, environ), (nameservers, search, ndots, timeout, attempts, options) in zip(given, results, strict=True):
        ours = parse_resolv_conf(text, environ, hostname=hostname)
        theirs = ours._replace(
            nameservers=tuple(nameservers),
            search=tuple(suffix or "." for suffix in search),
            ndots=ndots,
            timeout=timeout,
            attempts=attempts,
            **{field: bool(options & bit) for field, bit in BITS.items()},
        )
        assert ours == theirs, (text, environ)
