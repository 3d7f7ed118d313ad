"""
Time in a test: seconds that pass, and answers that take several turns of the reactor.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Limits, Request, Response
from txfcgi.testing import MemoryFrontEnd, Unanswered

from .apps import echo


class PaceTests(SynchronousTestCase):
    """
    Time, as an app's server sees it.
    """

    def test_bodyTimeout(self) -> None:
        """
        C{advance} lets a time-out expire, whatever its length.
        """
        frontEnd = MemoryFrontEnd(echo, limits=Limits(bodyTimeout=60), testCase=self)
        upload = frontEnd.start(length=10)
        frontEnd.advance(58.5)
        self.assertNoResult(upload.response)
        frontEnd.advance(3)
        self.assertEqual(self.successResultOf(upload.response).code, 408)

    def test_requestTimeout(self) -> None:
        """
        So does the time for a request.
        """

        def never(request: Request) -> Deferred[Response]:
            return Deferred()

        frontEnd = MemoryFrontEnd(never, limits=Limits(requestTimeout=5), testCase=self)
        asked = frontEnd.get()
        frontEnd.advance(7)
        self.assertEqual(self.successResultOf(asked).code, 504)

    def test_longAnswers(self) -> None:
        """
        A browser gets an answer that the server sends in several turns, in pieces or in one.
        """

        def pieces() -> Iterator[bytes]:
            for _ in range(40):
                yield bytes(100_000)

        def stream(request: Request) -> Response:
            return Response(200, {}, pieces())

        def whole(request: Request) -> Response:
            return Response(200, {}, bytes(9_000_000))

        for app, size in ((stream, 4_000_000), (whole, 9_000_000)):
            browser = MemoryFrontEnd(app, testCase=self).browser()
            self.assertEqual(len(browser.get("/").body), size)

    def test_browserWaitsForNothing(self) -> None:
        """
        No time passes while a browser waits.
        """

        def later(request: Request) -> Deferred[Response]:
            answer: Deferred[Response] = Deferred()
            frontEnd.clock.callLater(0.5, answer.callback, Response())
            return answer

        frontEnd = MemoryFrontEnd(later, testCase=self)
        self.assertRaises(Unanswered, frontEnd.browser().get)
        self.assertEqual(frontEnd.clock.seconds(), 0)
