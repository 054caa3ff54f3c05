"""HttpxTransport and Httpx2Transport: what httpx and httpx2 do with them, over real connections on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import socket
import ssl
import sys
import types
from typing import Any

import pytest

from aioresolver.errors import AddressBlocked, LookupTimeout, NameNotFound, NameSyntaxError, UsageError
from aioresolver.policy import AddressPolicy
from aioresolver.resolver import Resolver
from aioresolver.testing import DNSServer, Fault

ZONE = """
$ORIGIN web.test.
@       60 SOA ns hostmaster 1 7200 3600 1209600 30
www     60 A 127.0.0.1
alias   60 CNAME www
both    60 A 127.0.0.1
both    60 AAAA ::1
second  60 A 127.0.0.77
second  60 A 127.0.0.1
two     0  A 127.0.0.9
proxy   60 A 127.0.0.1
"""


@contextlib.asynccontextmanager
async def house(site: Any, *, context: ssl.SSLContext | None = None, zone: str = ZONE, **options: Any) -> Any:
    """A nameserver, a resolver of it, and the site at 127.0.0.1."""
    async with (
        DNSServer(zone) as server,
        Resolver(server.nameserver, **{"timeout": 2.0, **options}) as resolver,
        site.at("127.0.0.1", context=context),
    ):
        yield server, resolver


class Library:
    """httpx or httpx2, and our transport for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module = pytest.importorskip(name)
        self.adapter = importlib.import_module(f"aioresolver.adapters.{name}")
        self.transport = getattr(self.adapter, f"{name.capitalize()}Transport")

    def client(self, resolver: Resolver, **options: Any) -> Any:
        return self.module.AsyncClient(transport=self.transport(resolver, **options), timeout=5)


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: Any) -> Library:
    return Library(request.param)


def test_a_page_of_a_name_that_only_our_server_knows(library, run, site):
    async def main() -> None:
        async with house(site) as (server, resolver):
            async with library.client(resolver) as web:
                for host in ("www.web.test", "WWW.web.test", "alias.web.test", "127.0.0.1"):
                    page = await web.get(f"http://{host}:{site.port}/")
                    assert page.text == f"{host.lower()}:{site.port}"
            assert server.asked("www.web.test", "A") == 1

    run(main())


