"""
Tests of L{txfcgi.server.served}: the input of a request, and its end.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from txfcgi import (
    Request,
    ResponderRequest,
    Response,
)
from txfcgi.errors import (
    BodyTooLong,
    BodyTooShort,
    MalformedValue,
    RequestAborted,
    StreamClosed,
)
from txfcgi.wire.records import Stdin

from .conversation import Held, beginning, ok, stdin
from .requested import RequestTests


class InputTests(RequestTests):
    """
    The body of a request.
    """

    def test_startsEarly(self) -> None:
        """
        The app runs as soon as the params are there; the body comes as it comes.
        """
        request = self.begin({"CONTENT_LENGTH": "6"})
        self.assertEqual(request.stdin.length, 6)
        first = request.stdin.read(100)
        self.assertNoResult(first)
        self.server.stdin(b"abc")
        self.assertEqual(self.successResultOf(first), b"abc")
        rest = request.stdin.read()
        self.server.stdin(b"def")
        self.assertEqual(self.successResultOf(rest), b"def")

    def test_severalPiecesInOneRead(self) -> None:
        """
        Several pieces may come in one read.
        """
        request = self.begin()
        body = request.stdin.read()
        self.server.send(Stdin(1, b"a"), Stdin(1, b"b"), Stdin(1, b"c"), Stdin(1))
        self.assertEqual(self.successResultOf(body), b"abc")

    def test_unknownLength(self) -> None:
        """
        A CONTENT_LENGTH that is absent, empty or -1 means that the end will tell.
        """
        for params in ({}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "-1"}):
            request = self.begin(params)
            body = request.stdin.read()
            self.assertIsNone(request.stdin.length)
            self.server.stdin(b"all of it")
            self.assertNoResult(body)
            self.server.endStdin()
            self.assertEqual(self.successResultOf(body), b"all of it")

    def test_wrongLengths(self) -> None:
        """
        A body that is not as long as declared is an error where it is read.
        """
        for body, error in ((b"ab", BodyTooShort), (b"abcd", BodyTooLong)):
            request = self.begin({"CONTENT_LENGTH": "3"})
            read = request.stdin.read()
            self.server.send(*stdin(1, body))
            self.failureResultOf(read, error)

    def test_malformedLength(self) -> None:
        """
        A CONTENT_LENGTH that is no number is the web server's mistake, when the body is read.
        """
        request = self.begin({"CONTENT_LENGTH": "+3"})
        self.server.send(*stdin(1, b"abc"))
        self.failureResultOf(request.stdin.read(), MalformedValue)

        async def app(request: ResponderRequest) -> Response:
            return Response(200, {}, await request.stdin.read())

        server = self.serve(app)
        self.assertEqual(server.get(1, {"CONTENT_LENGTH": "0x10"}).code, 400)
        self.assertSaid("CONTENT_LENGTH is not a number: b'0x10'")

    def test_unread(self) -> None:
        """
        A body that nobody reads does no harm.
        """
        server = self.serve(ok)
        self.assertEqual(server.post(b"x" * 60_000).body, b"ok")
        self.assertFalse(server.paused)
        self.assertServes(server)

    def test_early(self) -> None:
        """
        An answer need not wait for the body; what still comes of it is dropped.
        """
        server = self.serve(ok)
        server.begin(1, {"CONTENT_LENGTH": "200000"})
        self.assertEqual(server.answer().status, (0, 0))
        for _ in range(4):
            server.stdin(bytes(50_000))
        server.endStdin()
        self.assertFalse(server.paused)
        self.assertServes(server)

    def test_lookedAtLate(self) -> None:
        """
        The end may have come before the app looks.
        """
        app = Held()
        server = self.serve(app)
        server.send(*beginning(1), Stdin(1))
        self.assertEqual(self.successResultOf(app.requests[0].stdin.read()), b"")
        server.send(*beginning(2), Stdin(2, b"body"), Stdin(2))
        self.assertEqual(self.successResultOf(app.requests[1].stdin.read()), b"body")

    def test_afterTheEnd(self) -> None:
        """
        Once the request is over, so is its body, whether or not somebody had looked at it.
        """
        for look in (True, False):
            request = self.begin({"CONTENT_LENGTH": "10"})
            if look:
                self.server.stdin(b"a part")
            self.app.answer()
            self.failureResultOf(request.stdin.read(), StreamClosed)
            request = self.begin({"CONTENT_LENGTH": "10"})
            if look:
                self.server.stdin(b"a part")
            self.server.abort()
            self.failureResultOf(request.stdin.read(), RequestAborted)

    def test_abort(self) -> None:
        """
        A reader that nothing else cancels hears that the request was aborted.
        """
        request = self.begin({"CONTENT_LENGTH": "10"})
        read = request.stdin.read()
        line = request.stdin.read(1)
        self.failureResultOf(line)
        self.server.stdin(b"a part")
        self.server.abort()
        self.failureResultOf(read, RequestAborted)

    def test_pausesAndResumes(self) -> None:
        """
        An app that does not read holds the connection up, until it does.
        """
        request = self.begin()
        self.server.stdin(bytes(65_528))
        self.assertFalse(self.server.paused)
        self.server.stdin(bytes(65_528))
        self.assertTrue(self.server.paused)
        self.successResultOf(request.stdin.read(65_528))
        self.assertTrue(self.server.paused)
        self.successResultOf(request.stdin.read(40_000))
        self.assertFalse(self.server.paused)

    def test_pausedByTheDead(self) -> None:
        """
        The end of the request that held it up resumes the connection.
        """
        for end in (lambda: self.app.answer(), lambda: self.server.abort()):
            self.begin()
            self.server.stdin(bytes(65_528))
            self.server.stdin(bytes(65_528))
            self.assertTrue(self.server.paused)
            end()
            self.assertFalse(self.server.paused)
            self.assertServes(self.server)


class NotifyFinishTests(RequestTests):
    """
    Tests of L{Request.notifyFinish}.
    """

    def test_answered(self) -> None:
        """
        It fires with C{None} when the response is handed over.
        """
        request = self.begin()
        finished = [request.notifyFinish(), request.notifyFinish()]
        self.assertNoResult(finished[0])
        self.app.answer()
        self.assertEqual([self.successResultOf(each) for each in finished], [None, None])

    def test_aborted(self) -> None:
        """
        It fails when the request is aborted.
        """
        request = self.begin()
        finished = request.notifyFinish()
        self.server.abort()
        self.failureResultOf(finished, RequestAborted)

    def test_errorPage(self) -> None:
        """
        An error page is a response.
        """
        request = self.begin()
        finished = request.notifyFinish()
        self.app.results[0].callback("no response")
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertIsNone(self.successResultOf(finished))

    def test_late(self) -> None:
        """
        Who asks when the request is over is told at once.
        """
        request = self.begin()
        self.app.answer()
        self.assertIsNone(self.successResultOf(request.notifyFinish()))
        request = self.begin()
        self.server.disconnect()
        self.failureResultOf(request.notifyFinish(), RequestAborted)

    def test_duringCancellation(self) -> None:
        """
        So is who asks while the app is cancelled.
        """
        asked: list[Deferred[None]] = []
        request: list[Request] = []
        server = self.serve(
            lambda each: (request.append(each), Deferred(lambda _: ask()))[1]  # type: ignore[func-returns-value]
        )

        def ask() -> None:
            asked.append(request[0].notifyFinish())
            request[0].stderr.write(b"not sent")

        server.begin()
        server.abort()
        self.failureResultOf(asked[0], RequestAborted)
        self.assertEqual(server.answer().stderr, b"")

    def test_cancelled(self) -> None:
        """
        It can be cancelled, and the others fire.
        """
        request = self.begin()
        finished = [request.notifyFinish() for _ in range(3)]
        finished[1].cancel()
        self.failureResultOf(finished[1], CancelledError)
        finished[0].addCallback(lambda _: finished[2].cancel())
        self.app.answer()
        self.successResultOf(finished[0])
        self.failureResultOf(finished[2], CancelledError)
