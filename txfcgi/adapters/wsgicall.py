"""
L{Call}: one call of a WSGI application, in a thread, and its answer's way back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Condition, get_ident
from types import TracebackType
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from ..errors import InvalidResponse, RequestAborted
from ..masking import visible
from ..server.observing import currentRequest
from ..server.request import Request
from ..server.response import Response
from ..streams.bodyfile import BodyFile
from ..wire.framing import Buffer
from .pep3333 import ErrorStream, Pairs, readHeaders, readStatus
from .threads import ThreadPool

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

# The bytes of an answer that may be under way from a thread to the web server before the thread
# waits, and how much of a long piece is handed over at once.
_AHEAD: Final = 65_536
_SLICE: Final = 1_048_576


class _Gone(RequestAborted):
    """
    Nobody waits for the rest of the answer. An application sees it if it uses C{write}.
    """

    def __init__(self) -> None:
        super().__init__("the browser, or the web server, is gone")


@implementer(IBodyProducer)
class _Body:
    """
    The body of an answer that is longer than its first piece: a thread puts it in, the reactor
    writes it out, as fast as the web server takes it.

    @ivar length: The length that the application declared.
    @ivar gone: Whether nobody takes any more.
    """

    def __init__(self, length: int | None, first: Buffer) -> None:
        """
        @param first: What it begins with, so that it leaves together with the head.
        """
        self.length: Any = UNKNOWN_LENGTH if length is None else length
        self.gone = False
        self._changed = Condition()
        # Bytes that were handed over, and that the web server has not read yet.
        self._ahead = len(first)
        # The reactor's own.
        self._kept = [first]
        self._consumer: IConsumer | None = None
        self._paused = False
        self._written = 0
        self._finished: Deferred[None] = Deferred()
        self._end: Failure | bool = False

    # In the thread

    def reserve(self, size: int) -> None:
        """
        Wait until so many bytes may be handed over, and count them.

        @raise _Gone: If nobody takes them.
        """
        with self._changed:
            while self._ahead and self._ahead + size > _AHEAD and not self.gone:
                self._changed.wait()
            if self.gone:
                raise _Gone
            self._ahead += size

    # In the reactor

    def write(self, data: Buffer) -> None:
        """
        Send bytes that were handed over.
        """
        if self.gone:
            return
        if self._consumer is None:
            self._kept.append(data)
            return
        self._written += len(data)
        self._consumer.write(data)  # type: ignore[arg-type]  # a view is taken too
        if not self._paused:
            self._taken()

    def _taken(self) -> None:
        with self._changed:
            self._ahead -= self._written
            self._changed.notify()
        self._written = 0

    def finish(self, end: Failure | None) -> None:
        """
        The application has ended, or failed.
        """
        self._end = end or True
        if self._consumer is not None and not self.gone:
            self.gone = True
            self._finished.callback(end)

    # IBodyProducer

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        Write what is there, and what is yet to come.
        """
        self._consumer = consumer
        kept, self._kept = self._kept, []
        for data in kept:
            self.write(data)
        if self._end is not False:
            self.finish(None if self._end is True else self._end)
        return self._finished

    def pauseProducing(self) -> None:
        """
        The web server takes no more for now.
        """
        self._paused = True

    def resumeProducing(self) -> None:
        """
        The web server has taken what was written.
        """
        self._paused = False
        self._taken()

    def stopProducing(self) -> None:
        """
        Nobody wants the rest.
        """
        with self._changed:
            self.gone = True
            self._changed.notify()
        self._kept.clear()


