"""
Room for connections: each takes a file descriptor, of which a process may have so many.
"""

from __future__ import annotations

import resource

from twisted.logger import Logger

#: Descriptors for all but connections: listening sockets, logs, files of the app.
SPARE = 64

_log = Logger()


def makeRoom(connections: int) -> None:
    """
    Let this process have the descriptors that its connections may take, as far as it may decide so
    itself, and say so if that is too few.

    @param connections: How many connections there may be. As many again are open while they are
        told that there are too many.
    """
    wanted = 2 * connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    given = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (given, hard))
    except (OSError, ValueError):
        given = soft
    if given < wanted:
        _log.warn(
            "--max-connections={connections} may take {wanted} file descriptors, and this process "
            "may have {given}: beyond these, web servers wait without an answer. Raise the hard "
            "limit (ulimit -Hn, or LimitNOFILE= of a systemd unit), or lower --max-connections to "
            "{fits}.",
            connections=connections,
            wanted=wanted,
            given=given,
            fits=max(1, (given - SPARE) // 2),
        )
