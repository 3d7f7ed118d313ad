"""
What a failed request means on a command line: the errors themselves speak to programs.
"""

from __future__ import annotations

from errno import EACCES, EPERM
from typing import Final

from twisted.internet.error import ConnectError, ConnectionClosed

from ..errors import (
    BackendTimedOut,
    NoResponse,
    RequestFailed,
    RequestNotSent,
    RequestSentInPart,
    TxFCGIError,
)

_UNANSWERED: Final = (NoResponse, RequestNotSent, RequestSentInPart)

_CLOSED: Final = (
    "the back end closed the connection without an answer; its log says why. A server of txfcgi "
    "does so if its --allow-user, --allow-group or --allow-from does not name this user or address"
)
_FORBIDDEN: Final = (
    ": this user may not open the socket. Run the command as the web server's user, such as "
    "sudo -u www-data txfcgi ..."
)


def unanswered(error: Exception) -> bool:
    """
    Whether a back end that could be reached has said nothing at all: the time limit is over, or the
    connection is closed.
    """
    return isinstance(error, _UNANSWERED) and (
        isinstance(error.reason, ConnectionClosed)
        or (isinstance(error.reason, BackendTimedOut) and error.reason.timer != "connect")
    )


def explained(error: TxFCGIError) -> str:
    """
    The name and the message of an error, with what to do on a command line.
    """
    return f"{type(error).__name__}: {_message(error)}"


def _message(error: TxFCGIError) -> str:
    text = str(error)
    reason = error.reason if isinstance(error, RequestFailed) else error
    if isinstance(reason, BackendTimedOut):
        return text.replace(f"Timeouts({reason.timer}=...)", "--timeout (-t)")
    if isinstance(reason, ConnectionClosed) and unanswered(error):
        return _CLOSED
    if isinstance(reason, ConnectError) and reason.osError in (EACCES, EPERM):
        return text.rstrip(".") + _FORBIDDEN
    return text
