"""
L{serve}: an app on real sockets, for the time of a test.
"""

from __future__ import annotations

from typing import Any
from unittest import TestCase

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred

from ..client.client import Client
from ..client.options import ClientOptions
from ..server.application import App
from ..server.factory import ServerFactory
from ..server.limits import Limits
from .leftovers import Leftovers, WatchedApplication, WatchedCalls
from .lifetime import Lifetime
from .protocols import factoryFor, watchedClient


class Served:
    """
    An app that is being served.

    @ivar factory: The factory that serves it.
    @ivar host: The address on which it listens, unless that is a Unix socket.
    @ivar port: The port, a free one; 0 for a Unix socket.
    @ivar endpoint: The description of an endpoint that leads to it.
    @ivar started: Fires when the app is ready, and fails with the exception of the app's
        C{startup}. Connections wait until then.
    """

    host = "127.0.0.1"
    port = 0

    def __init__(
        self,
        app: App | ServerFactory,
        protocol: str = "fastcgi",
        limits: Limits | None = None,
        reactor: Any = None,
        path: str | None = None,
        mayLeave: bool = False,
    ) -> None:
        """
        @param app: The app, or a factory that serves one.
        @param reactor: The reactor; the installed one, if not given.
        @param path: The path of a Unix socket; if not given, the app is on a port of the loopback
            interface.
        @param mayLeave: Whether the test may leave something behind.
        @raise Exception: The exception of the app's C{startup}, if it fails at once.
        """
        if reactor is None:
            from twisted.internet import reactor
        self.factory = factoryFor(app, protocol, limits, reactor)
        self._lifetime = Lifetime(self.factory.application.app)
        self.factory.application = WatchedApplication(self.factory.application)
        self.protocol = protocol
        self._application = self.factory.application
        self._reactor = reactor
        self._watched = WatchedCalls()
        self._clients: list[Client] = []
        self._mayLeave = mayLeave
        if path is None:
            self._listening = reactor.listenTCP(0, self.factory, interface=self.host)
            self.port = self._listening.getHost().port
            self.endpoint = f"tcp:{self.host}:{self.port}"
        else:
            self._listening = reactor.listenUNIX(path, self.factory, mode=0o600)
            self.endpoint = f"unix:{path}"
        self.started = self._lifetime.started
        if not self._lifetime.ready:
            # They wait in the system's queue.
            self._listening.stopReading()
            self.started.addCallback(lambda _: self._listening.startReading())

    def client(self, options: ClientOptions | None = None) -> Client:
        """
        Make a client of the app. It is closed with the app.
        """
        client = watchedClient(self._reactor, self.endpoint, self.protocol, options, self._watched)
        self._clients.append(client)
        return client

    @property
    def left(self) -> list[str]:
        """
        What is left so far: a sentence for each thing. See L{txfcgi.testing.leftovers}.
        """
        return self._application.left() + self._watched.left()

    def stop(self) -> Deferred[None]:
        """
        Stop the app, and remove all that belongs to it from the reactor.

        @return: Fires when that is done; fails with L{Leftovers} if the test left
            something.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        left = [] if self._mayLeave else self.left
        self._watched.forgive()
        await maybeDeferred(self._listening.stopListening)
        closing = [client.close() for client in self._clients]
        await DeferredList([*closing, self.factory.drain(0)], consumeErrors=True)
        left += await self._lifetime.stop()
        if left:
            raise Leftovers(left)


def serve(
    testCase: TestCase,
    app: App | ServerFactory,
    protocol: str = "fastcgi",
    limits: Limits | None = None,
    reactor: Any = None,
    path: str | None = None,
    mayLeave: bool = False,
) -> Served:
    """
    Serve an app until a test ends, and leave the reactor clean. The test fails if it leaves
    something behind: see L{txfcgi.testing.leftovers}.

    @param testCase: A L{twisted.trial.unittest.TestCase}.
    @param protocol: C{"fastcgi"} or C{"scgi"}.
    @param path: The path of a Unix socket; if not given, the app is on a port of the loopback
        interface.
    @param mayLeave: Whether the test may leave something behind.
    """
    served = Served(app, protocol, limits, reactor, path, mayLeave)
    testCase.addCleanup(served.stop)
    return served
