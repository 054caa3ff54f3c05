"""Places on earth and hardware addresses: examples of RFC 1876 and RFC 7043, and what they refuse."""

from __future__ import annotations

import pytest
from tests.wire.rdata.examples import check, wire_of

from aioresolver.errors import MessageFormatError, RdataSyntaxError
from aioresolver.wire.codes import RRType
from aioresolver.wire.rdata import EUI48, EUI64, LOC, parse_rdata, read_rdata


class TestLOC:
    @pytest.mark.parametrize(
        ("text", "wire", "shown"),
        [  # RFC 1876, 4
            (
                "42 21 54 N 71 06 18 W -24m 30m",
                "00 33 16 13 89172dd0 70be15f0 00988d20",
                "42 21 54.000 N 71 6 18.000 W -24m 30m 10000m 10m",
            ),
            (
                "42 21 43.952 N 71 5 6.344 W -24m 1m 200m",
                "00 12 24 13 89170690 70bf2dd8 00988d20",
                "42 21 43.952 N 71 5 6.344 W -24m 1m 200m 10m",
            ),
            (
                "52 14 05 N 00 08 50 E 10m",
                "00 12 16 13 8b3556c8 80081650 00989a68",
                "52 14 5.000 N 0 8 50.000 E 10m 1m 10000m 10m",
            ),
            (
                "32 7 19 S 116 2 25 E 10m",
                "00 12 16 13 791b7d28 98e64868 00989a68",
                "32 7 19.000 S 116 2 25.000 E 10m 1m 10000m 10m",
            ),
            (
                "42 21 28.764 N 71 00 51.617 W -44m 2000m",
                "00 25 16 13 8916cb3c 70c310df 00988550",
                "42 21 28.764 N 71 0 51.617 W -44m 2000m 10000m 10m",
            ),
        ],
    )
    def test_examples_of_rfc_1876(self, text, wire, shown):
        check("LOC", text, wire, shown)

    def test_properties(self):
        value = parse_rdata(RRType.LOC, "42 30 N 71 15 W -24.50m 0.05m")

        assert isinstance(value, LOC)
        assert value.degrees == (42.5, -71.25)
        assert value.metres == -24.5
        assert (value.size, value.horizontal_precision, value.vertical_precision) == (5, 1_000_000, 1_000)

    @pytest.mark.parametrize(
        "text",
        [
            "90 0 0.000 N 180 0 0.000 E 42849672.95m 90000000m 90000000m 90000000m",
            "90 0 0.000 S 180 0 0.000 W -100000m 0m 0m 0m",
            "0 0 0.000 N 0 0 0.000 E -0.01m 0.01m 0.10m 0.90m",
            "0 0 0.001 S 0 59 59.999 W 0.29m 1m 1m 1m",
        ],
    )
    def test_extremes_survive(self, text):
        assert str(parse_rdata(RRType.LOC, text)) == text
        assert wire_of(parse_rdata(RRType.LOC, text)) == wire_of(parse_rdata(RRType.LOC, text.replace("m", "").lower()))

    def test_a_size_keeps_its_first_digit(self):
        assert parse_rdata(RRType.LOC, "1 N 1 E 0 25m 1999.99m 0.19m")[1:4] == (2000, 100_000, 10)

    @pytest.mark.parametrize(
        "text",
        [
            "91 N 1 E 0m",
            "90 0 0.001 N 1 E 0m",
            "1 N 181 E 0m",
            "1 60 N 1 E 0m",
            "1 1 60 N 1 E 0m",
            "1 1 1.0001 N 1 E 0m",
            "1.5 N 1 E 0m",
            "1 1.5 N 1 E 0m",
            "-1 N 1 E 0m",
            "1 E 1 N 0m",
            "1 NS 1 E 0m",
            "N 1 E 0m",
            "1 1 1 1 N 1 E 0m",
            "1 N 1 E",
            "1 N 1 E -100000.01m",
            "1 N 1 E 42849672.96m",
            "1 N 1 E 0.001m",
            "1 N 1 E 1e3m",
            "1 N 1 E 0km",
            "1 N 1 E 0m -1m",
            "1 N 1 E 0m 100000000m",
            "1 N 1 E 0m 1m 1m 1m 1m",
            "१ N 1 E 0m",
        ],
    )
    def test_bad_text(self, text):
        with pytest.raises(RdataSyntaxError, match="LOC data: expected "):
            parse_rdata(RRType.LOC, text)

    @pytest.mark.parametrize(
        "wire",
        [
            "00 12 16 13 8b3556c8 80081650 00989a",
            "00 12 16 13 8b3556c8 80081650 00989a68 00",
            "01 12 16 13 8b3556c8 80081650 00989a68",
            "00 a2 16 13 8b3556c8 80081650 00989a68",
            "00 12 1a 13 8b3556c8 80081650 00989a68",
            "00 12 16 01 8b3556c8 80081650 00989a68",
            "00 12 16 13 934fd901 80081650 00989a68",
            "00 12 16 13 8b3556c8 595fffff 00989a68",
            "00",
            "00 12",
        ],
    )
    def test_malformed(self, wire):
        data = bytes.fromhex(wire)

        with pytest.raises(MessageFormatError, match="malformed LOC data"):
            read_rdata(RRType.LOC, data, 0, len(data))

    @pytest.mark.parametrize("changes", [{"version": 1}, {"size": 25}, {"size": -1}, {"size": 10**10}, {"latitude": 0}])
    def test_values_that_are_not_written(self, changes):
        value = parse_rdata(RRType.LOC, "1 N 1 E 0m")._replace(**changes)

        with pytest.raises(RdataSyntaxError, match=r"expected .*, found"):
            wire_of(value)


def test_eui48():
    assert check("EUI48", "00-00-5e-00-53-2a", "00005e00532a") == EUI48(bytes.fromhex("00005e00532a"))  # RFC 7043, 3.2
    assert str(parse_rdata(RRType.EUI48, "00-00-5E-00-53-2A")) == "00-00-5e-00-53-2a"


def test_eui64():
    text = "00-00-5e-ef-10-00-00-2a"  # RFC 7043, 4.2

    assert check("EUI64", text, "00005eef1000002a") == EUI64(bytes.fromhex("00005eef1000002a"))


@pytest.mark.parametrize("text", ["00-00-5e-00-53", "00005e00532a", "00:00:5e:00:53:2a", "00-00-5e-00-53-2g", "é", "-"])
def test_other_hardware_addresses_are_refused(text):
    with pytest.raises(
        RdataSyntaxError, match="EUI48 data: address: expected 6 pairs of hexadecimal digits such as 00-"
    ):
        parse_rdata(RRType.EUI48, text)


@pytest.mark.parametrize("size", [5, 7])
def test_hardware_addresses_have_one_size(size):
    with pytest.raises(MessageFormatError, match="malformed EUI48 data"):
        read_rdata(RRType.EUI48, bytes(size), 0, size)
    with pytest.raises(RdataSyntaxError, match=f"expected 6 bytes, found {size}"):
        wire_of(EUI48(bytes(size)))
