"""The output of `scutil --dns`."""

from __future__ import annotations

from aioresolver.system import macos
from aioresolver.system.macos import MacResolver, parse_scutil, read_scutil

TEXT = """\
DNS configuration

resolver #1
  search domain[0] : corp.example
  search domain[1] : lab.example
  nameserver[0] : 192.0.2.1
  nameserver[1] : fe80::1%en0
  if_index : 6 (en0)
  flags    : Request A records, Request AAAA records
  reach    : 0x00020002 (Reachable,Directly Reachable Address)

resolver #2
  domain   : vpn.example
  nameserver[0] : 10.0.0.53
  port     : 5353
  flags    : Supplemental, Request A records
  reach    : 0x00000003 (Reachable,Transient Connection)
  order    : 102400

resolver #3
  domain   : local
  options  : mdns
  timeout  : 5
  flags    : Request A records
  reach    : 0x00000000 (Not Reachable)
  order    : 300000

DNS configuration (for scoped queries)

resolver #1
  search domain[0] : home.example
  nameserver[0] : 192.168.1.1
  if_index : 6 (en0)
  flags    : Scoped, Request A records
  reach    : 0x00020002 (Reachable,Directly Reachable Address)
"""


def test_every_resolver():
    assert parse_scutil(TEXT) == [
        MacResolver(nameservers=("192.0.2.1", "fe80::1%en0"), search=("corp.example", "lab.example")),
        MacResolver("vpn.example", ("10.0.0.53",), port=5353, order=102400),
        MacResolver("local", timeout=5, order=300000, mdns=True),
        MacResolver(nameservers=("192.168.1.1",), search=("home.example",), scoped=True),
    ]


def test_nothing_in_nothing_out():
    assert parse_scutil("") == []
    assert parse_scutil("No DNS configuration available\n") == []


def test_where_there_is_no_scutil(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(macos.subprocess, "run", missing)
    assert read_scutil() == ""
