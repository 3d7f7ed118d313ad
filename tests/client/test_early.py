"""
Answers that do not wait for the body of their request, over real sockets: whatever becomes of the
body then, the answer is the caller's.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import AsyncGenerator
from typing import Any, Final

from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from tests.folders import folderFor
from txfcgi import ClientOptions, FastCGIClient, SCGIClient
from txfcgi.client.client import Client
from txfcgi.client.response import ClientResponse
from txfcgi.errors import NoResponse, RequestSentInPart, ResponseCutOff

from ..wire.conversations import END_REQUEST, STDOUT, record

# More than any socket holds.
MUCH = 32 * 1024 * 1024
LENGTH = 2**40

HEAD = b"Status: 413\r\n\r\n"
SMALL = b"too much"
LARGE = SMALL * 100_000


class Peer(threading.Thread):
    """
    A back end that takes the beginning of one request, answers when more of it is there, and reads
    nothing of that. It blocks; so it has a thread.

    @ivar before: Whether it has another connection before, which it closes behind an answer.
    @ivar more: Whether it waits for more than the beginning.
    @ivar closed: Is set when that is closed.
    @ivar closedByClient: Whether it saw the client close the connection.
    """

    before = False
    more = True

    def __init__(self, listening: socket.socket, answer: bytes, stays: bool) -> None:
        """
        @param stays: Whether it waits for the client to close the connection.
        """
        super().__init__(daemon=True)
        self.closed = threading.Event()
        self._listening = listening
        self._answer = answer
        self._stays = stays
        self.closedByClient = False

    def run(self) -> None:
        """
        Serve.
        """
        if self.before:
            connection, _ = self._listening.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(self._answer)
            self.closed.set()
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(10_000)
            if self.more:
                connection.recv(1, socket.MSG_PEEK)
            connection.sendall(self._answer)
            if self._stays:
                poller = select.poll()
                poller.register(connection, select.POLLRDHUP)
                self.closedByClient = bool(poller.poll(10_000))


class Endless:
    """
    A body that never ends.

    @ivar closed: Whether it was told that no more of it is wanted.
    """

    closed = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """
        Its pieces.
        """
        try:
            while True:
                yield bytes(10_000)
        finally:
            self.closed = True


def fastCGI(output: bytes) -> bytes:
    """
    An answer by FastCGI.
    """
    pieces = [output[start : start + 60_000] for start in range(0, len(output), 60_000)]
    records = [record(STDOUT, 1, piece) for piece in pieces]
    return b"".join([*records, record(STDOUT, 1), record(END_REQUEST, 1, bytes(8))])


def listenTCP(test: TestCase) -> tuple[socket.socket, str]:
    """
    @return: A listening socket, and what an endpoint calls it.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    return listening, f"tcp:127.0.0.1:{listening.getsockname()[1]}"


def listenUnix(test: TestCase) -> tuple[socket.socket, str]:
    """
    @return: A listening socket, and what an endpoint calls it.
    """
    path = str(folderFor(test) / "socket")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    return listening, f"unix:{path}"


class EarlyCase(TestCase):
    """
    A client, and a back end that answers early.
    """

    protocol: type[Client] = FastCGIClient
    options = ClientOptions(unknownLength="stream")
    listen = listenTCP
    get: Final = {"REQUEST_METHOD": "GET"}
    post: Final = {"REQUEST_METHOD": "POST"}
    postMuch: Final = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(LENGTH)}

    def answer(self, body: bytes) -> bytes:
        """
        The answer as it goes over the wire.
        """
        return fastCGI(HEAD + body)

    def start(self, body: bytes, *, stays: bool, before: bool = False) -> None:
        """
        Start a back end, and make a client for it. Its clock stands still: nothing that is tested
        here may need a timeout.
        """
        listening, endpoint = self.listen()
        self.addCleanup(listening.close)
        self.peer = Peer(listening, self.answer(body), stays)
        self.peer.before = before
        self.peer.start()
        self.addCleanup(self.peer.join)
        self.client = self.protocol(reactor, endpoint, self.options, clock=Clock())
        self.addCleanup(self.client.close)

    async def ask(self, params: dict[str, str], body: Any) -> ClientResponse:
        """
        Make a request that is answered early.
        """
        response = await self.client.request(params, body)
        self.assertEqual(response.code, 413)
        return response


