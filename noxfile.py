"""Every check of the project, one session each: `python -m nox`, or `python -m nox -s lint` for one of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
OURS = ("src", "tests", "examples", "benchmarks", "docs/conf.py", "noxfile.py")
LEAGUE = {"nsd": "nsd", "dnsperf": "dnsperf", "unbound": "unbound", "kdig": "knot-dnsutils"}
SERVERS = {
    "nsd": "nsd",
    "unbound": "unbound",
    "named": "bind9",
    "knotd": "knot",
    "dnsmasq": "dnsmasq-base",
    "kresd": "knot-resolver",
    "dnsdist": "dnsdist",
}
WORKERS = ("--numprocesses=auto", "--maxprocesses=4", "--dist=worksteal")

nox.needs_version = ">=2025.2.9"
nox.options.reuse_existing_virtualenvs = True
nox.options.download_python = "never"


def interpreters() -> list[str]:
    """The supported versions of CPython that this machine has; puts the folder of each on PATH, where nox looks.

    A name on PATH is not enough: a pyenv shim answers to `python3.10`, then refuses to run.
    """
    current = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [] if current in (supported := nox.project.python_versions(PROJECT)) else [current]
    for version in supported:
        interpreter = next((path for path in candidates(version) if runs(path, version)), None)
        if interpreter is not None:
            os.environ["PATH"] = f"{interpreter.parent}{os.pathsep}{os.environ['PATH']}"
            found.append(version)
    return found


def candidates(version: str) -> Iterator[Path]:
    """Where an interpreter of this version may be: our own installation, PATH, pyenv's folder."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield Path(sys.base_prefix, "bin", f"python{version}")
    yield from (Path(folder, f"python{version}") for folder in os.get_exec_path())
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)


