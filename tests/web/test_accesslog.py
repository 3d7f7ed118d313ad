"""
Tests of L{txfcgi.web.accesslog}, and of what else the log of a gateway shows.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import combinedLogFormatter
from twisted.web.iweb import IAccessLogFormatter
from twisted.web.resource import Resource
from zope.interface.verify import verifyObject

from txfcgi.web import GatewayResource, StreamingSite
from txfcgi.web.accesslog import maskedLogFormatter

from .site import SiteCase


class Finished:
    """
    A request that was answered.
    """

    method = b"GET"
    clientproto = b"HTTP/1.1"
    code = 200
    sentLength = 12

    def __init__(self, uri: bytes = b"/", **headers: bytes) -> None:
        self.uri = uri
        self._headers = headers

    def getClientAddress(self) -> IPv4Address:
        """
        The client's.
        """
        return IPv4Address("TCP", "127.0.0.1", 1)

    def getHeader(self, name: bytes) -> bytes | None:
        """
        The value of a header.
        """
        return self._headers.get(name.decode().replace("-", "_"))


class FormatTests(SynchronousTestCase):
    """
    Tests of L{maskedLogFormatter}.
    """

    def test_same(self) -> None:
        """
        Without secrets a line is twisted.web's.
        """
        verifyObject(IAccessLogFormatter, maskedLogFormatter)
        for request in (
            Finished(),
            Finished(b"/a%20b?c=d&e", referer=b"http://x/?y=z", user_agent=b'a"b=c'),
            Finished(b"/\xe9\xff?a=\xe9"),
        ):
            expected = combinedLogFormatter("[now]", request)
            self.assertEqual(maskedLogFormatter("[now]", request), expected)

    def test_masked(self) -> None:
        """
        Secrets are not shown, be it of this page or of the one before.
        """
        request = Finished(b"/?a=1&token=s3cret", referer=b"http://x/?password=s3cret&b=2")
        line = maskedLogFormatter("[now]", request)
        self.assertNotIn("s3cret", line)
        self.assertIn("/?a=1&token=*** HTTP", line)
        self.assertIn('"http://x/?password=***&b=2"', line)

    def test_ofASite(self) -> None:
        """
        A site writes such lines, or others if it is told to.
        """

        def other(timestamp: str, request: object) -> str:
            return "other"

        site: Any
        for site, start in (
            (StreamingSite(Resource(), reactor=Clock()), '"127.0.0.1" - - '),
            (StreamingSite(Resource(), reactor=Clock(), logFormatter=other), "other"),
            (StreamingSite(Resource(), None, None, 60, other, Clock()), "other"),
        ):
            log = site._logFile = StringIO()
            site.log(Finished(b"/?token=s3cret"))
            self.assertTrue(log.getvalue().startswith(start), log.getvalue())
            self.assertNotIn("s3cret", log.getvalue())


class ErrorTests(SiteCase):
    """
    What the log says of requests that fail.
    """

    async def test_masked(self) -> None:
        """
        The line for an error has no secrets of the query either.
        """
        client = self.clientOf(f"unix:{self.folder}/nothing.sock")
        await self.site(GatewayResource(client))
        answer = await self.fetch("/some?thing=1&access_token=s3cret")
        self.assertEqual(answer.code, 502)
        self.assertTrue(self.logged("GET /some?thing=1&access_token=***: 502: "))
        self.assertFalse(self.logged("s3cret"))
