"""open_transport: each scheme its transport, and a clear word where a package is missing."""

from __future__ import annotations

import ssl
import sys

import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.transports.named import NamedTransport
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport
from aioresolver.transports.tcp import TcpTransport
from aioresolver.transports.tls import TlsTransport
from aioresolver.transports.udp import UdpTransport

KINDS = {
    "udp": UdpTransport,
    "tcp": TcpTransport,
    "tls": TlsTransport,
    "https": "HttpsTransport",
    "quic": "QuicTransport",
}
PACKAGES = {"https": "h2", "quic": "aioquic"}


@pytest.mark.parametrize("scheme", KINDS)
async def test_each_scheme_has_its_transport(scheme):
    if scheme in PACKAGES:
        pytest.importorskip(PACKAGES[scheme])
    nameserver = Nameserver(scheme, "127.0.0.1")
    transport = open_transport(nameserver, source="127.0.0.1", context=ssl.create_default_context())
    assert KINDS[scheme] in (type(transport), type(transport).__name__)
    assert transport.nameserver == nameserver
    await transport.aclose()


@pytest.mark.parametrize("scheme", PACKAGES)
def test_a_missing_package(scheme, monkeypatch):
    package = PACKAGES[scheme]
    for module in list(sys.modules):
        if module.startswith((f"{package}.", "aioresolver.transports.http", "aioresolver.transports.quic")):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    expected = rf'^nameserver {scheme}://127.0.0.1\S*: .* needs? {package} .*pip install "aioresolver\[{scheme}\]"'
    with pytest.raises(ConfigurationError, match=expected):
        open_transport(Nameserver(scheme, "127.0.0.1"))


async def test_a_nameserver_known_by_its_name():
    async def resolve(hostname, deadline):
        return ["127.0.0.1"]

    nameserver = Nameserver.parse("tls://dns.test")
    transport = open_transport(nameserver, resolve=resolve)
    assert type(transport) is NamedTransport
    assert transport.nameserver == nameserver
    await transport.aclose()
    with pytest.raises(
        ConfigurationError, match=r"^nameserver tls://dns.test is known by its name only, and nothing finds"
    ):
        open_transport(nameserver)
