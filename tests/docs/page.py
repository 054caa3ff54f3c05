"""Runs the code blocks of one Markdown page, in order: `python page.py README.md`. Exit status 0 if all is as shown.

- ```python: run in one namespace and one event loop for the whole page; `await` may stand outside functions.
- ```console: lines that begin with `$ ` are run by the shell; what they print must be what follows them, where
  `...` stands for anything, a line of it for any number of lines or none. A command that fails is followed by
  `$ echo $?`.
- ```sh and ```bash: run by the shell; they must succeed.
- ```toml and ```json: must parse.
- ```text after `<!-- output -->`: what the Python blocks have printed since the last such block.
- Other blocks are only shown. `<!-- no-run: reason -->` before a block keeps it from being run.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FENCE = re.compile(
    r"^ {0,3}(?P<ticks>```+)(?P<language>\w*)[^\n]*\n(?P<code>.*?)^ {0,3}(?P=ticks)[ \t]*$", re.MULTILINE | re.DOTALL
)
MARKER = re.compile(r"<!--\s*(?P<word>no-run|output)(?::\s*(?P<reason>\S.*?))?\s*-->\s*\Z", re.DOTALL)
END = "-- end of a command --"
SECONDS = 60


class Mismatch(Exception):
    """The page shows something that is not so."""


class Block(NamedTuple):
    """A fenced block: its language, its code, the line of the page its code begins at, and its marker."""

    language: str
    code: str
    line: int
    marker: str


def blocks(text: str) -> Iterator[Block]:
    """Every fenced block of the page."""
    for fence in FENCE.finditer(text):
        marker = MARKER.search(text, 0, fence.start())
        if marker and marker["word"] == "no-run" and not marker["reason"]:
            raise Mismatch("a no-run marker without a reason")
        line = text.count("\n", 0, fence.start("code")) + 1
        yield Block(fence["language"], fence["code"], line, marker["word"] if marker else "")


class Page:
    """One page as it is run: what its Python blocks share."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.printed = io.StringIO()
        self.namespace: dict[str, object] = {"__name__": "__main__", "__file__": str(path)}
        self.loop = asyncio.new_event_loop()

    def run(self) -> int:
        """Run every block; the number of those that were run."""
        text = self.path.read_text(encoding="utf-8")
        count = 0
        for block in blocks(text):
            if block.marker == "output":
                self.compare(self.printed.getvalue(), block.code, block.line)
                self.printed.seek(0)
                self.printed.truncate()
            elif block.marker != "no-run":
                count += self.run_block(block)
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        return count

    def run_block(self, block: Block) -> bool:
        """Run one block by its language; false if it is one that is only shown."""
        if block.language == "python":
            self.run_python(block)
        elif block.language == "console":
            self.run_console(block)
        elif block.language in ("sh", "bash"):
            result = subprocess.run([block.language, "-e", "-c", block.code], timeout=SECONDS, check=False)
            if result.returncode:
                raise Mismatch(f"{self.path}:{block.line}: exit status {result.returncode}")
        elif block.language == "toml":
            tomllib.loads(block.code)
        elif block.language == "json":
            json.loads(block.code)
        else:
            return False
        return True

    def run_python(self, block: Block) -> None:
        """Run the code; tracebacks name the line of the page."""
        code = compile(
            "\n" * (block.line - 1) + block.code, str(self.path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        )
        with contextlib.redirect_stdout(self.printed):
            result = eval(code, self.namespace)
            if inspect.iscoroutine(result):
                self.loop.run_until_complete(asyncio.wait_for(result, SECONDS))

    def run_console(self, block: Block) -> None:
        """Run each command in one shell, and compare what it prints."""
        parts = re.split(r"^\$ (.*(?:\n> .*)*)\n", block.code, flags=re.MULTILINE)[1:]
        commands = [command.replace("\n> ", "\n") for command in parts[::2]]
        script = "".join(f"{command}\nstatus=$?\necho\necho '{END}' $status\n(exit $status)\n" for command in commands)
        result = subprocess.run(
            ["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, check=False
        )
        ends = re.split(rf"\n{END} (\d+)\n", result.stdout.decode())
        followers = [*commands[1:], ""]
        for command, shown, got, status, follower in zip(
            commands, parts[1::2], ends[::2], ends[1::2], followers, strict=False
        ):
            if status != "0" and follower != "echo $?":
                raise Mismatch(
                    f"{self.path}:{block.line}: `{command}` fails ({status}), and the page does not say so:\n{got}"
                )
            self.compare(got, shown, block.line)

    def compare(self, got: str, shown: str, line: int) -> None:
        """Raise Mismatch if the page shows something else; spaces at the ends of lines do not count."""
        got, shown = (re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip("\n") + "\n" for text in (got, shown))
        shown = re.sub(r"\n\.\.\.$", "...", shown, flags=re.MULTILINE)
        if not doctest.OutputChecker().check_output(shown, got, doctest.ELLIPSIS):
            raise Mismatch(f"{self.path}:{line}: shown\n{shown}\nbut got\n{got}")


if __name__ == "__main__":
    try:
        print(Page(Path(sys.argv[1])).run(), "blocks")
    except Mismatch as mismatch:
        sys.exit(str(mismatch))
