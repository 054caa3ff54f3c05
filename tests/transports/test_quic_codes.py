"""The error codes of DNS over QUIC."""

from __future__ import annotations

import pytest

from aioresolver.transports.quic_codes import describe


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "DOQ_NO_ERROR"), (3, "DOQ_REQUEST_CANCELLED"), (5, "DOQ_UNSPECIFIED_ERROR"), (0xD098EA5E, "error 0xd098ea5e")],
)
def test_codes_have_names(code, words):
    assert describe(code) == words
