"""Fuzz the targets with atheris: `python tests/fuzz/run.py [--seconds 20] [--only message,edns] [--keep FOLDER]`.

Each target runs in a process of its own, from the inputs of the corpus. What fails it is left in the folder, and the
status is 1. New inputs that reach new code are left in FOLDER/<target>; they are not put into the corpus.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def main() -> int:
    """Run one target in this process, or all of them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20, help="for how long each target is run")
    parser.add_argument("--only", default="", help="some of the targets, with commas between")
    parser.add_argument("--keep", default="", help="where what is found is left; a new folder by default")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    settings, libfuzzer = parser.parse_known_args()
    if find_spec("atheris") is None:
        print("there is no atheris for this Python: nothing is fuzzed")
        return 0
    sys.path.insert(0, str(ROOT))
    if settings.here:
        fuzz(settings.only, libfuzzer)
    keep = Path(settings.keep or tempfile.mkdtemp(prefix="fuzz-"))
    from tests.fuzz.targets import TARGETS

    failed = []
    for name in settings.only.split(",") if settings.only else TARGETS:
        needs = TARGETS[name].needs
        if needs is not None and find_spec(needs) is None:
            print(f"{name}: skipped, there is no {needs}", flush=True)
        elif not run(name, settings.seconds, keep):
            failed.append(name)
    print(f"failed: {', '.join(failed)}; the inputs are in {keep}" if failed else "all targets held")
    return bool(failed)


def run(name: str, seconds: int, keep: Path) -> bool:
    """Fuzz one target in another process; whether it held."""
    found = keep / name
    found.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
               "-verbosity=0", f"-artifact_prefix={found}-"]  # fmt: skip
    corpus = HERE / "corpus" / name
    folders = [str(found), *([str(corpus)] if corpus.is_dir() else [])]
    command = [sys.executable, str(Path(__file__)), "--here", "--only", name, *options, *folders]
    print(f"{name}: {seconds} s", flush=True)
    return subprocess.run(command, check=False).returncode == 0


def fuzz(name: str, options: list[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["aioresolver"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
