"""The command `aioresolver`: which of its commands is meant, and how it ends.

Exit statuses are dig's: 0 a reply came, 1 the command line is wrong, 8 the names file cannot be read, 9 no nameserver
replied, 10 anything else. `bulk` has some more.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from types import ModuleType
from typing import Any, NoReturn

from aioresolver import __version__
from aioresolver.cli.exit_status import FULL, INTERNAL_ERROR, INTERRUPTED, PIPE_CLOSED, USAGE_ERROR

__all__ = ["main"]

# Each is a file of this folder, loaded when it is meant: what one needs the others need not wait for.
COMMANDS = ("bulk", "demo", "explain", "survey", "trace")
SHELLS = ("bash", "fish", "zsh")
NEGATIVE = re.compile(r"-[0-9.]+").fullmatch


class Parser(argparse.ArgumentParser):
    """argparse, but one clear line and dig's exit status for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message} (see {self.prog} --help)\n")


class ShowCompletions(argparse.Action):
    """`--completions SHELL`: prints a script, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *arguments: Any) -> NoReturn:
        from aioresolver.cli.completions import completion_script  # noqa: PLC0415 - seldom wanted

        shell = arguments[1]
        print(completion_script(shell, parser, {name: _parser_of(name, _file_of(name)) for name in COMMANDS}), end="")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name may have characters that the terminal has not
    name = words.pop(0) if words and words[0] in COMMANDS else ""
    command = _file_of(name or "lookup")
    parser = _parser_of(name, command)
    # Names, files and nameservers may stand before and after options.
    options = parser.parse_intermixed_args(_with_numbers(words, parser))
    try:
        status: int = command.run(options)
        if sys.stdout is not None:  # closed before we began, as by >&-
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except ValueError as error:  # a NameSyntaxError and a ConfigurationError too
        parser.error(str(error))
    except BrokenPipeError:
        # Python flushes standard output once more at exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        what = error if error.errno not in FULL or error.filename else f"cannot write standard output: {error.strerror}"
        print(f"{parser.prog}: {what}", file=sys.stderr)
        return INTERNAL_ERROR
    except Exception:  # noqa: BLE001 - a mistake of ours, shown whole; Python's own status for it would mean wrong use
        traceback.print_exc()
        return INTERNAL_ERROR
    return status


def _with_numbers(words: Sequence[str], parser: Parser) -> list[str]:
    """`--rate -5` as `--rate=-5`: argparse takes -5 for an option, as -4 is one, and would miss a number."""
    joined: list[str] = []
    for word in words:
        if NEGATIVE(word) and word not in parser._option_string_actions and joined and joined[-1].startswith("--"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _file_of(command: str) -> ModuleType:
    return import_module(f"aioresolver.cli.{command}")


def _parser_of(name: str, command: ModuleType) -> Parser:
    """The command line of a command; "" is the lookup, which has no name."""
    epilog = getattr(command, "EPILOG", None)
    parser = Parser(prog=f"aioresolver {name}".rstrip(), description=command.DESCRIPTION, epilog=epilog)
    if not name:
        parser.add_argument("--version", action="version", version=f"aioresolver {__version__}")
        parser.add_argument(
            "--completions",
            action=ShowCompletions,
            choices=SHELLS,
            help="print what makes the shell complete these words",
        )
    command.add_options(parser)
    return parser
