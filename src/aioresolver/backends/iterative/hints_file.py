"""Root hints as IANA publishes them in the file named.root, and as every nameserver reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from aioresolver.errors import ConfigurationError, NameSyntaxError
from aioresolver.wire.names import Name

__all__ = ["parse_hints"]

CLASSES = ("IN",)
ADDRESSES = ("A", "AAAA")


def parse_hints(text: str) -> dict[str, tuple[str, ...]]:
    """The addresses of each root server: what `IterativeBackend(hints=…)` takes.

    A line is `name [TTL] [IN] type data`; NS records of the root say whose addresses count, A and AAAA which these are.
    An address may have a port (`127.0.0.1:5353`). Raises ConfigurationError, which names the line.
    """
    servers: list[Name] = []
    addresses: dict[Name, list[str]] = {}
    for number, words in _lines(text):
        try:
            owner, type_, data = _record(words)
            if type_ == "NS" and owner == ".":
                servers.append(Name.parse(data))
            elif type_ in ADDRESSES:
                addresses.setdefault(owner, []).append(data)
            else:
                raise ConfigurationError(f"{type_} of {owner} has no place among root hints")
        except (ConfigurationError, NameSyntaxError) as error:
            raise ConfigurationError(f"hints line {number}: {error}") from None
    hints = {str(name): tuple(addresses[name]) for name in servers if name in addresses}
    if not hints:
        raise ConfigurationError(
            "hints need an NS record of the root (`.`), and an address of the server that it names"
        )
    return hints


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The words of each line that has any, and its number; `;` begins a comment."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition(";")[0].split()
        if words:
            yield number, words


def _record(words: list[str]) -> tuple[Name, str, str]:
    owner, *rest = words
    while rest and (rest[0].isdigit() or rest[0].upper() in CLASSES):
        rest.pop(0)
    if len(rest) != 2:
        raise ConfigurationError("a line is `name [TTL] [IN] type data`")
    return Name.parse(owner), rest[0].upper(), rest[1]
