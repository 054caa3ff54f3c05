"""Scripts that make a shell complete the command line, written from the commands' own parsers."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aioresolver.wire.rdata import shapes

__all__ = ["completion_script"]

# Those whose data we read; there are many more, which hardly anybody asks for.
TYPES = tuple(sorted([*(str(shape.type) for shape in shapes()), "ANY"]))


class Option(NamedTuple):
    """One option: its spellings, what may follow it (`values`, or a file), and what it does."""

    flags: tuple[str, ...]
    help: str
    takes_value: bool
    values: tuple[str, ...]
    takes_file: bool
    repeats: bool


class Command(NamedTuple):
    """A command, "" for the lookup; `takes_files` and `values` say what its words are."""

    name: str
    help: str
    options: tuple[Option, ...]
    values: tuple[str, ...]
    takes_files: bool


def completion_script(
    shell: str, lookup: argparse.ArgumentParser, commands: Mapping[str, argparse.ArgumentParser]
) -> str:
    """The script for `bash`, `zsh` or `fish`: to be sourced, or put where the shell looks for completions."""
    read = [_read_command("", lookup), *(_read_command(name, parser) for name, parser in commands.items())]
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](read)


def _read_command(name: str, parser: argparse.ArgumentParser) -> Command:
    """What the parser knows; what stands for a file has FILE in its metavar."""
    positional = "".join(str(action.metavar) for action in parser._actions if not action.option_strings)
    options = tuple(_read_option(action) for action in parser._actions if action.option_strings)
    values = TYPES if "TYPE" in positional else ()
    return Command(name, _sentence(parser.description or ""), options, values, "FILE" in positional)


def _read_option(action: argparse.Action) -> Option:
    metavar = str(action.metavar)
    values = tuple(map(str, action.choices or ())) or (TYPES if "TYPE" in metavar else ())
    repeats = isinstance(action, argparse._AppendAction)
    takes_value = action.nargs != 0
    return Option(tuple(action.option_strings), action.help or "", takes_value, values, "FILE" in metavar, repeats)


def _sentence(text: str) -> str:
    """The first sentence, as far as its colon, without a full stop."""
    return text.partition(". ")[0].partition(": ")[0].rstrip(".")


# ---- bash


def _bash(commands: Iterable[Command]) -> str:
    commands = list(commands)
    names = [command.name for command in commands if command.name]
    cases = "".join(_bash_command(command, names) for command in sorted(commands, key=lambda each: not each.name))
    return f"""\
# bash completion for aioresolver
_aioresolver() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command=${{COMP_WORDS[1]}}
    ((COMP_CWORD > 1)) || command=
    COMPREPLY=()
    case $command in
{cases}    esac
}}
complete -F _aioresolver aioresolver
"""


def _bash_command(command: Command, names: list[str]) -> str:
    """The lookup is what remains: it comes last, and completes the names of the others too."""
    replies: dict[str, list[str]] = {}
    for option in command.options:
        if option.takes_value:
            replies.setdefault(_bash_reply(option.values, takes_file=option.takes_file), []).extend(option.flags)
    valued = "".join(
        f"""\
            {"|".join(flags)})
                {reply}
                return ;;
"""
        for reply, flags in replies.items()
    )
    flags = [flag for option in command.options for flag in option.flags]
    words = [*command.values, *(() if command.name else names)]
    return f"""\
    {command.name or "*"})
        case $before in
{valued}        esac
        if [[ $word == -* ]]; then
            {_bash_reply(flags, takes_file=False)}
        else
            {_bash_reply(words, takes_file=command.takes_files)}
        fi ;;
"""


def _bash_reply(words: Iterable[str], *, takes_file: bool) -> str:
    if takes_file:
        return "local IFS=$'\\n'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$word\"))"
    listed = " ".join(words)
    return f'COMPREPLY=($(compgen -W "{listed}" -- "$word"))' if listed else ":"


# ---- zsh


def _zsh(commands: Iterable[Command]) -> str:
    commands = list(commands)
    named = [command for command in commands if command.name]
    described = " ".join(shlex.quote(f"{each.name}:{each.help}") for each in named)
    cases = "".join(_zsh_command(command) for command in [*named, *(each for each in commands if not each.name)])
    return f"""\
#compdef aioresolver
# zsh completion for aioresolver
_aioresolver() {{
    local -a commands=({described})
    if ((CURRENT == 2)) && [[ $words[CURRENT] != -* ]]; then
        _describe command commands
    fi
    local command=
    ((CURRENT > 2)) && command=$words[2]
    case $command in
{cases}    esac
}}
if [[ $funcstack[1] == _aioresolver ]]; then
    _aioresolver "$@"
else
    compdef _aioresolver aioresolver
fi
"""


def _zsh_command(command: Command) -> str:
    specs = [spec for option in command.options for spec in _zsh_option(option)]
    action = "_files" if command.takes_files else f"({' '.join(command.values)})"
    shift = "shift words; ((CURRENT--)); " if command.name else ""
    listed = " \\\n            ".join([*specs, shlex.quote(f"*:word:{action}")])
    return f"""\
    {command.name or "*"})
        {shift}_arguments \\
            {listed} ;;
"""


def _zsh_option(option: Option) -> list[str]:
    help_ = option.help.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    action = "_files" if option.takes_file else f"({' '.join(option.values)})" if option.values else " "
    tail = f"[{help_}]" + (f":value:{action}" if option.takes_value else "")
    return [shlex.quote(("*" if option.repeats else "") + flag + tail) for flag in option.flags]


# ---- fish


def _fish(commands: Iterable[Command]) -> str:
    commands = list(commands)
    named = [command for command in commands if command.name]
    names = " ".join(command.name for command in named)
    lines = ["# fish completion for aioresolver", "complete -c aioresolver -f"]
    lines += [
        f"complete -c aioresolver -n __fish_is_first_arg -a {command.name} -d {_fish_quote(command.help)}"
        for command in named
    ]
    for command in commands:
        condition = f"__fish_seen_subcommand_from {command.name or names}"
        start = f"complete -c aioresolver -n {_fish_quote(condition if command.name else f'not {condition}')}"
        if command.takes_files:
            lines.append(f"{start} -F")
        if command.values:
            lines.append(f"{start} -a {_fish_quote(' '.join(command.values))}")
        lines += [f"{start} {_fish_option(option)}" for option in command.options]
    return "\n".join(lines) + "\n"


def _fish_option(option: Option) -> str:
    flags = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags]
    value = []
    if option.takes_value:
        value = ["-r -F" if option.takes_file else "-x"]
        value += [f"-a {_fish_quote(' '.join(option.values))}"] if option.values else []
    return " ".join([*flags, *value, "-d", _fish_quote(option.help)])


def _fish_quote(text: str) -> str:
    r"""In single quotes, where \ and ' alone are special."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
