"""
An app behind each web server, in memory: what the web servers send, how they send it, and how they
leave.

    trial examples/testing/test_web_servers.py
    pytest examples/testing/test_web_servers.py
"""

from collections.abc import Iterator
from typing import Literal, get_args

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Request, RequestAborted, Response
from txfcgi.errors import ConnectionClosed
from txfcgi.testing import CutOff, Exchange, MemoryFrontEnd, Passed
from txfcgi.testing.manners import Server
from txfcgi.wire.records import BeginRequest, EndRequest, Stdin

SERVERS: tuple[Server, ...] = get_args(Server)
OVER_SCGI: tuple[Literal["nginx", "apache", "lighttpd", "plain"], ...] = (
    "nginx",
    "apache",
    "lighttpd",
    "plain",
)


async def count(request: Request) -> Response:
    """
    The app that is tested.
    """
    size = 0
    async for chunk in request.stdin:
        size += len(chunk)
    declared = request.params.get("CONTENT_LENGTH")
    return Response(200, {}, f"{request.pathInfo} {declared} {size}".encode())


class WebServerTests(SynchronousTestCase):
    """
    The same app, behind one web server after the other.
    """

    def test_everywhere(self) -> None:
        """
        A path is decoded by all of them.
        """
        for server in SERVERS:
            with MemoryFrontEnd(count, server=server) as frontEnd:
                response = self.successResultOf(frontEnd.post("/a%20page", b"12345"))
                self.assertEqual(response.body, b"/a page 5 5")

    def test_scgi(self) -> None:
        """
        The same over SCGI. (For Apache's mod_proxy_scgi the whole path is SCRIPT_NAME.)
        """
        for server in OVER_SCGI:
            with MemoryFrontEnd(count, "scgi", server) as frontEnd:
                response = self.successResultOf(frontEnd.post("/page", b"12345"))
                self.assertEqual(response.text.split()[-2:], ["5", "5"])

    def test_chunkedUpload(self) -> None:
        """
        The length of a chunked upload that an app sees differs between web servers.
        """
        heard = {}
        for server in SERVERS:
            with MemoryFrontEnd(count, server=server) as frontEnd:
                upload = frontEnd.post("/", bytes(100_000), chunked=True)
                response = self.successResultOf(upload)
                heard[server] = response.text or response.code
        self.assertEqual(
            heard,
            {
                "nginx": "/ 100000 100000",
                "apache": "/ None 100000",
                "lighttpd": "/ 100000 100000",
                "haproxy": 400,  # HAProxy answers by itself
                "caddy": "/ -1 100000",
                "plain": "/ None 100000",
            },
        )

    def test_byteByByte(self) -> None:
        """
        Reads can be as small as one byte, and the body can come in pieces.
        """
        with MemoryFrontEnd(count, server="nginx", fragment=1) as frontEnd:
            response = self.successResultOf(frontEnd.post("/", [b"123", b"45"]))
            self.assertEqual(response.body, b"/ 5 5")
            records: list[Passed] = response.records
            sent = [passed.record for passed in records if passed.toApp]
            self.assertEqual(sent[0], BeginRequest(1, 1, keepConnection=True))
            self.assertEqual(sent[-3:], [Stdin(1, b"123"), Stdin(1, b"45"), Stdin(1)])
            received = [passed.record for passed in records if not passed.toApp]
            self.assertEqual(received[-1], EndRequest(1))

    def test_connections(self) -> None:
        """
        Some web servers keep connections, some do not; HAProxy can share them.
        """
        used = {}
        for server in SERVERS:
            with MemoryFrontEnd(count, server=server) as frontEnd:
                used[server] = [self.successResultOf(frontEnd.get()).connection for _ in range(2)]
        self.assertEqual(used["nginx"], [0, 0])
        self.assertEqual(used["caddy"], [0, 1])
        with MemoryFrontEnd(count, server="nginx", keep=False) as frontEnd:
            self.assertEqual(self.successResultOf(frontEnd.get()).connection, 0)
            self.assertEqual(self.successResultOf(frontEnd.get()).connection, 1)


class Slow:
    """
    An app that answers when the test tells it to.
    """

    def __init__(self) -> None:
        self.answers: list[Deferred[Response]] = []
        self.cancelled = 0

    def __call__(self, request: Request) -> Deferred[Response]:
        answer: Deferred[Response] = Deferred(self.cancel)
        self.answers.append(answer)
        return answer

    def cancel(self, answer: Deferred[Response]) -> None:
        """
        Count a cancelled request.
        """
        self.cancelled += 1


class TimingTests(SynchronousTestCase):
    """
    Requests that overlap, and browsers that leave.
    """

    def test_atOnce(self) -> None:
        """
        Two requests share a connection, and are answered in reverse order.
        """
        app = Slow()
        frontEnd = MemoryFrontEnd(app, server="haproxy", multiplex=True, testCase=self)
        first, second = frontEnd.get("/1"), frontEnd.get("/2")
        app.answers[1].callback(Response(200, {}, b"second"))
        self.assertEqual(self.successResultOf(second).body, b"second")
        self.assertNoResult(first)
        app.answers[0].callback(Response(200, {}, b"first"))
        self.assertEqual(self.successResultOf(first).body, b"first")
        self.assertEqual(len(frontEnd.links), 1)

    def test_browserLeaves(self) -> None:
        """
        nginx closes the connection at once when a browser leaves, and the app is cancelled.
        """
        app = Slow()
        frontEnd = MemoryFrontEnd(app, server="nginx", testCase=self)
        self.failureResultOf(frontEnd.get("/", abortAfter=0), RequestAborted)
        self.assertEqual(app.cancelled, 1)

    def test_connectionLost(self) -> None:
        """
        A connection that breaks in the middle of an upload.
        """
        frontEnd = MemoryFrontEnd(count, testCase=self)
        upload = frontEnd.post("/", bytes(50_000), loseAfter=30_000)
        self.failureResultOf(upload, ConnectionClosed)

    def test_cutOff(self) -> None:
        """
        An app that fails in the middle of its response: the connection closes before the end.
        """

        def failing() -> Iterator[bytes]:
            yield b"the first half"
            raise OSError("the disk is full")

        frontEnd = MemoryFrontEnd(lambda request: Response(200, {}, failing()), testCase=self)
        failure = self.failureResultOf(frontEnd.get(), CutOff)
        self.assertIn(b"the first half", failure.value.stdout)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_slowReader(self) -> None:
        """
        A web server that reads 64 KiB in each second of the front end's clock.
        """
        app = Slow()
        frontEnd = MemoryFrontEnd(app, testCase=self)
        download = frontEnd.get("/", readRate=65_536)
        app.answers[0].callback(Response(200, {}, bytes(1_000_000)))
        frontEnd.clock.pump([1.0] * 15)
        self.assertNoResult(download)
        frontEnd.clock.advance(1)
        self.assertEqual(len(self.successResultOf(download).body), 1_000_000)

    def test_upload(self) -> None:
        """
        A body that the test sends piece by piece.
        """
        frontEnd = MemoryFrontEnd(count, testCase=self)
        upload: Exchange = frontEnd.start("POST", "/", length=8)
        upload.send(b"1234")
        self.assertNoResult(upload.response)
        upload.send(b"5678")
        upload.close()
        self.assertEqual(self.successResultOf(upload.response).body, b"/ 8 8")


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
