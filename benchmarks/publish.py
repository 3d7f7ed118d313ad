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
        "write the tables and the chart that the documentation shows. What is not named here goes "
        "to python -m benchmarks.",
    )
    into = CHECKOUT / "docs"
    parser.add_argument("--into", type=Path, default=into, metavar="FOLDER", help="docs")
    options, passed = parser.parse_known_args(arguments)
    with tempfile.TemporaryDirectory(prefix="txfcgi-compiled-") as name:
        folder = Path(name)
        stage = staged(folder)
        files = [folder / "pure.json", folder / "compiled.json"]
        runs = [
            _measured(CHECKOUT, files[0], passed),
            # The peers are the same as before.
            _measured(stage, files[1], [*passed, "--no-peers"]),
        ]
        if any(status not in (0, 1) for status, _ in runs):
            return 2
        found = [json.loads(file.read_text("utf-8")) for file in files]
    for (_, said), title in zip(runs, ("performance", "performance-compiled"), strict=True):
        (options.into / f"{title}.txt").write_text(said, "utf-8")
    (options.into / "performance.svg").write_text(drawn(*found), "utf-8")
    return max(status for status, _ in runs)


if __name__ == "__main__":
    sys.exit(main())
