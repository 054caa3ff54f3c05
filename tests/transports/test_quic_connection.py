"""DoqConnection: what it draws and what it shows; how it behaves is in test_quic.py, where there is a nameserver."""

from __future__ import annotations

import pytest

pytest.importorskip("aioquic")

from aioquic.quic.connection import QuicConnection

from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.quic_connection import _printable
from aioresolver.transports.quic_memory import Memory, make_configuration
from aioresolver.transports.quic_trust import Trust


def test_connection_ids_come_from_the_operating_system(monkeypatch):
    drawn = []
    monkeypatch.setattr("os.urandom", lambda size: drawn.append(size) or bytes(range(100, 100 + size)))
    nameserver, trust = Nameserver("quic", "192.0.2.1"), Trust(verify=True)

    connection = QuicConnection(
        configuration=make_configuration(nameserver, trust, idle_timeout=10, memory=Memory()),
    )

    assert connection.host_cid == connection.original_destination_connection_id == bytes(range(100, 108))
    assert drawn == [8, 8]


def test_what_the_other_side_says_is_fit_to_be_shown():
    assert _printable("too much") == "too much"
    assert _printable("\x1b[2Jgone\n" + "x" * 1000) == "?[2Jgone?" + "x" * 91
