"""
L{Board}: how a service is at this moment, and what its last minute was like.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .counters import BUCKETS

#: Seconds between two samples of the figures, and how many of them are kept.
EVERY: Final = 1.0
KEPT: Final = 61

#: The most running requests that are shown of one process: those that came first.
MOST_RUNNING: Final = 50


@dataclass(frozen=True)
class Running:
    """
    A request that an app has not answered so far.

    @ivar target: Its method and URI, as they may be shown.
    @ivar seconds: How long it has been here.
    @ivar worker: The number of the worker that has it; 0 without workers.
    """

    target: str
    seconds: float
    worker: int = 0


@dataclass(frozen=True)
class Process:
    """
    A process that serves.

    @ivar number: The number of the worker; 0 without workers.
    @ivar pid: The process id.
    @ivar generation: The number of its generation; 0 without workers.
    @ivar state: C{starting}, C{ready} or C{ending}.
    @ivar seconds: How long it has been there.
    @ivar requests: How many requests it has had.
    @ivar running: How many it has now.
    @ivar connections: How many connections are open.
    """

    number: int
    pid: int
    generation: int
    state: str
    seconds: float
    requests: int
    running: int
    connections: int


@dataclass(frozen=True)
class Snapshot:
    """
    How a service is.

    @ivar state: C{starting}, C{ready} or C{draining}.
    @ivar text: The same in words.
    @ivar processes: Who serves.
    @ivar running: The requests that run, the oldest first: not more than L{MOST_RUNNING} of each
        process.
    @ivar figures: What was counted, as L{Counters<txfcgi.monitor.counters.Counters>} has it.
    """

    state: str
    text: str
    processes: Sequence[Process]
    running: Sequence[Running]
    figures: Mapping[str, Any]


@dataclass
class Minute:
    """
    What the last minute was like, or as much of it as there was.

    @ivar seconds: How long it was.
    @ivar requests: Requests per second.
    @ivar errors: Requests per second that the app failed on.
    @ivar received: Bytes per second that came.
    @ivar sent: Bytes per second that went.
    @ivar quantiles: Seconds in which so many of the requests were over, by their percentage: the
        upper end of a class of L{BUCKETS}; L{None} for the longest class, or without requests.
    """

    seconds: float = 0.0
    requests: float = 0.0
    errors: float = 0.0
    received: float = 0.0
    sent: float = 0.0
    quantiles: dict[int, float | None] = field(default_factory=dict)


class Board:
    """
    What a status page shows.

    @ivar began: When the service was started, in seconds since 1970.
    """

    log = Logger()

    def __init__(
        self, name: str, clock: IReactorTime, source: Callable[[], Snapshot], began: float
    ) -> None:
        """
        @param name: What is served, in words.
        @param source: Says how the service is.
        """
        self.name = name
        self.began = began
        self._clock = clock
        self._source = source
        self._since = clock.seconds()
        self._samples: deque[tuple[float, Mapping[str, Any]]] = deque(maxlen=KEPT)
        self._sampling = LoopingCall(self._sample)
        self._sampling.clock = clock

    def start(self) -> None:
        """
        Begin to remember.
        """
        self._sampling.start(EVERY).addErrback(
            lambda failure: self.log.failure("The figures are not sampled", failure)
        )

    def stop(self) -> None:
        """
        Leave nothing with the reactor.
        """
        if self._sampling.running:
            self._sampling.stop()

    @property
    def uptime(self) -> float:
        """
        Seconds since the start.
        """
        return self._clock.seconds() - self._since

    def snapshot(self) -> Snapshot:
        """
        How the service is now.
        """
        return self._source()

    def minute(self) -> Minute:
        """
        What the last minute was like.
        """
        if len(self._samples) < 2:
            return Minute()
        (before, old), (after, new) = self._samples[0], self._samples[-1]
        seconds = after - before
        if seconds <= 0:
            return Minute()

        def rate(name: str) -> float:
            change: float = new[name] - old[name]
            return max(0.0, change / seconds)

        classes = [max(0, b - a) for a, b in zip(old["durations"], new["durations"], strict=True)]
        return Minute(
            seconds,
            rate("requests"),
            rate("errors"),
            rate("received"),
            rate("sent"),
            {share: _quantile(classes, share) for share in (50, 95, 99)},
        )

    def asJSON(self) -> dict[str, Any]:
        """
        All of it, as JSON has it.
        """
        snapshot = self.snapshot()
        return {
            "name": self.name,
            "state": snapshot.state,
            "text": snapshot.text,
            "started": self.began,
            "uptime": self.uptime,
            "processes": [asdict(each) for each in snapshot.processes],
            "running": [asdict(each) for each in snapshot.running],
            "minute": asdict(self.minute()),
            "figures": snapshot.figures,
            "buckets": BUCKETS,
        }

    def _sample(self) -> None:
        self._samples.append((self._clock.seconds(), self._source().figures))


def _quantile(classes: Sequence[int], share: int) -> float | None:
    """
    In how many seconds so many percent were over.
    """
    wanted = sum(classes) * share / 100
    so_far = 0
    for end, count in zip(BUCKETS, classes, strict=False):
        so_far += count
        if so_far and so_far >= wanted:
            return end
    return None
