"""
What an app receives: a L{Request} of one of the three roles.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.web.http_headers import Headers

from ..errors import BodyTooLarge, RemoteProtocolError, RequestAborted, StreamClosed
from ..streams import InputStream, OutputStream, Source
from ..transport.outlet import Outlet
from ..wire import fastcgiserver, scgiserver
from ..wire.cgi import headerOfParam, readContentLength
from ..wire.params import Params
from ..wire.records import Role, Stream
from .limits import Limits
from .output import CGIOutput

# What can be served. They have in common what this package uses of them.
ServerWire = fastcgiserver.ServerConnection | scgiserver.ServerConnection


class Channel(Source, Protocol):
    """
    What a request needs of the connection that brought it.
    """

    outlet: Outlet
    wire: ServerWire
    limits: Limits

    @property
    def peer(self) -> IAddress:
        """
        The web server's end.
        """

    @property
    def host(self) -> IAddress:
        """
        Our end, while the connection is open.
        """

    def requestFailed(self, request: Request, error: Exception) -> None:
        """
        The request can't go on, whatever its app does.
        """

    def breakOff(self, requestID: int) -> None:
        """
        End the request in the middle of its answer, which must not look complete.
        """

    def requestEnded(self, request: Request) -> None:
        """
        The request was answered.
        """


class Request:
    """
    A request to an app.

    @cvar role: What the web server asks the app to be.
    @ivar requestID: Its id on the connection, 1 to 65535.
    @ivar keepConnection: Whether the connection stays open after the answer.
    @ivar params: The variables that the web server sent.
    """

    __slots__ = (
        "_channel",
        "_ended",
        "_finished",
        "_headers",
        "_inputEnded",
        "_output",
        "_over",
        "_pending",
        "_started",
        "_stderr",
        "_stdin",
        "_touched",
        "keepConnection",
        "params",
        "requestID",
    )

    role: ClassVar[Role]
    # Whether a response may be sent at any time, and may have any status.
    _plain: ClassVar[bool] = False
    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        channel: Channel,
        requestID: int,
        keepConnection: bool,
        params: Params,
        started: float,
    ) -> None:
        self._channel = channel
        self.requestID = requestID
        self.keepConnection = keepConnection
        self.params = params
        self._started = started
        self._ended = False
        self._over: RequestAborted | bool = False
        self._touched = False  # whether there is anything of it that someone may still hold
        self._inputEnded = False
        self._pending: Deferred[None] | None = None
        self._finished: list[Deferred[None]] | None = None
        self._headers: Headers | None = None
        self._stdin: InputStream | None = None
        self._output: CGIOutput | None = None
        self._stderr: OutputStream | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.requestID} from {self._channel.peer}>"

    # What the web server said

    @property
    def peer(self) -> IAddress:
        """
        The web server's end of the connection.
        """
        return self._channel.peer

    @property
    def host(self) -> IAddress:
        """
        Our end of the connection, while it is open.
        """
        return self._channel.host

    @property
    def method(self) -> str:
        """
        REQUEST_METHOD, C{GET} if there is none.
        """
        return self.params.get("REQUEST_METHOD", "GET")

    @property
    def uri(self) -> str:
        """
        REQUEST_URI, as the browser sent it, not decoded. If there is none: SCRIPT_NAME, PATH_INFO
        and the query.
        """
        uri = self.params.get("REQUEST_URI")
        if uri is None:
            query = self.queryString
            uri = self.scriptName + self.pathInfo + ("?" + query if query else "")
        return uri

    @property
    def scriptName(self) -> str:
        """
        SCRIPT_NAME as it came: the part of the path that led to the app, decoded.
        """
        return self.params.get("SCRIPT_NAME", "")

    @property
    def pathInfo(self) -> str:
        """
        PATH_INFO as it came: the part of the path behind the app's, decoded.
        """
        return self.params.get("PATH_INFO", "")

    @property
    def queryString(self) -> str:
        """
        QUERY_STRING as it came, not decoded.
        """
        return self.params.get("QUERY_STRING", "")

    @property
    def headers(self) -> Headers:
        """
        The request's HTTP headers: HTTP_*, CONTENT_TYPE and CONTENT_LENGTH. HTTP_PROXY is left
        out, and so are HTTP_CONTENT_TYPE and HTTP_CONTENT_LENGTH; they stay in L{params}.
        """
        if self._headers is None:
            headers = Headers()
            for name, value in self.params.raw:
                header = headerOfParam(name)
                if header is not None and (value or name.startswith(b"HTTP_")):
                    headers.addRawHeader(header, value)
            self._headers = headers
        return self._headers

    @property
    def clientAddress(self) -> IPv4Address | IPv6Address | None:
        """
        The browser's address, from REMOTE_ADDR and REMOTE_PORT (0 if it is not there); L{None} if
        there is no IP address.
        """
        address = self.params.get("REMOTE_ADDR", "")
        port = self.params.get("REMOTE_PORT", "")
        number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
        if ":" in address:
            return IPv6Address("TCP", address, number)
        return IPv4Address("TCP", address, number) if address else None

    @property
    def stdin(self) -> InputStream:
        """
        The body of the request. Its length is CONTENT_LENGTH, and unknown where that is absent
        or empty: it then ends where the web server says. An Authorizer's is empty.
        """
        if self._stdin is None:
            self._touched = True
            self._stdin = self._inputStream("CONTENT_LENGTH")
            if self._inputEnded:
                self._stdin.finish()
        return self._stdin

    # Output

    @property
    def stdout(self) -> OutputStream:
        """
        For an app that writes CGI output by itself, the response head first.
        """
        return self._cgiOutput().stream

    @property
    def stderr(self) -> OutputStream:
        """
        What goes to the web server's error log; over SCGI, to our own.
        """
        if self._stderr is None:
            self._touched = True
            self._stderr = OutputStream(
                self._channel.outlet, self._writeError, self._fail, self._channel.limits.outputBytes
            )
            if self._ended:
                self._stderr.fail(self._closedBy())
        return self._stderr

    def notifyFinish(self) -> Deferred[None]:
        """
        Learn when the request is over.

        @return: Fires with L{None} when the response is handed over; fails with
            L{RequestAborted<txfcgi.errors.RequestAborted>} when the web server aborts the request
            or goes away.
        """
        if self._over is not False:
            return succeed(None) if self._over is True else fail(self._over)
        if self._finished is None:
            self._touched = True
            self._finished = []
        finished: Deferred[None] = Deferred(self._finished.remove)
        self._finished.append(finished)
        return finished

    # For the connection and the application. None of it runs the app's code, but _flush.

    def _cgiOutput(self) -> CGIOutput:
        if self._output is None:
            self._touched = True
            self._output = CGIOutput(self, self._channel)
            if self._ended:
                self._output.stream.fail(self._closedBy())
        return self._output

    def _mayWrite(self) -> bool:
        """
        Whether the protocol allows output now.
        """
        return True

    def _isHead(self) -> bool:
        params = self.params
        return params.mayHold(b"REQUEST_METHODHEAD") and params.find(b"REQUEST_METHOD") == b"HEAD"

    def _writeError(self, data: bytes | memoryview) -> None:
        channel = self._channel
        if channel.wire.hasStderr:
            channel.outlet.writeSequence(channel.wire.send(self.requestID, Stream.STDERR, data))
        else:
            self.log.error("{request}: {text!r}", request=self, text=bytes(data))

    def _fail(self, error: Exception) -> None:
        self._channel.requestFailed(self, error)

    def _finish(self, error: RequestAborted | None) -> None:
        """
        The request is over: close what the app may still hold, and tell those who wait.
        """
        self._ended = True
        self._over = error or True
        if not self._touched:
            return
        over = self._closedBy()
        if self._output is not None:
            self._output.stream.fail(over)
        if self._stderr is not None:
            self._stderr.fail(over)
        for stream in self._streams():
            stream.close(over)
        finished, self._finished = self._finished, None
        for waiter in finished or ():
            if error is None:
                waiter.callback(None)
            else:
                waiter.errback(error)

    def _closedBy(self) -> RequestAborted | StreamClosed:
        """
        Why nothing can be read or written any more.
        """
        over = self._over
        return over if isinstance(over, RequestAborted) else StreamClosed("the request is over")

    def _streams(self) -> list[InputStream]:
        return [] if self._stdin is None else [self._stdin]

    def _receive(self, stream: Stream, data: bytes) -> None:
        """
        Input arrived. An app that has no such stream does not see it.
        """

    def _complete(self, stream: Stream) -> bool:
        """
        A stream of input is complete.

        @return: Whether anyone has taken hold of it.
        """
        self._inputEnded = True
        return False

    def _flush(self) -> None:
        """
        Let the app go on with the input that arrived.
        """
        for stream in self._streams():
            stream.flush()
            if isinstance(stream.error, BodyTooLarge) and not self._ended:
                self._fail(stream.error)

    def _inputStream(self, lengthParam: str) -> InputStream:
        limits = self._channel.limits
        error: Exception | None = None
        length: int | None = None
        try:
            length = readContentLength(self.params.getBytes(lengthParam), lengthParam)
        except RemoteProtocolError as mistake:
            error = mistake
        stream = InputStream(
            self._channel,
            length,
            streamBytes=limits.streamBytes,
            collectBytes=limits.collectBytes,
            limit=limits.bodyBytes,
        )
        if error is not None:
            stream.fail(error)
        if self._ended:
            stream.close(self._closedBy())
        return stream


class ResponderRequest(Request):
    """
    A request for a response: what a CGI program gets (FastCGI 1.0, section 6.2).
    """

    __slots__ = ()

    role = Role.RESPONDER
    _plain = True

    def _receive(self, stream: Stream, data: bytes) -> None:
        (self._stdin or self.stdin).receive(data)

    def _complete(self, stream: Stream) -> bool:
        self._inputEnded = True
        if self._stdin is None:
            return False
        self._stdin.finish()
        return True


class AuthorizerRequest(Request):
    """
    A question whether a request may go on (section 6.3). It has no body.
    """

    __slots__ = ()

    role = Role.AUTHORIZER

    @property
    def stdin(self) -> InputStream:
        """
        Nothing: whatever the params say of a body, it is not sent to an Authorizer.
        """
        if self._stdin is None:
            self._touched = True
            self._stdin = InputStream(self._channel, 0)
        return self._stdin


class FilterRequest(ResponderRequest):
    """
    A request to send a file on, changed (section 6.4): a Responder's request, and the file.

    The app may write only when C{stdin} is complete.
    """

    __slots__ = ("_data", "_dataEnded")

    role = Role.FILTER
    _plain = False

    def __init__(
        self,
        channel: Channel,
        requestID: int,
        keepConnection: bool,
        params: Params,
        started: float,
    ) -> None:
        super().__init__(channel, requestID, keepConnection, params, started)
        self._data: InputStream | None = None
        self._dataEnded = False

    @property
    def data(self) -> InputStream:
        """
        The file. Its length is FCGI_DATA_LENGTH.
        """
        if self._data is None:
            self._touched = True
            self._data = self._inputStream("FCGI_DATA_LENGTH")
            if self._dataEnded:
                self._data.finish()
        return self._data

    @property
    def dataLength(self) -> int | None:
        """
        FCGI_DATA_LENGTH: the length of the file in bytes, L{None} if it is not said.

        @raise MalformedValue: If it is no number.
        """
        return self._number("FCGI_DATA_LENGTH")

    @property
    def dataLastModified(self) -> int | None:
        """
        FCGI_DATA_LAST_MOD: when the file was changed, in seconds since 1970 (UTC); L{None} if it
        is not said.

        @raise MalformedValue: If it is no number.
        """
        return self._number("FCGI_DATA_LAST_MOD")

    def _mayWrite(self) -> bool:
        return self._inputEnded or self.stdin.complete

    def _number(self, name: str) -> int | None:
        return readContentLength(self.params.getBytes(name), name)

    def _streams(self) -> list[InputStream]:
        return [stream for stream in (self._stdin, self._data) if stream is not None]

    def _receive(self, stream: Stream, data: bytes) -> None:
        (self.stdin if stream is Stream.STDIN else self.data).receive(data)

    def _complete(self, stream: Stream) -> bool:
        if stream is Stream.STDIN:
            return super()._complete(stream)
        self._dataEnded = True
        if self._data is None:
            return False
        self._data.finish()
        return True


# By their number on the wire.
REQUESTS: tuple[type[Request], ...] = (
    Request,
    ResponderRequest,
    AuthorizerRequest,
    FilterRequest,
)
