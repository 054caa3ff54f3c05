"""The command `aioresolver`: which of its commands is meant, and how it ends.

Exit statuses are dig's: 0 a reply came, 1 the command line is wrong, 8 the names file cannot be read, 9 no nameserver
replied, 10 anything else. `bulk` has some more.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from aioresolver import __version__
from aioresolver.cli import bulk, demo, explain, lookup, survey
from aioresolver.errors import DNSError

__all__ = ["main"]

COMMANDS = {"bulk": bulk, "demo": demo, "explain": explain, "survey": survey}
USAGE_ERROR = 1
INTERNAL_ERROR = 10
INTERRUPTED = 130
PIPE_CLOSED = 141


class Parser(argparse.ArgumentParser):
    """argparse, but one clear line and dig's exit status for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = COMMANDS.get(words[0], lookup) if words else lookup
    if command is lookup:
        parser = Parser(prog="aioresolver", description=lookup.DESCRIPTION, epilog=lookup.EPILOG)
        parser.add_argument("--version", action="version", version=f"aioresolver {__version__}")
    else:
        epilog = getattr(command, "EPILOG", None)
        parser = Parser(prog=f"aioresolver {words.pop(0)}", description=command.DESCRIPTION, epilog=epilog)
    command.add_options(parser)
    options = parser.parse_intermixed_args(words)  # names, files and nameservers may stand before and after options
    try:
        status: int = command.run(options)
        if sys.stdout is not None:  # closed before we began, as by >&-
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except (DNSError, ValueError) as error:
        parser.error(str(error))
    except BrokenPipeError:
        # Python flushes standard output once more at exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return INTERNAL_ERROR
    return status
