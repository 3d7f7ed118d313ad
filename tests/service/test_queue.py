"""
Tests of L{txfcgi.service.queue}, and of the order in which a service ends, with real sockets.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.folders import folderFor
from txfcgi import FastCGIServerFactory, Request, Response
from txfcgi.service import queue
from txfcgi.service.listen import InheritedSocketEndpoint, endpointFromText
from txfcgi.service.queue import acceptAll
from txfcgi.service.serving import Serving
from txfcgi.wire.records import Stdin

from ..server.conversation import beginning

reactor: Any = _reactor

POST = b"".join(record.encode() for record in (*beginning(1, keep=False), Stdin(1)))
WAITING = 20


def ok(request: Request) -> Response:
    """
    An app that answers.
    """
    return Response(200, {}, b"served")


class QueueTests(TestCase):
    """
    Connections that wait in the queue when a service is told to stop.
    """

    def serving(self, endpoint: IStreamServerEndpoint, **options: Any) -> Serving:
        """
        A service that listens there, and is stopped at the end if a test does not.
        """
        serving = Serving(
            reactor, FastCGIServerFactory(ok), [("there", endpoint)], insecure=True, **options
        )
        serving.privilegedStartService()
        serving.startService()
        self.addCleanup(serving._signals.restore)
        return serving

    def connect(self, family: int, address: Any) -> list[socket.socket]:
        """
        Connect as often as anyone may wait, and send a whole request each time.
        """
        peers = []
        for _ in range(WAITING):
            peer = socket.socket(family)
            self.addCleanup(peer.close)
            peer.settimeout(30)
            peer.connect(address)
            peer.sendall(POST)
            peers.append(peer)
        return peers

    async def answers(self, peers: list[socket.socket]) -> list[bytes]:
        """
        What each of them got.
        """

        def received(peer: socket.socket) -> bytes:
            data = b""
            try:
                while piece := peer.recv(65536):
                    data += piece
            except ConnectionResetError:
                return b"reset"
            return data

        return [await deferToThread(received, peer) for peer in peers]

    async def assertServed(self, peers: list[socket.socket], stopped: Deferred[Any]) -> None:
        """
        Check that none was lost.
        """
        answers = await self.answers(peers)
        self.assertEqual(len([each for each in answers if b"served" in each]), WAITING, answers[0])
        await stopped

    async def test_unix(self) -> None:
        """
        A Unix socket of one's own: all that wait are served, and nobody finds it any more.
        """
        path = os.path.join(folderFor(self), "app.sock")
        serving = self.serving(endpointFromText(reactor, f"unix:{path}"))
        peers = self.connect(socket.AF_UNIX, path)
        stopped = serving.stopService()
        self.assertFalse(os.path.exists(path))
        await self.assertServed(peers, stopped)

    async def test_tcp(self) -> None:
        """
        A TCP socket of one's own: those that wait when it is told to stop are served.
        """
        serving = self.serving(serverFromString(reactor, "tcp:0:interface=127.0.0.1"))
        host: Any = serving.ports[0].getHost()
        peers = self.connect(socket.AF_INET, ("127.0.0.1", host.port))
        await self.assertServed(peers, serving.stopService())

    async def test_tcpNobodyJoins(self) -> None:
        """
        One that connects while it stops is refused, not reset: it has sent nothing by then.
        """
        for address in ("127.0.0.1", "::1"):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            kind = "tcp6" if ":" in address else "tcp"
            interface = address.replace(":", "\\:")
            serving = self.serving(serverFromString(reactor, f"{kind}:0:interface={interface}"))
            host: Any = serving.ports[0].getHost()
            peers = self.connect(family, (address, host.port))
            stopped = serving.stopService()
            joining = deferToThread(socket.create_connection, (address, host.port), 30)
            await self.assertServed(peers, stopped)
            await self.assertFailure(joining, ConnectionRefusedError)

    async def test_tcpLate(self) -> None:
        """
        One whose connection was complete before, and that nobody has accepted so far, is served,
        though there was nobody else to wait for.
        """
        serving = self.serving(serverFromString(reactor, "tcp:0:interface=127.0.0.1"))
        host: Any = serving.ports[0].getHost()
        self.patch(queue, "acceptAll", lambda port: None)  # it comes a moment later
        peers = self.connect(socket.AF_INET, ("127.0.0.1", host.port))
        await self.assertServed(peers, serving.stopService())

    async def test_ownOfTheMaster(self) -> None:
        """
        A socket that belongs to the master of a worker: it is left to the others when the worker
        retires; when all drain, what waits is served.
        """
        path = os.path.join(folderFor(self), "app.sock")
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind(path)
        listening.listen()
        first, second = (
            self.serving(InheritedSocketEndpoint(reactor, os.dup(listening.fileno()), own=True))
            for _ in range(2)
        )
        peers = self.connect(socket.AF_UNIX, path)
        first.retiring = True
        await first.stopService()
        await self.assertServed(peers, second.stopService())

    async def test_inherited(self) -> None:
        """
        A socket that was inherited: those that wait are left to the others that accept there.
        """
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        first, second = os.dup(listening.fileno()), os.dup(listening.fileno())
        serving = self.serving(InheritedSocketEndpoint(reactor, first))
        peers = self.connect(socket.AF_INET, listening.getsockname())
        await serving.stopService()
        other = self.serving(InheritedSocketEndpoint(reactor, second))
        answers = await self.answers(peers)
        self.assertEqual(len([each for each in answers if b"served" in each]), WAITING)
        await other.stopService()

    async def test_drainInherited(self) -> None:
        """
        Where nobody else does, they are served.
        """
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        endpoint = InheritedSocketEndpoint(reactor, os.dup(listening.fileno()))
        serving = self.serving(endpoint, drainInherited=True)
        peers = self.connect(socket.AF_INET, listening.getsockname())
        stopped = serving.stopService()
        await self.assertServed(peers, stopped)

    async def test_acceptedAndUnread(self) -> None:
        """
        Those that were accepted, and not read so far, get their answers, with no time to spare.
        """
        path = os.path.join(folderFor(self), "app.sock")
        serving = self.serving(endpointFromText(reactor, f"unix:{path}"), drainIdle=0.0)
        peers = self.connect(socket.AF_UNIX, path)
        acceptAll(serving.ports[0])
        await self.assertServed(peers, serving.stopService())

    async def test_notEndless(self) -> None:
        """
        A port that is of another kind is left alone.
        """

        class Other:
            pass

        other: Any = Other()
        acceptAll(other)
        await deferLater(reactor, 0)
