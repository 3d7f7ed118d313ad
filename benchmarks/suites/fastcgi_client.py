"""
txfcgi's FastCGI client beside the least that a Twisted client can do, and beside other people's.
They call the Twisted floor of servers, which costs less than any of them, and php-fpm.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from ..contestants import Server, ownProgram
from ..load import HELLO, Load
from ..model import Column, Contestant, Sampler, Settings, Suite, Target, Work
from ..peers import PHP_CHILDREN, imports
from ..process import running, sampleOf

FLOOR = "Twisted client floor"
HONEST = "honest client"
OWN = "txfcgi client"
FCGI_CLIENT = "fcgi-client"
FLUP = "flup client"

CONNECTIONS = 16

COLUMNS = (Column("cpu", "CPU us", ",.1f"), Column("rate", "answers/s", ",.0f"))

CANNED = ownProgram("Twisted floor", "floor", Load())
# It takes what comes behind the request before it closes.
PATIENT = ownProgram("txfcgi server", "own", Load(), "one")


def _calling(
    name: str,
    module: str,
    *arguments: str,
    server: Server = CANNED,
    needs: str = "",
    connections: int = CONNECTIONS,
) -> Contestant:
    """
    A client of this package, and a server of its own that it calls.

    @param needs: the module of the Python peer that it is.
    """

    def missing(settings: Settings) -> str:
        if needs:
            return imports(settings, needs, arguments[0])
        return server.missing(settings)

    def begin(settings: Settings) -> AbstractContextManager[Sampler]:
        return begun(settings)

    @contextmanager
    def begun(settings: Settings) -> Iterator[Sampler]:
        aside = replace(settings, measuredCores=settings.otherCores)
        called = f"{server.name} of {name}"
        with running(aside, called, server.command(settings), server.environment) as process:
            command = [settings.peersPython if needs else sys.executable]
            command += ["-m", f"benchmarks.clients.{module}", *arguments, str(process.address)]
            command += ["--answer", HELLO, "--connections", str(connections)]
            command += ["--seconds", str(settings.seconds), "--warmup", str(settings.warmup)]
            if server.script is not None:
                command += ["--script", server.script]
            yield lambda: sampleOf(settings, command)

    return Contestant(name, begin, missing, bool(needs) or server.peer)


def _peers() -> tuple[Contestant, ...]:
    """
    The Python clients of others. They block, and keep no connection. flup sends something when the
    floor may have closed.
    """
    flup = "flup.client.fcgi_app"
    return (
        _calling(FCGI_CLIENT, "peers", "fcgi-client", needs="fcgi_client", connections=1),
        _calling(FLUP, "peers", "flup", needs=flup, connections=1, server=PATIENT),
    )


def _three(*flags: str, server: Server = CANNED) -> tuple[Contestant, ...]:
    """
    The floor, txfcgi's client, and what is written without thinking of speed.
    """
    return (
        _calling(FLOOR, "floor", *flags, server=server),
        _calling(OWN, "own", *flags, server=server),
        _calling(HONEST, "honest", *flags, server=server),
    )


SUITE = Suite(
    "fastcgi-client",
    (
        Work(
            name="calls",
            title="16 calls at a time on kept connections",
            contestants=_three(),
            columns=COLUMNS,
            base=FLOOR,
            compared="cpu",
            targets=(
                Target(OWN, FLOOR, 1.35, "call on a kept connection", 1.3),
                Target(OWN, HONEST, 1.0, "call on a kept connection, of the honest client"),
            ),
        ),
        Work(
            name="php-calls",
            title="16 calls at a time of php-fpm, on kept connections",
            contestants=_three(server=PHP_CHILDREN),
            columns=COLUMNS,
            base=FLOOR,
            compared="cpu",
            targets=(Target(OWN, FLOOR, 1.5, "call of php-fpm on a kept connection"),),
        ),
        Work(
            name="new-calls",
            title="16 calls at a time, one for those that block, a new connection for each",
            contestants=(*_three("--new"), *_peers()),
            columns=COLUMNS,
            base=FLOOR,
            compared="cpu",
            targets=(
                Target(OWN, FLOOR, 1.4, "call on a new connection", 1.35),
                *(
                    Target(OWN, peer, 1.0, f"call on a new connection, of {peer}")
                    for peer in (FCGI_CLIENT, FLUP)
                ),
            ),
        ),
    ),
)
