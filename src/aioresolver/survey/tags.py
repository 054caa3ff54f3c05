"""Lists of `tag=value; tag=value`, as DKIM, DMARC, MTA-STS, TLS-RPT and BIMI write them (RFC 6376, 3.2). Pure."""

from __future__ import annotations

import re

__all__ = ["TagList", "cited", "is_mailto", "read_uris"]

LONGEST_CITATION = 40

_match_name = re.compile(r"[A-Za-z][A-Za-z0-9_-]*").fullmatch
_match_mailto = re.compile(r"mailto:[^\s@,;]+@[^\s@,;]+", re.IGNORECASE).fullmatch


class TagList(dict[str, str]):
    """The tags of a text with their values, in their order; the first one counts of several with the same name.

    `problems` has a sentence for each thing that is not as `rule`, an RFC, wants it. Whatever else can be read is read.
    """

    def __init__(self, text: str, rule: str) -> None:
        super().__init__()
        self.problems: list[str] = []
        self._rule = rule
        pieces = text.split(";")
        if not pieces[-1].strip():
            pieces.pop()
        for piece in pieces:
            self._add(piece)

    def _add(self, piece: str) -> None:
        name, equals, value = piece.partition("=")
        name = name.strip()
        if not equals or _match_name(name) is None:
            self.complain(f"{cited(piece)} is not tag=value")
        elif name in self:
            self.complain(f"the tag {name} is there more than once")
        else:
            self[name] = value.strip()

    def complain(self, sentence: str, rule: str | None = None) -> None:
        """Add a problem; the rule stands behind it."""
        self.problems.append(f"{sentence} ({rule or self._rule})")

    def version(self, expected: str) -> None:
        """Complain unless the first tag is `v` and has exactly this value."""
        if next(iter(self), None) != "v":
            self.complain(f"it does not begin with v={expected}")
        elif self["v"] != expected:
            self.complain(f"the version is to be written {expected}, not {cited(self['v'])}")

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """The value of a tag, folded, if it is one of these; None when it is not, or not there."""
        value = self.get(name)
        if value is None or value.lower() in allowed:
            return value and value.lower()
        self.complain(f"{name} is {', '.join(allowed[:-1])} or {allowed[-1]}, not {cited(value)}")
        return None

    def uris(self, name: str, schemes: tuple[str, ...], rule: str | None = None) -> tuple[str, ...]:
        """The URIs of a tag, separated by commas; those of another form are complained of, and left out."""
        good = []
        for uri in read_uris(self.get(name, "")):
            scheme = uri.partition(":")[0].lower()
            if scheme not in schemes or (scheme == "mailto" and not is_mailto(uri)):
                self.complain(f"{name} has {cited(uri)}, which is no {' or '.join(schemes)} URI", rule)
            else:
                good.append(uri)
        return tuple(good)


def read_uris(text: str) -> list[str]:
    """The URIs between commas; a comma that is part of one is written %2C (RFC 9989, 4.7)."""
    return [uri for piece in text.split(",") if (uri := piece.strip())]


def is_mailto(uri: str) -> bool:
    """Whether it is a mailto URI with one address."""
    return _match_mailto(uri) is not None


def cited(text: str) -> str:
    """The text in quotes, its end left out when it is long."""
    text = text.strip()
    return repr(text if len(text) <= LONGEST_CITATION else f"{text[:LONGEST_CITATION]}…")
