"""What the commands have in common: whom to ask, how, and for how long."""

from __future__ import annotations

import argparse
import logging
import socket
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from aioresolver.backends.base import Backend
from aioresolver.backends.encryption import ENCRYPTION_MODES, chosen
from aioresolver.backends.stub import StubBackend
from aioresolver.cache import Cache
from aioresolver.configured import ConfiguredBackend
from aioresolver.errors import ConfigurationError
from aioresolver.events import Observer
from aioresolver.flow.limiter import Limiter
from aioresolver.resolver import LONGEST_TIMEOUT, Resolver
from aioresolver.system.config import SystemConfig, SystemConfigFiles
from aioresolver.transports.base import Transport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport

__all__ = ["Way", "add_debug_option", "add_network_options", "add_resolver_options", "make_resolver", "resolver_of"]

MOST_REMEMBERED = 10_000
BACKENDS = ("stub", "cares", "system")
FAMILIES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}


def add_resolver_options(parser: argparse._ActionsContainer) -> None:
    """The options that say who resolves."""
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default="stub",
        help="who asks: stub, our own client (the default); cares, c-ares; system, the operating system's getaddrinfo",
    )
    add_network_options(parser)
    add_nameserver_options(parser)


def add_network_options(parser: argparse._ActionsContainer) -> None:
    """The options that say for how long, and over which family of addresses."""
    parser.add_argument("--timeout", type=_seconds, default=5.0, metavar="SECONDS", help="for each name (default 5)")
    family = parser.add_mutually_exclusive_group()
    for number, (value, word) in zip("46", FAMILIES.items(), strict=True):
        family.add_argument(
            f"-{number}",
            dest="family",
            action="store_const",
            const=value,
            default=socket.AF_UNSPEC,
            help=f"reach nameservers over {word} only",
        )


def add_nameserver_options(parser: argparse._ActionsContainer) -> None:
    """The options that say which nameservers, and which way to them."""
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="NAMESERVER,…",
        help="whom to ask, as @nameserver: for example tls://9.9.9.9#dns.quad9.net or https://dns.google/dns-query",
    )
    parser.add_argument(
        "--encryption",
        choices=ENCRYPTION_MODES,
        default=ENCRYPTION_MODES[0],
        help="automatic: no nameserver is asked in clear while an encrypted one works (the default); plain, required: "
        "plain or encrypted ones only",
    )
    parser.add_argument(
        "--discover", action="store_true", help="find out whether plain nameservers are encrypted too, and ask there"
    )
    parser.add_argument(
        "--bootstrap",
        action="append",
        default=[],
        metavar="NAMESERVER,…",
        help="who knows the addresses of nameservers that are given by name (default: the operating system)",
    )


class Way(NamedTuple):
    """Which way to the nameservers: what `add_nameserver_options` was told."""

    encryption: str = ENCRYPTION_MODES[0]
    discover: bool = False
    bootstrap: tuple[Nameserver, ...] = ()
    family: int = socket.AF_UNSPEC

    @classmethod
    def read(cls, options: argparse.Namespace) -> Way:
        """Raises ConfigurationError."""
        return cls(options.encryption, options.discover, Nameserver.parse_all(options.bootstrap), options.family)

    @property
    def settings(self) -> dict[str, Any]:
        """What a StubBackend is given for it; nothing that is usual."""
        settings: dict[str, Any] = {}
        if self.encryption != ENCRYPTION_MODES[0]:
            settings["encryption"] = self.encryption
        if self.discover:
            settings["discover"] = True
        if self.bootstrap:
            settings["bootstrap"] = self.bootstrap
        if self.family:
            settings["open_transport"] = self._open_transport
        return settings

    def _open_transport(self, nameserver: Nameserver) -> Transport:
        """To a nameserver that was given by name only at those of its addresses that are of the family."""
        if self.family != nameserver.family:
            raise ConfigurationError(
                f"{nameserver.address} is not an {FAMILIES[socket.AddressFamily(self.family)]} address"
            )
        return open_transport(nameserver)


def add_debug_option(parser: argparse.ArgumentParser) -> None:
    """`--debug`, where lookups are few enough to be told of."""
    parser.add_argument("--debug", action="store_true", help="tell on standard error what happens, as it happens")


USUAL_WAY = Way()


def resolver_of(options: argparse.Namespace, nameservers: Sequence[str], *, search: bool = True) -> Resolver:
    """The resolver of a command that looks a few names up."""
    observer = _debug_log() if getattr(options, "debug", False) else None
    return make_resolver(
        [*nameservers, *options.server],
        backend=options.backend,
        timeout=options.timeout,
        way=Way.read(options),
        search=search,
        observer=observer,
    )


