"""
Tests of the examples that serve: each is started by the very command in its docstring, with a port
that is free in place of its own, and answers as it says.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from examples.one_port import FirstByte
from txfcgi.wire.records import AnyRecord, BeginRequest, Data, Role, Stdin, Stdout
from txfcgi.wire.scgicodec import encodeHeaderList

from ..server.browser import Exchange
from ..server.conversation import Answer, beginning, stdin
from ..service.processes import ProgramTests, which

CHECKOUT = Path(__file__).parent.parent.parent


class ExampleTests(ProgramTests):
    """
    Tests of one example.

    @cvar example: Its name.
    """

    example: str

    def setUp(self) -> None:
        """
        Start it, in a folder where the examples are. twistd keeps a file with its process id there,
        so no two share one.
        """
        super().setUp()
        os.symlink(CHECKOUT / "examples", self.path("examples"))
        words = shlex.split(self.command())
        if words[0] == "spawn-fcgi":
            words[0] = self.installed("spawn-fcgi")
        elif words[0] != "python":
            words[0] = which(words[0])
        search = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        self.program = self.start(*words, env={"PATH": search})
        self.program.waitFor("Listens on ")
        self.program.waitFor("\n", self.program.said.partition("Listens on ")[0].count("\n") + 1)

    def command(self) -> str:
        """
        The command in the example's docstring.
        """
        source = (CHECKOUT / "examples" / f"{self.example}.py").read_text("utf-8")
        text = ast.get_docstring(ast.parse(source))
        assert text is not None
        (command,) = re.findall(r"^    ((?:twistd|python|spawn-fcgi) .*)$", text, re.MULTILINE)
        assert "9000" in command or "/tmp/app.sock" in command
        return str(command).replace("9000", "0").replace("/tmp/app.sock", self.socketPath)

    def installed(self, name: str) -> str:
        """
        Find a program that is not Python's.
        """
        found = shutil.which(name)
        assert found is not None, f"{name} is missing; run: apt-get install --yes {name}"
        return found

    def open(self) -> socket.socket:
        """
        Connect to it.
        """
        if os.path.exists(self.socketPath):
            return self.connect(self.socketPath)
        said = self.program.said.partition("Listens on ")[2]
        found = re.search(r"tcp:(\d+)|port=(\d+)", said)
        assert found is not None, said
        return self.connect(("127.0.0.1", int(found[1] or found[2])))

    def ask(self, *records: AnyRecord) -> Answer:
        """
        Send records on a connection of their own.
        """
        with self.open() as connection:
            return Exchange(connection, records).finish()

    def request(
        self, method: str = "GET", uri: str = "/", body: bytes = b"", **params: str
    ) -> Answer:
        """
        Ask as a web server does.
        """
        path, _, query = uri.partition("?")
        given = {
            "REQUEST_METHOD": method,
            "REQUEST_URI": uri,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)) if body else "",
            **params,
        }
        return self.ask(*beginning(1, given, keep=False), *stdin(1, body))


class SimpleTests(ExampleTests):
    """
    C{examples/simple.py}
    """

    example = "simple"

    def test_answers(self) -> None:
        """
        It says what it was asked for.
        """
        answer = self.request("POST", "/a%20b?c")
        self.assertEqual((answer.code, answer.body), (200, b"POST /a%20b?c\n"))
        self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")
        self.assertEnds(self.program)


class RESTTests(ExampleTests):
    """
    C{examples/rest_api.py}
    """

    example = "rest_api"

    def call(self, method: str, uri: str, content: Any = None) -> tuple[int, Any]:
        """
        Call the API.

        @return: The status, and what came as JSON.
        """
        body = b"" if content is None else json.dumps(content).encode()
        answer = self.request(method, uri, body)
        self.location = answer.headers.get("location")
        return answer.code, json.loads(answer.body) if answer.body else None

    def test_notes(self) -> None:
        """
        Notes are created, read, updated and deleted.
        """
        self.assertEqual(self.call("GET", "/notes"), (200, []))
        milk = {"id": 1, "text": "Buy milk"}
        self.assertEqual(self.call("POST", "/notes", {"text": "Buy milk"}), (201, milk))
        self.assertEqual(self.location, "/notes/1")
        self.assertEqual(self.call("POST", "/notes", {"text": "ä"}), (201, {"id": 2, "text": "ä"}))
        self.assertEqual(self.call("GET", "/notes/1?pretty"), (200, milk))
        oats = {"id": 1, "text": "Buy oat milk"}
        self.assertEqual(self.call("PUT", "/notes/1", {"text": "Buy oat milk"}), (200, oats))
        self.assertEqual(self.call("GET", "/notes"), (200, [oats, {"id": 2, "text": "ä"}]))
        self.assertEqual(self.call("DELETE", "/notes/1"), (204, None))
        self.assertEqual(self.call("GET", "/notes/1")[0], 404)
        self.assertEqual(self.call("GET", "/notes"), (200, [{"id": 2, "text": "ä"}]))
        self.assertEqual(self.call("HEAD", "/notes/2"), (200, None))
        self.assertEnds(self.program)

    def test_mistakes(self) -> None:
        """
        What is wrong is said, and changes nothing.
        """
        for content in ("no object", {"text": 5}, {}, [1]):
            self.assertEqual(self.call("POST", "/notes", content)[0], 400)
        self.assertEqual(self.request("POST", "/notes", b"{").code, 400)
        self.assertEqual(self.call("PATCH", "/notes")[0], 405)
        self.assertEqual(self.request("DELETE", "/notes").headers["allow"], "GET, HEAD, POST")
        for uri in ("/", "/notes/", "/notes/7", "/notes/-1", "/notes/x", "/other"):
            self.assertEqual(self.call("GET", uri)[0], 404)
        self.assertEqual(self.call("GET", "/notes"), (200, []))
        self.call("POST", "/notes", {"text": "a"})
        self.assertEqual(self.call("PATCH", "/notes/1")[0], 405)
        self.assertEqual(self.call("PUT", "/notes/1", {})[0], 400)
        self.assertEqual(self.call("GET", "/notes/1"), (200, {"id": 1, "text": "a"}))


class AuthorizerTests(ExampleTests):
    """
    C{examples/authorizer.py}
    """

    example = "authorizer"

    def authorize(self, params: Mapping[str, str]) -> Answer:
        """
        Ask as Apache does, without a STDIN record.
        """
        return self.ask(*beginning(1, params, role=Role.AUTHORIZER, keep=False))

    def basic(self, text: str) -> str:
        """
        Credentials as a browser sends them.
        """
        return "Basic " + b64encode(text.encode()).decode()

    def test_decides(self) -> None:
        """
        It lets in who is known, and says who that is; others are asked.
        """
        for params in (
            {"HTTP_AUTHORIZATION": self.basic("alice:wonderland")},
            {"REMOTE_USER": "alice", "REMOTE_PASSWD": "wonderland"},
        ):
            answer = self.authorize(params)
            self.assertEqual((answer.code, answer.headers["variable-remote_tier"]), (200, "gold"))
        for params in (
            {},
            {"HTTP_AUTHORIZATION": self.basic("alice:builder")},
            {"HTTP_AUTHORIZATION": self.basic("mallory:wonderland")},
            {"HTTP_AUTHORIZATION": "Basic not base64!"},
            {"HTTP_AUTHORIZATION": "Bearer " + self.basic("alice:wonderland")[6:]},
            {"REMOTE_USER": "alice", "REMOTE_PASSWD": ""},
            {"REMOTE_PASSWD": "wonderland"},
            {"REMOTE_USER": "alice"},
        ):
            answer = self.authorize(params)
            self.assertEqual((answer.code, answer.body), (401, b"Who are you?\n"))
            self.assertIn("Basic realm=", answer.headers["www-authenticate"])
            self.assertNotIn("variable-remote_tier", answer.headers)

    def test_otherRoles(self) -> None:
        """
        It is nothing else.
        """
        answer = self.ask(*beginning(1, keep=False), *stdin(1, b""))
        self.assertEqual(answer.status, (0, 3))


class FilterTests(ExampleTests):
    """
    C{examples/filter.py}, with the project's own records as what asks.
    """

    example = "filter"

    def test_filters(self) -> None:
        """
        It gets a file, and sends it on.
        """
        file = b"".join(b"line %d\n" % number for number in range(1, 20_001)) + b"the end"
        params = {"FCGI_DATA_LENGTH": str(len(file)), "FCGI_DATA_LAST_MOD": "1000000000"}
        pieces = (Data(1, file[at : at + 60_000]) for at in range(0, len(file), 60_000))
        answer = self.ask(
            *beginning(1, params, role=Role.FILTER, keep=False), *stdin(1, b""), *pieces, Data(1)
        )
        self.assertEqual((answer.code, answer.status), (200, (0, 0)))
        self.assertEqual(answer.headers["last-modified"], "Sun, 09 Sep 2001 01:46:40 GMT")
        lines = answer.body.split(b"\n")
        self.assertEqual(lines[0], b"     1  line 1")
        self.assertEqual(lines[-2:], [b" 20000  line 20000", b" 20001  the end"])

    def test_unknownDate(self) -> None:
        """
        It need not be told when the file was changed.
        """
        answer = self.ask(
            BeginRequest(1, Role.FILTER), *beginning(1)[1:], *stdin(1, b""), Data(1, b"a"), Data(1)
        )
        self.assertEqual(answer.body, b"     1  a")
        self.assertNotIn("last-modified", answer.headers)


class StreamingTests(ExampleTests):
    """
    C{examples/streaming.py}
    """

    example = "streaming"

    def test_events(self) -> None:
        """
        Each event comes in a record of its own.
        """
        answer = self.request(uri="/?count=3&every=0.01")
        self.assertEqual(answer.headers["content-type"], "text/event-stream")
        events = [each.content for each in answer.records if isinstance(each, Stdout)][1:-1]
        expected = [b'id: %d\ndata: {"number": %d}\n\n' % (n, n) for n in (1, 2, 3)]
        self.assertEqual(events, expected)

    def test_whileItLasts(self) -> None:
        """
        They come before there is an end, and there need not be one.
        """
        with self.open() as connection:
            params = {"QUERY_STRING": "every=0.01"}
            exchange = Exchange(connection, [*beginning(1, params), *stdin(1, b"")])
            while b"id: 3" not in Answer(exchange.records).stdout:
                if not exchange.send() and not exchange.take():
                    exchange.wait()
            self.assertFalse(exchange.ended)
        self.assertEqual(self.request(uri="/?count=1").status, (0, 0))
        self.assertEnds(self.program)
        self.assertNotIn("Traceback", self.program.said)


class TableTests(ExampleTests):
    """
    C{examples/table.py}
    """

    example = "table"

    def test_rows(self) -> None:
        """
        As many rows come as are asked for.
        """
        answer = self.request(uri="/?rows=3")
        self.assertEqual(answer.headers["content-type"], "text/csv")
        self.assertEqual(answer.body, b"number,square\r\n1,1\r\n2,4\r\n3,9\r\n")
        self.assertEqual(self.request(uri="/?rows=1000").body.count(b"\r\n"), 1001)
        self.assertEnds(self.program)


class OnePortTests(ExampleTests):
    """
    C{examples/one_port.py}
    """

    example = "one_port"

    def test_both(self) -> None:
        """
        FastCGI and SCGI are answered on the same port.
        """
        self.assertEqual(self.request(uri="/shop").body, b"Hello /shop\n")
        params = {"CONTENT_LENGTH": "0", "SCGI": "1", "SCRIPT_NAME": "", "PATH_INFO": "/shop"}
        with self.open() as connection:
            connection.sendall(encodeHeaderList(params))
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        self.assertTrue(answer.endswith(b"\r\n\r\nHello /shop\n"), answer)
        self.assertEnds(self.program)
        self.assertNotIn("Traceback", self.program.said)


class FirstByteTests(SynchronousTestCase):
    """
    The protocol of C{examples/one_port.py}, which tells the two apart.
    """

    def test_silent(self) -> None:
        """
        A connection that sends nothing is closed.
        """
        clock = Clock()
        protocol, transport = FirstByte(None), StringTransport()
        self.patch(protocol, "callLater", clock.callLater)
        protocol.makeConnection(transport)
        clock.advance(29)
        self.assertFalse(transport.disconnecting)
        clock.advance(1)
        self.assertTrue(transport.disconnecting)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(clock.getDelayedCalls(), [])


class EmbeddedTests(ExampleTests):
    """
    C{examples/embedded.py}
    """

    example = "embedded"

    def test_answers(self) -> None:
        """
        It serves, and ends well at SIGTERM and at control-C.
        """
        self.assertRegex(self.request().body, rb"^\d+ seconds\n$")
        self.assertEnds(self.program)
        self.assertNotIn("Traceback", self.program.said)

    def test_interrupted(self) -> None:
        """
        So it does at control-C.
        """
        self.assertEqual(self.request().code, 200)
        self.assertEnds(self.program, signal.SIGINT)


class ServiceTests(ExampleTests):
    """
    C{examples/service.tac}
    """

    def command(self) -> str:
        """
        The command in its docstring, for a copy with a port that is free.
        """
        source = (CHECKOUT / "examples" / "service.tac").read_text("utf-8")
        assert source.count("tcp:9000:") == 1
        self.write("service.tac", source.replace("tcp:9000:", "tcp:0:"))
        (command,) = re.findall("^    (twistd .*)$", source, re.MULTILINE)
        return str(command).replace("examples/service.tac", "service.tac")

    def test_finishes(self) -> None:
        """
        At SIGTERM, a request that is running gets its answer before the program ends.
        """
        self.assertRegex(self.request().body, rb"^\d+ seconds, 0 bytes\n$")
        with self.open() as connection:
            params = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "4"}
            exchange = Exchange(connection, [*beginning(1, params, keep=False), Stdin(1, b"ab")])
            while exchange.send():
                pass
            self.assertEqual(self.request().code, 200)  # so the one before has begun
            self.program.kill(signal.SIGTERM)
            self.program.waitFor("Stops listening")
            connection.setblocking(True)
            connection.sendall(Stdin(1, b"cd").encode() + Stdin(1).encode())
            connection.setblocking(False)
            answer = exchange.finish()
        self.assertRegex(answer.body, rb"^\d+ seconds, 4 bytes\n$")
        self.assertEqual(self.program.end(), 0, self.program.said)
        self.assertNotIn("Traceback", self.program.said)


class SpawnedTests(ExampleTests):
    """
    C{examples/spawned.py}
    """

    example = "spawned"

    def test_answers(self) -> None:
        """
        What spawn-fcgi starts serves on the socket that it got.
        """
        self.assertEqual(self.request().body, b"process %d\n" % self.program.pid)
        self.assertEnds(self.program)


def test_allAreTested() -> None:
    """
    Every example is named in a test.
    """
    tests = "".join(path.read_text("utf-8") for path in (CHECKOUT / "tests").rglob("test_*.py"))
    there = {path.stem for path in (CHECKOUT / "examples").glob("[a-z]*.py")}
    assert sorted(name for name in there if name not in tests) == []
