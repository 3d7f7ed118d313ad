"""
Tests of L{txfcgi.cli.dump}, L{txfcgi.cli.scgi} and L{txfcgi.cli.relay}: SCGI shown.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import INegotiated, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, implementer

from txfcgi import Request, Response
from txfcgi.cli.printer import Listing, Printer
from txfcgi.cli.relay import Half, RelayFactory
from txfcgi.cli.scgi import RecordedPrinter, RequestPrinter, ResponsePrinter
from txfcgi.client.client import FastCGIClient
from txfcgi.client.scgi import SCGIClient
from txfcgi.errors import RequestFailed
from txfcgi.wire.records import BeginRequest, EndRequest
from txfcgi.wire.scgiclient import encodeHeaders

from .commands import CommandCase, DumpCase, echo, reactor

HEADERS = encodeHeaders(
    (
        (b"HTTP_COOKIE", b"session=abc"),
        (b"QUERY_STRING", b"a=1&api_token=abc&b=2"),
        (b"HTTP_X_ODD", b"\x1b\xff"),
    ),
    10,
)
REQUEST = HEADERS + b"secret=abc"
REQUEST_SHOWN = rf"""
headers {int(HEADERS.partition(b':')[0])} bytes
    CONTENT_LENGTH=10
    SCGI=1
    HTTP_COOKIE=***
    QUERY_STRING=a=1&api_token=***&b=2
    HTTP_X_ODD=\x1b\xff
body 10 bytes
body end
""".strip().splitlines()  # fmt: skip
HEAD = b"Status: 200 OK\r\nSet-Cookie: abc\r\nContent-Length: 8\r\n\r\n"
RESPONSE = HEAD + b"the body"
RESPONSE_SHOWN = f"""
response {len(RESPONSE)} bytes
    Status: 200 OK
    Set-Cookie: ***
    Content-Length: 8
