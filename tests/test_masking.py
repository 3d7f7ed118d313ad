"""
Tests of L{txfcgi.masking}, and that no module and no owner of a table keeps what may be a secret.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as _reactor
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import TestCase
from twisted.web.server import Site
from zope.interface import implementer

import txfcgi
from txfcgi import (
    FastCGIClient,
    FastCGIServerFactory,
    Request,
    Response,
    SCGIClient,
    SCGIServerFactory,
)
from txfcgi.cgiparams import PHPFPM, cgiParams
from txfcgi.masking import MASK, REMEMBERED, masked, maskedURI, visible
from txfcgi.testing import MemoryBackEnd, MemoryFrontEnd, serve
from txfcgi.web import GatewayResource
from txfcgi.xmlrpc import SCGIProxy

from .state import holders

reactor: Any = _reactor

# Names that say that their value is a secret, and names that don't.
NAMES = (
    "Cookie",
    "Authorization",
    "Proxy-Authorization",
    "X-Api-Key",
    "X-Auth-Token",
    "X-Csrf-Token",
    "X-Session",
    "X-Password",
    "X-Forwarded-User",
    "X-Request-Id",
    "Server-Token",
    "User-Agent",
    "Referer",
    "If-None-Match",
    "Set-Cookie",
    "Location",
    "ETag",
    "WWW-Authenticate",
    "Link",
    "Last-Modified",
    "X-Anything",
)


class Keeper:
    """
    An object that keeps what it is told.
    """

    __slots__ = ("_kept",)

    def __init__(self, kept: object) -> None:
        self._kept = kept


def inClosure(secret: str) -> Callable[[], str]:
    """
    A function that keeps a secret.
    """
    return lambda: secret


@lru_cache(8)
def cached(secret: str) -> int:
    """
    A function that remembers what it was asked.
    """
    return len(secret)


def inCache(secret: str) -> object:
    """
    The cache of a function.
    """
    cached(secret)
    return cached


@pytest.mark.parametrize(
    "keep",
    [
        lambda secret: {secret: 1},
        lambda secret: [({"a"}, frozenset([f"a{secret}b".encode()]))],
        lambda secret: deque([bytearray(secret.encode())]),
        inClosure,
        inCache,
        lambda secret: type("Kept", (Keeper,), {"__module__": "txfcgi.x"})([secret]),
        lambda secret: type("Kept", (), {"__module__": "txfcgi.x", "table": {1: secret}}),
    ],
    ids=["key", "nested", "deque", "closure", "cache", "slot", "class"],
)
def test_search(keep: Callable[[str], object]) -> None:
    """
    The search below finds a secret wherever a module may have it.
    """
    secret = uuid4().hex
    assert holders(secret) == []
    txfcgi.masking.kept = keep(secret)  # type: ignore[attr-defined]
    try:
        assert holders(secret) != []
    finally:
        del txfcgi.masking.kept  # type: ignore[attr-defined]
        cached.cache_clear()


def headersWith(secret: str) -> list[tuple[str, str]]:
    """
    A secret in headers of every name.
    """
    return [(name, secret) for name in NAMES]


def paramsWith(secret: str) -> dict[str, str]:
    """
    A secret in params of every name.
    """
    own = {name.upper().replace("-", "_"): secret for name in NAMES}
    return {
        **cgiParams("GET", f"/x?token={secret}", headers=headersWith(secret), pathInfo=secret),
        **own,
        "REMOTE_USER": secret,
        "SCRIPT_FILENAME": secret,
        "PHP_VALUE": secret,
        "SERVER_SECRET": secret,
    }


Protocol = Literal["fastcgi", "scgi"]


@implementer(IStreamClientEndpoint)
class Elsewhere:
    """
    A back end that is not ours, and so is not searched.
    """

    def __init__(self, backEnd: MemoryBackEnd) -> None:
        self.connect = backEnd.connect


@pytest.mark.parametrize("protocol", ["fastcgi", "scgi"])
class TestNothingIsKept:
    """
    A secret that goes through a public way in is in no module afterwards, nor in what a factory or
    a client remembers.
    """

    def test_server(self, protocol: Protocol) -> None:
        """
        In a request's params, in what the app looks at, and in the response.
        """
        secret = uuid4().hex

        def app(request: Request) -> Response:
            seen = [*request.params.items(), *request.headers.getAllRawHeaders(), request.uri]
            assert secret in repr(seen)
            headers = [("Content-Type", "text/plain"), *headersWith(secret)]
            return Response(200, headers, secret.encode())

        kind = FastCGIServerFactory if protocol == "fastcgi" else SCGIServerFactory
        factory: Any = kind(app, clock=Clock())
        frontEnd = MemoryFrontEnd(factory, protocol=protocol)
        answered: list[Any] = []
        for _ in range(2):
            frontEnd.get(f"/x?token={secret}", params=paramsWith(secret)).addCallback(
                answered.append
            )
        assert [each.code for each in answered] == [200, 200]
        del answered[:]
        frontEnd.close()
        assert len(factory.application.lines) > 0
        assert holders(secret, factory.application.lines) == []

    def test_client(self, protocol: Protocol) -> None:
        """
        In a call's params and in the answer's head.
        """
        secret = uuid4().hex
        backEnd = MemoryBackEnd(Response(200, headersWith(secret), b"x"), protocol)
        client = backEnd.client()
        answered: list[Any] = []
        for _ in range(2):
            client.request(paramsWith(secret)).addCallback(answered.append)
            client.request(paramsWith(secret), secret.encode()).addCallback(answered.append)
        assert [each.code for each in answered] == [200] * 4
        assert secret in repr(answered[0].head.headers)
        for response in answered:
            response.content()
        del answered[:], response
        memory = client.pool.memory
        assert len(memory.heads.lines) > 0
        client.close()
        backEnd.close()
        assert holders(secret, memory) == []

    def test_gateway(self, protocol: Protocol) -> None:
        """
        In a browser's request and in what it gets.
        """
        secret = uuid4().hex
        kind = FastCGIClient if protocol == "fastcgi" else SCGIClient
        backEnd = MemoryBackEnd(Response(200, headersWith(secret), b"x"), protocol)
        client = kind(backEnd.clock, Elsewhere(backEnd))
        resource = GatewayResource(client)
        channel = Site(resource, reactor=backEnd.clock).buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        lines = [f"{name}: {secret}" for name in NAMES]
        head = [f"GET /{secret}?token={secret} HTTP/1.1", "Host: x", *lines, "", ""]
        channel.dataReceived("\r\n".join(head).encode())
        backEnd.pump()
        assert b"200 OK" in transport.value()
        assert secret.encode() in transport.value()
        channel.connectionLost(None)
        client.close()
        backEnd.close()
        assert holders(secret, client.pool.memory, resource) == []


def test_paramsOfPHP() -> None:
    """
    Nothing is kept of params that are made for a program.
    """
    secret = uuid4().hex
    for _ in range(2):
        PHPFPM("/srv").params("GET", f"/{secret}.php?{secret}", headers=headersWith(secret))
        cgiParams("GET", f"/{secret}", headers={"Host": secret}, remoteUser=secret)
    assert holders(secret) == []


class XMLRPCTests(TestCase):
    """
    Calls over SCGI.
    """

    async def test_call(self) -> None:
        """
        In the arguments and in the result.
        """
        secret = uuid4().hex

        async def app(request: Any) -> Response:
            body = await request.stdin.read()
            assert secret.encode() in body
            answer = body.replace(b"methodCall", b"methodResponse").partition(b"<params>")[2]
            return Response(200, {"Content-Type": "text/xml"}, b"<methodResponse><params>" + answer)

        served = serve(self, app, "scgi")
        proxy = SCGIProxy(f"scgi://127.0.0.1:{served.port}")
        self.addCleanup(proxy.close)
        self.assertEqual(await proxy.callRemote("echo", secret), secret)
        self.assertEqual(holders(secret, proxy.client.pool.memory), [])


class TestRemembered:
    """
    What is kept longer than a request.
    """

    def test_ordinary(self) -> None:
        """
        Values that a program sends each time.
        """
        backEnd = MemoryBackEnd(Response(200, {"Content-Type": "text/plain", "X": "y"}, b"x"))
        client = backEnd.client()
        params = cgiParams("GET", "/x", headers={"Host": "example.com", "Cookie": "a"})
        client.request(params).addCallback(lambda response: response.content())
        memory = client.pool.memory
        assert list(memory.shapes) == [tuple(params)]
        assert not set(params.values()) & set(memory.shapes[tuple(params)]) - {""}
        assert b"Content-Type: text/plain" in memory.heads.lines
        assert b"X: y" not in memory.heads.lines
        assert not memory.heads
        client.close()
        backEnd.close()

    def test_names(self) -> None:
        """
        None of the names is one that is not shown.
        """
        assert [name for name in REMEMBERED if masked(name.decode(), "x") != "x"] == []


class TestMasked:
    """
    What is shown.
    """

    @pytest.mark.parametrize(
        "name",
        [
            "HTTP_COOKIE",
            "Set-Cookie",
            "Authorization",
            "HTTP_PROXY_AUTHORIZATION",
            "WWW-Authenticate",
            "PHP_AUTH_PW",
            "PHP_AUTH_DIGEST",
            "REMOTE_PASSWD",
            "DB_PASSWORD",
            "SMTP_PASS",
            "HTTP_X_API_KEY",
            "X-CSRF-Token",
            "XSRF-TOKEN",
            "SSL_SESSION_ID",
            "PHPSESSID_SID",
            "APP_SECRET",
            "SENTRY_DSN",
            "X-Hub-Signature",
            "PRIVATE_ADDRESS",
            "AWS_CREDENTIALS",
            "X-JWT",
        ],
    )
    def test_secret(self, name: str) -> None:
        """
        Names that say that their value is a secret.
        """
        assert masked(name, "value") == MASK
        assert masked(name.lower(), "value") == MASK
        assert masked(name, "") == ""

    @pytest.mark.parametrize(
        "name",
        [
            "REMOTE_USER",
            "REMOTE_ADDR",
            "AUTH_TYPE",
            "PHP_AUTH_USER",
            "SCRIPT_NAME",
            "SERVER_SIGNATURE",
            "X-Author",
            ":authority",
            "HTTP_HOST",
            "Content-Type",
        ],
    )
    def test_plain(self, name: str) -> None:
        """
        The user's name and address are shown, and everything else.
        """
        assert masked(name, "value") == "value"

    @pytest.mark.parametrize(
        "name",
        [
            "REQUEST_URI",
            "QUERY_STRING",
            "HTTP_REFERER",
            "Location",
            "Content-Location",
            "REDIRECT_URL",
            "REDIRECT_QUERY_STRING",
            "X-Accel-Redirect",
            "Refresh",
        ],
    )
    def test_uri(self, name: str) -> None:
        """
        Names whose values are URIs, or have them.
        """
        assert masked(name, "/x?a=1&token=b") == f"/x?a=1&token={MASK}"

    @pytest.mark.parametrize(
        ("uri", "shown"),
        [
            ("", ""),
            ("/token/key", "/token/key"),
            ("a=1&b=2", "a=1&b=2"),
            ("password=a", "password=***"),
            ("password=", "password=***"),
            ("password", "password"),
            ("/x?password=a=b?c;d&e=f", "/x?password=***&e=f"),
            ("/x?p%61ssword=a", "/x?p%61ssword=***"),
            ("/x?P%41SSWORD=a", "/x?P%41SSWORD=***"),
            ("/x;jsessionid=a?b=c", "/x;jsessionid=***"),
            ("/x#access_token=a&b=c", "/x#access_token=***&b=c"),
            ("/x?a=1;token=b#c", "/x?a=1;token=***#c"),
            ("/cb?code=a&state=b", "/cb?code=***&state=b"),
            ("/x?zipcode=a&author=b&passive=c", "/x?zipcode=a&author=b&passive=c"),
            ("/x?userPass=a&pass=b&pass_word=c", "/x?userPass=***&pass=***&pass_word=***"),
            ("https://user:pw@host/x?a=b", "https://user:***@host/x?a=b"),
            ("https://host/x?mail=a@b", "https://host/x?mail=a@b"),
            ("/x?%ff%zz=a&key=b", "/x?%ff%zz=a&key=***"),
            ("/x?\udcff=a&key=b", "/x?\udcff=a&key=***"),
        ],
        ids=lambda text: ascii(text)[1:-1] or "empty",
    )
    def test_fields(self, uri: str, shown: str) -> None:
        """
        The fields of a query, wherever one may be.
        """
        assert maskedURI(uri) == shown

    @given(st.lists(st.sampled_from(["a", "=", "&", ";", "?", "#", "@", "://", "%74oken", ":"])))
    def test_any(self, parts: list[str]) -> None:
        """
        Whatever stands before a secret and behind it, it is not shown.
        """
        assert "hidden" not in maskedURI("".join(parts) + "&token=hidden&" + "".join(parts))

    def test_long(self) -> None:
        """
        What is long takes no longer than it must: each part is looked at once.
        """
        for part in ("key", "://a:", "&", "a=", "%61", "pass"):
            assert maskedURI(part * 100_000 + "&key=hidden").endswith("hidden") is False


def test_visible() -> None:
    """
    Control characters are written out; tabs and letters of any kind stay.
    """
    assert visible("a\tü\x1b[1m\r\n\x00\x7f\x9b") == "a\tü\\x1b[1m\\x0d\\x0a\\x00\\x7f\\x9b"
