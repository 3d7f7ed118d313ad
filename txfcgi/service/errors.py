"""
What keeps a server from starting. Each message is written for the person who reads the terminal.
"""

from __future__ import annotations

from ..errors import CannotServe


class CannotLoad(CannotServe):
    """
    The name of an app leads to nothing that can be called.
    """


class BadEndpoint(CannotServe, ValueError):
    """
    The description of an endpoint can't be understood.
    """


class CannotListen(CannotServe):
    """
    There is no socket to listen on: it is taken, it may not be had, or it would be open to too
    many.
    """


class CannotStart(SystemExit, CannotServe):
    """
    Ends the process with status 1 and this message, without a traceback.

    It is an L{Exception} too, so that C{twistd} does what it does when a start fails: it removes
    its pid file, and a daemon tells its parent.
    """


class NoLoop(CannotServe):
    """
    There is no asyncio loop for what runs in one, and none can be had.
    """
