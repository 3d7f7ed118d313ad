"""
C{python -m benchmarks.publish}: measure everything, with the wire as pure Python and then compiled,
and write what the documentation shows of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from .chart import drawn
from .process import CHECKOUT
from .suites import suites

# Options of python -m benchmarks.
_PASSED = ("rounds", "seconds", "python", "cores")
# The suite whose tables stand on their own.
_BEHIND = "behind-nginx"

# What the package is built of.
_FOLDERS = ("txfcgi", "twisted")
_FILES = (
    *("LICENSE", "README.rst", "pyproject.toml", "pytest_txfcgi.py"),
    *("setup.cfg", "setup.py"),
)


def staged(folder: Path) -> Path:
    """
    Compile the wire of this checkout.

    @param folder: An empty one.
    @return: Where C{python -m benchmarks} finds it.
    """
    source, stage = folder / "source", folder / "stage"
    for name in _FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / name, source / name, ignore=ignored)
    for name in _FILES:
        shutil.copy(CHECKOUT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps"]
    subprocess.run(
        [*pip, "-w", str(folder), str(source)],
        env={**os.environ, "TXFCGI_MYPYC": "1"},
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(stage)
    # Programs that were compiled for the benchmarks are found there, too.
    (CHECKOUT / "build").mkdir(exist_ok=True)
    for name in ("benchmarks", "build"):
        (stage / name).symlink_to(CHECKOUT / name)
    return stage


def works(named: Sequence[str]) -> tuple[list[str], list[str]]:
    """
    What is measured with each wire, and what with pure Python alone, for a page of its own.

    @param named: Some works or suites; none means all.
    """
    every = [suite.name for suite in suites()]
    (behind,) = (suite for suite in suites() if suite.name == _BEHIND)
    own = {_BEHIND, *(work.name for work in behind.works)}
    chosen = named or every
    return [name for name in chosen if name not in own], [name for name in chosen if name in own]


def _measured(where: Path, file: Path, arguments: Sequence[str]) -> tuple[int, str]:
    """
    Run the benchmarks, and show what they print as it comes.

    @param where: The folder whose C{txfcgi} is measured.
    @param file: For the JSON.
    @return: Their exit status, and what they printed.
    """
    command = [sys.executable, "-m", "benchmarks", "--check", "--json", str(file), *arguments]
    said = []
    with subprocess.Popen(command, cwd=where, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            said.append(line)
    return process.returncode, "".join(said)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    @param arguments: Those of the process, when L{None}.
    @return: The exit status: that of the worse run (see L{benchmarks.command.main}).
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.publish",
        description="Measure with the wire as pure Python and compiled (which takes mypy), and "
        "write the tables and the chart that the documentation shows. Works and options are those "
        "of python -m benchmarks.",
    )
    into = CHECKOUT / "docs"
    parser.add_argument("works", nargs="*", metavar="WORK", help="all, when none is named")
    parser.add_argument("--into", type=Path, default=into, metavar="FOLDER", help="docs")
    for name in _PASSED:
        parser.add_argument(f"--{name}")
    options = parser.parse_args(arguments)
    given = {name: getattr(options, name) for name in _PASSED}
    passed = [f"--{name}={value}" for name, value in given.items() if value is not None]
    both, once = works(options.works)
    with tempfile.TemporaryDirectory(prefix="txfcgi-compiled-") as name:
        folder = Path(name)
        stage = staged(folder)
        # With the compiled wire the peers would be the same as before.
        asked = {
            "performance": (CHECKOUT, [*both, *passed], both),
            "performance-compiled": (stage, [*both, *passed, "--no-peers"], both),
            "performance-behind-nginx": (CHECKOUT, [*once, *passed], once),
        }
        worst = 0
        found = {}
        for title, (where, words, wanted) in asked.items():
            if not wanted:
                continue
            file = folder / f"{title}.json"
            status, said = _measured(where, file, words)
            if status not in (0, 1):
                return 2
            worst = max(worst, status)
            (options.into / f"{title}.txt").write_text(said, "utf-8")
            found[title] = json.loads(file.read_text("utf-8"))
    if both:
        picture = drawn(found["performance"], found["performance-compiled"])
        (options.into / "performance.svg").write_text(picture, "utf-8")
    return worst


if __name__ == "__main__":
    sys.exit(main())
