"""
txfcgi's FastCGI server beside the Twisted floor, the honest server and the peers.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from .. import peers
from ..contestants import IDLE_CONNECTIONS, MEMORY, SPEED, Server, inMemory, ownProgram, underLoad
from ..load import BIG_SIZE, UPLOAD_SIZE, Load
from ..model import Contestant, Suite, Target, Work

FLOOR = "Twisted floor"
HONEST = "honest"
ONE = "txfcgi, one param"
EVERY = "txfcgi, every param"
ASYNC = "txfcgi, async def"
BIG = "txfcgi, big answer"
UPLOAD = "txfcgi, async for"


def _own(name: str, application: str, load: Load, tcp: bool = False) -> Contestant:
    return underLoad(replace(ownProgram(name, "own", load, application), tcp=tcp), load)


def _floor(load: Load, tcp: bool = False) -> Contestant:
    return underLoad(replace(ownProgram(FLOOR, "floor", load), tcp=tcp), load)


def _honest(load: Load) -> Contestant:
    return underLoad(ownProgram(HONEST, "honest", load), load)


def _peers(
    load: Load, servers: tuple[Server, ...] = peers.ALL, tcp: bool = False
) -> tuple[Contestant, ...]:
    return tuple(
        underLoad(replace(server, tcp=tcp), load)
        for server in servers
        if server.keeps or not load.keep
    )


def _overTCP(load: Load) -> tuple[Contestant, ...]:
    """
    Those that listen on a port, too.
    """
    return (
        _floor(load, tcp=True),
        _own(ONE, "one", load, tcp=True),
        *_peers(load, peers.OVER_TCP, tcp=True),
    )


KEPT = Load()
NEW = replace(KEPT, keep=False)
BIG_ANSWERS = replace(KEPT, connections=4, uri="/big", answer="x", times=BIG_SIZE)
UPLOADS = replace(
    KEPT, connections=4, uri="/upload", bodySize=UPLOAD_SIZE, answer=f"{UPLOAD_SIZE}\n"
)
MULTIPLEXED = replace(KEPT, connections=4, inflight=16)

_speed = partial(Work, columns=SPEED, base=FLOOR, compared="cpu")

SUITE = Suite(
    "fastcgi-server",
    (
        _speed(
            name="kept",
            title="16 kept connections",
            contestants=(
                _floor(KEPT),
                _own(ONE, "one", KEPT),
                _own(EVERY, "every", KEPT),
                _own(ASYNC, "waiting", KEPT),
                _honest(KEPT),
                *_peers(KEPT, (*peers.ALL, peers.FCGISGI)),
            ),
            targets=(
                Target(ONE, FLOOR, 1.25, "kept connection, one param read", 0.82),
                Target(EVERY, FLOOR, 1.7, "kept connection, every param read", 1.2),
                Target(ASYNC, ONE, 1.1, "async def that awaits nothing, of a plain function", 1.08),
            ),
        ),
        _speed(
            name="new",
            title="a new connection for each request, 16 at a time",
            contestants=(
                _floor(NEW),
                _own(ONE, "one", NEW),
                _honest(NEW),
                *_peers(NEW, (*peers.ALL, peers.FCGISGI)),
            ),
            targets=(Target(ONE, FLOOR, 1.0, "new connection for each request", 0.82),),
        ),
        _speed(
            name="tcp-kept",
            title="16 kept connections by TCP",
            contestants=_overTCP(KEPT),
        ),
        _speed(
            name="tcp-new",
            title="a new connection by TCP for each request, 16 at a time",
            contestants=_overTCP(NEW),
        ),
        _speed(
            name="big",
            title="answers of 1 MiB on 4 kept connections",
            contestants=(
                _floor(BIG_ANSWERS),
                _own(BIG, "one", BIG_ANSWERS),
                _honest(BIG_ANSWERS),
                *_peers(BIG_ANSWERS),
            ),
            targets=(Target(BIG, FLOOR, 0.9, "answer of 1 MiB", 0.85),),
        ),
        _speed(
            name="upload",
            title="bodies of 10 MiB on 4 kept connections",
            contestants=(
                _floor(UPLOADS),
                _own(UPLOAD, "upload", UPLOADS),
                _honest(UPLOADS),
                *_peers(UPLOADS),
            ),
            targets=(Target(UPLOAD, FLOOR, 1.05, "body of 10 MiB, async for", 0.95),),
        ),
        _speed(
            name="multiplexed",
            title="16 requests at once on each of 4 connections",
            contestants=(
                _honest(MULTIPLEXED),
                _floor(MULTIPLEXED),
                _own(ONE, "one", MULTIPLEXED),
                *_peers(MULTIPLEXED, peers.MULTIPLEXING),
            ),
            base=HONEST,
            targets=(Target(ONE, HONEST, 0.65, "multiplexed, of the honest server", 0.4),),
        ),
        Work(
            name="idle",
            title=f"resident memory, and what each of {IDLE_CONNECTIONS} idle connections adds",
            contestants=(
                inMemory(ownProgram(FLOOR, "floor", KEPT), KEPT),
                inMemory(ownProgram(ONE, "own", KEPT, "one"), KEPT),
                *(
                    inMemory(server, KEPT)
                    for server in peers.ALL
                    if server.keeps and server.atOnce is None
                ),
            ),
            columns=MEMORY,
            base=FLOOR,
            compared="connection",
            difference=True,
            rounds=3,
            targets=(Target(ONE, FLOOR, 3.0, "idle kept connection, KiB above Twisted's own"),),
        ),
    ),
)
