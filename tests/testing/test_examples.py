"""
The examples in C{examples/testing}, and with them the page that shows them, do what they say: under
trial, under pytest, and under pytest with pytest-twisted.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent.parent
FOLDER = CHECKOUT / "examples" / "testing"
EXAMPLES = sorted(path.name for path in FOLDER.glob("test_*.py"))

# Their tests are plain functions, which trial does not know; the latter's are coroutines.
FIXTURES = "test_fixtures.py"
COROUTINES = "test_pytest_twisted.py"
CASES = [name for name in EXAMPLES if name not in (FIXTURES, COROUTINES)]


def run(folder: Path, *arguments: str) -> str:
    """
    Run Python in a folder of its own.

    @return: what it wrote.
    @raise AssertionError: when it fails; says what it wrote.
    """
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    # It is measured by itself, not as a part of what runs this.
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def runPytest(folder: Path, names: list[str], *options: str) -> int:
    """
    Run examples with pytest, with a configuration of its own.

    @return: how many tests passed; none failed.
    """
    configuration = folder / "pytest.ini"
    configuration.write_text("[pytest]\nfilterwarnings =\n    error\n", "utf-8")
    chosen = ["-c", str(configuration), "--rootdir", str(folder), "-p", "no:cacheprovider"]
    output = run(folder, "pytest", "-q", *chosen, *options, *paths(names))
    summary = re.search(r"^(\d+) passed in", output, re.MULTILINE)
    assert summary is not None, output
    return int(summary[1])


def paths(names: list[str]) -> list[str]:
    """
    Where examples are.
    """
    return [str(FOLDER / name) for name in names]


def countOf(names: list[str]) -> int:
    """
    How many tests examples have.
    """
    texts = [(FOLDER / name).read_text("utf-8") for name in names]
    return sum(len(re.findall(r"^ *(?:async )?def test_", text, re.MULTILINE)) for text in texts)


def test_trial(tmp_path: Path) -> None:
    """
    Trial runs every test case.
    """
    output = run(tmp_path, "twisted.trial", *paths(CASES))
    assert f"PASSED (successes={countOf(CASES)})" in output


def test_pytest(tmp_path: Path) -> None:
    """
    pytest runs all, the fixtures included, without pytest-twisted.
    """
    names = [*CASES, FIXTURES]
    assert runPytest(tmp_path, names, "-p", "no:twisted") == countOf(names)


def test_pytestTwisted(tmp_path: Path) -> None:
    """
    The fixtures do their work where pytest-twisted runs the reactor.
    """
    assert runPytest(tmp_path, [COROUTINES]) == countOf([COROUTINES])


def test_pageShowsAll() -> None:
    """
    The page about testing includes each example.
    """
    text = (CHECKOUT / "docs" / "testing.rst").read_text("utf-8")
    shown = re.findall(r"^\.\. literalinclude:: \.\./examples/testing/(\S+)$", text, re.MULTILINE)
    assert sorted(set(shown)) == EXAMPLES
