"""
Tests of L{txfcgi.server.fields}: queries, forms and cookies.
"""

from __future__ import annotations

import pytest
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Request, Response
from txfcgi.errors import MalformedValue
from txfcgi.server.fields import Fields, parseCookies, parseFields
from txfcgi.testing import MemoryFrontEnd


class FieldsTests(SynchronousTestCase):
    """
    Names and values.
    """

    def test_mapping(self) -> None:
        """
        The last value of a name counts, and the others are there too.
        """
        fields = Fields([("a", "1"), ("b", "2"), ("a", "3")])
        self.assertEqual(dict(fields), {"a": "3", "b": "2"})
        self.assertEqual((fields["a"], fields.get("c"), len(fields)), ("3", None, 2))
        self.assertEqual((fields.all("a"), fields.all("c")), (["1", "3"], []))
        self.assertEqual(fields.pairs, (("a", "1"), ("b", "2"), ("a", "3")))
        self.assertRaises(KeyError, fields.__getitem__, "c")
        self.assertEqual(repr(fields), "<Fields: a, b>")

    def test_tooMany(self) -> None:
        """
        There is a limit.
        """
        self.assertEqual(len(parseFields("a=1&b=2", "query", 2)), 2)
        error = self.assertRaises(MalformedValue, parseFields, "a=1&b=2&c=3", "query", 2)
        self.assertIn("the query has more than 2 fields", str(error))

    def test_request(self) -> None:
        """
        An app has those of the query, and the cookies.
        """
        seen: list[tuple[Fields, Fields, str]] = []

        def app(request: Request) -> Response:
            seen.append((request.query, request.cookies, request.scheme))
            return Response(200, {}, b"x")

        frontEnd = MemoryFrontEnd(app, testCase=self)
        headers = {"Cookie": "s=1; t=2"}
        self.successResultOf(
            frontEnd.get("/?a=1&a=%C3%A4", headers, params={"HTTPS": "on", "REQUEST_SCHEME": ""})
        )
        self.successResultOf(frontEnd.get("/"))
        query, cookies, scheme = seen[0]
        self.assertEqual(
            (query.all("a"), dict(cookies), scheme), (["1", "ä"], {"s": "1", "t": "2"}, "https")
        )
        self.assertEqual([dict(seen[1][0]), dict(seen[1][1]), seen[1][2]], [{}, {}, "http"])
        self.assertEqual(self.successResultOf(frontEnd.get("/?" + "a&" * 1000)).code, 400)

    def test_protocol(self) -> None:
        """
        What the browser spoke to the web server, if that is said.
        """
        seen: list[str] = []

        def app(request: Request) -> Response:
            seen.append(request.protocol)
            return Response(200, {}, b"x")

        frontEnd = MemoryFrontEnd(app, testCase=self)
        for said in ("HTTP/2.0", ""):
            self.successResultOf(frontEnd.get("/", params={"SERVER_PROTOCOL": said}))
        self.assertEqual(seen, ["HTTP/2.0", ""])


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("a=1&b=", [("a", "1"), ("b", "")], id="empty-value"),
        pytest.param("a", [("a", "")], id="no-value"),
        pytest.param("a+b=c%20d", [("a b", "c d")], id="decoded"),
        pytest.param("a=%FF", [("a", "\udcff")], id="no-UTF-8"),
        pytest.param("a=1;b=2", [("a", "1;b=2")], id="semicolon"),
    ],
)
def test_parseFields(text: str, pairs: list[tuple[str, str]]) -> None:
    """
    A query as it can be.
    """
    assert list(parseFields(text, "query").pairs) == pairs


@pytest.mark.parametrize(
    ("text", "cookies"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("a=1; b=2", {"a": "1", "b": "2"}, id="several"),
        pytest.param("a=1; a=2", {"a": "1"}, id="the-first-of-one-name"),
        pytest.param('a="x y"; b="', {"a": "x y", "b": '"'}, id="quoted"),
        pytest.param("a=b=c;d; =e", {"a": "b=c", "": "e"}, id="odd"),
    ],
)
def test_parseCookies(text: str, cookies: dict[str, str]) -> None:
    """
    Cookies as they can be.
    """
    assert dict(parseCookies(text)) == cookies
