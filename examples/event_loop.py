"""Have asyncio itself, and every client that asks its loop, resolve with us: python examples/event_loop.py [HOST]."""

import asyncio
import sys

from aioresolver import Resolver
from aioresolver.adapters.eventloop import installed


async def status_line(host: str) -> str:
    """What a web server says first; nothing here knows of a resolver."""
    reader, writer = await asyncio.open_connection(host, 80)
    writer.write(f"HEAD / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line.decode().strip()


async def main(host: str) -> None:
    async with Resolver() as resolver:
        with installed(resolver):
            print(await status_line(host))
        print(resolver.stats)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "example.org"))
