"""
Processes that are measured: started on their own core, stopped for sure, their CPU time and memory
read from the kernel (Linux).
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .model import NotStarted, Sample, Settings

CHECKOUT = Path(__file__).parent.parent

_START_SECONDS = 60.0
_STOP_SECONDS = 3.0
# CPU seconds that a server which waits takes in half a second, at the most.
_IDLE = 0.01


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """
    Processes started in here run on these cores only; anywhere when there are none.
    """
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def sampleOf(settings: Settings, command: Sequence[str]) -> Sample:
    """
    Run a program that measures itself, on the cores for that.

    @param command: One that prints its sample, as L{benchmarks.clients} has them.
    @raise NotStarted: With the last of what it had to say.
    """
    with pinned(settings.measuredCores):
        ended = subprocess.run(
            command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False
        )
    if ended.returncode:
        raise NotStarted(ended.stderr.strip().rpartition("\n")[2])
    said = json.loads(ended.stdout)
    return Sample(said["values"], said["errors"], said["problem"])


def cpuSeconds(pid: int) -> float:
    """
    The CPU time, user and system, of a process and all its descendants; of those that have ended
    meanwhile nothing is counted.
    """
    total = 0.0
    for each in family(pid):
        # The clock that clock_getcpuclockid(3) names for another process: in nanoseconds, where
        # /proc counts in hundredths of a second.
        with suppress(OSError):
            total += time.clock_gettime((~each << 3) | 2)
    return total


def untilIdle(pid: int) -> None:
    """
    Wait until a process and all its descendants have started, and have nothing to do.
    """
    deadline = time.monotonic() + _START_SECONDS
    used = -1.0
    while (now := cpuSeconds(pid)) > used + _IDLE and time.monotonic() < deadline:
        used = now
        time.sleep(0.5)


def residentKiB(pid: int) -> int:
    """
    The resident memory of a process and its descendants; what they share counts for each.
    """
    return sum(_memoryKiB(each, "VmRSS") for each in family(pid))


@contextmanager
def growth(pid: int) -> Iterator[dict[str, float]]:
    """
    What happens in this context adds to the resident memory of a process, at the most: in MiB,
    under C{growth} in the dictionary when the context is over.
    """
    before = _memoryKiB(pid, "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")  # the peak is what it has now
    found: dict[str, float] = {}
    yield found
    found["growth"] = (_memoryKiB(pid, "VmHWM") - before) / 1024


def _memoryKiB(pid: int, which: str) -> int:
    """
    A figure of the kernel's about the memory of a process.
    """
    text = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    return int(text.partition(f"{which}:")[2].split()[0])


def family(pid: int) -> list[int]:
    """
    A process and all its descendants.
    """
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text("ascii").split():
            found += family(int(child))
    return found


class ServerProcess:
    """
    A server that listens on a unix socket, or on a port of 127.0.0.1.

    @ivar address: the path of its socket.
    @ivar place: where it listens: that path, or the number of its port.
    """

    def __init__(self, settings: Settings, name: str, tcp: bool = False) -> None:
        """
        @param tcp: Whether it listens on a port.
        """
        plain = re.sub("[^a-z0-9]+", "-", name.lower())
        self.address = settings.folder / f"{plain}.sock"
        self.place: Path | int = _freePort() if tcp else self.address
        self._log = settings.folder / f"{plain}.log"
        self._cores = settings.measuredCores
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """
        Of the process that was started; it may have children.
        """
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """
        Start the server and wait until it listens.

        @param command: C{{address}} in it, or in the environment, stands for the path of the
            socket, or for C{127.0.0.1:} and the port.
        @raise NotStarted: with the last of what the server had to say.
        """
        self.address.unlink(missing_ok=True)

        def told(part: str) -> str:
            place = self.place
            address = f"127.0.0.1:{place}" if isinstance(place, int) else str(place)
            return part.replace("{address}", address)

        with self._log.open("wb") as log, pinned(self._cores):
            self._process = subprocess.Popen(
                list(map(told, command)),
                env={**os.environ, **{name: told(value) for name, value in environment.items()}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=CHECKOUT,
                start_new_session=True,
            )
        try:
            self._waitUntilItListens(self._process)
        except BaseException:
            self.stop()
            raise

    def _waitUntilItListens(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with suppress(OSError):
                _connect(self.place)
                return
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
            raise NotStarted(f"it does not listen: {self.lastWords()}")

    def lastWords(self) -> str:
        """
        The last line that the server wrote to its standard output or error.
        """
        said = self._log.read_text("utf-8", "replace").strip()
        return said.rpartition("\n")[2][-300:]

    def stop(self) -> None:
        """
        End the server and all processes that it started.
        """
        process = self._process
        if process is None:
            return
        self._process = None
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
        self.address.unlink(missing_ok=True)


def _freePort() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _connect(place: Path | int) -> None:
    """
    See that a server listens.
    """
    if isinstance(place, int):
        socket.create_connection(("127.0.0.1", place)).close()
    else:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(place))


@contextmanager
def running(
    settings: Settings,
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    tcp: bool = False,
) -> Iterator[ServerProcess]:
    """
    Run a server for as long as the context lasts.

    @param tcp: Whether it listens on a port in place of a unix socket.
    """
    server = ServerProcess(settings, name, tcp)
    try:
        server.start(command, environment)
        yield server
    finally:
        server.stop()
