"""Channel: the settings that aiodns takes from c-ares, and the Resolver that they make."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from aioresolver.backends.base import Backend
from aioresolver.backends.stub import StubBackend
from aioresolver.cache import Cache
from aioresolver.configured import ConfiguredBackend
from aioresolver.errors import ConfigurationError
from aioresolver.resolver import LONGEST_TIMEOUT, Resolver
from aioresolver.system.config import SystemConfig, SystemConfigFiles
from aioresolver.transports.base import Transport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport

__all__ = ["Channel", "close_soon"]

ARES_FLAG_USEVC = 0x1
ARES_FLAG_PRIMARY = 0x2
ARES_FLAG_IGNTC = 0x4
ARES_FLAG_NORECURSE = 0x8
ARES_FLAG_NOSEARCH = 0x20
UNABLE = {ARES_FLAG_IGNTC: "ARES_FLAG_IGNTC", ARES_FLAG_NORECURSE: "ARES_FLAG_NORECURSE"}

DEFAULT_TIMEOUT = 2.0
DEFAULT_TRIES = 3
DNS_PORT = 53


class Channel:
    """What the keywords of `aiodns.DNSResolver` mean here; makes a Resolver of them.

    - `timeout`, `tries`: a lookup may take `timeout * tries` seconds altogether, however many nameservers there are.
      c-ares doubles its patience at each try; here packets are sent again much sooner, and a late reply counts.
    - `nameservers`: addresses, with a port or without, or URLs of ours (`tls://9.9.9.9#dns.quad9.net`); None is this
      machine's. `udp_port` and `tcp_port` are for those without a port.
    - `domains`, `ndots`: the search list for `getaddrinfo`; None is this machine's.
    - `flags`: `ARES_FLAG_USEVC`, `PRIMARY` and `NOSEARCH` count; others say how c-ares works inside.
    - `lookups`: `b` is DNS, which is always asked, `f` the hosts file.
    - `socket_send_buffer_size`, `socket_receive_buffer_size`, `sock_state_cb`: taken, and of no use here.

    Raises ConfigurationError, a ValueError, for what cannot be done.
    """

    def __init__(
        self,
        *,
        flags: int | None = None,
        timeout: float | None = None,
        tries: int | None = None,
        ndots: int | None = None,
        tcp_port: int | None = None,
        udp_port: int | None = None,
        servers: Iterable[str | bytes] | None = None,
        domains: Iterable[str | bytes] | None = None,
        lookups: str | bytes | None = None,
        sock_state_cb: object = None,
        socket_send_buffer_size: int | None = None,
        socket_receive_buffer_size: int | None = None,
        rotate: bool = False,
        local_ip: str | bytes | None = None,
        local_dev: str | None = None,
        resolvconf_path: str | bytes | None = None,
    ) -> None:
        flags = flags or 0
        for flag, name in UNABLE.items():
            if flags & flag:
                raise ConfigurationError(f"{name} cannot be had: truncated replies are asked for again, recursively")
        if local_dev is not None:
            raise ConfigurationError("local_dev cannot be had: give local_ip, an address of the device")
        if lookups is not None and "b" not in (order := _text(lookups)):
            raise ConfigurationError(f"lookups={order!r} leaves out DNS: 'b', 'fb' or 'bf'")
        self.timeout: float = min((timeout or DEFAULT_TIMEOUT) * max(1, tries or DEFAULT_TRIES), LONGEST_TIMEOUT)
        self.domains: tuple[str, ...] | None = None if domains is None else tuple(map(_text, domains))
        self._flags = flags
        self._ndots = ndots
        self._ports = udp_port or DNS_PORT, tcp_port or DNS_PORT
        self._hosts_file = None if lookups is None or "f" in _text(lookups) else os.devnull
        self._rotate = rotate
        self._local_ip = None if local_ip is None else _text(local_ip)
        path = "/etc/resolv.conf" if resolvconf_path is None else _text(resolvconf_path)
        self._files = SystemConfigFiles(resolv_conf=path)
        self._given: tuple[Nameserver, ...] | None = None
        self.cache: Cache = Cache()
        if servers is not None:
            self.nameservers = self.parse(servers)

    @property
    def nameservers(self) -> tuple[Nameserver, ...]:
        """Whom it asks."""
        if self._given is not None:
            return self._given
        return tuple(self._placed(nameserver) for nameserver in self._config().nameservers)

    @nameservers.setter
    def nameservers(self, nameservers: tuple[Nameserver, ...]) -> None:
        self._given = nameservers
        self.cache = Cache()  # what others said may not be what these would say

    def parse(self, texts: Iterable[str | bytes]) -> tuple[Nameserver, ...]:
        """The nameservers that these texts name; raises ConfigurationError."""
        nameservers = []
        for text in map(_text, texts):
            nameserver = Nameserver.parse(text.replace("dns://", "udp://", 1))
            nameservers.append(self._placed(nameserver, has_port=_has_port(text)))
        return tuple(dict.fromkeys(nameservers))

    def open(self) -> Resolver:
        """A new resolver with these settings, and with the cache of the one before."""
        search: Sequence[str] | None = () if self._flags & ARES_FLAG_NOSEARCH else self.domains
        ndots = self._ndots
        backend = self._backend()
        if isinstance(backend, StubBackend):
            config = self._config()
            search = config.search if search is None else search
            ndots = config.ndots if ndots is None else ndots
        return Resolver(
            backend,
            cache=self.cache,
            timeout=self.timeout,
            search=search,
            ndots=ndots,
            hosts_file=self._hosts_file,
        )

    def _backend(self) -> Backend:
        usual = self._ports == (DNS_PORT, DNS_PORT) and not self._flags & (ARES_FLAG_USEVC | ARES_FLAG_PRIMARY)
        if self._given is None and usual and not self._rotate and self._local_ip is None:
            return ConfiguredBackend(self._files)
        nameservers = self.nameservers[:1] if self._flags & ARES_FLAG_PRIMARY else self.nameservers
        return StubBackend(nameservers, rotate=self._rotate, open_transport=self._opener())

    def _opener(self) -> Callable[[Nameserver], Transport]:
        (udp_port, tcp_port), source = self._ports, self._local_ip

        def open_at_port(nameserver: Nameserver) -> Transport:
            """A truncated reply is asked for again at the port for TCP."""
            if nameserver.scheme == "tcp" and nameserver.port == udp_port:
                nameserver = replace(nameserver, port=tcp_port)
            return open_transport(nameserver, source=source)

        return open_at_port

    def _placed(self, nameserver: Nameserver, *, has_port: bool = False) -> Nameserver:
        """The nameserver at the port that the settings say, over TCP if they say so."""
        if nameserver.encrypted:
            return nameserver
        own = nameserver.port
        udp_port, tcp_port = (own, own) if has_port or own != DNS_PORT else self._ports
        if self._flags & ARES_FLAG_USEVC or nameserver.scheme == "tcp":
            return replace(nameserver, scheme="tcp", port=tcp_port)
        return replace(nameserver, port=udp_port)

    def _config(self) -> SystemConfig:
        return self._files.current(time.monotonic())  # the time of event loops


def close_soon(resolver: Resolver, loop: asyncio.AbstractEventLoop) -> None:
    """Close a resolver that nobody holds any more, as far as its loop still runs. May be called from any thread."""

    def close() -> None:
        task = loop.create_task(resolver.aclose())
        task.add_done_callback(lambda _: resolver)  # which keeps both for as long as it takes

    try:
        is_here = asyncio.get_running_loop() is loop
    except RuntimeError:
        is_here = False
    if is_here:  # at once: it may be the loop's last turn
        close()
    elif loop.is_running():
        loop.call_soon_threadsafe(close)


def _has_port(text: str) -> bool:
    """Whether a nameserver is written with its port."""
    tail = text.rpartition("/")[2].rpartition("]")[2] if "[" in text else text.rpartition("/")[2]
    return tail.count(":") == 1


def _text(text: str | bytes) -> str:
    return text.decode("ascii") if isinstance(text, bytes) else text
