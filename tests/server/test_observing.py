"""
Tests of L{txfcgi.server.observing}: what a server tells those who watch it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txfcgi import Allow, Limits, Overloaded, Request, Response, SCGIServerFactory
from txfcgi.errors import InvalidHeader, RequestAborted, TimedOut, UnknownRole
from txfcgi.server.factory import ServerFactory
from txfcgi.server.observing import Account, IServerObserver, ServerObserver, reasonOf
from txfcgi.testing.frontend import MemoryFrontEnd
from txfcgi.wire.params import Params
from txfcgi.wire.records import BeginRequest, Role, Stdin
from txfcgi.wire.records import Params as RawParams

from .conversation import PEER, Held, ServerTests, WebServer, beginning, ok


@implementer(IServerObserver)
class Watcher:
    """
    Writes down what it is told.

    @ivar told: The names of the events.
    @ivar ended: The account of each request that is over.
    @ivar refused: Why requests were refused.
    @ivar limits: The limits that were reached.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ended: list[Account] = []
        self.refused: list[tuple[int, str, str | None]] = []
        self.limits: list[str] = []

    tracksRequests = False

    def ticked(self, server: ServerFactory) -> None:
        """
        Write it down.
        """
        self.told.append("ticked")

    def connectionOpened(self, peer: IAddress) -> None:
        """
        Write it down.
        """
        self.told.append("opened")

    def connectionClosed(self, peer: IAddress) -> None:
        """
        Write it down.
        """
        self.told.append("closed")

    def connectionRefused(self, peer: IAddress | None, reason: str) -> None:
        """
        Write it down.
        """
        self.told.append(f"refused for {reason}")

    def connectionFailed(self, peer: IAddress, error: BaseException) -> None:
        """
        Write it down.
        """
        self.told.append(type(error).__name__)

    def requestBegan(self, request: Request, account: Account) -> None:
        """
        Write it down.
        """
        assert request.account is account
        self.told.append("began")

    def requestEnded(self, request: Request, account: Account) -> None:
        """
        Write it down.
        """
        self.told.append("ended")
        self.ended.append(account)

    def requestRefused(
        self, peer: IAddress, role: int, params: Params | None, error: BaseException
    ) -> None:
        """
        Write it down.
        """
        uri = None if params is None else params.get("REQUEST_URI")
        self.refused.append((role, reasonOf(error), uri))

    def limitReached(self, name: str) -> None:
        """
        Write it down.
        """
        self.limits.append(name)


class ObservedTests(ServerTests):
    """
    Tests with a watcher.
    """

    def setUp(self) -> None:
        super().setUp()
        self.watcher = Watcher()

    def observed(
        self, app: Callable[[Any], Any] = ok, limits: Limits | None = None, **options: Any
    ) -> WebServer:
        """
        Connect a web server to an app that is watched.
        """
        return self.serve(app, limits, observers=[self.watcher], **options)

    def account(self) -> Account:
        """
        The account of the one request that there was.
        """
        [account] = self.watcher.ended
        return account

    def assertAnswered(self, code: int, bodyBytes: int, appStatus: int = 0) -> Account:
        """
        Check what the account of the one request says of its answer.
        """
        account = self.account()
        self.assertEqual(
            (account.code, account.bodyBytes, account.appStatus), (code, bodyBytes, appStatus)
        )
        return account


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


