"""
Tests of what a server holds when one side does not keep up, over real sockets and in a process of
its own: nothing to speak of; and others are served meanwhile.
"""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

from ..certificate import makeCertificate
from ..service.processes import Program, ProgramTests
from .browser import Exchange, request
from .conversation import Answer
from .program import MIB

CHECKOUT = Path(__file__).parent.parent.parent

# What is pushed through, and how much of it may show in the process's memory.
MUCH = 200 * MIB
GROWTH = 20 * MIB

# More than what the sockets on both sides and the server hold together when nobody reads: what a
# socket may hold is up to the system, 6 MiB at the most by Linux's defaults.
HELD = 16 * MIB


class TCPTests(ProgramTests):
    """
    One side does not keep up, over TCP.
    """

    endpoint = "tcp:0:interface=127.0.0.1"

    def setUp(self) -> None:
        super().setUp()
        self.program: Program = self.start(
            *("python", "-m", "tests.server.program", self.endpoint.format(test=self)),
            env={"PYTHONPATH": str(CHECKOUT)},
        )
        self.program.waitFor("listens on ")
        self.program.waitFor(".\n")
        where = self.program.said.partition("listens on ")[2].partition(".\n")[0]
        self.address: str | tuple[str, int] = (
            self.socketPath if self.endpoint.startswith("unix:") else ("127.0.0.1", int(where))
        )

    def open(self) -> socket.socket:
        """
        Connect to the server.
        """
        return self.connect(self.address)

    def ask(self, path: str, query: str = "") -> bytes:
        """
        Make a request on a connection of its own.
        """
        with self.open() as connection:
            return Exchange(connection, request(path, query)).finish().body

    def peak(self) -> int:
        """
        The most memory that the server had, in bytes.
        """
        return int(self.ask("/memory"))

    def warmUp(self) -> int:
        """
        Let the server have done everything once.

        @return: The memory that it has then.
        """
        for path, size in (("/echo", 2 * MIB), ("/pour", None), ("/early", MIB)):
            with self.open() as connection:
                Exchange(connection, request(path, "2", size=size)).finish()
        return self.peak()

    def assertOthersServed(self) -> None:
        """
        Check that others are served, a while.
        """
        for _ in range(20):
            self.assertEqual(self.ask("/pour", "0"), b"")

    def assertWhole(self, exchange: Exchange, size: int) -> None:
        """
        Check that an answer came to its end.
        """
        answer = exchange.finish()
        self.assertEqual((answer.code, answer.status), (200, (0, 0)))
        self.assertEqual(exchange.size, size)

    def test_unread(self) -> None:
        """
        An app does not read 200 MiB of body, and then it does.
        """
        before = self.warmUp()
        with self.open() as connection:
            exchange = Exchange(connection, request("/count", size=MUCH))
            while exchange.send():
                self.assertOthersServed()
            self.assertLess(exchange.sent, HELD)
            self.assertLess(self.peak() - before, GROWTH)
            self.assertEqual(self.ask("/go"), b"1")
            self.assertWhole(exchange, len(str(MUCH)))
            self.assertEqual(int(Answer(exchange.records).body), MUCH)
        self.assertLess(self.peak() - before, GROWTH)
        self.assertEnds(self.program)

    def test_untaken(self) -> None:
        """
        A web server does not take an answer of 200 MiB, and then it does.
        """
        before = self.warmUp()
        with self.open() as connection:
            exchange = Exchange(connection, request("/pour", str(MUCH // MIB)))
            exchange.sendAll()
            self.assertOthersServed()
            self.assertLess(self.peak() - before, GROWTH)
            self.assertWhole(exchange, MUCH)
        self.assertLess(self.peak() - before, GROWTH)
        self.assertEnds(self.program)

    def test_echo(self) -> None:
        """
        64 MiB go back and forth at once.
        """
        before = self.warmUp()
        with self.open() as connection:
            self.assertWhole(Exchange(connection, request("/echo", size=64 * MIB)), 64 * MIB)
        self.assertLess(self.peak() - before, GROWTH)
        self.assertEnds(self.program)

    def test_early(self) -> None:
        """
        An answer comes whole though 20 MiB of body were still to be sent when it was made. Over TCP
        a mere close would destroy it.
        """
        for _ in range(3):
            with self.open() as connection:
                exchange = Exchange(connection, request("/early", size=20 * MIB, keep=False))
                exchange.sendAll()
                answer = exchange.finish()
            self.assertEqual((answer.code, answer.body), (413, b"too much" * 10_000))
        self.assertEnds(self.program)

    def test_gone(self) -> None:
        """
        A web server that resets its connection is noticed though nothing more is read. (An orderly
        end would come behind all that is still to be read.)
        """
        with self.open() as connection:
            exchange = Exchange(connection, request("/count", size=MUCH))
            while exchange.send():
                self.assertOthersServed()
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.program.waitFor("count was cancelled")
        self.assertOthersServed()
        self.assertEnds(self.program)


class UnixTests(TCPTests):
    """
    The same over a Unix socket.
    """

    endpoint = "unix:{test.socketPath}"


class TLSTests(TCPTests):
    """
    The same over TLS, which is no plain socket.
    """

    endpoint = "ssl:0:interface=127.0.0.1:privateKey={test.certificate}"

    @property
    def certificate(self) -> str:
        """
        A file with a key and a certificate.
        """
        path = self.path("certificate.pem")
        makeCertificate(Path(path))
        return path

    def open(self) -> socket.socket:
        """
        Connect, and shake hands.
        """
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(super().open())
