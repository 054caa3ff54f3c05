"""What every test can use: a loop whose time is a number, both kinds of real loop, and a certificate."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import heapq
import selectors
import ssl
from collections.abc import Coroutine
from ipaddress import ip_address
from typing import Any, TypeVar

import pytest
from hypothesis import settings

try:
    import uvloop
except ModuleNotFoundError:
    uvloop = None

# For quick rounds while writing: --hypothesis-profile=quick
settings.register_profile("quick", max_examples=20)

LOOPS = [asyncio.new_event_loop, *([uvloop.new_event_loop] if uvloop else [])]

T = TypeVar("T")


@pytest.fixture(autouse=True, scope="module")
def little_to_collect() -> None:
    """What is alive before a module is no concern of its tests: those that collect garbage look at their own only.

    Thousands of tests and reports are alive in the end; to walk them takes a quarter of a second each time.
    """
    gc.collect()
    gc.freeze()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop under virtual time: when nothing is ready it jumps to the next timer instead of waiting."""

    def __init__(self) -> None:
        super().__init__(selectors.SelectSelector())
        self._now = 1000.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            while self._scheduled and self._scheduled[0]._cancelled:
                heapq.heappop(self._scheduled)._scheduled = False
            if self._scheduled and not self._selector.select(0):
                self._now = max(self._now, self._scheduled[0]._when)
        super()._run_once()


@pytest.fixture
def run_virtual() -> Any:
    """Run a coroutine under virtual time: `run_virtual(main())`. Not for real sockets."""

    def run(main: Coroutine[Any, Any, T]) -> T:
        loop = VirtualLoop()
        try:
            return loop.run_until_complete(asyncio.wait_for(main, 10_000))
        finally:
            loop.close()

    return run


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"][: len(LOOPS)])
def run(request: Any) -> Any:
    """Run a coroutine on each kind of loop; nothing may be left behind, and no callback may fail."""
    complaints: list[dict[str, Any]] = []

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        loop = request.param()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        try:
            return loop.run_until_complete(asyncio.wait_for(main, 20))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            gc.collect()
            assert complaints == []

    return run


class Certificates:
    """A certificate on paper for `*.web.test`, `*.port.test` and 127.0.0.1, who believes it, and what names were asked for."""

    def __init__(self, folder: Any) -> None:
        pytest.importorskip("cryptography")
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server")])
        names = [x509.DNSName("*.web.test"), x509.DNSName("*.port.test"), x509.IPAddress(ip_address("127.0.0.1"))]
        now = dt.datetime.now(dt.timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.file = folder / "server.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        self.asked: list[str | None] = []
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(self.file)
        self.server.sni_callback = lambda _, name, __: self.asked.append(name)
        self.client = ssl.create_default_context(cafile=str(self.file))


@pytest.fixture
def certificates(tmp_path: Any) -> Certificates:
    return Certificates(tmp_path)
