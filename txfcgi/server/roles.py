"""
The three roles of a request (FastCGI 1.0, section 6), and what each has of its own.
"""

from __future__ import annotations

from ..errors import MalformedValue, TxFCGIError
from ..streams import InputStream
from ..wire.params import Params
from ..wire.records import Role, Stream
from .channel import Channel
from .request import Request


class ResponderRequest(Request):
    """
    A request for a response: what a CGI program gets (FastCGI 1.0, section 6.2).
    """

    __slots__ = ()

    role = Role.RESPONDER

    def findMistake(self) -> TxFCGIError | None:
        """
        Look for what is wrong where the app did not. Where a body is still to come that nobody
        looked at, its length belongs to that.
        """
        mistake = super().findMistake()
        if mistake is None and self._stdin is None and not self._inputEnded:
            try:
                self.number("CONTENT_LENGTH")
            except MalformedValue as error:
                return error.with_traceback(None)
        return mistake

    def receive(self, stream: Stream, data: bytes) -> None:
        """
        Take input.
        """
        (self._stdin or self.stdin).receive(data)

    def endInput(self, stream: Stream) -> bool:
        """
        A stream of input is complete.
        """
        self._inputEnded = True
        if self._stdin is None:
            return False
        self._stdin.finish()
        return True


class AuthorizerRequest(Request):
    """
    A request to decide whether a browser's request is allowed (FastCGI 1.0, section 6.3). It has
    no body.
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
            self._stdin = InputStream(self.channel, 0)
        return self._stdin


class FilterRequest(ResponderRequest):
    """
    A request to change a file on its way to the browser (FastCGI 1.0, section 6.4): it is a
    Responder's request, and has the file as well.

    The app may write only when C{stdin} is complete.
    """

    __slots__ = ("_data", "_dataEnded")

    role = Role.FILTER

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
            self._data = self.openInput("FCGI_DATA_LENGTH")
            if self._dataEnded:
                self._data.finish()
        return self._data

    @property
    def dataLength(self) -> int | None:
        """
        FCGI_DATA_LENGTH: the length of the file in bytes, L{None} if it was not sent.

        @raise MalformedValue: If it is not a number.
        """
        return self.number("FCGI_DATA_LENGTH")

    @property
    def dataLastModified(self) -> int | None:
        """
        FCGI_DATA_LAST_MOD: when the file was changed, in seconds since 1970 (UTC); L{None} if it
        was not sent.

        @raise MalformedValue: If it is not a number.
        """
        return self.number("FCGI_DATA_LAST_MOD")

    def mayWrite(self) -> bool:
        """
        Whether all of stdin is there.
        """
        return self._inputEnded or self.stdin.complete

    def opened(self, stream: Stream) -> InputStream | None:
        """
        A stream of input, if anyone has taken hold of it.
        """
        return self._data if stream is Stream.DATA else super().opened(stream)

    def inputStreams(self) -> list[InputStream]:
        """
        All streams of input that anyone has taken hold of.
        """
        return [stream for stream in (self._stdin, self._data) if stream is not None]

    def receive(self, stream: Stream, data: bytes) -> None:
        """
        Take input.
        """
        (self.stdin if stream is Stream.STDIN else self.data).receive(data)

    def endInput(self, stream: Stream) -> bool:
        """
        A stream of input is complete.
        """
        if stream is Stream.STDIN:
            return super().endInput(stream)
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
