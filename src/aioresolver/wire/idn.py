"""Names in other scripts than ASCII: UTS 46 for the whole, IDNA 2008 for each label. Knows no wire."""

from __future__ import annotations

import re

import idna

__all__ = ["to_ascii", "to_unicode"]


def to_ascii(text: str) -> str:
    """The text with each label that is not ASCII as an A-label; UnicodeError when that cannot be."""
    mapped = idna.uts46_remap(text, std3_rules=False)
    # Full-width punctuation must not become an escape, a quote or a comment on the way.
    if _find_special(mapped) != _find_special(text):
        raise UnicodeError("it has characters that stand for others")
    return ".".join([label if label.isascii() else idna.alabel(label).decode() for label in mapped.split(".")])


_find_special = re.compile(r"[\0-,/:-@\[-^`{-\x7f]").findall


def to_unicode(label: str) -> str:
    """What an A-label stands for, where that leads back to it; any other label as it is."""
    if not label.startswith("xn--"):
        return label
    try:
        shown = idna.ulabel(label)
        # What would not lead back here is no U-label, and could be taken for another name.
        return shown if idna.alabel(shown).decode() == label else label
    except UnicodeError:
        return label
