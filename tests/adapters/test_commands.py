"""
Tests of WSGI applications under C{twistd} and C{twist}: threads, and how a process ends.
"""

from __future__ import annotations

import os
import signal

from ..server.browser import Exchange
from ..server.conversation import Answer, beginning, stdin
from ..service.processes import ProgramTests, until

SITE = """
import threading, time

print("loaded with", threading.active_count(), "threads", flush=True)

def application(environ, start_response):
    if environ["QUERY_STRING"] == "hang":
        print("hangs", flush=True)
        time.sleep(1_000_000)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [threading.current_thread().name.encode()]
"""


class CommandTests(ProgramTests):
    """
    A site that is served by a command.
    """

    def setUp(self) -> None:
        super().setUp()
        self.write("site_.py", SITE)
        self.words = ("fcgi", "--port", f"unix:{self.socketPath}", "--wsgi", "site_:application")

    def begin(self, query: str = "") -> Exchange:
        """
        Make a request.
        """
        params = {"QUERY_STRING": query}
        records = [*beginning(1, params), *stdin(1, b"")]
        exchange = Exchange(self.connect(self.socketPath), records)
        exchange.sendAll()
        return exchange

    def ask(self) -> Answer:
        """
        Make a request, and wait for its answer.
        """
        return self.begin().finish()

    def test_daemon(self) -> None:
        """
        A daemon has its threads, though it forked when the application was loaded.
        """
        program = self.start("twistd", *self.words)
        self.assertEqual(program.end(), 0, program.said)
        self.assertEqual((self.ask().code, self.ask().body), (200, b"txfcgi"))
        with open(self.path("twistd.pid")) as file:
            os.kill(int(file.read()), signal.SIGTERM)
        until(lambda: not os.path.exists(self.path("twistd.pid")))

    def test_hangs(self) -> None:
        """
        A thread that hangs does not keep a process that is told to stop.
        """
        program = self.start("twist", *self.words, "--drain-timeout", "0.1")
        program.waitFor("loaded with 1 threads")
        program.waitFor("Starting reactor")
        self.begin("hang")
        program.waitFor("hangs")
        self.assertEqual(self.ask().body, b"txfcgi")
        self.assertEnds(program)
