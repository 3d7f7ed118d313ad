"""
Tests of L{txfcgi.monitor.counters}.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from zope.interface.verify import verifyObject

from txfcgi import FastCGIClient, Limits, Request, Response
from txfcgi.monitor.counters import BUCKETS, Counters, remains, total
from txfcgi.server.observing import IServerObserver
from txfcgi.wire.records import Role

from ..server.conversation import PEER, Held, ServerTests, WebServer, ok


class CountersTests(ServerTests):
    """
    Tests of L{Counters}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.counters = Counters()

    def counted(
        self, app: Callable[[Any], Any] = ok, limits: Limits | None = None, **options: Any
    ) -> WebServer:
        """
        Connect a web server to an app whose requests are counted.
        """
        factory = self.factory(app, limits, observers=[self.counters], **options)
        self.counters.addServer(factory)
        return WebServer(factory)

    def test_interface(self) -> None:
        """
        It is an observer.
        """
        verifyObject(IServerObserver, self.counters)

    def test_requests(self) -> None:
        """
        Requests by role and by the first digit of their status.
        """
        server = self.counted(lambda request: Response(404, {}, b"gone"))
        server.get(1)
        server.get(2, role=Role.AUTHORIZER)
        figures = self.counters.figures()
        self.assertEqual(figures["requests"], 2)
        self.assertEqual(figures["roles"], {"responder": 1, "authorizer": 1, "filter": 0})
        self.assertEqual(figures["answers"], [0, 0, 0, 0, 2, 0])
        self.assertEqual((figures["running"], figures["busiest"]), (0, 1))

    def test_oddCode(self) -> None:
        """
        A status that is of no class.
        """
        self.counted(lambda request: Response(900, {}, b"")).get()
        self.assertEqual(self.counters.figures()["answers"], [1, 0, 0, 0, 0, 0])

    def test_connections(self) -> None:
        """
        Connections that are open, and those that were.
        """
        server = self.counted()
        self.assertEqual((self.counters.connections, self.counters.accepted), (1, 1))
        server.disconnect()
        self.assertEqual((self.counters.connections, self.counters.accepted), (0, 1))

    def test_traffic(self) -> None:
        """
        The bytes both ways.
        """
        server = self.counted()
        server.get()
        figures = self.counters.figures()
        self.assertEqual(figures["sent"], len(server.transport.value()) or figures["sent"])
        self.assertEqual(figures["received"], server.protocol.received)
        self.assertGreater(figures["received"], 0)
        self.assertGreater(figures["sent"], 0)

    def test_aborted(self) -> None:
        """
        A request that the web server gives up is no error.
        """
        server = self.counted(Held())
        server.get(1)
        server.abort(1)
        figures = self.counters.figures()
        self.assertEqual((figures["aborted"], figures["errors"]), (1, 0))
        self.assertEqual(figures["answers"], [1, 0, 0, 0, 0, 0])

    def test_errors(self) -> None:
        """
        An app that fails is an error, before its head and behind it.
        """

        def body() -> Any:
            yield b"hello"
            raise ValueError("no more")

        def app(request: Request) -> Response:
            if request.uri == "/broken":
                return Response(200, {}, body())
            raise ValueError("no")

        server = self.counted(app)
        server.get(1)
        server.get(2, {"REQUEST_URI": "/broken"})
        figures = self.counters.figures()
        self.assertEqual((figures["aborted"], figures["errors"]), (0, 2))
        self.flushLoggedErrors(ValueError)

    def test_noFault(self) -> None:
        """
        What is too large is no error, but a limit that was reached.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, await request.stdin.read())

        self.counted(app, Limits(bodyBytes=10)).post(b"x" * 11)
        figures = self.counters.figures()
        self.assertEqual((figures["limits"], figures["errors"]), ({"bodyBytes": 1}, 0))

    def test_refused(self) -> None:
        """
        Requests that are refused, by the reason.
        """
        server = self.counted(Held(), Limits(requests=1))
        server.begin(1)
        server.begin(2)
        server.begin(3, role=9)
        figures = self.counters.figures()
        self.assertEqual(figures["refused"], {"requests": 1, "role": 1})
        self.assertEqual(figures["limits"], {"requests": 1})

    def test_refusedConnections(self) -> None:
        """
        Connections that are refused, by the reason.
        """
        server = self.counted(limits=Limits(connections=1))
        factory = server.protocol.server
        WebServer(factory)  # type: ignore[arg-type]
        factory.buildProtocol(PEER)
        self.counters.connectionRefused(PEER, "peer")
        figures = self.counters.figures()
        self.assertEqual(figures["refused"], {"connections": 1, "peer": 1})
        self.assertEqual(figures["limits"], {"connections": 1})

    def test_brokenConnection(self) -> None:
        """
        A breach of the protocol.
        """
        self.counted().sendBytes(b"\x09" * 16)
        self.assertEqual(self.counters.figures()["brokenConnections"], 1)

    def test_durations(self) -> None:
        """
        How many requests took how long.
        """
        for seconds in (0.0, 0.001, 0.002, 31.0):
            app = Held()
            self.counted(app).get()
            self.clock.advance(seconds)
            app.answer()
        figures = self.counters.figures()
        self.assertEqual(figures["durations"], [2, 1, *[0] * (len(BUCKETS) - 2), 1])
        self.assertAlmostEqual(figures["seconds"], 31.003)

    def test_clients(self) -> None:
        """
        What there is to say of a client's pool stands among them.
        """
        client = FastCGIClient(self.clock, "unix:/nowhere")
        self.counters.addClient("php", client)
        figures = self.counters.figures()["clients"]["php"]
        self.assertEqual(figures, asdict(client.figures()))
        self.assertEqual((figures["open"], figures["retries"]), (0, 0))

    def test_json(self) -> None:
        """
        JSON can express them.
        """
        self.counted().get()
        figures = self.counters.figures()
        self.assertEqual(json.loads(json.dumps(figures)), figures)


class TotalTests(ServerTests):
    """
    Tests of L{total} and L{remains}.
    """

    def test_nobody(self) -> None:
        """
        Of nobody, there is nothing.
        """
        self.assertEqual(total([]), Counters().figures())

    def test_sum(self) -> None:
        """
        Numbers, lists and named numbers are added.
        """
        one = {"requests": 2, "answers": [0, 0, 2, 0, 0, 0], "limits": {"bodyBytes": 1}}
        two = {"requests": 3, "answers": [1, 0, 2, 0, 0, 0], "limits": {"requests": 1}}
        clients = {"clients": {"php": {"open": 1}}}
        both = total([one | clients, two | clients])
        self.assertEqual(both["requests"], 5)
        self.assertEqual(both["answers"], [1, 0, 4, 0, 0, 0])
        self.assertEqual(both["limits"], {"bodyBytes": 1, "requests": 1})
        self.assertEqual(both["clients"], {"php": {"open": 2}})
        self.assertEqual(both["aborted"], 0)

    def test_nonsense(self) -> None:
        """
        What is not a figure is left out: a worker runs anybody's code.
        """
        wrong = {"requests": "many", "answers": [1], "limits": 5, "aborted": True, "more": 1}
        self.assertEqual(total([wrong]), Counters().figures())

    def test_remains(self) -> None:
        """
        When a worker is gone, what it has counted stays, and what it had does not.
        """
        figures = Counters().figures() | {"requests": 5, "running": 2, "connections": 3}
        figures["clients"] = {"php": {"open": 2, "retries": 4}}
        left = total([remains(figures)])
        self.assertEqual((left["requests"], left["running"], left["connections"]), (5, 0, 0))
        self.assertEqual(left["clients"], {"php": {"retries": 4}})
