"""
What a body of 1 GiB adds to the resident memory of the client, and of the gateway, on its way there
or back: next to nothing.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..model import Column, Contestant, NotStarted, Sample, Sampler, Settings, Suite, Target, Work
from ..pattern import WARMUP, Pattern, pieces
from ..process import CHECKOUT, ServerProcess, cpuSeconds, growth, pinned, running

MIB = 1 << 20
# What a measured process may grow by, in MiB, whatever goes through it.
MOST = 20.0


@contextmanager
def _backend(settings: Settings, name: str) -> Iterator[ServerProcess]:
    """
    The app that streams, which is not measured.
    """
    aside = replace(settings, measuredCores=settings.otherCores)
    command = [sys.executable, "-m", "benchmarks.servers.streams", "{address}"]
    with running(aside, f"app of {name}", command, {}) as process:
        yield process


def _sample(size: int, came: int, seconds: float, cpu: float, grown: float) -> Sample:
    values = {"growth": grown, "cpu": cpu * 1e6 / (size / MIB), "rate": size / MIB / seconds}
    if came == size:
        return Sample(values)
    return Sample(values, 1, f"of {size} bytes, {came} came as they should")


def _client(way: str) -> Contestant:
    """
    txfcgi's client.
    """
    name = f"client, {way}"

    @contextmanager
    def begin(settings: Settings) -> Iterator[Sampler]:
        size = settings.streamed * MIB
        with _backend(settings, name) as backend:
            command = [sys.executable, "-m", "benchmarks.clients.streams", way]

            def sample() -> Sample:
                with pinned(settings.measuredCores):
                    ended = subprocess.run(
                        [*command, str(backend.address), str(size)],
                        cwd=CHECKOUT,
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                if ended.returncode:
                    raise NotStarted(ended.stderr.strip().rpartition("\n")[2])
                said = json.loads(ended.stdout)
                return _sample(size, said["came"], said["seconds"], said["cpu"], said["growth"])

            yield sample

    return Contestant(name, begin)


def _upload(port: int, size: int) -> int:
    """
    Send so many bytes by HTTP.

    @return: how many came.
    """
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"POST /count HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % size
        )
        for piece in pieces(size):
            connection.sendall(piece)
        with connection.makefile("rb") as answer:
            return int(answer.read().partition(b"\r\n\r\n")[2])


def _download(port: int, size: int) -> int:
    """
    Have so many bytes sent by HTTP.

    @return: how many came.
    """
    pattern = Pattern()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"GET /send?%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % size
        )
        with connection.makefile("rb") as answer:
            while answer.readline() not in (b"\r\n", b""):
                continue
            while piece := answer.read(MIB):
                pattern.take(piece)
    return pattern.right


def _gateway(way: str) -> Contestant:
    """
    txfcgi's gateway.
    """
    name = f"gateway, {way}"
    move = _upload if way == "upload" else _download

    @contextmanager
    def begin(settings: Settings) -> Iterator[Sampler]:
        size = settings.streamed * MIB
        with _backend(settings, name) as backend:
            command = [sys.executable, "-m", "benchmarks.suites.gateway", "{address}"]
            command += ["--backend", str(backend.address), "--answer", ""]

            with running(settings, name, command, {}) as process:
                port = int(Path(f"{process.address}.port").read_text("ascii"))

                def sample() -> Sample:
                    with pinned(settings.otherCores):
                        move(port, WARMUP)
                        with growth(process.pid) as values:
                            began, cpu = time.monotonic(), cpuSeconds(process.pid)
                            came = move(port, size)
                            seconds = time.monotonic() - began
                            cpu = cpuSeconds(process.pid) - cpu
                    return _sample(size, came, seconds, cpu, values["growth"])

                yield sample

    return Contestant(name, begin)


CONTESTANTS = tuple(make(way) for make in (_client, _gateway) for way in ("upload", "download"))

SUITE = Suite(
    "streaming",
    (
        Work(
            name="streamed",
            title="what a body of 1 GiB adds to resident memory, at the most",
            contestants=CONTESTANTS,
            columns=(
                Column("growth", "MiB more", ",.1f"),
                Column("cpu", "CPU us a MiB", ",.1f"),
                Column("rate", "MiB/s", ",.0f"),
            ),
            base=None,
            compared="growth",
            targets=tuple(
                Target(contestant.name, None, MOST, f"MiB more, {contestant.name} of 1 GiB")
                for contestant in CONTESTANTS
            ),
            rounds=1,
        ),
    ),
)
