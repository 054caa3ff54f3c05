"""How Sphinx makes a site of the pages in this folder: `python -m nox -s docs`. It fetches nothing."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from textwrap import indent
from typing import TYPE_CHECKING, Any

from sphinx.util.logging import getLogger

import aioresolver

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = getLogger(__name__)

project = "aioresolver"
copyright = "The aioresolver authors"
version = release = aioresolver.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"aioresolver {release}"
html_show_sourcelink = False

SHOWN = {
    "../CHANGELOG.md": "changelog.md",
    "../SECURITY.md": "security.md",
    "../benchmarks/README.md": "measuring.md",
}

# Anchors as GitHub makes them, so that a link works there and here.
myst_heading_anchors = 3

# Modules whose public names are all in the reference. Some load a name when it is asked for: autodoc looks at what is there.
WHOLE = [
    "aioresolver",
    *(f"aioresolver.{room}" for room in ("bulk", "events", "survey", "testing", "trace", "wire.rdata")),
]
for module in map(import_module, WHOLE):
    vars(module).update({name: getattr(module, name) for name in module.__all__})

add_module_names = False
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autodoc_mock_imports = [package for package in ("httpx2", "httpcore2") if find_spec(package) is None]
maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"

# A reference to something of ours must lead somewhere. Not the standard library's: its index is in the Internet.
# Neither type variables, nor what begins with an underscore, nor these insides.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!aioresolver\.).*"),
    (r"py:.*", r"aioresolver\.(\w+\.)*([A-Z](_co)?|Item|_\w+)"),
    (r"py:class", r"aioresolver\.adapters\.httpx_family\.(RacingBackend|ResolvingTransport)"),
    (r"py:class", r"aioresolver\.(alias_chain\.AliasChain|connect\.Connecting|wire\.codes\.Code)"),
    (r"py:class", r"aioresolver\.flow\.(closing\.Closing|counters\.Counters)"),
    (r"py:class", r"aioresolver\.wire\.(compression\.NameMemo|rdata\.tokens\.Tokens|rdata\.fields\.Field)"),
    (r"py:class", r"aioresolver\.bulk\.(disk\.Disk|filters\.(Ask|Filter)|run\.QueryMany|samples\.Latencies)"),
    (r"py:class", r"aioresolver\.backends\.(dialect\.Dialect|budgets\.RetryBudget|iterative\.delegations\.Delegation)"),
    (r"py:class", r"aioresolver\.testing\.(zone\.Found|internet_map\.Place|internet_server\.InternetLog)"),
]
# The type `type` is taken for the attribute of that name, of which there are several.
suppress_warnings = ["ref.python"]


def as_restructured(*event: Any) -> None:
    """Our docstrings are plain text with lists, code in backticks and indented examples: say it as autodoc wants it."""
    *_, thing, _, lines = event
    builtin = str.__doc__ if isinstance(thing, str) else tuple.__doc__
    if lines and (
        lines[0].startswith("Alias for field number") or lines[0] in str(builtin)
    ):  # Python's words, not ours
        lines.clear()
    text = re.sub(r"^```\w*\n(.*?)^```$", fenced, "\n".join(lines), flags=re.MULTILINE | re.DOTALL)
    paragraphs = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("    "):
            paragraphs.append(f"::\n\n{paragraph}")
            continue
        parts = paragraph.split("`")
        parts[::2] = [re.sub(r"[*_|\\]", r"\\\g<0>", part) for part in parts[::2]]
        parts[1::2] = [f"``{code}``" for code in parts[1::2]]
        paragraphs.append("".join(parts))
    lines[:] = "\n\n".join(paragraphs).split("\n")


def fenced(block: re.Match[str]) -> str:
    """A fenced block, as an indented one."""
    return indent(block[1], "    ")


def inside_the_site(*event: Any) -> None:
    """Links to files beside this folder lead to the pages that show them."""
    source: list[str] = event[-1]
    for path, page in SHOWN.items():
        source[0] = source[0].replace(f"]({path}", f"]({'../' * event[-2].count('/')}{page}")


def complete(_: Sphinx, env: BuildEnvironment) -> None:
    """Every public name of these modules is in the reference."""
    described = env.get_domain("py").objects
    for module in WHOLE:
        for name in import_module(module).__all__:
            if f"{module}.{name}" not in described:
                logger.warning("%s.%s is not in the reference", module, name)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", inside_the_site)
    app.connect("env-check-consistency", complete)
    app.connect("autodoc-process-docstring", as_restructured)
