"""What is made of Windows' adapters and search lists."""

from __future__ import annotations

import sys

import pytest

from aioresolver.system.windows import Adapter, WindowsSearch, choose_nameservers, choose_search, read_search


def test_adapters_that_are_down_have_no_say_and_the_best_goes_first():
    adapters = [
        Adapter("VPN", ("10.0.0.53", "192.0.2.1"), metric=50, has_gateway=True),
        Adapter("Unplugged", ("192.0.2.99",), up=False, has_gateway=True),
        Adapter("Virtual switch", ("172.20.0.1",), metric=1),
        Adapter("Wi-Fi", ("192.0.2.1", "fe80::1%7", "fec0:0:0:ffff::1%1"), metric=25, has_gateway=True),
        Adapter("Loopback", ("127.0.0.1",), loopback=True),
    ]

    assert choose_nameservers(adapters) == ("192.0.2.1", "fe80::1%7", "10.0.0.53", "172.20.0.1")


def test_only_placeholders_are_no_nameservers():
    assert choose_nameservers([Adapter("Ethernet", ("fec0:0:0:ffff::1", "fec0:0:0:ffff::2"))]) == ()


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (WindowsSearch(), ("a.example", "b.example")),
        (WindowsSearch(domain="corp.example"), ("corp.example", "a.example", "b.example")),
        (WindowsSearch(domain="a.example"), ("a.example", "b.example")),
        (WindowsSearch(machine=("x.example",), domain="corp.example"), ("x.example",)),
        (WindowsSearch(policy=("p.example",), machine=("x.example",)), ("p.example",)),
    ],
)
def test_the_search_list(search, expected):
    adapters = [
        Adapter("one", suffix="a.example"),
        Adapter("down", suffix="down.example", up=False),
        Adapter("two", suffix="b.example"),
        Adapter("three"),
    ]

    assert choose_search(adapters, search) == expected


def test_the_registry(monkeypatch):
    values = {
        (r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters", "SearchList"): "a.example,b.example c.example",
        (r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters", "DhcpDomain"): "dhcp.example",
        (r"SOFTWARE\Policies\Microsoft\Windows NT\DNSClient", "SearchList"): "",
    }

    class Key:
        def __init__(self, root, path):
            self.path = path

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    class Registry:
        HKEY_LOCAL_MACHINE = 1
        OpenKey = Key

        @staticmethod
        def QueryValueEx(key, name):
            if (key.path, name) not in values:
                raise FileNotFoundError
            return values[key.path, name], 1

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "winreg", Registry)

    assert read_search() == WindowsSearch((), ("a.example", "b.example", "c.example"), "dhcp.example")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has one")
def test_elsewhere_there_is_no_registry():
    assert read_search() == WindowsSearch()
