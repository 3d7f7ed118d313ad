"""
The state of a service: of this process, or of the workers as they report it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from ..monitor.board import MOST_RUNNING, Process, Running, Snapshot
from ..monitor.counters import Counters
from ..server.factory import ServerFactory
from ..workers.child import Child, ChildState
from ..workers.master import Master

_STATES: Final = {
    ChildState.STARTING: "starting",
    ChildState.READY: "ready",
    ChildState.ENDING: "ending",
    ChildState.GONE: "ending",
}


def ofThisProcess(
    clock: IReactorTime,
    factories: Sequence[ServerFactory],
    counters: Counters,
    isReady: Callable[[], bool],
) -> Callable[[], Snapshot]:
    """
    The state of this process, without workers.

    @param factories: Its factories.
    @param isReady: Tells whether connections are accepted.

    @return: A function that takes the snapshot.
    """
    began = clock.seconds()

    def snapshot() -> Snapshot:
        now = clock.seconds()
        figures = counters.figures()
        draining = any(factory.draining for factory in factories)
        state = "draining" if draining else "ready" if isReady() else "starting"
        process = Process(
            0,
            os.getpid(),
            0,
            "ending" if draining else state,
            now - began,
            figures["requests"],
            figures["running"],
            figures["connections"],
        )
        running = [
            Running(target, seconds)
            for factory in factories
            for target, seconds in runningIn(factory)
        ]
        return Snapshot(state, "one process", [process], running, figures)

    return snapshot


def runningIn(factory: ServerFactory) -> list[tuple[str, float]]:
    """
    The running requests of a factory, the oldest first.

    @return: For each, its method and URI with secrets masked, and its age in seconds.
    """
    now = factory.clock.seconds()
    return [
        (
            request.target,
            max(0.0, now - (request.started if request.account is None else request.account.began)),
        )
        for request in factory.running()[:MOST_RUNNING]
    ]


def ofWorkers(
    clock: IReactorTime, master: Master, figures: Callable[[], Mapping[str, Any]]
) -> Callable[[], Snapshot]:
    """
    The state of a master's workers.

    @param figures: Returns the sum of their figures.

    @return: A function that takes the snapshot.
    """

    def snapshot() -> Snapshot:
        now = clock.seconds()
        workers = master.workers
        running = [each for worker in workers for each in _runningIn(worker, now)]
        running.sort(key=lambda each: -each.seconds)
        state = "draining" if master.stopping else "ready" if master.ready else "starting"
        return Snapshot(
            state,
            master.describe(),
            [_process(worker, now) for worker in workers],
            running,
            figures(),
        )

    return snapshot


def _process(worker: Child, now: float) -> Process:
    return Process(
        worker.number,
        worker.pid or 0,
        worker.generation,
        _STATES[worker.state],
        now - worker.startedAt,
        _number(worker.figures.get("requests")),
        _number(worker.figures.get("running")),
        _number(worker.figures.get("connections")),
    )


def _number(value: object) -> int:
    return value if type(value) is int else 0


def _runningIn(worker: Child, now: float) -> list[Running]:
    """
    The running requests that a worker has reported. The report may be malformed.
    """
    found = []
    told = worker.figures.get("atWork")
    since = max(0.0, now - worker.heardAt)
    for each in told[:MOST_RUNNING] if isinstance(told, list) else []:
        if isinstance(each, list) and len(each) == 2 and isinstance(each[1], (int, float)):
            found.append(Running(str(each[0]), each[1] + since, worker.number))
    return found
