"""
txfcgi's client and php-fpm with fewer processes than the client has connections: how long the
slowest caller waits, and how many connections that takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from ..contestants import Server
from ..load import HELLO
from ..model import Column, Contestant, Sampler, Settings, Suite, Target, Work
from ..peers import fpmServer
from ..process import running, sampleOf

REQUESTS = 25

COLUMNS = (
    Column("slowest", "slowest ms", ",.0f"),
    Column("p50", "p50 ms", ",.1f"),
    Column("connections", "connections", ",.0f"),
    Column("rate", "answers/s", ",.0f"),
)

# Debian's own pool.
_DYNAMIC = """\
pm = dynamic
pm.max_children = 5
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3"""
_RECYCLED = "pm = static\npm.max_children = 3\npm.max_requests = 25"

SERVERS = (
    fpmServer("20 processes", 20),
    fpmServer("5 processes", 5),
    fpmServer("1 process", 1),
    fpmServer("2 to 5 processes", 5, _DYNAMIC),
    fpmServer("3 processes for 25 requests each", 3, _RECYCLED),
)


def _pool(server: Server, callers: int) -> Contestant:
    """
    Callers at once of one php-fpm, which is started anew for each sample.
    """

    @contextmanager
    def begun(settings: Settings) -> Iterator[Sampler]:
        aside = replace(settings, measuredCores=settings.otherCores)
        with running(aside, server.name, server.command(settings), server.environment) as process:
            command = [sys.executable, "-m", "benchmarks.clients.pool", str(process.address)]
            command += [str(callers), str(REQUESTS), "--answer", HELLO]
            command += ["--script", str(server.script)]
            yield lambda: sampleOf(settings, command)

    def begin(settings: Settings) -> AbstractContextManager[Sampler]:
        return begun(settings)

    return Contestant(server.name, begin, server.missing, server.peer)


SUITE = Suite(
    "php-pool",
    tuple(
        Work(
            name=f"pool-{callers}",
            title=f"{callers} callers of php-fpm with {REQUESTS} requests each, ten connections",
            contestants=tuple(_pool(server, callers) for server in SERVERS),
            columns=COLUMNS,
            base=None,
            compared="slowest",
            rounds=3,
            targets=tuple(
                Target(server.name, None, 1000, f"ms for the slowest of {callers}: {server.name}")
                for server in SERVERS
            ),
        )
        for callers in (12, 200)
    ),
)
