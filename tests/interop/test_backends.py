"""
The client against every kind of back end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import DeferredSemaphore, gatherResults
from twisted.trial.unittest import TestCase

from txfcgi.client.client import FastCGIClient
from txfcgi.client.options import ClientOptions
from txfcgi.client.response import ClientResponse
from txfcgi.errors import NoResponse, RequestSentInPart

from .backends import BACKENDS, BIG, BackendKind, RunningBackend

# As many requests as must come through the pool.
MANY = 1_000


class BackendCase(TestCase):
    """
    Tests with a back end that is started once for all of them, and a client for each.
    """

    kind: ClassVar[BackendKind]
    backend: ClassVar[RunningBackend]
    endpoint: ClassVar[int] = 0
    _stack: ClassVar[ExitStack]
    timeout = 60

    @classmethod
    def setUpClass(cls) -> None:
        cls._stack = ExitStack()
        cls.addClassCleanup(cls._stack.close)
        cls.backend = cls._stack.enter_context(cls.kind.running())

    def client(self, **options: Any) -> Any:
        """
        A client, which is closed when the test is over.
        """
        options.setdefault("maxConnections", self.kind.connections)
        calling = self.kind.client(
            reactor, self.backend.endpoints[self.endpoint], ClientOptions(**options)
        )
        self.addCleanup(calling.close)
        return calling


class CommonTests:
    """
    What every back end has to do.
    """

    kind: ClassVar[BackendKind]
    backend: ClassVar[RunningBackend]
    client: Any
    assertEqual: Any
    assertFailure: Any
    assertIn: Any
    assertTrue: Any

    async def test_get(self) -> None:
        """
        The simplest request.
        """
        response: ClientResponse = await self.client().request(self.backend.params("hello"))
        self.assertEqual(response.code, 200)
        self.assertIn(b"text/plain", response.head.get(b"content-type") or b"")
        self.assertEqual(await response.content(), b"hello\n")
        self.assertEqual((response.applicationStatus, response.protocolStatus), (0, 0))

    async def test_splitParam(self) -> None:
        """
        A param that fits into no record: most join it again, the others close the connection. By
        SCGI there are no records, and each has a limit of its own.
        """
        if self.kind.client is not FastCGIClient:
            return
        calling = self.client(allowSplit=True)
        params = self.backend.params("hello", HTTP_X_LONG="x" * 100_000)
        if self.kind.joins:
            response = await calling.request(params)
            self.assertEqual(await response.content(), b"hello\n")
        else:
            await self.assertFailure(calling.request(params), NoResponse, RequestSentInPart)

    async def test_upload(self) -> None:
        """
        A large upload, as bytes and as pieces of unknown length.
        """
        body = BIG[: self.kind.uploadBytes]
        calling = self.client()

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(body), 100_000):
                yield body[start : start + 100_000]

        for sent in (body, pieces()):
            response = await calling.request(self.backend.params("count", "POST"), sent)
            self.assertEqual(await response.content(), self.kind.digest(body))

    async def test_unread(self) -> None:
        """
        A program that does not read its body: the answer comes, whatever the back end does with the
        rest, and so does that to the next request.
        """
        body = BIG[: self.kind.uploadBytes]
        for options in ({}, {"keepConnections": False}):
            calling = self.client(**options)
            for _ in range(5):
                response = await calling.request(self.backend.params("hello", "POST"), body)
                self.assertIn(response.code, self.kind.unread)
                content = await response.content()
                self.assertEqual(content == b"hello\n", response.code == 200)
                response = await calling.request(self.backend.params("hello"))
                self.assertEqual((response.code, await response.content()), (200, b"hello\n"))

    async def test_uploads(self) -> None:
        """
        Uploads about the sizes at which records are divided.
        """
        calling = self.client()
        for size in (1, 7, 8, 65_527, 65_528, 65_529, 65_535, 65_536, 131_056, 131_057):
            response = await calling.request(self.backend.params("count", "POST"), BIG[:size])
            self.assertEqual(await response.content(), self.kind.digest(BIG[:size]))

    async def test_big(self) -> None:
        """
        20 MiB, collected and piece by piece.
        """
        calling = self.client(collectBytes=len(BIG))
        response = await calling.request(self.backend.params("big"))
        self.assertEqual(await response.content(), BIG)
        response = await calling.request(self.backend.params("big"))
        pieces: list[bytes] = []
        await response.collect(pieces.append)
        self.assertEqual(b"".join(pieces), BIG)

    async def test_stderr(self) -> None:
        """
        What a program has to say beside its answer.
        """
        if self.kind.hasStderr:
            result = await self.client().execute(self.backend.params("stderr"))
            self.assertIn(b"something to say", result.stderr)
            self.assertTrue(result.stdout.endswith(b"\r\n\r\nsaid\n"))

    async def test_exitStatus(self) -> None:
        """
        A program's exit status.
        """
        if self.kind.exitStatus is not None:
            result = await self.client().execute(self.backend.params("exit"))
            self.assertEqual(result.applicationStatus, self.kind.exitStatus)
            self.assertEqual(result.protocolStatus, 0)
            self.assertTrue(result.stdout.endswith(b"\r\n\r\ngone\n"))

    async def test_many(self) -> None:
        """
        A thousand requests, as many at once as the pool lets: none is lost, no connection is left
        over.
        """
        calling = self.client()
        most = 0

        async def one(number: int) -> None:
            nonlocal most
            body = b"%d" % number
            if number % 10:
                response = await calling.request(self.backend.params("hello"))
                self.assertEqual(await response.content(), b"hello\n")
            else:
                response = await calling.request(self.backend.params("count", "POST"), body)
                self.assertEqual(await response.content(), self.kind.digest(body))
            most = max(most, calling.pool.connections)

        limit = DeferredSemaphore(50)
        await gatherResults([limit.run(one, number) for number in range(MANY)], consumeErrors=True)
        self.assertEqual(most, self.kind.connections)
        self.assertEqual(calling.pool.waiting, 0)
        if self.kind.keeps:
            self.assertEqual(calling.pool.idle, calling.pool.connections)
        await calling.close()
        self.assertEqual(calling.pool.connections, 0)

    async def test_shortConnections(self) -> None:
        """
        A connection for each request.
        """
        calling = self.client(keepConnections=False)
        for _ in range(20):
            response = await calling.request(self.backend.params("hello"))
            self.assertEqual(await response.content(), b"hello\n")
            self.assertEqual(calling.pool.idle, 0)


for _kind in BACKENDS:
    _name = "Test" + _kind.name.title().replace("-", "")
    globals()[_name] = type(_name, (CommonTests, BackendCase), {"kind": _kind})
del _kind, _name
