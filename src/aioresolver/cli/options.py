"""What the commands have in common: whom to ask, and for how long."""

from __future__ import annotations

import argparse
import time
from typing import Any

from aioresolver.backends.stub import StubBackend
from aioresolver.cache import Cache
from aioresolver.flow.limiter import Limiter
from aioresolver.resolver import LONGEST_TIMEOUT, Resolver
from aioresolver.system.config import SystemConfigFiles

__all__ = ["add_resolver_options", "make_resolver", "split_nameservers"]

MOST_REMEMBERED = 10_000
BACKENDS = ("stub", "cares", "system")


def add_resolver_options(parser: argparse._ActionsContainer) -> None:
    """The options that say who resolves."""
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default="stub",
        help="who asks: stub, our own client (the default); cares, c-ares; system, the operating system's getaddrinfo",
    )
    parser.add_argument("--timeout", type=_seconds, default=5.0, metavar="SECONDS", help="for each name (default 5)")


def make_resolver(
    nameservers: list[str],
    *,
    backend: str,
    timeout: float,
    search: bool = True,
    cache: bool = True,
    concurrency: int | None = None,
    rate: float | None = None,
    rate_per_server: float | None = None,
) -> Resolver:
    """The resolver that the command line asks for; ConfigurationError and ValueError say what is wrong with it.

    Without `search` names are taken as they are, and asked of DNS alone: the operating system would hold up a list
    of names that do not exist. `rate` is lookups a second, `rate_per_server` packets a second to each nameserver.
    """
    chosen = _backend(nameservers, backend, rate_per_server)
    return Resolver(
        chosen,
        timeout=timeout,
        cache=Cache(MOST_REMEMBERED if cache else 0),  # memory stays flat however long the list of names is
        limiter=None if concurrency is None and rate is None else Limiter(concurrency, rate),
        search=None if search else (),
        os_fallback=search,
    )


def _backend(nameservers: list[str], backend: str, rate_per_server: float | None) -> Any:
    """What `Resolver` takes for its backend."""
    if backend == "cares" and nameservers:
        from aioresolver.backends.cares import CaresBackend  # noqa: PLC0415 - only who asks for it pays for it

        return CaresBackend(nameservers)
    if backend == "system" and nameservers:
        raise ValueError("the system backend asks the nameservers of this machine: leave out the @nameserver")
    if backend != "stub":
        return backend
    if rate_per_server is not None:
        config = None if nameservers else SystemConfigFiles().current(time.monotonic())
        asked = nameservers if config is None else config.nameservers
        return StubBackend(asked, rate=rate_per_server, rotate=config.rotate if config else False)
    return nameservers or None


def split_nameservers(words: list[str]) -> tuple[list[str], list[str]]:
    """The words that are `@nameserver`, without the @, and the others."""
    nameservers = [word[1:] for word in words if word.startswith("@")]
    return nameservers, [word for word in words if not word.startswith("@")]


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_TIMEOUT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0 and at most {LONGEST_TIMEOUT}")
    return value