class EarlyAnswerTests(EarlyCase):
    """
    Answers whose end is told, by FastCGI, on a connection that could be kept.
    """

    async def assertAnswered(self, answer: bytes, *, stays: bool) -> None:
        """
        The answer comes whole, be it to bytes or to what never ends, and the connection is not
        kept.
        """
        endless = Endless()
        for params, body in (
            (self.post, bytes(MUCH)),
            (self.postMuch, endless.pieces()),
        ):
            self.start(answer, stays=stays)
            response = await self.ask(params, body)
            self.assertEqual(await response.content(), answer)
            self.assertEqual(self.client.pool.idle, 0)
            await self.client.close()
            self.peer.join()
            self.assertEqual(self.peer.closedByClient, stays)
        self.assertTrue(endless.closed)

    async def test_stopsReading(self) -> None:
        """
        The back end answers, and reads no more; the client closes the connection at once.
        """
        await self.assertAnswered(SMALL, stays=True)

    async def test_closes(self) -> None:
        """
        The back end answers and closes the connection, though there is more to read.
        """
        await self.assertAnswered(SMALL, stays=False)

    async def test_stopsReadingLarge(self) -> None:
        """
        The back end does not stop before the client has read an answer that no socket holds.
        """
        await self.assertAnswered(LARGE, stays=True)


class StaleTests(EarlyCase):
    """
    Kept connections that the back end has closed, which the client does not know when it sends the
    next request.
    """

    async def startStale(self) -> None:
        """
        Make a client with a connection that the back end has closed.
        """
        self.start(SMALL, stays=False, before=True)
        response = await self.ask(self.get, None)
        self.assertEqual(await response.content(), SMALL)
        self.assertEqual(self.client.pool.idle, 1)
        self.peer.closed.wait()

    async def test_writtenTo(self) -> None:
        """
        That it can't be sent is found out as it is written; it is sent again on a new connection.
        """
        await self.startStale()
        response = await self.ask({"REQUEST_METHOD": "PUT"}, bytes(MUCH))
        self.assertEqual(await response.content(), SMALL)

    async def test_swallowed(self) -> None:
        """
        TCP takes the first bytes of a request for a peer that is gone. If it is a POST, nobody
        knows whether it was carried out, so it is not sent again, and the error says so.
        """
        for body in (None, b"small", bytes(MUCH)):
            await self.startStale()
            error: Any = await self.assertFailure(
                self.client.request(self.post, body), NoResponse, RequestSentInPart
            )
            self.assertTrue(error.stale)
            self.assertTrue(error.mayHaveRun)
            self.assertIn("may have run it", str(error))
            response = await self.ask(self.get, bytes(MUCH))
            self.assertEqual(await response.content(), SMALL)


class StaleUnixTests(StaleTests):
    """
    The same over Unix sockets.
    """

    listen = listenUnix

    async def test_swallowed(self) -> None:
        """
        A Unix socket takes nothing for a peer that is gone: a POST may be sent again.
        """
        for body in (None, b"small", bytes(MUCH)):
            await self.startStale()
            self.peer.more = False
            response = await self.client.request(self.post, body)
            self.assertEqual(await response.content(), SMALL)


class NotKeptTests(EarlyAnswerTests):
    """
    The same on connections that are not to be kept.
    """

    options = ClientOptions(unknownLength="stream", keepConnections=False)


class SCGITests(EarlyAnswerTests):
    """
    The same by SCGI, by which the length of the answer tells its end.
    """

    protocol = SCGIClient

    def answer(self, body: bytes) -> bytes:
        return b"Status: 413\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class UnixTests(EarlyAnswerTests):
    """
    The same over Unix sockets. What was written into one is there for its reader, even if it is
    closed before all is read.
    """

    listen = listenUnix

    async def test_closesLarge(self) -> None:
        """
        The back end closes the connection behind an answer that the client did not read yet.
        """
        await self.assertAnswered(LARGE, stays=False)


class NotKeptUnixTests(UnixTests):
    """
    The same over Unix sockets, not kept.
    """

    options = NotKeptTests.options


class SCGIUnixTests(UnixTests):
    """
    The same by SCGI, over Unix sockets.
    """

    protocol = SCGIClient
    answer = SCGITests.answer


class UndeclaredTests(EarlyCase):
    """
    Answers by SCGI whose end is that of their connection, over TCP.
    """

    protocol = SCGIClient

    def answer(self, body: bytes) -> bytes:
        return HEAD + body

    async def test_closes(self) -> None:
        """
        That the connection was closed with something unread may have been told in the place of a
        part of the answer: the caller gets what came, and hears that there may have been more.
        """
        self.start(SMALL, stays=False)
        endless = Endless()
        response = await self.ask(self.postMuch, endless.pieces())
        pieces: list[bytes] = []
        await self.assertFailure(response.collect(pieces.append), ResponseCutOff)
        self.assertEqual(pieces, [SMALL])
        self.assertTrue(endless.closed)


class UndeclaredUnixTests(UndeclaredTests):
    """
    The same over Unix sockets.
    """

    listen = listenUnix

    async def test_closes(self) -> None:
        """
        All of the answer comes before it is told that something was left unread.
        """
        for answer in (SMALL, LARGE):
            self.start(answer, stays=False)
            endless = Endless()
            response = await self.ask(self.postMuch, endless.pieces())
            self.assertEqual(await response.content(), answer)
            self.assertTrue(endless.closed)
