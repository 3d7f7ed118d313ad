"""
Tests of L{txfcgi.server.protocol}: connections, and the requests that share one.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from twisted.internet.defer import Deferred

from txfcgi import Limits, Request, Response
from txfcgi.server.protocol import ServerProtocol
from txfcgi.transport.outlet import HIGH_WATER
from txfcgi.wire.records import (
    BeginRequest,
    EndRequest,
    GetValues,
    GetValuesResult,
    Params,
    Record,
    Role,
    Stdin,
    UnknownType,
)

from .conversation import Held, ServerTests, beginning, ok

VISITOR: ContextVar[str] = ContextVar("VISITOR", default="nobody")


class KeptConnectionTests(ServerTests):
    """
    KEEP_CONN (section 3.5).
    """

    def test_closed(self) -> None:
        """
        Without KEEP_CONN the connection is closed after the answer.
        """
        server = self.serve()
        answer = server.get(keep=False)
        self.assertEqual((answer.body, answer.status), (b"ok", (0, 0)))
        self.assertTrue(server.closed)
        self.assertFalse(server.cut)

    def test_kept(self) -> None:
        """
        With KEEP_CONN it stays open, for any number of requests, also of the same id.
        """
        server = self.serve()
        for _ in range(10):
            server.forget()
            self.assertEqual(server.get(keep=True).body, b"ok")
        self.assertFalse(server.closed)
        self.assertEqual(server.protocol.factory.requests, 0)

    def test_oneWrite(self) -> None:
        """
        A small response is one write: head, body, the end of the stream and of the request.
        """
        server = self.serve()
        server.get()
        self.assertEqual(server.writes, 1)

    def test_lastOfSeveral(self) -> None:
        """
        When one of several requests asked for it, the connection is closed after the last of them.
        """
        app = Held()
        server = self.serve(app)
        server.begin(1, keep=False)
        server.begin(2, keep=True)
        app.answer(index=0)
        self.assertEqual(server.answer(1).status, (0, 0))
        self.assertFalse(server.closed)
        app.answer(index=1)
        self.assertEqual(server.answer(2).status, (0, 0))
        self.assertTrue(server.closed)

    def test_webServerClosesIdle(self) -> None:
        """
        The web server may close when nothing is active: that is not worth a message.
        """
        server = self.serve()
        server.get()
        server.disconnect()
        self.assertEqual(self.said, "")
        self.assertEqual(server.protocol.factory.connections, 0)

    def test_nothingUnasked(self) -> None:
        """
        Nothing is sent before a request, and nothing behind the end of one.
        """
        server = self.serve()
        self.assertEqual(server.records, [])
        server.get()
        self.assertIsInstance(server.records[-1], EndRequest)
        self.advance(10)
        self.assertIsInstance(server.records[-1], EndRequest)


class MultiplexTests(ServerTests):
    """
    Several requests at once on one connection.
    """

    def test_outOfOrder(self) -> None:
        """
        Requests end in any order, each with its own id (appendix B, example 4).
        """
        app = Held()
        server = self.serve(app)
        for requestID in (1, 2, 65535):
            server.begin(requestID)
        for index in (2, 0, 1):
            app.answer(b"%d" % index, index)
        ends = [each.requestID for each in server.records if isinstance(each, EndRequest)]
        self.assertEqual(ends, [65535, 1, 2])
        self.assertEqual(server.answer(65535).body, b"2")
        self.assertEqual(server.answer(1).body, b"0")
        self.assertEqual(server.answer(2).body, b"1")

    def test_inOneRead(self) -> None:
        """
        Many requests that come in one read are all served, and answered in one write.
        """
        server = self.serve(lambda request: Response(200, {}, b"%d" % request.requestID))
        server.send(*(each for n in range(1, 9) for each in (*beginning(n), Stdin(n))))
        self.assertEqual(
            [server.answer(n).body for n in range(1, 9)], [b"%d" % n for n in range(1, 9)]
        )
        self.assertEqual(server.writes, 1)

    def test_bodiesInterleaved(self) -> None:
        """
        The pieces of several bodies may be mixed.
        """

        async def echo(request: Request) -> Response:
            return Response(200, {}, await request.stdin.read())

        server = self.serve(echo)
        server.begin(1)
        server.begin(2)
        server.send(Stdin(1, b"a"), Stdin(2, b"1"), Stdin(1, b"b"), Stdin(2, b"2"), Stdin(2))
        self.assertEqual(server.answer(2).body, b"12")
        self.assertIsNone(server.answer(1).end)
        server.endStdin(1)
        self.assertEqual(server.answer(1).body, b"ab")

    def test_nothingIsShared(self) -> None:
        """
        A request sees no param, no context variable and no input of another on its connection.
        """
        seen: list[Any] = []

        async def app(request: Request) -> Response:
            seen.append((dict(request.params), VISITOR.get(), await request.stdin.read()))
            VISITOR.set("somebody")
            return Response(200, {}, b"ok")

        def plain(request: Request) -> Deferred[Response]:
            return Deferred.fromCoroutine(app(request))

        for each in (app, plain):
            seen.clear()
            server = self.serve(each)
            server.post(b"secret", 1, {"SECRET": "1", "HTTP_COOKIE": "a"})
            server.get(1, {"PLAIN": "2"})
            self.assertEqual(seen[0][1:], ("nobody", b"secret"))
            self.assertEqual(seen[1], ({"PLAIN": "2"}, "nobody", b""))

    def test_switchedOff(self) -> None:
        """
        With C{multiplex=False} a second request is refused with CANT_MPX_CONN; the first goes on,
        and so does the connection.
        """
        app = Held()
        server = self.serve(app, multiplex=False)
        server.begin(1)
        server.get(2)
        self.assertEqual(server.answer(2).records, [EndRequest(2, 0, 1)])
        self.assertSaid("request 2 from", "refused", "one request at a time")
        app.answer()
        self.assertEqual(server.answer(1).body, b"ok")
        server.begin(3)
        app.answer(index=1)
        self.assertEqual(server.answer(3).body, b"ok")

    def test_failureIsAlone(self) -> None:
        """
        An app that fails after the head costs its request; the end of that says that it failed,
        and the others on the connection go on.
        """
        app = Held()

        async def respond(request: Request) -> Any:
            if request.requestID == 2:
                return await app(request)
            return Response(200, {}, broken())

        def broken() -> Any:
            yield b"a part"
            raise ZeroDivisionError

        server = self.serve(respond)
        server.begin(2)
        server.get(1)
        self.assertFailed(ZeroDivisionError)
        self.assertEqual(server.answer(1).status, (1, 0))
        app.answer()
        self.assertEqual(server.answer(2).body, b"ok")
        self.assertServes(server)


class ManagementTests(ServerTests):
    """
    Management records (section 4).
    """

    def test_values(self) -> None:
        """
        GET_VALUES is answered with what is enforced.
        """
        server = self.serve(limits=Limits(connections=7, requests=8))
        self.assertEqual(
            server.values(b"FCGI_MAX_CONNS", b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS", b"NEVER_HEARD"),
            {b"FCGI_MAX_CONNS": b"7", b"FCGI_MAX_REQS": b"8", b"FCGI_MPXS_CONNS": b"1"},
        )
        # HAProxy takes the number of requests for that of one connection.
        server = self.serve(limits=Limits(requests=8, requestsPerConnection=3))
        self.assertEqual(server.values(b"FCGI_MAX_REQS"), {b"FCGI_MAX_REQS": b"3"})
        server = self.serve(multiplex=False)
        self.assertEqual(server.values(b"FCGI_MPXS_CONNS"), {b"FCGI_MPXS_CONNS": b"0"})

    def test_ownValues(self) -> None:
        """
        More values may be given, and the known ones replaced.
        """
        server = self.serve(values={"COLOUR": "grün", "FCGI_MAX_REQS": "3"})
        self.assertEqual(
            server.values(b"COLOUR", b"FCGI_MAX_REQS"),
            {b"COLOUR": "grün".encode(), b"FCGI_MAX_REQS": b"3"},
        )

    def test_noValues(self) -> None:
        """
        A question for nothing is answered with nothing.
        """
        server = self.serve()
        server.send(GetValues(()))
        self.assertEqual(server.records, [GetValuesResult(())])

    def test_amidParams(self) -> None:
        """
        The question may come in the middle of a request.
        """
        server = self.serve()
        server.send(BeginRequest(1, Role.RESPONDER, True), GetValues((b"FCGI_MPXS_CONNS",)))
        self.assertEqual(server.records, [GetValuesResult(((b"FCGI_MPXS_CONNS", b"1"),))])
        server.send(Params(1), Stdin(1))
        self.assertEqual(server.answer().body, b"ok")

    def test_unknownType(self) -> None:
        """
        A management record of unknown type is answered with UNKNOWN_TYPE.
        """
        server = self.serve()
        server.send(Record(77, 0, b"?"))
        self.assertEqual(server.records, [UnknownType(77)])
        self.assertServes(server)

    def test_beforeTheClose(self) -> None:
        """
        What is asked in one read with a request that ends the connection is answered before it is
        closed, and before the answer to the request.
        """
        questions = (GetValues((b"FCGI_MPXS_CONNS",)), Record(77, 0, b""))
        request = (*beginning(1, keep=False), Stdin(1))
        for records in (
            (*questions, *request),
            (*request, *questions),
            (request[0], *questions, *request[1:]),
        ):
            server = self.serve()
            server.sendBytes(b"".join(record.encode() for record in records))
            values, unknown = server.records[:2]
            self.assertEqual(values, GetValuesResult(((b"FCGI_MPXS_CONNS", b"1"),)))
            self.assertEqual(unknown, UnknownType(77))
            self.assertEqual(server.answer().body, b"ok")
            self.assertTrue(server.closed)

    def test_beforeTheFailure(self) -> None:
        """
        What was asked before the protocol was broken is answered, too.
        """
        server = self.serve()
        server.sendBytes(GetValues((b"FCGI_MPXS_CONNS",)).encode() + b"\2" * 8)
        self.assertEqual(server.records, [GetValuesResult(((b"FCGI_MPXS_CONNS", b"1"),))])
        self.assertTrue(server.closed)

    def test_floodOfQuestions(self) -> None:
        """
        A peer that asks and asks, and reads nothing, is cut off.
        """
        server = self.serve(limits=Limits(outputBytes=HIGH_WATER + 100))
        server.protocol.outlet.pauseProducing()
        for _ in range(3):
            server.send(GetValues((b"FCGI_MAX_CONNS",)))
        self.assertFalse(server.cut)
        server.send(GetValues((b"FCGI_MAX_CONNS",)))
        self.assertTrue(server.cut)
        self.assertSaid("192.0.2.1", "reads none of its answers")


class RolesTests(ServerTests):
    """
    What an app is told of its connection.
    """

    def test_addresses(self) -> None:
        """
        Both ends of the connection, the id, and whether the connection is kept.
        """
        app = Held()
        server = self.serve(app)
        server.begin(300, keep=False)
        (request,) = app.requests
        self.assertEqual((request.peer.host, request.peer.port), ("192.0.2.1", 4711))
        self.assertEqual((request.host.host, request.host.port), ("192.0.2.2", 9000))
        self.assertEqual((request.requestID, request.keepConnection), (300, False))
        self.assertIsInstance(server.protocol, ServerProtocol)
        self.assertIn("300", repr(request))
        self.assertIn("192.0.2.1", repr(request))

    def test_plainFunction(self) -> None:
        """
        The simplest of apps.
        """
        self.assertEqual(self.serve(ok).get().body, b"ok")
