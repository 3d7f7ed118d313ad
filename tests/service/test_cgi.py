"""
Tests of L{txfcgi.service.cgi}: programs that are started for one request.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import Any

from .processes import ProgramTests, ask

Process = subprocess.Popen[bytes]

#: Apps as a CGI program serves them.
SCRIPT = """
import sys
from txfcgi import Limits, Response, serve
from txfcgi.errors import StartupFailed
from txfcgi.server.application import IStartsAndStops
from zope.interface import implementer

async def echo(request):
    print("a line of the app")
    request.stderr.write(b"a line for the log")
    body = await request.stdin.read()
    text = f"{request.method} {request.uri} {request.path} {request.headers.getRawHeaders('X-Y')} "
    return Response(200, {"Content-Type": "text/plain"}, text.encode() + body)

def large(request):
    return Response(200, {"Content-Type": "text/plain"}, (b"x" * 65536 for _ in range(100)))

def failing(request):
    raise ZeroDivisionError

async def unread(request):
    return Response(200, {"Content-Type": "text/plain"}, b"not read")

async def waiting(request):
    print("begun", flush=True)
    from twisted.internet import reactor
    from twisted.internet.task import deferLater
    await deferLater(reactor, 0.1, lambda: None)
    return Response(200, {"Content-Type": "text/plain"}, b"w" * 1_000_000)

async def endless(request):
    from twisted.internet.defer import Deferred
    print("begun", flush=True)
    try:
        await Deferred()
    finally:
        print("cancelled", flush=True)

@implementer(IStartsAndStops)
class Starting:
    fails = False
    def startup(self):
        print("started")
        if self.fails:
            raise StartupFailed("no database")
    def shutdown(self):
        print("stopped")
    def __call__(self, request):
        return Response(200, {"Content-Type": "text/plain"}, b"ready")

starting = Starting()
broken = Starting()
broken.fails = True

