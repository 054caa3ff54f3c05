"""Every public thing has exactly one import path, and importing the package is light.

A file exports what it defines; a room's `__init__` may show what its own files define, and the face what users hold.
The path to use is always the shortest.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections import defaultdict
from types import GenericAlias, ModuleType

import pytest

import aioresolver

MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(aioresolver.__path__, "aioresolver.")
    if not info.name.endswith("__main__")
)
HEAVY = ["aiodns", "pycares", "aiohttp", "httpx", "pytest", "dns", "rich", "sqlite3", "unittest"]


def load(name: str) -> ModuleType:
    """Import the module; an adapter may want a package that is not here."""
    return pytest.importorskip(name) if name.startswith("aioresolver.adapters.") else importlib.import_module(name)


def exported(module: ModuleType) -> dict[str, object]:
    """What `__all__` of the module names, with what it stands for."""
    return {name: getattr(module, name) for name in getattr(module, "__all__", ())}


def home(value: object) -> str | None:
    """The module that defines a class or function; a constant does not tell, nor an alias of a type."""
    is_alias = isinstance(value, GenericAlias)  # which Python 3.10 takes for a class
    return value.__module__ if inspect.isfunction(value) or (inspect.isclass(value) and not is_alias) else None


@pytest.mark.parametrize("name", ["aioresolver", *MODULES])
def test_a_list_of_exports_holds(name):
    module = load(name)
    names = list(getattr(module, "__all__", ()))

    assert len(names) == len(set(names))
    assert [export for export in names if not hasattr(module, export)] == []


@pytest.mark.parametrize("name", ["aioresolver", *MODULES])
def test_a_module_exports_only_what_it_or_its_own_files_define(name):
    module = load(name)
    own = f"{name}." if hasattr(module, "__path__") else name
    homes = {export: home(value) for export, value in exported(module).items()}

    assert {export: origin for export, origin in homes.items() if origin and not f"{origin}.".startswith(own)} == {}


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_defines_and_does_not_export_is_private_to_it(name):
    """`__all__` is there wherever something public is defined."""
    module = load(name)
    public = [export for export, value in vars(module).items() if not export.startswith("_") and home(value) == name]

    assert not public or hasattr(module, "__all__")


def test_a_name_that_users_see_means_one_thing():
    """What the face and the rooms' `__init__` show."""
    homes = defaultdict(set)
    for module in [aioresolver, *filter(lambda module: hasattr(module, "__path__"), map(load, MODULES))]:
        for export, value in exported(module).items():
            if origin := home(value):
                homes[export].add(origin)

    assert {export: origins for export, origins in homes.items() if len(origins) > 1} == {}


def test_the_face_shows_the_public_names():
    assert len(aioresolver.__all__) > 20
    assert all(inspect.getdoc(value) for value in exported(aioresolver).values() if home(value))


def test_importing_the_package_imports_nothing_heavy():
    program = f"import sys, aioresolver\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.split() == []
