"""Open a connection by name, and say by which address: python examples/connect.py [HOST [PORT]]."""

import asyncio
import sys

from aioresolver import Resolver


async def main(host: str = "example.org", port: str = "80") -> None:
    async with Resolver() as resolver:
        reader, writer = await resolver.open_connection(host, int(port), timeout=10)
        print("connected to", writer.get_extra_info("peername")[0])
        writer.write(f"HEAD / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        print((await reader.readline()).decode().strip())
        writer.close()
        await writer.wait_closed()


asyncio.run(main(*sys.argv[1:]))
