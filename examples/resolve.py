"""One name, whatever its type: python examples/resolve.py [NAME [TYPE]]."""

import asyncio
import sys

from aioresolver import ResolutionError, Resolver


async def main(name: str = "python.org", type: str = "A") -> None:
    async with Resolver() as resolver:
        try:
            answer = await resolver.resolve(name, type)
        except ResolutionError as error:
            print(error)
        else:
            for data in answer:
                print(data)
            print(f"from {answer.server}, good for {answer.ttl} s")


asyncio.run(main(*sys.argv[1:]))
