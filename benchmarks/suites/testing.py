"""
Requests in memory: txfcgi's test kit beside treq's, which does the same for twisted.web.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ..model import Column, Contestant, Sampler, Settings, Suite, Target, Work
from ..process import sampleOf

REQUESTS = 1_000
STUB = "treq StubTreq"
SERVERS = ("plain", "nginx", "haproxy", "caddy")

COLUMNS = (Column("cpu", "CPU us", ",.1f"), Column("rate", "answers/s", ",.0f"))


def _nameOf(server: str) -> str:
    return f"MemoryFrontEnd, {server}"


def _inMemory(name: str, what: str) -> Contestant:
    """
    A program of its own for each sample.
    """

    @contextmanager
    def begun(settings: Settings) -> Iterator[Sampler]:
        command = [sys.executable, "-m", "benchmarks.clients.memory", what, str(REQUESTS)]
        yield lambda: sampleOf(settings, command)

    def begin(settings: Settings) -> AbstractContextManager[Sampler]:
        return begun(settings)

    return Contestant(name, begin)


SUITE = Suite(
    "testing",
    (
        Work(
            name="in-memory",
            title=f"{REQUESTS:,} requests in memory, one after the other",
            contestants=(
                _inMemory(STUB, "stub"),
                *(_inMemory(_nameOf(server), server) for server in SERVERS),
            ),
            columns=COLUMNS,
            base=STUB,
            compared="cpu",
            targets=tuple(
                Target(_nameOf(server), STUB, 1.0, f"request in memory through {server}")
                for server in SERVERS
            ),
        ),
    ),
)
