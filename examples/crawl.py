"""Follow the links of a page with aiohttp, and look each host up once: python examples/crawl.py [URL [PAGES]]."""

import asyncio
import re
import sys

import aiohttp

from aioresolver import AddressPolicy, Resolver
from aioresolver.adapters.aiohttp import aiohttp_connector

LINK = re.compile(r'href="(https?://[^"]+)"')
# What AddressPolicy.public() forbids, and the documentation's web server has. Leave it out in a program of your own.
DOCUMENTATION = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")


async def fetch(session: aiohttp.ClientSession, url: str) -> tuple[str, list[str]]:
    """How it went, in a word, and the links of the page."""
    try:
        async with session.get(url) as response:
            return str(response.status), LINK.findall(await response.text(errors="replace"))
    except aiohttp.ClientConnectorDNSError as error:
        return type(error.os_error).__name__, []
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        return type(error).__name__, []


async def crawl(session: aiohttp.ClientSession, start: str, most: int) -> None:
    """Print how each page went, from `start` on."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    queue.put_nowait(start)
    seen = {start}

    async def work() -> None:
        while True:
            url = await queue.get()
            outcome, links = await fetch(session, url)
            print(outcome, url)
            for link in links:
                if link not in seen and len(seen) < most:
                    seen.add(link)
                    queue.put_nowait(link)
            queue.task_done()

    workers = [asyncio.create_task(work()) for _ in range(10)]
    await queue.join()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def main(start: str = "http://example.org/", most: str = "100") -> None:
    async with (
        Resolver(policy=AddressPolicy.public(allow=DOCUMENTATION)) as resolver,
        aiohttp.ClientSession(connector=aiohttp_connector(resolver)) as session,
    ):
        await crawl(session, start, int(most))
        print(resolver.stats.lookups, "lookups")


asyncio.run(main(*sys.argv[1:]))
