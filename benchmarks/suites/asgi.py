"""
An ASGI application behind txfcgi, beside the Twisted floor (on epoll), an app of its own, and the
one peer that serves ASGI over FastCGI.
"""

from __future__ import annotations

from functools import partial

from .. import peers
from ..contestants import SPEED, ownProgram, underLoad
from ..load import Load
from ..model import Contestant, Suite, Target, Work
from .fastcgi_server import BIG_ANSWERS, FLOOR, KEPT, NEW, UPLOADS

ASGI = "txfcgi, ASGI"
UVLOOP = "txfcgi, ASGI on uvloop"
PEER = "fcgisgi"


def _contestants(load: Load) -> tuple[Contestant, ...]:
    return (
        underLoad(ownProgram(FLOOR, "floor", load), load),
        underLoad(ownProgram("txfcgi, one param", "own", load, "one"), load),
        underLoad(ownProgram(ASGI, "adapted", load, "asyncio"), load),
        underLoad(ownProgram(UVLOOP, "adapted", load, "uvloop"), load),
        underLoad(peers.FCGISGI, load),
    )


_speed = partial(Work, columns=SPEED, base=FLOOR, compared="cpu")

SUITE = Suite(
    "asgi",
    (
        _speed(
            name="asgi-kept",
            title="ASGI, 16 kept connections",
            contestants=_contestants(KEPT),
            targets=(Target(ASGI, FLOOR, 3.0, "ASGI, kept connection", 2.7),),
        ),
        _speed(
            name="asgi-new",
            title="ASGI, a new connection for each request, 16 at a time",
            contestants=_contestants(NEW),
            targets=(Target(ASGI, FLOOR, 2.3, "ASGI, new connection for each request", 2.1),),
        ),
        _speed(
            name="asgi-big",
            title="ASGI, answers of 1 MiB on 4 kept connections",
            contestants=_contestants(BIG_ANSWERS),
        ),
        _speed(
            name="asgi-upload",
            title="ASGI, bodies of 10 MiB on 4 kept connections",
            contestants=_contestants(UPLOADS),
        ),
    ),
)
