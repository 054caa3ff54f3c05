"""What the commands have in common: whom to ask, and for how long."""

from __future__ import annotations

import argparse

from aioresolver.cache import Cache
from aioresolver.flow.limiter import Limiter
from aioresolver.resolver import LONGEST_TIMEOUT, Resolver

__all__ = ["add_resolver_options", "make_resolver", "split_nameservers"]

MOST_REMEMBERED = 10_000
BACKENDS = ("stub", "cares", "system")


def add_resolver_options(parser: argparse.ArgumentParser) -> None:
    """The options that say who resolves."""
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default="stub",
        help="who asks: stub, our own client (the default); cares, c-ares; system, the operating system's getaddrinfo",
    )
    parser.add_argument("--timeout", type=_seconds, default=5.0, metavar="SECONDS", help="for each name (default 5)")


def make_resolver(
    nameservers: list[str], *, backend: str, timeout: float, search: bool = True, concurrency: int | None = None
) -> Resolver:
    """The resolver that the command line asks for; ConfigurationError and ValueError say what is wrong with it.

    Without `search` names are taken as they are, and asked of DNS alone: the operating system would hold up a list
    of names that do not exist.
    """
    limiter = None if concurrency is None else Limiter(concurrency)
    suffixes = None if search else ()
    cache = Cache(MOST_REMEMBERED)  # memory stays flat however long the list of names is
    if backend == "cares" and nameservers:
        from aioresolver.backends.cares import CaresBackend  # noqa: PLC0415 - only who asks for it pays for it

        return Resolver(CaresBackend(nameservers), timeout=timeout, cache=cache, limiter=limiter, search=suffixes)
    if backend == "system" and nameservers:
        raise ValueError("the system backend asks the nameservers of this machine: leave out the @nameserver")
    if backend == "stub":
        return Resolver(
            nameservers or None, timeout=timeout, cache=cache, limiter=limiter, search=suffixes, os_fallback=search
        )
    return Resolver(backend, timeout=timeout, cache=cache, limiter=limiter, search=suffixes)


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
