"""
Tests of L{txfcgi.web.channel}: heads, and what a resource is told of them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import EncodingResourceWrapper, IResource, Resource
from twisted.web.server import GzipEncoderFactory, Request
from zope.interface import implementer

from txfcgi.web import StreamingSite
from txfcgi.web.request import IStreamsBody

PLAIN = (
    b"GET /a%20b?c=d HTTP/1.1\r\nhost: x.example:81\r\nUser-Agent: M (X; 5.0)\r\nAccept: */*\r\n"
    b"cookie: a=1; b=2\r\nDNT: 1\r\nConnection: Keep-Alive\r\nX: \xc3\xa9\r\n\r\n"
)

# Whatever may be special about a head.
SPECIAL = (
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nConnection: keep-alive, X\r\nX: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1\r\n 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nA:1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA:  1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1 \r\n\r\n",
    b"GET / HTTP/1.1\r\nA: \r\n\r\n",
    b"GET / HTTP/1.1\r\nA:\r\n\r\n",
    b"GET / HTTP/1.1\r\nA : 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1\t2\r\n\r\n",
    b"GET / HTTP/1.1\r\nA_B: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA\r\n\r\n",
    b"GET / HTTP/1.1\r\n: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1\0\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1\r2\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1\n2\r\n\r\n",
    b"GET / HTTP/1.1\nA: 1\n\n",
    b"GET  / HTTP/1.1\r\n\r\n",
    b"GET /\x80 HTTP/1.1\r\n\r\n",
    b"GET http://x/ HTTP/1.1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n\r\n",
    b"get / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/2.0\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\n\r\n",
    b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
)


class Shown(Resource):
    """
    Shows what it is asked.
    """

    def getChild(self, path: bytes, request: Request) -> IResource:
        return self

    def render(self, request: Request) -> bytes:
        """
        Show it, be it plain or not.
        """
        headers = sorted(
            (name, *values) for name, values in request.requestHeaders.getAllRawHeaders()
        )
        request.responseHeaders.removeHeader(b"Date")
        said = (
            *(request.method, request.uri, request.path, request.clientproto, request.args),
            *(request.prepath, request.postpath, headers, request.getCookie(b"b")),
            *(request.getHeader(b"HOST"), request.getHeader("x"), request.getHeader(b"a_b")),
            request.getHeader(b"content-length"),
        )
        return repr(said).encode()


@implementer(IStreamsBody)
class Streamed(Shown):
    """
    The same, of a resource that need not wait for a body.
    """


class HeadTests(SynchronousTestCase):
    """
    What a resource is told of a head.
    """

    def connect(self, resource: IResource, **more: Any) -> Any:
        """
        A connection to a site.
        """
        site = StreamingSite(resource, reactor=Clock(), **more)
        channel = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        channel.makeConnection(StringTransport())
        return channel

    def ask(self, resource: IResource, *pieces: bytes) -> bytes:
        """
        Send something.

        @return: All that comes back.
        """
        channel = self.connect(resource)
        for piece in pieces:
            if not channel.transport.disconnecting:
                channel.dataReceived(piece)
        return bytes(channel.transport.value())

    def test_same(self) -> None:
        """
        A resource is told the same of a head that came whole and of one that came in pieces.
        """
        for resource in (Shown(), Streamed()):
            for data in (PLAIN, *SPECIAL):
                whole = self.ask(resource, data)
                pieces = [data[at : at + 1] for at in range(len(data))]
                self.assertEqual(self.ask(resource, *pieces), whole, data)
            self.assertIn(b"/a%20b?c=d", self.ask(resource, PLAIN))

    def test_again(self) -> None:
        """
        One behind the other, and several at once.
        """
        once = self.ask(Shown(), PLAIN)
        self.assertEqual(self.ask(Shown(), PLAIN, PLAIN, PLAIN), 3 * once)
        self.assertEqual(self.ask(Shown(), PLAIN + PLAIN + PLAIN[:9], PLAIN[9:]), 3 * once)

    def test_disconnecting(self) -> None:
        """
        What comes after the end is not listened to.
        """
        channel = self.connect(Shown())
        channel.loseConnection()
        channel.dataReceived(PLAIN)
        self.assertEqual(channel.transport.value(), b"")

    def test_otherRequests(self) -> None:
        """
        A site may have requests of another kind.
        """

        class Other(Request):
            pass

        channel = self.connect(Shown(), requestFactory=Other)
        channel.dataReceived(PLAIN)
        self.assertIn(b"/a%20b?c=d", channel.transport.value())

    def test_encoded(self) -> None:
        """
        A resource whose answers are encoded.
        """
        wrapped = EncodingResourceWrapper(Shown(), [GzipEncoderFactory()])
        root = Resource()
        root.putChild(b"", wrapped)
        line = b"GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n"
        for pieces in ((line,), (line[:9], line[9:])):
            self.assertIn(b"Content-Encoding: gzip\r\n", self.ask(root, *pieces))
