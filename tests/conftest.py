"""
What every test is held to, a plain function no less than a trial C{TestCase}.

Trial's asynchronous C{TestCase} fails a test that leaves a delayed call or a socket in the reactor,
or that lets an error be logged unseen. Plain functions, and in part C{SynchronousTestCase}, would
pass over the same mistakes; here they do not. And no test can be skipped: what can't run has
failed, and says what it lacks. A run that leaves files in the checkout has failed, too.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final
from unittest import TestCase

import pytest
from hypothesis import HealthCheck, settings
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

# Under nohup, and in the background of a script, every program that a test starts would ignore
# these from its birth.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

# Nothing depends on how fast a machine is. The same checkout is asked the same things each time;
# others, where somebody looks for what was not thought of: --hypothesis-profile searching.
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("searching"), derandomize=True)
settings.load_profile("same")

# What tools keep in a checkout from one run to the next.
KEPT: Final = (
    ".coverage*",
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "*.egg-info",
    "_build",
    "build",
    "dist",
    "dropin.cache",
    "htmlcov",
    "venv",
)
BEFORE: Final = pytest.StashKey[set[Path]]()
LEFT: Final = pytest.StashKey[list[Path]]()


@implementer(ILogObserver)
class LoggedFailures:
    """
    An observer that keeps the failures that were logged until a test asks for them.
    """

    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def __call__(self, event: LogEvent) -> None:
        """
        Keep the event's failure, if it has one.
        """
        failure = event.get("log_failure")
        if failure is not None:
            self._failures.append(failure)

    def flush(self, *kinds: type[BaseException]) -> list[Failure]:
        """
        Take what was logged, as C{TestCase.flushLoggedErrors} does.

        @param kinds: only failures of these exceptions; all failures when there are none.
        """
        taken = [failure for failure in self._failures if not kinds or failure.check(*kinds)]
        self._failures = [failure for failure in self._failures if failure not in taken]
        return taken


def leftInReactor() -> list[str]:
    """
    Remove what a test left in the reactor.

    @return: a description of each delayed call, socket and process that was there.
    """
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is None:
        return []
    left = [str(call) for call in reactor.getDelayedCalls()]
    for call in reactor.getDelayedCalls():
        call.cancel()
    return left + [repr(selectable) for selectable in reactor.removeAll()]


def changedDirectory(before: str) -> str | None:
    """
    Go back to the directory that was the current one before a test.

    @return: where the test had gone, or L{None} if it is there still.
    """
    try:
        now = os.getcwd()
    except FileNotFoundError:
        now = "one that is gone"
    os.chdir(before)
    return None if now == before else now


def pytest_collection_finish() -> None:
    """
    Leave all that was imported out of later collections, so that one after each test costs next to
    nothing.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothingIsLeft(request: pytest.FixtureRequest) -> Iterator[LoggedFailures]:
    """
    Fail the test when it leaves something in the reactor, an error in the log, a failed Deferred
    that nobody looked at, or another current directory.
    """
    directory = os.getcwd()
    logged = LoggedFailures()
    globalLogPublisher.addObserver(logged)
    try:
        yield logged
        if request.cls is not None and issubclass(request.cls, TestCase):
            # Trial has reported what was logged so far, or the test has flushed it.
            logged.flush()
        # A failed Deferred logs its failure when it is collected.
        gc.collect()
        failures = logged.flush()
    finally:
        globalLogPublisher.removeObserver(logged)
    left = leftInReactor()
    changed = changedDirectory(directory)
    if left:
        pytest.fail("the test left this in the reactor:\n" + "\n".join(left))
    if failures:
        pytest.fail(
            "the test let this be logged:\n" + "\n".join(f.getTraceback() for f in failures)
        )
    if changed is not None:
        pytest.fail(f"the test changed the current directory to {changed}")


@pytest.fixture
def flushLoggedErrors(nothingIsLeft: LoggedFailures) -> Callable[..., list[Failure]]:
    """
    For a plain function what trial's method of this name is for a C{TestCase}: the logged failures,
    which the test expected.
    """
    return nothingIsLeft.flush


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """
    Turn a skip into a failure.
    """
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"no test is skipped here: {item.nodeid}: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """
    Turn the skip of a whole module into a failure.
    """
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"no test is skipped here: {collector.nodeid}: {report.longrepr}"
    return report


def inCheckout(config: pytest.Config) -> set[Path]:
    """
    All files and folders of the checkout, without those that tools keep there, and without pytest's
    own temporary folder if somebody put it there.
    """
    basetemp = config.getoption("basetemp")
    temporary = None if basetemp is None else Path(basetemp).resolve()
    found: set[Path] = set()
    for name, folders, files in os.walk(config.rootpath):
        folder = Path(name)
        folders[:] = [each for each in folders if not kept(each) and folder / each != temporary]
        found.update(folder / each for each in folders)
        found.update(folder / each for each in files if not kept(each))
    return found


def kept(name: str) -> bool:
    """
    Whether a file or folder is one that tools keep in a checkout.
    """
    return any(fnmatch(name, pattern) for pattern in KEPT)


def tracked(folder: Path) -> set[Path]:
    """
    What git knows of: a file that came with a change of branch was not left by a test.
    """
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=False
    )
    files = {folder / name for name in done.stdout.split("\0") if name}
    return files.union(*(file.parents for file in files))


def pytest_sessionstart(session: pytest.Session) -> None:
    """
    Look at the checkout before the first test; where tests run in several processes, once for all.
    """
    if not hasattr(session.config, "workerinput"):
        session.config.stash[BEFORE] = inCheckout(session.config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """
    Fail the run if something is in the checkout now that was not there before.
    """
    before = session.config.stash.get(BEFORE, None)
    if before is None:
        return
    left = inCheckout(session.config) - before
    if left:
        left -= tracked(session.config.rootpath)
    # Of a folder with all that is in it, the folder is enough.
    session.config.stash[LEFT] = sorted(path for path in left if path.parent not in left)
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """
    Name what was left in the checkout.
    """
    left = config.stash.get(LEFT, [])
    if left:
        terminalreporter.section("left in the checkout", red=True)
        for path in left:
            terminalreporter.line(
                f"{path.relative_to(config.rootpath)} is new; tests write to temporary folders "
                "only (tmp_path, or folderFor of tests/folders.py)"
            )
