"""Fetch pages with aiohttp, one resolver and one cache for all sessions: python examples/crawl.py [URL …]."""

import asyncio
import sys

import aiohttp

from aioresolver import Resolver
from aioresolver.adapters.aiohttp import aiohttp_connector


async def fetch(session: aiohttp.ClientSession, url: str) -> None:
    try:
        async with session.get(url) as response:
            print(response.status, url)
    except aiohttp.ClientConnectorDNSError as error:
        print(url, error.os_error)


async def main(*urls: str) -> None:
    async with (
        Resolver(rotate=True) as resolver,
        aiohttp.ClientSession(connector=aiohttp_connector(resolver)) as session,
    ):
        await asyncio.gather(*(fetch(session, url) for url in urls))


asyncio.run(main(*(sys.argv[1:] or ["http://example.org/", "http://python.org/", "http://no.example.org/"])))
