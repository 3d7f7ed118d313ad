"""
Tests of L{txfcgi.server.observing}: refusals, what a factory counts, and observers that fail.
"""

from __future__ import annotations

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred

from txfcgi import Limits, Overloaded, Request, Response
from txfcgi.errors import TimedOut, UnknownRole
from txfcgi.server.observing import Account, ServerObserver, reasonOf
from txfcgi.wire.records import Stdin

from .conversation import PEER, Held, WebServer, beginning
from .observed import ObservedTests


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
