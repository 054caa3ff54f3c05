"""DNSServer: a nameserver on loopback with the zones and faults of a test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TypedDict, TypeVar

from aioresolver.errors import ConfigurationError
from aioresolver.testing.authority import Authority
from aioresolver.testing.encrypted import EncryptedListeners
from aioresolver.testing.faults import Fault
from aioresolver.testing.listeners import TcpListener, UdpListener, bind
from aioresolver.testing.query_log import QueryLog, ReceivedQuery
from aioresolver.testing.replies import Replies
from aioresolver.testing.service import Service
from aioresolver.testing.zone import Zone
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from aioresolver.testing.certificates import Certificate

__all__ = ["DNSServer", "ServerOptions"]

T = TypeVar("T")


class ServerOptions(TypedDict, total=False):
    """The keywords of DNSServer."""

    faults: Iterable[Fault]
    address: str
    port: int
    seed: int
    recursion_available: bool
    udp_payload: int
    idle: float
    keep: int | None
    certificate: Certificate | None


class DNSServer:
    """A nameserver on loopback, UDP and TCP on one port, that serves zones and misbehaves by rule.

        async with DNSServer("www.example. 60 A 192.0.2.1", faults=[Fault.drop(0.05)]) as server:
            resolver = Resolver(server.nameserver)

    Zones are zone text or Zone objects; without any, one empty zone answers for every name (NXDOMAIN), until records
    are added. Names outside the zones are REFUSED. `faults` is a list that may be changed at any time. `port` 0 takes
    a free one, which stays the server's own when it is closed and started again. Chance in faults comes from
    `seed`. `recursion_available` sets RA in replies, but never in a referral. `udp_payload` bounds replies over UDP
    in bytes; `idle` is how many seconds an idle connection stays open; `keep` is how many of the latest queries
    are remembered (None for all). With a `certificate` (see `aioresolver.testing.certificates`) it serves over TLS too,
    over HTTPS when h2 is installed and over QUIC when aioquic is, each on a port of its own.
    """

    def __init__(
        self,
        *zones: Zone | str,
        faults: Iterable[Fault] = (),
        address: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        recursion_available: bool = True,
        udp_payload: int = 1232,
        idle: float = 10.0,
        keep: int | None = 100_000,
        certificate: Certificate | None = None,
    ) -> None:
        self.address = address
        self._port = port
        self._idle = idle
        self._log = QueryLog(keep)
        self._authority = Authority(Zone(zone) if isinstance(zone, str) else zone for zone in zones or ("",))
        replies = Replies(self._authority, udp_payload=udp_payload, recursion_available=recursion_available)
        self._service = Service(replies, self._log, faults=faults, seed=seed)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._udp: UdpListener | None = None
        self._tcp: TcpListener | None = None
        self._encrypted: EncryptedListeners | None = None
        if certificate is not None:
            self._encrypted = EncryptedListeners(address, certificate, self._service, idle=idle)

    async def start(self) -> None:
        """Begin to serve, in the running loop. Raises OSError when the port is taken."""
        if self._loop is not None:
            raise ConfigurationError("the server is running already")
        loop = asyncio.get_running_loop()
        udp, tcp = bind(self.address, self._port)
        self._loop, self._thread, self._port = loop, threading.get_ident(), udp.getsockname()[1]
        self._service.start(loop)
        self._udp = UdpListener(udp, self._service, loop)
        self._tcp = TcpListener(tcp, self._service, loop, idle=self._idle)
        await self._udp.start()
        await self._tcp.start()
        if self._encrypted is not None:
            try:
                await self._encrypted.start(loop)
            except OSError:
                await self.aclose()
                raise

    async def aclose(self) -> None:
        """Close every socket; the zones, the faults and what was received stay. May be called again."""
        udp, tcp, self._udp, self._tcp, self._loop = self._udp, self._tcp, None, None, None
        self._service.stop()
        if udp is not None:
            udp.close()
        if tcp is not None:
            await tcp.close()
        if self._encrypted is not None:
            await self._encrypted.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @classmethod
    @contextmanager
    def in_thread(cls, *zones: Zone | str, **options: Unpack[ServerOptions]) -> Iterator[DNSServer]:
        """A server that runs in a thread with a loop of its own, for code that is not async or has its own loop.

        Takes what DNSServer takes. All but `start`, `aclose` and `received` may be used from any thread.
        """
        server = cls(*zones, **options)
        started: Future[Callable[[], object]] = Future()
        thread = threading.Thread(target=_serve_in_thread, args=(server, started), name="aioresolver test server")
        thread.start()
        try:
            stop = started.result()
            try:
                yield server
            finally:
                stop()
        finally:
            thread.join()

    @property
    def port(self) -> int:
        """The port of UDP and TCP. Raises ConfigurationError before there is one."""
        if not self._port:
            raise ConfigurationError("the server has no port before it is started: use `async with DNSServer(…)`")
        return self._port

    @property
    def nameserver(self) -> str:
        """Where it serves: `udp://127.0.0.1:53123`."""
        return f"udp://{self._place}"

    @property
    def nameserver_tcp(self) -> str:
        """The same over TCP alone: `tcp://127.0.0.1:53123`."""
        return f"tcp://{self._place}"

    @property
    def nameserver_tls(self) -> str:
        """The same over TLS: `tls://127.0.0.1:53124`. Raises ConfigurationError without a certificate."""
        return f"tls://{self._encrypted_place('tls')}"

    @property
    def nameserver_https(self) -> str:
        """The same over HTTPS: `https://127.0.0.1:53125/dns-query`. Raises ConfigurationError when it has none."""
        return f"https://{self._encrypted_place('https')}/dns-query"

    @property
    def nameserver_quic(self) -> str:
        """The same over QUIC: `quic://127.0.0.1:53126`. Raises ConfigurationError when it has none."""
        return f"quic://{self._encrypted_place('quic')}"

    @property
    def faults(self) -> list[Fault]:
        """The rules by which the server misbehaves, in the order in which they strike; change it as you like."""
        return self._service.faults

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self._service.faults = list(faults)

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones; change them by `add` and `remove`."""
        return tuple(self._authority.zones.values())

    @property
    def queries(self) -> list[ReceivedQuery]:
        """The queries received, the oldest first; without those that could not be read."""
        return self._log.queries

    @property
    def count(self) -> int:
        """How many packets and frames were received since the start or `clear`, readable or not."""
        return self._log.count

    def asked(self, name: str, type: str | int | None = None) -> int:
        """How many of `queries` were for this name, and of this type if one is given."""
        owner = Name.parse(name)
        kind = None if type is None else RRType.parse(type) if isinstance(type, str) else RRType(type)
        return sum(query.name == owner and kind in (None, query.type) for query in self.queries)

    async def received(self, count: int = 1) -> list[ReceivedQuery]:
        """Wait until `count` queries have been received since the start or `clear`, and return them."""
        await self._log.reach(count)
        return self.queries

    def clear(self) -> None:
        """Forget the queries received."""
        self._log.clear()

    def add(self, text: str) -> None:
        """Add records, given as zone text: `server.add("www.example. 60 A 192.0.2.1")`.

        Raises ConfigurationError for text that cannot be read and for names outside the server's zones.
        """
        self._change(lambda: self._authority.add(text))

    def remove(self, name: str, type: str | int | None = None) -> int:
        """Remove the records of a name, or only those of one type; says how many there were."""
        return self._change(lambda: self._authority.remove(name, type))

    @property
    def _place(self) -> str:
        return f"{self._host}:{self.port}"

    @property
    def _host(self) -> str:
        return f"[{self.address}]" if ":" in self.address else self.address

    def _encrypted_place(self, scheme: str) -> str:
        if self._encrypted is None:
            raise ConfigurationError(f"the server has no {scheme} without a certificate: DNSServer(certificate=…)")
        port = self._encrypted.ports.get(scheme)
        if port is None:
            extra = "" if scheme == "tls" else f', and {scheme} needs: pip install "aioresolver[{scheme}]"'
            raise ConfigurationError(f"the server has no port for {scheme} before it is started{extra}")
        return f"{self._host}:{port}"

    def _change(self, change: Callable[[], T]) -> T:
        """Change the zones: in the thread of the loop, so that no lookup sees half of it."""
        if self._loop is None or self._thread == threading.get_ident():
            try:
                return change()
            finally:
                self._service.forget()
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(change())
            except Exception as error:  # noqa: BLE001 - it is the caller's, in the other thread
                done.set_exception(error)
            self._service.forget()

        self._loop.call_soon_threadsafe(run)
        return done.result()


def _serve_in_thread(server: DNSServer, started: Future[Callable[[], object]]) -> None:
    """Run the server in a new loop of this thread; `started` becomes the function that ends it."""

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        async with server:
            started.set_result(lambda: loop.call_soon_threadsafe(stop.set))
            await stop.wait()

    loop = asyncio.SelectorEventLoop()
    try:
        loop.run_until_complete(serve())
    except Exception as error:
        if started.done():
            raise
        started.set_exception(error)
    finally:
        loop.close()