def make_resolver(
    nameservers: Sequence[str],
    *,
    backend: str,
    timeout: float,
    way: Way = USUAL_WAY,
    search: bool = True,
    observer: Observer | None = None,
    cache: bool = True,
    concurrency: int | None = None,
    rate: float | None = None,
    rate_per_server: float | None = None,
    polite: bool = False,
) -> Resolver:
    """The resolver that the command line asks for; ConfigurationError and ValueError say what is wrong with it.

    `way` is for the stub backend, but for its family, which is that of the nameservers' addresses. Without `search` names are taken as they are, and asked of DNS
    alone: the operating system would hold up a list of names that do not exist. `rate` is lookups a second,
    `rate_per_server` packets a second to each nameserver; `polite`: without either of them, public nameservers get no
    more packets than their operators bear.
    """
    given = _of_family(Nameserver.parse_all(nameservers), way.family)
    if backend == "stub":
        paced = _paced(given, way, rate_per_server) if rate_per_server or (polite and rate is None) else None
        asked: Backend | str = paced or _stub(given, way, os_fallback=search)
    else:
        asked = _other_backend(given, backend, way)
    return Resolver(
        asked,
        timeout=timeout,
        cache=Cache(MOST_REMEMBERED if cache else 0),  # memory stays flat however long the list of names is
        limiter=None if concurrency is None and rate is None else Limiter(concurrency, rate),
        search=None if search else (),
        observer=observer,
    )


class FilesOfFamily(SystemConfigFiles):
    """This machine's configuration, with those nameservers only that have an address of one family."""

    def __init__(self, family: int) -> None:
        super().__init__()
        self._family = family
        self._whole: SystemConfig | None = None
        self._left = SystemConfig()

    def current(self, now: float) -> SystemConfig:
        """The configuration as it is. Raises ConfigurationError when no nameserver is left."""
        whole = super().current(now)
        if whole is not self._whole:
            self._left, self._whole = self._reachable(whole), whole
        return self._left

    def _reachable(self, config: SystemConfig) -> SystemConfig:
        routes = [(suffix, [each for each in at if _reachable(each, self._family)]) for suffix, at in config.routes]
        return config._replace(
            nameservers=tuple(_of_family(config.nameservers, self._family)),
            routes=tuple((suffix, tuple(nameservers)) for suffix, nameservers in routes if nameservers),
        )


def _of_family(nameservers: Sequence[Nameserver], family: int) -> list[Nameserver]:
    """Those that can be reached over the family; ConfigurationError when that is none of them."""
    left = [nameserver for nameserver in nameservers if _reachable(nameserver, family)]
    if nameservers and not left:
        raise ConfigurationError(
            f"no nameserver has an {FAMILIES[socket.AddressFamily(family)]} address: {', '.join(map(str, nameservers))}"
        )
    return left


def _reachable(nameserver: Nameserver, family: int) -> bool:
    """Whether it has, or as one given by name may have, an address of the family."""
    return nameserver.family == family or socket.AF_UNSPEC in (family, nameserver.family)


def _files(family: int) -> SystemConfigFiles:
    return FilesOfFamily(family) if family else SystemConfigFiles()


def _stub(nameservers: Sequence[Nameserver], way: Way, *, os_fallback: bool) -> Backend:
    """Our own client.

    The operating system is no help where a family or encryption is wanted: it asks as it likes.
    """
    if nameservers:
        return StubBackend(nameservers, **way.settings)
    files = _files(way.family)
    config = files.current(time.monotonic())
    if not way.discover:  # with it, encrypted ones may turn up yet
        chosen(config.nameservers, way.encryption)
    as_it_likes = not way.family and way.encryption != "required"
    return ConfiguredBackend(files, os_fallback=os_fallback and as_it_likes, stub=partial(StubBackend, **way.settings))


def _paced(nameservers: Sequence[Nameserver], way: Way, rate: float | None) -> StubBackend | None:
    """Our own client, with a rate for each nameserver; None when there need not be one."""
    from aioresolver.bulk.public import polite_rates  # noqa: PLC0415 - only bulk runs are paced

    config = None if nameservers else _files(way.family).current(time.monotonic())
    asked = nameservers if config is None else config.nameservers
    rates = {} if rate is not None else polite_rates(map(str, asked))
    if rate is None and not any(rates.values()):
        return None
    stub = StubBackend(asked, rate=rate, rotate=config is not None and config.rotate, **way.settings)
    for upstream in stub.upstreams:
        if rates.get(upstream.text):
            upstream.window.rate = rates[upstream.text]
    return stub


def _other_backend(nameservers: Sequence[Nameserver], backend: str, way: Way) -> Backend | str:
    if way._replace(family=socket.AF_UNSPEC) != Way():
        raise ValueError(
            f"--encryption, --discover and --bootstrap need the stub backend: leave out --backend {backend}"
        )
    if backend == "system" and (nameservers or way.family):
        unwanted = "@nameserver" if nameservers else "-4 or -6"
        raise ValueError(f"the system backend asks this machine's nameservers as it likes: leave out the {unwanted}")
    if backend == "cares" and (nameservers or way.family):
        from aioresolver.backends.cares import CaresBackend  # noqa: PLC0415 - only who asks for it pays for it

        return CaresBackend(nameservers or _files(way.family).current(time.monotonic()).nameservers)
    return backend


def _debug_log() -> Observer:
    """Tells the story on standard error, a line an event; whatever the program's logging is set to."""
    from aioresolver.adapters.debug_log import DebugLog  # noqa: PLC0415 - only who asks for it pays for it

    logger = logging.Logger("aioresolver", logging.DEBUG)  # noqa: LOG001 - one's own: the program's logging stays as it is
    writer = logging.StreamHandler(sys.stderr)
    writer.setFormatter(logging.Formatter("; %(asctime)s.%(msecs)03d %(message)s", "%H:%M:%S"))
    logger.addHandler(writer)
    return DebugLog(logger)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_TIMEOUT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0 and at most {LONGEST_TIMEOUT}")
    return value
