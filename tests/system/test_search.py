"""The search list: written cases, and the packets that the C library sends for the same."""

from __future__ import annotations

import socket

import pytest

from aioresolver.errors import NameSyntaxError
from aioresolver.system.search import Outcome, SearchWalk, candidates
from aioresolver.wire.names import Name

SEARCH = [Name("one.test."), Name("two.test.")]
NX, NODATA, SERVFAIL, FAILED = Outcome


@pytest.mark.parametrize(
    ("text", "ndots", "expected"),
    [
        ("www", 1, ["www.one.test.", "www.two.test.", "www."]),
        ("www.example", 1, ["www.example.", "www.example.one.test.", "www.example.two.test."]),
        ("www.example", 2, ["www.example.one.test.", "www.example.two.test.", "www.example."]),
        ("a.b.example", 2, ["a.b.example.", "a.b.example.one.test.", "a.b.example.two.test."]),
        ("www", 0, ["www.", "www.one.test.", "www.two.test."]),
        ("www.", 1, ["www."]),
        ("www.example.", 5, ["www.example."]),
        (Name("www.example."), 5, ["www.example."]),
        ("WWW", 1, ["www.one.test.", "www.two.test.", "www."]),
        ("bücher", 1, ["xn--bcher-kva.one.test.", "xn--bcher-kva.two.test.", "xn--bcher-kva."]),
        (".", 1, ["."]),
    ],
)
def test_the_order_of_the_candidates(text, ndots, expected):
    assert candidates(text, SEARCH, ndots) == expected


def test_without_a_search_list_there_is_one():
    assert candidates("www", [], 3) == ["www."]


def test_the_root_in_the_search_list_is_the_name_as_it_is_and_is_asked_once():
    assert candidates("www", [Name("one.test."), Name("."), SEARCH[1]]) == ["www.one.test.", "www.", "www.two.test."]
    assert candidates("www.x", [Name(".")]) == ["www.x."]


def test_no_tld_query():
    assert candidates("www", SEARCH, no_tld_query=True) == ["www.one.test.", "www.two.test."]
    assert candidates("www", [], no_tld_query=True) == ["www."]
    assert candidates("www.x", SEARCH, 2, no_tld_query=True)[-1] == "www.x."


def test_a_suffix_that_makes_the_name_too_long_is_passed_over():
    long = ".".join(["a" * 61] * 4)

    assert candidates(long, [Name("long.test."), Name("x.")]) == [f"{long}.", f"{long}.x."]


@pytest.mark.parametrize("text", ["", "a..b", ".a", "a" * 64])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(NameSyntaxError):
        candidates(text, SEARCH)


def walk(text, outcomes, ndots=1):
    """The names asked, and the verdict, where each candidate has an outcome in turn."""
    names = SearchWalk(candidates(text, SEARCH, ndots), Name.parse(text))
    asked = []
    for name, outcome in zip(names, outcomes, strict=False):
        asked.append(name)
        names.saw(outcome, outcome)
    return asked, names.verdict


@pytest.mark.parametrize(
    ("outcomes", "asked", "verdict"),
    [
        ([NX, NX, NX], 3, NX),
        ([NODATA, NX, NX], 3, NODATA),
        ([SERVFAIL, NX, NX], 3, SERVFAIL),
        ([SERVFAIL, NODATA, NX], 3, NODATA),
        ([SERVFAIL, NX, NODATA], 3, SERVFAIL),
        ([NX, NX, NODATA], 3, NODATA),
        ([NX, NX, FAILED], 3, FAILED),
    ],
)
def test_the_suffixes_first(outcomes, asked, verdict):
    names, seen = walk("www", outcomes)

    assert (len(names), seen) == (asked, verdict)


def test_a_failure_ends_the_suffixes_but_not_the_name_as_it_is():
    assert walk("www", [FAILED, NX, NX]) == (["www.one.test.", "www."], NX)
    assert walk("www.x", [FAILED, FAILED, NX]) == (["www.x.", "www.x.one.test."], FAILED)


def test_of_the_name_as_it_is_the_outcome_counts_when_it_was_first():
    assert walk("www.x", [NX, NODATA, SERVFAIL]) == (["www.x.", "www.x.one.test.", "www.x.two.test."], NX)
    assert walk("www.x", [FAILED, NX, NX])[1] is FAILED


def test_both_families():
    assert NODATA.beside(NX) is NX
    assert NX.beside(NODATA) is NX
    assert NODATA.beside(SERVFAIL) is SERVFAIL
    assert NODATA.beside(NODATA) is NODATA


# A nameserver on loopback with an rcode for some labels, NXDOMAIN for the rest, that tells what it was asked.
PROGRAM = """
import socket, threading
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.53", 53))
asked = []
plan = dict(given[1])
def serve():
    while True:
        query, client = server.recvfrom(4096)
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        asked.append(".".join(labels) + ".")
        rcode = next((plan[label] for label in reversed(labels) if label in plan), 3)
        server.sendto(query[:2] + bytes([0x81, 0x80 | rcode]) + query[4:6] + bytes(6) + query[12 : at + 5], client)
threading.Thread(target=serve, daemon=True).start()
results = []
for name in given[0]:
    asked.clear()
    try:
        # For AF_INET alone it forgets a SERVFAIL when NXDOMAIN follows: a way of its own, that we do not follow.
        socket.getaddrinfo(name, 80, family=socket.AF_INET6, type=1)
        error = 0
    except socket.gaierror as problem:
        error = problem.errno
    results.append([list(asked), error])
print(json.dumps(results))
"""
WALKS = ["www", "www.x", "www.", "a.b.c", "a.b.c.", "n0", "s0.x", "mail.two"]


@pytest.mark.parametrize("ndots", [1, 2, 3])
@pytest.mark.parametrize("plan", [{}, {"one": 0}, {"one": 2}, {"two": 2, "one": 0}, {"x": 2}, {"two": 0, "x": 0}])
def test_the_c_library_asks_the_same(in_private_etc, ndots, plan):
    conf = f"nameserver 127.0.0.53\nsearch one.test two.test\noptions ndots:{ndots} attempts:1 timeout:1\n"
    files = {"resolv.conf": conf, "nsswitch.conf": "hosts: dns\n"}

    results = in_private_etc(PROGRAM, files, [WALKS, list(plan.items())])

    errors = {NX: socket.EAI_NONAME, NODATA: socket.EAI_NODATA, SERVFAIL: socket.EAI_AGAIN}
    for text, (asked, error) in zip(WALKS, results, strict=True):
        names = SearchWalk(candidates(text, SEARCH, ndots), Name.parse(text))
        ours = []
        for name in names:
            ours.append(name)
            labels = name[:-1].split(".")
            rcode = next((plan[label] for label in reversed(labels) if label in plan), 3)
            outcome = {0: NODATA, 2: SERVFAIL, 3: NX}[rcode]
            names.saw(outcome, outcome)
        assert ours == asked, text
        assert error == errors[names.verdict], text
