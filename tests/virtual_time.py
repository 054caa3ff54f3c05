"""Tests under virtual time, as a decorator."""

from __future__ import annotations

import inspect


def virtual(test):
    """A test under virtual time, of the loop that `run_virtual` makes (see conftest.py)."""

    def run(run_virtual, **arguments):
        run_virtual(test(**arguments))

    run.__name__ = test.__name__
    own = list(inspect.signature(test).parameters.values())
    run.__signature__ = inspect.Signature(
        [inspect.Parameter("run_virtual", inspect.Parameter.POSITIONAL_OR_KEYWORD), *own]
    )
    return run
