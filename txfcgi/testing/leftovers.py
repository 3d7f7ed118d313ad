"""
Leftovers: things that a test must not leave behind.

A request that its app has not answered at the end of the test, a response that was begun and not
ended, and a body that was not read to its end are mistakes that nothing else would show. Each fails
the test, with a message that names it.

An app may leave the body of a request unread if it answers with a status of 400 or more, if it
fails, or if the request was aborted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from types import TracebackType
from typing import Any, Final, TypeVar

from twisted.python.failure import Failure

from ..client.call import Call
from ..client.reading import ResponseCall
from ..errors import (
    LimitExceeded,
    Overloaded,
    RemoteProtocolError,
    RequestAborted,
    StreamClosed,
    TxFCGIError,
    UnknownRole,
)
from ..server.application import App, Application
from ..server.request import Request
from ..server.response import Response
from ..streams.bodies import Body
from ..wire.cgi import Text
from ..wire.records import Stream
from ..wire.variables import uriIn

# Errors of requests that are not a fault of their app.
_NO_FAULT: Final = (LimitExceeded, Overloaded, RemoteProtocolError, UnknownRole)


class Leftovers(AssertionError):
    """
    A test left something behind.

    @ivar left: A sentence for each thing.
    """

    def __init__(self, left: Iterable[str]) -> None:
        self.left = list(left)
        super().__init__("the test left this behind:\n" + "\n".join(self.left))


T = TypeVar("T", bound="Closing")


class Closing:
    """
    Something that has to be closed, and then reports leftovers. As a context manager, it closes
    itself.
    """

    def close(self) -> None:
        """
        End it.

        @raise Leftovers: If something is left.
        """
        raise NotImplementedError

    def __enter__(self: T) -> T:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except Leftovers:
            # The first failure is the reason for the leftovers.
            if kind is None:
                raise


def nothing(request: Request) -> bool:
    """
    Excuse none.
    """
    return False


class WatchedApplication(Application):
    """
    An app, with an eye on what becomes of its requests.

    @ivar requests: Those that may have been left, in the order they came.
    """

    def __init__(
        self,
        application: Application,
        settled: Callable[[], object] = lambda: None,
        mayLeave: Callable[[Request], bool] = nothing,
        raises: Callable[[Request, Failure], bool] = lambda request, failure: False,
    ) -> None:
        """
        @param application: The app as it was to be run.
        @param settled: Called when a request is over and its connection has done its part.
        @param mayLeave: Tells whether a request's body may stay unread.
        @param raises: Takes what an app failed with; tells whether it need not be logged then.
        """
        super().__init__(self._noting(application.app), application.overload, application.observers)
        self.name = application.name
        self._settled = settled
        self._mayLeave = mayLeave
        self._raises = raises
        self.requests: dict[Request, None] = {}
        self._excused: set[Request] = set()

    def run(self, request: Request) -> None:
        """
        Call the app, and remember the request.
        """
        self.requests[request] = None
        super().run(request)
        if request.ended:
            self._sort(request)

    def _noting(self, app: App) -> App:
        """
        An app whose refusals are noted.
        """

        @wraps(app)
        def noting(request: Request) -> Any:
            result = app(request)
            if isinstance(result, Response) and isinstance(result.code, int) and result.code >= 400:
                self._excused.add(request)
            return result

        return noting

    def send(
        self,
        request: Request,
        code: int | None,
        headers: Iterable[tuple[Text, Text]],
        body: Body,
        appStatus: int = 0,
        reason: bytes | None = None,
    ) -> None:
        """
        Send a response, and excuse what is an error.
        """
        if isinstance(code, int) and code >= 400:
            self._excused.add(request)
        super().send(request, code, headers, body, appStatus, reason)

    def answered(self, request: Request) -> None:
        """
        A request was answered.
        """
        super().answered(request)
        self._sort(request)
        self._settled()

    def _sort(self, request: Request) -> None:
        """
        Forget a request that was answered if nothing of it can be left.
        """
        if not request.inputStreams() or request in self._excused or self._mayLeave(request):
            self._excused.discard(request)
            self.requests.pop(request, None)

    def failed(self, failure: Failure, request: Request) -> None:
        """
        An app failed, and is excused.
        """
        super().failed(failure, request)
        self.requests.pop(request, None)
        self._settled()

    def report(self, failure: Failure, request: Request) -> None:
        """
        Log what an app failed with, unless the test takes it.
        """
        if failure.check(*_NO_FAULT) or not self._raises(request, failure):
            super().report(failure, request)

    def abort(self, request: Request, error: RequestAborted) -> None:
        """
        The request is over before it was answered, and its app is excused.
        """
        super().abort(request, error)
        self.requests.pop(request, None)

    def left(self) -> list[str]:
        """
        What was left: a sentence for each thing.
        """
        found = [self._leftOf(request) for request in self.requests]
        return [each for each in found if each]

    def _leftOf(self, request: Request) -> str:
        name = nameOf(request)
        if not request.ended:
            if request.headSent:
                return f"{name}: the answer of {self.name} was begun, and its stream is not closed"
            return f"{name}: {self.name} has not answered: the Deferred for its result never fired"
        for what, stream in (
            ("body", request.opened(Stream.STDIN)),
            ("data", request.opened(Stream.DATA)),
        ):
            if stream is not None and isinstance(stream.error, StreamClosed):
                return (
                    f"{name}: {self.name} did not read the {what} to its end, of which "
                    f"{stream.received} bytes came"
                )
        return ""


def nameOf(request: Request) -> str:
    """
    A request in words: C{GET /path}.
    """
    try:
        return f"{request.method} {request.uri}"
    except TxFCGIError:
        return repr(request)


class WatchedCalls:
    """
    The requests of a client, with an eye on what becomes of them.
    """

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def add(self, call: Call) -> None:
        """
        Remember a request.
        """
        self._calls.append(call)

    def left(self) -> list[str]:
        """
        What was left: a sentence for each thing.
        """
        found = [leftOf(call) for call in self._calls]
        return [each for each in found if each]

    def forgive(self) -> None:
        """
        Let no Deferred complain that was left, for that was told.
        """
        for call in self._calls:
            if not call.fired:
                call.deferred.addErrback(lambda failure: None)


def leftOf(call: Call) -> str:
    """
    What was left of one request of a client.
    """
    name = describedCall(call)
    if not call.fired:
        return "" if call.ended else f"{name}: the Deferred for the response never fired"
    if not isinstance(call, ResponseCall) or call.head is None:
        return ""
    if call.error is not None or call.unwanted or call.head.code >= 400:
        return ""
    if not call.ended:
        return f"{name}: the stream of the response is not closed: read it to its end, or abort it"
    stream = call.bodyStream()
    if stream.buffered and stream.buffered == stream.received:
        return f"{name}: the body of the response was not read"
    if stream.buffered:
        return (
            f"{name}: the body of the response was not read to its end: {stream.buffered} of "
            f"{stream.received} bytes are left"
        )
    return ""


def describedCall(call: Call) -> str:
    """
    A client's request in words: C{GET /path}.
    """
    params: Any = call.prepared.params
    found = {_text(name): _text(value) for name, value in dict(params).items()}
    method = found.get("REQUEST_METHOD", "GET")
    return f"{method} {uriIn(found) or '(no path)'}"


def _text(text: object) -> str:
    # Text or bytes; or what the client refused because it is neither.
    return text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else str(text)
