"""
Tests of L{txfcgi.service.appoptions}: what is served.
"""

from __future__ import annotations

import os
from typing import Any
from unittest.mock import patch

from twisted.python.usage import UsageError

from txfcgi.adapters.threads import sharedPool
from txfcgi.adapters.wsgi import WSGIApp
from txfcgi.service.appoptions import readSendFile
from txfcgi.service.fcgitap import Options

from .test_options import CommandLineTests

SITES = """
from klein import Klein
from twisted.web.resource import Resource
from twisted.web.server import Site

def app(request): ...

def wsgi(environ, start_response):
    return []

async def asgi(scope, receive, send): ...

Leaf = Resource
resource = Resource()
klein = Klein()
site = Site(resource)

def four(a, b, c, d): ...

def make():
    return wsgi

def makeNothing():
    return None

def fail():
    raise ValueError("oops")

number = 42
"""


class AppOptionsTests(CommandLineTests):
    """
    The options that name what is served.
    """

    def setUp(self) -> None:
        super().setUp()
        self.write("sites.py", SITES)
        self.addCleanup(setattr, sharedPool(), "threads", sharedPool().threads)

    def served(self, *words: str) -> Any:
        """
        What is served.
        """
        given = ["--port", f"unix:{self.socketPath}"]
        return self.options(*given, *words, where=False)["application"]

    def mistake(self, *words: str) -> str:
        """
        Why nothing is served.
        """
        return str(self.assertRaises(UsageError, self.served, *words))

    def test_wsgi(self) -> None:
        """
        C{--wsgi} serves a WSGI application, in as many threads as C{--threads} says.
        """
        app = self.served("--wsgi", "sites.wsgi", "--threads", "3")
        self.assertIsInstance(app, WSGIApp)
        self.assertEqual(repr(app), "WSGIApp(sites.wsgi)")
        self.assertEqual(sharedPool().threads, 3)

    def test_multiprocess(self) -> None:
        """
        A worker's application is told that there are other processes.
        """
        for words, multiprocess in (((), False), (("--workers", "2"), True)):
            with (
                patch.object(Options, "isWorker", bool(words)),
                patch("txfcgi.service.appoptions.WSGIApp") as made,
            ):
                self.served("--wsgi", "sites.wsgi", *words)
            self.assertIs(made.call_args.kwargs["multiprocess"], multiprocess)

    def test_factory(self) -> None:
        """
        C{--factory} calls what is named; nothing else does.
        """
        self.assertEqual(
            repr(self.served("--wsgi", "sites.make", "--factory")), "WSGIApp(sites.wsgi)"
        )
        self.assertIn("add --factory", self.mistake("--wsgi", "sites.make"))
        self.assertIn("ValueError: oops", self.mistake("--wsgi", "sites.fail", "--factory"))
        self.assertIn(
            "of type NoneType, which can't be called; name a WSGI application",
            self.mistake("--wsgi", "sites.makeNothing", "--factory"),
        )

    def test_resource(self) -> None:
        """
        C{--resource} serves a resource, a site, and what a Klein app's method makes.
        """
        for name, made in (
            ("sites.resource", "Resource object"),
            ("sites.site", "Site"),
            ("sites.klein.resource", "KleinResource"),
        ):
            self.assertIn(made, repr(self.served("--resource", name)))
        self.assertIn("Resource object", repr(self.served("--resource", "sites.Leaf", "--factory")))

    def test_path(self) -> None:
        """
        C{--path} serves files.
        """
        self.assertIn(self.folder, repr(self.served("--path", self.folder)))
        self.assertIn(
            "the file or directory does not exist", self.mistake("--path", self.path("nothing"))
        )
        self.assertIn("--factory", self.mistake("--path", self.folder, "--factory"))

    def test_oneAtATime(self) -> None:
        """
        Two things are an error.
        """
        self.assertIn(
            "--app and --wsgi: give only one of them",
            self.mistake("--app", "sites.app", "--wsgi", "sites.wsgi"),
        )

    def test_wrongKind(self) -> None:
        """
        What another option serves is told, with that option.
        """
        for option, name, words in (
            ("--app", "sites.wsgi", "it is a WSGI application: use --wsgi sites.wsgi"),
            ("--app", "sites.asgi", "it is an ASGI application: use --asgi sites.asgi"),
            ("--app", "sites.resource", "a twisted.web resource: use --resource sites.resource"),
            ("--app", "sites.site", "a twisted.web site: use --resource sites.site"),
            ("--app", "sites.make", "add --factory"),
            ("--app", "sites.number", "of type int, which can't be called; name an app"),
            ("--wsgi", "sites.four", "can't be called with 2 arguments, as a WSGI application is"),
            ("--wsgi", "sites.app", "it is an app: use --app sites.app"),
            ("--wsgi", "sites.asgi", "it is an ASGI application: use --asgi sites.asgi"),
            ("--app", "sites.klein", "is a Klein app: use --resource sites.klein.resource"),
            ("--resource", "sites.klein", "is a Klein app: its resource method is named"),
            ("--resource", "sites.Leaf", "add --factory"),
            ("--resource", "sites.wsgi", "is a WSGI application: --wsgi serves it"),
            ("--wsgi", "sites.number", "of type int, which can't be called"),
        ):
            self.assertIn(f"{option} {name}: ", self.mistake(option, name))
            self.assertIn(words, self.mistake(option, name))

    def test_notThere(self) -> None:
        """
        A name that leads to nothing is told with its option.
        """
        self.assertIn("--wsgi sites.nothing: ", self.mistake("--wsgi", "sites.nothing"))
        self.assertIn(
            "--app-dir /nowhere: the directory does not exist",
            self.mistake("--wsgi", "a.b", "--app-dir", "/nowhere"),
        )

    def test_numbers(self) -> None:
        """
        Limits reach the adapter; numbers that are none are refused.
        """
        options = self.options("--max-body-bytes", "5")
        self.assertEqual(options.bodyLimits(), {"maxBodyBytes": 5})
        self.assertEqual(self.options().bodyLimits()["maxBodyBytes"], 1_073_741_824)
        options = self.options("--max-body-bytes", "none")
        self.assertGreater(options.bodyLimits()["maxBodyBytes"], 1 << 60)
        self.assertIn("--threads takes", self.mistake("--wsgi", "sites.wsgi", "--threads", "0"))
        self.assertIn("--threads takes", self.mistake("--wsgi", "sites.wsgi", "--threads", "x"))

    def test_sendFile(self) -> None:
        """
        C{--sendfile} says which header a file is sent by, and from which folder; what it can't mean
        is refused.
        """
        path = self.path("sites.py")
        folder = os.path.realpath(self.folder)
        for text, header in (
            ("X-Sendfile", b"X-Sendfile"),
            (f"X-Sendfile={folder}", b"X-Sendfile"),
            (f"X-Accel-Redirect=/files/={folder}", b"X-Accel-Redirect"),
        ):
            made = readSendFile(text).header(path)
            assert made is not None
            self.assertEqual(made[0], header)
        accel = readSendFile(f"X-Accel-Redirect=/files/={folder}")
        self.assertEqual(accel.header(path), (b"X-Accel-Redirect", b"/files/sites.py"))
        self.assertIsNone(readSendFile("X-Sendfile=/nowhere").header(path))
        for text, words in (
            ("x", "--sendfile takes X-Sendfile, X-Sendfile=/folder or X-Accel-Redirect="),
            ("X-Accel-Redirect", "--sendfile takes X-Sendfile"),
            ("X-Accel-Redirect=/files/", "--sendfile takes X-Sendfile"),
            ("X-Sendfile=/a=/b", "--sendfile takes X-Sendfile"),
            ("X-Accel-Redirect=files=/srv", "'files', which stands for /srv, does not start with"),
            ("X-Accel-Redirect=/files=srv", "'srv' is not an absolute path"),
        ):
            self.assertIn(words, self.mistake("--asgi", "sites.asgi", "--sendfile", text))
        self.assertIn(
            "--sendfile is for an ASGI application: use it with --asgi",
            self.mistake("--wsgi", "sites.wsgi", "--sendfile", "X-Sendfile"),
        )
