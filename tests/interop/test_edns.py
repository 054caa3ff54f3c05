"""What Knot Resolver says beside its answers: which machine it is, and why there is nothing (NSID, extended errors)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import free_port, run

from aioresolver import NameNotFound, Resolver, ServerFailure, StubBackend
from aioresolver.wire.codes import EdnsOption, ExtendedError
from aioresolver.wire.edns import Edns

CONFIGURATION = """
for _, name in ipairs({{'priming', 'ta_update', 'ta_signal_query', 'detect_time_skew', 'detect_time_jump'}}) do
    modules.unload(name)
end
trust_anchors.remove('.')
net.ipv6 = false
net.outgoing_v4('127.0.0.1')
net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})
modules = {{ 'policy', 'nsid' }}
nsid.name('machine 7')
policy.add(policy.suffix(policy.DENY, {{ todname('blocked.interop.test.') }}))
policy.add(policy.suffix(policy.REFUSE, {{ todname('refused.interop.test.') }}))
policy.add(policy.all(policy.STUB('127.0.0.1@{upstream}')))
cache.size = 20 * MB
"""
ASKING = Edns().with_option(EdnsOption.NSID, b"").with_dnssec_ok()


@pytest.fixture(scope="module")
def strict(nsd: Any, zone_file: Path) -> Iterator[Any]:
    """A Knot Resolver that says no to some names."""
    folder, port = zone_file.parent / "strict", free_port()
    folder.mkdir()
    file = folder / "kresd.conf"
    file.write_text(CONFIGURATION.format(port=port, upstream=nsd.port))
    yield from run("strict", port, ["kresd", "--noninteractive", f"--config={file}", str(folder)], folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def resolver(strict: Any) -> Any:
    async with Resolver(StubBackend(strict.nameserver, edns=ASKING), search=[]) as resolver:
        yield resolver


async def test_which_machine_it_is(resolver: Resolver) -> None:
    for _ in range(2):  # the second time from the cache
        answer = await resolver.resolve("h1.interop.test")
        assert answer.nsid == b"machine 7"
        assert answer.edns is not None
        assert answer.edns.dnssec_ok
        assert not answer.authenticated
        assert answer.extended_errors == ()


async def test_why_there_is_nothing(resolver: Resolver) -> None:
    with pytest.raises(NameNotFound, match=r"no such name \(BLOCKED") as denied:
        await resolver.resolve("www.blocked.interop.test")
    assert denied.value.extended_errors[0][0] == ExtendedError.BLOCKED
    with pytest.raises(ServerFailure, match=r"REFUSED \(PROHIBITED") as refused:
        await resolver.resolve("www.refused.interop.test")
    assert refused.value.extended_errors[0][0] == ExtendedError.PROHIBITED
