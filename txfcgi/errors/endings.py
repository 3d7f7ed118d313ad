"""
How a request ends other than by its answer: it is aborted, or the application takes none.
"""

from __future__ import annotations

from .base import TxFCGIError


class RequestAborted(TxFCGIError):
    """
    The request is over before it was answered: the web server aborted it, the connection was
    lost, or this end gave it up. The message says which.
    """


class ConnectionClosed(RequestAborted):
    """
    The connection that carried the request is gone.
    """


class Overloaded(TxFCGIError):
    """
    No request is taken now (FCGI_OVERLOADED, section 5.5). An app raises it; a browser sees 503.

    @ivar retryAfter: Seconds after which the client may try again, or L{None} to not say.
    """

    code = 503

    def __init__(self, message: str = "overloaded", retryAfter: int | None = 1) -> None:
        super().__init__(message)
        self.retryAfter = retryAfter


class UnknownRole(TxFCGIError):
    """
    The application does not serve this role (FCGI_UNKNOWN_ROLE, section 5.5).
    """


class CantMultiplex(TxFCGIError):
    """
    The application serves one request at a time on a connection (FCGI_CANT_MPX_CONN, section
    5.5).
    """
