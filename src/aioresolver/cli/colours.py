"""Colours on a terminal, and nowhere else unless they are asked for (https://no-color.org, FORCE_COLOR)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import IO

__all__ = ["Paint", "add_colour_option", "paint_for"]

STYLES = {"type": "36", "data": "1", "comment": "2", "good": "32", "bad": "31"}
CHOICES = ("auto", "always", "never")


class Paint:
    """Colours a text, or leaves it as it is: `paint("192.0.2.1", "data")`."""

    def __init__(self, *, coloured: bool) -> None:
        self.coloured = coloured

    def __call__(self, text: object, style: str) -> str:
        """The text in one of STYLES."""
        return f"\033[{STYLES[style]}m{text}\033[0m" if self.coloured else str(text)


def add_colour_option(parser: argparse.ArgumentParser) -> None:
    """`--color`, which wins over everything."""
    parser.add_argument(
        "--color",
        choices=CHOICES,
        default="auto",
        help="auto, the default: on a terminal (NO_COLOR and FORCE_COLOR count)",
    )


def paint_for(choice: str, stream: IO[str] | None, environ: Mapping[str, str] = os.environ) -> Paint:
    """The paint for what is written there."""
    if choice != "auto":
        return Paint(coloured=choice == "always")
    if environ.get("NO_COLOR"):
        return Paint(coloured=False)
    if environ.get("FORCE_COLOR"):
        return Paint(coloured=True)
    if stream is None or environ.get("TERM") == "dumb" or not stream.isatty():
        return Paint(coloured=False)
    # Of Windows' terminals the old console shows the codes themselves.
    return Paint(coloured=os.name != "nt" or "WT_SESSION" in environ or "TERM" in environ)
