"""What the commands have in common: whom to ask, and for how long."""

from __future__ import annotations

import argparse
import time

from aioresolver.backends.base import Backend
from aioresolver.backends.stub import StubBackend
from aioresolver.backends.window import Window
from aioresolver.bulk.public import polite_rates
from aioresolver.cache import Cache
from aioresolver.flow.limiter import Limiter
from aioresolver.resolver import LONGEST_TIMEOUT, Resolver
from aioresolver.system.config import SystemConfigFiles
from aioresolver.transports.nameserver import Nameserver

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
    polite: bool = False,
) -> Resolver:
    """The resolver that the command line asks for; ConfigurationError and ValueError say what is wrong with it.

    Without `search` names are taken as they are, and asked of DNS alone: the operating system would hold up a list
    of names that do not exist. `rate` is lookups a second, `rate_per_server` packets a second to each nameserver;
    `polite`: without either of them, public nameservers get no more packets than their operators bear.
    """
    if backend == "stub":
        chosen: StubBackend | Backend | list[str] | str | None = _stub(
            nameservers, rate_per_server, polite=polite and rate is None
        )
    else:
        chosen = _backend(nameservers, backend)
    return Resolver(
        chosen,
        timeout=timeout,
        cache=Cache(MOST_REMEMBERED if cache else 0),  # memory stays flat however long the list of names is
        limiter=None if concurrency is None and rate is None else Limiter(concurrency, rate),
        search=None if search else (),
        os_fallback=search,
    )


def _stub(nameservers: list[str], rate: float | None, *, polite: bool) -> StubBackend | list[str] | None:
    """Our own client, with a rate for each nameserver where there is one."""
    if rate is None and not polite:
        return nameservers or None
    config = None if nameservers else SystemConfigFiles().current(time.monotonic())
    asked = list(map(Nameserver.parse, nameservers)) if config is None else list(config.nameservers)
    rates = {} if rate is not None else polite_rates(map(str, asked))
    if rate is None and not any(rates.values()):
        return nameservers or None
    stub = StubBackend(asked, rate=rate, rotate=config is not None and config.rotate)
    for upstream in stub.upstreams:
        if rates.get(upstream.text):
            upstream.window = Window(upstream.window.most, rate=rates[upstream.text])
    return stub


def _backend(nameservers: list[str], backend: str) -> Backend | str:
    if backend == "cares" and nameservers:
        from aioresolver.backends.cares import CaresBackend  # noqa: PLC0415 - only who asks for it pays for it

        return CaresBackend(nameservers)
    if backend == "system" and nameservers:
        raise ValueError("the system backend asks the nameservers of this machine: leave out the @nameserver")
    return backend


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
