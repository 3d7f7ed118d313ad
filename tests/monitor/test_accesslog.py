"""
Tests of L{txfcgi.monitor.accesslog}.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from zope.interface.verify import verifyObject

from txfcgi import Limits, Request, Response
from txfcgi.monitor.accesslog import AccessLog
from txfcgi.server.observing import IServerObserver
from txfcgi.wire.records import BeginRequest, Role
from txfcgi.wire.records import Params as RawParams

from ..server.conversation import Held, ServerTests, WebServer, ok

PARAMS = {"REQUEST_URI": "/a", "REMOTE_ADDR": "198.51.100.23"}
FORMAT = '%h "%r" %>s %b %{role}x %{id}x %X'


class AccessLogTests(ServerTests):
    """
    Tests of L{AccessLog}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []

    def logged(
        self,
        app: Callable[[Any], Any] = ok,
        limits: Limits | None = None,
        format: str = FORMAT,
        **options: Any,
    ) -> WebServer:
        """
        Connect a web server to an app whose requests are logged.
        """
        log = AccessLog(self.lines.append, format, "3", lambda: 1_700_000_000.0)
        verifyObject(IServerObserver, log)
        return self.serve(app, limits, observers=[log], **options)

    def test_notWritten(self) -> None:
        """
        A path in place of what writes the lines is refused at once.
        """
        wrong: Any = "access.log"
        error = self.assertRaises(ValueError, AccessLog, wrong)
        self.assertIn("'access.log' can't", str(error))

    def test_answered(self) -> None:
        """
        A line for a request that was answered.
        """
        self.logged().get(7, PARAMS)
        self.assertEqual(self.lines, ['198.51.100.23 "GET /a" 200 2 responder 7 +'])

    def test_connectionNotKept(self) -> None:
        """
        One whose connection ends.
        """
        self.logged().get(1, PARAMS, keep=False, role=Role.AUTHORIZER)
        self.assertEqual(self.lines, ['198.51.100.23 "GET /a" 500 26 authorizer 1 -'])
        self.flushLoggedErrors()

    def test_aborted(self) -> None:
        """
        One that the web server gave up.
        """
        server = self.logged(Held())
        server.get(1, PARAMS)
        server.abort(1)
        self.assertEqual(self.lines, ['198.51.100.23 "GET /a" 499 - responder 1 X'])

    def test_stopped(self) -> None:
        """
        One that the server gave up when it stopped: with another status, and the reason.
        """
        server = self.logged(Held(), format="json")
        server.get(1, PARAMS)
        server.protocol.factory.drain(60)
        self.advance(61)
        server.disconnect()
        line = json.loads(self.lines[0])
        self.assertEqual((line["status"], line["error"]), (503, "ServerStopped"))
        self.assertTrue(line["aborted"])

    def test_unreadable(self) -> None:
        """
        One whose params can't be read.
        """
        server = self.logged()
        server.send(BeginRequest(1, Role.RESPONDER, True), RawParams(1, b"\1\xff\0"))
        server.send(RawParams(1))
        self.assertEqual(self.lines, ['- "-" 400 16 responder 1 +'])

    def test_refused(self) -> None:
        """
        One that did not reach the app, with its params or without.
        """
        server = self.logged(Held(), Limits(requests=1, paramsBytes=200))
        server.begin(1)
        server.begin(2, PARAMS)
        server.begin(3, {"A": "x" * 201})
        server.begin(4, role=9)
        self.assertEqual(
            self.lines,
            [
                '198.51.100.23 "GET /a" 503 - responder - -',
                '- "-" 503 - responder - -',
                '- "-" 500 - 9 - -',
            ],
        )

    def test_began(self) -> None:
        """
        The time is that at which the request began.
        """
        app = Held()
        self.logged(app, format="%{%M:%S}t %T").get()
        self.clock.advance(75)
        app.answer()
        self.assertEqual(self.lines, ["12:05 75"])

    def test_received(self) -> None:
        """
        The bytes of the body that came.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, await request.stdin.read())

        self.logged(app, format="%{received}x %B %{worker}x").post(b"hello")
        self.assertEqual(self.lines, ["5 5 3"])