class Call:
    """
    One call. It is the job that a thread runs.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        application: Callable[[dict[str, Any], Any], Iterable[bytes]],
        name: str,
        environ: dict[str, Any],
        request: Request,
        pool: ThreadPool,
        body: BodyFile | None,
    ) -> None:
        """
        @param name: What the application is called in messages.
        @param body: The request's body, if it has one; it is closed when the call is over.
        """
        self._application = application
        self._name = name
        self._environ = environ
        self._errors = environ["wsgi.errors"] = ErrorStream(self._complained)
        self._pool = pool
        # The reactor's own.
        self._request = request
        self._requestBody = body
        self._answer: Deferred[Response] | None = None
        # The thread's own, except that the reactor sets it when the request has ended.
        self._gone = False
        self._status: int | None = None
        self._reason: bytes | None = None
        self._headers: Pairs = []
        self._declared: int | None = None
        self._body: _Body | None = None
        self._complete = False  # whether the whole answer was handed over
        self._excess = False

    def __repr__(self) -> str:
        return f"<call of {self._name} for {self._request}>"

    # In the reactor

    def start(self) -> Deferred[Response]:
        """
        Wait for a thread.

        @return: The answer, as soon as its first piece is there. Cancelled, the call is over: it is
            not made, or not iterated on.
        @raise Overloaded: If too many calls wait.
        """
        answer: Deferred[Response] = Deferred(self._cancelled)
        self._answer = answer
        try:
            self._pool.run(self)
        except BaseException:
            self._closeBody(None)
            raise
        return answer

    def _cancelled(self, _: Deferred[Response]) -> None:
        self._answer = None
        self._gone = True
        if self._pool.forget(self):
            self._closeBody(None)

    def _answered(self, result: Response | Failure) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.callback(result)
        elif isinstance(result, Failure):
            self._failedLate(result)
        elif isinstance(result.body, _Body):
            result.body.stopProducing()

    def _failedLate(self, failure: Failure) -> None:
        self.log.failure(
            "{app} failed when {request} ({target}) was answered, or gone",
            failure,
            app=self._name,
            request=self._request,
            target=self._request.target,
        )

    def _warnOfExcess(self, _: None) -> None:
        self.log.warn(
            "{app} gave more than the {length} bytes of its Content-Length; the rest is dropped",
            app=self._name,
            length=self._declared,
            request=self._request,
        )

    def _complain(self, line: str) -> None:
        line = visible(line)
        stderr = self._request.stderr
        # Over SCGI it goes to the log, where it is anyway.
        inStderr = self._request.channel.wire.hasStderr and not stderr.closed
        self.log.error(
            "{app}: {line}", app=self._name, line=line, request=self._request, inStderr=inStderr
        )
        if inStderr:
            stderr.write(line.encode("utf-8", "backslashreplace") + b"\n")

    def _closeBody(self, _: None) -> None:
        if self._requestBody is not None:
            self._requestBody.release()

    # In the thread

    def _complained(self, line: str) -> None:
        self._pool.tell(self._complain, line)

    def __call__(self) -> None:
        """
        Call the application, iterate over what it returns, and close that.
        """
        account = self._request.account
        if account is not None:
            account.thread = get_ident()
            currentRequest.set(self._request)
        try:
            if not self._gone:
                self._run()
        except _Gone:
            pass
        except BaseException:  # sys.exit() too ends the request, not the thread
            self._failed(Failure())
        finally:
            if account is not None:
                account.thread = None
                currentRequest.set(None)
            self._errors.flush()
            del self._errors  # it refers to this call
            if self._requestBody is not None:
                self._pool.tell(self._closeBody, None)

    def _run(self) -> None:
        # Its error stream refers to this call, which must not be a cycle.
        environ, self._environ = self._environ, {}
        result = self._application(environ, self._startResponse)
        del environ
        try:
            whole = None if self._begun or type(result) is not list else self._joined(result)
            if whole is None:
                self._iterate(result)
            else:
                self._sendWhole(whole, last=True)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    @property
    def _begun(self) -> bool:
        """
        Whether the head was handed over.
        """
        return self._complete or self._body is not None

    def _joined(self, pieces: list[bytes]) -> bytes | None:
        """
        An answer that was returned as a list, in one piece; L{None} if it is too long for that.
        """
        size = 0
        for piece in pieces:
            if not isinstance(piece, bytes):
                raise self._notBytes(piece)
            size += len(piece)
        if len(pieces) == 1:
            return pieces[0]
        return b"".join(pieces) if size <= _SLICE else None

    def _notBytes(self, piece: object) -> InvalidResponse:
        return InvalidResponse(
            f"{self._name} gave a piece of its answer as {type(piece).__name__}, and pieces are "
            f"bytes (PEP 3333): {piece!r:.80}"
        )

    def _iterate(self, result: Iterable[bytes]) -> None:
        if not isinstance(result, Iterable) and not hasattr(result, "__getitem__"):
            raise InvalidResponse(
                f"{self._name} returned {type(result).__name__}, and a WSGI application returns an "
                "iterable of bytes (PEP 3333)"
            )
        for piece in result:
            if self._gone or (self._body is not None and self._body.gone):
                return
            if piece or not isinstance(piece, bytes):
                self._emit(piece)
        if self._body is not None:
            self._complete = True
            self._errors.flush()
            self._pool.tell(self._body.finish, None)
        elif not self._complete:
            self._sendWhole(b"")

    def _sendWhole(self, body: bytes, last: bool = False) -> None:
        """
        Hand over an answer in one piece: nothing more is said of it.

        @param last: Whether nothing more is to be done for it.
        """
        if self._status is None:
            raise InvalidResponse(
                f"{self._name} did not call start_response before the first piece of its answer, "
                "or at all (PEP 3333)"
            )
        self._complete = True
        self._errors.flush()
        response = Response(self._status, self._headers, body, reason=self._reason)
        self._pool.tell(self._answered, response, last=last)

    def _emit(self, piece: bytes) -> None:
        """
        Hand over a piece of the answer, and the head before the first one.
        """
        if not isinstance(piece, bytes):
            raise self._notBytes(piece)
        if self._complete:
            if not self._excess:
                self._excess = True
                self._pool.tell(self._warnOfExcess, None)
            return
        if self._body is None and (self._status is None or self._declared == len(piece)):
            self._sendWhole(piece)
            return
        for part in [piece] if len(piece) <= _SLICE else _slices(piece):
            if self._body is None:
                self._body = _Body(self._declared, part)
                response = Response(self._status, self._headers, self._body, reason=self._reason)
                self._pool.tell(self._answered, response)
            else:
                self._body.reserve(len(part))
                self._pool.tell(self._body.write, part)

    def _failed(self, failure: Failure) -> None:
        if self._complete:
            self._pool.tell(self._failedLate, failure)
        elif self._body is not None:
            self._pool.tell(self._body.finish, failure)
        else:
            self._pool.tell(self._answered, failure)

    def _startResponse(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """
        C{start_response}.
        """
        if exc_info is not None:
            try:
                if self._begun and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it refers to this frame
        elif self._status is not None:
            raise InvalidResponse(
                f"{self._name} called start_response twice, the second time without exc_info "
                "(PEP 3333)"
            )
        self._status, self._reason = readStatus(status)
        self._headers, self._declared = readHeaders(headers)
        return self._write

    def _write(self, data: bytes) -> None:
        """
        What C{start_response} returns.
        """
        if self._gone:
            raise _Gone
        if data or not isinstance(data, bytes):
            self._emit(data)


def _slices(piece: bytes) -> Iterator[memoryview]:
    view = memoryview(piece)
    for start in range(0, len(piece), _SLICE):
        yield view[start : start + _SLICE]
