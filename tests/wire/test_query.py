"""Queries as bytes, and the letter case of what they ask."""

from __future__ import annotations

import itertools
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioresolver.wire.codes import EdnsOption, RRClass
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message, Question
from aioresolver.wire.query import QueryForm, query_frame, query_wire, question_section, randomized, same_but_case

QUESTION = Question.parse("www.example.org", "AAAA")
RICH = Edns(4096, flags=0x8000).with_option(EdnsOption.NSID, b"").with_option(65001, b"abc")


@pytest.mark.parametrize(
    ("given", "meant"), [(True, Edns()), (False, None), (None, None), (Edns(), Edns()), (RICH, RICH)]
)
@pytest.mark.parametrize("flags", list(itertools.product([True, False], repeat=3)))
@pytest.mark.parametrize("text", ["www.example.org", ".", r"a\.b.c", "_x.y"])
def test_the_fast_query_is_the_same_query(text, flags, given, meant):
    question = Question.parse(text, "AAAA")
    flags = dict(zip(("recursion_desired", "checking_disabled", "authentic_data"), flags, strict=True))
    wire = Message.query(question, edns=meant, **flags).to_wire()

    assert query_wire(question, edns=given, **flags) == wire
    head, tail = query_frame(given, **flags)
    assert b"\0\0" + head + question_section(question) + tail == wire


@pytest.mark.parametrize("edns", [Edns(), RICH, RICH.with_option(EdnsOption.PADDING, bytes(99))])
@pytest.mark.parametrize("name", ["a.", "www.example.org.", "a" * 63 + ".", ".".join(["a" * 50] * 4)])
@pytest.mark.parametrize("block", [1, 128, 468])
def test_a_padded_query_ends_at_a_whole_block(name, edns, block):
    question = Question.parse(name)
    wire = query_wire(question, edns=edns, padding=block)

    assert wire == Message.query(question, edns=edns).to_wire(padding=block)
    assert len(wire) % block == 0
    assert len(wire) - len(query_wire(question, edns=edns.unpadded())) <= block + 4


@pytest.mark.parametrize("edns", [None, Edns(), RICH, RICH.with_option(EdnsOption.PADDING, bytes(99))])
@pytest.mark.parametrize("padding", [0, 128])
def test_what_a_form_gives_is_the_same_query(edns, padding):
    form = QueryForm(edns, padding=padding)

    for length in (*range(1, 64), 1):
        question = Question.parse("a" * length + ".example")
        assert form.wire(question) == query_wire(question, edns=edns, padding=padding)


def test_the_usual_edns_is_padded_like_any():
    assert query_wire(QUESTION, padding=128) == query_wire(QUESTION, edns=Edns(), padding=128)
    assert len(query_wire(QUESTION, padding=128)) == 128


def test_without_edns_there_is_no_padding():
    assert query_wire(QUESTION, edns=None, padding=128) == query_wire(QUESTION, edns=None)


def test_another_class_is_asked():
    question = Question.parse("version.bind", "TXT", class_=RRClass.CH)

    assert question_section(question) == b"\7version\4bind\0\0\x10\0\3"


def test_every_letter_changes_its_case_with_its_bit():
    # Both numbers of the type are letters, and one of the labels is as long as the code of "!" says.
    question = Question.parse(f"{string.ascii_letters[:33]}.a-1_b.example", 0x4161)
    section = question_section(question)
    others = randomized(section, b"\xff" * len(section))

    assert others == section[:-4].upper() + section[-4:]
    assert randomized(others, b"\x20" * (len(section) - 4)) == section
    assert randomized(section, b"\xdf" * len(section)) == section
    assert randomized(section, bytes(len(section))) == section


def test_each_letter_has_a_bit_of_its_own():
    section = question_section(QUESTION)
    bits = bytes(0x20 if place in (1, 3, 8) else 0 for place in range(len(section)))

    assert randomized(section, bits) == b"\3WwW\7exaMple\3org\0\0\x1c\0\1"


def test_too_few_random_bytes_are_refused():
    section = question_section(QUESTION)

    with pytest.raises(ValueError, match="a name of 17 bytes takes as many random ones, not 16"):
        randomized(section, bytes(16))
    assert randomized(section, bytes(17)) == section


@given(bits=st.binary(min_size=17, max_size=21))
def test_what_is_randomized_asks_the_same(bits):
    section = question_section(QUESTION)
    other = randomized(section, bits)

    assert same_but_case(section, other)
    assert same_but_case(other, section)
    assert Message.parse(query_wire(QUESTION).replace(section, other)).question == (QUESTION,)


@pytest.mark.parametrize("number", [0x4141, 0x6161, 0x41, 0x61])
def test_the_type_is_no_letter(number):
    section = question_section(Question.parse("example.org", number))

    assert not same_but_case(section, question_section(Question.parse("example.org", number ^ 0x20)))
    assert same_but_case(section, section[:-4].upper() + section[-4:])


@pytest.mark.parametrize(
    "text", ["example.net", "example.or", "example.orga", "www.example.org", ".", r"ex\001mple.org"]
)
def test_another_name_is_another_question(text):
    assert not same_but_case(question_section(Question.parse("example.org")), question_section(Question.parse(text)))


def test_bytes_that_are_no_letters_have_no_case():
    one, other = (question_section(Question.parse(rf"\{byte:03d}.example")) for byte in (ord("@"), ord("`")))

    assert not same_but_case(one, other)
    assert randomized(one, b"\xff" * 20)[:2] == one[:2]
    high = question_section(Question.parse(r"\228\196.example"))
    assert randomized(high, b"\xff" * 20)[:3] == high[:3]
