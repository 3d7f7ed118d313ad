"""
Tests of L{txfcgi.client.endpoints}.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txfcgi import FastCGIClient
from txfcgi.client.endpoints import DescribedEndpoint, clientEndpoint, describe, nameOf
from txfcgi.errors import InvalidEndpoint, RequestNotSent

from .backends import GET, Backend, client, outcome


class EndpointTests(SynchronousTestCase):
    """
    Tests of L{describe} and L{clientEndpoint}.
    """

    def test_describe(self) -> None:
        """
        Short forms become endpoints; endpoints stay what they are.
        """
        for text, expected in (
            ("localhost:9000", "tcp:localhost:9000"),
            ("[::1]:9000", r"tcp:\:\:1:9000"),
            ("/run/a:b.sock", r"unix:/run/a\:b.sock"),
            ("./a.sock", f"unix:{Path.cwd()}/a.sock"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("tcp:9000", "tcp:9000"),
            ("tls:example.com:443", "tls:example.com:443"),
        ):
            self.assertEqual(describe(text), expected)
        target: Any = clientEndpoint(MemoryReactor(), "/run/a:b=c.sock")
        self.assertEqual(target._endpoint._path, "/run/a:b=c.sock")

    def test_names(self) -> None:
        """
        Messages call an endpoint by its description, or by its class if it was given without one.
        """
        reactor = MemoryReactor()
        for text, name in (
            ("/run/app.sock", "unix:/run/app.sock"),
            ("127.0.0.1:9000", "tcp:127.0.0.1:9000"),
            ("unix:/run/app.sock:timeout=5", "unix:/run/app.sock:timeout=5"),
        ):
            self.assertEqual(nameOf(clientEndpoint(reactor, text)), name)
        made: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", 9000)
        self.assertEqual(nameOf(made), "TCP4ClientEndpoint")

    def test_notReached(self) -> None:
        """
        The error of a back end that can't be reached begins with its name, and the log has it.
        """
        said: list[str] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            said.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        backend = Backend()
        backend.refuses = True
        endpoint = DescribedEndpoint(backend, "tcp:127.0.0.1:9000")
        calling = FastCGIClient(Clock(), endpoint)
        error = self.failureResultOf(calling.request(GET), RequestNotSent).value
        self.assertEqual(str(error)[:33], "tcp:127.0.0.1:9000: Connection wa")
        self.assertTrue([each for each in said if "no connection to tcp:127.0.0.1:9000: " in each])

    def test_waiting(self) -> None:
        """
        A request that finds too many waiting names the option.
        """
        calling = client(Backend(), maxConnections=1, maxWaiting=1)
        results = [outcome(calling.request(GET)) for _ in range(3)]
        (error,) = results[2]
        self.assertIn("1 requests wait for a connection, as many as maxWaiting", str(error))

    def test_mistakes(self) -> None:
        """
        What is wrong is told, with what would be right.
        """
        for text, said in (
            ("nonsense", "'nonsense' is not an endpoint: give a host and a port, such as"),
            ("localhost", "such as localhost:9000, or the path of a Unix socket"),
            ("http://10.0.0.1:80/x", "no HTTP: give its host and port, such as 10.0.0.1:80"),
            ("tcp:host:abc", "'tcp:host:abc' is not a valid endpoint: 'abc' is not a number; it"),
            ("carrier:pigeon", "Unknown endpoint type: 'carrier'; it takes one such as unix:"),
        ):
            error = self.assertRaises(InvalidEndpoint, FastCGIClient, MemoryReactor(), text)
            self.assertIn(said, str(error))
            self.assertIsInstance(error, ValueError)

    def test_withoutTLS(self) -> None:
        """
        TLS without pyOpenSSL is told how it is had.
        """
        for text in ("tls:example.com:443", "ssl:example.com:443"):
            program = (
                "import sys; sys.modules['OpenSSL'] = None\n"
                "from txfcgi.client.endpoints import clientEndpoint\n"
                f"clientEndpoint(None, {text!r})"
            )
            done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE)
            self.assertIn(b"which is not installed: pip install txfcgi[tls]\n", done.stderr)
