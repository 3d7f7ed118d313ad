"""
Tests of L{txfcgi.monitor.probes}: the paths that are answered in place of an app.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from tests.server.conversation import ServerTests, WebServer
from txfcgi import Response
from txfcgi.monitor.probes import Pool, Probes
from txfcgi.wire.records import Role

from .boards import Service

NAMES = (
    "pool, process manager, start time, start since, accepted conn, listen queue, "
    "max listen queue, listen queue len, idle processes, active processes, total processes, "
    "max active processes, max children reached, slow requests"
).split(", ")


def app(request: Any) -> Response:
    """
    The app.
    """
    return Response(200, {}, b"the app")


class ProbesTests(ServerTests):
    """
    Tests of L{Probes}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.well = True
        pool = Pool("fcgi", 1_700_000_000.0)
        service = Service()
        service.figures |= {"accepted": 7, "slow": 2, "refused": {"overloaded": 3}}
        self.probes = Probes(
            app,
            "/ping",
            "/status",
            lambda: pool.figures(service.snapshot(), [], 1_700_000_060.0),
            lambda: self.well,
        )

    def ask(self, path: str, query: str = "", role: int = Role.RESPONDER) -> bytes:
        """
        Ask for a path.
        """
        params = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": path, "QUERY_STRING": query}
        return WebServer(self.factory(self.probes)).get(params=params, role=role).stdout

    def test_ping(self) -> None:
        """
        The path is answered with pong, and with 503 when it had better not be asked.
        """
        answer = self.ask("/ping")
        self.assertIn(b"Status: 200", answer)
        self.assertIn(b"no-store", answer)
        self.assertTrue(answer.endswith(b"\r\n\r\npong"))
        self.well = False
        self.assertIn(b"Status: 503", self.ask("/ping"))

    def test_exactly(self) -> None:
        """
        All other paths, and all other roles, are the app's.
        """
        for path in ("/", "/ping/", "/pin", "/Ping", "/a/ping", "/status/x", ""):
            self.assertTrue(self.ask(path).endswith(b"the app"), path)
        self.assertNotIn(b"pong", self.ask("/ping", role=Role.AUTHORIZER))
        self.flushLoggedErrors()

    def test_status(self) -> None:
        """
        The fields are php-fpm's, in its order; as text, and as JSON.
        """
        told = json.loads(self.ask("/status", "json").partition(b"\r\n\r\n")[2])
        self.assertEqual(list(told), NAMES)
        self.assertEqual(
            {name: told[name] for name in NAMES[2:5] + NAMES[8:]},
            {
                "start time": 1_700_000_000,
                "start since": 60,
                "accepted conn": 7,
                "idle processes": 1,
                "active processes": 1,
                "total processes": 2,
                "max active processes": 1,
                "max children reached": 3,
                "slow requests": 2,
            },
        )
        text = self.ask("/status").partition(b"\r\n\r\n")[2].decode()
        self.assertIn("pool:                 fcgi\n", text)
        self.assertIn("start time:           14/Nov/2023:22:13:20 +0000\n", text)
        self.assertIn("slow requests:        2\n", text)

    def test_name(self) -> None:
        """
        In messages, the app keeps its name.
        """
        self.assertEqual(self.factory(self.probes).application.name, "app")


class PoolTests(ServerTests):
    """
    Tests of L{Pool}.
    """

    def test_queue(self) -> None:
        """
        The kernel says what waits at a TCP socket; of a Unix socket it does not.
        """
        pool = Pool("fcgi", 0.0)
        with (
            socket.socket() as listening,
            socket.socket() as waiting,
            socket.socket(socket.AF_UNIX) as other,
        ):
            listening.bind(("127.0.0.1", 0))
            listening.listen(17)
            waiting.connect(listening.getsockname())
            told = pool.figures(Service().snapshot(), [listening, other], 1.0)
            self.assertEqual((told["listen queue"], told["listen queue len"]), (1, 17))
            listening.accept()[0].close()
            told = pool.figures(Service().snapshot(), [listening], 1.0)
            self.assertEqual((told["listen queue"], told["max listen queue"]), (0, 1))
