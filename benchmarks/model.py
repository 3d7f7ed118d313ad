"""
The words of a benchmark: a suite has works, a work has contestants, and each of them gives one
sample in each round.

What a sample is made of is the suite's affair: a server under load, a client against a canned
server, or a program that needs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from txfcgi.wire.framing import COMPILED


class NotStarted(Exception):
    """
    A contestant could not be started; the message says why.
    """


@dataclass(frozen=True, kw_only=True)
class Settings:
    """
    What the person at the command line decides.

    @ivar rounds: how often each contestant has its turn.
    @ivar seconds: of load in each turn.
    @ivar warmup: seconds of load before those, which count for CPU alone.
    @ivar measuredCores: where the measured process runs; empty for anywhere.
    @ivar otherCores: where the other side runs; empty for anywhere.
    @ivar peersPython: the interpreter that has the Python peers.
    @ivar streamed: MiB of each body in the works that look at memory.
    @ivar folder: for sockets, logs and configuration; gone after the run.
    """

    folder: Path
    peersPython: str
    rounds: int = 5
    seconds: float = 1.0
    warmup: float = 0.1
    streamed: int = 1024
    measuredCores: frozenset[int] = frozenset()
    otherCores: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Sample:
    """
    One turn of one contestant.

    @ivar values: by the key of a L{Column}; a value that was not to be had is left out.
    @ivar errors: answers that were wrong or missing.
    @ivar problem: what was wrong with the first of them.
    """

    values: dict[str, float]
    errors: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Column:
    """
    One figure of a sample, and how a table shows it.

    @ivar form: a format specification, C{,.0f}.
    """

    key: str
    title: str
    form: str


Sampler = Callable[[], Sample]


def isHere(settings: Settings) -> str:
    """
    For a contestant that needs nothing installed.
    """
    return ""


@dataclass(frozen=True)
class Contestant:
    """
    One of those that are compared.

    @ivar begin: makes it ready and gives the function that takes a sample; on exit all is gone.
    @ivar missing: why it can't take part on this machine, empty when it can.
    @ivar peer: whether it is someone else's software, and so left out on request.
    """

    name: str
    begin: Callable[[Settings], AbstractContextManager[Sampler]]
    missing: Callable[[Settings], str] = isHere
    peer: bool = False


@dataclass(frozen=True)
class Target:
    """
    What is asked of one contestant: its compared figure is at most C{limit}, as a ratio to that of
    another, or as a difference; as it is, if C{against} is L{None}.

    @ivar compiled: what is asked of it in place of C{limit} where the wire is compiled.
    """

    contestant: str
    against: str | None
    limit: float
    what: str
    compiled: float | None = None

    @property
    def most(self) -> float:
        """
        What is asked of the wire that runs here.
        """
        return self.limit if self.compiled is None or not COMPILED else self.compiled


@dataclass(frozen=True, kw_only=True)
class Work:
    """
    One thing that all contestants do in turns.

    @ivar base: the contestant that the others are compared with, if they are.
    @ivar compared: the key of the column that is compared; less is better.
    @ivar difference: whether figures are compared by difference; by ratio otherwise.
    @ivar rounds: at most so many, when the figure hardly varies.
    """

    name: str
    title: str
    contestants: tuple[Contestant, ...]
    columns: tuple[Column, ...]
    base: str | None
    compared: str
    difference: bool = False
    targets: tuple[Target, ...] = ()
    rounds: int | None = None


@dataclass(frozen=True)
class Suite:
    """
    The works of one subject. A module in C{benchmarks.suites} has one, as C{SUITE}.
    """

    name: str
    works: tuple[Work, ...]


@dataclass(frozen=True)
class Measured:
    """
    What came out of a work.

    @ivar samples: of each contestant that took part, in the order of the rounds.
    @ivar absent: why the others did not.
    """

    work: Work
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
