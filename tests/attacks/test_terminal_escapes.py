"""Attack 21 again, on people and logs: whatever a nameserver says is printable where it is shown (CWE-150).

Names, texts, extended errors and reasons, as strings, in errors, events and on the command line, in every format.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
from typing import Any

import pytest
from evil_server import EvilServer, Send, answered

from aioresolver import ResolutionError, Resolver, StubBackend
from aioresolver.cli.main import main
from aioresolver.wire.codes import Rcode
from aioresolver.wire.edns import Edns
from aioresolver.wire.message import Message

ESCAPE = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202e\u2028\x00"
NAME = "www.evil.example"
WIRE_NAME = b"\x08\x1b[2J\r\n\x07\x9b\4evil\7example\0"


def raw(query: bytes, rrtype: int, data: bytes) -> bytes:
    """A reply with a record of this data for the name that was asked for."""
    head = answered(query)
    end = query.index(b"\0", 12) + 5
    record = b"\xc0\x0c" + rrtype.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" + len(data).to_bytes(2, "big") + data
    return head[:6] + b"\0\1" + head[8:10] + b"\0\0" + query[12:end] + record


def explained(query: bytes, **options: Any) -> bytes:
    text = ESCAPE.encode()
    edns = Edns(options=((15, b"\0\x0f" + text), (3, text)))
    return answered(query, edns=edns, **options)


REPLIES: dict[str, tuple[str, Any]] = {
    "TXT": ("TXT", lambda query: raw(query, 16, bytes([len(ESCAPE.encode())]) + ESCAPE.encode())),
    "CNAME": ("A", lambda query: raw(query, 5, WIRE_NAME)),
    "MX": ("MX", lambda query: raw(query, 15, b"\0\1" + WIRE_NAME)),
    "CAA": ("CAA", lambda query: raw(query, 257, b"\0\5issue" + ESCAPE.encode())),
    "NAPTR": ("NAPTR", lambda query: raw(query, 35, b"\0\1\0\1\1\x1b\2\r\n\3\x1b[m" + WIRE_NAME)),
    "HINFO": ("HINFO", lambda query: raw(query, 13, b"\4\x1b[2J\2\r\n")),
    "URI": ("URI", lambda query: raw(query, 256, b"\0\1\0\1" + ESCAPE.encode())),
    "an unknown type": ("TYPE65280", lambda query: raw(query, 65280, ESCAPE.encode())),
    "an extended error": ("A", lambda query: explained(query, rcode=Rcode.SERVFAIL)),
    "an extended error of an answer": ("A", lambda query: explained(query)),
}


def is_printable(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)


@pytest.mark.parametrize("kind", REPLIES)
async def test_what_programs_are_given_is_printable(kind: str, caplog: pytest.LogCaptureFixture, race: int) -> None:
    type_, script = REPLIES[kind]
    events: list[Any] = []

    def reply(query: bytes, send: Send) -> None:
        send(script(query))

    caplog.set_level(logging.DEBUG)
    async with (
        EvilServer(reply, tcp=reply) as server,
        Resolver(StubBackend(server.url, race=race), observer=events.append, search=[]) as resolver,
    ):
        try:
            answer = await resolver.query(NAME, type_)
        except ResolutionError as error:
            shown = [str(error), repr(error), *map(str, error.attempts)]
        else:
            shown = [
                str(answer),
                repr(answer),
                *map(str, answer.data),
                *map(str, answer.records),
                *map(str, answer.aliases),
            ]
            shown += [text for _, text in answer.extended_errors]
            assert Message.parse(server.queries[0])
    shown += [*map(str, events), *map(repr, events), caplog.text]
    assert all(map(is_printable, shown)), shown


@pytest.mark.parametrize("options", [(), ("--json",), ("--short",), ("--debug",)], ids=str)
@pytest.mark.parametrize("kind", REPLIES)
async def test_what_the_command_line_writes_is_printable(kind: str, options: tuple[str, ...]) -> None:
    type_, script = REPLIES[kind]
    out, err = io.StringIO(), io.StringIO()

    def reply(query: bytes, send: Send) -> None:
        send(script(query))

    async with EvilServer(reply, tcp=reply) as server:

        def run() -> None:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main([f"@{server.url}", NAME, type_, *options])

        await asyncio.get_running_loop().run_in_executor(None, run)
    assert is_printable(out.getvalue() + err.getvalue()), out.getvalue() + err.getvalue()
