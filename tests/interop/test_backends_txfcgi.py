"""
The client and txfcgi's own server: all roles, requests that share connections, streams both ways.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from twisted.internet.defer import DeferredQueue, ensureDeferred, gatherResults

from txfcgi.wire.records import Role

from .backends import BACKENDS, BIG, BackendKind
from .test_backends import MANY, BackendCase


class TestOurselves(BackendCase):
    """
    What only this server does.
    """

    kind: ClassVar[BackendKind] = BACKENDS[-1]

    async def test_authorizer(self) -> None:
        """
        An Authorizer says yes with variables, or no with a page.
        """
        calling = self.client()
        params = self.backend.params("hello")
        allowed = await calling.authorize(params | {"REMOTE_USER": "me"})
        self.assertTrue(allowed.allowed)
        self.assertEqual(allowed.variables, {"KNOWN_AS": "me myself"})
        denied = await calling.authorize(params | {"REMOTE_USER": "you"})
        self.assertFalse(denied.allowed)
        self.assertEqual(await denied.response.content(), b"not you\n")

    async def test_filter(self) -> None:
        """
        A Filter gets a body and a file.
        """
        response = await self.client().request(
            self.backend.params("hello", "POST"), b"body", role=Role.FILTER, data=b"a file"
        )
        self.assertEqual(await response.content(), b"6 4 A FILE")

    async def test_getValues(self) -> None:
        """
        The server says that connections can be shared, and from then on they are.
        """
        calling = self.client()
        values = await calling.getValues()
        self.assertEqual(values["FCGI_MPXS_CONNS"], "1")
        await gatherResults([calling.request(self.backend.params("hello")) for _ in range(16)])
        self.assertEqual(calling.pool.connections, 1)

    async def test_shared(self) -> None:
        """
        A thousand requests, sixteen at once on each of four connections, large and small ones.
        """
        calling = self.client(multiplex=True, maxConnections=4, collectBytes=len(BIG))

        async def one(number: int) -> None:
            body = BIG[: number * 400]
            response = await calling.request(self.backend.params("count", "POST"), body)
            self.assertEqual(await response.content(), self.kind.digest(body))

        await gatherResults([ensureDeferred(one(number)) for number in range(MANY)])
        self.assertEqual(calling.pool.connections, calling.pool.idle)
        self.assertLessEqual(calling.pool.connections, 4)

    async def test_interleaved(self) -> None:
        """
        The answer begins while the request is still being sent.
        """
        queue: DeferredQueue[bytes] = DeferredQueue()

        async def body() -> AsyncIterator[bytes]:
            while piece := await queue.get():
                yield piece

        calling = self.client(unknownLength="stream")
        asked = calling.request(self.backend.params("echo", "POST"), body())
        queue.put(b"first")
        response = await asked
        stream = response.stdout
        self.assertEqual(await stream.read(100), b"first")
        queue.put(b"second")
        self.assertEqual(await stream.read(100), b"second")
        queue.put(b"")
        self.assertEqual(await stream.read(), b"")
        self.assertEqual(response.applicationStatus, 0)

    async def test_passedOn(self) -> None:
        """
        A response's body is another request's body, 20 MiB of it, without being held anywhere.
        """
        calling = self.client(unknownLength="stream")
        response = await calling.request(self.backend.params("big"))
        counted = await calling.request(self.backend.params("count", "POST"), response.stdout)
        self.assertEqual(await counted.content(), self.kind.digest(BIG))

    async def test_heldBack(self) -> None:
        """
        A large response that nobody reads waits in the back end, not here, and is whole in the end.
        """
        calling = self.client()
        response = await calling.request(self.backend.params("big"))
        for _ in range(100):
            hello = await calling.request(self.backend.params("hello"))
            await hello.content()
        self.assertLess(response.stdout.buffered, 512 * 1024)
        self.assertIsNone(response.applicationStatus)
        pieces: list[bytes] = []
        await response.collect(pieces.append)
        self.assertEqual(b"".join(pieces), BIG)

    async def test_aborted(self) -> None:
        """
        Requests that are given up cost those that share their connection nothing.
        """
        # Nobody reads the large ones, and hello is not to wait for that.
        calling = self.client(multiplex=True, maxConnections=1, connectionBytes=5 * len(BIG))
        responses = await gatherResults(
            [calling.request(self.backend.params("big")) for _ in range(4)]
        )
        hello = calling.request(self.backend.params("hello"))
        for response in responses:
            response.abort()
        self.assertEqual(await (await hello).content(), b"hello\n")
        self.assertEqual(calling.pool.connections, 1)
