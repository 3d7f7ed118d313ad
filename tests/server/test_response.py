"""
What an app returns.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from txfcgi import Allow, Deny, Request, Response
from txfcgi.errors import InvalidHeader, InvalidResponse
from txfcgi.testing import MemoryFrontEnd


class TestPairs:
    """
    Headers, however an app gives them, become pairs.
    """

    def test_mapping(self) -> None:
        """
        Each entry is a pair, in its order.
        """
        headers: dict[str, str | bytes] = {"A": "1", "B": b"2"}
        response = Response(200, headers)
        assert list(response.pairs()) == [("A", "1"), ("B", b"2")]

    @pytest.mark.parametrize("values", [["1", "2"], ("1", "2")])
    def test_several(self, values: list[str] | tuple[str, ...]) -> None:
        """
        A list of values makes a pair of each.
        """
        headers: dict[str, str | list[str] | tuple[str, ...]] = {"Set-Cookie": values, "B": "3"}
        response = Response(200, headers)
        assert list(response.pairs()) == [("Set-Cookie", "1"), ("Set-Cookie", "2"), ("B", "3")]

    def test_pairs(self) -> None:
        """
        Pairs stay what they are, a list for one as well as a tuple.
        """
        response = Response(200, [("A", "1"), ["A", "2"]])  # type: ignore[list-item]
        assert list(response.pairs()) == [("A", "1"), ("A", "2")]

    def test_twistedHeaders(self) -> None:
        """
        What twisted.web has its headers in does as well.
        """
        headers = Headers({"A": ["1", "2"], "B": ["3"]})
        pairs = [(b"A", b"1"), (b"A", b"2"), (b"B", b"3")]
        assert sorted(Response(200, headers).pairs()) == pairs


class TestRedirects:
    """
    Redirects need no knowledge of CGI.
    """

    def test_redirect(self) -> None:
        """
        A redirect has a status and a Location.
        """
        response = Response.redirect("https://example.com/", 308)
        assert (response.code, list(response.pairs())) == (
            308,
            [("Location", "https://example.com/")],
        )

    def test_localRedirect(self) -> None:
        """
        A local redirect has no status: by that, the web server knows it.
        """
        response = Response.localRedirect("/other?x=1")
        assert (response.code, list(response.pairs())) == (None, [("Location", "/other?x=1")])

    def test_localRedirectElsewhere(self) -> None:
        """
        A local redirect stays on the web server.
        """
        with pytest.raises(InvalidResponse, match="goes to a path"):
            Response.localRedirect("https://example.com/")


class JSONTests(SynchronousTestCase):
    """
    A value as JSON.
    """

    def test_value(self) -> None:
        """
        It is ASCII, has its type, and may have a status and headers.
        """
        response = Response.json({"a": ["ä", None, "\udcff"]}, 201, {"X-A": "b"})
        self.assertEqual(response.body, b'{"a":["\\u00e4",null,"\\udcff"]}')
        self.assertEqual(response.code, 201)
        expected = [("Content-Type", "application/json"), ("X-A", "b")]
        self.assertEqual(list(response.pairs()), expected)

    def test_type(self) -> None:
        """
        The app may call it something else.
        """
        for headers in ({"content-type": "application/x+json"}, [(b"Content-Type", b"text/x")]):
            pairs = list(Response.json(1, headers=headers).pairs())
            self.assertEqual(len(pairs), 1)

    def test_impossible(self) -> None:
        """
        JSON has no value for everything.
        """
        endless: list[object] = []
        endless.append(endless)
        for value in (object(), float("nan"), {1, 2}, endless):
            self.assertRaises(InvalidResponse, Response.json, value)

    def test_forgottenAwait(self) -> None:
        """
        A Deferred of a value, and one within a value.
        """
        for value in (succeed(1), {"a": [succeed(1)]}):
            error = self.assertRaises(InvalidResponse, Response.json, value)
            self.assertIn("type Deferred is not JSON serializable: await it", str(error))


class AppStatusTests(SynchronousTestCase):
    """
    A response with an exit status.
    """

    def test_sent(self) -> None:
        """
        It is sent with a short answer, a long one, and one that streams.
        """
        for body in (b"x", b"x" * 100_000, b"x" * 3_000_000, [b"x"], ()):

            def app(request: Request, body: Any = body) -> Response:
                return Response(200, {}, body, appStatus=7)

            frontEnd = MemoryFrontEnd(app, testCase=self)
            response = frontEnd.get()
            frontEnd.clock.advance(0)
            answer = self.successResultOf(response)
            self.assertEqual((answer.code, answer.appStatus), (200, 7))

    def test_impossible(self) -> None:
        """
        It is an int of 32 bits.
        """
        for status in (-1, 1 << 32, "7", True, 1.5):
            wrong: Any = status
            with self.assertRaises(InvalidResponse):
                Response(200, appStatus=wrong)


def test_reprs() -> None:
    """
    In a log, a decision shows no values: they may be secret.
    """
    assert repr(Response(204)) == "Response(204, (), b'')"
    assert repr(Allow({"USER": "secret"})) == "Allow(USER)"
    assert repr(Deny()).startswith("Deny(Response(403")


class TestMistakes:
    """
    What can't be headers is named.
    """

    def test_text(self) -> None:
        """
        Text is told where the response is made.
        """
        for headers in ("text/plain", b"text/plain"):
            with pytest.raises(InvalidResponse, match=r"mapping or pairs, not b?'text/plain'"):
                Response(200, headers)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("headers", "message"),
        [
            pytest.param({"X": 5}, "header 'X' is str, bytes, or a list .* not int", id="int"),
            pytest.param({"X": None}, "header 'X' .* not NoneType", id="none"),
            pytest.param(5, "mapping or pairs, not int: 5", id="no-headers"),
            pytest.param(["text/plain"], "a name and a value, not 'text/plain'", id="no-pair"),
            pytest.param([("A", "1", "2")], "a name and a value, not .'A', '1', '2'", id="three"),
            pytest.param([5], "a name and a value, not 5", id="number"),
        ],
    )
    def test_others(self, headers: Any, message: str) -> None:
        """
        Whatever else is told when they are sent.
        """
        with pytest.raises((InvalidResponse, InvalidHeader), match=message):
            list(Response(200, headers).pairs())


class ReasonTests(SynchronousTestCase):
    """
    The words behind the status.
    """

    def answer(self, code: int, reason: Any) -> Any:
        """
        What a web server gets to see of a response with this reason.
        """
        frontEnd = MemoryFrontEnd(lambda _: Response(code, {}, b"", reason=reason), testCase=self)
        return self.successResultOf(frontEnd.get())

    def test_own(self) -> None:
        """
        A response may have words of its own.
        """
        for reason in ("Short and stout", b"Short and stout"):
            response = self.answer(418, reason)
            self.assertEqual((response.code, response.head.reason), (418, b"Short and stout"))
        self.assertEqual(self.answer(404, None).head.reason, b"Not Found")

    def test_control(self) -> None:
        """
        One with a line end in it is a mistake.
        """
        self.assertEqual(self.answer(200, "OK\r\nX: y").code, 500)
        (failure,) = self.flushLoggedErrors(InvalidResponse)
        self.assertIn("the reason of the status 200", failure.getErrorMessage())
