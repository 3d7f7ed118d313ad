"""
Tests of L{txfcgi.adapters.wsgicall}: what a WSGI application answers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from threading import Event
from typing import Any

from txfcgi.errors import RequestAborted

from .served import PLAIN, Environ, Pieces, WSGITestCase

StartResponse = Callable[..., Any]


class AnswerTests(WSGITestCase):
    """
    Answers that are as they should be.
    """

    async def test_list(self) -> None:
        """
        A list is an answer in one piece, whose length is known.
        """

        def application(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            startResponse("404 Not Found", [*PLAIN, ("X-A", "1"), ("X-A", "caf\xe9")])
            return [b"one", b"", b"two"]

        response = await self.frontEnd(application, validate=False).get()
        self.assertEqual((response.code, response.body), (404, b"onetwo"))
        self.assertEqual(response.headers.getRawHeaders(b"x-a"), [b"1", b"caf\xe9"])
        self.assertEqual(response.headers.getRawHeaders("content-length"), ["6"])

    async def test_reason(self) -> None:
        """
        A reason of the application's own is passed on, with answers in one piece and in several.
        """
        for status, reason in (
            ("299 Caf\xe9", b"Caf\xe9"),
            ("404 Not Found", b"Not Found"),
            ("404", b"Not Found"),
            ("499 ", b"Unknown"),
        ):
            for pieces in ([b"a"], [b"a", b"b"]):

                def application(
                    environ: Environ,
                    startResponse: StartResponse,
                    status: str = status,
                    pieces: Any = pieces,
                ) -> Iterator[bytes]:
                    startResponse(status, PLAIN)
                    return iter(pieces)

                response = await self.frontEnd(application, validate=False).get()
                assert response.head is not None
                self.assertEqual(response.head.reason, reason)

    async def test_generator(self) -> None:
        """
        A generator's pieces are sent as they come, and what it gives is closed.
        """
        pieces = Pieces([b"", b"one", b"two"])

        def application(environ: Environ, startResponse: StartResponse) -> Pieces:
            startResponse("200 OK", PLAIN)
            return pieces

        response = await self.frontEnd(application).get()
        self.assertEqual(response.body, b"onetwo")
        self.assertFalse(response.headers.hasHeader("content-length"))
        await self.app.shutdown()
        self.assertTrue(pieces.closed.is_set())

    async def test_lazyStart(self) -> None:
        """
        C{start_response} may be called as late as for the first piece that is not empty, which the
        head waits for.
        """

        def application(environ: Environ, startResponse: StartResponse) -> Iterator[bytes]:
            yield b""
            startResponse("201 Created", PLAIN)
            yield b"late"

        response = await self.frontEnd(application, validate=False).get()
        self.assertEqual((response.code, response.body), (201, b"late"))

    async def test_pieceByPiece(self) -> None:
        """
        A piece leaves before the next one is asked for.
        """
        goOn = Event()

        def application(environ: Environ, startResponse: StartResponse) -> Iterator[bytes]:
            startResponse("200 OK", PLAIN)
            yield b"one"
            goOn.wait(60)
            yield b"two"

        frontEnd = self.frontEnd(application)
        exchange = frontEnd.start("GET", length=0)
        while not exchange.stdout.endswith(b"one"):
            await self.turn(frontEnd)
        goOn.set()
        self.assertEqual((await exchange.response).body, b"onetwo")

    async def test_write(self) -> None:
        """
        What is written with C{write} comes before what is returned.
        """

        def application(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            write = startResponse("200 OK", PLAIN)
            write(b"one")
            write(b"two")
            return [b"three"]

        for validate in (True, False):
            response = await self.frontEnd(application, validate=validate).get()
            self.assertEqual(response.body, b"onetwothree")

    async def test_declared(self) -> None:
        """
        An answer whose first piece is as long as was declared is whole, and what follows is left
        out.
        """
        lines = self.logged()

        def application(environ: Environ, startResponse: StartResponse) -> Iterator[bytes]:
            startResponse("200 OK", [*PLAIN, ("Content-Length", "3")])
            yield b"one"
            yield b"two"

        response = await self.frontEnd(application, validate=False).get()
        self.assertEqual((response.code, response.body), (200, b"one"))
        await self.app.shutdown()
        self.assertEqual(len([line for line in lines if "Content-Length" in line]), 1)

    async def test_empty(self) -> None:
        """
        An answer may have no body.
        """

        def application(environ: Environ, startResponse: StartResponse) -> Iterable[bytes]:
            startResponse("200 OK", PLAIN)
            return iter(())

        response = await self.frontEnd(application).get()
        self.assertEqual((response.code, response.body), (200, b""))

    async def test_noBody(self) -> None:
        """
        HEAD, 204 and 304 have no body, whatever the application gives; it is closed.
        """
        for method, status, headers in (
            ("HEAD", "200 OK", PLAIN),
            ("GET", "204 No Content", []),
            ("GET", "304 Not Modified", []),
        ):
            pieces = Pieces([b"one", b"two"])

            def application(
                environ: Environ,
                startResponse: StartResponse,
                status: str = status,
                headers: Any = headers,
                pieces: Pieces = pieces,
            ) -> Pieces:
                startResponse(status, headers)
                return pieces

            response = await self.frontEnd(application).request(method)
            self.assertEqual((response.code, response.body), (int(status[:3]), b""))
            await self.app.shutdown()
            self.assertTrue(pieces.closed.is_set())

    async def test_headLength(self) -> None:
        """
        The answer to HEAD may have the length that GET would have.
        """

        def application(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            startResponse("200 OK", [*PLAIN, ("Content-Length", "1000")])
            return []

        response = await self.frontEnd(application).request("HEAD")
        self.assertEqual(response.headers.getRawHeaders("content-length"), ["1000"])

    async def test_large(self) -> None:
        """
        One piece may be large.
        """
        body = b"0123456789abcdef" * 200_000

        def application(environ: Environ, startResponse: StartResponse) -> Iterable[bytes]:
            startResponse("200 OK", PLAIN)
            return [body] if environ["QUERY_STRING"] == "list" else iter([body])

        frontEnd = self.frontEnd(application, validate=False)
        for uri in ("/?list", "/?iterator"):
            response = await self.pumped(frontEnd, frontEnd.get(uri))
            self.assertEqual(response.body, body)

    async def test_replaced(self) -> None:
        """
        C{start_response} with C{exc_info} replaces a head that was not sent.
        """

        def application(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            startResponse("200 OK", PLAIN)
            try:
                raise ValueError
            except ValueError:
                startResponse("500 Oops", PLAIN, sys.exc_info())
            return [b"sorry"]

        response = await self.frontEnd(application).get()
        self.assertEqual((response.code, response.body), (500, b"sorry"))


class ErrorsTests(WSGITestCase):
    """
    C{wsgi.errors}.
    """

    async def complain(self) -> tuple[bytes, list[str]]:
        """
        What an application's complaints become: at the web server, and in the log.
        """

        def application(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            errors = environ["wsgi.errors"]
            errors.write("one\ntw")
            errors.writelines(["o\n", "caf\u00e9 \ud800"])
            startResponse("200 OK", PLAIN)
            return [b"complained"]

        lines = self.logged()
        response = await self.frontEnd(application).get()
        self.assertEqual(response.body, b"complained")
        return response.stderr, [line.rpartition(": ")[2] for line in lines if ": " in line]

    async def test_lines(self) -> None:
        """
        They go to the web server's error log, and to this program's, line by line.
        """
        stderr, lines = await self.complain()
        self.assertEqual(stderr, b"one\ntwo\ncaf\xc3\xa9 \\ud800\n")
        self.assertEqual(lines, ["one", "two", "caf\u00e9 \ud800"])


class SCGIErrorsTests(ErrorsTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"

    async def test_lines(self) -> None:
        """
        SCGI has no way for them: they are logged, once.
        """
        stderr, lines = await self.complain()
        self.assertEqual(stderr, b"")
        self.assertEqual(lines, ["one", "two", "caf\u00e9 \ud800"])


class GoneTests(WSGITestCase):
    """
    Browsers that go away.
    """

    async def test_whileStreaming(self) -> None:
        """
        An answer that nobody waits for is not iterated on, and is closed.
        """

        def pieces() -> Iterator[bytes]:
            while True:
                yield b"x" * 1000

        answer = Pieces(pieces())

        def application(environ: Environ, startResponse: StartResponse) -> Pieces:
            startResponse("200 OK", PLAIN)
            return answer

        frontEnd = self.frontEnd(application)
        response = frontEnd.get(abortAfter=10_000)
        await self.assertFailure(self.pumped(frontEnd, response), RequestAborted)
        await self.app.shutdown()
        self.assertTrue(answer.closed.is_set())

    async def test_whileWaiting(self) -> None:
        """
        A request that no thread has taken yet is never given to the application.
        """
        goOn = Event()
        called: list[str] = []

        def application(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            called.append(environ["QUERY_STRING"])
            goOn.wait(60)
            startResponse("200 OK", PLAIN)
            return [b"done"]

        frontEnd = self.frontEnd(application, threads=1)
        first = frontEnd.get("/?first")
        second = frontEnd.post("/?second", body=b"abc", abortAfter=0)
        while not called:
            await self.turn(frontEnd)
        await self.assertFailure(second, RequestAborted)
        goOn.set()
        self.assertEqual((await first).body, b"done")
        await self.app.shutdown()
        self.assertEqual(called, ["first"])

    async def test_beforeTheFirstPiece(self) -> None:
        """
        An answer that comes when nobody waits any more is dropped, and closed; a failure is logged.
        """

        def late() -> Iterator[bytes]:
            yield b"one"
            yield b"two"

        for made in (lambda: [b"whole"], late, lambda: [][0]):
            goOn, running = Event(), Event()

            def application(
                environ: Environ,
                startResponse: StartResponse,
                running: Event = running,
                goOn: Event = goOn,
                made: Any = made,
            ) -> Any:
                startResponse("200 OK", PLAIN)
                running.set()
                goOn.wait(60)
                return made()

            frontEnd = self.frontEnd(application, validate=False)
            exchange = frontEnd.start("GET", length=0)
            while not running.is_set():
                await self.turn(frontEnd)
            exchange.leave()
            await self.turn(frontEnd)
            await self.assertFailure(exchange.response, RequestAborted)
            goOn.set()
            await self.app.shutdown()
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)

    async def test_overloaded(self) -> None:
        """
        When too many wait for a thread, one more gets a 503, with a body and without.
        """
        goOn = Event()

        def application(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            goOn.wait(60)
            startResponse("200 OK", PLAIN)
            return [environ["wsgi.input"].read(10)]

        frontEnd = self.frontEnd(application, threads=1, maxWaiting=1)
        first = frontEnd.post(body=b"first")
        for refused in (frontEnd.get(), frontEnd.post(body=b"third")):
            self.assertEqual((await refused).code, 503)
        goOn.set()
        self.assertEqual((await first).body, b"first")

    async def test_writeRaises(self) -> None:
        """
        C{write} raises when nobody takes what is written.
        """
        raised = Event()

        def application(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            write = startResponse("200 OK", PLAIN)
            try:
                while True:
                    write(b"x" * 1000)
            except Exception:
                raised.set()
                raise
            return []

        frontEnd = self.frontEnd(application)
        response = frontEnd.get(abortAfter=10_000)
        await self.assertFailure(self.pumped(frontEnd, response), RequestAborted)
        await self.app.shutdown()
        self.assertTrue(raised.is_set())


class SCGIAnswerTests(AnswerTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"
