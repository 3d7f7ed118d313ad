"""
Tests of L{txfcgi.server.fastcgi}: what is FastCGI's own.
"""

from __future__ import annotations

from typing import Any

from txfcgi import Request, Response
from txfcgi.errors import DuplicateName
from txfcgi.wire.records import encodeRecord

from .conversation import ServerTests

TWICE = [(b"REQUEST_URI", b"/1"), (b"REQUEST_URI", b"/2"), (b"HTTP_X", b"3"), (b"HTTP_X", b"4")]


def uri(request: Request) -> Response:
    """
    Tell what was asked for.
    """
    headers = b",".join(request.headers.getRawHeaders(b"X", []))
    return Response(200, {}, request.uri.encode() + b" " + headers)


class ArgumentsTests(ServerTests):
    """
    The arguments of the factory.
    """

    def test_duplicates(self) -> None:
        """
        The last param of a name counts, or the first; of a header, all of them are there.
        """
        ways: list[tuple[dict[str, Any], bytes]] = [
            ({}, b"/2 3,4"),
            ({"duplicates": "last"}, b"/2 3,4"),
            ({"duplicates": "first"}, b"/1 3,4"),
        ]
        for options, body in ways:
            answer = self.serve(uri, **options).get(params=TWICE)
            self.assertEqual((answer.code, answer.body), (200, body))

    def test_rejected(self) -> None:
        """
        Or none: the request is a 400, whether its app looks at the params or not, and the
        connection goes on.
        """
        for app in (uri, lambda request: Response(200, {}, b"x")):
            server = self.serve(app, duplicates="reject")
            self.assertEqual(server.get(params=TWICE).code, 400)
            self.assertSaid("the param b'REQUEST_URI' is there twice")
            self.assertServes(server)

    def test_caught(self) -> None:
        """
        An app that goes on all the same lets no other answer out.
        """

        def app(request: Request) -> Response:
            self.assertRaises(DuplicateName, request.params.get, "REQUEST_URI")
            return Response(200, {}, b"x")

        self.assertEqual(self.serve(app, duplicates="reject").get(params=TWICE).code, 400)

    def test_lenient(self) -> None:
        """
        A web server may break the rules that are named, and no others.
        """
        begun = encodeRecord(1, 1, b"\0\1\1\0\0\0\0\0more")
        for lenient, closed in (((), True), (("lengths",), False), (["ids"], True)):
            server = self.serve(lenient=lenient)
            server.sendBytes(begun)
            self.assertIs(server.closed, closed)

    def test_wrong(self) -> None:
        """
        Values that there are not are told when the factory is made.
        """
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"lenient": ["padding"]}, "the rules are lengths, streams, ids"),
            ({"lenient": "ids"}, "a list of rules, not 'ids'"),
            ({"duplicates": "both"}, "last, first or reject, not 'both'"),
            ({"duplicates": None}, "last, first or reject, not None"),
        ]
        for options, message in wrong:
            with self.assertRaisesRegex(ValueError, message):
                self.factory(**options)
