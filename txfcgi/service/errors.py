"""
Errors that keep a server from starting. Each message is written for the person at the terminal.
"""

from __future__ import annotations

from twisted.internet.error import CannotListenError

from ..errors import CannotServe


class CannotLoad(CannotServe):
    """
    The name of an app does not lead to a callable object.
    """


class BadEndpoint(CannotServe, ValueError):
    """
    The description of an endpoint is invalid.
    """


class CannotListen(CannotServe):
    """
    The server can't listen: the address is in use or not permitted, or it would be open to too many
    peers.
    """


class AddressInUse(CannotListen):
    """
    The address is in use. A running server does not keep C{--check} from accepting the command line
    of its successor.
    """


class CannotStart(SystemExit, CannotServe):
    """
    Ends the process with status 1 and this message, without a traceback.

    It is also an L{Exception}, so that C{twistd} handles a failed start as usual: it removes its
    pid file, and a daemon tells its parent.
    """


class NoLoop(CannotServe):
    """
    An app needs an asyncio loop, and the reactor has none.
    """


def explainListenFailure(error: Exception) -> str:
    """
    Say why an endpoint does not listen.

    @param error: The exception.

    @return: One line.
    """
    if isinstance(error, CannotListen):
        return str(error)
    cause = error.socketError if isinstance(error, CannotListenError) else error
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return f"can't listen there: {reason}"
