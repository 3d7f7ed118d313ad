"""
Tests of C{--http}: L{txfcgi.service.development}, L{txfcgi.service.welcome} and their options.
"""

from __future__ import annotations

import http.client
import os
import signal
import tempfile
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.server.limits import HTTPLimits
from txfcgi.service.development import Development
from txfcgi.service.errors import CannotStart
from txfcgi.service.fcgitap import Options
from txfcgi.service.options import ServerOptions
from txfcgi.service.scgitap import Options as SCGIOptions
from txfcgi.service.serving import Serving
from txfcgi.service.welcome import Welcome

from .processes import STDIN, Program, ProgramTests, beginning, record

LOCAL = "tcp:0:interface=127.0.0.1"


class OptionTests(ProgramTests):
    """
    What C{--http} means beside the other options.
    """

    def options(self, *words: str) -> Options:
        """
        Parse a command line.
        """
        options = Options()
        options.parseOptions([*words, "--app-dir", self.folder])
        return options

    def test_builtIn(self) -> None:
        """
        With nothing else there is an app of ours, and one service.
        """
        options = self.options("--http", LOCAL)
        self.assertIsInstance(options["application"], Welcome)
        self.assertIsInstance(options.makeService(), Development)

    def test_ownApp(self) -> None:
        """
        An app can be seen in a browser alone, or be served as well.
        """
        options = self.options("--http", LOCAL, "--app", "sample.hello")
        self.assertNotIsInstance(options["application"], Welcome)
        self.assertIsInstance(options.makeService(), Development)
        options = self.options("--http", LOCAL, "--app", "sample.hello", "--port", "fcgi:fd=0")
        service: Any = options.makeService()
        self.assertIsInstance(service, MultiService)
        self.assertEqual([type(each) for each in service], [Development, Serving])

    def test_appIsMissing(self) -> None:
        """
        A port for web servers needs an app; without a port and HTTP, both are missing.
        """
        error = self.assertRaises(UsageError, self.options, "--http", LOCAL, "--port", "fcgi:fd=0")
        self.assertIn("--app is missing", str(error))
        error = self.assertRaises(UsageError, self.options)
        self.assertIn("--port and --app are missing", str(error))

    def test_public(self) -> None:
        """
        It is for this machine, unless one insists or says who may connect.
        """
        for text in ("tcp:8080", "tcp:8080:interface=0.0.0.0", "tcp6:8080"):
            error = self.assertRaises(UsageError, self.options, "--http", text)
            self.assertIn(f"--http {text} is open to other machines", str(error))
            self.assertIn("for development", str(error))
            self.options("--http", text, "--insecure")
            self.options("--http", text, "--allow-from", "10.0.0.0/8")

    def test_limits(self) -> None:
        """
        What browsers may do can be told, as for the gateway.
        """
        service: Any = self.options("--http", LOCAL, "--http-header-count", "7").makeService()
        self.assertEqual(service._site.limits, HTTPLimits(headerCount=7))

    def test_otherProtocols(self) -> None:
        """
        It goes through SCGI too, but not through what has no client.
        """
        options = SCGIOptions()
        options.parseOptions(["--http", LOCAL])
        self.assertIsInstance(options.makeService(), Development)

        class OtherOptions(ServerOptions):
            command = "other"
            protocol = "Other"

        error = self.assertRaises(UsageError, OtherOptions().parseOptions, ["--http", LOCAL])
        self.assertEqual(str(error), "--http is not supported for Other")

    def test_noFolder(self) -> None:
        """
        A private socket that can't be made keeps it from starting.
        """
        self.patch(os, "environ", {"TMPDIR": self.path("d" * 100)})
        os.mkdir(self.path("d" * 100))
        self.patch(tempfile, "tempdir", None)
        service = self.options("--http", LOCAL).makeService()
        error = self.assertRaises(CannotStart, service.startService)
        self.assertIn("app.sock", str(error))
        self.assertEqual(os.listdir(self.path("d" * 100)), [])


class HTTPTests(ProgramTests):
    """
    Programs that answer HTTP.
    """

    def serve(self, *words: str) -> tuple[Program, int]:
        """
        Start a server for HTTP.

        @return: It, and its port.
        """
        os.mkdir(self.path("tmp"))
        program = self.start(*words, env={"TMPDIR": self.path("tmp")})
        program.waitFor("See http://127.0.0.1:")
        program.waitFor("meant for development")
        return program, int(program.said.partition("See http://127.0.0.1:")[2].partition("/")[0])

    def get(self, port: int, path: str, **headers: str) -> tuple[int, str, str]:
        """
        Ask it for something.
        """
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        kind = response.getheader("Content-Type") or ""
        return response.status, kind, response.read().decode()