class RefusalTests(ObservedTests):
    """
    What is refused, and by which limit.
    """

    def test_peer(self) -> None:
        """
        A peer that may not connect.
        """
        factory = self.factory(allowFrom=lambda peer: False, observers=[self.watcher])
        self.assertIsNone(factory.buildProtocol(UNIXAddress("")))
        self.assertEqual(self.watcher.told, ["refused for peer"])

    def test_connections(self) -> None:
        """
        One connection too many gets a 503; at twice as many, none at all.
        """
        factory = self.factory(limits=Limits(connections=1), observers=[self.watcher])
        WebServer(factory)
        WebServer(factory).get(1, {"REQUEST_URI": "/a"})
        self.assertIsNone(factory.buildProtocol(PEER))
        self.assertEqual(self.watcher.refused, [(1, "connections", "/a")])
        self.assertEqual(self.watcher.limits, ["connections"])
        self.assertEqual(self.watcher.told, ["opened", "opened", "refused for connections"])

    def test_requests(self) -> None:
        """
        One request too many.
        """
        server = self.observed(Held(), Limits(requests=1))
        server.begin(1)
        server.begin(2, {"REQUEST_URI": "/b"})
        self.assertEqual(self.watcher.refused, [(1, "requests", "/b")])
        self.assertEqual(self.watcher.limits, ["requests"])

    def test_requestsPerConnection(self) -> None:
        """
        One request too many for its connection.
        """
        server = self.observed(Held(), Limits(requestsPerConnection=1))
        server.begin(1)
        server.begin(2)
        self.assertEqual(self.watcher.limits, ["requestsPerConnection"])

    def test_paramsBytes(self) -> None:
        """
        Params that are too long; they are not there then.
        """
        self.observed(limits=Limits(paramsBytes=100)).get(1, {"A": "x" * 200})
        self.assertEqual(self.watcher.refused, [(1, "paramsBytes", None)])
        self.assertEqual(self.watcher.limits, ["paramsBytes"])

    def test_paramsCount(self) -> None:
        """
        Params that are too many: the app was called, but its answer did not leave.
        """
        self.observed(limits=Limits(paramsCount=2)).get(1, {"A": "x", "B": "x", "C": "x"})
        self.assertEqual(self.account().code, 431)
        self.assertEqual(self.watcher.limits, ["paramsCount"])

    def test_role(self) -> None:
        """
        A role that does not exist.
        """
        self.observed().get(role=9)
        self.assertEqual(self.watcher.refused, [(9, "role", None)])
        self.assertEqual(self.watcher.limits, [])

    def test_drained(self) -> None:
        """
        A request that comes too late.
        """
        server = self.observed(Held())
        server.begin(1)
        server.protocol.server.drain(60, 1)
        self.clock.advance(2)
        server.begin(2)
        self.assertEqual([reason for _, reason, _ in self.watcher.refused], ["drainIdle"])

    def test_body(self) -> None:
        """
        A body that is too long.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, await request.stdin.read())

        self.observed(app, Limits(bodyBytes=10)).post(b"x" * 11)
        self.assertEqual(self.account().code, 413)
        self.assertEqual(self.watcher.limits, ["bodyBytes"])

    def test_overloadedApp(self) -> None:
        """
        An app that takes nothing now reached no limit of ours.
        """

        def app(request: Request) -> Response:
            raise Overloaded

        self.observed(app).get()
        self.assertEqual(self.account().code, 503)
        self.assertEqual(self.watcher.limits, [])

    def test_requestTimeout(self) -> None:
        """
        An app that takes too long.
        """
        self.observed(Held(), Limits(requestTimeout=3)).get()
        self.advance(5)
        self.assertEqual(self.account().code, 504)
        self.assertEqual(self.watcher.limits, ["requestTimeout"])

    def test_bodyTimeout(self) -> None:
        """
        A body that does not come.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, await request.stdin.read())

        server = self.observed(app, Limits(bodyTimeout=3))
        server.begin(1, {"CONTENT_LENGTH": "5"})
        self.advance(6)
        self.assertEqual(self.account().code, 408)
        self.assertEqual(self.watcher.limits, ["bodyTimeout"])

    def test_paramsTimeout(self) -> None:
        """
        Params that do not come.
        """
        server = self.observed(limits=Limits(paramsTimeout=3))
        server.send(beginning(1)[0])
        self.advance(5)
        self.assertTrue(server.cut)
        self.assertEqual(self.watcher.limits, ["paramsTimeout"])

    def test_reasons(self) -> None:
        """
        Each refusal has a word.
        """
        self.assertEqual(reasonOf(Overloaded()), "overloaded")
        self.assertEqual(reasonOf(UnknownRole()), "role")
        self.assertEqual(reasonOf(TimedOut("late")), "limit")
        self.assertEqual(reasonOf(ValueError()), "error")


class CountTests(ObservedTests):
    """
    What a factory itself knows.
    """

    def test_traffic(self) -> None:
        """
        The bytes of all connections that there were.
        """
        factory = self.factory(observers=[self.watcher])
        servers = [WebServer(factory) for _ in range(2)]
        records = b"".join(record.encode() for record in [*beginning(1), Stdin(1)])
        for server in servers:
            server.sendBytes(records)
        sent = sum(len(server.transport.value()) for server in servers)
        self.assertEqual(factory.traffic, (2 * len(records), sent))
        servers[0].disconnect()
        self.assertEqual(factory.traffic, (2 * len(records), sent))

    def test_running(self) -> None:
        """
        The requests that run, the oldest first.
        """
        factory = self.factory(Held(), observers=[self.watcher])
        servers = [WebServer(factory) for _ in range(2)]
        servers[1].begin(1, {"REQUEST_URI": "/first"})
        self.advance(2)
        servers[0].begin(1, {"REQUEST_URI": "/second"})
        self.assertEqual([request.uri for request in factory.running()], ["/first", "/second"])
        servers[1].abort(1)
        self.assertEqual([request.uri for request in factory.running()], ["/second"])


class HarmTests(ObservedTests):
    """
    An observer that fails.
    """

    def test_request(self) -> None:
        """
        It costs a line in the log, and neither the request nor the other observers.
        """

        class Bad(ServerObserver):
            """
            Fails at each request.
            """

            def requestBegan(self, request: Request, account: Account) -> None:
                """
                Fail.
                """
                raise ValueError("began")

            def requestEnded(self, request: Request, account: Account) -> None:
                """
                Fail.
                """
                raise ValueError("ended")

        server = self.serve(observers=[Bad(), self.watcher])
        self.assertEqual(server.get().code, 200)
        self.assertEqual(self.watcher.told, ["opened", "began", "ended"])
        self.assertSaid("An observer failed in", "requestBegan")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_cancelledApp(self) -> None:
        """
        An app that is cancelled and answers all the same has one account.
        """

        def app(request: Request) -> Deferred[Response]:
            result: Deferred[Response] = Deferred(lambda d: d.callback(Response(200, {}, b"late")))
            return result

        server = self.observed(app)
        server.get()
        server.abort()
        self.assertAnswered(0, 0)
