"""Fixtures for pytest: `pytest_plugins = ["aioresolver.testing.fixtures"]` in conftest.py, and tests meet no real DNS.

    @pytest.mark.dns_zone("www.example. 60 A 192.0.2.1")
    async def test_shop(dns_server):
        resolver = Resolver(dns_server.nameserver)

The server runs in a thread of its own, so it serves tests of every kind: plain, asyncio, trio, subprocesses.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any

import pytest

from aioresolver.testing.internet import Internet
from aioresolver.testing.server import DNSServer
from aioresolver.testing.zone import Zone

__all__ = ["DNSEscape", "dns_server", "dns_zone", "internet", "no_network_dns", "pytest_configure"]

DNS_PORTS = frozenset({53, 853})


class DNSEscape(AssertionError):
    """A test was about to ask a real nameserver."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    config.addinivalue_line("markers", "dns_zone(*zones): zone text, or Zone objects, that dns_server serves")
    config.addinivalue_line("markers", "internet(text, **options): what the fixture internet is made of")


@pytest.fixture
def dns_zone(request: pytest.FixtureRequest) -> str | Zone | Sequence[str | Zone]:
    """The zones of dns_server: what the marker dns_zone says; override it for a module or a project.

    Without a marker, one empty zone that takes every name: `dns_server.add("www.example. 60 A 192.0.2.1")`.
    """
    marker = request.node.get_closest_marker("dns_zone")
    zones: tuple[str | Zone, ...] = () if marker is None else marker.args
    return zones


@pytest.fixture
def dns_server(dns_zone: str | Zone | Sequence[str | Zone]) -> Iterator[DNSServer]:
    """A DNSServer that serves dns_zone, over UDP and TCP on loopback; its `faults` are yours to fill."""
    zones = (dns_zone,) if isinstance(dns_zone, (str, Zone)) else dns_zone
    with DNSServer.in_thread(*zones) as server:
        yield server


@pytest.fixture
def internet(request: pytest.FixtureRequest) -> Internet:
    """An Internet without sockets, as the marker internet says: its text, and other arguments of Internet.

    `IterativeBackend(hints=internet.hints, exchange=internet.exchange)` walks it. Without a marker it is a root that
    knows no names.
    """
    marker = request.node.get_closest_marker("internet")
    if marker is None:
        return Internet("", sockets=False)
    return Internet(*marker.args, **{"sockets": False, **marker.kwargs})


@pytest.fixture
def no_network_dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test when Python code sends to port 53 or 853 beyond loopback, or resolves a host by getaddrinfo.

    The call raises DNSEscape, and the test fails at its end even if somebody catches that. What C code sends by
    itself (c-ares, uvloop) is not seen. `pytestmark = pytest.mark.usefixtures("no_network_dns")` guards a module.
    """
    escapes: list[str] = []

    def refuse(what: str) -> None:
        escapes.append(what)
        raise DNSEscape(f"a test must not do DNS on the network: {what}")

    for method in ("connect", "connect_ex", "sendto", "sendmsg"):
        monkeypatch.setattr(socket.socket, method, _guarded_method(getattr(socket.socket, method), method, refuse))
    for function in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo"):
        monkeypatch.setattr(socket, function, _guarded_function(getattr(socket, function), function, refuse))
    yield
    if escapes:
        pytest.fail(f"the test did DNS on the network: {', '.join(escapes)}", pytrace=False)


def _guarded_method(real: Callable[..., Any], method: str, refuse: Callable[[str], None]) -> Callable[..., Any]:
    """The socket's method, refusing addresses of nameservers beyond this machine."""

    def guarded(self: socket.socket, *arguments: Any) -> Any:
        place = arguments[-1] if arguments else None  # the address is the last argument of all of them
        if isinstance(place, tuple) and len(place) > 1 and place[1] in DNS_PORTS and not _is_loopback(place[0]):
            refuse(f"{method} to {place[0]} port {place[1]}")
        return real(self, *arguments)

    return guarded


def _guarded_function(real: Callable[..., Any], function: str, refuse: Callable[[str], None]) -> Callable[..., Any]:
    """The socket module's function, refusing hosts that a nameserver would be asked about."""

    def guarded(*arguments: Any, **keywords: Any) -> Any:
        subject: Any = arguments[0] if arguments else keywords.get("host")
        if function == "getnameinfo":
            numeric = arguments[1] & socket.NI_NUMERICHOST or _is_loopback(subject[0])
        elif function == "gethostbyaddr":
            numeric = _is_loopback(subject)
        else:
            numeric = not subject or _is_literal(subject) or _is_loopback(subject)
        if not numeric:
            refuse(f"{function} of {subject!r}")
        return real(*arguments, **keywords)

    return guarded


def _is_literal(host: str | bytes) -> bool:
    text = host.decode("latin-1") if isinstance(host, bytes) else host
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(host: str | bytes) -> bool:
    text = host.decode("latin-1") if isinstance(host, bytes) else host
    return text == "localhost" or (_is_literal(text) and ip_address(text).is_loopback)
