"""
Tests of L{txfcgi.adapters.wsgi}: what a WSGI application is given.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txfcgi import FastCGIServerFactory, Limits, Role
from txfcgi.adapters.pep3333 import FileWrapper
from txfcgi.adapters.wsgi import WSGIApp
from txfcgi.server.application import IStartsAndStops
from txfcgi.server.request import schemeOf
from txfcgi.testing import MemoryFrontEnd

from .served import PLAIN, Environ, WSGITestCase


class EnvironTests(WSGITestCase):
    """
    The environment.
    """

    async def test_request(self) -> None:
        """
        It has the params of the request, those that belong to no HTTP header included.
        """
        environ = await self.environ(
            uri="/a%20b?x=%20y",
            headers={"X-Thing": "1"},
            server="nginx",
            params={"REMOTE_USER": "ada", "FCGI_ROLE": "RESPONDER"},
        )
        self.assertEqual(environ["REQUEST_METHOD"], "GET")
        self.assertEqual(environ["QUERY_STRING"], "x=%20y")
        self.assertEqual(environ["HTTP_X_THING"], "1")
        self.assertEqual(environ["REMOTE_USER"], "ada")
        self.assertEqual(environ["SCRIPT_NAME"] + environ["PATH_INFO"], "/a b")
        self.assertEqual(environ["FCGI_ROLE"], "RESPONDER")
        self.assertEqual(environ["SERVER_PORT"], "8080")

    async def test_bytes(self) -> None:
        """
        Each character is one byte of those that came (PEP 3333, Unicode Issues), whether they are
        UTF-8 or not.
        """
        environ = await self.environ(params={"PATH_INFO": "/caf\u00e9\udcff", "X": "plain"})
        self.assertEqual(environ["PATH_INFO"], "/caf\u00c3\u00a9\u00ff")
        self.assertEqual(environ["X"], "plain")

    async def test_leftOut(self) -> None:
        """
        HTTP_PROXY is not there (CVE-2016-5385), nor are the headers whose variables have other
        names.
        """
        environ = await self.environ(
            params={
                "HTTP_PROXY": "http://evil",
                "HTTP_CONTENT_TYPE": "a/b",
                "HTTP_CONTENT_LENGTH": "9",
            }
        )
        for name in ("HTTP_PROXY", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
            self.assertNotIn(name, environ)

    async def test_missing(self) -> None:
        """
        What PEP 3333 demands is there though the web server does not send it.
        """
        seen: Environ = {}

        def application(environ: Environ, startResponse: Callable[..., Any]) -> list[bytes]:
            seen.update(environ)
            startResponse("200 OK", PLAIN)
            return []

        frontEnd = self.frontEnd(application)
        for name in ("SERVER_NAME", "SERVER_PORT"):
            seen.clear()
            response = await frontEnd.get(params={name: ""})
            self.assertEqual(response.code, 200)
            self.assertEqual((seen["SERVER_NAME"] == "localhost"), name == "SERVER_NAME")
            self.assertEqual(seen["SERVER_PORT"], "80" if name == "SERVER_PORT" else "8080")

    async def test_facts(self) -> None:
        """
        What it says of threads and processes is true.
        """
        seen: list[tuple[bool, bool, bool]] = []

        def application(environ: Environ, startResponse: Callable[..., Any]) -> list[bytes]:
            seen.append(
                (
                    environ["wsgi.multithread"],
                    environ["wsgi.multiprocess"],
                    environ["wsgi.run_once"],
                )
            )
            startResponse("200 OK", PLAIN)
            return []

        await self.frontEnd(application).get()
        await self.frontEnd(application, threads=1, multiprocess=True).get()
        self.assertEqual(seen, [(True, False, False), (False, True, False)])

    async def test_thread(self) -> None:
        """
        The application never runs in the reactor's thread, nor in one of the reactor's pool.
        """
        seen: list[threading.Thread] = []

        def application(environ: Environ, startResponse: Callable[..., Any]) -> list[bytes]:
            seen.append(threading.current_thread())
            startResponse("200 OK", PLAIN)
            return []

        await self.frontEnd(application).get()
        pooled = await deferToThread(threading.current_thread)
        self.assertNotIn(seen[0], (threading.current_thread(), pooled))

    async def test_mounted(self) -> None:
        """
        SCRIPT_NAME and PATH_INFO are divided where the server says that the app is mounted.
        """
        seen: list[tuple[str, str]] = []

        def application(environ: Environ, startResponse: Callable[..., Any]) -> list[bytes]:
            seen.append((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
            startResponse("200 OK", PLAIN)
            return []

        for mount in ("/", "/caf\u00e9"):
            app = WSGIApp(application)
            self.addCleanup(app.shutdown)
            frontEnd = self.frontEnd(application)
            factory = FastCGIServerFactory(app, clock=frontEnd.clock, mount=mount)
            mounted = MemoryFrontEnd(factory, server="nginx", testCase=self)
            await mounted.get("/caf%C3%A9/x")
        self.assertEqual(seen, [("", "/caf\xc3\xa9/x"), ("/caf\xc3\xa9", "/x")])


class SchemeTests(SynchronousTestCase):
    """
    C{wsgi.url_scheme}.
    """

    def test_schemes(self) -> None:
        """
        It is what HTTPS says, and without that, what REQUEST_SCHEME says.
        """
        for params, scheme in (
            ({}, "http"),
            ({"HTTPS": "on"}, "https"),
            ({"HTTPS": "1"}, "https"),
            ({"HTTPS": ""}, "http"),
            ({"HTTPS": "off"}, "http"),
            ({"REQUEST_SCHEME": "https"}, "https"),
            ({"HTTPS": "off", "REQUEST_SCHEME": "https"}, "http"),
            ({"HTTPS": "", "REQUEST_SCHEME": "http"}, "http"),
        ):
            self.assertEqual(schemeOf(params), scheme, params)


class BodyTests(WSGITestCase):
    """
    C{wsgi.input}.
    """

    async def test_body(self) -> None:
        """
        A body is there, with its length and type.
        """
        environ = await self.environ("POST", body=b"hello", headers={"Content-Type": "a/b"})
        self.assertEqual(environ["body"], b"hello")
        self.assertEqual(environ["CONTENT_LENGTH"], "5")
        self.assertEqual(environ["CONTENT_TYPE"], "a/b")

    async def test_empty(self) -> None:
        """
        An empty body has a length too.
        """
        environ = await self.environ("POST", body=b"")
        self.assertEqual((environ["body"], environ["CONTENT_LENGTH"]), (b"", "0"))

    async def test_large(self) -> None:
        """
        A body that does not fit into memory is read from a file.
        """
        body = bytes(range(256)) * 4_096
        environ = await self.environ("POST", body=[body[:100], body[100:]])
        self.assertEqual(environ["body"], body[:1_000_000])

    async def test_lines(self) -> None:
        """
        It can be read by lines.
        """

        def application(environ: Environ, startResponse: Callable[..., Any]) -> list[bytes]:
            stream = environ["wsgi.input"]
            lines = [stream.readline(), *stream.readlines(), *stream]
            startResponse("200 OK", PLAIN)
            return [repr(lines).encode()]

        response = await self.frontEnd(application).post(body=b"one\ntwo\nthree")
        self.assertEqual(response.body, b"[b'one\\n', b'two\\n', b'three']")

    async def test_tooLarge(self) -> None:
        """
        A body that is longer than allowed is answered with 413, whether or not its length was said
        at the beginning, and the application is not called.
        """
        called: list[Environ] = []
        frontEnd = self.frontEnd(lambda environ, _: called.append(environ), maxBodyBytes=10)
        response = await frontEnd.post(body=b"x" * 11)
        self.assertEqual(response.code, 413)
        self.assertEqual(called, [])

    async def test_allTooLarge(self) -> None:
        """
        Bodies that are too long together are answered with 503, and there is room again when the
        others are gone.
        """

        def application(environ: Environ, startResponse: Callable[..., Any]) -> list[bytes]:
            startResponse("200 OK", PLAIN)
            return [environ["wsgi.input"].read(100)]

        frontEnd = self.frontEnd(application, limits=Limits(spoolBytes=10))
        first = frontEnd.start(length=8)
        first.send(b"x" * 7)
        refused = await frontEnd.post(body=b"abcd")
        self.assertEqual(refused.code, 503)
        first.send(b"y")
        self.assertEqual((await first.response).body, b"xxxxxxxy")
        await self.app.shutdown()  # what a thread does behind the answer is done then
        self.assertEqual((await frontEnd.post(body=b"z" * 10)).body, b"z" * 10)

    async def test_cutOff(self) -> None:
        """
        An application is not called with half a body, and there is room again.
        """
        called: list[Environ] = []
        frontEnd = self.frontEnd(
            lambda environ, _: called.append(environ), limits=Limits(spoolBytes=10)
        )
        exchange = frontEnd.start(length=8)
        exchange.send(b"x" * 7)
        exchange.leave()
        await self.assertFailure(exchange.response, Exception)
        self.assertEqual(called, [])

    async def test_slowUploads(self) -> None:
        """
        A body that is not whole yet takes no thread.
        """

        def application(environ: Environ, startResponse: Callable[..., Any]) -> list[bytes]:
            startResponse("200 OK", PLAIN)
            return [environ["wsgi.input"].read(100)]

        frontEnd = self.frontEnd(application, threads=1)
        slow = [frontEnd.start(length=2) for _ in range(3)]
        for exchange in slow:
            exchange.send(b"a")
        self.assertEqual((await frontEnd.post(body=b"fast")).body, b"fast")
        for exchange in slow:
            exchange.send(b"b")
        responses = await gatherResults([exchange.response for exchange in slow])
        self.assertEqual([response.body for response in responses], [b"ab"] * 3)


class UnknownLengthTests(WSGITestCase):
    """
    A body whose length nobody has said before its end.
    """

    async def test_none(self) -> None:
        """
        Without a body, an empty CONTENT_LENGTH and CONTENT_TYPE, as nginx sends them, are left out.
        """
        environ = await self.environ(server="nginx")
        self.assertNotIn("CONTENT_LENGTH", environ)
        self.assertNotIn("CONTENT_TYPE", environ)
        self.assertEqual(environ["body"], b"")
        self.assertIs(environ["wsgi.input_terminated"], True)

    async def test_length(self) -> None:
        """
        The application is told the length, and nothing of a transfer coding that is gone.
        """
        for server in ("nginx", "apache"):
            environ = await self.environ(
                "POST",
                body=[b"one", b"two"],
                chunked=True,
                server=server,
                params={"HTTP_TRANSFER_ENCODING": "chunked"},
            )
            self.assertEqual((environ["body"], environ["CONTENT_LENGTH"]), (b"onetwo", "6"))
            self.assertNotIn("HTTP_TRANSFER_ENCODING", environ)

    async def test_tooLarge(self) -> None:
        """
        One that grows too long is answered with 413.
        """
        frontEnd = self.frontEnd(lambda environ, _: [], maxBodyBytes=10)
        exchange = frontEnd.start(mayLeaveBody=True)
        exchange.send(b"x" * 11)
        exchange.close()
        self.assertEqual((await exchange.response).code, 413)


class FileWrapperTests(WSGITestCase):
    """
    C{wsgi.file_wrapper}.
    """

    async def test_file(self) -> None:
        """
        A file is sent, and closed.
        """
        file = BytesIO(b"x" * 200_000)

        def application(environ: Environ, startResponse: Callable[..., Any]) -> Iterable[bytes]:
            startResponse("200 OK", PLAIN)
            wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file, 4096)
            return wrapped

        response = await self.frontEnd(application).get()
        self.assertEqual(response.body, b"x" * 200_000)
        await self.app.shutdown()
        self.assertTrue(file.closed)

    def test_blocks(self) -> None:
        """
        It reads in blocks that are worth a message, or larger ones if the application wants them.
        """
        sizes = [
            [len(block) for block in FileWrapper(BytesIO(b"x" * 150_000), size)]
            for size in (1, 100_000)
        ]
        self.assertEqual(sizes, [[65_536, 65_536, 18_928], [100_000, 50_000]])


class AppTests(WSGITestCase):
    """
    The adapter as an app.
    """

    def test_interface(self) -> None:
        """
        It starts and stops.
        """
        verifyObject(IStartsAndStops, WSGIApp(lambda environ, _: []))

    def test_notCallable(self) -> None:
        """
        What can't be called is refused at once.
        """
        error = self.assertRaises(TypeError, WSGIApp, None)
        self.assertIn("None can't be called", str(error))

    def test_otherInterface(self) -> None:
        """
        An application for another interface is refused at once.
        """

        async def asgi(scope: object, receive: object, send: object) -> None:
            pass

        wrong: Any = asgi
        error = self.assertRaises(TypeError, WSGIApp, wrong)
        self.assertIn("takes (scope, receive, send). It looks like an ASGI", str(error))

    def test_name(self) -> None:
        """
        Messages name the application, with its module.
        """

        class Program:
            def __call__(self, environ: Environ, startResponse: object) -> list[bytes]:
                return []

            def __repr__(self) -> str:
                return "<Program 'x'>"

        self.assertEqual(repr(WSGIApp(Program())), "WSGIApp(<Program 'x'>)")
        self.assertIn("tests.adapters.test_wsgi.AppTests.", repr(WSGIApp(lambda environ, _: [])))

    async def test_otherRoles(self) -> None:
        """
        A WSGI application authorizes nobody, and filters nothing.
        """
        frontEnd = self.frontEnd(lambda environ, _: [])
        for role in (Role.AUTHORIZER, Role.FILTER):
            response = await frontEnd.request(role=role)
            self.assertNotEqual(response.code, 200)


class SCGITests(EnvironTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"


class SCGIBodyTests(BodyTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"
