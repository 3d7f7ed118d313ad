"""
Tests of L{txfcgi.server.observing}: what a server tells its observers of the requests that its app
gets.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from txfcgi import Allow, Request, Response, SCGIServerFactory
from txfcgi.errors import InvalidHeader, RequestAborted
from txfcgi.server.observing import IServerObserver, ServerObserver
from txfcgi.testing.frontend import MemoryFrontEnd
from txfcgi.wire.records import BeginRequest, Role, Stdin
from txfcgi.wire.records import Params as RawParams

from .conversation import Held, ok
from .observed import ObservedTests, Watcher


class AccountTests(ObservedTests):
    """
    The account of a request.
    """

    def test_interface(self) -> None:
        """
        Both are observers.
        """
        verifyObject(IServerObserver, self.watcher)
        verifyObject(IServerObserver, ServerObserver())

    def test_nobodyWatches(self) -> None:
        """
        Without an observer, there is no account.
        """
        app = Held()
        self.serve(app).get()
        self.assertIsNone(app.requests[0].account)

    def test_connectionsIgnored(self) -> None:
        """
        Where every observer ignores connections, the peer's address is not looked up for them.
        """
        for observer, hears in ((ServerObserver(), False), (Watcher(), True)):
            observers = SCGIServerFactory(ok, observers=[observer]).observers
            assert observers is not None
            self.assertEqual(observers.hearsConnections, hears)

    def test_notAHook(self) -> None:
        """
        A method that looks like one of the interface, and is none, is logged; others are not.
        """

        class Mistaken(ServerObserver):
            requestCount = 0

            def requestStarted(self, request: Request) -> None:
                """
                It is never called.
                """

            def requestsPerSecond(self) -> float:
                """
                A method of its own.
                """
                return 0.0

            def limitReached(self, name: str) -> None:
                """
                One of the interface.
                """

        with capturedLogs() as events:
            SCGIServerFactory(ok, observers=[Mistaken(), self.watcher])
        (said,) = (formatEvent(event) for event in events)
        self.assertIn("Mistaken.requestStarted is never called: an observer has connection", said)
        self.assertIn("requestBegan", said)

    def test_answeredAtOnce(self) -> None:
        """
        A small answer: all is told in its order.
        """
        server = self.observed()
        server.get()
        server.disconnect()
        self.assertEqual(self.watcher.told, ["opened", "began", "ended", "closed"])
        account = self.assertAnswered(200, 2)
        self.assertIsNone(account.error)
        self.assertFalse(account.brokenOff)

    def test_howLong(self) -> None:
        """
        How long the request took, by the server's clock.
        """
        app = Held()
        server = self.observed(app)
        server.get()
        self.clock.advance(2.5)
        app.answer()
        self.assertEqual(self.account().seconds, 2.5)

    def test_clockSetBack(self) -> None:
        """
        A clock that is set back makes no request shorter than nothing.
        """
        app = Held()
        server = self.observed(app)
        server.get()
        self.clock.rightNow -= 100
        app.answer()
        self.assertEqual(self.account().seconds, 0)

    def test_localRedirect(self) -> None:
        """
        A local redirect, which has no code, counts as any other.
        """
        self.observed(lambda request: Response.localRedirect("/there")).get()
        self.assertAnswered(302, 0)

    def test_appStatus(self) -> None:
        """
        The exit status of the app.
        """
        self.observed(lambda request: Response(404, {}, b"gone", appStatus=7)).get()
        self.assertAnswered(404, 4, 7)

    def test_head(self) -> None:
        """
        What is not sent is not counted.
        """
        server = self.observed(lambda request: Response(200, {}, b"hello"))
        server.get(1, {"REQUEST_METHOD": "HEAD"})
        self.assertAnswered(200, 0)

    def test_large(self) -> None:
        """
        A body of many records.
        """
        self.observed(lambda request: Response(200, {}, b"x" * 1_000_000)).get()
        self.assertAnswered(200, 1_000_000)

    def test_cut(self) -> None:
        """
        A body that is longer than it declares counts as far as it was sent.
        """
        self.observed(lambda request: Response(200, {"Content-Length": "3"}, b"hello")).get()
        self.assertAnswered(200, 3)

    def test_pieces(self) -> None:
        """
        A body in pieces.
        """
        self.observed(lambda request: Response(201, {}, [b"one", b"three"])).get()
        self.assertAnswered(201, 8)

    def test_written(self) -> None:
        """
        An app that writes CGI output by itself: its status, its body, its exit status.
        """

        def app(request: Request) -> int:
            request.stdout.write(b"Status: 203 Fine\r\nX-A: b\r\n\r\nhel")
            request.stdout.write(b"lo")
            return 3

        self.observed(app).get()
        self.assertAnswered(203, 5, 3)

    def test_authorizer(self) -> None:
        """
        An Authorizer's decisions: returned, or written.
        """
        self.observed(lambda request: Allow({"A": "b"})).get(role=Role.AUTHORIZER)
        self.assertAnswered(200, 0)
        self.watcher.ended.clear()

        def app(request: Request) -> None:
            request.stdout.write(b"Status: 200 OK\r\n\r\n")

        self.observed(app).get(role=Role.AUTHORIZER)
        self.assertAnswered(200, 0)

    def test_scgi(self) -> None:
        """
        SCGI tells the same.
        """
        factory = SCGIServerFactory(ok, clock=self.clock, observers=[self.watcher])
        with MemoryFrontEnd(factory, "scgi") as web:
            self.assertEqual(self.successResultOf(web.get("/")).code, 200)
        self.assertAnswered(200, 2)


class FailureTests(ObservedTests):
    """
    Requests that end otherwise.
    """

    def test_appFails(self) -> None:
        """
        An app that fails: the page that was sent in its place, and the error.
        """
        answer = self.observed(lambda request: 1 / 0).get()
        account = self.assertAnswered(500, len(answer.body), 1)
        self.assertIsInstance(account.error, ZeroDivisionError)
        self.assertFalse(account.brokenOff)
        self.flushLoggedErrors()

    def test_badHeader(self) -> None:
        """
        A response that can't be sent is not the one that was.
        """
        self.observed(lambda request: Response(200, {"A": "b\n"}, b"hello")).get()
        self.assertIsInstance(self.assertAnswered(500, 26, 1).error, InvalidHeader)
        self.flushLoggedErrors()

    def test_headRefused(self) -> None:
        """
        The page of an error has no body where HEAD was asked for.
        """
        self.observed(lambda request: 1 / 0).get(1, {"REQUEST_METHOD": "HEAD"})
        self.assertAnswered(500, 0, 1)
        self.flushLoggedErrors()

    def test_unreadableParams(self) -> None:
        """
        Params that can't be read are a 400.
        """
        server = self.observed()
        server.send(BeginRequest(1, Role.RESPONDER, True), RawParams(1, b"\1\xff\0"))
        server.send(RawParams(1), Stdin(1))
        answer = server.answer()
        self.assertAnswered(400, len(answer.body), 1)

    def test_appFailsInTheMiddle(self) -> None:
        """
        An app that fails behind its head: its code is that which was sent.
        """

        def body() -> Any:
            yield b"hello"
            raise ValueError("no more")

        self.observed(lambda request: Response(200, {}, body())).get()
        account = self.assertAnswered(200, 5)
        self.assertTrue(account.brokenOff)
        self.assertIsInstance(account.error, ValueError)
        self.flushLoggedErrors()

    def test_aborted(self) -> None:
        """
        A request that the web server aborts has no code.
        """
        server = self.observed(Held())
        server.get()
        server.abort()
        account = self.assertAnswered(0, 0)
        self.assertTrue(account.brokenOff)
        self.assertIsInstance(account.error, RequestAborted)

    def test_abortedBeforeTheAppWasCalled(self) -> None:
        """
        A request that comes along with its abortion has an account, too.
        """
        app = Held()
        server = self.observed(app)
        server.protocol.requestEnded = lambda request: None  # type: ignore[method-assign]
        server.get(1)
        server.disconnect()
        self.assertEqual(self.watcher.told, ["opened", "began", "ended", "closed"])

    def test_connectionLost(self) -> None:
        """
        All requests of a connection end with it.
        """
        server = self.observed(Held())
        server.begin(1)
        server.begin(2)
        server.disconnect()
        self.assertEqual(len(self.watcher.ended), 2)
        self.assertTrue(all(account.brokenOff for account in self.watcher.ended))

    def test_brokenProtocol(self) -> None:
        """
        A web server that breaks the protocol.
        """
        server = self.observed(Held())
        server.begin(1)
        server.sendBytes(b"\x09" * 16)
        self.assertEqual(self.watcher.told, ["opened", "began", "UnsupportedVersion", "ended"])

    def test_ownMistake(self) -> None:
        """
        A mistake of ours.
        """
        server = self.observed()
        self.patch(server.protocol, "wire", None)
        server.sendBytes(b"x")
        self.assertEqual(self.watcher.told, ["opened", "AttributeError"])
        self.flushLoggedErrors(AttributeError)
