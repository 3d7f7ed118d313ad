"""
Tests of C{twistd fcgi --asgi}, as a program; and of L{txfcgi.service.loops}.
"""

from __future__ import annotations

import builtins
import os
import re
import signal
import socket
import sys
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.errors import NoLoop
from txfcgi.service.loops import installLoop

from .processes import STDIN, Program, ProgramTests, answer, ask, beginning, record

#: An application whose lifespan says what it does, and takes its time if there is a file "wait".
APPLICATION = """
import asyncio, os, sys

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        while os.path.exists("wait"):
            await asyncio.sleep(0.01)
        print("started", flush=True)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("stopped", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    print("begun", flush=True)
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    loop = type(asyncio.get_running_loop()).__module__
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{loop} {scope['path']}".encode() + body})
    print("answered", flush=True)

async def failing(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})

def make():
    return app

def wsgi(environ, start_response):
    return []
"""


class ASGITests(ProgramTests):
    """
    Tests of the program.
    """

    def setUp(self) -> None:
        super().setUp()
        self.write("program.py", APPLICATION)

    def serve(self, *words: str, name: str = "program:app", before: Any = ()) -> Program:
        """
        Start it.

        @param before: Options of C{twistd} itself.
        """
        port = f"unix:{self.socketPath}"
        return self.start(
            *("twistd", "-n", "--pidfile=", *before, "fcgi", "--port", port, "--asgi", name, *words)
        )

    def ask(self) -> bytes:
        """
        Ask for a page.
        """
        return ask(self.connect(self.socketPath), {"SCRIPT_NAME": "/a"})

    def test_lifespan(self) -> None:
        """
        Nothing is accepted before the application is ready, and it is stopped after its last
        request.
        """
        self.write("wait", "")
        program = self.serve("--mount", "/")
        program.waitFor("Listens on")
        connection = self.connect(self.socketPath)
        connection.sendall(beginning({"SCRIPT_NAME": "/a"}) + record(STDIN, b" body"))
        self.assertNotIn("started", program.said)
        os.remove(self.path("wait"))
        program.waitFor("begun")
        program.kill(signal.SIGTERM)
        program.waitFor("Stops listening")
        connection.sendall(record(STDIN, b""))
        self.assertEqual(answer(connection), b"asyncio.unix_events /a body")
        self.assertEqual(program.end(), 0)
        words = ("started", "begun", "answered", "stopped")
        said = re.findall("|".join(words), program.said)
        self.assertEqual(said, list(words))

    def test_fails(self) -> None:
        """
        One that can't start ends the process, with its own message and status 1.
        """
        program = self.serve(name="program:failing")
        self.assertEqual(program.end(), 1)
        self.assertIn("program:failing failed to start: no database", program.said)
        self.assertNotIn("Traceback", program.said)

    def test_late(self) -> None:
        """
        Nor is one waited for that takes too long; SIGTERM ends the waiting.
        """
        self.write("wait", "")
        program = self.serve("--startup-timeout", "0.01")
        self.assertEqual(program.end(), 1)
        self.assertIn("was not ready after 0.01 s", program.said)
        program = self.serve()
        program.waitFor("Listens on")
        program.kill(signal.SIGTERM)
        self.assertEqual(program.end(), 0)
        self.assertNotIn("started", program.said)

    def test_uvloop(self) -> None:
        """
        C{--loop uvloop} runs it in uvloop's.
        """
        program = self.serve("--loop", "uvloop")
        program.waitFor("started")
        self.assertIn(b"uvloop", self.ask())
        self.assertEnds(program)

    def test_reactor(self) -> None:
        """
        The asyncio reactor may be installed already; with another one, the command that works is
        told.
        """
        program = self.serve("--factory", name="program:make", before=["--reactor=asyncio"])
        program.waitFor("started")
        self.assertEnds(program)
        program = self.serve(before=["--reactor=epoll"])
        self.assertEqual(program.end(), 1)
        self.assertIn("EPollReactor has none. Leave --reactor out: ", program.said)
        self.assertIn("twistd fcgi --asgi program:app", program.said)

    def test_mistakes(self) -> None:
        """
        What is something else is told at the start, and so are options that go with nothing.
        """
        program = self.serve(name="program:wsgi")
        self.assertEqual(program.end(), 1)
        self.assertIn("use --wsgi program:wsgi", program.said)
        program = self.serve("--lifespan", "maybe")
        self.assertEqual(program.end(), 1)
        self.assertIn("--lifespan takes auto, on or off, not 'maybe'", program.said)
        program = self.start(
            *("twist", "fcgi", "--port", f"unix:{self.socketPath}"),
            *("--app", "sample.hello", "--lifespan", "on"),
        )
        self.assertEqual(program.end(), 1)
        self.assertIn("--lifespan is for an ASGI application", program.said)


class ServeTests(ProgramTests):
    """
    A script that serves an ASGI application.
    """

    def script(self, *lines: str) -> Program:
        """
        Start a script with these lines at its beginning.
        """
        self.write("program.py", APPLICATION)
        script = [
            *lines,
            "from program import app",
            "from txfcgi import serve",
            "from txfcgi.adapters.asgi import ASGIApp",
            "serve(ASGIApp(app), mount='/a')",
        ]
        self.write("script.py", "\n".join(script))
        listening = self.listener(socket.AF_UNIX, self.socketPath)
        return self.start("python", "script.py", stdin=listening)

    def test_serves(self) -> None:
        """
        C{serve} installs the reactor that is needed.
        """
        program = self.script()
        program.waitFor("started")
        text = ask(self.connect(self.socketPath), {"SCRIPT_NAME": "/a/b"})
        self.assertEqual(text, b"asyncio.unix_events /a/b")
        self.assertEnds(program)
        self.assertIn("stopped", program.said)

    def test_otherReactor(self) -> None:
        """
        Where another one was imported, the program ends with what to do.
        """
        program = self.script("from twisted.internet import reactor")
        self.assertEqual(program.end(), 1)
        self.assertIn("Import no reactor before serve() is called", program.said)
        self.assertNotIn("Traceback", program.said)


class LoopsTests(SynchronousTestCase):
    """
    Tests of L{installLoop}.
    """

    def test_there(self) -> None:
        """
        An asyncio reactor that is there is taken, unless uvloop was asked for.
        """
        reactor = object.__new__(AsyncioSelectorReactor)
        self.patch(sys, "modules", {**sys.modules, "twisted.internet.reactor": reactor})
        installLoop("asyncio", "fcgi")
        error = self.assertRaises(NoLoop, installLoop, "uvloop", "fcgi")
        self.assertIn("another loop", str(error))

    def test_noUvloop(self) -> None:
        """
        Where uvloop is not installed, the message says how to install it.
        """
        modules = {**sys.modules}
        modules.pop("twisted.internet.reactor", None)
        self.patch(sys, "modules", modules)
        original = builtins.__import__

        def missing(name: str, *more: Any) -> Any:
            if name == "uvloop":
                raise ImportError("No module named 'uvloop'")
            return original(name, *more)

        self.patch(builtins, "__import__", missing)
        error = self.assertRaises(NoLoop, installLoop, "uvloop", "fcgi")
        self.assertIn("pip install uvloop", str(error))
