"""The drawing: well-formed, everything in it, nothing out of it."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from aioresolver.testing import Fault
from aioresolver.trace.drawing import draw
from aioresolver.trace.rows import Row

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def root(run_virtual: Any, world: Any) -> Any:
    """The drawing of a walk that one dead server holds up."""
    world.internet.fail("ns.dead.example", Fault.drop())

    async def main() -> str:
        async with world.resolver() as resolver:
            drawing: str = (await resolver.trace("www.dead.example")).to_svg()
            return drawing

    return ET.fromstring(run_virtual(main()))


def test_every_step_is_drawn(root: Any) -> None:
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert texts[0] == "www.dead.example A, from the root"
    assert texts.count("✗ no reply") == 3
    assert "→ referral to dead.example.: 1 nameserver, 1 address" in texts
    assert texts[-2].startswith("✗ www.dead.example. A: no nameserver of dead.example.")
    assert root.find(f"{SVG}title").text == texts[0]
    assert [mark.get("class") for mark in root.iter(f"{SVG}circle")] == [
        "answer", "referral", "referral", "failure", "failure", "failure",
    ]  # fmt: skip


def test_times_are_bars(root: Any) -> None:
    bars = [bar for bar in root.iter(f"{SVG}rect") if bar.get("class") not in ("rail", "paper")]
    ends = [float(bar.get("x")) + float(bar.get("width")) for bar in bars]
    starts = [float(bar.get("x")) for bar in bars]
    assert starts == sorted(starts)
    assert all(start == pytest.approx(end, abs=0.3) for start, end in zip(starts[1:], ends, strict=False))
    assert float(bars[-1].get("width")) == pytest.approx(260 * 1.6 / 2.86, abs=0.1)


def test_all_of_it_is_on_the_paper(root: Any) -> None:
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {width:.0f} {height:.0f}"
    for text in root.iter(f"{SVG}text"):
        assert float(text.get("x")) + len(text.text) * 7.3 < width
        assert float(text.get("y")) < height


def test_text_is_escaped_and_cut() -> None:
    row = Row("└─ ", "failure", "<&>", "w" * 80, "✗ " + "x" * 100, "1.0 ms udp", 0.0, 0.001)
    drawn = draw("a <b>", [row], ["<end>"], failed=True, elapsed=0.0)
    texts = [text.text for text in ET.fromstring(drawn).iter(f"{SVG}text")]
    assert texts == ["a <b>", "<&>", "w" * 39 + "…", "✗ " + "x" * 61 + "…", "1.0 ms udp", "<end>"]
    assert "x" * 100 in drawn


def test_it_is_for_light_and_dark() -> None:
    drawn = draw("", [], ["0"], failed=False, elapsed=0.0)
    assert "prefers-color-scheme: dark" in drawn
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", drawn)
