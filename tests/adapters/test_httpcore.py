"""HttpcoreBackend and Httpcore2Backend: pools of httpcore and httpcore2 that connect through our resolver."""

from __future__ import annotations

import importlib
import importlib.util
import socket
import sys
from typing import Any

import pytest

from aioresolver.errors import AddressBlocked, NameNotFound, UsageError
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer

ZONE = """
$ORIGIN web.test.
@       60 SOA ns hostmaster 1 7200 3600 1209600 30
www     60 A 127.0.0.1
second  60 A 127.0.0.77
second  60 A 127.0.0.1
"""


class Library:
    """httpcore or httpcore2, and our backend for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module = pytest.importorskip(name)
        self.adapter = importlib.import_module(f"aioresolver.adapters.{name}")
        self.backend = getattr(self.adapter, f"{name.capitalize()}Backend")

    def pool(self, resolver: Resolver, **options: Any) -> Any:
        return self.module.AsyncConnectionPool(network_backend=self.backend(resolver), **options)


@pytest.fixture(params=["httpcore", "httpcore2"])
def library(request: Any) -> Library:
    return Library(request.param)


def test_tls_and_the_host_are_those_of_the_url(run, library, site, certificates):
    async def main() -> None:
        async with (
            DNSServer(ZONE) as server,
            Resolver(server.nameserver) as resolver,
            site.at("127.0.0.1", context=certificates.server),
            library.pool(resolver, ssl_context=certificates.client) as pool,
        ):
            page = await pool.request("GET", f"https://www.web.test:{site.port}/")
            assert page.content.decode() == f"www.web.test:{site.port}"

    run(main())
    assert certificates.asked == ["www.web.test"]


async def test_where_from_and_what_of_the_socket(library, site):
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    async with (
        DNSServer(ZONE) as server,
        Resolver(server.nameserver) as resolver,
        site.at("127.0.0.1"),
    ):
        stream = await library.backend(resolver).connect_tcp(
            "www.web.test", site.port, local_address="127.0.0.5", socket_options=options
        )
        sock = stream.get_extra_info("socket")
        assert sock.getsockname()[0] == "127.0.0.5"
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await stream.write(b"GET / HTTP/1.1\r\nhost: web\r\n\r\n", timeout=5)
        assert b"200 OK" in await stream.read(100, timeout=5)
        await stream.aclose()


async def test_errors_are_those_of_the_library_with_ours_behind_them(library):
    async with DNSServer(ZONE) as server, Resolver(server.nameserver, policy=AddressPolicy.public()) as resolver:
        backend = library.backend(resolver)
        for host, error in (("no.web.test", NameNotFound), ("www.web.test", AddressBlocked), ("::1", AddressBlocked)):
            with pytest.raises(library.module.ConnectError) as caught:
                await backend.connect_tcp(host, 80)
            assert isinstance(caught.value.__cause__, error)
    with pytest.raises(UsageError, match="closed"):
        await backend.connect_tcp("www.web.test", 80)


async def test_when_no_address_answers_the_error_tells_of_each(library):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        async with DNSServer(ZONE) as server, Resolver(server.nameserver) as resolver:
            with pytest.raises(library.module.ConnectError, match=r".+; .+"):
                await library.backend(resolver).connect_tcp("second.web.test", sock.getsockname()[1])


def test_without_the_library_one_sentence_says_what_to_install(library, monkeypatch):
    spec = importlib.util.spec_from_file_location("another", library.adapter.__file__)
    extra = library.name.replace("core", "x")
    for missing in (library.name, "anyio"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)
            sentence = rf'^\S+ needs {library.name} with anyio: pip install "aioresolver\[{extra}\]"$'
            with pytest.raises(ModuleNotFoundError, match=sentence):
                spec.loader.exec_module(importlib.util.module_from_spec(spec))
