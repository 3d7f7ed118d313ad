"""
Tests of L{txfcgi.adapters.webchannel}: the files of twisted.web, and its guard.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.web.guard import BasicCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import IResource
from twisted.web.static import File
from zope.interface import implementer

from ..folders import folderFor
from .resources import Leaf, ResourceTestCase


class FileTests(ResourceTestCase):
    """
    C{twisted.web.static.File}.
    """

    def setUp(self) -> None:
        self.folder = folderFor(self)
        self.body = bytes(range(256)) * 1_000
        (self.folder / "file.bin").write_bytes(self.body)

    def test_whole(self) -> None:
        """
        A file, with its length and date.
        """
        response = self.get(File(str(self.folder)), "/file.bin")
        self.assertEqual((response.code, response.body), (200, self.body))
        self.assertEqual(response.headers.getRawHeaders("content-length"), ["256000"])
        self.assertTrue(response.headers.hasHeader("last-modified"))

    def test_range(self) -> None:
        """
        A range of it, and several.
        """
        response = self.get(File(str(self.folder)), "/file.bin", headers={"Range": "bytes=1-3"})
        self.assertEqual((response.code, response.body), (206, self.body[1:4]))
        self.assertEqual(response.headers.getRawHeaders("content-range"), ["bytes 1-3/256000"])
        response = self.get(File(str(self.folder)), "/file.bin", headers={"Range": "bytes=1-3,5-6"})
        self.assertEqual(response.code, 206)
        self.assertIn(b"Content-range: bytes 5-6/256000", response.body)

    def test_notModified(self) -> None:
        """
        C{If-Modified-Since}.
        """
        first = self.get(File(str(self.folder)), "/file.bin")
        (date,) = first.headers.getRawHeaders("last-modified", [])
        again = self.get(File(str(self.folder)), "/file.bin", headers={"If-Modified-Since": date})
        self.assertEqual((again.code, again.body), (304, b""))

    def test_directory(self) -> None:
        """
        A directory without its slash is redirected to that with it, below the mount too.
        """
        (self.folder / "sub").mkdir()
        response = self.get(File(str(self.folder)), "/shop/sub", mount="/shop")
        self.assertEqual(response.code, 302)
        self.assertEqual(response.headers.getRawHeaders("location"), ["/shop/sub/"])


class GuardTests(ResourceTestCase):
    """
    C{twisted.web.guard}.
    """

    def test_basic(self) -> None:
        """
        A guarded resource asks for a password, and takes it.
        """

        @implementer(IRealm)
        class Realm:
            def requestAvatar(self, avatarId: Any, mind: object, *interfaces: Any) -> Any:
                return IResource, Leaf(lambda request: avatarId), lambda: None

        checker = InMemoryUsernamePasswordDatabaseDontUse(ada=b"secret")
        guarded = HTTPAuthSessionWrapper(
            Portal(Realm(), [checker]), [BasicCredentialFactory(b"here")]
        )
        refused = self.get(guarded)
        self.assertEqual(refused.code, 401)
        self.assertEqual(refused.headers.getRawHeaders("www-authenticate"), ['basic realm="here"'])
        let = self.get(guarded, headers={"Authorization": "Basic YWRhOnNlY3JldA=="})
        self.assertEqual((let.code, let.body), (200, b"ada"))


class SCGIFileTests(FileTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"
