"""
Steady load: browsers that ask one request after the other, and check each answer against what they
asked. What the app ran is in a book of its own (L{tests.interop.programs.counted}), so that what
was lost and what was run twice are both seen.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .client import Browser
from .processes import PATIENCE

#: How many browsers ask.
BROWSERS = 6

#: How many requests each connection of a browser has.
PER_CONNECTION = 20

#: The lengths of the bodies, in turn: none, one record, several, more than a socket takes at once.
LENGTHS = (0, 100, 70_000, 300_000)


@dataclass(frozen=True)
class Failure:
    """
    A request that was not answered as it should have been.
    """

    number: str
    method: str
    what: str


class Steady:
    """
    Load that goes on for as long as its context.

    @ivar failures: The requests that failed.
    @ivar answered: How many were answered, by method.
    @ivar versions: How many answers came from each version of the app.
    @ivar pids: How many came from each process.
    """

    def __init__(self, host: str, port: int, methods: Sequence[str] = ("GET", "POST")) -> None:
        self.failures: list[Failure] = []
        self.answered: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.pids: Counter[int] = Counter()
        self._address = host, port
        self._numbers = itertools.count(1)
        self._over = threading.Event()
        self._free = threading.Event()
        self._free.set()
        self._asking = 0
        self._told = threading.Condition()
        self._methods = methods
        self._threads = [
            threading.Thread(target=self._ask, args=(first,)) for first in range(BROWSERS)
        ]

    def __enter__(self) -> Steady:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._over.set()
        self._free.set()
        for thread in self._threads:
            thread.join()

    def wait(self, condition: Callable[[], bool]) -> None:
        """
        Wait until something has been seen in the answers.
        """
        with self._told:
            assert self._told.wait_for(condition, PATIENCE), vars(self)

    def pause(self) -> None:
        """
        Ask nothing more for now, and wait until all that was asked is answered.
        """
        self._free.clear()
        self.wait(lambda: self._asking == 0)

    def goOn(self) -> None:
        """
        Ask again.
        """
        self._free.set()

    def waitForMore(self, count: int) -> None:
        """
        Wait until so many more requests were answered.
        """
        wanted = self.answered.total() + count
        self.wait(lambda: self.answered.total() >= wanted)

    def waitForVersion(self, version: str, count: int) -> None:
        """
        Wait until a version of the app has answered so many more requests.
        """
        wanted = self.versions[version] + count
        self.wait(lambda: self.versions[version] >= wanted)

    def _ask(self, first: int) -> None:
        turns = itertools.cycle(itertools.product(LENGTHS, self._methods))
        for _ in range(first):
            next(turns)
        while not self._over.is_set():
            self._connection(turns)

    def _connection(self, turns: Iterator[tuple[int, str]]) -> None:
        """
        Ask on one connection, until it has had its requests, or one fails.
        """
        with Browser(*self._address) as browser:
            for _ in range(PER_CONNECTION):
                self._free.wait()
                if self._over.is_set():
                    return
                length, method = next(turns)
                number = str(next(self._numbers))
                body = (number.encode() + b" " * length) if method == "POST" else b""
                if not self._exchange(browser, number, method, body):
                    return

    def _exchange(self, browser: Browser, number: str, method: str, body: bytes) -> bool:
        """
        Make one request, and look whether the answer is the answer to it.

        @return: Whether the connection can be used again.
        """
        with self._told:
            self._asking += 1
        try:
            return self._asked(browser, number, method, body)
        finally:
            with self._told:
                self._asking -= 1
                self._told.notify_all()

    def _asked(self, browser: Browser, number: str, method: str, body: bytes) -> bool:
        try:
            answer = browser.fetch(method, f"/?{number}", body=body if method == "POST" else None)
            if answer.code != 200:
                raise AssertionError(f"status {answer.code}")
            told = json.loads(answer.body)
            expected = (number, method, hashlib.sha256(body).hexdigest())
            got = (told["number"], told["method"], told["sha256"])
            assert got == expected, f"{got} in place of {expected}"
        except Exception as error:
            with self._told:
                self.failures.append(Failure(number, method, repr(error)))
                self._told.notify_all()
            return False
        with self._told:
            self.answered[method] += 1
            self.versions[told["version"]] += 1
            self.pids[told["pid"]] += 1
            self._told.notify_all()
        return answer.header("Connection") != ["close"]


@dataclass(frozen=True)
class Run:
    """
    A request as the app wrote it down.
    """

    number: str
    pid: int
    method: str


class Book:
    """
    The folder that the app keeps its book in, and reads its version from.

    @ivar environment: What tells the app where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.environment = {"COUNTED": str(folder)}
        self.version = "1"

    @property
    def version(self) -> str:
        """
        What processes that start from now on call themselves.
        """
        return (self._folder / "version").read_text()

    @version.setter
    def version(self, version: str) -> None:
        (self._folder / "version").write_text(version)

    def runs(self) -> list[Run]:
        """
        All that ran.
        """
        rows = [line.split() for line in (self._folder / "book").read_text().splitlines()]
        return [Run(number, int(pid), method) for number, pid, method in rows]


def repeated(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """
    What ran more than once, by number.
    """
    counts = Counter(run.number for run in runs)
    return {
        number: [run for run in runs if run.number == number]
        for number, count in counts.items()
        if count > 1
    }
