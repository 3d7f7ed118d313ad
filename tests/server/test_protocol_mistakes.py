"""
Tests of L{txfcgi.server.protocol}: web servers that break the protocol, and our own mistakes.
"""

from __future__ import annotations

from typing import Any

from txfcgi import Request, Response
from txfcgi.errors import (
    ConnectionClosed,
    UnsupportedVersion,
)
from txfcgi.wire.records import (
    AbortRequest,
    BeginRequest,
    EndRequest,
    Params,
    Record,
    Role,
    Stdin,
)

from .conversation import Held, ServerTests, WebServer, beginning, stdin


class MistakeTests(ServerTests):
    """
    What a peer does wrong costs its connection, with one line that says which rule and from where.
    """

    def test_brokenProtocol(self) -> None:
        """
        The connection is closed, and its requests are aborted; those of others are not.
        """
        app = Held()
        factory = self.factory(app)
        server, other = WebServer(factory), WebServer(factory)
        server.begin()
        other.begin()
        finished = app.requests[0].notifyFinish()
        server.send(BeginRequest(1, Role.RESPONDER))
        self.assertTrue(server.closed)
        self.assertSaid("192.0.2.1", "broke the protocol", "id 1, which is active (section 3.3)")
        self.assertEqual(len(self.said.splitlines()), 1)
        self.failureResultOf(finished, ConnectionClosed)
        self.assertEqual(app.cancelled, app.requests[:1])
        app.answer(index=1)
        self.assertEqual(other.answer().body, b"ok")

    def test_http(self) -> None:
        """
        An HTTP client is told apart.
        """
        server = self.serve()
        server.sendBytes(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n")
        self.assertTrue(server.closed)
        self.assertSaid("does an HTTP client speak to this port?")
        self.assertEqual(server.records, [])

    def test_more(self) -> None:
        """
        What still comes on a connection that is being closed is dropped.
        """
        server = self.serve()
        server.sendBytes(bytes(8))
        server.send(*beginning(1), Stdin(1))
        server.sendBytes(bytes(8))
        self.assertEqual(server.records, [])
        self.assertEqual(len(self.said.splitlines()), 1)

    def test_requestsBefore(self) -> None:
        """
        A request that was complete before the mistake, in the same read, is answered.
        """
        server = self.serve()
        server.sendBytes(b"".join(each.encode() for each in (*beginning(1), Stdin(1))) + bytes(8))
        self.assertEqual(server.answer().status, (0, 0))
        self.assertTrue(server.closed)

    def test_unknownRole(self) -> None:
        """
        A role that does not exist is refused, and the connection kept.
        """
        server = self.serve()
        self.assertEqual(server.get(1, role=77).records, [EndRequest(1, 0, 3)])
        self.assertSaid("request 1 from", "refused", "role 77")
        self.assertServes(server)

    def test_unknownRoleWithoutKeeping(self) -> None:
        """
        A refused request that is not to be kept open is the last.
        """
        server = self.serve()
        self.assertEqual(server.get(1, role=77, keep=False).records, [EndRequest(1, 0, 3)])
        self.assertTrue(server.closed)

    def test_inactiveIDs(self) -> None:
        """
        Records for ids that are not active are ignored.
        """
        server = self.serve()
        server.send(Stdin(5, b"x"), Params(6, b"y"), AbortRequest(7), Record(8, 8, b"z"))
        self.assertEqual(server.records, [])
        self.assertServes(server)

    def test_ownMistake(self) -> None:
        """
        A mistake of our own is logged with its traceback, and costs the connection.
        """
        server = self.serve()

        def broken(data: bytes) -> Any:
            raise ZeroDivisionError

        self.patch(type(server.protocol.wire), "receive", lambda self, data: broken(data))
        server.get()
        self.assertFailed(ZeroDivisionError)
        self.assertSaid("txfcgi failed on", "192.0.2.1", "is cut")
        self.assertTrue(server.cut)

    def test_everyCut(self) -> None:
        """
        However a request is cut into reads, it is served.
        """
        whole = b"".join(
            each.encode() for each in (*beginning(3, {"CONTENT_LENGTH": "4"}), *stdin(3, b"body"))
        )

        async def echo(request: Request) -> Response:
            return Response(200, {}, await request.stdin.read())

        for at in range(1, len(whole)):
            server = self.serve(echo)
            server.sendBytes(whole[:at])
            server.sendBytes(whole[at:])
            self.assertEqual(server.answer(3).body, b"body")
        server = self.serve(echo)
        for byte in whole:
            server.sendBytes(bytes([byte]))
        self.assertEqual(server.answer(3).body, b"body")

    def test_halfSent(self) -> None:
        """
        A web server that goes away in the middle of a request costs nothing.
        """
        whole = b"".join(
            each.encode() for each in (*beginning(3, {"CONTENT_LENGTH": "4"}), *stdin(3, b"body"))
        )
        ended: list[BaseException] = []

        async def app(request: Request) -> Response:
            try:
                return Response(200, {}, await request.stdin.read())
            except BaseException as error:
                ended.append(error)
                raise

        factory = self.factory(app)
        for at in range(len(whole) - 8):
            server = WebServer(factory)
            server.sendBytes(whole[:at])
            server.disconnect()
        self.assertEqual((factory.connections, factory.requests), (0, 0))
        self.assertTrue(ended)
        self.assertEqual(self.said, "")

    def test_errorClass(self) -> None:
        """
        What an app of a failed connection hears names the rule.
        """
        app = Held()
        server = self.serve(app)
        server.begin()
        finished = app.requests[0].notifyFinish()
        server.sendBytes(b"\7" + bytes(7))
        error = self.failureResultOf(finished, ConnectionClosed).value
        self.assertIn("version 7", str(error))
        self.assertIsInstance(server.protocol.wire.failed, UnsupportedVersion)
