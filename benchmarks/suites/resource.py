"""
A resource of twisted.web in memory: what the way from FastCGI to it and back costs, without sockets
and without what twisted.web does by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..model import Column, Contestant, Sampler, Settings, Suite, Target, Work
from ..process import sampleOf

REQUESTS = 5_000
NATIVE = "txfcgi, one param"
RESOURCE = "txfcgi, twisted.web"
ALLOWED = "two native requests and twisted.web's Request"


def _inMemory(name: str, kind: str) -> Contestant:
    """
    A program of its own for each sample.
    """

    @contextmanager
    def begin(settings: Settings) -> Iterator[Sampler]:
        command = [sys.executable, "-m", "benchmarks.clients.resource", kind, str(REQUESTS)]
        yield lambda: sampleOf(settings, command)

    return Contestant(name, begin)


SUITE = Suite(
    "resource",
    (
        Work(
            name="resource-in-memory",
            title=f"a resource of twisted.web, {REQUESTS:,} requests in memory",
            contestants=(
                _inMemory(NATIVE, "native"),
                _inMemory("twisted.web's Request", "web"),
                _inMemory(ALLOWED, "allowed"),
                _inMemory(RESOURCE, "resource"),
            ),
            columns=(Column("cpu", "CPU us", ",.1f"), Column("rate", "answers/s", ",.0f")),
            base=NATIVE,
            compared="cpu",
            targets=(Target(RESOURCE, ALLOWED, 1.0, "a Resource, beside what it may cost"),),
        ),
    ),
)
