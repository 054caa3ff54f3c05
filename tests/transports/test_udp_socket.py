"""UdpSocket: how a socket is opened, and that no datagram upsets it."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import pytest

from aioresolver.transports import udp_socket
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.udp import UdpTransport
from aioresolver.transports.udp_socket import measure_receive_buffer, open_connected

SOMEWHERE = Nameserver("udp", "127.0.0.1", 9)


def port_of(connected):
    with connected:
        return connected.getsockname()[1]


def test_is_connected_and_never_blocks():
    with open_connected(SOMEWHERE) as connected:
        assert connected.getpeername() == ("127.0.0.1", 9)
        assert not connected.getblocking()


def test_ports_are_chosen_among_all_but_two(monkeypatch):
    draws = iter([4791 - 1024, 11211 - 1024, 50000 - 1024])
    monkeypatch.setattr(udp_socket, "_random_below", lambda limit: next(draws))
    assert port_of(open_connected(SOMEWHERE)) == 50000


def test_a_port_that_is_taken_is_passed_over(monkeypatch):
    with open_connected(SOMEWHERE) as first:
        taken = first.getsockname()[1]
        draws = iter([taken - 1024, taken - 1024, 50001 - 1024])
        monkeypatch.setattr(udp_socket, "_random_below", lambda limit: next(draws))
        assert port_of(open_connected(SOMEWHERE)) == 50001


@pytest.mark.parametrize("source", [None, "127.0.0.1"])
def test_the_operating_system_chooses_in_the_end(monkeypatch, source):
    with open_connected(SOMEWHERE) as first:
        taken = first.getsockname()[1]
        monkeypatch.setattr(udp_socket, "_random_below", lambda limit: taken - 1024)
        assert port_of(open_connected(SOMEWHERE, source=source)) not in {0, taken}


def test_what_cannot_be_connected_is_closed(open_sockets):
    before = open_sockets()
    with pytest.raises(OSError):
        open_connected(Nameserver("udp", "fe80::1%nosuch0"))
    assert open_sockets() == before


def test_receive_buffer_is_raised():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        before = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        size = measure_receive_buffer(sock)
        assert size >= before
        assert size == sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


@pytest.mark.parametrize("largest", [10**9, 600_000, 0])
def test_receive_buffer_where_it_may_not_be_raised(largest):
    class Stubborn:
        size = 200_000

        def setsockopt(self, level, option, size):
            if option != socket.SO_RCVBUF or size > largest:
                raise PermissionError(errno.EPERM, "no")
            self.size = size

        def getsockopt(self, level, option):
            return self.size

    assert measure_receive_buffer(Stubborn()) == {10**9: 4 << 20, 600_000: 1 << 19, 0: 200_000}[largest]


async def test_no_datagram_upsets_it(udp_server, messages):
    server = await udp_server(None)
    transport = UdpTransport(server.nameserver)
    future = transport.exchange(messages.query(), asyncio.get_running_loop().time() + 10)
    (sock,) = transport._sockets
    right = messages.reply(future.wire)
    for _ in range(2000):
        noise = bytearray(os.urandom(len(right)))
        keep = noise[0] % 24
        sock.take(right[:keep] + bytes(noise[keep:]))
    for length in range(28):
        sock.take(right[:length])
    assert not future.done()
    sock.take(right)
    assert await future == right
    assert transport.ignored == 2028
    await transport.aclose()
