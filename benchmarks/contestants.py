"""
Servers as contestants: how each is started, put under load, and what is read off it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from .load import Load, Result, applied, held, requested
from .model import Column, Contestant, Sample, Sampler, Settings, isHere
from .process import ServerProcess, cpuSeconds, residentKiB, running, untilIdle

IDLE_CONNECTIONS = 1000

SPEED = (
    Column("cpu", "CPU us", ",.1f"),
    Column("rate", "answers/s", ",.0f"),
    Column("p50", "p50 us", ",.0f"),
    Column("p99", "p99 us", ",.0f"),
)
MEMORY = (
    Column("idle", "idle MiB", ",.1f"),
    Column("connection", "KiB a connection", ",.1f"),
)

Command = Callable[[Settings], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Server:
    """
    A server that can be started.

    @ivar command: makes the command, in which C{{address}} stands for the socket's path, as it does
        in the environment. It may compile first, and raise C{NotStarted}.
    @ivar atOnce: how many kept connections it serves at once, and so gets at most; None for many.
    @ivar keeps: whether it serves a connection more than once.
    @ivar script: what a request's SCRIPT_FILENAME has to say.
    @ivar tcp: whether it listens on a port; C{{address}} then stands for address and port.
    @ivar everywhere: whether it and the load may use all cores, for what has several processes.
    """

    name: str
    command: Command
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: Callable[[Settings], str] = isHere
    peer: bool = False
    atOnce: int | None = None
    keeps: bool = True
    script: str | None = None
    tcp: bool = False
    everywhere: bool = False


def ownProgram(name: str, module: str, load: Load, *arguments: str) -> Server:
    """
    One of the servers of this package, told what it will be asked for.
    """
    command = [sys.executable, "-m", f"benchmarks.servers.{module}", "{address}", *arguments]
    told = ["--answer", load.answer, "--times", str(load.times), *["--scgi"] * load.scgi]
    return Server(name=name, command=lambda settings: [*command, *told])


def _values(result: Result, cpu: float) -> dict[str, float]:
    values = {}
    if result.answered:
        values["cpu"] = cpu * 1e6 / result.answered
    if result.timed:
        values["rate"] = result.timed / result.seconds
        values["p50"] = result.p50
        values["p99"] = result.p99
    return values


def _sample(values: dict[str, float], result: Result, process: ServerProcess) -> Sample:
    problem = result.firstError
    if result.errors:
        problem += f"; the server's last line: {process.lastWords()}"
    return Sample(values, result.errors, problem)


def _begin(
    server: Server, settings: Settings, sample: Callable[[Settings, ServerProcess], Sample]
) -> AbstractContextManager[Sampler]:
    @contextmanager
    def begun() -> Iterator[Sampler]:
        here = settings
        if server.everywhere:
            here = replace(settings, measuredCores=frozenset(), otherCores=frozenset())
        with running(
            here, server.name, server.command(here), server.environment, server.tcp
        ) as process:
            if server.everywhere:
                # Its socket may be there before its processes are.
                untilIdle(process.pid)
            yield lambda: sample(here, process)

    return begun()


def underLoad(server: Server, load: Load) -> Contestant:
    """
    A server that runs during the whole work and is under load when it has its turn.
    """
    load = _adapted(server, load)

    def sample(settings: Settings, process: ServerProcess) -> Sample:
        before = cpuSeconds(process.pid)
        result = applied(settings, process.place, load)
        cpu = cpuSeconds(process.pid) - before
        return _sample(_values(result, cpu), result, process)

    return Contestant(
        server.name,
        lambda settings: _begin(server, settings, sample),
        server.missing,
        server.peer,
    )


def _adapted(server: Server, load: Load) -> Load:
    changes: dict[str, Any] = {}
    if server.script is not None:
        changes["script"] = server.script
    if server.atOnce is not None and load.keep:
        changes["connections"] = min(server.atOnce, load.connections)
    return replace(load, **changes)


def inMemory(server: Server, load: Load) -> Contestant:
    """
    A server whose resident memory is read: when it has answered a little, and with many idle kept
    connections. It is started afresh for each turn.
    """
    load = _adapted(server, load)
    many = replace(load, connections=IDLE_CONNECTIONS)

    @contextmanager
    def begin(settings: Settings) -> Iterator[Sampler]:
        command = server.command(settings)

        def sample() -> Sample:
            with running(settings, server.name, command, server.environment) as process:
                first = requested(settings, process.place, load, 2000)
                if first.errors:
                    return _sample({}, first, process)
                idle = residentKiB(process.pid)
                with held(settings, process.place, many) as connections:
                    grown = residentKiB(process.pid) - idle
                values = {"idle": idle / 1024, "connection": grown / IDLE_CONNECTIONS}
                if connections.stillOpen != IDLE_CONNECTIONS:
                    closed = IDLE_CONNECTIONS - connections.stillOpen
                    return Sample({}, closed, "idle connections were closed")
                return _sample(values, connections.result, process)

        yield sample

    return Contestant(server.name, begin, server.missing, server.peer)
