"""Text that no output can hold as it is: bytes that are not UTF-8, which Python keeps as lone surrogates, and NUL."""

from __future__ import annotations

import re

from aioresolver.bulk.rows import Row

__all__ = ["presentable", "presentable_row"]

LONE = re.compile("[\ud800-\udfff]")
LONE_OR_NUL = re.compile("[\0\ud800-\udfff]")


def presentable(text: str, *, nul: bool = True) -> str:
    r"""The text in valid Unicode: a byte that was not UTF-8 is shown as `\xff`, another lone surrogate as U+FFFD.

    NUL, which many readers take for the end, is shown as `\x00`, unless it may stay (`nul`).
    """
    return (LONE if nul else LONE_OR_NUL).sub(_shown, text)


def presentable_row(row: Row, *, nul: bool = True) -> Row:
    """The row with all its texts presentable."""
    return Row(*[_presentable_value(value, nul) for value in row])  # type: ignore[arg-type] # each stays of its type


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    if not code:
        return r"\x00"
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "\ufffd"


def _presentable_value(value: object, nul: bool) -> object:  # noqa: FBT001 - from presentable_row
    if isinstance(value, str):
        return presentable(value, nul=nul)
    return tuple(_presentable_value(item, nul) for item in value) if isinstance(value, tuple) else value
