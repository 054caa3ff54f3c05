"""What the kernel threw away, as Linux counts it."""

from __future__ import annotations

import pytest

from aioresolver.bulk.kernel_drops import KernelDrops, advice

SNMP = """\
Ip: Forwarding DefaultTTL
Ip: 1 64
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
Udp: 1000 0 {drops} 1000 {drops} 0
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
UdpLite: 0 0 0 0 77 0
"""
SNMP6 = "Ip6InReceives                   \t10\nUdp6InDatagrams                 \t450\nUdp6RcvbufErrors                \t{drops}\n"


@pytest.fixture
def kernel(tmp_path):
    class Kernel:
        def __init__(self):
            self.paths = {"snmp": tmp_path / "snmp", "snmp6": tmp_path / "snmp6"}

        def counts(self, ipv4, ipv6):
            self.paths["snmp"].write_text(SNMP.format(drops=ipv4))
            self.paths["snmp6"].write_text(SNMP6.format(drops=ipv6))

    return Kernel()


def test_what_was_dropped_since_is_counted_over_both_families(kernel):
    kernel.counts(100, 5)
    drops = KernelDrops(**kernel.paths)
    assert (drops.count, advice(drops.count)) == (0, None)

    kernel.counts(130, 7)

    assert drops.count == 32
    assert "dropped 32 datagrams" in advice(drops.count)
    assert "net.core.rmem_max" in advice(drops.count)


def test_a_machine_without_ipv6_counts_the_other(kernel):
    kernel.counts(1, 0)
    kernel.paths["snmp6"].unlink()
    drops = KernelDrops(**kernel.paths)
    kernel.paths["snmp"].write_text(SNMP.format(drops=2))

    assert drops.count == 1


@pytest.mark.parametrize(
    "text", [None, "", "Udp: InDatagrams\n", "Udp: RcvbufErrors\nUdp: many\n", "Udp: 1\nUdp: 2\nUdp: 3\n"]
)
def test_where_the_kernel_does_not_tell_nobody_knows(tmp_path, text):
    path = tmp_path / "snmp"
    if text is not None:
        path.write_text(text)
    drops = KernelDrops(snmp=path, snmp6=tmp_path / "none")

    assert drops.count is None
    assert advice(drops.count) is None


def test_counters_that_begin_anew_are_no_negative_drops(kernel):
    kernel.counts(100, 0)
    drops = KernelDrops(**kernel.paths)
    kernel.counts(3, 0)

    assert drops.count == 0
