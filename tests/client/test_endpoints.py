"""
Tests of L{txfcgi.client.endpoints}.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import FastCGIClient
from txfcgi.client.endpoints import clientEndpoint, describe
from txfcgi.errors import InvalidEndpoint


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
        self.assertEqual(target._path, "/run/a:b=c.sock")

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
