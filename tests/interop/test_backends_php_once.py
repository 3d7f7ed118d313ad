"""
The client and php-fpm: what must not be done twice, and scripts that go on behind their answer.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import gatherResults

from txfcgi import ClientOptions, FastCGIClient, RetryPolicy
from txfcgi.errors import NoResponse, RequestSentInPart, ResponseCutOff

from .backends import PHP
from .test_backends import BackendCase


class TestOnce(BackendCase):
    """
    A child that dies over a request, on a connection that was kept from another.
    """

    kind = PHP

    async def died(self, method: str, body: bytes | None, **options: Any) -> str:
        """
        Have a child note that it runs, and die.

        @return: The notes that were made.
        """
        calling = self.client(**options)
        response = await calling.request(self.backend.params("hello"))
        await response.content()
        self.assertEqual(calling.pool.idle, 1)
        notes = self.backend.workspace.root / f"notes-{self.id()}-{method}"
        params = self.backend.params("note", method, NOTE=str(notes))
        error: Any = await self.assertFailure(
            calling.request(params, body), NoResponse, RequestSentInPart, ResponseCutOff
        )
        self.assertTrue(error.mayHaveRun)
        return notes.read_text()

    async def test_post(self) -> None:
        """
        A POST runs once.
        """
        self.assertEqual(await self.died("POST", b"body"), "ran\n")
        self.assertEqual(await self.died("PATCH", None), "ran\n")

    async def test_put(self) -> None:
        """
        A PUT is sent again, and a GET is.
        """
        self.assertEqual(await self.died("PUT", b"body"), "ran\nran\n")
        self.assertEqual(await self.died("GET", None), "ran\nran\n")

    async def test_anyMethod(self) -> None:
        """
        A POST as well, for who wants that.
        """
        policy = RetryPolicy(anyMethod=True)
        self.assertEqual(await self.died("POST", b"body", retry=policy), "ran\nran\n")


class TestOnceOverTCP(TestOnce):
    """
    The same over TCP.
    """

    endpoint = 1


class TestPreset(BackendCase):
    """
    What the options for PHP do.
    """

    kind = PHP

    def preset(self, **options: Any) -> FastCGIClient:
        """
        A client with the options for PHP.
        """
        chosen = ClientOptions.forPHP(maxConnections=self.kind.connections, **options)
        calling = FastCGIClient(reactor, self.backend.endpoints[self.endpoint], chosen)
        self.addCleanup(calling.close)
        return calling

    async def test_finished(self) -> None:
        """
        A script that ends its request early (C{fastcgi_finish_request}) and goes on holds up nobody
        who comes behind it.
        """
        path = self.backend.workspace.root / "finish"
        os.mkfifo(path)
        calling = self.preset()
        response = await calling.request(self.backend.params("finish", WAIT_FOR=str(path)))
        self.assertEqual(await response.content(), b"answered\n")
        for _ in range(5):
            response = await calling.request(self.backend.params("hello"))
            self.assertEqual(await response.content(), b"hello\n")
        # The script was still running: it ends when it is told to.
        os.close(os.open(path, os.O_WRONLY))

    async def test_postOnItsOwn(self) -> None:
        """
        Where connections are kept nevertheless, a POST has a new one.
        """
        calling = self.preset(keepConnections=True)
        for action, method, connections in (
            ("hello", "GET", 1),
            ("hello", "GET", 1),
            ("count", "POST", 2),
            ("hello", "GET", 2),
            ("count", "POST", 3),
        ):
            body = b"body" if method == "POST" else None
            response = await calling.request(self.backend.params(action, method), body)
            await response.content()
            self.assertEqual(calling.pool.connections, connections)

    async def test_together(self) -> None:
        """
        Many at a time, of both kinds.
        """
        for keep in (False, True):
            calling = self.preset(keepConnections=keep)
            asked = [
                calling.request(self.backend.params("count", method), b"body")
                for method in ("POST", "PUT") * 50
            ]
            responses = await gatherResults(asked)
            bodies = await gatherResults([response.content() for response in responses])
            self.assertEqual(len(set(bodies)), 1)
            self.assertEqual(len(bodies), 100)
