"""A walk as SVG: the rows of its tree at the left, the time of each at the right. Pure; light or dark as the reader has it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from aioresolver.trace.rows import Row, milliseconds

__all__ = ["draw"]

LINE, LEVEL, CHARACTER = 22, 22, 7.3
MARGIN, BARS = 20, 260
MOST = {"where": 52, "asked": 40, "said": 64, "note": 120}
NOTES = ("believed", "dropped")
# No variables: many programs that show SVG know none.
STYLE = """\
text { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12px; fill: #26323a;
  white-space: pre; }
text.title { font-size: 15px; font-weight: 600; }
text.zone { font-weight: 700; }
text.faint, text.believed, rect.nothing, circle.nothing { fill: #6b7a85; }
.answer, text.good { fill: #1d7a3a; }
.referral, .alias { fill: #1f63a8; }
.failure, text.bad, text.dropped { fill: #c0392b; }
path { stroke: #aab7c0; stroke-width: 1.5; fill: none; }
.rail { fill: #eef2f4; }
.paper { fill: #ffffff; stroke: #d5dce1; }
@media (prefers-color-scheme: dark) {
text { fill: #e2e8ec; }
text.faint, text.believed, rect.nothing, circle.nothing { fill: #93a1ab; }
.answer, text.good { fill: #58c47c; }
.referral, .alias { fill: #6caef0; }
.failure, text.bad, text.dropped { fill: #f0776a; }
path { stroke: #56646e; }
.rail { fill: #20272d; }
.paper { fill: #14191d; stroke: #313a41; }
}"""


def draw(title: str, rows: Sequence[Row], end: Sequence[str], *, failed: bool, elapsed: float) -> str:
    """The drawing; `end` is the lines below the tree, of which the last is what it cost."""
    steps = [row for row in rows if row.asked]
    where = max((_indent(row) + _width(row.where, "where") for row in steps), default=0.0)
    asked = max((_width(row.asked, "asked") for row in steps), default=0.0)
    said = max((_width(row.said, "said") for row in steps), default=0.0)
    columns = [MARGIN, MARGIN + where + 16, MARGIN + where + asked + 32]
    bars = max(columns[2] + said + 16, *(MARGIN + _indent(row) + _width(_note(row), "note") + 16 for row in rows), 420)
    width = bars + BARS + 110 + MARGIN
    top = 60
    body: list[str] = []
    for number, row in enumerate(rows):
        y = top + number * LINE
        body += _tree(row.tree, y, note=row.style in NOTES)
        body += _texts(row, y, columns)
        body += _bar(row, y, bars, elapsed)
    bottom = top + len(rows) * LINE + 8
    for number, text in enumerate(end):
        style = "faint" if number == len(end) - 1 else "bad" if failed else "good"
        body.append(_text(MARGIN, bottom + number * LINE, text, style))
    height = bottom + len(end) * LINE + MARGIN - 8
    name, size = escape(title), f"{width:.0f} {height:.0f}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img" aria-labelledby="title"',
            f'  width="{width:.0f}" height="{height:.0f}">',
            f'<title id="title">{name}</title>',
            f"<style>\n{STYLE}\n</style>",
            f'<rect class="paper" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8"/>',
            _text(MARGIN, 30, title, "title"),
            *body,
            "</svg>",
            "",
        ]
    )


def _texts(row: Row, y: float, columns: Sequence[float]) -> list[str]:
    left = columns[0] + _indent(row)
    if row.style == "zone":
        found = [_text(left, y, row.where, "zone")]
        if row.said:
            found.append(_text(left + (len(row.where) + 2) * CHARACTER, y, row.said, "faint"))
        return found
    if not row.asked:
        style = row.style if row.style != "address" else "good" if row.said.startswith("→") else "bad"
        return [_text(left, y, _cut(_note(row), "note"), style, full=_note(row))]
    return [
        f'<circle class="{row.style}" cx="{left - 3:.1f}" cy="{y - 4:.1f}" r="3.5"/>',
        _text(left + 6, y, _cut(row.where, "where"), "", full=row.where),
        _text(columns[1], y, _cut(row.asked, "asked"), "faint", full=row.asked),
        _text(columns[2], y, _cut(row.said, "said"), row.style, full=row.said),
    ]


def _note(row: Row) -> str:
    """The text of a row without columns."""
    if row.asked or row.style == "zone":
        return ""
    if row.style in NOTES:
        return f"{row.style} {row.where}" + (f" ({row.said})" if row.said else "")
    return f"{row.where} is looked up  {row.said}" if row.style == "address" else f"{row.where}  {row.said}"


def _tree(tree: str, y: float, *, note: bool) -> list[str]:
    """The lines that lead to a row: a pipe, a tee or an elbow for each level."""
    levels = [tree[at : at + 3] for at in range(0, len(tree), 3)]
    above, middle, below = y - LINE + 6, y - 4, y + 6
    paths = []
    for number, mark in enumerate(levels):
        x = MARGIN + number * LEVEL + 6
        if mark[0] == "│":
            paths.append(f"M{x} {above}V{below}")
        elif mark[0] in "├└" and not note:
            paths.append(f"M{x} {above}V{below if mark[0] == '├' else middle}M{x} {middle}H{x + LEVEL - 10}")
    return [f'<path d="{"".join(paths)}"/>'] if paths else []


def _bar(row: Row, y: float, left: float, whole: float) -> list[str]:
    """When it was asked, and when it was over, of the time of the whole walk."""
    if row.began is None:
        return []
    scale = BARS / whole if whole > 0 else 0.0
    x, width = left + row.began * scale, max(row.elapsed * scale, 2.0)
    tip = f"{row.where}: {milliseconds(row.elapsed)}, {milliseconds(row.began)} after the beginning"
    return [
        f'<rect class="rail" x="{left:.1f}" y="{y - 10:.1f}" width="{BARS}" height="11" rx="3"/>',
        f'<rect class="{row.style}" x="{x:.1f}" y="{y - 10:.1f}" width="{width:.1f}" height="11" rx="2">',
        f"<title>{escape(tip)}</title></rect>",
        _text(left + BARS + 10, y, row.took, "faint"),
    ]


def _text(x: float, y: float, text: str, style: str, *, full: str = "") -> str:
    tip = f"<title>{escape(full)}</title>" if full and full != text else ""
    named = f' class="{style}"' if style else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}">{escape(text)}{tip}</text>'


def _indent(row: Row) -> float:
    return len(row.tree) // 3 * LEVEL


def _cut(text: str, column: str) -> str:
    return text if len(text) <= MOST[column] else text[: MOST[column] - 1] + "…"


def _width(text: str, column: str) -> float:
    return min(len(text), MOST[column]) * CHARACTER + 10
