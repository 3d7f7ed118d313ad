"""
Tests of L{txfcgi.web.accesslog}: the lines of a site's log.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import combinedLogFormatter
from twisted.web.iweb import IAccessLogFormatter
from twisted.web.resource import Resource
from zope.interface.verify import verifyObject

from txfcgi.web import StreamingSite
from txfcgi.web.accesslog import accessLine


class Finished:
    """
    A request that was answered.
    """

    method = b"GET"
    uri = b"/"
    clientproto = b"HTTP/1.1"
    code = 200
    sentLength = 12

    def __init__(self, address: IAddress, headers: dict[bytes, bytes]) -> None:
        self._address = address
        self._headers = headers

    def getClientAddress(self) -> IAddress:
        """
        The client's.
        """
        return self._address

    def getHeader(self, name: bytes) -> bytes | None:
        """
        The value of a header.
        """
        return self._headers.get(name)


class AccessLineTests(SynchronousTestCase):
    """
    Tests of L{accessLine}.
    """

    def test_same(self) -> None:
        """
        They are twisted.web's, whatever has to be escaped.
        """
        verifyObject(IAccessLogFormatter, accessLine)
        addresses = (
            IPv4Address("TCP", "127.0.0.1", 1),
            IPv6Address("TCP", "::1", 1),
            UNIXAddress("/run/x"),
        )
        values = (b"", b"a b", b'a"b', b"a\\b", b"a'b", b"'a\"", b"a\tb", b"\xe9\xff", b'" "', b"%")
        for address in addresses:
            for value in values:
                for name in (b"referer", b"user-agent", b"x"):
                    request = Finished(address, {name: value})
                    request.uri = b"/" + value
                    expected = combinedLogFormatter("[now]", request)
                    self.assertEqual(accessLine("[now]", request), expected)
        request = Finished(addresses[0], {})
        request.sentLength, request.code = 0, 304
        line = '"127.0.0.1" - - [now] "GET / HTTP/1.1" 304 - "-" "-"'
        self.assertEqual(accessLine("[now]", request), line)
        self.assertEqual(combinedLogFormatter("[now]", request), line)

    def test_ofASite(self) -> None:
        """
        A site writes them, or others if it is told to.
        """
        request = Finished(IPv4Address("TCP", "127.0.0.1", 1), {})

        def other(timestamp: str, request: object) -> str:
            return "other"

        site: Any
        for site, start in (
            (StreamingSite(Resource(), reactor=Clock()), '"127.0.0.1" - - '),
            (StreamingSite(Resource(), reactor=Clock(), logFormatter=other), "other"),
            (StreamingSite(Resource(), None, None, 60, other, Clock()), "other"),
        ):
            log = site._logFile = StringIO()
            site.log(request)
            self.assertTrue(log.getvalue().startswith(start), log.getvalue())
