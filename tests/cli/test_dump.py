"""
Tests of L{txfcgi.cli.dump}, L{txfcgi.cli.fastcgi} and L{txfcgi.cli.relay}: records shown.
"""

from __future__ import annotations

import io
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.cli.fastcgi import RecordPrinter
from txfcgi.cli.printer import Listing
from txfcgi.client.client import FastCGIClient
from txfcgi.client.options import ClientOptions
from txfcgi.errors import RequestFailed
from txfcgi.masking import masked
from txfcgi.wire.pairs import encodePair
from txfcgi.wire.records import (
    AbortRequest,
    BeginRequest,
    Data,
    EndRequest,
    GetValues,
    GetValuesResult,
    Params,
    Record,
    Stderr,
    Stdin,
    Stdout,
    UnknownType,
    encodeRecord,
)

from .commands import CommandCase, DumpCase, echo, reactor

PARAMS = b"".join(
    encodePair(name, value)
    for name, value in (
        (b"REQUEST_METHOD", b"POST"),
        (b"HTTP_COOKIE", b"session=abc"),
        (b"HTTP_AUTHORIZATION", b"Basic abc"),
        (b"REMOTE_PASSWD", b"abc"),
        (b"QUERY_STRING", b"a=1&api_token=abc&b=2"),
        (b"HTTP_X_ODD", b"\x1b\xff"),
    )
)
HEAD = b"Status: 200 OK\r\nSet-Cookie: abc\r\n\r\n"
RECORDS = b"".join(
    record.encode()
    for record in (
        BeginRequest(1, 1, True),
        Params(1, PARAMS[:20]),
        Params(1, PARAMS[20:]),
        Params(1),
        Stdin(1, b"secret=abc"),
        Stdin(1),
        Stdout(1, HEAD[:10]),
        Stdout(1, HEAD[10:] + b"the body"),
        Stdout(1, b"more"),
        Stderr(1, b"oh\n"),
        Stdout(1),
        EndRequest(1, 7, 2),
        BeginRequest(2, 9),
        AbortRequest(2),
        EndRequest(2, 0, 77),
        Data(3, b"file"),
        GetValues((b"FCGI_MAX_CONNS",)),
        GetValuesResult(((b"FCGI_MAX_CONNS", b"10"),)),
        UnknownType(99),
        Record(99, 0, b"strange"),
    )
)
SHOWN = rf"""
BEGIN_REQUEST id=1 RESPONDER keep the connection
PARAMS id=1 20 bytes
PARAMS id=1 {len(PARAMS) - 20} bytes
PARAMS id=1 end
    REQUEST_METHOD=POST
    HTTP_COOKIE=***
    HTTP_AUTHORIZATION=***
    REMOTE_PASSWD=***
    QUERY_STRING=a=1&api_token=***&b=2
    HTTP_X_ODD=\x1b\xff
STDIN id=1 10 bytes
STDIN id=1 end
STDOUT id=1 10 bytes
STDOUT id=1 33 bytes
    Status: 200 OK
    Set-Cookie: ***
STDOUT id=1 4 bytes
STDERR id=1 3 bytes
STDOUT id=1 end
END_REQUEST id=1 OVERLOADED appStatus=7
BEGIN_REQUEST id=2 role 9
ABORT_REQUEST id=2
END_REQUEST id=2 protocolStatus 77 appStatus=0
DATA id=3 4 bytes
GET_VALUES FCGI_MAX_CONNS
GET_VALUES_RESULT FCGI_MAX_CONNS=10
UNKNOWN_TYPE type 99
type 99 7 bytes
""".strip().splitlines()  # fmt: skip


def printed(*pieces: bytes, **options: Any) -> list[str]:
    """
    The lines for bytes that come in pieces.
    """
    lines: list[str] = []
    printer = RecordPrinter(Listing(lines.append, **options))
    for piece in pieces:
        printer.receive(piece)
    printer.end()
    return lines


