"""
The log and the pid file of C{twistd}, before it opens them: one that can't be written would be told
by a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..errors import CannotServe

#: The permissions of a log that is made: it is for its owner, and a group of administrators.
LOG_MODE = 0o640


def prepareFiles(options: Mapping[str, Any]) -> None:
    """
    Make the log that C{twistd} is going to write, and see that it can write its pid file. A log
    that is there already keeps its permissions, and C{twistd} gives them to those that it begins
    after it.

    @param options: Those of C{twistd}, or of another program that has no such files.

    @raise CannotServe: One of them can't be written.
    """
    if "nodaemon" not in options:
        return
    log = options["logfile"] or (None if options["nodaemon"] else "twistd.log")
    if log and log != "-" and not options["syslog"] and not options["logger"]:
        try:
            os.close(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, LOG_MODE))
        except OSError as error:
            raise CannotServe(
                f"the log {log} can't be written: {error.strerror}. Another one is chosen by "
                "--logfile, which goes before the command"
            ) from error
    pidFile = options["pidfile"]
    if pidFile and options["chroot"] is None:
        path = os.path.join(options["rundir"], pidFile)
        there = path if os.path.exists(path) else os.path.dirname(path) or "."
        if not os.access(there, os.W_OK):
            reason = "Permission denied" if os.path.exists(there) else "there is no such directory"
            raise CannotServe(
                f"the pid file {path} can't be written: {reason}. Another one is chosen by "
                "--pidfile, which goes before the command; --pidfile= goes without"
            )
