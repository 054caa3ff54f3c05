"""What a run tells of itself."""

from __future__ import annotations

import json
import os
import platform

import pytest

import aioresolver
from aioresolver.bulk.manifest import input_identity, make_manifest, manifest_path, read_manifest, write_manifest
from aioresolver.errors import ConfigurationError


def manifest_of(**changes):
    values = {
        "configuration": {"types": ["A"]},
        "statuses": {"timeout": 1, "ok": 2, "servfail": 0},
        "inputs": 3,
        "expected": 3,
        "started": 0.0,
        "finished": 1.5,
    }
    return make_manifest(**{**values, **changes})


def test_what_it_says():
    assert manifest_of(resumed=2, settings={"rate": 5}) == {
        "format": "aioresolver bulk manifest",
        "version": 1,
        "complete": True,
        "configuration": {"types": ["A"]},
        "settings": {"rate": 5},
        "software": {
            "aioresolver": aioresolver.__version__,
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "platform": platform.platform(),
        },
        "started": "1970-01-01T00:00:00.000Z",
        "finished": "1970-01-01T00:00:01.500Z",
        "resumed": 2,
        "inputs": 3,
        "expected_rows": 3,
        "rows": 3,
        "statuses": {"ok": 2, "timeout": 1},
    }


@pytest.mark.parametrize("changes", [{"finished": None}, {"expected": 4}, {"statuses": {}}])
def test_it_is_complete_only_with_every_row(changes):
    assert not manifest_of(**changes)["complete"]


def test_it_is_written_and_read(tmp_path):
    path = manifest_path(tmp_path / "out.jsonl")
    assert path == str(tmp_path / "out.jsonl.manifest.json")
    assert read_manifest(path) is None

    write_manifest(path, manifest_of())

    assert read_manifest(path) == manifest_of()
    assert os.listdir(tmp_path) == ["out.jsonl.manifest.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}', "\xff"])
def test_a_file_that_is_none(tmp_path, text):
    (tmp_path / "m").write_text(text, encoding="latin-1")

    with pytest.raises(ConfigurationError, match="is not a manifest of aioresolver bulk"):
        read_manifest(tmp_path / "m")


def test_two_inputs_are_told_apart(tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("a\nb\n")
    two.write_text("a\nc\n")

    found = input_identity(one)

    assert found["input"] == "one.txt"
    assert found["input bytes"] == 4
    assert found["input head"] != input_identity(two)["input head"]
    assert json.loads(json.dumps(found)) == found
    assert input_identity("-") == {"input": "-"}


def test_an_input_that_is_missing_is_told_when_it_is_read(tmp_path):
    assert input_identity(tmp_path / "missing") == {"input": str(tmp_path / "missing")}
