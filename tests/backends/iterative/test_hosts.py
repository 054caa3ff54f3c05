from __future__ import annotations

from aioresolver.backends.iterative.hosts import HostAddresses, Hosts
from aioresolver.wire.codes import RRType
from aioresolver.wire.names import Name

NS = Name("ns.example.")


def test_addresses_by_name_and_family_for_their_time():
    hosts = Hosts()
    hosts.learn(NS, RRType.A, HostAddresses(("10.0.0.1",), 100.0))

    assert hosts.find(NS, RRType.A, 99.0).addresses == ("10.0.0.1",)
    assert hosts.find(NS, RRType.A, 100.0) is None
    assert hosts.find(NS, RRType.AAAA, 0.0) is None


def test_the_least_recently_used_goes_first():
    hosts = Hosts(most=2)
    for name in ("a.", "b."):
        hosts.learn(Name(name), RRType.A, HostAddresses((), 100.0))
    hosts.find(Name("a."), RRType.A, 0.0)
    hosts.learn(Name("c."), RRType.A, HostAddresses((), 100.0, "no reply"))

    assert len(hosts) == 2
    assert hosts.find(Name("b."), RRType.A, 0.0) is None
    assert hosts.find(Name("c."), RRType.A, 0.0).failure == "no reply"
