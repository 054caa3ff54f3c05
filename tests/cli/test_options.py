"""The resolver that a command line asks for."""

from __future__ import annotations

import pytest

from aioresolver.cli.options import make_resolver
from aioresolver.configured import ConfiguredBackend


@pytest.mark.parametrize("search", [True, False])
def test_names_as_they_are_are_asked_of_dns_alone(search: bool) -> None:
    backend = make_resolver([], backend="stub", timeout=1, search=search).backend
    assert isinstance(backend, ConfiguredBackend)
    assert (backend._fallback is not None) is search
