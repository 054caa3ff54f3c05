"""nsswitch.conf: in which order this machine looks up host names. Text to values, no I/O."""

from __future__ import annotations

import re

__all__ = ["DEFAULT_LOOKUP_ORDER", "parse_lookup_order"]

DEFAULT_LOOKUP_ORDER = ("files", "dns")
"""What glibc does without a `hosts:` line, and what a libc without nsswitch.conf always does."""

OUR_SOURCES = frozenset({"files", "dns"})
_find_items = re.compile(r"\[([^\]]*)\]|([^\s\[\]]+)").findall
_find_criteria = re.compile(r"(!?)\s*(\w+)\s*=\s*(\w+)").findall


def parse_lookup_order(text: str) -> tuple[str, ...]:
    """The sources of the `hosts:` line, as far as a name that files and dns do not know gets.

    `files dns` is `("files", "dns")`; of `files [NOTFOUND=return] dns` only files is left, and of
    `files [SUCCESS=continue] dns` only dns, whose word replaces that of files. What other sources return cannot be
    known here, so that nothing behind `resolve [!UNAVAIL=return]` is dropped.
    """
    order: list[str] = []
    ended = replaced = False
    for line in text.split("\n"):
        database, _, services = line.partition("#")[0].partition(":")
        if database.strip() != "hosts":
            continue
        order, ended, replaced = [], False, False  # the last line counts
        for criteria, source in _find_items(services):
            if source and not ended:
                if replaced:
                    order.pop()
                    replaced = False
                order.append(source)
            elif criteria and order and not ended and order[-1] in OUR_SOURCES:
                ended = _action(criteria, "NOTFOUND", "continue") == "return"
                replaced = _action(criteria, "SUCCESS", "return") == "continue"
    return tuple(order) or DEFAULT_LOOKUP_ORDER


def _action(criteria: str, wanted: str, action: str) -> str:
    """What is done when a source has this status, if the criteria say another thing than usual."""
    for negated, status, said in _find_criteria(criteria):
        if (status.upper() == wanted) != bool(negated):
            action = said.lower()
    return action
