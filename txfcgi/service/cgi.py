"""
A plain CGI program (RFC 3875): one request, by the environment and standard input, answered on
standard output.

CGI's output is SCGI's, and its variables are SCGI's headers. So it is one SCGI connection, to
ourselves: what the web server sends goes in, and what comes out goes to the web server. Two threads
pass it on, for standard input may be a file, which no reactor can wait for.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import InvalidParam, MalformedValue, StartupFailed
from ..server.scgi import SCGIServerFactory
from ..wire.scgiclient import encodeHeaders
from ..wire.variables import readContentLength
from .inherited import isService, releaseDescriptor
from .lifetime import Lifetime
from .signals import Signals

_PIECE: Final = 65_536
_BAD_REQUEST: Final = (
    b"Status: 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n400 Bad Request\n"
)
_FAILED: Final = (
    b"Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\n"
    b"500 Internal Server Error\n"
)


def isCGI(environ: Mapping[str, str], fd: int = 0) -> bool:
    """
    Was this program started for one request, as a CGI program? A web server that starts a FastCGI
    program passes it a listening socket, whatever is in its environment.

    @param environ: The environment.
    @param fd: Where a FastCGI program has its socket.
    """
    return environ.get("GATEWAY_INTERFACE", "").startswith("CGI/") and not isService(fd)


class CGIProgram:
    """
    The one request of this process.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        factory: SCGIServerFactory,
        lifetime: Lifetime,
        drainTimeout: float,
    ) -> None:
        """
        @param factory: Serves the app.
        @param lifetime: That of the app.
        @param drainTimeout: Seconds for the request to end when the process is told to.
        """
        self._reactor = reactor
        self._factory = factory
        self._lifetime = lifetime
        self._drainTimeout = drainTimeout
        self._begun = False
        self._stopping = False
        self._passed: Deferred[None] | None = None  # fires when all of the answer was passed on
        self._input, self._output = _takeStandardStreams()
        # HTTP clients in the app would take this for a setting of theirs; it is a browser's header.
        self._environ = dict(os.environb)
        os.environ.pop("HTTP_PROXY", None)

    def run(self) -> None:
        """
        Answer it. Runs the reactor, and returns when the request has ended.
        """
        Signals(self._reactor, self._hurry).install()
        self._reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromCoroutine(self._letEnd())
        )
        self._reactor.callWhenRunning(self._begin)
        self._reactor.run()

    async def _letEnd(self) -> None:
        """
        Let the request end, and its answer reach the web server, before the process does.
        """
        self._stopping = True
        if self._factory.connections:
            self._log.info("Told to stop: the request may finish.")
        await self._factory.drain(self._drainTimeout)
        if self._passed is not None:
            await self._passed
        if self._begun:
            await self._lifetime.end()

    def _hurry(self) -> None:
        self._log.info("Told to stop again: aborts the request.")
        self._factory.drain(0.0)
        if self._passed is not None and not self._passed.called:
            self._passed.callback(None)

    def _begin(self) -> None:
        try:
            length = readContentLength(self._environ.get(b"CONTENT_LENGTH")) or 0
            headers = encodeHeaders(self._environ, length)
        except (InvalidParam, MalformedValue) as error:
            self._log.warn("The request is refused: {error}", error=error)
            self._write(_BAD_REQUEST)
            self._reactor.stop()
            return
        self._lifetime.begin().addCallbacks(
            lambda _: self._connect(headers, length), self._failedToStart
        )

    def _failedToStart(self, failure: Failure) -> None:
        if failure.check(StartupFailed):
            self._log.critical("{error}", error=failure.value)
        else:
            self._log.failure("The app failed to start", failure)
        self._write(_FAILED)
        self._reactor.stop()

    def _connect(self, headers: bytes, length: int) -> None:
        """
        Be the web server of the factory.
        """
        self._begun = True
        self._passed = Deferred()
        near, far = socket.socketpair()
        near.setblocking(False)
        with near:
            self._reactor.adoptStreamConnection(near.fileno(), near.family, self._factory)
        Thread(target=self._feed, args=(far, headers, length), daemon=True).start()
        Thread(target=self._drain, args=(far,), daemon=True).start()

    # In threads of their own

    def _feed(self, far: socket.socket, headers: bytes, length: int) -> None:
        """
        Pass on the request, and no more of standard input than belongs to it.
        """
        # An answer may be there, and all of it sent, before all of the request is.
        with suppress(OSError):
            far.sendall(headers)
            while length:
                piece = os.read(self._input, min(length, _PIECE))
                if not piece:
                    far.shutdown(socket.SHUT_WR)
                    return
                far.sendall(piece)
                length -= len(piece)

    def _drain(self, far: socket.socket) -> None:
        """
        Pass on the answer. If nobody takes it any more, the app hears that the web server is gone.
        """
        with far, suppress(OSError):
            while piece := far.recv(_PIECE):
                self._write(piece)
        self._reactor.callFromThread(self._ended)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._output, data) :]

    def _ended(self) -> None:
        os.close(self._output)
        if self._passed is not None and not self._passed.called:
            self._passed.callback(None)
        if not self._stopping:
            self._reactor.stop()


def _takeStandardStreams() -> tuple[int, int]:
    """
    Keep standard input and output for the request alone: what an app prints would be a part of its
    answer, and is for the log.

    @return: Their new descriptors.
    """
    taken, given = os.dup(0), os.dup(1)
    releaseDescriptor(0)
    os.dup2(2, 1)
    return taken, given
