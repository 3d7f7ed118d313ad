"""
Room for connections and workers: each takes file descriptors, of which a process may have so many.
"""

from __future__ import annotations

import os
import resource
from contextlib import ExitStack

from twisted.logger import Logger

#: Descriptors for all but connections: listening sockets, logs, files of the app.
SPARE = 64

# What the master has open for a worker: the link, its standard output and its standard error.
_PER_WORKER = 3

_log = Logger()


def makeRoom(connections: int) -> None:
    """
    Let this process have the descriptors that its connections may take, as far as it may decide so
    itself, and say so if that is too few.

    @param connections: How many connections there may be. As many again are open while they are
        told that there are too many.
    """
    wanted = 2 * connections + SPARE
    given = _raised(wanted)
    if given < wanted:
        _log.warn(
            "--max-connections={connections} may need {wanted} file descriptors, and this "
            "process may have {given}. When they are used up, web servers wait without an "
            "answer. Raise the hard limit (ulimit -Hn, or LimitNOFILE= of a systemd unit), "
            "or lower --max-connections to {fits}.",
            connections=connections,
            wanted=wanted,
            given=given,
            fits=max(1, (given - SPARE) // 2),
        )


def makeRoomForWorkers(workers: int) -> None:
    """
    Let this process have the descriptors that so many workers take in a master, and as many again
    while they are replaced; say so if that is too few.

    @param workers: How many there are.
    """
    wanted = 2 * workers * _PER_WORKER + SPARE
    given = _raised(wanted)
    if given < wanted:
        _log.warn(
            "The master of {workers} workers may need {wanted} file descriptors, and may "
            "have {given}: a reload may fail. Raise the hard limit (ulimit -Hn, or "
            "LimitNOFILE= of a systemd unit), or start fewer workers.",
            workers=workers,
            wanted=wanted,
            given=given,
        )


def checkRoom(descriptors: int) -> None:
    """
    See that there is room for so many descriptors more.

    @param descriptors: How many.

    @raise OSError: There is not.
    """
    with ExitStack() as taken:
        for _ in range(descriptors):
            taken.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def _raised(wanted: int) -> int:
    """
    Raise the limit of this process, as far as it may.

    @param wanted: How many descriptors it is to have.

    @return: How many it may have, if that is less; else what is wanted.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    given = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (given, hard))
    except (OSError, ValueError):
        given = soft
    return given
