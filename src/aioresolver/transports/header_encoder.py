"""HeaderEncoder: the compression of headers (HPACK, RFC 7541), for one who says nearly the same each time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hpack import Encoder, NeverIndexedHeaderTuple
from hpack.table import HeaderTable

__all__ = ["HeaderEncoder"]

MOST_KEPT = 256


class HeaderEncoder(Encoder):
    """An encoder that keeps what it has encoded, as long as it would encode it so again.

    It would as long as its table stays as it is. Headers that never come into the table stand first, if there are any,
    and are not shortened by Huffman's code, whose price in Python is more than the bytes are worth.
    """

    def __init__(self) -> None:
        super().__init__()
        self._table = _Table()
        self.header_table: _Table = self._table
        self._kept: dict[tuple[Any, ...], bytes] = {}

    @property
    def header_table_size(self) -> int:
        """How many bytes the table holds, as the other end has it."""
        return int(self.header_table.maxsize)

    @header_table_size.setter
    def header_table_size(self, size: int) -> None:
        # To hear the same again makes hpack forget that it has to answer.
        if size != self.header_table.maxsize:
            self._kept.clear()
            self.header_table.maxsize = size
            self.table_size_changes.append(size)

    def encode(self, headers: Iterable[Any], huffman: bool = True) -> bytes:  # noqa: FBT001, FBT002 - as hpack has it
        """The headers as a block."""
        key = tuple(headers)
        start = b""
        table = self._table
        while key and isinstance(key[0], NeverIndexedHeaderTuple):
            start += super().encode(key[:1], huffman=False)
            key = key[1:]
        block = self._kept.get(key)
        if block is None:
            additions, resized = table.additions, table.resized
            block = super().encode(key, huffman)
            if table.additions != additions or len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            elif not resized:  # else the block begins with the new size of the table
                self._kept[key] = block
        return start + block


class _Table(HeaderTable):
    """A table that counts what comes into it."""

    additions: int = 0

    def add(self, name: bytes, value: bytes) -> None:
        """Put a header in, and others out if need be."""
        self.additions += 1
        super().add(name, value)
