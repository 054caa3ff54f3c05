"""Presentation text cut into words and quoted strings, escapes and quotes of RFC 1035, 5.1. Knows no record type."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from aioresolver.errors import NameSyntaxError, RdataSyntaxError
from aioresolver.wire.names import Name

__all__ = ["Token", "Tokens", "parse_ttl", "quote", "tokenize", "unescape"]


class Token(NamedTuple):
    """A word or a quoted string; `text` is without the quotation marks, and its escapes are still in it.

    `glued` is true when nothing stands between it and the token before, as in `alpn="h2"`.
    """

    text: str
    quoted: bool = False
    glued: bool = False

    def __str__(self) -> str:
        return f'"{self.text}"' if self.quoted else self.text


class Tokens:
    """The tokens of one entry, taken one after the other; relative names are completed with `origin`.

    Whatever takes one says what it `expected`, and that becomes the sentence of the RdataSyntaxError.
    """

    __slots__ = ("_next", "_tokens", "origin")

    def __init__(self, tokens: Iterable[Token], origin: Name | None = None) -> None:
        self._tokens = tuple(tokens)
        self._next = 0
        self.origin: Name | None = origin

    def __len__(self) -> int:
        """How many are left."""
        return len(self._tokens) - self._next

    def peek(self) -> Token | None:
        """The next token, left where it is; None at the end."""
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def take(self, expected: str) -> Token:
        """The next token, of either kind."""
        token = self.peek()
        if token is None:
            raise RdataSyntaxError(f"expected {expected}, found nothing more")
        self._next += 1
        return token

    def word(self, expected: str) -> str:
        """The text of the next token, which must not be quoted; its escapes are still in it."""
        token = self.take(expected)
        if token.quoted:
            raise RdataSyntaxError(f"expected {expected}, found the quoted string {token}")
        return token.text

    def words(self, expected: str) -> str:
        """The text of all the tokens that are left, joined: at least one, none quoted."""
        parts = [self.word(expected)]
        while self:
            parts.append(self.word(expected))
        return "".join(parts)

    def string(self, expected: str) -> bytes:
        """The bytes that the next token stands for, quoted or not."""
        return unescape(self.take(expected).text)

    def name(self) -> Name:
        """The next token as a domain name; `@` is the origin."""
        text = self.word("a domain name")
        if text == "@":
            if self.origin is None:
                raise RdataSyntaxError("expected a domain name: @ stands for an origin, and there is none")
            return self.origin
        try:
            return Name.parse(text, self.origin)
        except NameSyntaxError as error:
            raise RdataSyntaxError(f"expected a domain name: {error}") from None

    def finish(self) -> None:
        """Refuse what is left over."""
        token = self.peek()
        if token is not None:
            raise RdataSyntaxError(f"expected nothing more, found {token}")


def tokenize(text: str, origin: Name | None = None) -> Tokens:
    """Cut one entry into its tokens; comments go, and lines go on inside parentheses, as in a zone file.

    Raises RdataSyntaxError for a quotation mark or parenthesis without its fellow, a stray backslash, and for text
    that starts a second entry.
    """
    tokens: list[Token] = []
    position, glued, depth, ended = 0, False, 0, False
    while position < len(text):
        match = _match_token(text, position)
        if match is None:
            raise RdataSyntaxError(f"expected the end of the quoted string or escape that starts with {text[position]}")
        kind, position = match.lastgroup, match.end()
        if kind == "newline":
            ended = bool(tokens) and not depth
        elif kind == "bracket":
            depth += 1 if match[0] == "(" else -1
        elif kind is not None:
            if ended:
                raise RdataSyntaxError(f"expected one entry, found a second line that starts with {match[0]}")
            tokens.append(Token(match[kind], kind == "quoted", glued))
        glued = kind in ("word", "quoted")
        if depth < 0:
            break
    if depth:
        raise RdataSyntaxError("expected as many opening as closing parentheses")
    return Tokens(tokens, origin)


_match_token = re.compile(
    r"""
    [ \t\r]+ | ;[^\n]*              # what separates: no group
    | (?P<newline>\n)
    | (?P<bracket>[()])
    | "(?P<quoted>(?:[^"\\\n]|\\[^\n])*)"
    | (?P<word>(?:[^ \t\r\n;()"\\]|\\[^\n])+)
    """,
    re.VERBOSE,
).match


def unescape(text: str) -> bytes:
    r"""The bytes that escaped text stands for: `\DDD` is a byte in decimal, `\X` is X; other text becomes UTF-8."""
    data = text.encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(_unescaped, data) if b"\\" in data else data


_ESCAPE = re.compile(rb"\\([0-9]{3}|[^0-9]|)", re.DOTALL)


def _unescaped(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    if len(escaped) == 1:
        return escaped
    if not escaped or int(escaped) > 255:
        raise RdataSyntaxError(r"expected three digits up to 255, or one character, after the backslash of an escape")
    return bytes((int(escaped),))


def quote(data: bytes) -> str:
    """Any bytes as a quoted string of printable ASCII."""
    text = data.decode("latin-1")
    return f'"{text}"' if not text or (text.isascii() and text.isalnum()) else f'"{text.translate(_QUOTED)}"'


_QUOTED = {byte: f"\\{byte:03d}" for byte in range(256) if not 0x20 <= byte < 0x7F}
_QUOTED |= {ord(character): f"\\{character}" for character in '"\\'}


def parse_ttl(text: str) -> int:
    """Seconds from `3600`, or from numbers with units as in `1h30m` (w, d, h, m, s).

    Raises RdataSyntaxError, for more than 32 bits too.
    """
    if text.isascii() and text.isdigit():
        seconds = _bounded(text)
    elif _match_durations(text) is not None:
        seconds = sum(_bounded(number) * _UNITS[unit.lower()] for number, unit in _find_durations(text))
    else:
        raise RdataSyntaxError(f"expected seconds, or a time such as 1h30m, found {text}")
    if seconds > 0xFFFFFFFF:
        raise RdataSyntaxError(f"expected a time of at most 4294967295 seconds, found {text}")
    return seconds


def _bounded(digits: str) -> int:
    """The number, or some number of 11 digits when it has more: int() takes time that grows with their square."""
    return int(digits.lstrip("0")[:11] or "0")


_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_match_durations = re.compile(r"(?:[0-9]+[wdhmsWDHMS])+").fullmatch
_find_durations = re.compile(r"([0-9]+)([wdhmsWDHMS])").findall
