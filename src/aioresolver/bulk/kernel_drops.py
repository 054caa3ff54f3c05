"""KernelDrops: the datagrams that came to this machine and were thrown away, because no buffer had room for them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["KernelDrops", "advice"]

SNMP = Path("/proc/net/snmp")
SNMP6 = Path("/proc/net/snmp6")
# Beyond what the largest bursts of replies need; the figure in the advice.
AMPLE = 8 * 1024 * 1024


class KernelDrops:
    """Counts what the kernel drops from now on: `RcvbufErrors` of UDP over IPv4 and IPv6, as Linux counts them.

    They are those of all programs in this network namespace: of our own sockets, `Upstream.dropped` knows better.
    """

    def __init__(self, *, snmp: Path = SNMP, snmp6: Path = SNMP6) -> None:
        self._snmp = snmp
        self._snmp6 = snmp6
        self._before = self._total()

    @property
    def count(self) -> int | None:
        """How many were dropped since; None where the kernel does not tell."""
        total = self._total()
        return None if total is None or self._before is None else max(0, total - self._before)

    def _total(self) -> int | None:
        numbers = [number for number in (_udp4(self._snmp), _udp6(self._snmp6)) if number is not None]
        return sum(numbers) if numbers else None


def advice(count: int | None) -> str | None:
    """What to do about so many, in words; None when none were dropped, or nobody knows."""
    if not count:
        return None
    return (
        f"the kernel dropped {count} datagrams, for the receive buffers of their sockets were full: "
        f"let them be larger (sysctl -w net.core.rmem_max={AMPLE}), or have fewer lookups under way"
    )


def _udp4(path: Path) -> int | None:
    """Two lines begin with `Udp:`, one with names and one with numbers."""
    lines = [line.split() for line in _lines(path) if line.startswith("Udp:")]
    if len(lines) != 2:
        return None
    return _number(dict(zip(*lines, strict=False)).get("RcvbufErrors"))


def _udp6(path: Path) -> int | None:
    """A name and a number on each line."""
    pairs = dict(line.split(maxsplit=1) for line in _lines(path) if len(line.split()) == 2)
    return _number(pairs.get("Udp6RcvbufErrors"))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdigit() else None
