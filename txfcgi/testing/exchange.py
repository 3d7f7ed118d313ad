"""
L{Exchange}: one request of a web server in memory, and L{MemoryResponse}, its response.
"""

from __future__ import annotations

import json as jsonFormat
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from ..errors import (
    BadResponse,
    BodyTooShort,
    ConnectionClosed,
    EmptyResponse,
    HeadTooLarge,
    IncompleteHead,
    MalformedHead,
    RequestAborted,
    ResponseCutOff,
    TxFCGIError,
)
from ..wire.cgi import HeadReader, ResponseHead, bodyAllowed
from ..wire.records import Role, Stream
from .awaited import Awaited
from .link import Link, Passed
from .transport import READ
from .variables import Asked

_HEAD_BYTES: Final = 1_048_576
# The status that a web server sends to the browser if the application did not respond.
BAD_GATEWAY: Final = 502


class MemoryResponse:
    """
    A complete response.

    @ivar code: The HTTP status; 502 if the application gave none, as with FCGI_UNKNOWN_ROLE, or
        the status with which the web server answered by itself.
    @ivar body: The body.
    @ivar stderr: The bytes that the application wrote to stderr.
    @ivar appStatus: The application's exit status.
    @ivar protocolStatus: A L{ProtocolStatus<txfcgi.wire.records.ProtocolStatus>}.
    @ivar connection: The number of the connection, counted from 0; -1 if there was none.
    @ivar requestID: The request's id on it.
    """

    def __init__(
        self,
        code: int,
        head: ResponseHead | None = None,
        body: bytes = b"",
        exchange: Exchange | None = None,
    ) -> None:
        self.code = code
        self.head = head
        self.body = body
        self.stderr = b""
        self.appStatus = 0
        self.protocolStatus = 0
        self.connection = -1
        self.requestID = 0
        self._passed: Callable[[], list[Passed]] = list
        if exchange is not None:
            self.stderr = exchange.stderr
            self.appStatus = exchange.appStatus
            self.protocolStatus = exchange.protocolStatus
            self.connection = exchange.link.number
            self.requestID = exchange.requestID
            self._passed = exchange.passed
        self._headers: Headers | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.code} {self.body!r:.60}>"

    @property
    def headers(self) -> Headers:
        """
        The headers, without Status.
        """
        if self._headers is None:
            self._headers = Headers()
            for name, value in () if self.head is None else self.head.headers:
                self._headers.addRawHeader(name, value)
        return self._headers

    @property
    def variables(self) -> dict[str, str]:
        """
        The variables that an Authorizer adds to a request that it allows, by name (section 6.3).
        """
        if self.code != 200 or self.head is None:
            return {}
        return {
            name[9:].decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
            for name, value in self.head.headers
            if name[:9].lower() == b"variable-"
        }

    @property
    def records(self) -> list[Passed]:
        """
        The records of the exchange, in both directions.
        """
        return self._passed()

    def header(self, name: str, default: str | None = None) -> str | None:
        """
        The value of a header; of the first one, if several have the name.
        """
        values = self.headers.getRawHeaders(name)
        return values[0] if values else default

    @property
    def text(self) -> str:
        """
        The body as text, in the C{charset} of its Content-Type, or UTF-8.

        @raise UnicodeDecodeError: If it is not text in that encoding.
        """
        for part in (self.header("content-type") or "").split(";")[1:]:
            name, _, value = part.strip().partition("=")
            if name.lower() == "charset" and value:
                return self.body.decode(value.strip("\"'"))
        return self.body.decode("utf-8")

    def json(self) -> Any:
        """
        The value of a JSON body.

        @raise ValueError: If the body is not JSON; the message shows it.
        """
        try:
            return jsonFormat.loads(self.body)
        except ValueError as error:
            raise ValueError(f"{self!r} is not JSON: {error}") from error


class CutOff(ResponseCutOff):
    """
    A response was begun and not completed.

    @ivar stdout: The output up to there, with the head.
    """

    stdout: bytes = b""


