"""
Checks the log and the pid file of C{twistd} before it opens them, as it would report an unwritable
file with a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..errors import CannotServe
from .logs import openLog


def logOf(options: Mapping[str, Any]) -> str | None:
    """
    @param options: The options of C{twistd}, or of another program without such a file.

    @return: The path of the log of C{twistd}, if there is one.
    """
    if "nodaemon" not in options or options["syslog"] or options["logger"]:
        return None
    log: str | None = options["logfile"] or (None if options["nodaemon"] else "twistd.log")
    return None if log == "-" else log


def checkFiles(options: Mapping[str, Any]) -> str | None:
    """
    Check that C{twistd} can write its log and its pid file.

    @param options: The options of C{twistd}, or of another program without such files.

    @return: The path of the log, if there is one.

    @raise CannotServe: One of them can't be written.
    """
    if "nodaemon" not in options:
        return None
    log = logOf(options)
    if log:
        try:
            openLog(log).close()
        except OSError as error:
            raise CannotServe(
                f"the log {log} can't be written: {error.strerror}. Choose another one with "
                "--logfile, before the command"
            ) from error
    pidFile = options["pidfile"]
    if pidFile and options["chroot"] is None:
        path = os.path.join(options["rundir"], pidFile)
        there = path if os.path.exists(path) else os.path.dirname(path) or "."
        if not os.access(there, os.W_OK):
            reason = (
                "Permission denied" if os.path.exists(there) else "the directory does not exist"
            )
            raise CannotServe(
                f"the pid file {path} can't be written: {reason}. Choose another one with "
                "--pidfile, before the command, or do without: --pidfile="
            )
    return log
