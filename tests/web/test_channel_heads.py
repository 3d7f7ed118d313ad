"""
Tests of L{txfcgi.web.channel}: heads, and what a resource is told of them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import EncodingResourceWrapper, IResource, Resource
from twisted.web.server import GzipEncoderFactory, Request
from zope.interface import directlyProvides, implementer

from txfcgi.web import HTTPLimits, StreamingSite
from txfcgi.web.request import IStreamsBody

PLAIN = (
    b"GET /a%20b?c=d HTTP/1.1\r\nhost: x.example:81\r\nUser-Agent: M (X; 5.0)\r\nAccept: */*\r\n"
    b"cookie: a=1; b=2\r\nDNT: 1\r\nConnection: Keep-Alive\r\nX: \xc3\xa9\r\n\r\n"
)

# Whatever may be special about a head.
SPECIAL = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET http://x:81/a?b HTTP/1.1\r\nHost: y\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, X\r\nX: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nA: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\n 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA:1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA:  1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: 1 \r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: \r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA:\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA : 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\t2\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA_B: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r2\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\n2\r\n\r\n",
    b"GET / HTTP/1.1\nA: 1\n\n",
    b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/2.0\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
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


class ChannelCase(SynchronousTestCase):
    """
    Tests that send bytes to a site.
    """

    clock: Clock

    def connect(self, resource: IResource, **more: Any) -> Any:
        """
        A connection to a site.
        """
        self.clock = Clock()
        site = StreamingSite(resource, reactor=self.clock, **more)
        channel = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        channel.makeConnection(StringTransport())
        return channel

    def ask(self, resource: IResource, *pieces: bytes, **more: Any) -> bytes:
        """
        Send something.

        @return: All that comes back.
        """
        channel = self.connect(resource, **more)
        for piece in pieces:
            if not channel.transport.disconnecting:
                channel.dataReceived(piece)
        return bytes(channel.transport.value())


class HeadTests(ChannelCase):
    """
    What a resource is told of a head.
    """

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
        line = b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
        for pieces in ((line,), (line[:9], line[9:])):
            self.assertIn(b"Content-Encoding: gzip\r\n", self.ask(root, *pieces))


class RefusalTests(ChannelCase):
    """
    What is refused, and what the log says of it.
    """

    def refused(
        self,
        data: bytes,
        said: str,
        resources: tuple[Resource, ...] = (Shown(), Streamed()),
        **limits: Any,
    ) -> int:
        """
        Send what is refused, whole and byte by byte.

        @param said: What the log says.
        @return: The status.
        """
        codes = set()
        for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
            for resource in resources:
                with capturedLogs() as events:
                    answer = self.ask(resource, *pieces, limits=HTTPLimits(**limits))
                lines = [formatEvent(event) for event in events]
                self.assertTrue(any(said in line for line in lines), lines)
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1, answer)
                codes.add(int(answer[9:12]))
        [code] = codes
        return code

    def test_longHead(self) -> None:
        """
        A request line over the limit is a 414, longer headers are a 431. At the limit both pass.
        """
        line, host = b"GET /%s HTTP/1.1\r\n" % (b"x" * 80), b"Host: x\r\n"
        most = len(line) + len(host) + 2
        said = f"a request line of more than {len(line) - 1} bytes"
        self.assertEqual(self.refused(line + host + b"\r\n", said, headBytes=len(line) - 1), 414)
        for length in range(len(line), most):
            said = f"a head of more than {length} bytes"
            self.assertEqual(self.refused(line + host + b"\r\n", said, headBytes=length), 431)
        answer = self.ask(Shown(), line + host + b"\r\n", limits=HTTPLimits(headBytes=most))
        self.assertIn(b"200 OK", answer)

    def test_longLine(self) -> None:
        """
        One line over the limit, however it ends, is no different.
        """
        long = b"x" * 70_000
        line = b"GET / HTTP/1.1\r\nHost: x\r\n"
        for end in (b"", b"\r\n\r\n"):
            channel = self.connect(Shown())
            channel.dataReceived(b"GET /" + long + end)
            self.assertIn(b" 414 ", channel.transport.value())
            channel = self.connect(Shown())
            channel.dataReceived(line + b"X: " + long + end)
            self.assertIn(b" 431 ", channel.transport.value())

    def test_longIsTaken(self) -> None:
        """
        By default a head may have 64 KiB, in one header or in 200 of them.
        """
        line = b"GET / HTTP/1.1\r\nHost: x\r\n"
        for headers in (
            b"X: %s\r\n" % (b"x" * 60_000),
            b"".join(b"X-%d: %s\r\n" % (number, b"x" * 300) for number in range(199)),
        ):
            self.assertIn(b" 200 OK", self.ask(Shown(), line + headers + b"\r\n"))

    def test_manyHeaders(self) -> None:
        """
        More headers than may be are a 431; each request has its own.
        """
        head = b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\n 2\r\nB: 3\r\n"
        self.assertEqual(
            self.refused(head + b"C: 4\r\n\r\n", "more than 3 headers", headerCount=3), 431
        )
        answer = self.ask(Shown(), 3 * (head + b"\r\n"), limits=HTTPLimits(headerCount=3))
        self.assertEqual(answer.count(b" 200 OK"), 3)

    def test_host(self) -> None:
        """
        HTTP/1.1 has one Host (RFC 9112, section 3.2), and it is one.
        """
        line = b"GET / HTTP/1.1\r\n"
        for headers, said in (
            (b"", "no Host header"),
            (b"Host: a\r\nHost: a\r\n", "several Host headers"),
            (b"Host:\r\n", "b'' is not a host"),
            (b"Host: a b\r\n", "is not a host"),
            (b"Host: a/b\r\n", "is not a host"),
            (b"Host: user@a\r\n", "is not a host"),
            (b"Host: a:b\r\n", "is not a host"),
            (b"Host: [::1\r\n", "is not a host"),
            (b"Host: \xe9\r\n", "is not a host"),
        ):
            self.assertEqual(self.refused(line + headers + b"\r\n", said), 400)
        for host in (b"a", b"A-b.example:81", b"a_b", b"[::1]:81", b"192.0.2.1", b"a:"):
            answer = self.ask(Shown(), line + b"Host: %s\r\n\r\n" % host)
            self.assertIn(b" 200 OK", answer, host)
        self.assertIn(b" 200 OK", self.ask(Shown(), b"GET / HTTP/1.0\r\n\r\n"))
        self.assertIn(b" 400 ", self.ask(Shown(), b"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n"))

    def test_absolute(self) -> None:
        """
        A URI with scheme and host is one (RFC 9112, section 3.2.2), and its host counts.
        """
        for uri, path in (
            (b"http://a.example:81/b?c", b"/b?c"),
            (b"HTTPS://a.example:81", b"/"),
            (b"http://a.example:81?c", b"/?c"),
        ):
            for resource in (Shown(), Streamed()):
                for body in (b"", b"Content-Length: 2\r\n"):
                    head = b"POST %s HTTP/1.1\r\nHost: b\r\n%s\r\n" % (uri, body)
                    answer = self.ask(resource, head, b"ab" if body else b"")
                    self.assertIn(b"b'%s', b'%s'" % (path, path.partition(b"?")[0]), answer)
                    self.assertIn(b"(b'Host', b'a.example:81')", answer)
        self.assertIn(
            b" 200 OK", self.ask(Shown(), b"OPTIONS http://a HTTP/1.1\r\nHost: b\r\n\r\n")
        )
        self.assertEqual(
            self.refused(b"GET http:///a HTTP/1.1\r\nHost: b\r\n\r\n", "b'' is not a host"), 400
        )
        self.assertEqual(self.refused(b"GET http://a HTTP/1.1\r\n\r\n", "no Host header"), 400)

    def test_transferEncoding(self) -> None:
        """
        It is chunked, and that once; everything else could be read in two ways (RFC 9112, 6.1).
        """
        line = b"POST / HTTP/1.1\r\nHost: x\r\n"
        body = b"\r\n3\r\nabc\r\n0\r\n\r\n"
        name = b"Transfer-Encoding"
        for headers in (
            b"%s: identity\r\n" % name,
            b"%s: identity\r\n%s: chunked\r\n" % (name, name),
            b"%s: chunked\r\n%s: identity\r\n" % (name, name),
            b"%s: chunked\r\n%s: chunked\r\n" % (name, name),
            b"%s: chunked, chunked\r\n" % name,
            b"%s: identity, chunked\r\n" % name,
            b"%s: gzip, chunked\r\n" % name,
            b"%s: chunked\r\nContent-Length: 3\r\n" % name,
            b"Content-Length: 3\r\n%s: chunked\r\n" % name,
            b"Content-Length: 3\r\nContent-Length: 3\r\n",
        ):
            self.assertEqual(self.refused(line + headers + body, ""), 400, headers)
        old = b"POST / HTTP/1.0\r\n%s: chunked\r\n" % name
        self.assertEqual(self.refused(old + body, "Transfer-Encoding with HTTP/1.0"), 400)
        answer = self.ask(Shown(), line + b"%s: Chunked\r\n" % name + body)
        self.assertIn(b" 200 OK", answer)

    def test_asterisk(self) -> None:
        """
        A request for the server itself may have a body (RFC 9110, section 9.3.7), which is not
        stored: no resource gets it, so none would limit it.
        """
        stored: list[bytes] = []
        self.patch(Request, "handleContentChunk", lambda request, data: stored.append(request.uri))
        said = "413: a body of more than 5 bytes for *"
        for line in (b"OPTIONS * HTTP/1.1", b"OPTIONS http://x HTTP/1.1"):
            for header, short, long in (
                (b"Content-Length: 5", b"abcde", b""),
                (b"Content-Length: 9999999999", b"", b"abcdefghi"),
                (b"Transfer-Encoding: chunked", b"5\r\nabcde\r\n0\r\n\r\n", b""),
                (b"Transfer-Encoding: chunked", b"", b"3\r\nabc\r\n3\r\ndef\r\n"),
            ):
                head = b"%s\r\nHost: x\r\n%s\r\n\r\n" % (line, header)
                if long:
                    self.assertEqual(self.refused(head + long, said, lingerBytes=5), 413)
                else:
                    for pieces in ((head, short), (head + short,)):
                        answer = self.ask(Shown(), *pieces, limits=HTTPLimits(lingerBytes=5))
                        self.assertIn(b" 200 OK", answer)
        self.assertEqual(stored, [])

    def test_twistedRefuses(self) -> None:
        """
        What twisted.web refuses is in the log, too.
        """
        for data in (
            b"GET /\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nA : 1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        ):
            self.assertEqual(self.refused(data, "400: a head that can't be read"), 400)
        head = b"POST /?token=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        said = "400: POST /?token=***: chunks that can't be read"
        self.assertEqual(self.refused(head + b"x\r\n", said, (Shown(),)), 400)

    def test_rest(self) -> None:
        """
        Of what comes behind a refusal a part is passed over, so that the browser can read the
        answer; none of it is a request.
        """
        for many in (False, True):
            channel = self.connect(Shown(), limits=HTTPLimits(lingerBytes=100))
            directlyProvides(channel.transport, ITCPTransport, IPushProducer, IConsumer)
            halves: list[None] = []
            channel.transport.loseWriteConnection = partial(halves.append, None)
            channel.transport.unregisterProducer = lambda: None
            channel.dataReceived(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(len(halves), 1)
            channel.dataReceived(b"x" * 100)
            self.assertFalse(channel.transport.disconnecting)
            if many:
                channel.dataReceived(b"x")
            else:
                self.clock.advance(5)
            self.assertTrue(channel.transport.disconnecting)
            self.assertEqual(channel.transport.value().count(b"HTTP/1.1 "), 1)
            channel.connectionLost(Failure(ConnectionDone()))
            self.assertEqual(self.clock.getDelayedCalls(), [])
