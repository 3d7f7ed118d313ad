"""
Servers with limits.
"""

from __future__ import annotations

from typing import Any

from txfcgi import Limits

from .conversation import Held, ServerTests, WebServer


class LimitTests(ServerTests):
    """
    Tests that bring a server to one of its limits while others use it.
    """

    def serveTwo(self, app: Any, limits: Limits, **options: Any) -> tuple[WebServer, WebServer]:
        """
        Connect two web servers to one server. The second one has a request that waits.
        """
        self.others = Held()
        factory = self.factory(
            lambda request: (self.others if "OTHER" in request.params else app)(request),
            limits,
            **options,
        )
        server, other = WebServer(factory), WebServer(factory)
        other.begin(1, {"OTHER": "1"})
        return server, other

    def beginOther(self, server: WebServer, requestID: int = 500) -> None:
        """
        Begin a request that has nothing to do with it.
        """
        server.begin(requestID, {"OTHER": "1"})

    def assertNothingLost(self, *servers: WebServer) -> None:
        """
        Answer all of those requests: they had not noticed anything.
        """
        answers = [
            (server, requestID)
            for server in servers
            for requestID, request in server.protocol.requests.items()
            if request in self.others.requests
        ]
        self.assertEqual(len(answers), len(self.others.requests))
        self.assertEqual(self.others.cancelled, [])
        for index in range(len(self.others.requests)):
            self.others.answer(index=index)
        for server, requestID in answers:
            self.assertEqual(server.answer(requestID).body, b"ok")
            self.assertEqual(server.answer(requestID).status, (0, 0))
