"""Discovery of designated resolvers (RFC 9462) with the servers that people run: their certificates decide."""

from __future__ import annotations

import pytest
from encrypted_servers import KINDS

from aioresolver.backends.discovery import discover
from aioresolver.backends.stub import StubBackend
from aioresolver.testing import DNSServer
from aioresolver.transports.nameserver import Nameserver

NAME = "resolver.interop.test"


@pytest.mark.parametrize("certified", [NAME, "target.interop.test"])
@pytest.mark.parametrize("kind", KINDS)
async def test_by_the_name_of_a_resolver(kind, certified, encrypted_server):
    server = encrypted_server(kind, certificate=encrypted_server.authority.issue(certified))
    tls, https = server.ports["tls"], server.ports["https"]
    async with DNSServer(
        f"_dns.{NAME}. 600 SVCB 2 target.interop.test. alpn=dot port={tls} ipv4hint=127.0.0.1\n"
        f"_dns.{NAME}. 600 SVCB 1 target.interop.test. alpn=h2 dohpath=/dns-query{{?dns}} port={https} ipv4hint=127.0.0.1\n"
    ) as plain:
        context = server.authority.client_context()
        designation = await discover(
            Nameserver.parse(plain.nameserver), lambda at: StubBackend([at], context=context), name=NAME
        )
    expected = [server.nameserver("https", NAME)] if certified == NAME else []
    assert list(map(str, designation.nameservers)) == expected
