"""
One call of an ASGI application for an HTTP request (ASGI, HTTP 2.4): its C{receive} and C{send},
and what becomes of its answer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import BodyTooLarge, Disconnected, InvalidHeader, InvalidResponse
from ..server.files import FileBody, SendFile
from ..server.request import Request
from ..server.response import Response
from .asgistreams import Answer, Bell, Input
from .lifespan import Message

# How much of the body of a response to HEAD is dropped before its application is told to stop:
# bytes, and pieces, even empty ones.
_DROPPED: Final = 1_048_576
_DROPPED_PIECES: Final = 1_000

_START: Final = "http.response.start"
_BODY: Final = "http.response.body"
_PATHSEND: Final = "http.response.pathsend"

_DISCONNECT: Final = "http.disconnect"

_OVER: Final = "the request is over, and nobody takes its answer any more"


# How far an answer is.
_WAITING: Final = 0  # for the head
_HEAD: Final = 1  # the head has been given, and waits for the body
_STREAMING: Final = 2
_SUPPRESSED: Final = 3  # the answer has no body, and none is sent: HEAD, 204, 304
_DONE: Final = 4
_GONE: Final = 5  # nobody wants it any more


class Call:
    """
    One call of an application.

    @ivar ended: Whether the application has returned, or failed.
    """

    __slots__ = (
        "_answer",
        "_bell",
        "_dropped",
        "_droppedPieces",
        "_head",
        "_input",
        "_limit",
        "_name",
        "_outcome",
        "_ready",
        "_received",
        "_request",
        "_sendFile",
        "_stage",
        "ended",
    )

    log: ClassVar[Logger] = Logger()

    def __init__(
        self, request: Request, name: str, maxBodyBytes: int, sendFile: SendFile | None
    ) -> None:
        """
        @param name: What the application is called in messages.
        @param maxBodyBytes: The most bytes that the body of the request may have.
        @param sendFile: How the web server is asked to send a file, if it is.
        """
        self._request = request
        self._name = name
        self._limit = maxBodyBytes
        self._sendFile = sendFile
        self.ended = False
        self._stage = _WAITING
        self._bell: Bell | None = None  # made by who waits
        self._head: tuple[int, list[tuple[bytes, bytes]]] = (0, [])
        self._answer: Answer | None = None
        self._dropped = 0
        self._droppedPieces = 0
        self._input: Input | None = None
        self._received = False
        self._outcome: Deferred[Response] | None = None
        self._ready: Response | Failure | None = None

    # The side of the server

    def outcome(self) -> Response | Deferred[Response]:
        """
        The response, as soon as the application began it.
        """
        ready, self._ready = self._ready, None
        if isinstance(ready, Response):
            return ready
        self._outcome = Deferred(self._cancelled)
        if ready is not None:
            self._outcome.errback(ready)
        return self._outcome

    def changed(self) -> None:
        """
        Let the application look again at what it waits for.
        """
        if self._bell is not None:
            self._bell.ring()

    async def _change(self) -> None:
        """
        Wait until there is something to look at again.
        """
        if self._bell is None:
            self._bell = Bell()
        await self._bell.wait()

    def unwanted(self) -> None:
        """
        Nobody waits for the rest of the answer.
        """
        if self._stage < _SUPPRESSED:
            self._stage = _GONE
            self.changed()

    def _cancelled(self, outcome: Deferred[Response]) -> None:
        self.unwanted()

    def _settle(self, result: Response | Failure) -> None:
        if self._outcome is None:
            self._ready = result
        elif not self._outcome.called:
            if isinstance(result, Failure):
                self._outcome.errback(result)
            else:
                self._outcome.callback(result)

    # The end of the application

    def returned(self) -> None:
        """
        The application has ended.
        """
        self.ended = True
        if self._stage == _WAITING:
            problem = f"returned without sending {_START!r}"
        elif self._stage == _HEAD:
            problem = f"returned after {_START!r} without sending {_BODY!r}"
        elif self._stage == _STREAMING:
            problem = f"returned before it sent the last {_BODY!r}: the one without more_body"
        else:
            self._answer = None  # which refers to this call
            return
        self._fail(Failure(InvalidResponse(f"{self._name} {problem} (ASGI, HTTP 2.4)")))

    def failed(self, failure: Failure) -> None:
        """
        The application raised something.
        """
        self.ended = True
        if self._stage < _SUPPRESSED:
            self._fail(failure)
            return
        self._answer = None
        if not isinstance(failure.value, asyncio.CancelledError) and not (
            self._stage == _GONE and _isDisconnect(failure.value)
        ):
            self.log.failure(
                "{app} failed after {request} ({target}) was over",
                failure,
                app=self._name,
                request=self._request,
                target=self._request.target,
            )

    def _fail(self, failure: Failure) -> None:
        """
        The request can't be answered as it should be.
        """
        self._stage = _GONE
        self.changed()
        answer, self._answer = self._answer, None
        if answer is None:
            self._settle(failure)
        else:
            answer.end(failure)

    # What the application calls

    async def receive(self) -> Message:
        """
        The next message for the application.
        """
        while self._stage < _SUPPRESSED:
            if self._received:
                await self._change()
            elif self._input is None:
                if self._request.bodiless and not self._request.number("CONTENT_LENGTH"):
                    self._received = True
                    return {"type": "http.request", "body": b"", "more_body": False}
                self._input = self._read()
            elif self._input.ready:
                message = self._input.take()
                if not message["more_body"]:
                    self._received = True
                    self._input = None  # which refers to this call
                return message
            else:
                await self._change()
        await asyncio.sleep(0)  # a loop that receives must not starve others
        return {"type": _DISCONNECT}

    def _read(self) -> Input:
        """
        Begin to read the body.
        """
        arrived = Input(self.changed, self._limit)
        stdin = self._request.stdin
        if stdin.length == 0 and stdin.error is None:
            arrived.complete = True
            return arrived
        if stdin.length is not None and stdin.length > self._limit:
            error = BodyTooLarge(
                f"the body has {stdin.length} bytes, at most {self._limit} are taken"
            )
            self._fail(Failure(error))
            return arrived

        def ended(_: int) -> None:
            arrived.complete = True
            self.changed()

        def cut(failure: Failure) -> None:
            if self._stage < _SUPPRESSED:
                self._fail(failure)

        stdin.deliverTo(arrived).addCallbacks(ended, cut)
        return arrived

    async def send(self, message: Message) -> None:
        """
        Take a message from the application.

        @raise Disconnected: If the browser has gone.
        @raise InvalidResponse: If it is none that can come now.
        """
        stage = self._stage
        isMessage = type(message) is dict or isinstance(message, Mapping)
        kind = message.get("type") if isMessage else None
        if stage >= _DONE:
            await asyncio.sleep(0)  # a loop that sends must not starve others
            if stage == _GONE:
                raise Disconnected(_OVER)
        if kind == _BODY and _WAITING < stage < _DONE:
            body, more = self._readBody(message)
            if stage == _HEAD:
                self._begin(body, more)
            elif stage == _STREAMING:
                self._goOn(body, more)
            else:
                await self._drop(body, more)
            if more and self._answer is not None and self._answer.paused:
                await self._room(self._answer)
            elif more and not body and self._stage == _STREAMING:
                await asyncio.sleep(0)  # no buffer fills that would hold it back
        elif kind == _START and stage == _WAITING:
            self._head = self._readHead(message)
            self._stage = _HEAD
        elif kind == _PATHSEND and stage == _HEAD:
            self._sendPath(message)
        else:
            raise self._outOfOrder(kind)

    def _begin(self, body: bytes, more: bool) -> None:
        """
        The first piece of the body: the response is there.
        """
        code, headers = self._head
        if not more:
            self._done()
            self._settle(Response(code, headers, body))
            return
        answer = self._answer = Answer(self)
        answer.write(body)
        suppressed = code in (204, 304) or self._request.method == "HEAD"
        self._stage = _SUPPRESSED if suppressed else _STREAMING
        if suppressed:
            answer.paused = False
        self._settle(Response(code, headers, answer))

    def _goOn(self, body: bytes, more: bool) -> None:
        assert self._answer is not None
        self._answer.write(body)
        if not more:
            self._done()
            self._answer.end()

    async def _room(self, answer: Answer) -> None:
        """
        Wait until the web server takes more.
        """
        while answer.paused and self._stage == _STREAMING:
            await self._change()
        if self._stage == _GONE:
            raise Disconnected(_OVER)

    async def _drop(self, body: bytes, more: bool) -> None:
        """
        The rest of a body that is not sent.
        """
        self._dropped += len(body)
        self._droppedPieces += 1
        if not more:
            self._done()
        elif self._dropped > _DROPPED or self._droppedPieces > _DROPPED_PIECES:
            self._stage = _GONE
            raise Disconnected(_OVER)
        else:
            await asyncio.sleep(0)  # an endless body must not starve others

    def _done(self) -> None:
        self._stage = _DONE
        self.changed()

    def _sendPath(self, message: Message) -> None:
        path = message.get("path")
        if not isinstance(path, str) or not os.path.isabs(path):
            raise self._mistake(_PATHSEND, "path", path, "an absolute path, as text")
        code, headers = self._head
        header = None if self._sendFile is None else self._sendFile.header(path)
        if header is not None:
            # The web server knows the length of the file, and which part of it is wanted.
            headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
            response = Response(code, [*headers, header], ())
        else:
            body = FileBody(path)
            if not any(name.lower() == b"content-length" for name, _ in headers):
                headers = [*headers, (b"content-length", b"%d" % body.length)]
            response = Response(code, headers, body)
        self._done()
        self._settle(response)

    # Messages

    def _readHead(self, message: Message) -> tuple[int, list[tuple[bytes, bytes]]]:
        code = message.get("status")
        if type(code) is not int:
            code = self._readStatus(code)
        if message.get("trailers"):
            raise self._mistake(_START, "trailers", True, "not possible over CGI")
        headers: Iterable[Any] = message.get("headers", ())
        if type(headers) is not list and isinstance(headers, (Mapping, str, bytes)):
            raise self._mistake(_START, "headers", headers, "an iterable of pairs of bytes")
        pairs: list[tuple[bytes, bytes]] = []
        try:
            for name, value in headers:
                if type(name) is not bytes or type(value) is not bytes:
                    raise TypeError
                pairs.append((name, value))
        except (TypeError, ValueError):
            raise InvalidHeader(
                f"{self._name} sent {_START!r} with the headers {headers!r:.200}: they are an "
                "iterable of pairs of bytes, a name and a value (ASGI, HTTP 2.4)"
            ) from None
        return code, pairs

    def _readStatus(self, code: object) -> int:
        # http.HTTPStatus is an int, and so is a bool.
        if not isinstance(code, int) or isinstance(code, bool):
            raise self._mistake(_START, "status", code, "an int")
        return int(code)

    def _readBody(self, message: Message) -> tuple[bytes, bool]:
        body = message.get("body", b"")
        if type(body) is not bytes:
            if not isinstance(body, (bytes, bytearray, memoryview)):
                raise self._mistake(_BODY, "body", body, "bytes")
            body = bytes(body)
        return body, bool(message.get("more_body", False))

    def _mistake(self, kind: str, key: str, value: object, rule: str) -> InvalidResponse:
        return InvalidResponse(
            f"{self._name} sent {kind!r} with the {key} {value!r:.200}, a "
            f"{type(value).__name__}: it is {rule} (ASGI, HTTP 2.4)"
        )

    def _outOfOrder(self, kind: object) -> InvalidResponse:
        expected = {
            _WAITING: f"{_START!r} comes first",
            _HEAD: f"{_BODY!r} or {_PATHSEND!r} comes next",
            _STREAMING: f"{_BODY!r} comes next",
            _SUPPRESSED: f"{_BODY!r} comes next",
        }.get(self._stage, "the answer is complete")
        return InvalidResponse(
            f"{self._name} sent {kind!r:.80} out of order: {expected} (ASGI, HTTP 2.4)"
        )


def _isDisconnect(error: BaseException | None) -> bool:
    """
    Whether an application failed because its browser had gone, whatever it made of that.
    """
    seen = 0
    while error is not None and seen < 20:
        if isinstance(error, Disconnected):
            return True
        error = error.__cause__ or error.__context__
        seen += 1
    return False
