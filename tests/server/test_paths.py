"""
Tests of L{txfcgi.server.paths}: which part of a path led to the app.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import FastCGIServerFactory, Request, Response, SCGIServerFactory
from txfcgi.errors import InvalidPath, NotMounted, PathOutsideRoot
from txfcgi.server.paths import Paths, PathSource, pathOfURI
from txfcgi.testing import MemoryFrontEnd


def split(paths: Paths, **params: str) -> tuple[bytes, bytes]:
    """
    Divide the path that these params have.
    """
    values = {name.encode(): value.encode() for name, value in params.items()}
    return paths.split(values.get)


class AsSentTests(SynchronousTestCase):
    """
    Without any option.
    """

    def test_sent(self) -> None:
        """
        SCRIPT_NAME and PATH_INFO are what the web server sent, whatever else it sent.
        """
        paths = Paths()
        self.assertEqual(
            split(paths, SCRIPT_NAME="/a", PATH_INFO="/b", REQUEST_URI="/c"), (b"/a", b"/b")
        )
        self.assertEqual(split(paths, SCRIPT_NAME="/a"), (b"/a", b""))
        self.assertEqual(split(paths, DOCUMENT_URI="/a", REQUEST_URI="/a"), (b"", b""))
        self.assertTrue(paths.asSent)


class WholeTests(SynchronousTestCase):
    """
    The whole path.
    """

    def whole(self, paths: Paths, **params: str) -> bytes:
        """
        The path that these params have.
        """
        values = {name.encode(): value.encode() for name, value in params.items()}
        return paths.whole(values.get)

    def test_order(self) -> None:
        """
        It is SCRIPT_NAME and PATH_INFO; else DOCUMENT_URI; else what REQUEST_URI has of a path.
        """
        last = {"REQUEST_URI": "/d%65?x=/y"}
        second = {**last, "DOCUMENT_URI": "/c"}
        for params, expected in (
            ({**second, "SCRIPT_NAME": "/a", "PATH_INFO": "/b"}, b"/a/b"),
            ({**second, "SCRIPT_NAME": "/a"}, b"/a"),
            ({**second, "PATH_INFO": "/b"}, b"/b"),
            ({**second, "SCRIPT_NAME": "", "PATH_INFO": ""}, b""),
            (second, b"/c"),
            (last, b"/de"),
            ({}, b""),
        ):
            self.assertEqual(self.whole(Paths(), **params), expected)
            self.assertEqual(self.whole(Paths("/"), **params), expected)

    def test_fromURI(self) -> None:
        """
        Where paths are taken from REQUEST_URI, nothing else counts.
        """
        params = {"SCRIPT_NAME": "/public", "PATH_INFO": "", "REQUEST_URI": "/admin/../x%2Fy?z"}
        self.assertEqual(self.whole(Paths(pathFrom="uri"), **params), b"/x/y")


class MountTests(SynchronousTestCase):
    """
    A mount divides the path.
    """

    def test_root(self) -> None:
        """
        Mounted at C{/}, the app has the whole path, in whichever variable it came.
        """
        for mount in ("/", "//"):
            for params in (
                {"SCRIPT_NAME": "/a/b"},
                {"SCRIPT_NAME": "/a", "PATH_INFO": "/b"},
                {"PATH_INFO": "/a/b"},
                {"DOCUMENT_URI": "/a/b"},
                {"REQUEST_URI": "/a/b?c"},
            ):
                self.assertEqual(split(Paths(mount), **params), (b"", b"/a/b"))

    def test_prefix(self) -> None:
        """
        Mounted lower, it has what is below.
        """
        paths = Paths("/shop/")
        self.assertEqual(split(paths, SCRIPT_NAME="/shop/a"), (b"/shop", b"/a"))
        self.assertEqual(split(paths, SCRIPT_NAME="/shop/"), (b"/shop", b"/"))
        self.assertEqual(split(paths, SCRIPT_NAME="/shop"), (b"/shop", b""))
        self.assertEqual(split(paths, SCRIPT_NAME="", PATH_INFO="/shop/a"), (b"/shop", b"/a"))
        self.assertEqual(split(Paths("/ä"), SCRIPT_NAME="/ä/ö"), ("/ä".encode(), "/ö".encode()))

    def test_elsewhere(self) -> None:
        """
        A path that is not below the mount is none of the app's.
        """
        for path in ("/", "/shopping", "/sho", "/x/shop", ""):
            with self.assertRaises(NotMounted) as caught:
                split(Paths("/shop"), SCRIPT_NAME=path)
            self.assertIn("/shop", str(caught.exception))

    def test_impossible(self) -> None:
        """
        What can't be the beginning of a path is refused, and so is a source that there is not.
        """
        for mount in ("shop", "", "/a/../b", "/a//b", "/./a", "/a?b", "/a#b", "/%61"):
            self.assertRaises(InvalidPath, Paths, mount)
        source: Any = "header"
        self.assertRaises(InvalidPath, Paths, "/", source)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        pytest.param(b"/a/b?c=/../d", b"/a/b", id="query"),
        pytest.param(b"/a%20b/%C3%A9", b"/a b/\xc3\xa9", id="decoded"),
        pytest.param(b"/a%252e", b"/a%2e", id="decoded-once"),
        pytest.param(b"/admin/../public", b"/public", id="dot-segment"),
        pytest.param(b"/admin/%2e%2e/public", b"/public", id="encoded-dot-segment"),
        pytest.param(b"/admin%2f..%2fpublic", b"/public", id="encoded-slash"),
        pytest.param(b"/a/./b/.", b"/a/b/", id="single-dots"),
        pytest.param(b"/a/b/..", b"/a/", id="dots-at-the-end"),
        pytest.param(b"/a/..", b"/", id="back-to-the-root"),
        pytest.param(b"//a///b//", b"/a/b/", id="slashes"),
        pytest.param(b"/.hidden/..two", b"/.hidden/..two", id="no-segment-of-dots"),
        pytest.param(b"http://example.com/a?b", b"/a", id="absolute"),
        pytest.param(b"http://example.com", b"/", id="absolute-without-path"),
        pytest.param(b"*", b"*", id="asterisk"),
        pytest.param(b"/%zz", b"/%zz", id="not-encoded"),
        pytest.param(b"", b"", id="nothing"),
    ],
)
def test_pathOfURI(uri: bytes, path: bytes) -> None:
    """
    A path is decoded once, and then made plain.
    """
    assert pathOfURI(uri) == path


@pytest.mark.parametrize("uri", [b"/..", b"/a/../..", b"/%2e%2e/a", b"/a/../../b"])
def test_beyondTheRoot(uri: bytes) -> None:
    """
    There is nothing beyond the root.
    """
    with pytest.raises(PathOutsideRoot):
        pathOfURI(uri)


class RequestTests(SynchronousTestCase):
    """
    What an app sees of it.
    """

    def paths(self, request: Request) -> Response:
        """
        An app that shows its paths.
        """
        shown = f"{request.path} {request.scriptName} {request.pathInfo} {request.uri}"
        return Response(200, {}, shown.encode())

    def ask(
        self, params: dict[str, str], mount: str | None = None, pathFrom: PathSource = "params"
    ) -> tuple[int, str]:
        """
        Ask an app for what it sees, over both protocols.
        """
        answers = set()
        for factory, protocol in ((FastCGIServerFactory, "fastcgi"), (SCGIServerFactory, "scgi")):
            clock: Any = Clock()
            served = factory(self.paths, clock=clock, mount=mount, pathFrom=pathFrom)
            name: Any = protocol
            frontEnd = MemoryFrontEnd(served, name, testCase=self)
            answer = self.successResultOf(frontEnd.get("/never", params=params))
            answers.add((answer.code, answer.text))
        (seen,) = answers
        return seen

    def test_asSent(self) -> None:
        """
        Without a mount the names are those of CGI.
        """
        params = {"SCRIPT_NAME": "/a", "PATH_INFO": "/ö", "REQUEST_URI": "/x"}
        self.assertEqual(self.ask(params), (200, "/a/ö /a /ö /x"))

    def test_mounted(self) -> None:
        """
        A mount is the C{scriptName}, and what is below it the C{pathInfo}.
        """
        params = {"SCRIPT_NAME": "/shop/a", "PATH_INFO": "", "REQUEST_URI": "/x"}
        self.assertEqual(self.ask(params, "/shop"), (200, "/shop/a /shop /a /x"))
        self.assertEqual(self.ask(params, "/"), (200, "/shop/a  /shop/a /x"))

    def test_fromURI(self) -> None:
        """
        The path can be that of REQUEST_URI.
        """
        params = {"SCRIPT_NAME": "/app.fcgi", "PATH_INFO": "/b", "REQUEST_URI": "/shop/b%20c?d"}
        expected = (200, "/shop/b c /shop /b c /shop/b%20c?d")
        self.assertEqual(self.ask(params, "/shop", "uri"), expected)
        self.assertEqual(self.ask(params, None, "uri")[1].split(" /shop")[0], "/shop/b c ")

    def test_refused(self) -> None:
        """
        A path that is not the app's is a 404, one beyond the root a 400.
        """
        self.assertEqual(self.ask({"SCRIPT_NAME": "/a"}, "/shop")[0], 404)
        self.assertEqual(self.ask({"REQUEST_URI": "/../a"}, "/", "uri")[0], 400)
