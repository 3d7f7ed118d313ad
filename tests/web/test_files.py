"""
Tests of L{txfcgi.web.files}: answers that are files.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from txfcgi.web import StreamingSite
from txfcgi.web.files import serveFile

from .site import Answer, answersIn

MODIFIED = 1_700_000_000
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
BEFORE, AFTER = "Tue, 14 Nov 2023 22:13:19 GMT", "Tue, 14 Nov 2023 22:13:21 GMT"


class Shows(Resource):
    """
    A resource that shows a file.
    """

    isLeaf = True
    status = 200

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def render(self, request: Any) -> Any:
        """
        Show it.
        """

        def showError(code: int) -> None:
            request.setResponseCode(code)
            request.setHeader(b"Content-Length", b"5")
            request.write(b"error")
            request.finish()

        request.setResponseCode(self.status)
        serveFile(request, str(self._path), showError)
        return NOT_DONE_YET


class Transport(StringTransport):
    """
    A transport that drops what a client that is gone can't have.
    """

    def connectionLost(self) -> None:
        """
        The client is gone.
        """
        if self.producer is not None:
            self.producer.stopProducing()

    def abortConnection(self) -> None:
        """
        Forget it.
        """


class FileTests(SynchronousTestCase):
    """
    Tests of L{serveFile}.
    """

    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="txfcgi-"))
        self.addCleanup(shutil.rmtree, folder)
        self.path = folder / "a.txt"
        self.write(b"012345")
        self.shows = Shows(self.path)
        self.reactor = MemoryReactorClock()

    def write(self, content: bytes) -> None:
        """
        Change the file.
        """
        self.path.write_bytes(content)
        os.utime(self.path, (MODIFIED, MODIFIED))

    def ask(self, method: str, headers: dict[str, str]) -> Any:
        """
        Send a request.

        @return: The channel that has it.
        """
        site = StreamingSite(self.shows, reactor=self.reactor)
        channel: Any = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        channel.makeConnection(Transport())
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = f"{method} / HTTP/1.1\r\nHost: x\r\n{''.join(lines)}\r\n"
        channel.dataReceived(head.encode())
        return channel

    def get(self, method: str = "GET", /, **headers: str) -> Answer:
        """
        The answer to a request.

        @param headers: With underscores for hyphens.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        channel = self.ask(method, named)
        # A producer that is asked for more is asked by twisted's cooperator, on the real reactor.
        while channel.requests:
            self.pull(channel)
        [answer] = answersIn(channel.transport.value(), method)
        self.assertEqual(self.openFiles(), 0)
        return answer

    def pull(self, channel: Any) -> None:
        """
        Ask the producer for more.
        """
        channel.requests[0].producer.resumeProducing()

    def openFiles(self) -> int:
        """
        How many descriptors there are for the file.
        """
        found = 0
        for name in os.listdir("/proc/self/fd"):
            try:
                found += os.readlink(f"/proc/self/fd/{name}") == str(self.path)
            except FileNotFoundError:
                continue
        return found

    def test_whole(self) -> None:
        """
        All of it, and what it is.
        """
        answer = self.get()
        self.assertEqual((answer.code, answer.body), (200, b"012345"))
        self.assertEqual(answer.get("Content-Type"), ["text/plain"])
        self.assertEqual(answer.get("Content-Length"), ["6"])
        self.assertEqual(answer.get("Last-Modified"), [DATE])
        self.assertEqual(answer.get("Accept-Ranges"), ["bytes"])
        [tag] = answer.get("ETag")
        self.assertTrue(re.fullmatch(r'"[0-9a-f]+-6"', tag), tag)
        answer = self.get("HEAD", Range="bytes=0-0")
        self.assertEqual((answer.code, answer.body), (200, b""))
        self.assertEqual((answer.get("Content-Length"), answer.get("ETag")), (["6"], [tag]))

    def test_large(self) -> None:
        """
        Whatever its size.
        """
        for size in (0, 1, 65_535, 65_536, 65_537, 200_000):
            content = os.urandom(size)
            self.write(content)
            self.assertEqual(self.get().body, content)

    def test_part(self) -> None:
        """
        A part of it, or the news that there is none.
        """
        for header, body, where in (
            ("bytes=2-3", b"23", "2-3"),
            ("bytes=-7", b"012345", "0-5"),
            ("bytes=4-", b"45", "4-5"),
        ):
            answer = self.get(Range=header)
            self.assertEqual((answer.code, answer.body), (206, body))
            self.assertEqual(answer.get("Content-Range"), [f"bytes {where}/6"])
            self.assertEqual(answer.get("Content-Length"), [str(len(body))])
        answer = self.get(Range="bytes=6-")
        self.assertEqual((answer.code, answer.get("Content-Range")), (416, ["bytes */6"]))

    def test_ignored(self) -> None:
        """
        What is no range, or too many of them, is answered with all.
        """
        for header in ("bytes=", "bytes=,", "bytes=2-1", "lines=1-2", "bytes=" + "0-5," * 1_300):
            answer = self.get(Range=header)
            self.assertEqual((answer.code, answer.body), (200, b"012345"), header[:20])

    def test_parts(self) -> None:
        """
        Several parts, wherever their ends are in the buffers that they go through.
        """
        content = os.urandom(200_000)
        self.write(content)
        for first in range(65_300, 65_540, 13):
            answer = self.get(Range=f"bytes=0-{first - 1},70000-70009,-1")
            self.assertEqual(answer.code, 206)
            [kind] = answer.get("Content-Type")
            boundary = kind.removeprefix("multipart/byteranges; boundary=").encode()
            before, *parts, after = answer.body.split(b"\r\n--" + boundary)
            self.assertEqual((before, after), (b"", b"--\r\n"))
            bodies = []
            for part in parts:
                head, _, body = part.partition(b"\r\n\r\n")
                self.assertIn(b"\r\nContent-Type: text/plain\r\n", head)
                bodies.append((head.rpartition(b" ")[2], body))
            self.assertEqual(
                bodies,
                [
                    (b"0-%d/200000" % (first - 1), content[:first]),
                    (b"70000-70009/200000", content[70_000:70_010]),
                    (b"199999-199999/200000", content[-1:]),
                ],
            )

    def test_ifRange(self) -> None:
        """
        A part is for a browser that has the rest of this very file; others get all of it.
        """
        [tag] = self.get().get("ETag")
        for value, code in (
            (tag, 206),
            (DATE, 206),
            ('"nope"', 200),
            (f"W/{tag}", 200),
            (BEFORE, 200),
            (AFTER, 200),
            ("nonsense", 200),
        ):
            answer = self.get(Range="bytes=0-1", If_Range=value)
            self.assertEqual(answer.code, code, value)
        self.write(b"abcdef")
        os.utime(self.path, (MODIFIED + 1, MODIFIED + 1))
        answer = self.get(Range="bytes=0-1", If_Range=tag)
        self.assertEqual((answer.code, answer.body), (200, b"abcdef"))

    def test_conditions(self) -> None:
        """
        What a browser has already is not sent again (RFC 9110, section 13.2.2).
        """
        [tag] = self.get().get("ETag")
        for headers, code in (
            ({"If_None_Match": tag}, 304),
            ({"If_None_Match": f'"x", W/{tag}'}, 304),
            ({"If_None_Match": "*"}, 304),
            ({"If_None_Match": '"x"'}, 200),
            ({"If_None_Match": '"x"', "If_Modified_Since": DATE}, 200),
            ({"If_Modified_Since": DATE}, 304),
            ({"If_Modified_Since": AFTER}, 304),
            ({"If_Modified_Since": BEFORE}, 200),
            ({"If_Modified_Since": "nonsense"}, 200),
            ({"If_Match": tag}, 200),
            ({"If_Match": "*"}, 200),
            ({"If_Match": '"x"'}, 412),
            ({"If_Match": tag, "If_Unmodified_Since": BEFORE}, 200),
            ({"If_Unmodified_Since": DATE}, 200),
            ({"If_Unmodified_Since": BEFORE}, 412),
        ):
            for method in ("GET", "HEAD"):
                answer = self.get(method, **headers)
                self.assertEqual(answer.code, code, headers)
                if code == 304:
                    self.assertEqual((answer.get("ETag"), answer.body), ([tag], b""))
                    self.assertEqual(answer.get("Content-Type"), [])

    def test_decidedBefore(self) -> None:
        """
        With another status than 200, and by another method, it is sent whole.
        """
        self.shows.status = 404
        answer = self.get(Range="bytes=0-0", If_None_Match="*")
        self.assertEqual((answer.code, answer.body), (404, b"012345"))
        self.shows.status = 200
        answer = self.get("POST", Range="bytes=0-0", If_None_Match="*")
        self.assertEqual((answer.code, answer.body), (200, b"012345"))

    def test_shorter(self) -> None:
        """
        A file that becomes shorter while it is sent never looks whole.
        """
        self.write(bytes(200_000))
        channel = self.ask("GET", {})
        self.pull(channel)
        self.path.write_bytes(b"")
        with capturedLogs() as events:
            while not channel.transport.disconnecting:
                self.pull(channel)
        self.assertIn("became shorter", formatEvent(events[0]))
        channel.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.openFiles(), 0)

    def test_gone(self) -> None:
        """
        The file is closed when the browser goes away, however that shows.
        """
        self.write(bytes(1_000_000))
        for headers in ({}, {"Range": "bytes=0-1,5-90000"}):
            for closing in (False, True):
                channel = self.ask("GET", headers)
                self.pull(channel)
                self.assertEqual(self.openFiles(), 1)
                if closing:
                    channel.loseConnection()
                channel.transport.connectionLost()
                channel.connectionLost(Failure(ConnectionLost()))
                self.assertEqual(self.openFiles(), 0)

    def test_noFile(self) -> None:
        """
        What is no file, or is not there, is told to who asks for it.
        """
        os.mkfifo(self.path.parent / "pipe")
        for path in (self.path.parent, self.path.parent / "pipe", self.path.parent / "no"):
            shown: list[int] = []
            call = partial(serveFile, None, str(path), shown.append)
            self.assertRaises(OSError, call)
