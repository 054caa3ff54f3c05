"""QuicLink: datagrams between a socket and aioquic; which of them tell that the other side has forgotten everything."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from types import SimpleNamespace

import pytest

pytest.importorskip("aioquic")

from aioresolver.transports.quic_link import QuicLink

TOKEN = os.urandom(16)


class Owner:
    """Whose link it is: what it was told."""

    def __init__(self):
        self.proceeded = 0
        self.errors = []

    def proceed(self):
        self.proceeded += 1

    def lost(self, error):
        self.errors.append(error)


class FakeQuic:
    """What a link uses of aioquic."""

    def __init__(self):
        self.received = []
        self.unsent = []
        self._peer_cid = SimpleNamespace(stateless_reset_token=b"")
        self._peer_cid_available = [SimpleNamespace(stateless_reset_token=TOKEN)]

    def connect(self, address, now):
        self.address = address

    def receive_datagram(self, datagram, address, now):
        self.received.append(datagram)

    def datagrams_to_send(self, now):
        unsent, self.unsent = self.unsent, []
        return unsent

    def get_timer(self):
        return None


def scene(run, act):
    async def main():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            near.setblocking(False)
            near.connect(far.getsockname())
            owner, quic = Owner(), FakeQuic()
            link = QuicLink(owner, near, quic, loop=asyncio.get_running_loop(), endpoints=set())
            link.start()
            await act(link, owner, quic, far)
            link.close()
            link.close()
            assert near.fileno() == -1

    run(main())


@pytest.mark.parametrize(
    ("datagram", "reset"),
    [
        (b"\x40" + bytes(4) + TOKEN, True),
        (b"\x40" + bytes(1000) + TOKEN, True),
        (b"\x40" + bytes(3) + TOKEN, False),  # too short
        (b"\xc0" + bytes(20) + TOKEN, False),  # a long header
        (b"\x40" + bytes(20) + TOKEN[:-1] + bytes([TOKEN[-1] ^ 1]), False),
        (b"", False),
    ],
    ids=["short", "long", "too short", "a long header", "another token", "nothing"],
)
def test_a_stateless_reset_is_known_by_its_token(run, datagram, reset):
    async def act(link, owner, quic, far):
        link.take(datagram)

        assert [error.errno for error in owner.errors] == [errno.ECONNRESET] * reset
        assert (quic.received == []) == reset
        assert link.over == reset

    scene(run, act)


def test_datagrams_of_one_turn_are_read_before_anything_is_done(run):
    async def act(link, owner, quic, far):
        for number in range(10):
            far.sendto(bytes([number]), link._connected.getsockname())
        while not owner.proceeded:
            await asyncio.sleep(0)

        assert quic.received == [bytes([number]) for number in range(10)]
        assert owner.proceeded == 1

    scene(run, act)


def test_nothing_goes_to_another_address(run):
    async def act(link, owner, quic, far):
        quic.unsent = [(b"elsewhere", ("127.0.0.2", 53)), (b"here", quic.address)]
        link.transmit()

        assert far.recv(100) == b"here"
        far.setblocking(False)
        with pytest.raises(BlockingIOError):
            far.recv(100)

    scene(run, act)


def test_an_error_of_the_socket_is_told_later(run):
    async def act(link, owner, quic, far):
        def unreachable(datagram):
            raise OSError(errno.ENETUNREACH, "unreachable")

        link._send = unreachable
        quic.unsent = [(b"x", quic.address)]
        link.transmit()
        assert owner.errors == []

        await asyncio.sleep(0)
        assert [(error.errno, error.local) for error in owner.errors] == [(errno.ENETUNREACH, True)]

    scene(run, act)
