"""
Tests of L{txfcgi.web.folder}.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from txfcgi.adapters.resource import ResourceApp
from txfcgi.testing import MemoryFrontEnd, MemoryResponse
from txfcgi.web.folder import Folder

from ..folders import folderFor


class FolderTests(SynchronousTestCase):
    """
    A directory, served as an app.
    """

    def setUp(self) -> None:
        self.folder = folderFor(self)
        (self.folder / "sub").mkdir()
        (self.folder / "file.txt").write_bytes(b"0123456789")
        app = ResourceApp(Folder(str(self.folder)))
        self.frontEnd = MemoryFrontEnd(app, server="nginx", testCase=self)

    def get(self, uri: str, method: str = "GET", **headers: str) -> MemoryResponse:
        """
        What is answered.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.successResultOf(self.frontEnd.request(method, uri, named))

    def test_file(self) -> None:
        """
        A file has its type, length and tag; to HEAD too.
        """
        for method in ("GET", "HEAD"):
            response = self.get("/file.txt", method)
            self.assertEqual(response.code, 200)
            self.assertEqual(response.body, b"0123456789" if method == "GET" else b"")
            self.assertEqual(response.headers.getRawHeaders("content-length"), ["10"])
            self.assertTrue(response.headers.hasHeader("etag"))
            (kind,) = response.headers.getRawHeaders("content-type", [])
            self.assertTrue(kind.startswith("text/plain"))

    def test_ranges(self) -> None:
        """
        A range is sent; so many that they would be dear are not.
        """
        response = self.get("/file.txt", Range="bytes=-3")
        self.assertEqual((response.code, response.body), (206, b"789"))
        many = "bytes=" + ",".join(["0-5"] * 1_300)
        self.assertEqual(self.get("/file.txt", Range=many).code, 200)
        self.assertEqual(self.get("/file.txt", Range="bytes=20-").code, 416)

    def test_conditions(self) -> None:
        """
        A tag that is known already is a 304; one that has to hold and does not is a 412.
        """
        (tag,) = self.get("/file.txt").headers.getRawHeaders("etag", [])
        self.assertEqual(self.get("/file.txt", If_None_Match=tag).code, 304)
        self.assertEqual(self.get("/file.txt", If_Match='"other"').code, 412)

    def test_directory(self) -> None:
        """
        A directory has a list, or its index; without its slash it is redirected.
        """
        self.assertIn(b"file.txt", self.get("/").body)
        self.assertEqual(self.get("/sub").code, 302)
        (self.folder / "index.html").write_bytes(b"index")
        self.assertEqual(self.get("/").body, b"index")

    def test_missing(self) -> None:
        """
        What is not there, or is no file, is a 404.
        """
        os.mkfifo(self.folder / "pipe")
        for uri in ("/nothing", "/pipe", "/sub/nothing"):
            self.assertEqual(self.get(uri).code, 404)
