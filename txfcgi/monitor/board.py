"""
L{Board}: the current state of a service, and its last minute.
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

#: Seconds between two samples of the figures, and the number of samples to keep.
EVERY: Final = 1.0
KEPT: Final = 61

#: The most running requests to show of one process, the oldest first.
MOST_RUNNING: Final = 50


@dataclass(frozen=True)
class Running:
    """
    A running request.

    @ivar target: Its method and URI, with secrets masked.
    @ivar seconds: Its age.
    @ivar worker: The number of its worker; 0 without workers.
    """

    target: str
    seconds: float
    worker: int = 0


@dataclass(frozen=True)
class Process:
    """
    A serving process.

    @ivar number: The number of the worker; 0 without workers.
    @ivar pid: The process id.
    @ivar generation: The number of its generation; 0 without workers.
    @ivar state: C{starting}, C{ready} or C{ending}.
    @ivar seconds: How long it has been running.
    @ivar requests: How many requests it has had.
    @ivar running: How many requests are running.
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
    The state of a service.

    @ivar state: C{starting}, C{ready} or C{draining}.
    @ivar text: The same in words.
    @ivar processes: The serving processes.
    @ivar running: The running requests, the oldest first: at most L{MOST_RUNNING} of each process.
    @ivar figures: The figures, as L{Counters<txfcgi.monitor.counters.Counters>} has it.
    """

    state: str
    text: str
    processes: Sequence[Process]
    running: Sequence[Running]
    figures: Mapping[str, Any]


@dataclass
class Minute:
    """
    The last minute, or less if the service is younger.

    @ivar seconds: Its length.
    @ivar requests: Requests per second.
    @ivar errors: Requests per second that the app failed on.
    @ivar received: Received bytes per second.
    @ivar sent: Sent bytes per second.
    @ivar quantiles: Seconds within which a percentage of the requests ended, by that percentage:
        the upper end of a class of L{BUCKETS}; L{None} for the longest class, or without requests.
    """

    seconds: float = 0.0
    requests: float = 0.0
    errors: float = 0.0
    received: float = 0.0
    sent: float = 0.0
    quantiles: dict[int, float | None] = field(default_factory=dict)


class Board:
    """
    The content of the status pages.

    @ivar began: When the service was started, in seconds since 1970.
    """

    log = Logger()

    def __init__(
        self, name: str, clock: IReactorTime, source: Callable[[], Snapshot], began: float
    ) -> None:
        """
        @param name: The served app, in words.
        @param source: Returns the state of the service.
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
        Start sampling the figures.
        """
        self._sampling.start(EVERY).addErrback(
            lambda failure: self.log.failure("The figures are not sampled", failure)
        )

    def stop(self) -> None:
        """
        Stop sampling the figures.
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
        The current state of the service.
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
        Everything, as JSON values.
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
    The seconds within which a percentage of the requests ended.
    """
    wanted = sum(classes) * share / 100
    so_far = 0
    for end, count in zip(BUCKETS, classes, strict=False):
        so_far += count
        if so_far and so_far >= wanted:
            return end
    return None
