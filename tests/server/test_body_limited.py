"""
Tests of what an app asks of a body before it reads it: a limit of its own, and a file to keep it.
"""

from __future__ import annotations

import io
import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txfcgi import FastCGIServerFactory, Limits, Request, Response
from txfcgi.errors import BodyTooLarge, StreamClosed
from txfcgi.testing import MemoryFrontEnd

from .test_body import BodyTests


class LimitBodyTests(BodyTests):
    """
    C{limitBody}.
    """

    most: Any = 3

    async def app(self, request: Request) -> Response:
        """
        Take a small body.
        """
        request.limitBody(self.most)
        self.seen.append(request.bodyLimit)
        self.seen.append(await request.stdin.read())
        return Response(200, {}, b"x")

    def test_within(self) -> None:
        """
        A body within the limit is read.
        """
        self.assertEqual(self.post(b"abc"), 200)
        self.assertEqual(self.seen, [3, b"abc"])

    def test_declared(self) -> None:
        """
        A declared length beyond it is a 413.
        """
        self.assertEqual(self.post(b"abcd"), 413)
        self.assertEqual(self.seen, [])

    def test_unread(self) -> None:
        """
        A body that nobody reads is a 413, too, when it turns out to be too long.
        """
        request: list[Request] = []

        def held(asked: Request) -> Deferred[Any]:
            request.append(asked)
            asked.limitBody(3)
            return Deferred()

        clock: Any = Clock()
        frontEnd = MemoryFrontEnd(FastCGIServerFactory(held, clock=clock), testCase=self)
        upload: Any = [b"ab", b"cd"]
        answer = frontEnd.post("/", upload, {"Transfer-Encoding": "chunked"})
        self.assertEqual(self.successResultOf(answer).code, 413)
        self.assertTrue(request[0].ended)

    def test_caught(self) -> None:
        """
        An app that catches it answers as it likes.
        """

        async def app(request: Request) -> Response:
            try:
                request.limitBody(1)
            except BodyTooLarge as error:
                return Response(400, {}, str(error).encode())
            raise AssertionError

        clock: Any = Clock()
        frontEnd = MemoryFrontEnd(FastCGIServerFactory(app, clock=clock), testCase=self)
        answer = self.successResultOf(frontEnd.post("/", b"abcd"))
        self.assertEqual(
            (answer.code, answer.body), (400, b"the body has 4 bytes, and at most 1 are taken")
        )

    def test_server(self) -> None:
        """
        The limit of the server holds, whatever an app asks for.
        """
        self.most = 9
        self.assertEqual(self.post(b"abcdef", limits=Limits(bodyBytes=5)), 413)
        self.assertEqual(self.seen, [])
        self.assertEqual(self.post(b"abc", limits=Limits(bodyBytes=5)), 200)
        self.assertEqual(self.seen, [5, b"abc"])

    def test_wrong(self) -> None:
        """
        What is no number of bytes is the app's mistake.
        """
        self.most = "3"
        self.assertEqual(self.post(b"abc"), 500)
        [failure] = self.flushLoggedErrors(ValueError)
        self.assertIn("a whole number of bytes, not '3'", str(failure.value))


class SpooledTests(BodyTests):
    """
    C{spooled}.
    """

    async def app(self, request: Request) -> Response:
        """
        Keep the body, and look at it.
        """
        file = await request.spooled()
        self.seen.append(file)
        self.assertIs(await request.spooled(), file)
        self.seen.append(file.read())
        self.seen.append(self.factory.spool.spooled)
        return Response(200, {}, b"x")

    def test_memory(self) -> None:
        """
        A short body is kept in memory, and gone with its request.
        """
        self.assertEqual(self.post(b"abc"), 200)
        file, body, spooled = self.seen
        self.assertEqual((body, spooled), (b"abc", 3))
        self.assertTrue(file.closed)
        self.assertEqual(self.factory.spool.spooled, 0)

    def test_file(self) -> None:
        """
        A long one is in a file, that has no name.
        """
        body = os.urandom(600_000)
        self.assertEqual(self.post(body), 200)
        self.assertEqual(self.seen[1:], [body, 600_000])
        self.assertIsInstance(self.seen[0], io.BufferedReader)
        self.assertEqual(self.factory.spool.spooled, 0)

    def test_empty(self) -> None:
        """
        An empty one is an empty file.
        """
        self.assertEqual(self.post(b""), 200)
        self.assertEqual(self.seen[1:], [b"", 0])

    def test_tooLarge(self) -> None:
        """
        Its limit is that of bodies, and that of all that is kept.
        """
        self.assertEqual(self.post(b"abcdef", limits=Limits(bodyBytes=5)), 413)
        self.assertEqual(self.factory.spool.spooled, 0)
        self.assertEqual(self.post(bytes(100), limits=Limits(spoolBytes=99)), 413)
        self.assertEqual(self.seen, [])

    def test_readBefore(self) -> None:
        """
        A body that was read before is not there any more, and an empty file would be a lie.
        """

        async def app(request: Request) -> Response:
            await request.stdin.read()
            await request.spooled()
            raise AssertionError

        self.app = app  # type: ignore[method-assign]
        self.assertEqual(self.post(b"abc"), 500)
        self.assertEqual(len(self.flushLoggedErrors(StreamClosed)), 1)
        self.assertEqual(self.factory.spool.spooled, 0)
