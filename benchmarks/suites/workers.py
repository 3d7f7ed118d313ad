"""
One worker and two, on one socket, as C{twistd fcgi --workers} starts them. They and the load use
all cores: on a machine with two of them, how many answers come in a second says little, and what
one costs says all.
"""

from __future__ import annotations

import sys
from functools import partial

from ..contestants import SPEED, Server, underLoad
from ..load import Load
from ..model import Contestant, Suite, Work
from .fastcgi_server import KEPT, NEW

ONE = "1 worker"
TWO = "2 workers"

# The command twistd, wherever it lies.
_RUN = "from twisted.scripts.twistd import run; run()"
_TWISTD = (sys.executable, "-c", _RUN, "-n", "--pidfile=", "--logfile={address}.log", "fcgi")


def _workers(name: str, number: int, load: Load) -> Contestant:
    command = [
        *_TWISTD,
        *("--workers", str(number), "--port", "unix:{address}"),
        *("--app", "benchmarks.servers.module.app"),
    ]
    server = Server(name=name, command=lambda settings: command, everywhere=True)
    return underLoad(server, load)


_speed = partial(Work, columns=SPEED, base=ONE, compared="cpu")

SUITE = Suite(
    "workers",
    (
        _speed(
            name="workers-kept",
            title="one worker and two, 16 kept connections",
            contestants=(_workers(ONE, 1, KEPT), _workers(TWO, 2, KEPT)),
        ),
        _speed(
            name="workers-new",
            title="one worker and two, a new connection for each request, 16 at a time",
            contestants=(_workers(ONE, 1, NEW), _workers(TWO, 2, NEW)),
        ),
    ),
)