def runs(interpreter: Path, version: str) -> bool:
    """Whether this file is a CPython of this version, and starts."""
    program = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([interpreter, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() == f"cpython {version}"


def install(session: nox.Session, *groups: str) -> None:
    """Install the package as a user would get it, and these dependency groups."""
    # Of what is installed most is never imported: let Python compile what is.
    session.install("--no-compile", ".", *nox.project.dependency_groups(PROJECT, *groups))


def install_debian(session: nox.Session, programs: dict[str, str]) -> None:
    """Install the packages of those programs that are missing (Debian; asks for root)."""
    path = os.pathsep.join([*os.get_exec_path(), "/usr/sbin"])
    missing = [package for program, package in programs.items() if shutil.which(program, path=path) is None]
    if missing:
        root = [] if os.geteuid() == 0 else ["sudo"]
        # RUNLEVEL keeps Debian from starting the servers: only the tests start them, on ports of their own.
        quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        session.run(*root, "apt-get", "update", "-q", external=True)
        session.run(*root, "apt-get", "install", "-qy", "--no-install-recommends", *missing, external=True, env=quiet)


INTERPRETERS = interpreters()
# Tests has what floors checks; CI runs those of the versions in between.
nox.options.sessions = [
    "lint",
    "typing",
    "docs",
    *(f"tests-{end}" for end in dict.fromkeys((INTERPRETERS[0], INTERPRETERS[-1]))),
]
MEASURED = [version for version in INTERPRETERS if version in ("3.11", "3.13")] or INTERPRETERS[-1:]


@nox.session(python=INTERPRETERS)
def tests(session: nox.Session) -> None:
    """Run the test suite: all of it on the newest CPython, parts on the older ones; `-- --whole` runs all on each."""
    install(session, "tests")
    options = [option for option in session.posargs if option != "--whole"]
    part = ["--ignore=tests/test_docs.py"]
    if options == session.posargs:
        part += part_of_the_tests(str(session.python))
    session.run("python", "-m", "pytest", *WORKERS, *part, *options)


def part_of_the_tests(version: str) -> list[str]:
    """What pytest leaves out on this version, so that `python -m nox` takes minutes.

    The newest runs all. On the others is left what versions differ in: event loops, sockets, threads, the libraries
    around. What is pure code, and how it all plays together, CI runs on each.
    """
    if version == INTERPRETERS[-1]:
        return []
    scenarios = ("attacks", "backends/iterative", "fuzz", "loopback", "trace")
    pure = ("bulk", "cli", "survey", "wire", "test_floors.py")
    return [*(f"--ignore=tests/{path}" for path in (*scenarios, *pure)), "-m", "not hypothesis"]


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style of every file."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    present = [path for path in OURS if Path(path).exists()]
    session.run("ruff", "check", *present)
    session.run("ruff", "format", "--check", *present)


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types inside, that everything public has a known one, and what users' checkers make of it."""
    install(session, "typing")
    session.run("mypy", "--strict")
    session.run("mypy", "--strict", "tests/typing")
    session.run("pyright", "tests/typing")
    report = session.run(
        "pyright", "--verifytypes", "aioresolver", "--ignoreexternal", silent=True, success_codes=[0, 1]
    )
    session.log(str(report))
    if not re.search(r"^Type completeness score: 100%$", str(report), re.MULTILINE):
        session.error("some public names have no known type")


@nox.session
def floors(session: nox.Session) -> None:
    """Check who imports whom, and that every public thing has one import path."""
    install(session, "tests")
    session.run("python", "-m", "pytest", "tests/test_floors.py", "tests/test_exports.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Make the site of the docs, run every code block and every example, and follow the links between the pages."""
    install(session, "docs")
    site = Path(session.create_tmp(), "site")
    session.run("sphinx-build", "--fail-on-warning", "--nitpicky", "--fresh-env", "--quiet", "docs", str(site))
    session.log(f"the site is {site / 'index.html'}")
    session.run("python", "-m", "pytest", *WORKERS, "tests/test_docs.py", *session.posargs)


@nox.session
def interop(session: nox.Session) -> None:
    """Resolve through the servers that people run, on loopback, encrypted too (Debian; installs those that are missing)."""
    install_debian(session, SERVERS)
    install(session, "tests")
    session.run("python", "-m", "pytest", "tests/interop", *session.posargs)


@nox.session
def agreement(session: nox.Session) -> None:
    """Compare with the C library's getaddrinfo, on made-up machines in namespaces (Linux with glibc; root helps)."""
    install(session, "tests")
    session.run("python", "-m", "pytest", "tests/agreement", *session.posargs)


@nox.session
def endurance(session: nox.Session) -> None:
    """For minutes: bulk runs killed a hundred times, nameservers killed every second, a million forged replies (root helps)."""
    install(session, "tests")
    session.run("python", "-m", "pytest", "tests/endurance", "tests/loopback/test_links.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz every parser for some seconds with atheris; `-- --seconds 600 --only message` for longer (Linux)."""
    install(session, "tests")
    # Not every Python has one: there the tests take the corpus, as they do everywhere.
    session.run(
        "python", "-m", "pip", "install", "-q", "--only-binary=:all:", "atheris", success_codes=[0, 1], silent=True
    )
    session.run("python", "tests/fuzz/run.py", *session.posargs)


@nox.session(python=MEASURED)
def benchmarks(session: nox.Session) -> None:
    """Take every figure of docs/benchmarks.md, beside the peers; `-- --quick` only tries it (Debian, an idle machine)."""
    install_debian(session, LEAGUE)
    session.install(".")
    for package in nox.project.dependency_groups(PROJECT, "benchmarks"):
        # A peer that cannot be installed here is a row less.
        session.run("python", "-m", "pip", "install", "-q", package, success_codes=[0, 1], silent=True)
    quick = "--quick" in session.posargs
    elsewhere = ["--save", str(Path(session.create_tmp(), "results.json"))] if quick else []
    session.run("python", "benchmarks/run_all.py", *elsewhere, *session.posargs)
