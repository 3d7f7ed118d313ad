"""
Servers of FastCGI behind nginx, by its default, which makes a connection for each request, and with
its connections kept: what both take together for an answer.
"""

from __future__ import annotations

from functools import partial

from .. import peers
from ..browsers import Answer
from ..contestants import Server, ownProgram
from ..load import HELLO, Load
from ..model import Contestant, Suite, Work
from ..nginx import COLUMNS, Behind, behindNginx
from .fastcgi_server import FLOOR, HONEST, ONE

ANSWER = Answer(HELLO, 1, 16)

_OWN = (
    ownProgram(FLOOR, "floor", Load()),
    ownProgram(ONE, "own", Load(), "one"),
    ownProgram(HONEST, "honest", Load()),
)
# php-fpm is told its script by the web server, and this one knows none.
_PEERS = (peers.LIBFCGI, peers.GO, peers.UWSGI, peers.FLUP)
# libfcgi serves one connection at a time: nginx's others would wait for its end.
_KEPT = (peers.GO, peers.FLUP)


def _behind(server: Server, kept: bool) -> Contestant:
    behind = Behind(
        name=server.name,
        command=server.command,
        protocol="fastcgi",
        kept=kept,
        environment=server.environment,
        peer=server.peer,
    )
    return behindNginx(behind, ANSWER, server.missing)


_through = partial(Work, columns=COLUMNS, base=FLOOR, compared="cpu")

SUITE = Suite(
    "through-nginx",
    (
        _through(
            name="nginx-kept",
            title="FastCGI behind nginx, its connections kept",
            contestants=tuple(_behind(server, True) for server in (*_OWN, *_KEPT)),
        ),
        _through(
            name="nginx-new",
            title="FastCGI behind nginx, as it is by default: a connection for each request",
            contestants=tuple(_behind(server, False) for server in (*_OWN, *_PEERS)),
        ),
    ),
)
