"""
The errors of a caller: L{RequestFailed}, which says how far a request came, and the reasons why it
stopped.
"""

from __future__ import annotations

from .local import (
    CantMultiplex,
    LimitExceeded,
    Overloaded,
    TimedOut,
    TxFCGIError,
    UnknownRole,
)


class RequestFailed(TxFCGIError):
    """
    A request got no response, or not all of it. Each subclass is a phase.

    @ivar reason: Why: an error of L{txfcgi.errors}, or one of L{twisted.internet.error}.
    @ivar stale: Whether the connection was kept from an earlier request, and was lost before any
        of the response came: the usual end of a connection that nobody used for a while.
    @ivar appStatus: The application's exit status, if it was received.
    @ivar protocolStatus: The protocol's status, if it was received.
    @ivar stderr: The bytes on the application's stderr, up to C{stderrBytes} of the options.
    """

    def __init__(
        self,
        reason: Exception | str,
        *,
        stale: bool = False,
        appStatus: int | None = None,
        protocolStatus: int | None = None,
        stderr: bytes = b"",
        where: str = "",
    ) -> None:
        """
        @param where: The endpoint of the back end, which begins the message.
        """
        self.reason = reason if isinstance(reason, Exception) else TxFCGIError(reason)
        self.stale = stale
        message = str(self.reason) or type(self.reason).__name__
        if stale and self.mayHaveRun:
            message = message.rstrip(".") + (
                ": a connection that was kept from an earlier request closed under this one. The "
                "back end may have run it, so it was not sent again; see RetryPolicy"
            )
        super().__init__(f"{where}: {message}" if where else message)
        self.appStatus = appStatus
        self.protocolStatus = protocolStatus
        self.stderr = stderr

    @property
    def mayHaveRun(self) -> bool:
        """
        Whether the back end may have acted on the request, as far as the client knows.
        """
        return True

    @property
    def code(self) -> int:
        """
        The HTTP status that a browser gets: 504 after a timeout; 503 if the back end or the pool
        has no room; otherwise 502.
        """
        if isinstance(self.reason, BackendTimedOut):
            return 504
        return 503 if isinstance(self.reason, (Overloaded, PoolFull)) else 502

    @property
    def timedOut(self) -> bool:
        """
        Whether the reason is a timeout.
        """
        return isinstance(self.reason, BackendTimedOut)


class RequestNotSent(RequestFailed):
    """
    No byte of the request was sent: it can safely be made again.
    """

    @property
    def mayHaveRun(self) -> bool:
        """
        L{False}: the back end has seen nothing of it.
        """
        return False


class RequestSentInPart(RequestFailed):
    """
    Part of the request was sent, and nothing of a response was received.
    """


class NoResponse(RequestFailed):
    """
    The whole request was sent, and nothing of a response was received.
    """


class ResponseCutOff(RequestFailed):
    """
    Part of the response was received, and the rest was not.
    """


class BadResponse(RequestFailed):
    """
    The back end broke a rule of the protocol, so its response can't be relied on; C{reason} names
    the rule.
    """


class RequestRefused(RequestFailed):
    """
    The application ended the request without running it; C{reason} is L{Overloaded},
    L{UnknownRole} or L{CantMultiplex}.
    """

    @property
    def mayHaveRun(self) -> bool:
        """
        L{False} if the reason is one of those in section 5.5.
        """
        return not isinstance(self.reason, (Overloaded, UnknownRole, CantMultiplex))


class BackendTimedOut(TimedOut):
    """
    A back end took longer than one of the client's timeouts allows.

    @ivar timer: The name of the timeout in L{Timeouts<txfcgi.client.options.Timeouts>}.
    @ivar seconds: How long it is.
    """

    def __init__(self, timer: str, seconds: float, cause: str = "") -> None:
        """
        @param cause: Why, as far as that is known.
        """
        message = (
            f"the {timer} timeout of {seconds:g} seconds is over; Timeouts({timer}=...) sets it"
        )
        super().__init__(f"{message}: {cause}" if cause else message, 504)
        self.timer = timer
        self.seconds = seconds

    def during(self, cause: str) -> BackendTimedOut:
        """
        The same error, with a cause.
        """
        return BackendTimedOut(self.timer, self.seconds, cause)


class PoolFull(LimitExceeded):
    """
    All connections are busy, and C{maxWaiting} requests wait for one already.
    """

    code = 503


class ClientClosed(TxFCGIError):
    """
    The client was closed.
    """