def test_tls_and_the_host_are_those_of_the_url(library, run, site, certificates):
    async def main() -> None:
        async with (
            house(site, context=certificates.server, hosts={"other.test": "127.0.0.1"}) as (_, resolver),
            library.client(resolver, verify=certificates.client) as web,
        ):
            for host in ("www.web.test", "alias.web.test"):
                page = await web.get(f"https://{host}:{site.port}/")
                assert page.text == f"{host}:{site.port}"
            with pytest.raises(library.module.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await web.get(f"https://other.test:{site.port}/")

    run(main())
    assert certificates.asked == ["www.web.test", "alias.web.test", "other.test"]


def test_the_next_address_is_tried_when_one_refuses(library, run, site):
    async def main() -> None:
        async with house(site, address_order="as-is") as (_, resolver), library.client(resolver) as web:
            for host in ("second", "both"):
                assert (await web.get(f"http://{host}.web.test:{site.port}/")).status_code == 200

    run(main())


async def test_one_resolver_serves_many_clients(library, site):
    async with house(site) as (server, resolver):
        for _ in range(3):
            async with library.client(resolver) as web:
                pages = await asyncio.gather(*(web.get(f"http://www.web.test:{site.port}/") for _ in range(5)))
                assert {page.status_code for page in pages} == {200}
        assert server.asked("www.web.test", "A") == 1


async def test_an_override_of_a_port_leads_to_another(library, site):
    async with (
        site.at("127.0.0.1"),
        Resolver("127.0.0.1", hosts={"shop.test:80": ("127.0.0.1", site.port)}) as resolver,
        library.client(resolver) as web,
    ):
        assert (await web.get("http://shop.test/")).text == "shop.test"


async def test_it_closes_what_it_made_and_leaves_what_it_was_given(library, site):
    async with house(site) as (_, resolver):
        async with library.client(resolver):
            pass
        await library.transport(resolver).aclose()
        assert await resolver.resolve("www.web.test")
    for transport in (library.transport(), library.transport()):
        async with transport:
            pass
        await transport.aclose()
        with pytest.raises(UsageError, match="closed"):
            await transport.handle_async_request(library.module.Request("GET", "http://www.web.test/"))


# ---- errors


@pytest.mark.parametrize(
    ("url", "error", "ours"),
    [
        ("http://no.web.test/", "ConnectError", NameNotFound),
        ("http://2130706433/", "ConnectError", NameNotFound),
        (
            "http://a_very_long_label_that_no_name_may_have_for_it_is_over_63_characters_long/",
            "ConnectError",
            NameSyntaxError,
        ),
        ("http://169.254.169.254/", "ConnectError", AddressBlocked),
    ],
)
async def test_errors_are_those_of_httpx_with_ours_behind_them(library, site, url, error, ours):
    async with house(site, policy=AddressPolicy.public()) as (_, resolver), library.client(resolver) as web:
        with pytest.raises(library.module.ConnectError) as caught:
            await web.get(url)
    assert type(caught.value).__name__ == error
    assert isinstance(caught.value.__cause__.__context__, ours)
    assert str(caught.value.__cause__.__context__) == str(caught.value)


async def test_a_lookup_that_takes_too_long(library, site):
    async with house(site, timeout=0.1) as (server, resolver):
        server.faults.append(Fault.silence())
        async with library.client(resolver) as web:
            with pytest.raises(library.module.ConnectTimeout) as caught:
                await web.get("http://www.web.test/")
        assert isinstance(caught.value.__cause__.__context__, LookupTimeout)


async def test_the_connect_timeout_is_for_the_lookup_too(library, site):
    async with house(site) as (server, resolver), library.client(resolver) as web:
        server.faults.append(Fault.silence())
        with pytest.raises(
            library.module.ConnectTimeout, match=r"no connection to www\.web\.test port 80 within 0\.05 s"
        ):
            await web.get("http://www.web.test/", timeout=library.module.Timeout(5, connect=0.05))


async def test_nobody_listens(library, site):
    with socket.socket() as taken:  # bound, so that nobody else can listen there either
        taken.bind(("127.0.0.1", 0))
        async with house(site) as (_, resolver), library.client(resolver) as web:
            with pytest.raises(library.module.ConnectError):
                await web.get(f"http://second.web.test:{taken.getsockname()[1]}/")


async def test_a_cancelled_request_harms_no_other(library, site):
    async with house(site) as (server, resolver), library.client(resolver) as web:
        server.faults.append(Fault.delay(0.1))
        requests = [asyncio.create_task(web.get(f"http://www.web.test:{site.port}/")) for _ in range(2)]
        await server.received()
        requests[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await requests[0]
        assert (await requests[1]).status_code == 200
        assert server.asked("www.web.test", "A") == 1


# ---- proxies


async def test_proxies_of_the_environment_are_lost(library, site, monkeypatch):
    """As with every transport that a client is given; `mounts` brings them back."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with house(site) as (_, resolver), library.client(resolver) as web:
        assert (await web.get(f"http://www.web.test:{site.port}/")).status_code == 200


async def test_the_name_of_a_proxy_is_resolved_here_and_other_names_by_the_proxy(library, site):
    async with house(site) as (server, resolver):
        transport = library.transport(resolver, proxy=f"http://proxy.web.test:{site.port}")
        async with library.module.AsyncClient(mounts={"http://": transport}) as web:
            assert (await web.get("http://elsewhere.test/")).text == "elsewhere.test"
        assert (server.asked("proxy.web.test", "A"), server.asked("elsewhere.test")) == (1, 0)


# ---- the policy


async def test_attacks_reach_nobody_inside(library, attack, attack_zone, connections, site):
    policy = AddressPolicy.public(allow=["127.0.0.9"])
    async with (
        DNSServer(attack_zone) as server,
        Resolver(server.nameserver, policy=policy, timeout=2) as resolver,
        site.at("127.0.0.9", "127.0.0.1", "::1"),
        library.client(resolver, verify=False) as web,
    ):
        with contextlib.suppress(library.module.HTTPError, library.module.InvalidURL):
            await web.get(attack.replace("PORT", str(site.port)), follow_redirects=True)
    assert set(connections) <= {"127.0.0.9"}
    assert all(host.startswith("good.attack.test") for host in site.hosts)


async def test_the_attacks_are_real(library, attacks, attack_zone, connections, site):
    """Without a policy many of them arrive inside; numbers in odd forms do not, for they are no names."""
    arrived = 0
    async with (
        DNSServer(attack_zone) as server,
        Resolver(server.nameserver) as resolver,
        site.at("127.0.0.9", "127.0.0.1", "::1"),
        library.client(resolver, verify=False) as web,
    ):
        for attack in attacks:
            connections.clear()
            with contextlib.suppress(library.module.HTTPError, library.module.InvalidURL):
                await web.get(attack.replace("PORT", str(site.port)), follow_redirects=True)
            arrived += not set(connections) <= {"127.0.0.9"}
    assert arrived >= 40


async def test_a_name_that_changes_between_check_and_connection(library, site, connections):
    policy = AddressPolicy.public(allow=["127.0.0.9"])
    async with (
        DNSServer(ZONE) as server,
        Resolver(server.nameserver, policy=policy) as resolver,
        site.at("127.0.0.9", "127.0.0.1"),
        library.client(resolver, verify=False) as web,
    ):
        url = f"http://two.web.test:{site.port}/"
        assert (await web.get(url)).status_code == 200
        assert server.asked("two.web.test", "A") == 1
        server.remove("two.web.test")
        server.add("two.web.test. 0 A 127.0.0.1")
        with pytest.raises(library.module.ConnectError, match="loopback"):
            await web.get(url)
    assert set(connections) == {"127.0.0.9"}


# ---- without httpx, or with one that is built otherwise


def test_without_the_library_one_sentence_says_what_to_install(library, monkeypatch):
    spec = importlib.util.spec_from_file_location("another", library.adapter.__file__)
    monkeypatch.setitem(sys.modules, library.name, None)
    sentence = rf'^\S+ needs {library.name} \d\.\d+ or newer: pip install "aioresolver\[{library.name}\]"$'
    with pytest.raises(ModuleNotFoundError, match=sentence):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


async def test_a_library_that_would_pass_the_policy_by_is_refused(library, monkeypatch):
    def build(self: Any, **options: Any) -> None:
        self._pool = types.SimpleNamespace()

    monkeypatch.setattr(library.module.AsyncHTTPTransport, "__init__", build)
    async with Resolver("127.0.0.1") as resolver:
        with pytest.raises(ImportError, match=rf"{library.name} .* built otherwise .*aioresolver\[{library.name}\]"):
            library.transport(resolver)
