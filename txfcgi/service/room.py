"""
File descriptors for connections and workers: each needs some, and a process has a limit.
"""

from __future__ import annotations

import os
import resource
from contextlib import ExitStack

from twisted.logger import Logger

#: Descriptors for everything but connections: listening sockets, logs, files of the app.
SPARE = 64

# The descriptors of a master for a worker: the link, its standard output and its standard error.
_PER_WORKER = 3

_log = Logger()


def makeRoom(connections: int) -> None:
    """
    Raise this process's limit of descriptors for its connections, as far as it may, and log a
    warning if that is too few.

    @param connections: The most connections. As many again may be open while they are refused.
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
    Raise this process's limit of descriptors for a master of so many workers, and as many again
    while they are replaced. Log a warning if that is too few.

    @param workers: The number of workers.
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
    Check that this process may open more descriptors.

    @param descriptors: How many.

    @raise OSError: It may not.
    """
    with ExitStack() as taken:
        for _ in range(descriptors):
            taken.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def _raised(wanted: int) -> int:
    """
    Raise the limit of this process, as far as it may.

    @param wanted: The wanted number of descriptors.

    @return: The wanted number, or the limit if that is lower.
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
