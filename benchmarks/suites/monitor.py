"""
What it costs to watch txfcgi's server: counters, and an access log.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..contestants import SPEED, ownProgram, underLoad
from ..load import Load
from ..model import Contestant, Suite, Target, Work

PLAIN = "txfcgi, every param"
COUNTED = "txfcgi, counters"
COMBINED = "txfcgi, access log"
JSON = "txfcgi, access log, json"
ONE = "txfcgi, one param"
ONE_COMBINED = "txfcgi, one param, access log"
WSGI = "txfcgi, WSGI"
WSGI_COMBINED = "txfcgi, WSGI, access log"

KEPT = Load()
NEW = replace(KEPT, keep=False)


def _own(name: str, application: str, load: Load, *options: str) -> Contestant:
    return underLoad(ownProgram(name, "own", load, application, *options), load)


_speed = partial(Work, columns=SPEED, base=PLAIN, compared="cpu")


def _contestants(load: Load) -> tuple[Contestant, ...]:
    return (
        _own(PLAIN, "every", load),
        _own(COUNTED, "every", load, "--counters"),
        _own(COMBINED, "every", load, "--access-log", "combined"),
        _own(JSON, "every", load, "--access-log", "json"),
        _own(ONE, "one", load),
        _own(ONE_COMBINED, "one", load, "--access-log", "combined"),
        _own(WSGI, "wsgi", load),
        _own(WSGI_COMBINED, "wsgi", load, "--access-log", "combined"),
    )


SUITE = Suite(
    "monitor",
    (
        _speed(
            name="watched-kept",
            title="watched, 16 kept connections",
            contestants=_contestants(KEPT),
            targets=(
                Target(COUNTED, PLAIN, 1.1, "counters, of a request whose params are read"),
                Target(COMBINED, PLAIN, 1.35, "access log, of a request whose params are read"),
                Target(WSGI_COMBINED, WSGI, 1.25, "access log, WSGI"),
            ),
        ),
        _speed(
            name="watched-new",
            title="watched, a new connection for each request",
            contestants=_contestants(NEW),
            targets=(
                Target(COMBINED, PLAIN, 1.3, "access log, new connection for each request"),
                Target(WSGI_COMBINED, WSGI, 1.15, "access log, WSGI, new connection"),
            ),
        ),
    ),
)
