"""Rows as JSON lines: an object a line, the keys of Row in its order, always; ASCII, so valid whatever was in a name."""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring_ascii as quote

from aioresolver.bulk.odd_text import presentable_row
from aioresolver.bulk.rows import Row

__all__ = ["json_lines"]

_JSON = {None: "null", True: "true", False: "false"}


def json_lines(rows: Iterable[Row]) -> bytes:
    """The rows, each with its line end."""
    rows = list(rows)
    text = "".join([_line(row) for row in rows])
    if "\\ud" in text:  # maybe half a pair, which is no Unicode
        text = "".join([_line(presentable_row(row)) for row in rows])
    return text.encode("ascii")


def _line(row: Row) -> str:
    index, input, name, type, status, data, aliases, ttl, server, attempts, elapsed, wildcard, error, said = row
    return (
        f'{{"index":{index},"input":{quote(input)},"name":{quote(name)},"type":{quote(type)},"status":"{status}",'
        f'"data":{_list(data)},"aliases":{_list(aliases)},"ttl":{"null" if ttl is None else ttl},'
        f'"server":{"null" if server is None else quote(server)},"attempts":{attempts},"elapsed":{elapsed:.6f},'
        f'"wildcard":{_JSON[wildcard]},"error":{"null" if error is None else quote(error)},'
        f'"extended_errors":{_list(said)}}}\n'
    )


def _list(texts: tuple[str, ...]) -> str:
    if not texts:
        return "[]"
    return f"[{','.join(map(quote, texts))}]"
