"""open_transport: each scheme its transport, and a clear word where there is none."""

from __future__ import annotations

import pytest

from aioresolver.errors import ConfigurationError
from aioresolver.transports.nameserver import Nameserver
from aioresolver.transports.open import open_transport
from aioresolver.transports.tcp import TcpTransport
from aioresolver.transports.tls import TlsTransport
from aioresolver.transports.udp import UdpTransport


@pytest.mark.parametrize(("scheme", "kind"), [("udp", UdpTransport), ("tcp", TcpTransport), ("tls", TlsTransport)])
async def test_each_scheme_has_its_transport(scheme, kind):
    nameserver = Nameserver(scheme, "127.0.0.1")
    transport = open_transport(nameserver, source="127.0.0.1")
    assert type(transport) is kind
    assert transport.nameserver == nameserver
    await transport.aclose()


@pytest.mark.parametrize("scheme", ["https", "quic"])
def test_what_is_not_supported(scheme):
    with pytest.raises(ConfigurationError, match=f"{scheme} is not supported in this version; use udp, tcp or tls"):
        open_transport(Nameserver(scheme, "127.0.0.1"))
