"""
Tests of C{--status}, C{--ping-path} and C{--status-path}, as programs are run with them.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.fcgitap import Options

from .browsing import COLOURS, browse, measured
from .processes import STDIN, Program, ProgramTests, ask, beginning, record

APP = """
import os
from twisted.internet.defer import Deferred
from txfcgi import Response

def app(request):
    if request.path == "/hold":
        request.stdout.write(b"Status: 200 OK\\n\\n")
        return Deferred()
    return Response(200, {"Content-Type": "text/plain"}, b"%d" % os.getpid())
"""

LOOPBACK = "tcp:0:interface=127.0.0.1"


class OptionTests(SynchronousTestCase):
    """
    The options of a command line.
    """

    def mistake(self, *words: str) -> str:
        """
        What is said of a command line.
        """
        given = ["--port", "unix:/tmp/never.sock", "--path", "/"]
        return str(self.assertRaises(UsageError, Options().parseOptions, [*given, *words]))

    def test_mistakes(self) -> None:
        """
        What can't be is told at the start.
        """
        for words, said in (
            (["--status", "9100"], "--status '9100' is not a valid endpoint"),
            (["--status", "tcp:9100"], "--status tcp:9100 is open to other machines"),
            (
                ["--status", "tcp:9100:interface=192.0.2.7"],
                "name who may connect with --allow-from",
            ),
            (["--ping-path", "ping"], "--ping-path takes a path such as /ping, not 'ping'"),
            (["--ping-path", "/ping?x"], "--ping-path takes a path"),
            (["--status-path", ""], "--status-path takes a path such as /status, not ''"),
            (["--ping-path", "/x", "--status-path", "/x"], "are the same path"),
        ):
            self.assertIn(said, self.mistake(*words))

    def test_public(self) -> None:
        """
        With a list of those who may connect, the page may be open to them.
        """
        options = Options()
        words = ["--port", "unix:/tmp/never.sock", "--path", "/", "--status", "tcp:9100"]
        options.parseOptions([*words, "--allow-from", "10.0.0.0/8"])
        self.assertEqual(options["statusEndpoints"][0][0], "tcp:9100")


class StatusTests(ProgramTests):
    """
    Programs that show their status.
    """

    def setUp(self) -> None:
        super().setUp()
        self.write("app.py", APP)
        self.files = sorted(os.listdir(self.folder))

    def serve(self, *words: str, command: str = "fcgi") -> tuple[Program, int]:
        """
        Start a program.

        @return: It, and the port of its status page.
        """
        program = self.start(
            *("twistd", "-n", "--pidfile=", command, "--app", "app.app"),
            *("--port", f"unix:{self.socketPath}", "--status", LOOPBACK, *words),
        )
        program.waitFor(f"({LOOPBACK})")
        if "--workers" in words:
            program.waitFor("2 of 2 workers ready")
        found = re.search(r"Listens on tcp:(\d+):interface=127.0.0.1", program.said)
        assert found is not None, program.said
        return program, int(found[1])

    def page(self, port: int, path: str, **headers: str) -> tuple[int, str]:
        """
        Ask for a page of the status.
        """
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def ask(self, path: str, query: str = "") -> str:
        """
        Ask the app.
        """
        with self.connect(self.socketPath) as connection:
            params = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": path, "QUERY_STRING": query}
            return ask(connection, params).decode()

    def test_inUse(self) -> None:
        """
        A server whose status page can't listen does not start, and leaves no socket behind; so does
        one whose page for browsers can't.
        """
        host, port = self.listener(socket.AF_INET, ("127.0.0.1", 0)).getsockname()
        taken = f"tcp:{port}:interface={host}"
        served = f"unix:{self.socketPath}"
        own = ("twistd", "-n", "--pidfile=", "fcgi", "--app", "app.app")
        for words in (
            ("--port", served, "--status", taken),
            ("--port", served, "--status", taken, "--workers", "2"),
            ("--http", served, "--port", taken),
        ):
            program = self.start(*own, *words)
            self.assertEqual(program.end(), 1)
            self.assertIn(f"{taken}: can't listen there: Address already in use", program.said)
            left = set(os.listdir(self.folder)) - {"__pycache__"}
            self.assertEqual(sorted(left), self.files)

    def test_oneProcess(self) -> None:
        """
        A page for people, one for programs, and pings, which fail while it drains; then all ends.
        """
        program, port = self.serve()
        pid = self.ask("/")
        self.assertEqual(self.page(port, "/ping"), (200, "pong\n"))
        told = json.loads(self.page(port, "/status.json")[1])
        self.assertEqual((told["state"], told["figures"]["requests"]), ("ready", 1))
        self.assertEqual(told["processes"][0]["pid"], int(pid))
        self.assertIn("txfcgi_requests_total", self.page(port, "/metrics")[1])
        self.assertEqual(self.page(port, "/", Host="evil.example")[0], 403)
        held = self.connect(self.socketPath)
        self.hold(held)
        _, page = self.page(port, "/")
        self.assertIn("GET /hold?token=***", page)
        self.assertNotIn("12345", page)
        program.kill(signal.SIGTERM)
        program.waitFor("Stops listening")
        self.assertEqual(self.page(port, "/ping"), (503, "draining\n"))
        program.kill(signal.SIGTERM)
        self.assertEqual(program.end(), 0)

    def hold(self, connection: socket.socket, uri: str = "/hold?token=12345") -> None:
        """
        Begin a request that does not end.
        """
        params = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/hold", "REQUEST_URI": uri}
        connection.sendall(beginning(params) + record(STDIN, b""))
        connection.recv(8)

    def test_workers(self) -> None:
        """
        The master shows all workers, and the sum of what they count; it loads no app for that.
        """
        program, port = self.serve("--workers", "2", "--status-path", "/fpm", "--ping-path", "/p")
        for _ in range(5):
            self.ask("/")
        held = self.connect(self.socketPath)
        self.hold(held)
        told = self.until(port, lambda told: told["figures"]["requests"] == 6 and told["running"])
        self.assertEqual([each["number"] for each in told["processes"]], [1, 2])
        self.assertEqual(told["running"][0]["target"], "GET /hold?token=***")
        self.assertIn(told["running"][0]["worker"], (1, 2))
        self.assertIn("2 of 2 workers ready", self.page(port, "/")[1])
        with open(f"/proc/{program.pid}/maps") as file:
            self.assertNotIn("app.py", file.read())
        self.assertTrue(self.ask("/p").endswith("pong"))
        fpm = {"accepted conn": 0}
        while fpm["accepted conn"] < 6:  # the master tells its workers once in a second
            fpm = json.loads(self.ask("/fpm", "json").rpartition("\n")[2])
        self.assertEqual((fpm["pool"], fpm["total processes"]), ("fcgi", 2))
        program.kill(signal.SIGTERM)
        program.kill(signal.SIGTERM)
        self.assertEqual(program.end(), 0)

    def until(self, port: int, holds: Callable[[Any], object]) -> Any:
        """
        Ask until the workers have told what they have.
        """
        while True:
            told = json.loads(self.page(port, "/status.json")[1])
            if holds(told):
                return told

    def test_scgi(self) -> None:
        """
        The paths are answered over SCGI, too, and without C{--status}.
        """
        program = self.start(
            *("twistd", "-n", "--pidfile=", "scgi", "--app", "app.app", "--ping-path", "/ping"),
            *("--port", f"unix:{self.socketPath}", "--status-path", "/status"),
        )
        program.waitFor("Listens on ")
        for path, said in (("/ping", "pong"), ("/status", "total processes:      1")):
            with self.connect(self.socketPath) as connection:
                head = f"CONTENT_LENGTH\0000\0SCGI\0001\0REQUEST_METHOD\0GET\0SCRIPT_NAME\0{path}\0"
                connection.sendall(f"{len(head)}:{head},".encode())
                with connection.makefile("rb") as answer:
                    self.assertIn(said, answer.read().decode())
        self.assertEnds(program)

    def test_browser(self) -> None:
        """
        In a browser as narrow as a phone the page needs no scrolling sideways, however long a URI
        is; where the dark is preferred, its text is light.
        """
        _, port = self.serve()
        held = self.connect(self.socketPath)
        self.hold(held, "/hold?x=" + "long" * 25)
        page = self.page(port, "/")[1]
        self.assertIn("longlong", page)
        for scheme, colour in COLOURS.items():
            shown = measured(Path(self.folder), {"status": page}, scheme)["status"]
            self.assertLessEqual(shown.needed, shown.available)
            self.assertEqual(shown.colour, colour)
        self.assertIn(
            'id="state">ready</span>', browse(Path(self.folder), f"http://127.0.0.1:{port}/")
        )
