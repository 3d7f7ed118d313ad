"""
The load generator, in C in C{generator}, called from Python.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .build import loadGenerator
from .model import Settings
from .params import PLAIN, SCRIPT, asFile, scgiParams, variedParams
from .process import pinned

HELLO = "Hello from the other end, world\n"
BIG_SIZE = 1 << 20
UPLOAD_SIZE = 10 << 20

# Where a server listens: the path of its socket, or a port of 127.0.0.1.
Place = Path | int


class LoadFailed(Exception):
    """
    The load generator itself could not run.
    """


@dataclass(frozen=True, kw_only=True)
class Load:
    """
    A kind of load.

    @ivar inflight: requests at once on each connection.
    @ivar keep: whether connections are used for more than one request.
    @ivar bodySize: of each request, in bytes.
    @ivar answer: with C{times}, the body that every answer has to have.
    @ivar script: what a request's SCRIPT_FILENAME says.
    """

    connections: int = 16
    inflight: int = 1
    keep: bool = True
    scgi: bool = False
    uri: str = PLAIN
    bodySize: int = 0
    answer: str = HELLO
    times: int = 1
    script: str = SCRIPT

    def arguments(self) -> list[str]:
        """
        As the load generator wants it.
        """
        numbers = {
            "connections": self.connections,
            "inflight": self.inflight,
            "body": self.bodySize,
            "times": self.times,
        }
        flags = [f"--{name}" for name in ("keep", "scgi") if getattr(self, name)]
        valued = [part for name, value in numbers.items() for part in (f"--{name}", str(value))]
        return [*flags, *valued, "--answer", self.answer]


@dataclass(frozen=True, kw_only=True)
class Result:
    """
    What the load generator counted.

    @ivar answered: requests that were answered, in the warm-up and in the drain too.
    @ivar errors: wrong answers, lost connections, requests without an answer.
    @ivar timed: the answers within C{seconds}; the latencies, in microseconds, are theirs.
    @ivar reconnects: kept connections that the server closed between two requests.
    """

    answered: int
    errors: int
    firstError: str
    reconnects: int
    connectionsUsed: int
    timed: int
    seconds: float
    p50: float
    p99: float
    slowest: float
    sent: int
    received: int


@lru_cache
def _requests(uri: str, bodySize: int, script: str, scgi: bool) -> bytes:
    """
    All requests that differ.
    """
    varied = variedParams(uri, bodySize, script)
    return asFile(scgiParams(params) if scgi else params for params in varied)


@contextmanager
def _command(settings: Settings, place: Place, load: Load) -> Iterator[list[str]]:
    with tempfile.NamedTemporaryFile(dir=settings.folder) as file:
        file.write(_requests(load.uri, load.bodySize, load.script, load.scgi))
        file.flush()
        family = "--tcp" if isinstance(place, int) else "--unix"
        program = [str(loadGenerator()), family, str(place), "--params", file.name]
        yield program + load.arguments()


def _run(settings: Settings, command: list[str]) -> Result:
    with pinned(settings.otherCores):
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LoadFailed(done.stderr)
    return Result(**json.loads(done.stdout))


def applied(settings: Settings, place: Place, load: Load) -> Result:
    """
    Put a server under load for the time that the settings say.
    """
    with _command(settings, place, load) as command:
        times = ["--seconds", str(settings.seconds), "--warmup", str(settings.warmup)]
        return _run(settings, command + times)


def requested(settings: Settings, place: Place, load: Load, count: int) -> Result:
    """
    Make so many requests, however long that takes.
    """
    with _command(settings, place, load) as command:
        return _run(settings, [*command, "--requests", str(count)])


class Held:
    """
    Connections that have each had one answer and are now idle.

    @ivar result: of those first requests.
    @ivar stillOpen: how many of them the server had left open in the end.
    """

    stillOpen = 0

    def __init__(self, result: Result) -> None:
        self.result = result


@contextmanager
def held(settings: Settings, place: Place, load: Load) -> Iterator[Held]:
    """
    Keep connections open for as long as the context lasts.
    """
    with _command(settings, place, load) as command, pinned(settings.otherCores):
        process = subprocess.Popen(
            [*command, "--hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdin is not None and process.stdout is not None
            first = process.stdout.readline()
            if not first:
                raise LoadFailed("the load generator ended early")
            connections = Held(Result(**json.loads(first)))
            yield connections
            process.stdin.close()
            connections.stillOpen = json.loads(process.stdout.readline())["held"]
