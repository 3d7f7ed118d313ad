"""
The examples in C{examples/testing}, and with them the page that shows them, do what they say: under
trial, under pytest, and under pytest with pytest-twisted. Each environment by itself, and the one
with pytest-asyncio, is a session of C{noxfile.py}.
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

# Their tests are functions, which trial does not know.
FIXTURES = ["test_fixtures.py", "test_socket_fixtures.py"]
TWISTED = "test_pytest_twisted.py"
ASYNCIO = "test_pytest_asyncio.py"
CASES = [name for name in EXAMPLES if name not in (*FIXTURES, TWISTED, ASYNCIO)]
# What pytest-twisted does not bear, as it runs the reactor all the time.
RUN_THE_REACTOR = ("test_cassette.py", "test_socket_fixtures.py", "test_sockets.py")


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


def runPytest(folder: Path, *options: str) -> int:
    """
    Run the examples with pytest, as they are.

    @return: how many tests passed; none failed.
    """
    output = run(folder, "pytest", "-q", "-p", "no:cacheprovider", *options, str(FOLDER))
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
    assert runPytest(tmp_path, "-p", "no:twisted") == countOf([*CASES, *FIXTURES])


def test_pytestTwisted(tmp_path: Path) -> None:
    """
    With pytest-twisted, it runs all but what runs the reactor by itself.
    """
    names = [name for name in [*CASES, *FIXTURES] if name not in RUN_THE_REACTOR]
    assert runPytest(tmp_path) == countOf([*names, TWISTED])


def test_pageShowsAll() -> None:
    """
    The page about testing includes each example.
    """
    text = (CHECKOUT / "docs" / "testing.rst").read_text("utf-8")
    shown = re.findall(r"^\.\. literalinclude:: \.\./examples/testing/(\S+)$", text, re.MULTILINE)
    assert sorted(set(shown)) == EXAMPLES


def test_startedAlone(tmp_path: Path) -> None:
    """
    Each, started with Python alone, says how its tests are run.
    """
    for name in EXAMPLES:
        done = subprocess.run(
            [sys.executable, str(FOLDER / name)],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert re.search(rf"^    (trial|pytest) .*examples/testing/{name}$", done.stderr, re.M), (
            name
        )