serve(APP, Limits(bodyBytes=10_000_000))
"""

CGI = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/a%20b?c",
    "SCRIPT_NAME": "/a b",
    "QUERY_STRING": "c",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP_X_Y": "z",
}


class CGITests(ProgramTests):
    """
    A program that C{serve} is called in, started as a web server starts a CGI program.
    """

    def script(self, app: str, body: bytes | None = None, **given: Any) -> tuple[bytes, str, int]:
        """
        Let a web server start a program.

        @param body: The body of the request; without one, CONTENT_LENGTH is empty.
        @param given: Variables.
        @return: What it answers, what it logs, and its exit status.
        """
        program = self.begin(app, body, **given)
        answer, logged = program.communicate(body, timeout=60)
        return answer, logged.decode(), program.returncode

    def begin(
        self, app: str, body: bytes | None = None, stdin: Any = subprocess.PIPE, **given: Any
    ) -> Process:
        """
        Start a program.
        """
        self.write("script.py", SCRIPT.replace("APP", app))
        length = {"CONTENT_LENGTH": "" if body is None else str(len(body))}
        program = subprocess.Popen(
            [sys.executable, "script.py"],
            cwd=self.folder,
            env={**os.environ, **CGI, **length, **given},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(self.end, program)
        return program

    def end(self, program: Process) -> None:
        """
        End a program that still runs.
        """
        if program.poll() is None:
            program.kill()
        for stream in (program.stdin, program.stdout, program.stderr):
            if stream is not None:
                stream.close()
        program.wait(60)

    def waitFor(self, program: Process, text: bytes) -> None:
        """
        Wait until a program has logged this.
        """
        assert program.stderr is not None
        seen: list[bytes] = []
        while text not in b"".join(seen[-1:]):
            seen.append(program.stderr.readline())
            self.assertTrue(seen[-1], b"".join(seen))

    def test_answers(self) -> None:
        """
        It answers the request, and ends. What the app prints is for the log.
        """
        answer, logged, status = self.script("echo")
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertIn(b"Status: 200 OK", head)
        self.assertEqual(body, b"GET /a%20b?c /a b ['z'] ")
        self.assertEqual(status, 0)
        self.assertIn("a line of the app\n", logged)
        self.assertIn("a line for the log", logged)

    def test_body(self) -> None:
        """
        It reads as much of standard input as CONTENT_LENGTH says, from a pipe or from a file.
        """
        body = os.urandom(3_000_000)
        self.assertTrue(self.script("echo", body)[0].endswith(b"['z'] " + body))
        path = self.path("body")
        with open(path, "wb") as file:
            file.write(body + b"what follows")
        with open(path, "rb") as file:
            answer, _ = self.begin("echo", body, file).communicate(timeout=60)
        self.assertTrue(answer.endswith(b"['z'] " + body))

    def test_unread(self) -> None:
        """
        A body that the app does not read keeps nothing from its end, and a limit holds.
        """
        body = bytes(5_000_000)
        self.assertTrue(self.script("unread", body)[0].endswith(b"\r\n\r\nnot read"))
        self.assertIn(b"Status: 413 ", self.script("echo", bytes(10_000_001))[0])

    def test_large(self) -> None:
        """
        A large answer is all there.
        """
        answer, _, status = self.script("large")
        self.assertEqual(len(answer.partition(b"\r\n\r\n")[2]), 6_553_600)
        self.assertEqual(status, 0)

    def test_failing(self) -> None:
        """
        An app that fails is a 500, and the log has the rest.
        """
        answer, logged, _ = self.script("failing")
        self.assertIn(b"Status: 500 Internal Server Error", answer)
        self.assertNotIn(b"ZeroDivision", answer)
        self.assertIn("ZeroDivisionError", logged)

    def test_shortBody(self) -> None:
        """
        A body that ends too early is no request.
        """
        program = self.begin("echo", bytes(10))
        answer, logged = program.communicate(bytes(5), timeout=60)
        self.assertNotIn(b"Status: 200", answer)
        self.assertIn(b"5 bytes before its CONTENT_LENGTH", logged)

    def test_mistakes(self) -> None:
        """
        Variables that make no request are a 400, with the reason in the log.
        """
        mistakes: list[tuple[dict[str, Any], str]] = [
            ({"CONTENT_LENGTH": "five"}, "CONTENT_LENGTH is not a number: b'five'"),
            ({"HTTP_X_Y": "a\r\nb"}, "which no HTTP request can have"),
        ]
        for given, reason in mistakes:
            answer, logged, status = self.script("echo", **given)
            self.assertTrue(answer.startswith(b"Status: 400 Bad Request\r\n"))
            self.assertIn(reason, logged)
            self.assertEqual(status, 0)

    def test_startsAndStops(self) -> None:
        """
        An app is started before its one request, and stopped after it.
        """
        answer, logged, _ = self.script("starting")
        self.assertTrue(answer.endswith(b"\r\n\r\nready"))
        self.assertLess(logged.index("started"), logged.index("stopped"))

    def test_failsToStart(self) -> None:
        """
        One that can't start is a 500.
        """
        answer, logged, _ = self.script("broken")
        self.assertTrue(answer.startswith(b"Status: 500 "))
        self.assertIn("no database", logged)

    def test_stopped(self) -> None:
        """
        A web server that ends it gets the answer all the same.
        """
        program = self.begin("waiting")
        self.waitFor(program, b"begun")
        program.send_signal(signal.SIGTERM)
        answer, _ = program.communicate(timeout=60)
        self.assertTrue(answer.endswith(b"w" * 1_000_000))
        self.assertEqual(program.returncode, 0)

    def test_stoppedTwice(self) -> None:
        """
        Told again, it waits no longer.
        """
        program = self.begin("endless")
        self.waitFor(program, b"begun")
        program.send_signal(signal.SIGTERM)
        self.waitFor(program, b"the request may finish")
        program.send_signal(signal.SIGTERM)
        _, logged = program.communicate(timeout=60)
        self.assertIn(b"cancelled", logged)
        self.assertEqual(program.returncode, 0)

    def test_gone(self) -> None:
        """
        An app whose web server takes no answer any more comes to its end, too.
        """
        program = self.begin("large")
        assert program.stdout is not None
        program.stdout.read(10)
        program.stdout.close()
        self.assertEqual(program.wait(timeout=60), 0)

    def test_FastCGI(self) -> None:
        """
        A program with a listening socket is a FastCGI program, whatever is in its environment.
        """
        listening = self.listener(socket.AF_UNIX, self.socketPath)
        self.write("script.py", SCRIPT.replace("APP", "starting"))
        program = self.start("python", "script.py", env=CGI, stdin=listening)
        self.assertEqual(ask(self.connect(self.socketPath), {}), b"ready")
        program.kill(signal.SIGTERM)
        self.assertEqual(program.end(), 0)

    def test_neither(self) -> None:
        """
        One that is started by hand says how it is to be started.
        """
        self.write("script.py", SCRIPT.replace("APP", "starting"))
        program = self.start("python", "script.py")
        self.assertEqual(program.end(), 1)
        self.assertIn("not a listening socket", program.said)