response end, 8 of 8 bytes of body
""".strip().splitlines()  # fmt: skip


def printed(kind: type[Printer], *pieces: bytes, **options: Any) -> list[str]:
    """
    The lines for bytes that come in pieces.
    """
    lines: list[str] = []
    printer = kind(Listing(lines.append, **options))
    for piece in pieces:
        printer.receive(piece)
    printer.end()
    return lines


def singly(data: bytes) -> list[bytes]:
    """
    Byte by byte.
    """
    return [bytes([byte]) for byte in data]


class RequestTests(SynchronousTestCase):
    """
    A request as lines.
    """

    def test_request(self) -> None:
        """
        Headers are shown when all of them are there; secrets are not.
        """
        self.assertEqual(printed(RequestPrinter, REQUEST), REQUEST_SHOWN)
        lines = printed(RequestPrinter, *singly(REQUEST))
        self.assertEqual(lines[:6], REQUEST_SHOWN[:6])
        self.assertEqual(lines[6:], ["body 1 bytes"] * 10 + ["body end"])

    def test_content(self) -> None:
        """
        As much of each piece of the body as is wanted.
        """
        lines = printed(RequestPrinter, HEADERS, b"123456", b"7890", content=4)
        self.assertEqual(
            lines[6:],
            ["body 6 bytes", "    1234 ... 2 bytes more", "body 4 bytes", "    7890", "body end"],
        )

    def test_secrets(self) -> None:
        """
        They are shown if that is asked for.
        """
        lines = printed(RequestPrinter, REQUEST, secrets=True)
        self.assertIn("    HTTP_COOKIE=session=abc", lines)

    def test_lenient(self) -> None:
        """
        What only a lenient server takes is shown, and told.
        """
        lines = printed(RequestPrinter, b"17:CONTENT_LENGTH\x000\0,")
        self.assertEqual(lines[:2], ["headers 17 bytes", "    CONTENT_LENGTH=0"])
        self.assertIn("only a lenient server accepts this: the header SCGI is missing", lines[2])
        self.assertEqual(lines[3:], ["body end"])

    def test_broken(self) -> None:
        """
        What is malformed is said to be, by the rule that it breaks.
        """
        for data, told in (
            (b"GET / HTTP/1.1\r\n\r\n", "this is not SCGI: the connection starts with b'GET"),
            (b"007:", "this is not SCGI: b'007:' is not the length of a netstring"),
            (b"4:a\0b\0;", "this is not SCGI: b';' is in place of the comma"),
            (b"4:a\0b\0,", "the headers can't be read: CONTENT_LENGTH is not the first header"),
            (b"999999:", "the headers can't be read: more than 262144 bytes"),
        ):
            [line] = printed(RequestPrinter, data, REQUEST)
            self.assertTrue(line.startswith(told), line)
            self.assertTrue(line.endswith("; nothing more is shown"), line)

    def test_end(self) -> None:
        """
        Where a request ended, if that is too early, and that there is more than a request.
        """
        for size, told in (
            (10, "the end: the request ended within its headers"),
            (len(HEADERS) + 3, "the end: the body ended 7 bytes before its CONTENT_LENGTH"),
        ):
            self.assertEqual(printed(RequestPrinter, REQUEST[:size])[-1], told)
        self.assertEqual(printed(RequestPrinter), [])
        for pieces in ((REQUEST + b"more",), (REQUEST, b"m", b"ore")):
            lines = printed(RequestPrinter, *pieces)
            self.assertEqual(
                lines, [*REQUEST_SHOWN, "bytes after the body, which the app never sees"]
            )

    def test_fastCGI(self) -> None:
        """
        FastCGI is told at its first byte, both ways.
        """
        told = "this is FastCGI, not SCGI: dump shows it without --scgi; nothing more is shown"
        for kind, record in (
            (RequestPrinter, BeginRequest(1, 1, True)),
            (ResponsePrinter, EndRequest(1, 0, 0)),
        ):
            self.assertEqual(printed(kind, record.encode(), REQUEST), [told])
            self.assertEqual(printed(kind, *singly(record.encode())), [told])


class ResponseTests(SynchronousTestCase):
    """
    An answer as lines.
    """

    def test_response(self) -> None:
        """
        The head is shown when all of it is there, and at the end how much of the body came.
        """
        self.assertEqual(printed(ResponsePrinter, RESPONSE), RESPONSE_SHOWN)
        lines = printed(ResponsePrinter, *singly(RESPONSE))
        self.assertEqual([line for line in lines if line != "response 1 bytes"], RESPONSE_SHOWN[1:])

    def test_statusLine(self) -> None:
        """
        A head may start with a status line, and say no length.
        """
        lines = printed(ResponsePrinter, b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", b"body", content=9)
        self.assertEqual(
            lines,
            [
                "response 25 bytes",
                "    HTTP/1.1 200 OK",
                "    X: y",
                "response 4 bytes",
                "    body",
                "response end, 4 bytes of body",
            ],
        )

    def test_cutOff(self) -> None:
        """
        An answer that ends before its length, within its head, or without one.
        """
        lines = printed(ResponsePrinter, RESPONSE[:-3])
        self.assertEqual(lines[-1], "response end, 5 of 8 bytes of body")
        lines = printed(ResponsePrinter, b"Status: 200 OK\r\n")
        self.assertEqual(
            lines[1:3],
            ["    Status: 200 OK", "    the end, in the middle of the head: 16 bytes of it"],
        )
        self.assertEqual(printed(ResponsePrinter), ["the end, without a response"])

    def test_noHead(self) -> None:
        """
        What is no head is shown, and what makes it none.
        """
        lines = printed(ResponsePrinter, b"Warning: oh\nStatus: no\n\nbody")
        self.assertEqual(lines[1:3], ["    Warning: oh", "    Status: no"])
        self.assertEqual(
            lines[3], "    the head can't be read: b'no' is not a status (RFC 3875, section 6.3.3)"
        )
        self.assertEqual(lines[4], "response end, 4 bytes of body")


class FileTests(CommandCase):
    """
    C{txfcgi dump --scgi FILE}.
    """

    async def test_file(self) -> None:
        """
        A file has one of the two directions, in bytes or in hexadecimal.
        """
        for data, shown in ((REQUEST, REQUEST_SHOWN), (RESPONSE, RESPONSE_SHOWN)):
            done = await self.command("dump", "--scgi", self.write("recorded", data))
            self.assertEqual((done.status, done.lines), (0, shown))
            done = await self.command("dump", "--scgi", "--hex", self.write("hex", data.hex()))
            self.assertEqual((done.status, done.lines), (0, shown))

    async def test_mistakes(self) -> None:
        """
        What is no SCGI, or ends too early, is told, with the status 1.
        """
        for data, told in (
            (BeginRequest(1, 1, True).encode(), "this is FastCGI, not SCGI"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "the head can't be read: b'GET / HTTP/1.1'"),
        ):
            done = await self.command("dump", "--scgi", self.write("recorded", data))
            self.assertIn(told, done.out)
            self.assertEqual(done.status, 1)
        for data in (REQUEST[:-1], RESPONSE[:10], b""):
            done = await self.command("dump", "--scgi", self.write("recorded", data))
            self.assertEqual(done.status, 1)
        self.assertEqual(printed(RecordedPrinter), [])


class Collecting(Protocol):
    """
    Keeps what comes until the connection is closed.
    """

    def __init__(self) -> None:
        self.received = b""
        self.closed: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        """
        Keep it.
        """
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        That is all.
        """
        self.closed.callback(self.received)


