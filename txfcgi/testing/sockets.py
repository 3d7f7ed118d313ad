"""
An app on real sockets, for as long as a test takes: L{serve}.
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

    @ivar factory: What serves it.
    @ivar host: The address on which it listens, unless that is a Unix socket.
    @ivar port: The port, which nobody chose; 0 for a Unix socket.
    @ivar endpoint: The description of an endpoint to reach it by.
    @ivar started: Fires when the app is ready. Connections wait until then, and it fails with what
        the app's C{startup} failed with.
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
        @param reactor: The reactor, if not the one that is installed.
        @param path: That of a Unix socket; without it, a port of the loopback interface.
        @param mayLeave: Whether it is fine to leave something, as that is what the test is about.
        @raise Exception: What the app's C{startup} failed with, if it did so at once.
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
        A client of the app. It is closed with it.
        """
        client = watchedClient(self._reactor, self.endpoint, self.protocol, options, self._watched)
        self._clients.append(client)
        return client

    @property
    def left(self) -> list[str]:
        """
        What was left so far: a sentence for each thing. See L{txfcgi.testing.leftovers}.
        """
        return self._application.left() + self._watched.left()

    def stop(self) -> Deferred[None]:
        """
        End it, with all that it has in the reactor.

        @return: Fires when nothing is left there; fails with L{Leftovers} if the test left
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
    Serve an app until a test is over; the reactor is clean then. The test fails if it left
    something: see L{txfcgi.testing.leftovers}.

    @param testCase: A L{twisted.trial.unittest.TestCase}.
    @param protocol: C{"fastcgi"} or C{"scgi"}.
    @param path: That of a Unix socket; without it, a port of the loopback interface.
    @param mayLeave: Whether it is fine to leave something, as that is what the test is about.
    """
    served = Served(app, protocol, limits, reactor, path, mayLeave)
    testCase.addCleanup(served.stop)
    return served
