"""
What conftest.py holds every test to, shown with tests that fall short of it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

HEAD = """
import gc
import os
import pytest
from twisted.internet import defer, reactor
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase, TestCase
"""

# Each of these has to fail, plain function or not.
WRONG = {
    "delayedCall": "def test_it(): reactor.callLater(60, print)",
    "openPort": """
from twisted.internet.protocol import Factory
def test_it(): reactor.listenTCP(0, Factory(), interface="127.0.0.1")
""",
    "loggedError": """
from twisted.python.failure import Failure
def test_it(): Logger().failure('x', Failure(ValueError()))
""",
    "lostDeferred": "def test_it(): defer.fail(ValueError('lost'))",
    "lostDeferredInCycle": """
def test_it():
    lost = defer.fail(ValueError('lost'))
    lost.itself = lost
""",
    "neverAwaited": """
def test_it():
    async def forgotten(): pass
    forgotten()
""",
    "synchronousDelayedCall": """
class Some(SynchronousTestCase):
    def test_it(self): reactor.callLater(60, print)
""",
    "synchronousLostDeferredInCycle": """
class Some(SynchronousTestCase):
    def test_it(self):
        lost = defer.fail(ValueError('lost'))
        lost.itself = lost
""",
    "asynchronousLoggedError": """
class Some(TestCase):
    async def test_it(self): defer.fail(ValueError('lost'))
""",
    "changedDirectory": "def test_it(tmp_path): os.chdir(tmp_path)",
    "removedDirectory": """
def test_it(tmp_path):
    os.chdir(tmp_path)
    tmp_path.rmdir()
""",
    "skipped": "def test_it(): pytest.skip('no')",
    "skippedByTrial": """
class Some(TestCase):
    def test_it(self): pass
    test_it.skip = 'no'
""",
    "skippedModule": "pytest.importorskip('no_such_module')",
}

# And these are right: an error that the test expected, and two users of the reactor with a plain
# function between them.
RIGHT = """
def test_expected(flushLoggedErrors):
    defer.fail(ValueError('expected'))
    assert len(flushLoggedErrors(KeyError)) == 0
    assert len(flushLoggedErrors(ValueError)) == 1

class Flushing(SynchronousTestCase):
    def test_expected(self):
        defer.fail(ValueError('expected'))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

class One(TestCase):
    async def test_it(self):
        done = defer.Deferred()
        reactor.callLater(0.01, done.callback, None)
        await done

def test_plain(): pass

class Two(One): pass
"""


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    """
    Run a test file under our conftest.py, in a process of its own.
    """
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text("utf-8"))
    pytester.makepyfile(HEAD + source)
    chosen = ["-p", "no:twisted", "-p", "no:cacheprovider", "-Werror", *options]
    return pytester.runpytest_subprocess(*chosen)


@pytest.mark.parametrize("source", WRONG.values(), ids=WRONG.keys())
def test_fails(pytester: pytest.Pytester, source: str) -> None:
    """
    The mistake does not pass.
    """
    result = run(pytester, source)
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) + outcomes.get("error", 0) == 1
    assert "skipped" not in outcomes


def test_passes(pytester: pytest.Pytester) -> None:
    """
    What is right passes.
    """
    run(pytester, RIGHT).assert_outcomes(passed=5)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "distributed"])
def test_leftInCheckout(pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
    """
    A run fails when a test leaves a file in the checkout, though all tests pass; it names the
    folder that trial's C{mktemp} makes, and the file.
    """
    source = """
class Some(TestCase):
    def test_it(self): self.mktemp()
def test_plain():
    with open("left.txt", "w"): pass
"""
    result = run(pytester, source, *options)
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines_random(["left.txt is new; *", "test_leftInCheckout is new; *"])


def test_changedInCheckout(pytester: pytest.Pytester) -> None:
    """
    What git has, what tools keep, and what is gone again was not left.
    """
    source = """
import subprocess
def test_it(tmp_path):
    subprocess.run(["git", "init", "-q"], check=True)
    with open("tracked.txt", "w"): pass
    subprocess.run(["git", "add", "tracked.txt"], check=True)
    os.makedirs("__pycache__", exist_ok=True)
    with open(".coverage.1", "w"), open("gone.txt", "w"): pass
    os.remove("gone.txt")
"""
    assert run(pytester, source).ret == pytest.ExitCode.OK


def test_trialsFoldersAreIgnored() -> None:
    """
    A folder that trial's C{mktemp} made, perhaps with a key in it, is never committed by mistake.
    """
    folder = "tests.client.test_tls/TLSTests/test_it/key.pem"
    checkout = Path(__file__).parent.parent
    command = ["git", "check-ignore", "--no-index", "-q", folder]
    assert subprocess.run(command, cwd=checkout, check=False).returncode == 0
