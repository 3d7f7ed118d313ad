"""
What the tests of Unix sockets have in common.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.errors import CannotListen
from txfcgi.service.listener import SocketFile
from txfcgi.service.sockets import UNIXSocketOptions, listenUNIX


class SocketTests(SynchronousTestCase):
    """
    Tests that have a folder, and close what they open.
    """

    def setUp(self) -> None:
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="service-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "app.sock")

    def listen(
        self, path: str | None = None, options: UNIXSocketOptions | None = None
    ) -> tuple[socket.socket, SocketFile | None]:
        """
        Listen on a path.
        """
        listening, file = listenUNIX(path or self.path, options or UNIXSocketOptions())
        self.addCleanup(listening.close)
        return listening, file

    def mistake(self, path: str | None = None, options: UNIXSocketOptions | None = None) -> str:
        """
        Fail to listen on a path.

        @return: The message.
        """
        error = self.assertRaises(CannotListen, self.listen, path, options)
        return str(error)

    def bound(self, path: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """
        A Unix socket that is bound to a path and does not listen.
        """
        bound = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(bound.close)
        bound.bind(path)
        return bound

    def connect(self, path: str) -> None:
        """
        Connect to a path, or fail.
        """
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
