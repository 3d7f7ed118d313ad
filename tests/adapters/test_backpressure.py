"""
Tests of what the adapters hold when a web server does not take what it is given, over real sockets
and in a process of its own: nothing to speak of; and others are served meanwhile.
"""

from __future__ import annotations

from pathlib import Path

from ..server.browser import Exchange
from ..server.conversation import beginning, stdin
from ..service.processes import ProgramTests

CHECKOUT = Path(__file__).parent.parent.parent
MIB = 1024 * 1024

# What is poured, in pieces of 64 KiB, and how much of it may show in the process's memory.
PIECES = 200 * 16
GROWTH = 20 * MIB


class WSGITests(ProgramTests):
    """
    A WSGI application, in two threads.
    """

    served: tuple[str, ...] = ("--wsgi", "tests.adapters.pouring:application", "--threads", "2")
    page = "/pour"

    def setUp(self) -> None:
        super().setUp()
        self.program = self.start(
            *("python", "-m", "twisted", "--log-format=text", "fcgi"),
            *("--port", f"unix:{self.socketPath}", "--app-dir", str(CHECKOUT), *self.served),
        )
        self.program.waitFor("Listens on ")
        self.program.waitFor("Starting reactor")

    def begin(self, path: str, query: str = "") -> Exchange:
        """
        Make a request on a connection of its own.
        """
        params = {"SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query}
        params["REQUEST_URI"] = f"{path}?{query}"
        records = [*beginning(1, params), *stdin(1, b"")]
        self.connection = self.connect(self.socketPath)
        exchange = Exchange(self.connection, records)
        exchange.sendAll()
        return exchange

    def peak(self) -> int:
        """
        The most memory that the server had, in bytes.
        """
        return int(self.begin("/memory").finish().body)

    def assertPours(self, exchange: Exchange, pieces: int) -> None:
        """
        Check that an answer comes to its end.
        """
        answer = exchange.finish()
        self.assertEqual((answer.code, answer.status), (200, (0, 0)))
        self.assertEqual(exchange.size, pieces * 65_536)

    def test_untaken(self) -> None:
        """
        An answer of 200 MiB is not taken, and then it is. The memory does not grow, and others are
        served meanwhile.
        """
        self.assertPours(self.begin(self.page, "32"), 32)
        before = self.peak()
        untaken = self.begin(self.page, str(PIECES))
        for _ in range(20):
            self.assertPours(self.begin(self.page, "1"), 1)
        self.assertLess(self.peak() - before, GROWTH)
        self.assertPours(untaken, PIECES)
        self.assertLess(self.peak() - before, GROWTH)
        self.assertEnds(self.program)

    def test_gone(self) -> None:
        """
        A web server that goes away in the middle is noticed.
        """
        self.begin(self.page, str(PIECES))
        connection = self.connection
        self.assertPours(self.begin(self.page, "1"), 1)
        connection.close()
        if self.page == "/pour":
            self.program.waitFor("closed early")
        self.assertPours(self.begin(self.page, "1"), 1)
        self.assertEnds(self.program)


class WriteTests(WSGITests):
    """
    One that uses C{write}.
    """

    page = "/write"


class ResourceTests(WSGITests):
    """
    A resource of twisted.web, with a pull producer.
    """

    served = ("--resource", "tests.adapters.pouring.Pouring", "--factory")
