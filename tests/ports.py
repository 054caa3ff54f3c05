"""Ports for servers of tests."""

from __future__ import annotations

import socket


def one_port(*addresses: str) -> list[socket.socket]:
    """Sockets that listen at a port that is free at all these addresses."""
    for _ in range(20):
        port, sockets = 0, []
        try:
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                sockets.append(socket.create_server((address, port), family=family))
                port = sockets[0].getsockname()[1]
        except OSError:
            for sock in sockets:
                sock.close()
        else:
            return sockets
    raise OSError(f"no port is free at {addresses}")
