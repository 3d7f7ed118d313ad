"""
Tests of L{txfcgi.web.headers}: which headers become params.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from txfcgi.errors import InvalidRequest
from txfcgi.web import GatewayOptions
from txfcgi.web.headers import RequestHeaders, connectionHeaders


def params(options: GatewayOptions, *headers: tuple[bytes, bytes]) -> dict[str, str]:
    """
    The params for some headers.
    """
    given = Headers()
    for name, value in headers:
        given.addRawHeader(name, value)
    return RequestHeaders(options).params(given)


class RequestHeaderTests(SynchronousTestCase):
    """
    From headers to params.
    """

    def test_names(self) -> None:
        """
        The usual mapping; Content-Type has no prefix.
        """
        found = params(GatewayOptions(), (b"X-One-2", b"a"), (b"content-type", b"b/c"))
        self.assertEqual(found, {"HTTP_X_ONE_2": "a", "CONTENT_TYPE": "b/c"})

    def test_several(self) -> None:
        """
        Several of one name are joined: cookies by semicolons, others by commas.
        """
        found = params(
            GatewayOptions(),
            *((b"Cookie", b"a=1"), (b"Cookie", b"b=2"), (b"Accept", b"x"), (b"Accept", b"y")),
        )
        self.assertEqual(found, {"HTTP_COOKIE": "a=1; b=2", "HTTP_ACCEPT": "x, y"})

    def test_severalHosts(self) -> None:
        """
        There is one Host, or it is unclear who is asked.
        """
        error = self.assertRaises(
            InvalidRequest, params, GatewayOptions(), (b"Host", b"a"), (b"Host", b"b")
        )
        self.assertIn("several Host", str(error))

    def test_neverPassed(self) -> None:
        """
        What programs take for their configuration, what speaks of the connection, and what the
        gateway says itself.
        """
        names = (
            *(b"Proxy", b"Redirect-Status", b"Expect", b"Content-Length", b"Connection"),
            *(b"Keep-Alive", b"TE", b"Trailer", b"Transfer-Encoding", b"Upgrade"),
            *(b"Proxy-Authorization", b"Proxy-Connection", b"Authorization"),
        )
        self.assertEqual(params(GatewayOptions(), *((name, b"x") for name in names)), {})

    def test_namedByConnection(self) -> None:
        """
        Nor is what Connection names.
        """
        found = params(
            GatewayOptions(), (b"Connection", b"close, X-Mine"), (b"X-Mine", b"1"), (b"X", b"2")
        )
        self.assertEqual(found, {"HTTP_X": "2"})
        self.assertEqual(connectionHeaders(None), frozenset())

    def test_authorization(self) -> None:
        """
        It is passed on if that is asked for.
        """
        found = params(GatewayOptions(passAuthorization=True), (b"Authorization", b"Basic x"))
        self.assertEqual(found, {"HTTP_AUTHORIZATION": "Basic x"})

    def test_ambiguous(self) -> None:
        """
        Names that could become another's param are dropped, refused, or passed on.
        """
        odd = ((b"X_User", b"evil"), (b"X.User", b"evil"), (b"X-User", b"good"))
        self.assertEqual(params(GatewayOptions(), *odd), {"HTTP_X_USER": "good"})
        refusing = GatewayOptions(ambiguousHeaders="refuse")
        self.assertRaises(InvalidRequest, params, refusing, odd[0])
        passing = GatewayOptions(ambiguousHeaders="pass")
        self.assertEqual(params(passing, *odd[:2]), {"HTTP_X_USER": "evil"})
        self.assertEqual(params(passing, (b"Redirect_Status", b"200")), {})

    def test_lists(self) -> None:
        """
        Some are dropped, or only some are passed on.
        """
        given = ((b"Host", b"h"), (b"X-A", b"a"), (b"X-B", b"b"))
        dropping = GatewayOptions(dropHeaders=["x-a"])
        self.assertEqual(set(params(dropping, *given)), {"HTTP_HOST", "HTTP_X_B"})
        only = GatewayOptions(passHeaders=["x-a"])
        self.assertEqual(set(params(only, *given)), {"HTTP_HOST", "HTTP_X_A"})
