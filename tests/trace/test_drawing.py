"""The drawing: well-formed, everything in it, nothing out of it."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from aioresolver.testing import Fault
from aioresolver.trace import Trace
from aioresolver.trace.drawing import draw
from aioresolver.trace.rows import Row

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def trace(run_virtual: Any, world: Any) -> Trace:
    """A walk that one dead server holds up."""
    world.internet.fail("ns.dead.example", Fault.drop())

    async def main() -> Trace:
        async with world.resolver() as resolver:
            return await resolver.trace("www.dead.example")

    return run_virtual(main())


@pytest.fixture
def root(trace: Trace) -> Any:
    return ET.fromstring(trace.to_svg())


def test_every_step_is_drawn(trace: Trace, root: Any) -> None:
    silent = sum(step.kind == "silence" for step in trace.steps)
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert texts[0] == "www.dead.example A, from the root"
    assert texts.count("✗ no reply") == silent
    assert "→ referral to dead.example.: 1 nameserver, 1 address" in texts
    assert texts[-2].startswith("✗ www.dead.example. A: no nameserver of dead.example.")
    assert root.find(f"{SVG}title").text == texts[0]
    marks = [mark.get("class") for mark in root.iter(f"{SVG}circle")]
    assert marks == ["answer", "referral", "referral", *["failure"] * silent]


def test_times_are_bars(trace: Trace, root: Any) -> None:
    rail = next(bar for bar in root.iter(f"{SVG}rect") if bar.get("class") == "rail")
    bars = [bar for bar in root.iter(f"{SVG}rect") if bar.get("class") not in ("rail", "paper")]
    scale = float(rail.get("width")) / trace.elapsed
    steps = [step for step in trace.steps if step.transport]
    for bar, step in zip(bars, steps, strict=True):
        assert float(bar.get("x")) == pytest.approx(float(rail.get("x")) + step.began * scale, abs=0.2)
        assert float(bar.get("width")) == pytest.approx(max(step.elapsed * scale, 2.0), abs=0.2)


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
