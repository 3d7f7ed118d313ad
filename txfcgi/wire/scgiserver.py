"""
The SCGI rules (protocol.txt of 2008-06-23): bytes to events at an application
(L{ServerConnection}), and the bytes that answer them. The other end is in
L{txfcgi.wire.scgiclient}.

SCGI is the one-request case of FastCGI's events: one request on each connection, always number 1,
always for a Responder; the end of the answer is the end of the connection.
"""

from __future__ import annotations

from enum import IntEnum
from http import HTTPStatus
from typing import Final

from ..errors import (
    BodyTooShort,
    IncompleteHeaders,
    LocalProtocolError,
    MalformedLength,
    MalformedParams,
    MissingComma,
    NotSCGI,
    ParamsTooLarge,
    RemoteProtocolError,
    TxFCGIError,
)
from . import events
from .cgi import parseHead
from .events import Connection, DataReceived, Event, RequestReceived, StreamEnded
from .firstbytes import mistakenFor
from .framing import Buffer
from .params import SCGIParams
from .records import Role, Stream

#: The id of the one request that a connection carries.
REQUEST_ID: Final = 1

_ZERO, _COMMA = b"0,"
# A netstring that takes more has at least 10 GB.
_MOST_DIGITS: Final = 10
_BODILESS: Final = (b"GET", b"HEAD")
_RESPONDER: Final = Role.RESPONDER
_REASONS: Final = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
_INPUT_END: Final = StreamEnded(REQUEST_ID, Stream.STDIN)


class State(IntEnum):
    """
    What an application's end waits for.
    """

    HEADERS = 0
    BODY = 1
    COMPLETE = 2  # all of the input has arrived; whatever follows is dropped
    REFUSED = 3  # as much, but it may not be all of the input


_BODY: Final = State.BODY
_HEADERS: Final = State.HEADERS
_COMPLETE: Final = State.COMPLETE


