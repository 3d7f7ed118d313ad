"""
What it costs to watch txfcgi's server: counters, what a status page remembers, and an access log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from ..contestants import SPEED, ownProgram, underLoad
from ..load import Load
from ..model import Contestant, Suite, Target, Work

PLAIN = "txfcgi, every param"
ONE = "txfcgi, one param"
WSGI = "txfcgi, WSGI"

#: What each of them is watched by.
COUNTED = ("counters", "--counters")
STATUS = ("status", "--status")
COMBINED = ("access log", "--access-log", "combined")
JSON = ("access log, json", "--access-log", "json")

#: What being watched may cost a request, as a part of it.
ASKED = 1.1

KEPT = Load()
NEW = replace(KEPT, keep=False)


def _own(name: str, application: str, load: Load, *options: str) -> Contestant:
    return underLoad(ownProgram(name, "own", load, application, *options), load)


def _watched(
    name: str, application: str, load: Load, *watching: tuple[str, ...]
) -> Iterator[Contestant]:
    """
    A server by itself, and the same one watched.
    """
    yield _own(name, application, load)
    for what, *options in watching:
        yield _own(f"{name}, {what}", application, load, *options)


def _contestants(load: Load) -> tuple[Contestant, ...]:
    return (
        *_watched(PLAIN, "every", load, COUNTED, STATUS, COMBINED, JSON),
        *_watched(ONE, "one", load, COUNTED, STATUS, COMBINED),
        *_watched(WSGI, "wsgi", load, COUNTED, STATUS, COMBINED),
    )


def _targets(connections: str) -> tuple[Target, ...]:
    """
    What is asked of apps that read their params, as most do.
    """
    return tuple(
        Target(f"{name}, {what}", name, ASKED, f"{what}, {app}, {connections}")
        for name, app in ((PLAIN, "every param read"), (WSGI, "WSGI"))
        for what, *_ in (COUNTED, STATUS, COMBINED)
    )


_speed = partial(Work, columns=SPEED, base=PLAIN, compared="cpu")

SUITE = Suite(
    "monitor",
    (
        _speed(
            name="watched-kept",
            title="watched, 16 kept connections",
            contestants=_contestants(KEPT),
            targets=_targets("kept connections"),
        ),
        _speed(
            name="watched-new",
            title="watched, a new connection for each request",
            contestants=_contestants(NEW),
            targets=_targets("new connections"),
        ),
    ),
)
