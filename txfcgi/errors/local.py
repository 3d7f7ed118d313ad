"""
The root of the tree, and the errors that this program decides on: its own mistakes
(L{LocalProtocolError}), limits that were reached (L{LimitExceeded}), and requests that end without
a response.
"""

from __future__ import annotations


class TxFCGIError(Exception):
    """
    The base class of all exceptions of txfcgi.
    """


class LocalProtocolError(TxFCGIError):
    """
    The program used a connection, a stream or a response in a way that the protocol does not
    allow. The peer did nothing wrong, and has seen nothing of it.
    """


class InvalidHeader(LocalProtocolError):
    """
    A response header whose name is not a token, or whose value has a control character in it.
    """


class InvalidResponse(LocalProtocolError):
    """
    What an app returned or wrote is not a response: an unknown type of result, text where bytes
    belong, a status code out of range, a head that can't be read.
    """


class ContentLengthMismatch(InvalidResponse):
    """
    A response body that is longer or shorter than the Content-Length that went before it.
    """


class DeferredInAsyncio(LocalProtocolError):
    """
    A Deferred was given to a function of asyncio that takes futures only; see
    L{asFuture<txfcgi.asFuture>}.
    """


class StreamClosed(LocalProtocolError):
    """
    Something was written to, or read from, a stream that has ended.
    """


class AlreadyReading(LocalProtocolError):
    """
    A stream was read while an earlier read is waiting: it has one reader at a time.
    """


class ParamTooLarge(LocalProtocolError):
    """
    A param that is too long for a record.
    """


class InvalidRequest(LocalProtocolError):
    """
    The arguments of a call do not make a request: data for a role that takes none, or a body of
    the wrong type.
    """


class InvalidEndpoint(LocalProtocolError, ValueError):
    """
    The description of an endpoint can't be understood, or needs a package that is not installed.
    """


class InvalidParam(InvalidRequest):
    """
    A param that is neither text nor bytes, or whose name can't be that of a variable.
    """


class InvalidPath(InvalidRequest):
    """
    A path that must not become the name of a script: it has control characters, or leads out of its
    root.
    """


class LengthRequired(InvalidRequest):
    """
    A request body of unknown length, which the options refuse.
    """


class RequestBodyMismatch(InvalidRequest):
    """
    A request body that is longer or shorter than its declared length.
    """


class LimitExceeded(TxFCGIError):
    """
    One of the limits was reached; the message names it.

    @cvar code: The HTTP status that the request gets if it can still be answered.
    @ivar limit: The name of the limit in L{Limits<txfcgi.server.limits.Limits>}.
    """

    code: int = 400
    limit: str | None = None

    def __init__(self, message: str = "", limit: str | None = None) -> None:
        super().__init__(message)
        if limit is not None:
            self.limit = limit


class ParamsTooLarge(LimitExceeded):
    """
    The params have more bytes, or more pairs, than is allowed.
    """

    code = 431
    limit = "paramsBytes"


class BodyTooLarge(LimitExceeded):
    """
    The request's body is longer than the server accepts.
    """

    code = 413
    limit = "bodyBytes"


class ReadTooLarge(LimitExceeded):
    """
    A read that collects (C{read()}, C{readline()}) found more bytes than it may collect.
    """

    code = 413
    limit = "collectBytes"


class HeadTooLarge(LimitExceeded):
    """
    A response head is longer than is allowed.
    """

    code = 502
    limit = "headBytes"


class OutputTooLarge(LimitExceeded):
    """
    More output waits for the peer than is allowed: the writer did not wait for it.
    """

    code = 500
    limit = "outputBytes"


class BufferTooLarge(LimitExceeded):
    """
    More input of one connection waits for its apps than is allowed.
    """

    code = 503
    limit = "connectionBytes"


class TimedOut(LimitExceeded):
    """
    Something took longer than its timer allows; the message says what.
    """

    code = 408

    def __init__(self, message: str = "", code: int = 408, limit: str | None = None) -> None:
        super().__init__(message, limit)
        self.code = code


class RequestAborted(TxFCGIError):
    """
    The request ended without a complete response: the web server aborted it, the connection was
    lost, or this program gave it up. The message says which.
    """


class Disconnected(RequestAborted, OSError):
    """
    An ASGI application sent something after the browser had gone (ASGI, HTTP 2.4).
    """


class ConnectionClosed(RequestAborted):
    """
    The connection of the request was closed or lost.
    """


class ServerStopped(ConnectionClosed):
    """
    The server stopped before the response was complete, and closed the connection.

    @cvar code: The status that logs and counters have for such a request, if nothing of its
        response was sent.
    """

    code = 503


class Overloaded(TxFCGIError):
    """
    The server accepts no request now (FCGI_OVERLOADED, section 5.5). An app may raise it; a browser
    gets a 503.

    @ivar retryAfter: Seconds after which the client may try again, or L{None} to leave that out.
    @ivar limit: The name of the limit that was reached in
        L{Limits<txfcgi.server.limits.Limits>}, or L{None}.
    @raise InvalidResponse: If C{retryAfter} is neither whole seconds nor L{None}.
    """

    code = 503

    def __init__(
        self,
        message: str = "overloaded",
        retryAfter: int | None = 1,
        *,
        limit: str | None = None,
    ) -> None:
        super().__init__(message)
        if retryAfter is not None and (type(retryAfter) is not int or retryAfter < 0):
            raise InvalidResponse(
                "retryAfter is a number of whole seconds, such as 5, or None, not "
                f"{retryAfter!r:.80}"
            )
        self.retryAfter = retryAfter
        self.limit = limit


class UnknownRole(TxFCGIError):
    """
    The application does not serve this role (FCGI_UNKNOWN_ROLE, section 5.5).
    """


class CantMultiplex(TxFCGIError):
    """
    The application serves one request at a time on a connection (FCGI_CANT_MPX_CONN, section
    5.5). An app may raise it.
    """


class CannotServe(TxFCGIError):
    """
    The server can't be started with these options.
    """


class StartupFailed(CannotServe):
    """
    The startup of an app failed. The message is that of the app.
    """


class BackEndFailed(CannotServe):
    """
    A back end that this program started is not installed, did not listen, or ended by itself.

    @ivar output: The last output of the back end.
    """

    def __init__(self, message: str, output: bytes = b"") -> None:
        words = output.decode("utf-8", "backslashreplace").strip()[-2000:]
        super().__init__(f"{message}; it wrote: {words!r}" if words else message)
        self.output = output


class NotAnApp(CannotServe, TypeError):
    """
    The object to serve is not an app: it can't be called with a request.
    """
