"""A DNS server on loopback with zones and faults, for tests without a network.

    async with DNSServer("www.example. 60 A 192.0.2.1", faults=[Fault.drop(0.05)]) as server:
        resolver = Resolver(server.nameserver)

The pytest fixtures are in `aioresolver.testing.fixtures`; `python -m aioresolver.testing ZONEFILE` serves a file.
"""

from aioresolver.testing.exchange import FORGED_IPV4, FORGED_IPV6, Exchange, Packet
from aioresolver.testing.faults import Action, Fault
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
    "Packet",
    "ReceivedQuery",
    "Zone",
]