class ServerConnection(Connection):
    """
    An application's end of a connection.

    Answer the request that was reported with L{respond}, or with any number of L{send} and one
    L{end}. Close when L{closing} is true, and also after the event C{ConnectionFailed}: C{failed}
    is then the error, whatever L{closing} is.

    @ivar inputOpen: Whether some input is for nobody, and more of it may come: the request was
        answered before all of it was there, or something is behind its end.
    @ivar bodiless: Whether the request is one that has no body, by its length and its method.
        Behind any other, more may come than its CONTENT_LENGTH: an nginx that passes an upload on
        as it comes tells what it has so far (before its commit ec714d52b), and sends all of it.
    @ivar active: How many requests were reported and have not been ended by us: none, or one.
    """

    __slots__ = (
        "_closing",
        "_held",
        "_lenient",
        "_needed",
        "_paramsBytes",
        "_paramsCount",
        "_remaining",
        "_started",
        "_state",
        "_statusLine",
        "active",
        "bodiless",
        "inputOpen",
    )

    hasStderr: Final = False
    #: Whether long reads are better given to C{receive} as views of a buffer: all of them is kept.
    takesViews: Final = False
    #: Whether the end of a request can tell more than what its output says.
    hasStatus: Final = False
    #: The answers that the protocol itself gives.
    replies: Final = b""

    def __init__(
        self,
        *,
        paramsBytes: int = 262_144,
        paramsCount: int = 1_000,
        lenient: bool = False,
        statusLine: bool = False,
    ) -> None:
        """
        @param paramsBytes: Most bytes of headers.
        @param paramsCount: Most headers.
        @param lenient: Whether to take requests that leave the header SCGI out, and those with an
            HTTP header that is there several times.
        @param statusLine: Whether an answer starts with an HTTP status line (as that of a CGI
            program without parsed headers) in place of a Status header.
        """
        self._paramsBytes = paramsBytes
        self._paramsCount = paramsCount
        self._lenient = lenient
        self._statusLine = statusLine
        self._state = _HEADERS
        self._held: bytearray | None = None  # headers that have come in part
        self._needed = 0  # bytes up to the comma, that included, once it is known
        self._remaining = 0  # bytes of the body still to come
        self._error = None
        self._closing = False
        self._started = False  # whether any output has gone out
        self.active = 0
        self.bodiless = False
        self.inputOpen = False

    @property
    def closing(self) -> bool:
        """
        Whether the connection has to be closed now: the request was answered, or L{close} was
        called and none has begun.
        """
        return self._closing and not self.active and self._held is None

    @property
    def awaited(self) -> object:
        """
        L{True} if a request has begun whose headers are not complete, else L{None}.
        """
        return True if self._held is not None else None

    @property
    def inputOver(self) -> bool:
        """
        Whether the peer has nothing more to send, so that the connection can be closed at once.
        """
        return self.bodiless and not self.inputOpen

    def close(self) -> None:
        """
        Let the connection end with the request that has begun, if one has.
        """
        self._closing = True

    def isActive(self, requestID: int) -> bool:
        """
        Whether the request has begun and was not ended by us.
        """
        return self.active == 1

    def receivesInput(self, requestID: int) -> bool:
        """
        Whether more input is to come for the request.
        """
        return self._state is _BODY

    def takeReplies(self) -> bytes:
        """
        Take what waits in L{replies}: SCGI has no replies of its own.
        """
        return self.replies

    # Output

    def mayOutput(self, requestID: int) -> bool:
        """
        Whether the answer may be sent: always, for a request is reported when its headers are
        complete.
        """
        return True

    def respond(self, requestID: int, head: bytes, body: bytes, appStatus: int = 0) -> bytes:
        """
        A whole response.

        @param head: The response head, its blank line included.
        @param appStatus: Not sent: SCGI has no statuses.
        """
        if self._statusLine and not self._started:
            head = _withStatusLine(head)
        self._finish(requestID)
        return head + body

    def send(self, requestID: int, stream: Stream, data: Buffer) -> list[Buffer]:
        """
        A piece of output. The first one has the whole response head.

        @return: What to write, in this order. The bytes of C{data} are not copied.
        """
        if not self.active or requestID != REQUEST_ID:
            raise LocalProtocolError(f"request {requestID} is not active")
        if stream is not Stream.STDOUT:
            raise LocalProtocolError(f"an SCGI application does not send {stream.name}")
        if not data:
            return []
        if self._statusLine and not self._started:
            data = _withStatusLine(bytes(data))
            # The head of an interim response is followed by another one.
            self._started = not data.startswith(b"HTTP/1.1 1")
        return [data]

    def end(self, requestID: int, appStatus: int = 0, protocolStatus: int = 0) -> bytes:
        """
        The end of the output: the end of the connection, and no bytes.

        @param appStatus: Not sent: SCGI has no statuses.
        @param protocolStatus: Not sent.
        """
        self._finish(requestID)
        return b""

    def breakOff(self, requestID: int) -> bytes:
        """
        Break the request off in the middle of its response, which must not look complete.

        @return: No bytes: only cutting the connection can tell that.
        """
        self._finish(requestID)
        return b""

    def forget(self, requestID: int) -> None:
        """
        End the request without telling the peer, which has gone.
        """
        self._finish(requestID)

    def _finish(self, requestID: int) -> None:
        if not self.active or requestID != REQUEST_ID:
            raise LocalProtocolError(f"request {requestID} is not active")
        self.active = 0
        self._closing = True
        if self._state is not _COMPLETE:
            self._state = State.REFUSED
            self.inputOpen = True

    # Input

    def receive(self, data: Buffer) -> list[Event]:
        """
        Take the bytes that the transport has read.

        @return: The events, in order. When the peer broke a rule so that no request can be
            made of it, L{ConnectionFailed<txfcgi.wire.events.ConnectionFailed>} is the last of it.
        @raise RemoteProtocolError: If the connection failed already, in an earlier call.
        """
        if self._error is not None:
            self._raiseAgain()
        data = bytes(data)
        if self._state is _BODY:
            return self._body(data)
        if not data:
            return []
        if self._state is not _HEADERS:
            self.inputOpen = True
            return []
        held = self._held
        if held is not None:
            held += data
            if len(held) < self._needed:
                return []
            data = bytes(held)
        try:
            return self._headers(data)
        except (MalformedParams, ParamsTooLarge) as error:
            return self._refuse(error)
        except RemoteProtocolError as error:
            return self._fail(error)

    def receiveEnd(self) -> list[Event]:
        """
        Note that the peer sends no more. It may have closed its own direction only, and still wait
        for the response.

        @return: The events: none if the request is complete, or none has begun.
        """
        if self._error is not None:
            return []
        if self._state is _BODY:
            return self._fail(
                BodyTooShort(f"the body ended {self._remaining} bytes before its CONTENT_LENGTH")
            )
        if self._held is not None:
            return self._fail(IncompleteHeaders("the request ended within its headers"))
        return []

    def _headers(self, data: bytes) -> list[Event]:
        """
        Take the headers, if they are complete.

        @param data: All that has come.
        """
        colon = data.find(b":", 0, _MOST_DIGITS + 1)
        digits = data[: _MOST_DIGITS + 1] if colon < 0 else data[:colon]
        # Of bytes, isdigit() is true for ASCII digits alone.
        if not digits.isdigit() or (digits[0] == _ZERO and len(digits) > 1):
            raise self._noLength(data[: _MOST_DIGITS + 1])
        if len(digits) > _MOST_DIGITS or (colon > 0 and int(digits) > self._paramsBytes):
            raise ParamsTooLarge(f"more than {self._paramsBytes} bytes of headers")
        start = colon + 1
        end = start + int(digits)
        if colon < 0 or len(data) <= end:
            if colon > 0:
                self._needed = end + 1
            if self._held is None:
                self._held = bytearray(data)
            return []
        self._held = None
        if data[end] != _COMMA:
            raise MissingComma(
                f"{data[end : end + 1]!r} is in place of the comma behind {end - start} bytes of "
                "headers (SCGI, section 3)"
            )
        params = SCGIParams(data[start:end], self._paramsCount, self._lenient)
        self.active = 1
        received = RequestReceived(REQUEST_ID, _RESPONDER, False, params)
        remaining = self._remaining = params.contentLength
        if remaining:
            self._state = _BODY
            rest = data[end + 1 :]
            return [received, *self._body(rest)] if rest else [received]
        self._state = _COMPLETE
        self.bodiless = params.find(b"REQUEST_METHOD") in _BODILESS
        if len(data) > end + 1:
            self.inputOpen = True
        return [received, _INPUT_END]

    def _noLength(self, start: bytes) -> RemoteProtocolError:
        if not start[:1].isdigit() and start[:1] != b":":
            return NotSCGI(
                mistakenFor(start, "SCGI")
                or f"the connection starts with {start!r}, which is not SCGI (section 3)"
            )
        return MalformedLength(f"{start!r} is not the length of a netstring (SCGI, section 3)")

    def _body(self, data: bytes) -> list[Event]:
        """
        Take more of the body. Bytes behind its end are dropped (SCGI, section 3).
        """
        remaining = self._remaining = self._remaining - len(data)
        if remaining > 0:
            return [DataReceived(REQUEST_ID, Stream.STDIN, data)] if data else []
        self._state = _COMPLETE
        if remaining:
            self.inputOpen = True
        return [
            DataReceived(REQUEST_ID, Stream.STDIN, data[:remaining] if remaining else data),
            _INPUT_END,
        ]

    def _refuse(self, error: TxFCGIError) -> list[Event]:
        """
        Report a request that no app must see, but that can be answered.
        """
        self._held = None
        self._state = State.REFUSED
        self.active = 1
        return [events.RequestRefused(REQUEST_ID, Role.RESPONDER, error.with_traceback(None))]

    def _fail(self, error: RemoteProtocolError) -> list[Event]:
        self._held = None
        self._error = error.with_traceback(None)
        return [events.ConnectionFailed(error)]


def _withStatusLine(output: bytes) -> bytes:
    """
    The start of an answer with an HTTP status line in place of its Status header.

    @param output: The whole head, and perhaps some of the body.
    """
    end = output.find(b"\r\n\r\n") + 4
    head = parseHead(output[:end])
    reason = head.reason or _REASONS.get(head.code, b"Unknown")
    lines = [b"HTTP/1.1 %d %b\r\n" % (head.code, reason)]
    lines += [b"%b: %b\r\n" % pair for pair in head.headers]
    return b"".join([*lines, b"\r\n", output[end:]])
