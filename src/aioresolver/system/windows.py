"""What Windows is configured with: what follows from its adapters and its registry."""

from __future__ import annotations

import sys
from typing import NamedTuple

__all__ = ["Adapter", "WindowsSearch", "choose_nameservers", "choose_search", "read_search"]

# Addresses that Windows shows where nobody configured any; nothing answers there.
PLACEHOLDERS = frozenset({"fec0:0:0:ffff::1", "fec0:0:0:ffff::2", "fec0:0:0:ffff::3"})

PARAMETERS = r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
POLICY = r"SOFTWARE\Policies\Microsoft\Windows NT\DNSClient"


class Adapter(NamedTuple):
    """A network adapter: its nameservers (addresses, with scopes), its suffix, and how much it is preferred.

    `metric` is less for a better one. Only an adapter that is `up` counts.
    """

    name: str
    nameservers: tuple[str, ...] = ()
    suffix: str = ""
    up: bool = True
    loopback: bool = False
    has_gateway: bool = False
    metric: int = 0


class WindowsSearch(NamedTuple):
    """The search lists of the registry: that of a group policy, that of the machine, and the machine's domain."""

    policy: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()
    domain: str = ""


def choose_nameservers(adapters: list[Adapter]) -> tuple[str, ...]:
    """The nameservers of the adapters that are up, those with a gateway first, then by metric; each once."""
    usable = [adapter for adapter in adapters if adapter.up and not adapter.loopback]
    usable.sort(key=lambda adapter: (not adapter.has_gateway, adapter.metric))
    found = dict.fromkeys(address for adapter in usable for address in adapter.nameservers)
    return tuple(address for address in found if address.partition("%")[0] not in PLACEHOLDERS)


def choose_search(adapters: list[Adapter], search: WindowsSearch) -> tuple[str, ...]:
    """The suffixes that Windows appends: a configured list alone, else the machine's domain and the adapters' own."""
    if search.policy or search.machine:
        return search.policy or search.machine
    suffixes = [search.domain, *(adapter.suffix for adapter in adapters if adapter.up and not adapter.loopback)]
    return tuple(dict.fromkeys(suffix for suffix in suffixes if suffix))


def read_search() -> WindowsSearch:
    """The search lists of this machine's registry; empty ones where there is no registry."""
    if sys.platform != "win32":
        return WindowsSearch()
    return WindowsSearch(
        policy=_split(_registry(POLICY, "SearchList")),
        machine=_split(_registry(PARAMETERS, "SearchList")),
        domain=_registry(PARAMETERS, "Domain") or _registry(PARAMETERS, "DhcpDomain"),
    )


def _registry(key: str, value: str) -> str:
    """A text of the machine's registry; empty when there is none."""
    if sys.platform != "win32":
        return ""
    import winreg  # noqa: PLC0415 - Windows alone has it

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return str(winreg.QueryValueEx(opened, value)[0])
    except OSError:
        return ""


def _split(text: str) -> tuple[str, ...]:
    """The items of a list in the registry: commas or blanks between them."""
    return tuple(text.replace(",", " ").split())
