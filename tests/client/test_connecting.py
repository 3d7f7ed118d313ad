"""
Unix sockets whose queue is full.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from errno import EAGAIN
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionRefusedError
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.folders import folderFor
from tests.wire.conversations import record
from txfcgi import ClientOptions, FastCGIClient, SCGIClient, Timeouts
from txfcgi.client.connecting import PAUSE, QUEUE_FULL, queueFull
from txfcgi.errors import BackendTimedOut, ClientClosed, RequestNotSent

from .backends import GET, POST, Backend, client, outcome


def asTwistedSaysIt() -> ConnectError:
    """
    What an attempt to connect fails with.
    """
    return ConnectError(string=Failure(ConnectionDone()))


class QueueFullTests(SynchronousTestCase):
    """
    What is done about it.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.backend = Backend()
        self.backend.fails = asTwistedSaysIt()

    def test_again(self) -> None:
        """
        Nothing was sent, so it is tried again, and again, whatever the request.
        """
        calling = client(self.backend, clock=self.clock, timeouts={"connect": 10})
        results = [outcome(calling.request(GET)), outcome(calling.request(POST, b"body"))]
        for _ in range(5):
            self.clock.advance(PAUSE)
        self.assertEqual((results, calling.pool.connections), ([[], []], 2))
        self.backend.fails = None
        self.clock.advance(PAUSE)
        for connection in self.backend.connections:
            connection.answer()
        self.assertEqual([result[0].code for result in results], [200, 200])

    def test_timeout(self) -> None:
        """
        Until the connect timeout; the error says what was wrong all the time, and what to do.
        """
        calling = client(self.backend, clock=self.clock, timeouts={"connect": 5})
        result = outcome(calling.request(GET))
        self.clock.pump([PAUSE] * int(6 / PAUSE))
        (error,) = result
        self.assertIsInstance(error, RequestNotSent)
        self.assertTrue(error.timedOut)
        self.assertIn("connect timeout of 5 seconds", str(error))
        self.assertIn("Timeouts(connect=...)", str(error))
        self.assertIn(QUEUE_FULL, str(error))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_others(self) -> None:
        """
        Another endpoint is tried first; the last one until the timeout.
        """
        second = Backend()
        calling = client(self.backend, second, clock=self.clock)
        outcome(calling.request(GET))
        self.assertEqual(len(second.connections), 1)
        second.refuses = True
        result = outcome(client(second, self.backend, clock=self.clock).request(GET))
        self.backend.fails = None
        self.clock.advance(PAUSE)
        self.backend.last.answer()
        self.assertEqual(result[0].code, 200)

    def test_cancelled(self) -> None:
        """
        A request that is given up, and a client that is closed, leave nothing behind.
        """
        calling = client(self.backend, clock=self.clock)
        asked = calling.request(GET)
        result = outcome(asked)
        other = outcome(calling.request(GET))
        asked.cancel()
        self.assertIsInstance(result[0], CancelledError)
        self.assertEqual(calling.pool.connections, 1)
        self.assertEqual(outcome(calling.close()), [None])
        self.assertIsInstance(other[0].reason, ClientClosed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_getValues(self) -> None:
        """
        The same for who asks an application about itself.
        """
        calling = client(self.backend, clock=self.clock, timeouts={"connect": 5})
        late = outcome(calling.getValues())
        self.clock.pump([PAUSE] * int(6 / PAUSE))
        self.assertIsInstance(late[0].reason, BackendTimedOut)
        result = outcome(calling.getValues())
        self.backend.fails = None
        self.clock.advance(PAUSE)
        self.backend.last.send(record(10, 0))
        self.assertEqual(result, [{}])

    def test_otherErrors(self) -> None:
        """
        No other error is taken for that one.
        """
        for error in (
            ConnectionRefusedError(),
            ConnectError(),
            ConnectError(111, "refused"),
            ConnectionDone(),
            OSError(EAGAIN, "x"),
        ):
            self.assertIsNone(queueFull(error))
        for error in (asTwistedSaysIt(), ConnectError(EAGAIN, "Resource temporarily unavailable")):
            self.assertIn("EAGAIN", str(queueFull(error)))


class FullSocketTests(TestCase):
    """
    A socket whose queue is full.
    """

    async def test_room(self) -> None:
        """
        A request gets its connection as soon as there is room.
        """
        for kind in (FastCGIClient, SCGIClient):
            path = str(folderFor(self) / "socket")
            listening = socket.socket(socket.AF_UNIX)
            self.addCleanup(listening.close)
            listening.bind(path)
            listening.listen(0)
            first = socket.socket(socket.AF_UNIX)
            self.addCleanup(first.close)
            first.connect(path)
            clock = Clock()
            calling = kind(reactor, f"unix:{path}", clock=clock)
            self.addCleanup(calling.close)
            result = outcome(calling.request(GET))
            while not any(call.getTime() == PAUSE for call in clock.getDelayedCalls()):
                await deferLater(reactor, 0)
            self.assertEqual(result, [])
            listening.accept()[0].close()
            clock.advance(PAUSE)
            listening.setblocking(False)
            connection, _ = await self.later(listening.accept)
            self.addCleanup(connection.close)
            connection.setblocking(False)
            self.assertTrue(await self.later(connection.recv, 10))
            await calling.close()
            self.assertIsInstance(result[0].reason, ClientClosed)

    async def later(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """
        What a socket has to give, as soon as it has it.
        """
        while True:
            try:
                return call(*arguments)
            except BlockingIOError:
                await deferLater(reactor, 0)

    async def test_words(self) -> None:
        """
        Without room, the error tells what is wrong.
        """
        path = str(folderFor(self) / "socket")
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind(path)
        listening.listen(0)
        first = socket.socket(socket.AF_UNIX)
        self.addCleanup(first.close)
        first.connect(path)
        options = ClientOptions(timeouts=Timeouts(connect=0.1))
        calling = FastCGIClient(reactor, f"unix:{path}", options)
        self.addCleanup(calling.close)
        error: Any = await self.assertFailure(calling.request(GET), RequestNotSent)
        self.assertIn("EAGAIN", str(error))
