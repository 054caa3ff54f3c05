"""What this machine is configured with: nameservers, search list and lookup order, read again when they change."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Network
from typing import NamedTuple

from aioresolver.errors import ConfigurationError, NameSyntaxError
from aioresolver.system.macos import MacResolver, parse_scutil, read_scutil
from aioresolver.system.nsswitch import DEFAULT_LOOKUP_ORDER, OUR_SOURCES, parse_lookup_order
from aioresolver.system.resolv_conf import ResolvConf, parse_resolv_conf
from aioresolver.system.watched_file import WatchedFile
from aioresolver.system.windows import Adapter, WindowsSearch, choose_nameservers, choose_search, read_search
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.names import Name

__all__ = ["NAMESERVERS_VARIABLE", "SystemConfig", "SystemConfigFiles"]

NAMESERVERS_VARIABLE = "AIORESOLVER_NAMESERVERS"
"""The environment variable that replaces the nameservers: URLs, separated by commas or blanks."""

DEFAULT_INTERVAL = 2.0


class SystemConfig(NamedTuple):
    """How this machine resolves host names.

    - `nameservers`: whom to ask, in this order (TCP ones when the configuration says so).
    - `search`, `ndots`, `no_tld_query`: what `candidates` takes.
    - `timeout`: seconds for one try; `attempts`: tries for each nameserver; `rotate`: take turns among them.
    - `edns`, `trust_ad`, `no_aaaa`, `single_request`, `sortlist`: as in resolv.conf(5).
    - `routes`: other nameservers for names below a suffix (macOS: a VPN's), the longest suffix first.
    - `lookup_order`: the sources of nsswitch.conf, such as `("files", "dns")`.
    - `needs_os_fallback`: whether it names sources that only the operating system has (mDNS, NIS, a VPN's …), so that
      a name which we do not find is to be looked up there.
    - `source`: where the nameservers come from, for people.
    """

    nameservers: tuple[Nameserver, ...] = (Nameserver("udp", "127.0.0.1"),)
    search: tuple[Name, ...] = ()
    ndots: int = 1
    timeout: float = 5.0
    attempts: int = 2
    rotate: bool = False
    use_tcp: bool = False
    edns: bool = False
    trust_ad: bool = False
    no_aaaa: bool = False
    single_request: bool = False
    no_tld_query: bool = False
    sortlist: tuple[IPv4Network, ...] = ()
    routes: tuple[tuple[Name, tuple[Nameserver, ...]], ...] = ()
    lookup_order: tuple[str, ...] = DEFAULT_LOOKUP_ORDER
    needs_os_fallback: bool = False
    source: str = "defaults"

    @property
    def reads_hosts(self) -> bool:
        """Whether the hosts file comes before DNS."""
        order = self.lookup_order
        return "files" in order and ("dns" not in order or order.index("files") < order.index("dns"))

    @property
    def reads_hosts_late(self) -> bool:
        """Whether the hosts file comes after DNS."""
        return "files" in self.lookup_order and not self.reads_hosts

    @property
    def from_environment(self) -> bool:
        """Whether the user has replaced this machine's nameservers, by AIORESOLVER_NAMESERVERS."""
        return self.source == f"${NAMESERVERS_VARIABLE}"

    @property
    def asks_dns(self) -> bool:
        """Whether DNS is asked at all."""
        return "dns" in self.lookup_order

    @classmethod
    def of(
        cls, conf: ResolvConf, lookup_order: tuple[str, ...] = DEFAULT_LOOKUP_ORDER, source: str = ""
    ) -> SystemConfig:
        """The configuration that a resolv.conf and an nsswitch.conf make. What cannot be used is left out."""
        scheme = "tcp" if conf.use_tcp else "udp"
        return cls(
            nameservers=usable_nameservers(scheme, conf.nameservers) or cls().nameservers,
            search=usable_suffixes(conf.search),
            ndots=conf.ndots,
            timeout=conf.timeout,
            attempts=conf.attempts,
            rotate=conf.rotate,
            use_tcp=conf.use_tcp,
            edns=conf.edns,
            trust_ad=conf.trust_ad,
            no_aaaa=conf.no_aaaa,
            single_request=conf.single_request or conf.single_request_reopen,
            no_tld_query=conf.no_tld_query,
            sortlist=conf.sortlist,
            lookup_order=lookup_order,
            needs_os_fallback=not OUR_SOURCES.issuperset(lookup_order),
            source=source,
        )


class SystemConfigFiles:
    """The configuration of this machine, which is looked at again at most every `interval` seconds.

    Making one reads nothing. The paths, the environment and the host name can be others, for tests. On Windows the
    adapters and the registry take the place of the files, which are only used if they exist; on macOS `scutil --dns`
    is read when resolv.conf has changed. Both have sources of names of their own: `needs_os_fallback` is true.
    """

    def __init__(
        self,
        *,
        resolv_conf: str | os.PathLike[str] = "/etc/resolv.conf",
        nsswitch_conf: str | os.PathLike[str] = "/etc/nsswitch.conf",
        environ: Mapping[str, str] | None = None,
        hostname: Callable[[], str] = socket.gethostname,
        interval: float = DEFAULT_INTERVAL,
        platform: str = sys.platform,
    ) -> None:
        self._resolv_conf = WatchedFile(resolv_conf)
        self._nsswitch_conf = WatchedFile(nsswitch_conf)
        self._environ = os.environ if environ is None else environ
        self._hostname = hostname
        self._interval = interval
        self._platform = platform
        self._config: SystemConfig | None = None
        self._override: str | None = None
        self._look_at = float("-inf")

    def current(self, now: float) -> SystemConfig:
        """The configuration as it is, or was less than `interval` seconds ago; `now` is the loop's time.

        The same object as long as nothing changed. Raises ConfigurationError for nonsense in the environment variable
        AIORESOLVER_NAMESERVERS; the files never raise.
        """
        if now < self._look_at and self._config is not None:
            return self._config
        self._look_at = now + self._interval
        text, changed = self._resolv_conf.read()
        order, order_changed = self._nsswitch_conf.read()
        override = self._environ.get(NAMESERVERS_VARIABLE)
        unwatched = self._platform == "win32"
        if self._config is None or changed or order_changed or unwatched or override != self._override:
            config = self._read(text, order)
            if override:
                config = config._replace(nameservers=parse_nameservers(override), source=f"${NAMESERVERS_VARIABLE}")
            self._override = override
            if config != self._config:
                self._config = config
            if "no-reload" in text and not override and parse_resolv_conf(text, self._environ).no_reload:
                self._look_at = float("inf")
        assert self._config is not None
        return self._config

    def _read(self, text: str, order: str) -> SystemConfig:
        conf = parse_resolv_conf(text, self._environ, hostname=self._hostname())
        source = str(self._resolv_conf.path) if text else "no resolv.conf"
        config = SystemConfig.of(conf, parse_lookup_order(order), source)
        if self._platform == "win32":
            from aioresolver.system.windows_adapters import read_adapters  # noqa: PLC0415 - ctypes is slow to import

            return with_adapters(config, read_adapters(), read_search())
        if self._platform == "darwin":
            return with_mac_resolvers(config, parse_scutil(read_scutil()))
        return config


def with_adapters(config: SystemConfig, adapters: list[Adapter], search: WindowsSearch) -> SystemConfig:
    """A configuration with what Windows says."""
    nameservers = usable_nameservers("udp", choose_nameservers(adapters))
    return config._replace(
        nameservers=nameservers or config.nameservers,
        search=usable_suffixes(choose_search(adapters, search)),
        needs_os_fallback=True,
        source="network adapters" if nameservers else "no nameserver on any adapter",
    )


def with_mac_resolvers(config: SystemConfig, resolvers: list[MacResolver]) -> SystemConfig:
    """A configuration with what macOS says; resolv.conf's when it says nothing."""
    usable = [resolver for resolver in resolvers if resolver.nameservers and not resolver.scoped and not resolver.mdns]
    usable.sort(key=lambda resolver: resolver.order)
    routes: dict[Name, tuple[Nameserver, ...]] = {}
    for resolver in usable:
        for suffix in usable_suffixes([resolver.domain] if resolver.domain else []):
            routes.setdefault(suffix, usable_nameservers("udp", resolver.nameservers, resolver.port))
    default = next((resolver for resolver in usable if not resolver.domain), None)
    if default is not None:
        config = config._replace(
            nameservers=usable_nameservers("udp", default.nameservers, default.port) or config.nameservers,
            search=usable_suffixes(default.search) or config.search,
            source="scutil --dns",
        )
    longest_first = sorted(routes.items(), key=lambda route: -route[0].count("."))
    return config._replace(
        routes=tuple((suffix, nameservers) for suffix, nameservers in longest_first if nameservers),
        needs_os_fallback=True,
    )


def parse_nameservers(text: str) -> tuple[Nameserver, ...]:
    """Nameservers separated by commas or blanks; raises ConfigurationError for one that is none, or for none."""
    if not text.replace(",", " ").split():
        raise ConfigurationError(f"{NAMESERVERS_VARIABLE}={text!r} names no nameserver")
    try:
        return Nameserver.parse_all(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{NAMESERVERS_VARIABLE}: {error}") from None


def usable_nameservers(scheme: str, addresses: Iterable[str], port: int = 0) -> tuple[Nameserver, ...]:
    """Nameservers for those of the addresses that can be ones, each once."""
    found: dict[Nameserver, None] = {}
    for address in addresses:
        try:
            found[Nameserver(scheme, address, port)] = None
        except ConfigurationError:  # a scope that is no interface's name; the other lines still count
            continue
    return tuple(found)


def usable_suffixes(texts: Iterable[str]) -> tuple[Name, ...]:
    """Those of the suffixes that are names, each once; a dot in front is tolerated."""
    found: dict[Name, None] = {}
    for text in texts:
        try:
            found[Name.parse(text.removeprefix(".") or ".")] = None
        except NameSyntaxError:  # as glibc, which would ask for it in vain
            continue
    return tuple(found)
