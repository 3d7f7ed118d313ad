"""
What the clients here share: what they are told, and what they say in the end.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..params import SCRIPT


@dataclass
class Told:
    """
    What a client is told.

    @ivar address: the path of the server's socket.
    @ivar connections: how many requests are under way at any time.
    @ivar answer: the body that each response has to have.
    @ivar script: what a request's SCRIPT_FILENAME has to say.
    @ivar kind: which of the clients of a program is meant.
    """

    address: str
    connections: int
    seconds: float
    warmup: float
    answer: bytes
    keep: bool
    script: str
    kind: str | None


def told(description: str, kinds: Sequence[str] = ()) -> Told:
    """
    Read the command line.

    @param kinds: the clients of the program, if it has more than one.
    """
    parser = argparse.ArgumentParser(description=description)
    if kinds:
        parser.add_argument("kind", choices=kinds)
    parser.add_argument("address")
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--warmup", type=float, required=True)
    parser.add_argument("--answer", required=True)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--new", action="store_true")
    parser.add_argument("--script", default=SCRIPT)
    options = parser.parse_args()
    return Told(
        options.address,
        options.connections,
        options.seconds,
        options.warmup,
        options.answer.encode() * options.times,
        not options.new,
        options.script,
        options.kind if kinds else None,
    )


class Account:
    """
    Counts the answers, and ends the program.
    """

    def __init__(self) -> None:
        self.done = 0
        self.errors = 0
        self.problem = ""
        self._began = self._cpu = 0.0

    def wrong(self, problem: object) -> None:
        """
        An answer was wrong or missing.
        """
        self.errors += 1
        self.problem = self.problem or str(problem)[:300]

    @property
    def begun(self) -> bool:
        """
        Whether the answers count.
        """
        return self._began > 0

    def begin(self) -> None:
        """
        From now on they do.
        """
        self.done = 0
        self._began = time.monotonic()
        self._cpu = sum(os.times()[:2])

    def end(self) -> None:
        """
        Print what came of it.
        """
        cpu = sum(os.times()[:2]) - self._cpu
        values = {
            "cpu": cpu * 1e6 / max(self.done, 1),
            "rate": self.done / (time.monotonic() - self._began),
        }
        said = {"values": values, "errors": self.errors, "problem": self.problem}
        if not self.done:
            said |= {"errors": 1, "problem": self.problem or "no answer at all"}
        print(json.dumps(said), flush=True)

    def run(self, reactor: Any, told: Told, start: Callable[[], object]) -> None:
        """
        Start as many requests as may be under way, stop after the time, and print what came of it.
        """

        def begin() -> None:
            self.begin()
            reactor.callLater(told.seconds, end)

        def end() -> None:
            self.end()
            reactor.stop()

        def everything() -> None:
            for _ in range(told.connections):
                start()
            reactor.callLater(told.warmup, begin)

        reactor.callWhenRunning(everything)
        reactor.run()
