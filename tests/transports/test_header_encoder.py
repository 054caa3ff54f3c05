"""HeaderEncoder says what hpack's own encoder says, whatever is said in between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("hpack")

from hpack import Decoder, Encoder, NeverIndexedHeaderTuple

from aioresolver.transports.header_encoder import HeaderEncoder

NAMES = st.sampled_from([b":path", b"content-length", b"x", b"content-type"])
VALUES = st.sampled_from([b"1", b"/dns-query", b"y" * 50, b"z" * 200, b"application/dns-message"])
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=5)
UNKEPT = st.lists(st.builds(NeverIndexedHeaderTuple, NAMES, VALUES), max_size=2)


@given(st.lists(st.one_of(st.tuples(UNKEPT, HEADERS), st.sampled_from([0, 60, 120, 400, 4096])), max_size=30))
def test_the_same_bytes_as_hpack(steps):
    ours, theirs, decoder = HeaderEncoder(), Encoder(), Decoder()
    for step in steps:
        if isinstance(step, int):
            ours.header_table_size = ours.header_table_size = step
            if theirs.header_table_size != step:  # hpack, told the same again, does not tell the decoder
                theirs.header_table_size = step
            continue
        headers = [*step[0], *step[1]]
        block = ours.encode(headers)
        prefix = b"".join(theirs.encode([header], huffman=False) for header in step[0])
        assert block == prefix + theirs.encode(step[1])
        assert [tuple(header) for header in decoder.decode(block, raw=True)] == [tuple(header) for header in headers]


def test_a_new_size_is_told_once():
    encoder = HeaderEncoder()
    headers = [(b"a", b"b")]
    encoder.encode(headers)
    before = encoder.encode(headers)
    encoder.header_table_size = 200
    assert encoder.encode(headers).endswith(before)
    assert encoder.encode(headers) == before
    assert encoder.encode(headers) == before


def test_what_is_said_again_is_not_encoded_again():
    encoder = HeaderEncoder()
    headers = [(b"a", b"b"), (b"c", b"d")]
    first, second, third = (encoder.encode(headers) for _ in range(3))
    assert len(first) > len(second)
    assert third is not None
    assert second == third
    assert len(encoder._kept) == 1


def test_what_is_kept_is_bounded():
    encoder = HeaderEncoder()
    for number in range(300):
        encoder.encode([(b":status", b"200")] * number)
    assert len(encoder._kept) <= 256
