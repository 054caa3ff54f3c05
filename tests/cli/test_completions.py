"""Completions: the scripts, and what the shells make of them where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CASES = [
    ("aioresolver bu", {"bulk"}),
    ("aioresolver --compl", {"--completions"}),
    ("aioresolver --completions ", {"bash", "fish", "zsh"}),
    ("aioresolver example.org --sh", {"--short"}),
    ("aioresolver example.org CNA", {"CNAME"}),
    ("aioresolver explain example.org --js", {"--json"}),
    ("aioresolver survey example.org --sel", {"--selector"}),
    ("aioresolver trace example.org --no", {"--no-minimisation"}),
    ("aioresolver trace --hints some", {"some names.txt"}),
    ("aioresolver bulk --format ", {"csv", "json", "parquet"}),
    ("aioresolver bulk --rate-", {"--rate-per-server"}),
    ("aioresolver bulk some", {"some names.txt"}),
    ("aioresolver bulk --output some", {"some names.txt"}),
]


@pytest.fixture
def script(call: Any, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The path of the script, in a folder with one other file."""
    done = call("--completions", request.param)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "some names.txt").touch()
    path = tmp_path / f"completions.{request.param}"
    path.write_text(done.stdout)
    return str(path)


@pytest.mark.parametrize("script", ["bash"], indirect=True)
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash(script: str) -> None:
    program = """
        source "$1"; shift
        for line; do
            read -ra COMP_WORDS <<< "$line"
            [[ $line == *" " ]] && COMP_WORDS+=("")
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _aioresolver
            printf "%s|" "${COMPREPLY[@]}"; echo
        done
    """
    shown = shell("bash", "-c", program, "bash", script, *(line for line, _ in CASES))
    assert [set(line.strip("|").split("|")) for line in shown] == [words for _, words in CASES]


@pytest.mark.parametrize("script", ["fish"], indirect=True)
@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish")
def test_fish(script: str) -> None:
    program = f"source {script}\n" + "".join(f'complete -C "{line}"; echo .\n' for line, _ in CASES)
    shown = "\n".join(shell("fish", "--no-config", "-c", program)).split("\n.")
    found = [{offer.partition("\t")[0].replace("\\", "") for offer in each.splitlines()} for each in shown[:-1]]
    assert [words - offered for (_, words), offered in zip(CASES, found, strict=True)] == [set()] * len(CASES)


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh")
def test_zsh(script: str) -> None:
    shell("zsh", "-n", script)
    assert shell(
        "zsh", "-f", "-c", f"autoload -U compinit; compinit -u -D; source {script}; print $_comps[aioresolver]"
    ) == ["_aioresolver"]


def shell(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()
