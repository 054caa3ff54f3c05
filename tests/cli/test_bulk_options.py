"""What the command line of a bulk run means, and what it may not say."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
from typing import Any

import pytest

from aioresolver.cli.bulk_options import Plan, add_bulk_options, read_plan
from aioresolver.cli.main import main
from aioresolver.cli.options import Way
from aioresolver.transports.nameserver import Nameserver
from aioresolver.wire.codes import RRType


def plan(*words: str) -> Plan:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_bulk_options(parser)
    return read_plan(parser.parse_intermixed_args(words))


def test_what_it_is_without_a_word() -> None:
    assert plan() == Plan(
        path="-", nameservers=(), types=(RRType.A,), column=None, header=None, delimiter=None, output="-", format=None,
        resume=False, rate=None, rate_per_server=None, concurrency=None, timeout=5.0, backend="stub", way=Way(), cache=True,
        check_servers=False, check_domains=(), wildcards=None, stats=None, plot=None, progress=True, summary=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (("names", "@1.1.1.1", "@9.9.9.9"), {"path": "names", "nameservers": ("1.1.1.1", "9.9.9.9")}),
        (("--type", "a, aaaa", "--type", "MX,A"), {"types": (RRType.A, RRType.AAAA, RRType.MX)}),
        (("--column", "2"), {"column": 2}),
        (("-6", "-t", "NS"), {"way": Way(family=socket.AF_INET6), "types": (RRType.NS,)}),
        (("@1.1.1.1", "--server", "tls://9.9.9.9"), {"nameservers": ("1.1.1.1", "tls://9.9.9.9")}),
        (("--discover", "--encryption", "required"), {"way": Way("required", discover=True)}),
        (("--bootstrap", "9.9.9.9, 1.1.1.1"), {"way": Way(bootstrap=Nameserver.parse_all("9.9.9.9 1.1.1.1"))}),
        (("--column", "host", "--delimiter", ";"), {"column": "host", "delimiter": ";"}),
        (("--rate", "0.5", "--rate-per-server", "1e3"), {"rate": 0.5, "rate_per_server": 1000.0}),
        (("--quiet",), {"progress": False, "summary": False}),
        (("--no-progress",), {"progress": False, "summary": True}),
        (("--output", "o.csv", "--resume", "--stats", "-"), {"output": "o.csv", "resume": True, "stats": "-"}),
        (
            ("--check-servers", "--check-domain", "a.test,b.test"),
            {"check_servers": True, "check_domains": ("a.test", "b.test")},
        ),
        (("--no-cache", "--wildcards", "drop"), {"cache": False, "wildcards": "drop"}),
    ],
)
def test_what_the_words_mean(words: tuple[str, ...], fields: dict[str, Any]) -> None:
    assert plan(*words) == plan()._replace(**fields)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--resume", "--resume needs --output FILE"),
        ("--format parquet", "parquet cannot be written to standard output"),
        ("--output x.parquet.gz", "Parquet is compressed inside"),
        ("--stats -", "give one of them a file"),
        ("--plot run.pdf", "--plot draws .svg or .png, not 'run.pdf'"),
        ("--output same --stats ./same", "same cannot be two files at once"),
        ("names --output names", "names cannot be two files at once"),
        ("--header", "--header and --delimiter are about CSV"),
        ("--column 0", "columns are counted from 1"),
        ("--column x --delimiter ab", "a delimiter is one character"),
        ("--rate-per-server 5 --backend cares", "--rate-per-server needs the stub backend"),
        ("--check-servers --backend system", "--check-servers needs the stub backend"),
        ("--check-domain a.test", "give --check-servers too"),
        ("--rate 0", "not a number above 0"),
        ("--rate nan", "not a number above 0"),
        ("--rate-per-server inf", "not a number above 0"),
        ("--wildcards keep", "invalid choice"),
        ("--format xml", "invalid choice"),
        ("--type A,NONSENSE", "NONSENSE"),
        ("--type ,", "at least one record type"),
    ],
)
def test_what_cannot_be_is_one_line(words: str, complaint: str, capsys: Any, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names").write_text("")
    with (tmp_path / "names").open() as names:
        monkeypatch.setattr("sys.stdin", names)
        with pytest.raises(SystemExit) as end:
            main(["bulk", "@127.0.0.1", *words.split()])
    shown = capsys.readouterr()
    assert (end.value.code, shown.out, shown.err.count("\n")) == (1, "", 1)
    assert complaint in shown.err
    assert [path.name for path in tmp_path.iterdir()] == ["names"]


def test_a_plot_without_matplotlib_is_refused_before_the_run() -> None:
    program = "import sys; sys.modules['matplotlib'] = None; from aioresolver.cli.main import main; main()"
    words = [sys.executable, "-c", program, "bulk", "--plot", "run.svg"]
    done = subprocess.run(words, input="", capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert 'pip install "aioresolver[plot]"' in done.stderr
