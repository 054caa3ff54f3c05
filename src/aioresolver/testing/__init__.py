"""A DNS server on loopback with zones and faults, for tests without a network.

    async with DNSServer("www.example. 60 A 192.0.2.1", faults=[Fault.drop(0.05)]) as server:
        resolver = Resolver(server.nameserver)

An `Internet` is many of them: a root and all below it, for a resolver that starts there.

The pytest fixtures are in `aioresolver.testing.fixtures`; `python -m aioresolver.testing ZONEFILE` serves a file.
"""

from aioresolver.testing.exchange import FORGED_IPV4, FORGED_IPV6, Exchange, Packet
from aioresolver.testing.faults import Action, Fault
from aioresolver.testing.internet import Internet
from aioresolver.testing.internet_server import InternetQuery, InternetServer
from aioresolver.testing.query_log import ReceivedQuery
from aioresolver.testing.server import DNSServer
from aioresolver.testing.zone import Zone

__all__ = [
    "FORGED_IPV4",
    "FORGED_IPV6",
    "Action",
    "DNSServer",
    "Exchange",
    "Fault",
    "Internet",
    "InternetQuery",
    "InternetServer",
    "Packet",
    "ReceivedQuery",
    "Zone",
]
