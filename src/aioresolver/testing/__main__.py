"""Serve zone files from the command line: `python -m aioresolver.testing ZONEFILE --port 5353 --drop 0.05`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from aioresolver.errors import ConfigurationError
from aioresolver.testing.faults import Fault
from aioresolver.testing.server import DNSServer
from aioresolver.testing.zone import Zone

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; the exit code is 0 then, and 2 if it could not begin."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not 0 <= options.port < 65536:
        parser.error(f"argument --port: {options.port} is not between 0 and 65535")
    try:
        return asyncio.run(_serve(options))
    except KeyboardInterrupt:  # where the loop takes no signals
        return 0
    except (ConfigurationError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command line speaks
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m aioresolver.testing", description="Serve zone files on loopback, over UDP and TCP."
    )
    parser.add_argument("zones", metavar="ZONEFILE", nargs="+", help="a master file (RFC 1035)")
    parser.add_argument("--address", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="the port; a free one by default")
    parser.add_argument("--origin", help="where the zones begin, if the files do not say it")
    parser.add_argument("--drop", metavar="P", type=float, default=0.0, help="lose replies with this probability")
    parser.add_argument("--delay", metavar="SECONDS", type=float, default=0.0, help="send replies so much later")
    parser.add_argument("--seed", type=int, default=0, help="for what is left to chance (%(default)s)")
    return parser


async def _serve(options: argparse.Namespace) -> int:
    zones = [_read(path, options.origin) for path in options.zones]
    faults = [Fault.drop(options.drop)] if options.drop else []
    faults += [Fault.delay(options.delay)] if options.delay else []
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    # Nobody reads the queries here, so none are kept.
    server = DNSServer(*zones, faults=faults, address=options.address, port=options.port, seed=options.seed, keep=0)
    async with server:
        print(server.nameserver, flush=True)  # noqa: T201 - scripts read it
        await stop.wait()
    return 0


def _read(path: str, origin: str | None) -> Zone:
    try:
        return Zone(Path(path).read_text(encoding="utf-8"), origin)
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not zone text: it is not UTF-8") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
