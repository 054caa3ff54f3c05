"""Fetch pages that others ask for, with httpx, and never one from inside: python examples/fetch.py [URL …]."""

import asyncio
import sys

import httpx

from aioresolver import AddressPolicy, Resolver
from aioresolver.adapters.httpx import HttpxTransport


async def fetch(client: httpx.AsyncClient, url: str) -> None:
    try:
        response = await client.get(url, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        print(url, error)
    else:
        print(response.status_code, url)


async def main(*urls: str) -> None:
    async with (
        Resolver(policy=AddressPolicy.public()) as resolver,
        httpx.AsyncClient(transport=HttpxTransport(resolver)) as client,
    ):
        await asyncio.gather(*(fetch(client, url) for url in urls))


asyncio.run(main(*(sys.argv[1:] or ["http://127.1/", "http://[::1]/", "http://rebind.example.org/"])))
