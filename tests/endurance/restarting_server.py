"""A nameserver that is killed and started again every second, with SIGKILL, on the same ports over all transports.

    python restarting_server.py NAMES CERTIFICATE KEY

`h0.test` to `hNAMES.test` have an address each. It first writes a JSON object: the URL by scheme; then a line each time
that it was killed; and it ends when its standard input does. Each life is a fork, so it is there in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import ssl
import sys
from pathlib import Path

from aioresolver.testing import DNSServer

UP, DOWN = 0.85, 0.15


class FromFiles:
    """A certificate that somebody else has made."""

    def __init__(self, certificate: str, key: str) -> None:
        self._files = certificate, key
        self.certificate, self.key = Path(certificate).read_bytes(), Path(key).read_bytes()

    def server_context(self, alpn=()) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._files)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def address(number: int) -> str:
    """What the name of this number has."""
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


async def places(server: DNSServer) -> dict[str, str]:
    """Where it serves from now on."""
    async with server:
        urls = {scheme: getattr(server, f"nameserver_{scheme}") for scheme in ("tcp", "tls", "https", "quic")}
        return {"udp": server.nameserver, **urls}


async def serve(server: DNSServer) -> None:
    async with server:
        await asyncio.Event().wait()


def live(server: DNSServer) -> int:
    """Begin a life; its process id."""
    process = os.fork()
    if not process:
        try:
            asyncio.run(serve(server))
        finally:
            os._exit(1)
    return process


def told_to_end(seconds: float) -> bool:
    """Wait; whether the standard input ended meanwhile."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def main(names: int, certificate: str, key: str) -> None:
    """Live and die until told to end."""
    zone = "".join(f"h{number}.test. 60 A {address(number)}\n" for number in range(names))
    server = DNSServer(zone, certificate=FromFiles(certificate, key), keep=0)
    print(json.dumps(asyncio.run(places(server))), flush=True)
    over = False
    while not over:
        process = live(server)
        over = told_to_end(UP)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        print(flush=True)
        over = over or told_to_end(DOWN)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:4])