class PrinterTests(SynchronousTestCase):
    """
    Records as lines.
    """

    def test_records(self) -> None:
        """
        Every type has its line, however the bytes come; secrets are not shown.
        """
        self.assertEqual(printed(RECORDS), SHOWN)
        self.assertEqual(printed(*(bytes([byte]) for byte in RECORDS)), SHOWN)

    def test_content(self) -> None:
        """
        As much of bodies as is wanted.
        """
        lines = printed(RECORDS, content=4)
        for line in ("    secr ... 6 bytes more", "    the  ... 4 bytes more", "    more"):
            self.assertIn(line, lines)
        self.assertIn("    oh\\n", lines)
        self.assertIn("    stra ... 3 bytes more", lines)

    def test_secrets(self) -> None:
        """
        They are shown if that is asked for.
        """
        lines = printed(RECORDS, secrets=True)
        self.assertIn("    HTTP_COOKIE=session=abc", lines)
        self.assertIn("    Set-Cookie: abc", lines)

    def test_broken(self) -> None:
        """
        What is malformed is said to be.
        """
        self.assertIn("is malformed", printed(encodeRecord(3, 1, b"short"))[0])
        lines = printed(Params(1, b"\5\5ab").encode() + Params(1).encode())
        self.assertIn("the params can't be read", lines[-1])
        lines = printed(b"GET / HTTP/1.1\r\n\r\n", RECORDS)
        self.assertEqual(len(lines), 1)
        self.assertIn("this is not FastCGI", lines[0])
        for data in (b"24:CONTENT_LENGTH", b"2"):
            [line] = printed(data, RECORDS)
            self.assertIn("this is SCGI, not FastCGI: --scgi shows it", line)
        lines = printed(AbortRequest(1).encode() + b"HTTP/1.1 200 OK\r\n")
        self.assertEqual(lines[0], "ABORT_REQUEST id=1")
        self.assertIn("this is not FastCGI", lines[1])
        self.assertEqual(
            printed(RECORDS[:13])[-1], "the end, in the middle of a record: 13 bytes of it"
        )

    def test_tooMuch(self) -> None:
        """
        What would take too much memory is not shown.
        """
        piece = Params(1, bytes(65_000)).encode()
        lines = printed(*[piece] * 6, Params(1).encode())
        self.assertEqual(len([line for line in lines if "not shown" in line]), 1)
        self.assertEqual(lines[-1], "PARAMS id=1 end")

    def test_noHead(self) -> None:
        """
        Output without a head is shown as far as it could be one, and why it is none.
        """
        lines = printed(Stdout(1, b"no head").encode() + Stdout(1).encode())
        self.assertEqual(
            lines[-2:], ["    no head", "    the end, in the middle of the head: 7 bytes of it"]
        )
        lines = printed(Stdout(1, b"Warning!\r\nX: y\r\n\r\nbody").encode(), content=9)
        self.assertEqual(lines[1:3], ["    Warning!", "    X: y"])
        self.assertIn("the head can't be read: b'Warning!' is not a header", lines[3])
        self.assertEqual(lines[4:], ["    body"])
        pieces = [Stdout(1, b"X: " + bytes(65_000)).encode()] * 5
        lines = printed(*pieces)
        self.assertIn("the head can't be read: a response head of more than", lines[5])
        self.assertEqual(len(lines), 6)

    def test_masked(self) -> None:
        """
        Which values are secrets.
        """
        for name in ("HTTP_COOKIE", "Set-Cookie", "PHP_AUTH_PW", "HTTP_X_API_KEY", "DB_PASSWORD"):
            self.assertEqual(masked(name, "abc"), "***")
        self.assertEqual(masked("HTTP_COOKIE", ""), "")
        self.assertEqual(masked("SCRIPT_NAME", "/token"), "/token")
        self.assertEqual(masked("REQUEST_URI", "/x?a=1&password=b#c"), "/x?a=1&password=***#c")


