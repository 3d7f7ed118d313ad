"""
Tests of L{txfcgi.web.heads}, and of what a site makes of heads: the same, whichever way it reads
them.
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

from txfcgi.web import StreamingSite, heads
from txfcgi.web.heads import plainHead, plainName
from txfcgi.web.request import IStreamsBody

PLAIN = (
    b"GET /a%20b?c=d HTTP/1.1\r\nhost: x.example:81\r\nUser-Agent: M (X; 5.0)\r\nAccept: */*\r\n"
    b"cookie: a=1; b=2\r\nDNT: 1\r\nConnection: Keep-Alive\r\nX: \xc3\xa9\r\n\r\n"
)

# All that goes the long way.
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

    @ivar asked: How many times it was looked for.
    """

    asked = 0

    def getChild(self, path: bytes, request: Request) -> IResource:
        self.asked += 1
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
    Tests of L{plainHead}.
    """

    def test_plain(self) -> None:
        """
        What most browsers send, its names as twisted.web writes them.
        """
        read = plainHead(PLAIN)
        assert read is not None
        self.assertEqual(read[:2], (b"GET", b"/a%20b?c=d"))
        self.assertEqual(
            read[2],
            {
                b"Host": b"x.example:81",
                b"User-Agent": b"M (X; 5.0)",
                b"Accept": b"*/*",
                b"Cookie": b"a=1; b=2",
                b"DNT": b"1",
                b"Connection": b"Keep-Alive",
                b"X": b"\xc3\xa9",
            },
        )

    def test_special(self) -> None:
        """
        Everything else is for twisted.web to read, and so is what is not whole.
        """
        for data in SPECIAL:
            self.assertIsNone(plainHead(data), data)
        for end in range(len(PLAIN)):
            self.assertIsNone(plainHead(PLAIN[:end]), end)
        self.assertIsNone(plainHead(PLAIN + b"x"))

    def test_manyNames(self) -> None:
        """
        What is remembered of names has an end.
        """
        self.patch(heads, "_names", {})
        for number in range(1_500):
            self.assertEqual(plainName(b"x-%d" % number), b"X-%d" % number)
        self.assertEqual(len(heads._names), 1_000)


class SiteTests(SynchronousTestCase):
    """
    Heads, and the channel that reads them.
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

    def test_lookedForOnce(self) -> None:
        """
        A request without a body has its resource looked for once.
        """
        for resource in (Shown(), Streamed()):
            for pieces in ((PLAIN,), (PLAIN[:9], PLAIN[9:])):
                resource.asked = 0
                self.ask(resource, *pieces)
                self.assertEqual(resource.asked, 1)

    def test_limits(self) -> None:
        """
        twisted.web's limits hold.
        """
        line = b"GET / HTTP/1.1\r\n"
        many = b"".join(b"X-%d: 1\r\n" % number for number in range(501))
        long = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1000) for number in range(20))
        for headers in (many, long):
            self.assertIsNotNone(plainHead(line + headers + b"\r\n"))
            answer = self.ask(Shown(), line + headers + b"\r\n")
            self.assertEqual(answer, b"HTTP/1.1 400 Bad Request\r\n\r\n")

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

    def test_encoderFails(self) -> None:
        """
        One whose encoder can't be had.
        """

        class Failing:
            def encoderForRequest(self, request: Request) -> None:
                raise ZeroDivisionError

        root = Resource()
        root.putChild(b"", EncodingResourceWrapper(Shown(), [Failing()]))
        answer = self.ask(root, b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 500 "), answer)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
