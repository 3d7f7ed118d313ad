"""
txfcgi's FastCGI client beside the least that a Twisted client can do. Both call the Twisted floor
of servers, which costs less than any of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from ..model import Column, Contestant, Sampler, Settings, Suite, Target, Work
from ..process import running, sampleOf

FLOOR = "Twisted client floor"
OWN = "txfcgi client"

ANSWER = "Hello, World! Hello, World! abc\n"
CONNECTIONS = 16

COLUMNS = (Column("cpu", "CPU us", ",.1f"), Column("rate", "answers/s", ",.0f"))


def _calling(name: str, module: str, *arguments: str, times: int = 1) -> Contestant:
    """
    A client of this package, and a server of its own that it calls.
    """
    told = ["--answer", ANSWER, "--times", str(times)]

    def begin(settings: Settings) -> AbstractContextManager[Sampler]:
        return begun(settings)

    @contextmanager
    def begun(settings: Settings) -> Iterator[Sampler]:
        server = [sys.executable, "-m", "benchmarks.servers.floor", "{address}", *told]
        aside = replace(settings, measuredCores=settings.otherCores)
        with running(aside, f"server of {name}", server, {}) as process:
            command = [sys.executable, "-m", f"benchmarks.clients.{module}", str(process.address)]
            command += [*told, "--connections", str(CONNECTIONS), *arguments]
            command += ["--seconds", str(settings.seconds), "--warmup", str(settings.warmup)]
            yield lambda: sampleOf(settings, command)

    return Contestant(name, begin)


SUITE = Suite(
    "fastcgi-client",
    (
        Work(
            name="calls",
            title="16 calls at a time on kept connections",
            contestants=(_calling(FLOOR, "floor"), _calling(OWN, "own")),
            columns=COLUMNS,
            base=FLOOR,
            compared="cpu",
            targets=(Target(OWN, FLOOR, 1.5, "call on a kept connection"),),
        ),
        Work(
            name="new-calls",
            title="16 calls at a time, a new connection for each",
            contestants=(_calling(FLOOR, "floor", "--new"), _calling(OWN, "own", "--new")),
            columns=COLUMNS,
            base=FLOOR,
            compared="cpu",
        ),
    ),
)
