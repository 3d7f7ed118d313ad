"""
A plain CGI program (RFC 3875): one request, from the environment and standard input, answered on
standard output.

CGI output is SCGI output, and CGI variables are SCGI headers. So this module makes one SCGI
connection within the process: the web server's bytes go in, and the response goes out to the web
server. Two threads relay the bytes, because standard input may be a file, and a reactor can't wait
for a file.
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
    Whether this program was started for one request, as a CGI program. A web server that starts a
    FastCGI program passes it a listening socket, whatever is in the environment.

    @param environ: The environment.
    @param fd: The descriptor on which a FastCGI program has its socket.
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
        @param lifetime: The app's lifetime.
        @param drainTimeout: Seconds for the request to end after the process is told to stop.
        """
        self._reactor = reactor
        self._factory = factory
        self._lifetime = lifetime
        self._drainTimeout = drainTimeout
        self._begun = False
        self._stopping = False
        self._passed: Deferred[None] | None = None  # fires when the whole response was relayed
        self._input, self._output = _takeStandardStreams()
        # HTTP clients in the app would take this header of the browser for their own setting.
        self._environ = dict(os.environb)
        os.environ.pop("HTTP_PROXY", None)

    def run(self) -> None:
        """
        Answer the request. Runs the reactor, and returns when the request has ended.
        """
        Signals(self._reactor, self._hurry).install()
        self._reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromCoroutine(self._letEnd())
        )
        self._reactor.callWhenRunning(self._begin)
        self._reactor.run()

    async def _letEnd(self) -> None:
        """
        Let the request end, and its response reach the web server, before the process ends.
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
        Connect to the factory, in place of a web server.
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
        Relay the request: the headers, and as much of standard input as CONTENT_LENGTH says.
        """
        # The whole response may be sent before the whole request.
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
        Relay the response. If the web server stops reading, tell the app that it is gone.
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
    Reserve standard input and output for the request: anything the app prints goes to the log, not
    into the response.

    @return: Their new descriptors.
    """
    taken, given = os.dup(0), os.dup(1)
    releaseDescriptor(0)
    os.dup2(2, 1)
    return taken, given
