"""
Tests of L{txfcgi.server.files}: files as answers.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Request, Response, SendFile
from txfcgi.errors import InvalidPath
from txfcgi.testing import MemoryFrontEnd
from txfcgi.testing.exchange import MemoryResponse

from ..folders import folderFor

CONTENT = bytes(range(256)) * 1_000
DATE = "Sun, 09 Sep 2001 01:46:40 GMT"


class FileTests(SynchronousTestCase):
    """
    Tests that have a file.
    """

    def setUp(self) -> None:
        self.folder = os.path.realpath(folderFor(self))
        self.path = self.write("a ä.txt", CONTENT)

    def write(self, name: str, content: bytes) -> str:
        """
        Make a file that was changed at L{DATE}.
        """
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (1_000_000_000, 1_000_000_000))
        return path

    def ask(
        self, path: str | None = None, method: str = "GET", headers: Any = (), **options: Any
    ) -> MemoryResponse:
        """
        Ask for a file.
        """

        def app(request: Request) -> Response:
            return Response.file(self.path if path is None else path, **options)

        frontEnd = MemoryFrontEnd(app, testCase=self)
        return self.successResultOf(frontEnd.request(method, "/", headers))

    def header(self, answer: MemoryResponse, name: str) -> str | None:
        """
        The value of a header.
        """
        values = answer.headers.getRawHeaders(name)
        return None if values is None else str(values[0])


class WholeTests(FileTests):
    """
    A file that is sent from here.
    """

    def test_whole(self) -> None:
        """
        It is sent with all that is known of it.
        """
        answer = self.ask()
        self.assertEqual((answer.code, answer.body), (200, CONTENT))
        for name, value in (
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", "256000"),
            ("last-modified", DATE),
            ("accept-ranges", "bytes"),
        ):
            self.assertEqual(self.header(answer, name), value)
        answer = self.ask(method="HEAD")
        self.assertEqual((answer.body, self.header(answer, "content-length")), (b"", "256000"))

    def test_types(self) -> None:
        """
        Its type is known by its name, unless the app says it.
        """
        for name, kind in (
            ("x.html", "text/html; charset=utf-8"),
            ("x.png", "image/png"),
            ("x.tar.gz", "application/gzip"),
            ("x.txt.xz", "application/octet-stream"),
            ("x", "application/octet-stream"),
        ):
            answer = self.ask(self.write(name, b"x"))
            self.assertEqual(self.header(answer, "content-type"), kind)
        for headers in ({"content-type": "text/x"}, {b"Content-Type": b"text/x"}):

            def app(request: Request, headers: Any = headers) -> Response:
                return Response.file(self.path, headers)

            answer = self.successResultOf(MemoryFrontEnd(app, testCase=self).get())
            self.assertEqual(answer.headers.getRawHeaders("content-type"), ["text/x"])

    def test_download(self) -> None:
        """
        A browser can be told to save it.
        """
        answer = self.ask(download='a "ä".txt')
        expected = "attachment; filename*=UTF-8''a%20%22%C3%A4%22.txt"
        self.assertEqual(self.header(answer, "content-disposition"), expected)

    def test_missing(self) -> None:
        """
        What is not a file is told to the app.
        """
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        for path in (self.path + "x", self.folder, fifo):
            self.assertRaises(FileNotFoundError, Response.file, path)

    def test_root(self) -> None:
        """
        A path that a browser sent leads out of its folder in no way.
        """
        inside = self.write("sub/b.txt", b"inside")
        os.symlink(self.path, os.path.join(self.folder, "sub", "out"))
        os.symlink(inside, os.path.join(self.folder, "sub", "in"))
        root = os.path.join(self.folder, "sub")
        for path in ("b.txt", "/b.txt", "//b.txt", "x/../b.txt", "in"):
            self.assertEqual(self.ask(path, root=root).body, b"inside")
        for path in ("../a ä.txt", "/../a ä.txt", "out", "", "/", ".", "b.txt\0", "\0", inside):
            self.assertRaises(FileNotFoundError, Response.file, path, root=root)


class PartTests(FileTests):
    """
    A part of a file, or nothing that the browser has.
    """

    def test_ranges(self) -> None:
        """
        What is asked for is sent.
        """
        for wanted, first, last in (
            ("bytes=0-0", 0, 0),
            ("bytes=10-19", 10, 19),
            ("bytes = 10 - 19", 10, 19),
            ("bytes=255999-", 255_999, 255_999),
            ("bytes=70000-999999", 70_000, 255_999),
            ("bytes=-5", 255_995, 255_999),
            ("bytes=-999999", 0, 255_999),
        ):
            answer = self.ask(headers={"Range": wanted})
            self.assertEqual((answer.code, answer.body), (206, CONTENT[first : last + 1]))
            expected = f"bytes {first}-{last}/256000"
            self.assertEqual(self.header(answer, "content-range"), expected)

    def test_noSuchPart(self) -> None:
        """
        There may be no such part.
        """
        for wanted in ("bytes=256000-", "bytes=999999-9999999", "bytes=-0"):
            answer = self.ask(headers={"Range": wanted})
            self.assertEqual((answer.code, answer.body), (416, b""))
            self.assertEqual(self.header(answer, "content-range"), "bytes */256000")

    def test_notUnderstood(self) -> None:
        """
        What is not understood is not looked at: several parts, other units, nonsense; nor is it
        with another method.
        """
        for wanted in ("bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=9-1", "bytes=a-b", ""):
            self.assertEqual(self.ask(headers={"Range": wanted}).code, 200)
        self.assertEqual(self.ask(method="POST", headers={"Range": "bytes=0-1"}).code, 200)

    def test_ifRange(self) -> None:
        """
        A part of another version is of no use.
        """
        tag = self.header(self.ask(), "etag")
        assert tag is not None
        for condition, code in ((tag, 206), (DATE, 206), ('"other"', 200), ("x", 200)):
            answer = self.ask(headers={"Range": "bytes=0-1", "If-Range": condition})
            self.assertEqual(answer.code, code)

    def test_notChanged(self) -> None:
        """
        A browser that has it already is told so.
        """
        tag = self.header(self.ask(), "etag")
        assert tag is not None
        later = "Mon, 10 Sep 2001 01:46:40 GMT"
        before = "Sat, 08 Sep 2001 01:46:40 GMT"
        for headers, code in (
            ({"If-None-Match": tag}, 304),
            ({"If-None-Match": f'"other", W/{tag}'}, 304),
            ({"If-None-Match": "*"}, 304),
            ({"If-None-Match": '"other"', "If-Modified-Since": later}, 200),
            ({"If-Modified-Since": DATE}, 304),
            ({"If-Modified-Since": later}, 304),
            ({"If-Modified-Since": before}, 200),
            ({"If-Modified-Since": "nonsense"}, 200),
        ):
            answer = self.ask(headers=headers)
            self.assertEqual(answer.code, code)
            self.assertEqual(self.header(answer, "etag"), tag)
        self.assertEqual(self.ask(method="POST", headers={"If-None-Match": tag}).code, 200)


class SendFileTests(FileTests):
    """
    A file that the web server sends.
    """

    def test_header(self) -> None:
        """
        It is asked to by a header, and knows the rest by itself.
        """
        answer = self.ask(sendFile=SendFile(), headers={"Range": "bytes=0-1"})
        quoted = self.path.replace("ä", "%C3%A4").replace(" ", "%20")
        self.assertEqual((answer.code, answer.body), (200, b""))
        self.assertEqual(self.header(answer, "x-sendfile"), quoted)
        self.assertEqual(self.header(answer, "content-type"), "text/plain; charset=utf-8")
        for name in ("content-length", "etag", "accept-ranges"):
            self.assertIsNone(self.header(answer, name))

    def test_folders(self) -> None:
        """
        One that is in none of the web server's folders is sent from here.
        """
        self.write("sub/b", b"x")
        sub = os.path.join(self.folder, "sub")
        os.symlink(self.path, os.path.join(sub, "out"))
        accel = SendFile("X-Accel-Redirect", {sub: "/internal/"})
        answer = self.ask(os.path.join(sub, "b"), sendFile=accel)
        self.assertEqual(self.header(answer, "x-accel-redirect"), "/internal/b")
        self.assertEqual(self.ask(os.path.join(sub, "out"), sendFile=accel).body, CONTENT)
        plain = SendFile(folders={sub: ""})
        self.assertEqual(self.ask(sendFile=plain).body, CONTENT)
        answer = self.ask(os.path.join(sub, "b"), sendFile=plain)
        self.assertEqual(self.header(answer, "x-sendfile"), os.path.join(sub, "b"))


@pytest.mark.parametrize(
    ("style", "folders"),
    [
        pytest.param("Sendfile", None, id="no-such-style"),
        pytest.param("X-Accel-Redirect", None, id="no-folder"),
        pytest.param("X-Accel-Redirect", {"relative": "/x"}, id="relative-folder"),
        pytest.param("X-Accel-Redirect", {"/srv": "x"}, id="relative-path"),
    ],
)
def test_impossible(style: Any, folders: Any) -> None:
    """
    What can't be is refused when it is said.
    """
    with pytest.raises(InvalidPath):
        SendFile(style, folders)
