"""Text that no output can hold as it is: bytes that are not UTF-8, which Python keeps as lone surrogates."""

from __future__ import annotations

import re

from aioresolver.bulk.rows import Row

__all__ = ["presentable", "presentable_row"]

LONE = re.compile("[\ud800-\udfff]")


def presentable(text: str) -> str:
    r"""The text in valid Unicode: a byte that was not UTF-8 is shown as `\xff`, another lone surrogate as U+FFFD."""
    return LONE.sub(_shown, text)


def presentable_row(row: Row) -> Row:
    """The row with all its texts presentable."""
    return Row(*[_presentable_value(value) for value in row])  # type: ignore[arg-type]


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "\ufffd"


def _presentable_value(value: object) -> object:
    if isinstance(value, str):
        return presentable(value)
    return tuple(map(_presentable_value, value)) if isinstance(value, tuple) else value
