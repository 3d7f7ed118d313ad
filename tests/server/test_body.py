"""
Tests of L{txfcgi.server.body}: a body as JSON, and as a form.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import FastCGIServerFactory, Form, FormLimits, Limits, Request, Response
from txfcgi.errors import StreamClosed
from txfcgi.testing import MemoryFrontEnd

BOUNDARY = "----x"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}


def multipart(*parts: tuple[str, bytes], end: bool = True) -> bytes:
    """
    A form, of the parameters and the content of each part.
    """
    body = b""
    for options, content in parts:
        body += f"--{BOUNDARY}\r\nContent-Disposition: form-data; {options}\r\n".encode()
        if "filename" in options:
            body += b"Content-Type: text/x-test\r\n"
        body += b"\r\n" + content + b"\r\n"
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


class BodyTests(SynchronousTestCase):
    """
    Tests that send a body.
    """

    def setUp(self) -> None:
        self.seen: list[Any] = []

    def post(
        self, body: bytes, headers: Any = (), limits: Limits | None = None, **options: Any
    ) -> int:
        """
        Send a body to L{app}.

        @return: The status.
        """
        clock: Any = Clock()
        self.factory = FastCGIServerFactory(self.app, limits, clock=clock)
        frontEnd = MemoryFrontEnd(self.factory, testCase=self, **options)
        pieces = [body[at : at + 50_000] for at in range(0, len(body), 50_000)] or [b""]
        return self.successResultOf(frontEnd.post("/", pieces, headers)).code

    async def app(self, request: Request) -> Response:
        """
        Take the body.
        """
        raise NotImplementedError


class JSONTests(BodyTests):
    """
    JSON.
    """

    async def app(self, request: Request) -> Response:
        """
        Take it.
        """
        self.seen.append(await request.json())
        return Response(200, {}, b"x")

    def test_value(self) -> None:
        """
        A body is the value that it stands for, in one of the encodings of Unicode.
        """
        for body in ('{"ä": [1]}'.encode(), '{"ä": [1]}'.encode("utf-16")):
            self.assertEqual(self.post(body), 200)
        self.assertEqual(self.seen, [{"ä": [1]}] * 2)

    def test_mistakes(self) -> None:
        """
        What is not JSON is a 400; what is too large is a 413.
        """
        for body in (b"{", b"", b"\xff", b"[" * 100_000, b"1" * 5_000):
            self.assertEqual(self.post(body), 400)
        limits = Limits(collectBytes=10)
        self.assertEqual(self.post(b'"0123456789"', limits=limits), 413)

    def test_twice(self) -> None:
        """
        A body that was read is told from one that was not there.
        """

        async def app(request: Request) -> Response:
            await request.stdin.read()
            return Response(200, {}, await request.json())

        frontEnd = MemoryFrontEnd(app, testCase=self)
        self.assertEqual(self.successResultOf(frontEnd.post("/", b"1")).code, 500)
        self.assertEqual(len(self.flushLoggedErrors(StreamClosed)), 1)


class FormTests(BodyTests):
    """
    Forms.
    """

    limits: FormLimits | None = None

    async def app(self, request: Request) -> Response:
        """
        Take it, and read its files.
        """
        form = await request.form(self.limits)
        assert await request.form() is form
        self.seen.append(form)
        files = [(file.name, file.filename, file.size, file.file.read()) for file in form.files]
        self.seen.append(files)
        return Response(200, {}, b"x")

    def form(self, body: bytes, headers: Any, **options: Any) -> Form:
        """
        Send a form.
        """
        self.assertEqual(self.post(body, headers, **options), 200)
        form: Form = self.seen[0]
        return form

    def test_urlencoded(self) -> None:
        """
        A form without files.
        """
        form = self.form(b"a=1&b=%C3%A4&a=2", URLENCODED)
        self.assertEqual((dict(form), form.all("a")), ({"a": "2", "b": "ä"}, ["1", "2"]))
        self.assertEqual(form.files, ())

    def test_none(self) -> None:
        """
        A request without a body has an empty form.
        """
        self.assertEqual(dict(self.form(b"", ())), {})

    def test_multipart(self) -> None:
        """
        A form with files, in one piece and byte by byte. The files are there while the request
        lasts.
        """
        body = multipart(
            ('name="a"', "ä".encode()),
            ('name="f"; filename="x y.txt"', b"\r\n--not the end\0"),
            ('name="a"', b""),
            ('name="f"; filename="z"', b""),
            ('name="none"; filename=""', b""),
        )
        for fragment in (65_536, 1):
            self.seen.clear()
            form = self.form(body, MULTIPART, fragment=fragment)
            self.assertEqual(form.all("a"), ["ä", ""])
            self.assertEqual(
                self.seen[1],
                [("f", "x y.txt", 16, b"\r\n--not the end\0"), ("f", "z", 0, b"")],
            )
            self.assertEqual((form.files, form.file("f")), ((), None))
            self.assertEqual(self.factory.spool.spooled, 0)

    def test_large(self) -> None:
        """
        Files that are large are kept on disk.
        """
        content = bytes(range(256)) * 8_000
        rolled: list[Any] = []

        async def app(request: Request) -> Response:
            form = await request.form()
            file = form.file("f")
            assert file is not None and file.contentType == "text/x-test"
            rolled.append((file.file.name is not None, file.file.read() == content))
            rolled.append(request.channel.spool.spooled)
            return Response(200, {}, b"x")

        self.app = app  # type: ignore[method-assign]
        body = multipart(('name="f"; filename="x"', content), ('name="a"', b"b"))
        self.assertEqual(self.post(body, MULTIPART), 200)
        self.assertEqual(rolled, [(True, True), len(content)])
        self.assertEqual(self.factory.spool.spooled, 0)

    def test_limits(self) -> None:
        """
        A form that is too large is a 413, in whichever way, and leaves nothing behind. What is too
        much for all together is a 503.
        """
        parts = [('name="f"; filename="x"', b"x" * 1_000), ('name="a"', b"y" * 1_000)]
        body = multipart(*parts)
        for limits, code in (
            (FormLimits(bytes=len(body), fieldBytes=1_000, fields=2), 200),
            (FormLimits(bytes=len(body) - 1), 413),
            (FormLimits(fieldBytes=999), 413),
            (FormLimits(fields=1), 413),
            (FormLimits(files=0), 413),
        ):
            self.limits = limits
            self.assertEqual(self.post(body, MULTIPART), code)
            self.assertEqual(self.factory.spool.spooled, 0)
        self.limits = FormLimits(fieldBytes=5)
        self.assertEqual(self.post(b"a=12345", URLENCODED), 413)
        self.limits = FormLimits(fields=2)
        self.assertEqual(self.post(b"a=1&b=2&c=3", URLENCODED), 400)
        self.limits = None
        self.assertEqual(self.post(body, MULTIPART, Limits(spoolBytes=999)), 503)
        self.assertEqual(self.factory.spool.spooled, 0)

    def test_mistakes(self) -> None:
        """
        What is not the form that it says is a 400, what says something else a 415.
        """
        whole = multipart(('name="a"', b"b"))
        for body, headers, code in (
            (multipart(('name="a"', b"b"), end=False), MULTIPART, 400),
            (b"no form", MULTIPART, 400),
            (whole.replace(b"form-data", b"attachment"), MULTIPART, 400),
            (whole, {"Content-Type": "multipart/form-data"}, 400),
            (b"{}", {"Content-Type": "application/json"}, 415),
            (b"a=1", (), 415),
        ):
            self.assertEqual(self.post(body, headers), code)

    def test_goesAway(self) -> None:
        """
        A browser that goes away in the middle of a file leaves nothing behind.
        """
        clock: Any = Clock()
        factory = FastCGIServerFactory(self.app, clock=clock)
        frontEnd = MemoryFrontEnd(factory, testCase=self)
        exchange = frontEnd.start("POST", "/", MULTIPART, mayLeaveBody=True)
        exchange.send(multipart(('name="f"; filename="x"', b"x" * 1_000), end=False))
        frontEnd.pump()
        self.assertGreater(factory.spool.spooled, 900)
        exchange.leave()
        frontEnd.pump()
        exchange.response.addErrback(lambda _: None)
        self.assertEqual((factory.spool.spooled, self.seen), (0, []))

    def test_abortedWithFiles(self) -> None:
        """
        One that goes away when the form was read takes the files with it.
        """

        async def app(request: Request) -> Any:
            self.seen.append(await request.form())
            await Deferred()

        clock: Any = Clock()
        factory = FastCGIServerFactory(app, clock=clock)
        frontEnd = MemoryFrontEnd(factory, testCase=self)
        exchange = frontEnd.start("POST", "/", MULTIPART)
        exchange.send(multipart(('name="f"; filename="x"', b"x")))
        exchange.close()
        frontEnd.pump()
        self.assertEqual((factory.spool.spooled, len(self.seen[0].files)), (1, 1))
        exchange.leave()
        frontEnd.pump()
        exchange.response.addErrback(lambda _: None)
        self.assertEqual((factory.spool.spooled, self.seen[0].files), (0, ()))

    def test_noParser(self) -> None:
        """
        Where the parser is not installed, the log says how to install it.
        """
        modules: dict[str, Any] = sys.modules
        self.addCleanup(modules.__setitem__, "multipart", modules.get("multipart"))
        modules["multipart"] = None
        self.assertEqual(self.post(multipart(('name="a"', b"b")), MULTIPART), 500)
        (failure,) = self.flushLoggedErrors(ImportError)
        self.assertIn("pip install txfcgi[forms]", failure.getErrorMessage())
