"""
What the tests of WSGI share: applications that are checked by wsgiref, behind a web server in
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Event
from typing import Any, ClassVar, TypeVar
from wsgiref.validate import validator

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from txfcgi.adapters.wsgi import WSGIApp
from txfcgi.testing import MemoryFrontEnd

T = TypeVar("T")
Environ = dict[str, Any]
PLAIN = [("Content-Type", "text/plain")]


class Pieces:
    """
    An answer in pieces that says when it is closed.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.closed = Event()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        self.closed.set()


class WSGITestCase(TestCase):
    """
    A test of WSGI applications. Threads answer, so it waits for the reactor.

    @ivar app: The adapter that was made last.
    """

    app: WSGIApp

    protocol: ClassVar[Any] = "fastcgi"

    def frontEnd(
        self,
        application: Any,
        *,
        validate: bool = True,
        server: Any = "plain",
        limits: Any = None,
        **options: Any,
    ) -> MemoryFrontEnd:
        """
        A web server in front of an application.

        @param validate: Whether wsgiref looks at each request.
        @param options: For the L{WSGIApp}.
        """
        self.app = app = WSGIApp(validator(application) if validate else application, **options)
        self.addCleanup(app.shutdown)
        return MemoryFrontEnd(app, self.protocol, server, testCase=self, limits=limits)

    async def environ(self, method: str = "GET", **options: Any) -> Environ:
        """
        What an application gets to see of a request.
        """
        seen: Environ = {}
        server = options.pop("server", "plain")

        def application(environ: Environ, startResponse: Callable[..., Any]) -> list[bytes]:
            seen.update(environ, body=environ["wsgi.input"].read(1_000_000))
            startResponse("200 OK", PLAIN)
            return [b"seen"]

        frontEnd = self.frontEnd(application, server=server)
        response = await frontEnd.request(method, **options)
        self.assertEqual((response.code, response.body), (200, b"seen"))
        return seen

    async def turn(self, frontEnd: MemoryFrontEnd) -> None:
        """
        Let the reactor have a turn, and the web server in memory too.
        """
        from twisted.internet import reactor

        await deferLater(reactor, 0)
        frontEnd.clock.advance(0)

    def pumped(self, frontEnd: MemoryFrontEnd, answer: Deferred[T]) -> Deferred[T]:
        """
        Wait for an answer that takes the web server several turns.
        """

        async def pump() -> T:
            while not answer.called:
                await self.turn(frontEnd)
            return await answer

        return Deferred.fromCoroutine(pump())

    def logged(self) -> list[str]:
        """
        Collect what is logged from now on, as a list of formatted lines.
        """
        lines: list[str] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return lines