class ProgramsTests(HTTPTests):
    """
    The programs as they are run.
    """

    def test_builtIn(self) -> None:
        """
        The first command of the README shows a page, goes through a socket that is nobody else's,
        and leaves nothing behind.
        """
        program, port = self.serve("twistd", "-n", "--pidfile=", "fcgi", "--http", LOCAL)
        [folder] = os.listdir(self.path("tmp"))
        self.assertEqual(os.stat(self.path(f"tmp/{folder}")).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.path(f"tmp/{folder}/app.sock")).st_mode & 0o777, 0o600)
        status, kind, page = self.get(port, "/a<b>?c", Accept="text/html")
        self.assertEqual((status, kind), (200, "text/html; charset=utf-8"))
        self.assertIn("<h1>It works: this page came over FastCGI</h1>", page)
        self.assertIn("GET /a&lt;b&gt;?c", page)
        status, kind, page = self.get(port, "/?stderr")
        self.assertEqual(kind, "text/plain; charset=utf-8")
        self.assertIn("QUERY_STRING=stderr\n", page)
        program.waitFor("This is what an app writes to stderr.")
        self.assertEnds(program, signal.SIGINT)
        self.assertEqual(os.listdir(self.path("tmp")), [])

    def test_appAndPort(self) -> None:
        """
        An app of one's own answers HTTP and FastCGI, with C{twist}.
        """
        self.write(
            "own.py",
            "from txfcgi import Response\n"
            "def app(request):\n"
            "    who = request.params.get('WHO') or request.params['HTTP_WHO']\n"
            "    return Response(200, {}, b'hello ' + who.encode())\n",
        )
        program, port = self.serve(
            *("twist", "--log-format=text", "fcgi", "--http", LOCAL, "--app", "own.app"),
            *("--port", f"unix:{self.socketPath}", "--app-dir", self.folder),
        )
        self.assertEqual(self.get(port, "/", Who="me")[2], "hello me")
        self.assertServes(self.socketPath)
        self.assertEnds(program)

    def test_asgi(self) -> None:
        """
        So does an ASGI application, with its lifespan, and the routes that a browser asks for.
        """
        self.write(
            "own.py",
            "async def app(scope, receive, send):\n"
            "    if scope['type'] == 'lifespan':\n"
            "        while True:\n"
            "            kind = (await receive())['type']\n"
            "            print('heard', kind, flush=True)\n"
            "            await send({'type': kind + '.complete'})\n"
            "            if kind == 'lifespan.shutdown':\n"
            "                return\n"
            "    said = f\"{scope['path']} {scope['root_path']!r} {scope['query_string']}\"\n"
            "    await send({'type': 'http.response.start', 'status': 200,\n"
            "                'headers': [(b'content-type', b'text/plain')]})\n"
            "    await send({'type': 'http.response.body', 'body': said.encode()})\n",
        )
        program, port = self.serve(
            *("twistd", "-n", "--pidfile=", "fcgi", "--http", LOCAL, "--asgi", "own:app"),
            *("--app-dir", self.folder),
        )
        program.waitFor("heard lifespan.startup")
        self.assertEqual(self.get(port, "/a%20b/c?d=1"), (200, "text/plain", "/a b/c '' b'd=1'"))
        self.assertEnds(program)
        self.assertIn("heard lifespan.shutdown", program.said)

    def test_stopTwice(self) -> None:
        """
        The second signal ends what still runs, on whichever way it came.
        """
        self.write(
            "own.py",
            "from twisted.internet.defer import Deferred\n"
            "def app(request):\n"
            "    request.stdout.write(b'Status: 200 OK\\n\\nbegun')\n"
            "    return Deferred()\n",
        )
        program, port = self.serve(
            *("twistd", "-n", "--pidfile=", "fcgi", "--http", LOCAL, "--app", "own.app"),
            *("--port", f"unix:{self.socketPath}", "--app-dir", self.folder),
        )
        browser = self.connect(("127.0.0.1", port))
        browser.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        server = self.connect(self.socketPath)
        server.sendall(beginning({}) + record(STDIN, b""))
        with browser.makefile("rb") as first, server.makefile("rb") as second:
            self.assertEqual(first.readline(), b"HTTP/1.1 200 OK\r\n")
            self.assertTrue(second.read(8))
            program.kill(signal.SIGTERM)
            program.waitFor("Stops listening", 2)
            self.assertEnds(program)

    def test_scgi(self) -> None:
        """
        The same over SCGI.
        """
        program, port = self.serve("twistd", "-n", "--pidfile=", "scgi", "--http", LOCAL)
        page = self.get(port, "/")[2]
        self.assertIn("this came over SCGI", page)
        self.assertIn("\nSCGI=1\n", page)
        self.assertEnds(program)


class StreamTests(SynchronousTestCase):
    """
    What the app of ours streams.
    """

    def test_slowly(self) -> None:
        """
        One line after the other.
        """
        clock = Clock()
        lines: list[bytes] = []

        async def read() -> None:
            async for line in Welcome(clock=clock, pause=0.5)._slowly():
                lines.append(line)

        done = Deferred.fromCoroutine(read())
        self.assertEqual(lines, [b"line 1 of 10\n"])
        clock.pump([0.5] * 10)
        self.successResultOf(done)
        self.assertEqual(lines[-1], b"line 10 of 10\n")