class FileTests(CommandCase):
    """
    C{txfcgi dump FILE}.
    """

    async def test_file(self) -> None:
        """
        What is in a file, or comes on stdin, in bytes or in hexadecimal.
        """
        done = await self.command("dump", self.write("recorded", RECORDS))
        self.assertEqual((done.status, done.lines), (0, SHOWN))
        done = await self.command("dump", "--hex", self.write("hex", RECORDS.hex(" ", 16)))
        self.assertEqual((done.status, done.lines), (0, SHOWN))
        self.patch(sys, "stdin", io.TextIOWrapper(io.BytesIO(RECORDS)))
        self.assertEqual((await self.command("dump", "-")).lines, SHOWN)

    async def test_mistakes(self) -> None:
        """
        What can't be read, and what does not go together.
        """
        done = await self.command("dump", "/no/such/file")
        self.assertEqual((done.status, "No such file" in done.err), (1, True))
        done = await self.command("dump", "--hex", self.write("hex", b"no hex"))
        self.assertEqual(done.status, 1)
        for data, out, err in (
            (b"this is not FastCGI\n", "this is not FastCGI: ", ""),
            (RECORDS[:-3], "the end, in the middle of a record: ", ""),
            (b"", "", "it is empty"),
        ):
            done = await self.command("dump", self.write("recorded", data))
            self.assertEqual((done.status, out in done.out, err in done.err), (1, True, True))
        for words in ((), ("--listen", "tcp:0"), ("file", "--listen", "tcp:0", "--connect", "x:1")):
            done = await self.command("dump", *words)
            self.assertEqual((done.status, "give a file, or" in done.err), (2, True))
        done = await self.command("dump", "--listen", "nonsense:1", "--connect", "x:1")
        self.assertEqual((done.status, "is not a valid endpoint" in done.err), (1, True))


class PassingTests(DumpCase):
    """
    C{txfcgi dump --listen ... --connect ...}.
    """

    async def test_passing(self) -> None:
        """
        Requests and answers pass unchanged, both ways at once, and each record is shown.
        """
        path, stop = await self.passing(await self.serve(echo))
        await self.converse(FastCGIClient(reactor, f"unix:{path}", ClientOptions(maxConnections=1)))
        lines = await stop()
        for line in (
            "1> BEGIN_REQUEST id=1 RESPONDER keep the connection",
            "1>     HTTP_COOKIE=***",
            "1>     CONTENT_LENGTH=4000000",
            "1> STDIN id=1 end",
            "1<     Set-Cookie: ***",
            "1>     X=y",
            "1< END_REQUEST id=1 REQUEST_COMPLETE appStatus=0",
        ):
            self.assertIn(line, lines)
        self.assertFalse([line for line in lines if "abc" in line])

    async def test_nobodyThere(self) -> None:
        """
        An app that is not there: the web server's connection is closed, and it is said.
        """
        path, stop = await self.passing(f"unix:{self.folder}/nothing.sock")
        client = FastCGIClient(reactor, f"unix:{path}")
        self.addCleanup(client.close)
        with self.assertRaises(RequestFailed):
            await client.request({})
        lines = await stop()
        self.assertTrue([line for line in lines if "1: no connection to the app" in line], lines)

    async def test_stopped(self) -> None:
        """
        Connections that are open are closed when it is stopped, and so are those to come.
        """

        class Silent(Protocol):
            pass

        path, stop = await self.passing(await self.listen(Factory.forProtocol(Silent)))
        client = FastCGIClient(reactor, f"unix:{path}")
        self.addCleanup(client.close)
        seen: Deferred[None] = Deferred()
        show = RecordPrinter.receive

        def showing(printer: RecordPrinter, data: bytes) -> None:
            show(printer, data)
            if not seen.called:
                seen.callback(None)

        self.patch(RecordPrinter, "receive", showing)
        asking = client.request({})
        await seen
        await stop()
        with self.assertRaises(RequestFailed):
            await asking
