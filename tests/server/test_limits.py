"""
Tests of L{txfcgi.Limits} that count: what can be a limit, and how many requests and connections
there may be. Each limit is reached, and nothing else is lost: no other request, no other
connection. What is enforced on real sockets is in L{test_sockets}.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Limits, Role
from txfcgi.wire.records import BeginRequest, EndRequest

from .conversation import Held, WebServer, ok
from .limited import LimitTests


class ValuesTests(SynchronousTestCase):
    """
    What can be a limit.
    """

    def test_frozen(self) -> None:
        """
        Limits are values, given by name.
        """
        limits = Limits(requests=5)
        self.assertEqual(dataclasses.replace(limits, requests=1024), Limits())
        self.assertRaises(dataclasses.FrozenInstanceError, setattr, limits, "requests", 6)
        self.assertRaises(TypeError, Limits, 5)

    def test_whole(self) -> None:
        """
        What counts bytes or requests is a whole number; seconds need not be.
        """
        error = self.assertRaises(ValueError, Limits, paramsBytes=1e6)
        self.assertEqual(str(error), "paramsBytes is a whole number, not 1000000.0")
        Limits(idleTimeout=0.5)

    def test_impossible(self) -> None:
        """
        None of them can be negative, only two can be nothing, and only two can be switched off.
        """
        for field in dataclasses.fields(Limits):
            for value, allowed in (
                (-1, ()),
                (0, ("lingerBytes", "abortSlowReaders")),
                (None, ("bodyBytes", "requestTimeout")),
            ):
                given: dict[str, Any] = {field.name: value}
                if field.name in allowed:
                    self.assertEqual(getattr(Limits(**given), field.name), value)
                else:
                    with self.assertRaisesRegex(ValueError, field.name):
                        Limits(**given)


class HowManyTests(LimitTests):
    """
    Limits of counts.
    """

    def test_connections(self) -> None:
        """
        C{connections}: a request on one more is answered with 503, and its connection closed; at
        twice as many a connection is closed at once. When others go there is room again.
        """
        server, other = self.serveTwo(ok, Limits(connections=2))
        factory = server.protocol.server
        third, fourth = WebServer(factory), WebServer(factory)  # type: ignore[arg-type]
        answer = third.get(5)
        self.assertEqual((answer.code, answer.status), (503, (1, 0)))
        self.assertEqual(answer.headers["retry-after"], "1")
        self.assertTrue(third.closed)
        self.assertSaid("request 5 from", "is refused: more than 2 connections")
        self.assertIsNone(factory.buildProtocol(None))
        self.assertSaid("is closed at once, unanswered: 4 connections are open, twice as many as")
        self.assertEqual(server.get().body, b"ok")
        third.disconnect()
        fourth.disconnect()
        server.disconnect()
        self.assertEqual(WebServer(factory).get().body, b"ok")  # type: ignore[arg-type]
        self.assertNothingLost(other)

    def test_requests(self) -> None:
        """
        C{requests}: one more, on any connection, is answered with 503. The
        connection stays, and there is room when another has ended.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits(requests=2))
        server.begin(1)
        server.get(2, {"A": "b"})
        self.assertEqual((server.answer(2).code, server.answer(2).status), (503, (1, 0)))
        self.assertSaid("request 2 from", "is refused: more than 2 requests")
        self.assertEqual(server.post(b"not taken", 3).code, 503)
        third = WebServer(server.protocol.server)  # type: ignore[arg-type]
        self.assertEqual(third.get(1, {"A": "b"}).code, 503)
        third.disconnect()
        app.answer()
        self.assertEqual(server.answer(1).body, b"ok")
        server.begin(2)
        self.assertEqual(len(app.requests), 2)
        app.answer(index=1)
        self.assertServes(server)
        self.assertNothingLost(other)

    def test_requestsPerConnection(self) -> None:
        """
        C{requestsPerConnection}: one more on a connection is answered with 503; others have room.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits(requestsPerConnection=2))
        self.beginOther(server)
        server.begin(1)
        server.get(2)
        self.assertEqual((server.answer(2).code, server.answer(2).status), (503, (1, 0)))
        self.assertSaid("request 2 from", "2 requests are active on this connection")
        other.begin(2)
        self.assertEqual(len(app.requests), 2)
        app.answer(index=0)
        app.answer(index=1)
        self.assertEqual(server.answer(1).body, b"ok")
        self.assertServes(server)
        self.assertNothingLost(server, other)

    def test_requestsPerConnectionFlood(self) -> None:
        """
        A peer that begins ever more requests, and ends the params of none, hears of each.
        """
        server, other = self.serveTwo(ok, Limits(requestsPerConnection=2))
        server.send(*(BeginRequest(n, Role.RESPONDER, True) for n in range(1, 100)))
        ends = [each for each in server.records if isinstance(each, EndRequest)]
        self.assertEqual(ends, [EndRequest(n, 0, 2) for n in range(5, 100)])
        self.assertNothingLost(other)

    def test_requestsPerConnectionTotal(self) -> None:
        """
        C{requestsPerConnectionTotal}: the connection is closed after its last request, when all
        that are active on it have ended.
        """
        server, other = self.serveTwo(ok, Limits(requestsPerConnectionTotal=3))
        self.beginOther(server)
        self.assertEqual(server.get(1).body, b"ok")
        self.assertFalse(server.closed)
        self.assertEqual(server.get(2).body, b"ok")
        self.assertFalse(server.closed)
        self.assertNothingLost(server, other)
        self.assertTrue(server.closed)
        self.assertFalse(other.closed)
        server = self.serve(ok, Limits(requestsPerConnectionTotal=3))
        for _ in range(3):
            self.assertFalse(server.closed)
            server.forget()
            self.assertEqual(server.get().body, b"ok")
        self.assertTrue(server.closed)

    def test_paramsCount(self) -> None:
        """
        C{paramsCount}: more are answered with 431, before or at the first look at them.
        """
        server, other = self.serveTwo(ok, Limits(paramsCount=3))
        self.beginOther(server)
        self.assertEqual(server.get(1, {"A": "", "B": "", "C": ""}).body, b"ok")
        answer = server.get(2, {"A": "", "B": "", "C": "", "D": ""})
        self.assertEqual((answer.code, answer.status), (431, (1, 0)))
        self.assertSaid("ResponderRequest 2 from", "4 params, and at most 3 are allowed")
        self.assertNothingLost(server, other)
        self.assertServes(server)
