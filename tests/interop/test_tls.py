"""DNS over TLS with the servers that people run."""

from __future__ import annotations


async def test_resolves(secure):
    assert secure.answers()
