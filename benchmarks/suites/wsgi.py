"""
A WSGI application and a resource of twisted.web behind txfcgi, beside the Twisted floor, an app of
its own, and the peers that serve WSGI over FastCGI.
"""

from __future__ import annotations

from functools import partial

from .. import peers
from ..contestants import SPEED, ownProgram, underLoad
from ..load import Load
from ..model import Contestant, Suite, Target, Work
from .fastcgi_server import BIG_ANSWERS, EVERY, FLOOR, KEPT, NEW, UPLOADS

WSGI = "txfcgi, WSGI"
RESOURCE = "txfcgi, twisted.web"
SERVERS = (peers.FLUP, peers.FLIPFLOP, peers.FCGISGI_WSGI)


def _own(name: str, application: str, load: Load) -> Contestant:
    return underLoad(ownProgram(name, "own", load, application), load)


def _contestants(load: Load) -> tuple[Contestant, ...]:
    return (
        underLoad(ownProgram(FLOOR, "floor", load), load),
        _own(EVERY, "every", load),
        _own(WSGI, "wsgi", load),
        *(underLoad(server, load) for server in SERVERS),
    )


_speed = partial(Work, columns=SPEED, base=FLOOR, compared="cpu")

SUITE = Suite(
    "wsgi",
    (
        _speed(
            name="wsgi-kept",
            title="WSGI, 16 kept connections",
            contestants=(*_contestants(KEPT), _own(RESOURCE, "resource", KEPT)),
            targets=(Target(WSGI, FLOOR, 4.5, "WSGI, kept connection"),),
        ),
        _speed(
            name="wsgi-new",
            title="WSGI, a new connection for each request, 16 at a time",
            contestants=(*_contestants(NEW), _own(RESOURCE, "resource", NEW)),
            targets=(Target(WSGI, FLOOR, 3.0, "WSGI, new connection for each request"),),
        ),
        _speed(
            name="wsgi-big",
            title="WSGI, answers of 1 MiB on 4 kept connections",
            contestants=_contestants(BIG_ANSWERS),
        ),
        _speed(
            name="wsgi-upload",
            title="WSGI, bodies of 10 MiB on 4 kept connections",
            contestants=(
                underLoad(ownProgram(FLOOR, "floor", UPLOADS), UPLOADS),
                _own(WSGI, "wsgi", UPLOADS),
                *(underLoad(server, UPLOADS) for server in SERVERS),
            ),
        ),
    ),
)