class Exchange:
    """
    A request that is in progress.

    @ivar asked: The request as the browser made it.
    @ivar link: The connection.
    @ivar requestID: Its id on the connection.
    @ivar response: Fires with a L{MemoryResponse} when the response is complete; fails with a
        L{CutOff} if it is broken off, with a L{BadResponse<txfcgi.errors.BadResponse>} if it is
        not a response, and with a L{RequestAborted<txfcgi.errors.RequestAborted>} if the browser
        left or the connection was lost. Cancelling it makes the browser leave.
    @ivar over: Whether the exchange has ended.
    @ivar left: Whether the browser has left.
    @ivar mayLeaveBody: Whether the app may leave the body unread.
    """

    def __init__(
        self,
        asked: Asked,
        link: Link,
        requestID: int,
        *,
        fragment: int = READ,
        loseAfter: int | None = None,
        abortAfter: int | None = None,
        mayLeaveBody: bool = False,
        raiseErrors: bool = False,
    ) -> None:
        self.asked = asked
        self.link = link
        self.requestID = requestID
        self.mayLeaveBody = mayLeaveBody
        self._raiseErrors = raiseErrors
        self._raised: Failure | None = None
        self.response: Awaited[MemoryResponse] = Awaited(self._cancelled, "a MemoryResponse")
        self.appStatus = 0
        self.protocolStatus = 0
        self.over = False
        self.left = False
        self._fragment = fragment
        self._lossIn = loseAfter
        self._abortIn = abortAfter
        self._turn = link.begin(self)
        self._stdout: list[bytes] = []
        self._stderr: list[bytes] = []
        self._error: TxFCGIError | None = None
        self._fired = False
        self._slow = False
        self._bodySent = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.asked.method} {self.asked.uri}>"

    @property
    def stdout(self) -> bytes:
        """
        The output so far.
        """
        return b"".join(self._stdout)

    @property
    def stderr(self) -> bytes:
        """
        The bytes on stderr so far.
        """
        return b"".join(self._stderr)

    # Sending

    def write(self, data: bytes) -> None:
        """
        Send bytes of the request, as far as the connection lasts.
        """
        if self.over or (self._lossIn is not None and self._lossIn < 0):
            return
        if self._lossIn is not None:
            rest = self._lossIn - len(data)
            data = data[: self._lossIn]
            self._lossIn = rest
        if data:
            self.link.send(data, self._fragment)
        if self._lossIn is not None and self._lossIn <= 0:
            self._lossIn = -1
            self.link.cut()

    def records(self, stream: Stream, data: bytes) -> bytes:
        """
        A piece of the body, as it goes on the wire.
        """
        return b"".join(self.link.speaker.send(self.requestID, stream, data))

    def end(self, stream: Stream) -> bytes:
        """
        The end of the body, as it goes on the wire.
        """
        return self.link.speaker.endStream(self.requestID, stream)

    def sendAll(self, beginning: bytes, pieces: list[bytes] | None, data: bytes | None) -> None:
        """
        Send a whole request: in one piece, or in those of its body.
        """
        self._bodySent = True
        role = self.asked.role
        pending = beginning
        if role != Role.AUTHORIZER:
            for number, piece in enumerate(pieces or ()):
                if number and piece:
                    self.write(pending)
                    pending = b""
                if piece:
                    pending += self.records(Stream.STDIN, piece)
        if self.link.speaker.ends(role, pieces is not None):
            pending += self.end(Stream.STDIN)
        if role == Role.FILTER:
            if data:
                pending += self.records(Stream.DATA, data)
            pending += self.end(Stream.DATA)
        self.write(pending)

    def send(self, data: bytes) -> None:
        """
        Send a piece of the body.

        @raise ValueError: If the request is over, or its body was closed.
        """
        self._check()
        if self._bodySent:
            raise ValueError(
                f"{self!r} has no more body: its end was sent. A GET has a body if start() is "
                "given its length"
            )
        self.write(self.records(Stream.STDIN, data))
        self.link.pump()

    def close(self) -> None:
        """
        Send the end of the body. Nothing happens if it was sent, or if the request is over: an app
        may answer when it has all bytes of a body whose length it knows.
        """
        if not (self._bodySent or self.over or self.left):
            self._bodySent = True
            self.write(self.end(Stream.STDIN))
            self.link.pump()

    def _check(self) -> None:
        if self.over or self.left:
            how = "the browser has left" if self.left else "its response has ended"
            raise ValueError(f"{self!r} is over: {how}")

    # Taking the answer slowly

    def holdBack(self) -> None:
        """
        Read nothing of the response before L{read} is called.
        """
        self._slow = True
        self.link.transport.window = 0

    def read(self, size: int) -> None:
        """
        Read more bytes from the connection.

        @param size: How many.
        @raise ValueError: If everything is read anyway, as C{readRate} was not given; or if the
            request is over.
        """
        if not self._slow:
            raise ValueError("everything is read anyway: make the request with readRate=0")
        self._check()
        self.link.transport.allow(size)
        self.link.pump()

    def raises(self, failure: Failure) -> bool:
        """
        The app failed.

        @return: Whether who waits for the answer gets that in its place.
        """
        if self._raiseErrors and not self._fired:
            self._raised = failure
        return self._raised is not None

    def finish(self) -> None:
        """
        Give the answer to who waits for it. Their code runs here.
        """
        if self._fired:
            return
        self._fired = True
        try:
            result: MemoryResponse | Failure = self._raised or self._result()
        except TxFCGIError:
            result = Failure()
        self.response.fire(result)

    # Leaving

    def leave(self) -> None:
        """
        Have the browser leave. The web server then does what the real one does. If the request is
        over, nothing happens.
        """
        if not self.over:
            self._leave()

    def _leave(self) -> None:
        if not self._fired:
            self._fired = True
            self._depart()
            self.response.fire(Failure(RequestAborted("the browser left")))

    def _cancelled(self, response: Deferred[MemoryResponse]) -> None:
        if not self._fired:
            self._fired = True
            self._depart()

    def _depart(self) -> None:
        self.left = True
        if not self.over:
            self.link.leave(self)
        self.link.pump()

    def forgive(self) -> None:
        """
        Let no Deferred complain of the end of the front end, which was told.
        """
        self.response.addErrback(lambda failure: failure.trap(ConnectionClosed) and None)

    # The response, as it arrives; no code of the test or the app runs in these

    def receive(self, stream: Stream, data: bytes) -> None:
        """
        Output.
        """
        if stream is Stream.STDERR:
            self._stderr.append(data)
            return
        if self._abortIn is not None:
            if len(data) >= self._abortIn and not self.left:
                self.link.soon(self._leave)
            data = data[: self._abortIn]
            self._abortIn -= len(data)
        if data:
            self._stdout.append(data)

    def ended(self, appStatus: int, protocolStatus: int) -> None:
        """
        The end of it.
        """
        self._close()
        self.appStatus = appStatus
        self.protocolStatus = protocolStatus

    def broken(self, error: TxFCGIError, cutOff: bool) -> None:
        """
        There will be no end.

        @param cutOff: Whether the application is who did not go on.
        """
        self._close()
        if not cutOff:
            self._error = error
        elif self._stdout:
            cut = CutOff(error, stderr=self.stderr)
            cut.stdout = self.stdout
            self._error = cut
        else:
            self._error = BadResponse(error, stderr=self.stderr)

    def _close(self) -> None:
        self.over = True
        if self._slow:
            self.link.transport.allow(None)

    def passed(self) -> list[Passed]:
        """
        The records that passed for it so far.
        """
        return self.link.passed(self.requestID, self._turn)

    def _result(self) -> MemoryResponse:
        if self._error is not None:
            raise self._error
        stdout = self.stdout
        if not stdout and self.protocolStatus:
            return MemoryResponse(BAD_GATEWAY, None, b"", self)
        reader = HeadReader(_HEAD_BYTES)
        try:
            head = reader.receive(stdout)
        except (MalformedHead, HeadTooLarge) as error:
            raise BadResponse(error, appStatus=self.appStatus, stderr=self.stderr) from error
        if head is None:
            reason = IncompleteHead("within its head") if stdout else EmptyResponse("no answer")
            raise BadResponse(reason, appStatus=self.appStatus, stderr=self.stderr)
        body = reader.rest
        declared = head.contentLength
        if (
            declared is not None
            and len(body) < declared
            and self.asked.method != "HEAD"
            and bodyAllowed(head.code)
        ):
            cut = CutOff(BodyTooShort(f"{len(body)} of {declared} bytes"), stderr=self.stderr)
            cut.stdout = stdout
            raise cut
        return MemoryResponse(head.code, head, body, self)
