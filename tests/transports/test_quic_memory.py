"""Memory: what a nameserver gave is used once; and what aioquic is told of the nameserver."""

from __future__ import annotations

import ssl

import pytest

pytest.importorskip("aioquic")

from aioquic.tls import CipherSuite, SessionTicket

from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.quic_memory import Memory, make_configuration
from aioresolver.transports.quic_trust import Trust


def configure(nameserver, *, trust=None, idle_timeout=10.0, memory=None):
    trust = trust or Trust(verify=True)
    return make_configuration(nameserver, trust, idle_timeout=idle_timeout, memory=memory or Memory())


def make_ticket():
    return SessionTicket(
        age_add=0,
        cipher_suite=CipherSuite.AES_128_GCM_SHA256,
        not_valid_after=None,
        not_valid_before=None,
        resumption_secret=b"",
        server_name="dns.test",
        ticket=b"",
        max_early_data_size=0xFFFFFFFF,
    )


def test_the_name_that_is_checked():
    assert configure(Nameserver("quic", "192.0.2.1", hostname="dns.test")).server_name == "dns.test"
    assert configure(Nameserver("quic", "192.0.2.1")).server_name == "192.0.2.1"
    assert configure(Nameserver("quic", "fe80::1%lo")).server_name == "fe80::1"


def test_authorities_are_never_somebody_elses():
    configuration = configure(Nameserver("quic", "192.0.2.1"))

    assert configuration.verify_mode == ssl.CERT_REQUIRED
    assert configuration.cadata == b""  # None would mean those of the package certifi


def test_an_idle_connection_lives_longer_than_we_are_silent():
    nameserver = Nameserver("quic", "192.0.2.1")

    assert configure(nameserver, idle_timeout=0.1).idle_timeout == 5
    assert configure(nameserver, idle_timeout=30).idle_timeout == 30


def test_tickets_and_tokens_are_used_once_the_newest_first():
    memory = Memory()
    tickets = [make_ticket() for _ in range(6)]
    memory.keep([*tickets, b"old", b"new"])

    first, second, third = (configure(Nameserver("quic", "192.0.2.1"), memory=memory) for _ in range(3))

    assert [first.token, second.token, third.token] == [b"new", b"old", b""]
    assert [each.session_ticket for each in (first, second, third)] == tickets[5:2:-1]
    assert len(memory.tickets) == 1


def test_a_ticket_is_no_permission_to_send_early():
    memory = Memory()
    memory.keep([make_ticket()])

    assert memory.tickets[0].max_early_data_size is None


def test_tokens_are_given_up_before_tickets():
    memory = Memory()
    memory.blame()
    memory.keep([make_ticket(), b"token"])
    assert (len(memory.tickets), len(memory.tokens)) == (1, 0)

    memory.blame()
    memory.keep([make_ticket(), b"token"])
    assert (len(memory.tickets), len(memory.tokens)) == (0, 0)
