"""
Tests of L{txfcgi.cli.encode}: records from text and JSON.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from txfcgi.cli.encode import records
from txfcgi.wire.pairs import encodePair
from txfcgi.wire.records import (
    AbortRequest,
    AnyRecord,
    BeginRequest,
    Data,
    EndRequest,
    GetValues,
    GetValuesResult,
    Params,
    Record,
    RecordReader,
    Stderr,
    Stdin,
    Stdout,
    UnknownType,
    interpret,
)

from .commands import CommandCase

TEXT = r"""
# a request, and its answer
BEGIN_REQUEST id=1 role=AUTHORIZER keep
BEGIN_REQUEST id=2
PARAMS id=1 REQUEST_METHOD=GET 'REQUEST_URI=/a b#c' id2=x
PARAMS id=1
STDIN id=1 content="two words"
STDIN id=1 hex=00ff
STDIN id=1
DATA id=1 content=d
ABORT_REQUEST id=2
STDOUT id=1 "content=Status: 200 OK"
STDERR id=1 content=ä
END_REQUEST id=1 appStatus=7 protocolStatus=OVERLOADED
END_REQUEST id=2
GET_VALUES FCGI_MPXS_CONNS FCGI_MAX_REQS
GET_VALUES_RESULT FCGI_MPXS_CONNS=1
UNKNOWN_TYPE unknown=99
99 content=odd
"""

JSON = [
    {"type": "BEGIN_REQUEST", "id": 1, "role": "AUTHORIZER", "keep": True},
    {"type": "BEGIN_REQUEST", "id": 2},
    {
        "type": "PARAMS",
        "id": 1,
        "params": {"REQUEST_METHOD": "GET", "REQUEST_URI": "/a b#c", "id2": "x"},
    },
    {"type": "PARAMS", "id": 1},
    {"type": "STDIN", "id": 1, "content": "two words"},
    {"type": "STDIN", "id": 1, "hex": "00FF"},
    {"type": 5, "id": 1},
    {"type": "DATA", "id": 1, "content": "d"},
    {"type": "ABORT_REQUEST", "id": 2},
    {"type": "STDOUT", "id": 1, "content": "Status: 200 OK"},
    {"type": "STDERR", "id": 1, "content": "\xe4"},
    {"type": "END_REQUEST", "id": 1, "appStatus": 7, "protocolStatus": 2},
    {"type": "END_REQUEST", "id": 2},
    {"type": "GET_VALUES", "names": ["FCGI_MPXS_CONNS", "FCGI_MAX_REQS"]},
    {"type": "GET_VALUES_RESULT", "params": [["FCGI_MPXS_CONNS", "1"]]},
    {"type": "UNKNOWN_TYPE", "unknown": 99},
    {"type": 99, "content": "odd"},
]

PAIRS = ((b"REQUEST_METHOD", b"GET"), (b"REQUEST_URI", b"/a b#c"), (b"id2", b"x"))
EXPECTED: list[AnyRecord] = [
    BeginRequest(1, 2, True),
    BeginRequest(2, 1),
    Params(1, b"".join(encodePair(*pair) for pair in PAIRS)),
    Params(1),
    Stdin(1, b"two words"),
    Stdin(1, b"\0\xff"),
    Stdin(1),
    Data(1, b"d"),
    AbortRequest(2),
    Stdout(1, b"Status: 200 OK"),
    Stderr(1, "\xe4".encode()),
    EndRequest(1, 7, 2),
    EndRequest(2),
    GetValues((b"FCGI_MPXS_CONNS", b"FCGI_MAX_REQS")),
    GetValuesResult(((b"FCGI_MPXS_CONNS", b"1"),)),
    UnknownType(99),
    Record(99, 0, b"odd"),
]


class RecordsTests(SynchronousTestCase):
    """
    Records that are written down.
    """

    def test_text(self) -> None:
        """
        One in each line.
        """
        data = records(TEXT)
        self.assertEqual([interpret(record) for record in RecordReader().receive(data)], EXPECTED)
        self.assertEqual(data, b"".join(record.encode() for record in EXPECTED))

    def test_JSON(self) -> None:
        """
        The same as JSON: a list, or one alone.
        """
        self.assertEqual(records(json.dumps(JSON)), records(TEXT))
        self.assertEqual(records(json.dumps(JSON[0])), EXPECTED[0].encode())

    def test_padding(self) -> None:
        """
        The padding can be said.
        """
        self.assertEqual(records("STDIN id=1 content=abc"), Stdin(1, b"abc").encode())
        for padding in (0, 3, 255):
            data = records(f"STDIN id=1 content=abc padding={padding}")
            self.assertEqual(data[6], padding)
            self.assertEqual(len(data), 11 + padding)

    def test_any(self) -> None:
        """
        What breaks the rules can be written too, by its content.
        """
        self.assertEqual(records("BEGIN_REQUEST id=0 hex=0001 padding=0"), b"\1\1\0\0\0\2\0\0\0\1")
        self.assertEqual(records("BEGIN_REQUEST id=1 role=9")[8:10], b"\0\x09")
        self.assertEqual(records("END_REQUEST id=1 protocolStatus=9")[12], 9)

    def test_mistakes(self) -> None:
        """
        What is no record is told, with its line.
        """
        for text, message in (
            ("", "it has no records"),
            ("# nothing\n\n", "it has no records"),
            ("STDIN id=1\nSTDIM id=1", "line 2: unknown record type 'STDIM'"),
            ("stdin id=1", "line 1: unknown record type 'stdin'"),
            ("256 id=1", "line 1: type must be a number up to 255, not 256"),
            ("STDIN id=65536", "line 1: id must be a number up to 65535, not 65536"),
            ("STDIN id=-1", "line 1: id must be a number up to 65535, not '-1'"),
            ("STDIN id=x", "line 1: id must be a number"),
            ("STDIN id=", "line 1: id must be a number"),
            ("STDIN id=1 padding=256", "line 1: padding must be a number up to 255"),
            ("STDIN id=1 hex=0", "line 1: non-hexadecimal number"),
            ("STDIN id=1 hex=zz", "line 1: non-hexadecimal number"),
            ("STDIN id=1 hex=00 content=a", "line 1: content and hex set the same field"),
            ("PARAMS id=1 A=b hex=00", "line 1: hex and params set the same field"),
            ("STDIN id=1 abc", "line 1: 'abc' does not belong to this type"),
            ("STDIN id=1 role=FILTER", "line 1: 'role=FILTER' does not belong to this type"),
            ("BEGIN_REQUEST id=1 role=ANYTHING", "line 1: role must be RESPONDER, AUTHORIZER"),
            ("BEGIN_REQUEST id=1 role=65536", "line 1: role must be RESPONDER, AUTHORIZER"),
            ("BEGIN_REQUEST id=1 keep=yes", "line 1: keep must be true or false, not 'yes'"),
            ("END_REQUEST id=1 appStatus=4294967296", "line 1: appStatus must be a number up to"),
            (
                "END_REQUEST id=1 protocolStatus=LATE",
                "line 1: protocolStatus must be REQUEST_COMPLETE",
            ),
            ("UNKNOWN_TYPE unknown=256", "line 1: unknown must be a number up to 255"),
            ('STDIN id=1 content="abc', "line 1: No closing quotation"),
            ("[]", "it has no records"),
            ("[1]", "record 1: a record is an object with a type, not 1"),
            ("{}", "record 1: type must be a number up to 255, not None"),
            ('{"type": true}', "record 1: type must be a number up to 255, not True"),
            ('{"type": 5.0}', "record 1: type must be a number up to 255, not 5.0"),
            ('{"type": "STDIN", "content": 1}', "record 1: content must be text, not 1"),
            ('{"type": "STDIN", "hex": 1}', "record 1: hex must be text, not 1"),
            ('{"type": "STDIN", "content": "\\ud800"}', "record 1: content has a character"),
            ('{"type": "STDIN", "what": 1}', "record 1: 'what' does not belong to this type"),
            ('{"type": "PARAMS", "params": 1}', "record 1: params must be an object, or a list"),
            ('{"type": "PARAMS", "params": ["A"]}', "record 1: a param must be a name and a value"),
            (
                '{"type": "PARAMS", "params": {"A": 1}}',
                "record 1: the value of 'A' must be text, not 1",
            ),
            ('{"type": "PARAMS", "params": [[1, "A"]]}', "record 1: a name must be text, not 1"),
            ('{"type": "GET_VALUES", "names": "A"}', "record 1: names must be a list, not 'A'"),
            ('{"type": "GET_VALUES", "names": [1]}', "record 1: a name must be text, not 1"),
            ('[{"type": 5}, {"type": "STDIN", "hex": "0"}]', "record 2: non-hexadecimal"),
            ("[", "Expecting value"),
            ("[" * 100_000, "the JSON is nested too deeply"),
            ("{]", "Expecting property name"),
        ):
            error = self.assertRaises(ValueError, records, text)
            self.assertTrue(str(error).startswith(message), (text[:80], str(error)))

    def test_long(self) -> None:
        """
        More than a record holds is told.
        """
        error = self.assertRaises(ValueError, records, "STDIN id=1 content=" + "x" * 65_536)
        self.assertEqual(str(error), "line 1: 65536 bytes do not fit into one record")


class EncodeTests(CommandCase):
    """
    The command.
    """

    async def test_file(self) -> None:
        """
        It writes what C{dump} shows.
        """
        done = await self.command("encode", "--hex", self.write("request.txt", TEXT))
        self.assertEqual((done.status, done.err), (0, ""))
        shown = await self.command("dump", "--hex", self.write("request.hex", done.out))
        self.assertEqual(shown.lines[0], "BEGIN_REQUEST id=1 AUTHORIZER keep the connection")
        self.assertIn("    REQUEST_URI=/a b#c", shown.lines)
        self.assertEqual(shown.lines[-1], "type 99 3 bytes")

    async def test_stdin(self) -> None:
        """
        It reads standard input, too, and writes bytes.
        """
        given: Any = io.TextIOWrapper(io.BytesIO(b"STDIN id=1 content=abc padding=0"))
        with mock.patch.object(sys, "stdin", given):
            done = await self.command("encode", "-")
        self.assertEqual(done.out, "\1\5\0\1\0\3\0\0abc")

    async def test_mistakes(self) -> None:
        """
        A file that is not there, and one that has something else in it, are told in one line.
        """
        nowhere = str(self.folder / "nowhere")
        for path, message in (
            (nowhere, "No such file"),
            (self.write("garbage", bytes(range(256))), "line 8: No closing quotation"),
            (self.write("wrong.json", "[1]"), "record 1: a record is an object"),
        ):
            done = await self.command("encode", path)
            self.assertEqual((done.status, done.out), (1, ""))
            self.assertTrue(done.err.startswith(f"txfcgi encode: {path}: "), done.err)
            self.assertIn(message, done.err)
            self.assertEqual(done.err.count("\n"), 1)

    async def test_SCGI(self) -> None:
        """
        The headers of an SCGI request: as lines, as a JSON object, or as pairs.
        """
        lines = self.write("lines", "# comment\nCONTENT_LENGTH=0\n\nSCGI=1\nA=b=c\n")
        table = self.write("table", '{"CONTENT_LENGTH": "0", "SCGI": "1", "A": "b=c"}')
        pairs = self.write("pairs", '[["CONTENT_LENGTH", "0"], ["SCGI", "1"], ["A", "b=c"]]')
        for path in (lines, table, pairs):
            done = await self.command("encode", "--scgi", path)
            self.assertEqual(done.out, "30:CONTENT_LENGTH\0000\0SCGI\0001\0A\0b=c\0,")
        done = await self.command("encode", "--scgi", self.write("none", ""))
        self.assertEqual(done.out, "0:,")

    async def test_wrongSCGI(self) -> None:
        """
        What is none is told.
        """
        for text, message in (
            ("A", "line 1 is not NAME=VALUE: 'A'"),
            ('{"A": 1}', "the value of 'A' must be text, not 1"),
            ('["A"]', "a param must be a name and a value, not 'A'"),
            ('{"A": "\\u0000"}', "has NUL in it"),
            ("{", "Expecting property name"),
        ):
            done = await self.command("encode", "--scgi", self.write("wrong", text))
            self.assertEqual((done.status, done.out), (1, ""))
            self.assertIn(message, done.err)
