"""The iterative backend beside Unbound, below one root that NSD, Knot and BIND serve: nothing may differ unexplained.

A generated internet: a root, two top-level domains, six zones of theirs, one more that is broken and some that lead
nowhere. 2,000 different questions about it, asked of both in a network of their own (see `walk_both.py`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)

SEED = 1
QUESTIONS = 2000
NAMESPACE = ["unshare", "--net"]
UNPRIVILEGED = ["unshare", "--net", "--user", "--map-root-user"]
PROGRAMS = ("unshare", "ip", "nsd", "knotd", "named", "unbound")
BROKEN = ("broken.beta.", "left.alpha.", "right.beta.", "blank.alpha.", "lame.shop.alpha.")

REST = ("authority", "additional")

Row = dict[str, Any]


def below_dname_asked_for_cname(row: Row) -> bool:
    """Unbound goes on from a DNAME when asked for a CNAME, and says the rcode of where it comes to.

    Ours, as the servers themselves, ends at the CNAME that the DNAME makes: it is what was asked for.
    """
    return row["type"] == "CNAME" and bool(row["ours"]["data"]) and row["ours"] == row["zones"]


EXPLAINED = (below_dname_asked_for_cname,)


@pytest.fixture(scope="session")
def walked() -> dict[str, list[Row]]:
    """What `walk_both.py` found."""
    path = os.pathsep.join([*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin"])
    missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if missing:
        pytest.fail(f"not installed: {', '.join(missing)} (python -m nox -s interop)", pytrace=False)
    as_root = os.geteuid() == 0 and subprocess.run([*NAMESPACE, "true"], check=False).returncode == 0
    command = [sys.executable, str(Path(__file__).with_name("walk_both.py")), str(SEED), str(QUESTIONS)]
    done = subprocess.run(
        [*(NAMESPACE if as_root else UNPRIVILEGED), *command], capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Row]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="session")
def rows(walked) -> list[Row]:
    """Each question with what was said to it: by Unbound, by us, by us within the process, and by the zones."""
    return walked["rows"]


def same(one: Row, other: Row) -> bool:
    """The same rcode, and unless it is a failure the same aliases and the same data."""
    if one["rcode"] != other["rcode"]:
        return False
    return one["rcode"] == "SERVFAIL" or (one["chain"] == other["chain"] and one["data"] == other["data"])


def test_what_unbound_says_we_say_or_the_table_tells_why_not(rows):
    different = [row for row in rows if not same(row["unbound"], row["ours"])]
    reasons = Counter(next((why.__name__ for why in EXPLAINED if why(row)), "") for row in different)

    assert [row for row in different if not any(why(row) for why in EXPLAINED)] == []
    assert set(reasons) == {why.__name__ for why in EXPLAINED}, "an explanation explains nothing"
    assert len(different) < len(rows) / 20


def test_nameservers_of_an_internet_answer_as_real_ones_do(walked):
    """Knot is the measure. NSD and BIND add NS records to answers, and go their own ways with aliases."""
    servers = walked["servers"]
    plain = [row for row in servers if row["program"] == "knot" or len(row["ours"]["answer"]) == 0]
    different = [row for row in plain if says(row["ours"], *REST) != says(row["theirs"], *REST)]
    answered = [row for row in servers if row not in plain and row["theirs"]["rcode"] == row["ours"]["rcode"]]
    otherwise = [row for row in answered if says(row["ours"]) != says(row["theirs"])]
    programs = Counter(row["program"] for row in servers)

    assert different == []
    assert [row for row in otherwise if row["program"] != "nsd"] == []
    assert len(otherwise) < 10
    assert all(programs[program] > 100 for program in ("nsd", "knot", "bind"))
    assert len(plain) + len(answered) > QUESTIONS * 0.98


def says(reply: Row, *more: str) -> list[Any]:
    """A reply without the TTL of an SOA, which BIND makes 0 for a question about an SOA."""
    sections = [[re.sub(r" \d+ SOA", " SOA", record) for record in reply[section]] for section in more]
    return [reply["rcode"], reply["flags"], reply["answer"], *sections]


def test_an_internet_within_the_process_is_as_one_of_real_servers(rows):
    assert [row for row in rows if not same(row["ours"], row["within"])] == []


def test_what_is_not_broken_is_what_the_zones_say(rows):
    healthy = [row for row in rows if row["ours"]["rcode"] != "SERVFAIL"]

    assert [row for row in healthy if not same(row["ours"], row["zones"])] == []
    assert len(healthy) > QUESTIONS * 0.8


def test_what_fails_is_broken(rows):
    failed = [row for row in rows if row["ours"]["rcode"] == "SERVFAIL"]

    assert [row for row in failed if not leads_nowhere(row["zones"])] == []
    assert len(failed) > 20


def leads_nowhere(by_zones: Row) -> bool:
    """Whether the aliases end in a zone that nobody serves, or in a circle."""
    chain = by_zones["chain"]
    return len(set(chain)) < len(chain) or any(chain[-1].endswith(zone) for zone in BROKEN)


def test_everything_that_was_meant_to_be_asked_for_was(rows):
    codes = Counter(row["ours"]["rcode"] for row in rows)
    ways = Counter(min(len(row["ours"]["chain"]), 4) for row in rows)

    assert len({(row["name"], row["type"]) for row in rows}) == QUESTIONS
    assert set(codes) == {"NOERROR", "NXDOMAIN", "SERVFAIL"}
    assert all(ways[length] > 10 for length in (1, 2, 3))
    assert sum(bool(row["ours"]["data"]) for row in rows) > 300
