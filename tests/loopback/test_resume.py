"""Real processes are killed at random instants, on the real disk, and taken up again: every row is there, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "resume_program.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each run is a fork")
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_instants(tmp_path, seed):
    command = [sys.executable, str(PROGRAM), str(tmp_path), str(seed), "50"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    assert done.stderr == ""
    assert int(done.stdout.split()[0]) >= 50
