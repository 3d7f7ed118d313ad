"""
Tests of L{txfcgi.adapters.wsgicall}: WSGI applications that fail.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from txfcgi.errors import InvalidHeader, InvalidResponse, ResponseCutOff

from .served import PLAIN, Environ, Pieces, WSGITestCase

StartResponse = Callable[..., Any]


class FailureTests(WSGITestCase):
    """
    Applications that fail.
    """

    async def assertMistake(self, application: Any, kind: type[BaseException], *words: str) -> None:
        """
        An application gets its request a 500, and itself a message with all of these words.
        """
        response = await self.frontEnd(application, validate=False).get()
        self.assertEqual(response.code, 500)
        await self.app.shutdown()
        (failure,) = self.flushLoggedErrors(kind)
        for word in words:
            self.assertIn(word, failure.getErrorMessage())

    async def test_raises(self) -> None:
        """
        An exception, and an exit too, is a 500.
        """

        def failing(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            raise ValueError("oops")

        def exiting(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            sys.exit(3)

        await self.assertMistake(failing, ValueError, "oops")
        await self.assertMistake(exiting, SystemExit, "3")

    async def test_raisesBeforeFirstPiece(self) -> None:
        """
        The head waits for the first piece, so that what fails before is a 500; and the answer is
        closed.
        """

        def pieces() -> Iterator[bytes]:
            yield b""
            raise ValueError("oops")

        answer = Pieces(pieces())

        def application(environ: Environ, startResponse: StartResponse) -> Pieces:
            startResponse("200 OK", PLAIN)
            return answer

        await self.assertMistake(application, ValueError, "oops")
        self.assertTrue(answer.closed.is_set())

    async def test_raisesLate(self) -> None:
        """
        What fails behind the first piece does not look complete.
        """

        def pieces() -> Iterator[bytes]:
            yield b"one"
            raise ValueError("oops")

        answer = Pieces(pieces())

        def application(environ: Environ, startResponse: StartResponse) -> Pieces:
            startResponse("200 OK", PLAIN)
            return answer

        response = self.frontEnd(application).get()
        await self.assertFailure(response, ResponseCutOff)
        await self.app.shutdown()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertTrue(answer.closed.is_set())

    async def test_tooShort(self) -> None:
        """
        Less than was declared does not look complete.
        """

        def application(environ: Environ, startResponse: StartResponse) -> Iterator[bytes]:
            startResponse("200 OK", [*PLAIN, ("Content-Length", "9")])
            yield b"one"

        await self.assertFailure(self.frontEnd(application).get(), ResponseCutOff)
        self.assertEqual(len(self.flushLoggedErrors(InvalidResponse)), 1)

    async def test_errorsTakeText(self) -> None:
        """
        C{wsgi.errors} takes text, and passes on what has no end before it is too much.
        """

        def application(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            environ["wsgi.errors"].write("x" * 70_000)
            environ["wsgi.errors"].write(b"bytes")
            return []

        lines = self.logged()
        await self.assertMistake(application, TypeError, "wsgi.errors takes str, not bytes")
        self.assertTrue(any("x" * 70_000 in line for line in lines))

    async def test_closeFails(self) -> None:
        """
        An answer that is whole stays so when closing it fails, which is logged, with the method
        and the URI.
        """

        class Failing(Pieces):
            def close(self) -> None:
                raise ValueError("oops")

        def application(environ: Environ, startResponse: StartResponse) -> Pieces:
            startResponse("200 OK", PLAIN)
            return Failing([b"one", b"two"])

        lines = self.logged()
        response = await self.frontEnd(application, validate=False).get("/slow?token=1")
        self.assertEqual(response.body, b"onetwo")
        await self.app.shutdown()
        [line] = [line for line in lines if "failed when" in line]
        self.assertIn("(GET /slow?token=***) was answered, or gone", line)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    async def test_raisedAgain(self) -> None:
        """
        C{start_response} with C{exc_info} raises it when the head is out.
        """

        def application(environ: Environ, startResponse: StartResponse) -> Iterator[bytes]:
            startResponse("200 OK", PLAIN)
            yield b"one"
            try:
                raise ValueError("oops")
            except ValueError:
                startResponse("500 Oops", PLAIN, sys.exc_info())
            yield b"two"

        await self.assertFailure(self.frontEnd(application).get(), ResponseCutOff)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    async def test_returns(self) -> None:
        """
        What is no iterable of bytes is told, by its type.
        """
        for result, words in (
            (None, "NoneType"),
            (5, "int"),
            ("text", "str"),
            ([b"a", "text"], "str"),
            (b"bytes", "int"),
            ({"a": 1}, "str"),
        ):

            def application(
                environ: Environ, startResponse: StartResponse, result: Any = result
            ) -> Any:
                startResponse("200 OK", PLAIN)
                return result

            await self.assertMistake(
                application, InvalidResponse, words, "test_returns", "PEP 3333"
            )

    async def test_notStarted(self) -> None:
        """
        An answer without a head is told.
        """
        for result in ([b"body"], [], iter([b"body"]), iter(())):
            await self.assertMistake(
                lambda environ, startResponse, result=result: result,
                InvalidResponse,
                "did not call start_response",
            )

    async def test_startedTwice(self) -> None:
        """
        A second head is told.
        """

        def application(environ: Environ, startResponse: StartResponse) -> list[bytes]:
            startResponse("200 OK", PLAIN)
            startResponse("200 OK", PLAIN)
            return []

        await self.assertMistake(application, InvalidResponse, "twice", "test_startedTwice")

    async def test_status(self) -> None:
        """
        A status that is none is told.
        """
        digits = "\u0662\u0660\u0660"  # others than ASCII's
        for status in (200, b"200 OK", "OK", "20 OK", "2000", "200 \u20ac", f"{digits} OK", None):

            def application(
                environ: Environ, startResponse: StartResponse, status: Any = status
            ) -> list[bytes]:
                startResponse(status, PLAIN)
                return []

            await self.assertMistake(application, InvalidResponse, repr(status), "PEP 3333")

    async def test_headers(self) -> None:
        """
        Headers that are none are told.
        """
        for headers, words in (
            ({"A": "b"}, "dict"),
            ([("A", 1)], "('A', 1)"),
            ([("A", b"b")], "('A', b'b')"),
            ([["A", "b"]], "['A', 'b']"),
            ([("A",)], "('A',)"),
            ([("A", "\u20ac")], "latin-1"),
            ([("A", "b\nc")], "control character"),
            ([("A b", "c")], "A b"),
            ([("Content-Length", "many")], "not a number"),
        ):

            def application(
                environ: Environ, startResponse: StartResponse, headers: Any = headers
            ) -> list[bytes]:
                startResponse("200 OK", headers)
                return []

            await self.assertMistake(application, InvalidHeader, words)


class SCGIFailureTests(FailureTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"
