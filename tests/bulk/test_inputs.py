"""Texts and items read as inputs: each is one, bad or not, and none is an exception."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.bulk.inputs import ArrivingInputs, BadInput, Input, Inputs, parse_types
from aioresolver.bulk.lines import unreadable
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name

A, AAAA, MX, PTR, SOA = RRType.A, RRType.AAAA, RRType.MX, RRType.PTR, RRType.SOA


def read(*items, **options):
    return list(Inputs(items, **options))


@pytest.mark.parametrize(
    ("item", "name", "types"),
    [
        ("a.test", "a.test.", (A,)),
        ("  A.Test.\r", "a.test.", (A,)),
        ("bücher.test", "xn--bcher-kva.test.", (A,)),
        ("a.test MX", "a.test.", (MX,)),
        ("a.test \t mx", "a.test.", (MX,)),
        ("a.test MX,A,MX", "a.test.", (MX, A)),
        ("a.test MX A", "a.test.", (MX, A)),
        ("a.test TYPE15", "a.test.", (MX,)),
        ("_sip._udp.a.test SRV", "_sip._udp.a.test.", (RRType.SRV,)),
        ("*.a.test", "*.a.test.", (A,)),
        ("n1", "n1.", (A,)),
        (".", ".", (A,)),
        ("192.0.2.1", "1.2.0.192.in-addr.arpa.", (PTR,)),
        ("192.0.2.1 SOA", "1.2.0.192.in-addr.arpa.", (SOA,)),
        ("fe80::1%eth0", Name.reverse("fe80::1"), (PTR,)),
        (ip_address("2001:db8::1"), Name.reverse("2001:db8::1"), (PTR,)),
        ("192.0.2.256", "192.0.2.256.", (A,)),
        (("a.test", "MX"), "a.test.", (MX,)),
        (("a.test", 15, "a tag"), "a.test.", (MX,)),
        (("a.test", None), "a.test.", (A,)),
        (("a.test", [A, "MX"]), "a.test.", (A, MX)),
        (("192.0.2.1", "PTR"), "1.2.0.192.in-addr.arpa.", (PTR,)),
        (Name.parse("a.test"), "a.test.", (A,)),
    ],
)
def test_what_can_be_asked_is_an_input(item, name, types):
    (found,) = read(item)

    assert isinstance(found, Input)
    assert (found.index, found.name, found.types) == (0, name, types)
    assert type(found.name) is Name


@pytest.mark.parametrize(
    ("item", "text", "status", "types"),
    [
        ("a..test", "a..test", "bad-name", ("A", "MX")),
        ("x" * 64, "x" * 64, "bad-name", ("A", "MX")),
        ("x." * 200, "x." * 200, "bad-name", ("A", "MX")),
        ("x" * 5000, "x" * 1024, "bad-name", ("A", "MX")),
        ("a\x00b", "a\x00b", "bad-name", ("A", "MX")),
        ("a\nb", "a\nb", "bad-name", ("A", "MX")),
        ("\x0b", "\x0b", "bad-name", ("A", "MX")),
        ("\u3000", "\u3000", "bad-name", ("A", "MX")),
        ("\udcff.test", "\\udcff.test", "bad-name", ("A", "MX")),
        ("a.test NOTYPE", "a.test NOTYPE", "bad-type", ("NOTYPE",)),
        ("this is no name", "this is no name", "bad-type", ("is no name",)),
        ("a.test ,", "a.test ,", "bad-type", (",",)),
        ("a.test A,AXFR", "a.test A,AXFR", "bad-type", ("A,AXFR",)),
        ("a..test MX,TXT", "a..test MX,TXT", "bad-name", ("MX", "TXT")),
        (unreadable("\\xff", "it is not UTF-8"), "\\xff", "bad-name", ("A", "MX")),
        (("a..test", "MX"), "a..test", "bad-name", ("MX",)),
        (("", "MX"), "", "bad-name", ("MX",)),
        (("a.test", object), "a.test", "bad-type", ("<class 'object'>",)),
        (("a.test", 70000), "a.test", "bad-type", ("70000",)),
        (None, "None", "bad-name", ("A", "MX")),
        (b"a.test", "b'a.test'", "bad-name", ("A", "MX")),
        (3.5, "3.5", "bad-name", ("A", "MX")),
    ],
)
def test_what_cannot_be_asked_is_a_bad_input(item, text, status, types):
    (found,) = read(item, types=["A", "MX"])

    assert isinstance(found, BadInput)
    assert (found.index, found.text, found.status, found.types) == (0, text, status, types)
    assert found.error
    found.text.encode()


def test_blank_texts_are_no_inputs_but_counted():
    inputs = Inputs(["", "a.test", " \t\r", "b.test"])

    assert [(found.index, found.text) for found in inputs] == [(1, "a.test"), (3, "b.test")]
    assert inputs.blank == 2


def test_duplicates_are_inputs_of_their_own():
    assert [found.index for found in read("a.test", "a.test", "A.TEST")] == [0, 1, 2]


def test_inputs_stay_as_they_are():
    made = Input(40, "forty", Name.parse("a.test"), (MX,)), BadInput(41, "x", ("A",), "bad-name", "no")

    assert read(*made) == list(made)


def test_how_much_is_read_is_told_when_it_is_known():
    inputs = Inputs(["a.test", "", "b.test", "c.test"])
    assert inputs.done == 0
    next(iterator := iter(inputs))
    next(iterator)
    assert inputs.done == 0.75

    assert Inputs(iter(["a.test"])).done is None
    assert Inputs([]).done == 0


@pytest.mark.parametrize("leave_early", [False, True])
def test_the_end_of_the_iteration_closes_what_was_opened(leave_early):
    closed = []
    inputs = Inputs(["a.test", "b.test"], close=lambda: closed.append(True))
    for _ in (iterator := iter(inputs)):
        if leave_early:
            break
    iterator.close()

    assert closed == [True]


async def test_inputs_that_arrive_are_the_same():
    async def batches():
        yield ["a.test", ""]
        yield []
        yield ["b..test", "192.0.2.1"]

    inputs = ArrivingInputs(batches(), types="MX")
    found = [found async for found in inputs]

    assert [(item.index, item.text, tuple(map(str, item.types))) for item in found] == [
        (0, "a.test", ("MX",)),
        (2, "b..test", ("MX",)),
        (3, "192.0.2.1", ("PTR",)),
    ]
    assert (inputs.blank, inputs.done) == (1, None)


@pytest.mark.parametrize(
    ("types", "parsed"),
    [("A", (A,)), ("a, AAAA,a", (A, AAAA)), ("A MX", (A, MX)), (15, (MX,)), (MX, (MX,)), (["A", 15, MX], (A, MX))],
)
def test_types_are_text_numbers_or_several(types, parsed):
    assert parse_types(types) == parsed


@pytest.mark.parametrize("types", ["", ",", [], "A,NOTYPE", [70000], 70000, "OPT", "a, axfr", "TYPE251", 250])
def test_types_that_are_none_are_told(types):
    with pytest.raises(ValueError, match=r"type|RRType"):
        parse_types(types)


@given(st.lists(st.one_of(st.text(), st.none(), st.binary(), st.tuples(st.text(), st.text()))))
def test_every_item_is_one_input_or_blank(items):
    inputs = Inputs(items)
    found = list(inputs)

    assert len(found) + inputs.blank == len(items)
    assert len({one.index for one in found}) == len(found)
    assert all(one.types for one in found)