class EndTests(SynchronousTestCase):
    """
    The ends of the two connections that are joined.
    """

    def joined(self, transport: StringTransport) -> tuple[Any, Half]:
        """
        @param transport: That to the app.
        @return: The end of the web server, and that of the app.
        """
        made: list[Any] = []
        connected: Deferred[Any] = Deferred()

        @implementer(IStreamClientEndpoint)
        class Endpoint:
            def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
                made.append(factory)
                return connected

        factory = RelayFactory(Endpoint(), lambda number, toApp: Printer(Listing(print)), print)
        half: Any = factory.buildProtocol(None)
        half.makeConnection(StringTransport())
        other = made[0].buildProtocol(None)
        other.makeConnection(transport)
        connected.callback(other)
        return half, other

    def test_tls(self) -> None:
        """
        TLS knows no end of one direction: the connection to the app is closed.
        """
        directlyProvides(transport := StringTransport(), INegotiated)
        half, _ = self.joined(transport)
        half.readConnectionLost()
        self.assertTrue(transport.disconnecting)
        self.assertIsNone(transport.producer)

    def test_appIsGone(self) -> None:
        """
        A web server that closes its direction when the app's connection is closed already.
        """
        half, other = self.joined(transport := StringTransport())
        self.patch(Printer, "_end", lambda printer: None)
        other.connectionLost(Failure(ConnectionDone()))
        half.readConnectionLost()
        self.assertTrue(half.transport.disconnecting)
        self.assertIsNotNone(transport.producer)


class PassingTests(DumpCase):
    """
    C{txfcgi dump --scgi --listen ... --connect ...}.
    """

    async def ask(self, path: str, request: bytes) -> bytes:
        """
        Send a request, close this direction, and wait for the end of the answer.
        """
        asking = await connectProtocol(UNIXClientEndpoint(reactor, path), Collecting())
        transport: Any = asking.transport
        transport.write(request)
        transport.loseWriteConnection()
        return await asking.closed

    async def test_passing(self) -> None:
        """
        Requests and answers pass unchanged, and are shown.
        """
        path, stop = await self.passing(await self.serve(echo, "scgi"), "--scgi")
        await self.converse(SCGIClient(reactor, f"unix:{path}"))
        lines = await stop()
        for line in (
            "1>     CONTENT_LENGTH=4000000",
            "1>     HTTP_COOKIE=***",
            "1> body end",
            "1<     Set-Cookie: ***",
            "1< response end, 4000000 of 4000000 bytes of body",
            "2>     X=y",
            "2< response end, 0 of 0 bytes of body",
        ):
            self.assertIn(line, lines)
        self.assertFalse([line for line in lines if "abc" in line])

    async def test_halfClosed(self) -> None:
        """
        Whoever closes its direction after its request still gets the answer, and the app hears of
        the end of a request that is not whole.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, await request.stdin.read())

        path, stop = await self.passing(await self.serve(app, "scgi"), "--scgi")
        answer = await self.ask(path, REQUEST)
        self.assertEqual(answer.partition(b"\r\n\r\n")[2], b"secret=abc")
        self.assertEqual(await self.ask(path, REQUEST[:-1]), b"")
        self.assertEqual(await self.ask(path, b"no SCGI"), b"")
        self.assertEqual(await self.ask(path, b""), b"")
        lines = await stop()
        self.assertIn("2> the end: the body ended 1 bytes before its CONTENT_LENGTH", lines)
        self.assertEqual(lines[-2], "4< the end, without a response")

    async def test_otherProtocol(self) -> None:
        """
        A web server and an app that speak the other protocol are told so, and served.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, b"body")

        fastCGI, scgi = await self.serve(app), await self.serve(app, "scgi")
        path, stop = await self.passing(fastCGI, "--scgi")
        client: Any = FastCGIClient(reactor, f"unix:{path}")
        self.assertEqual(await (await client.request({})).content(), b"body")
        await client.close()
        told = "this is FastCGI, not SCGI: dump shows it without --scgi; nothing more is shown"
        self.assertEqual((await stop())[:2], [f"1> {told}", f"1< {told}"])
        path, stop = await self.passing(scgi)
        client = SCGIClient(reactor, f"unix:{path}")
        self.assertEqual(await (await client.request({})).content(), b"body")
        await client.close()
        lines = await stop()
        told = "this is SCGI, not FastCGI: --scgi shows it; nothing more is shown"
        self.assertEqual(lines[0], f"1> {told}")
        self.assertIn("1< this is not FastCGI", lines[1])

    async def test_appClosesFirst(self) -> None:
        """
        An app that closes without an answer, while the web server still sends.
        """

        class Closing(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.loseConnection()

        path, stop = await self.passing(await self.listen(Factory.forProtocol(Closing)), "--scgi")
        client = SCGIClient(reactor, f"unix:{path}")
        self.addCleanup(client.close)
        with self.assertRaises(RequestFailed):
            await client.request({}, b"0123456789" * 400_000)
        lines = await stop()
        self.assertIn("1< the end, without a response", lines)
