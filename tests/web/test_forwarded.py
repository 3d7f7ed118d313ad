"""
Tests of L{txfcgi.web.forwarded}: whom a site believes who its clients are.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.web.http_headers import Headers

from txfcgi.server.admission import BadAllowList
from txfcgi.web import GatewayResource, TrustedProxies
from txfcgi.web.forwarded import Origin

from .site import SiteCase, paramsIn, showParams


def at(host: str, port: int = 0) -> IAddress:
    """
    An address.
    """
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)


def origin(proxies: TrustedProxies, peer: IAddress, *pairs: tuple[str, str]) -> Origin:
    """
    Where a request with these headers comes from.
    """
    headers = Headers()
    for name, value in pairs:
        headers.addRawHeader(name, value)
    return proxies.originOf(peer, headers)


PROXY = at("10.0.0.1", 5)
FOR, PROTO, HOST = "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"


class TestXForwarded:
    """
    X-Forwarded-For and its like.
    """

    proxies = TrustedProxies.fromText("10.0.0.0/8, 2001:db8::/32")

    @pytest.mark.parametrize(
        ("value", "client"),
        [
            pytest.param("192.0.2.1", at("192.0.2.1"), id="one"),
            pytest.param("198.51.100.1, 192.0.2.1", at("192.0.2.1"), id="made up by the client"),
            pytest.param("192.0.2.1, 10.1.1.1", at("192.0.2.1"), id="two proxies"),
            pytest.param("192.0.2.1,10.1.1.1 , 2001:db8::1", at("192.0.2.1"), id="three proxies"),
            pytest.param("10.9.9.9, 10.1.1.1", at("10.9.9.9"), id="all trusted"),
            pytest.param("192.0.2.1:4711", at("192.0.2.1", 4711), id="with a port"),
            pytest.param("[2001:dead::1]:4711", at("2001:dead::1", 4711), id="version 6 and port"),
            pytest.param("2001:dead::1", at("2001:dead::1"), id="version 6"),
            pytest.param("::ffff:192.0.2.1", at("192.0.2.1"), id="version 4 within version 6"),
            pytest.param("", PROXY, id="empty"),
            pytest.param("nobody", PROXY, id="no address"),
            pytest.param("192.0.2.1, unknown", PROXY, id="no address at the end"),
            pytest.param("nobody, 10.1.1.1", at("10.1.1.1"), id="no address before a proxy"),
            pytest.param("192.0.2.1:70000", PROXY, id="no port"),
        ],
    )
    def test_client(self, value: str, client: IAddress) -> None:
        """
        The client is the last that is no trusted server, over trusted servers only.
        """
        assert origin(self.proxies, PROXY, (FOR, value)).client == client

    def test_severalHeaders(self) -> None:
        """
        Several headers are one list.
        """
        found = origin(self.proxies, PROXY, (FOR, "192.0.2.1"), (FOR, "10.1.1.1"))
        assert found.client == at("192.0.2.1")

    @pytest.mark.parametrize(
        ("addresses", "schemes", "secure"),
        [
            ("192.0.2.1", "https", True),
            ("192.0.2.1", "HTTPS", True),
            ("192.0.2.1", "http", False),
            ("192.0.2.1", "gopher", None),
            ("192.0.2.1, 10.1.1.1", "https, http", True),
            ("192.0.2.1, 10.1.1.1", "https", True),
            ("198.51.100.1, 192.0.2.1", "https, http", False),
            ("198.51.100.1, 192.0.2.1, 10.1.1.1", "https, http", False),
            ("", "https", True),
        ],
    )
    def test_scheme(self, addresses: str, schemes: str, secure: bool | None) -> None:
        """
        The scheme is that which was said with the client's address, or last.
        """
        assert origin(self.proxies, PROXY, (FOR, addresses), (PROTO, schemes)).secure is secure

    def test_schemeAlone(self) -> None:
        """
        A server that says nothing but the scheme is believed in that.
        """
        assert origin(self.proxies, PROXY, (PROTO, "https")) == Origin(PROXY, True)

    def test_host(self) -> None:
        """
        The host counts only if that was asked for, and if it is one.
        """
        given = ((FOR, "192.0.2.1"), (HOST, "a.example:81"))
        assert origin(self.proxies, PROXY, *given).host is None
        proxies = TrustedProxies.fromText("10.0.0.0/8", host=True)
        assert origin(proxies, PROXY, *given).host == b"a.example:81"
        for value in ("a/b", "", "a b", "ü"):
            assert origin(proxies, PROXY, (FOR, "192.0.2.1"), (HOST, value)).host is None

    def test_untrusted(self) -> None:
        """
        Others are not believed, and what they say is passed on to nobody.
        """
        headers = Headers({FOR: ["192.0.2.1"], PROTO: ["https"], "X-Real-IP": ["x"], "A": ["b"]})
        headers.addRawHeader("Forwarded", "for=192.0.2.1")
        headers.addRawHeader("X_Forwarded_For", "192.0.2.1")
        headers.addRawHeader("X-Forwarded-Ssl", "on")
        peer = at("203.0.113.5")
        assert self.proxies.originOf(peer, headers) == Origin(peer)
        assert list(headers.getAllRawHeaders()) == [(b"A", [b"b"])]

    def test_theOther(self) -> None:
        """
        Of a trusted server that uses the one kind, the other comes from its client.
        """
        headers = Headers({FOR: ["192.0.2.1"], "Forwarded": ["for=198.51.100.1"]})
        assert self.proxies.originOf(PROXY, headers).client == at("192.0.2.1")
        assert [name for name, _ in headers.getAllRawHeaders()] == [b"X-Forwarded-For"]

    def test_unix(self) -> None:
        """
        A server on a Unix socket has no address, and a word of its own.
        """
        peer = UNIXAddress(None)
        assert origin(self.proxies, peer, (FOR, "192.0.2.1")).client == peer
        for text in ("unix", "10.0.0.0/8,unix"):
            found = origin(TrustedProxies.fromText(text), peer, (FOR, "192.0.2.1"))
            assert found.client == at("192.0.2.1")

    @pytest.mark.parametrize("text", ["", "x", "10.0.0.1/8", "10.0.0.0/8,,unix"])
    def test_bad(self, text: str) -> None:
        """
        A list with what is no network.
        """
        with pytest.raises(BadAllowList):
            TrustedProxies.fromText(text)


class TestForwarded:
    """
    RFC 7239.
    """

    proxies = TrustedProxies.fromText("10.0.0.0/8", "forwarded", host=True)

    @pytest.mark.parametrize(
        ("value", "client", "secure"),
        [
            ("for=192.0.2.1", at("192.0.2.1"), None),
            ("For=192.0.2.1;Proto=https;by=10.0.0.1", at("192.0.2.1"), True),
            ('for="[2001:dead::1]:4711";proto=http', at("2001:dead::1", 4711), False),
            ('for="192.0.2.1:4711"', at("192.0.2.1", 4711), None),
            (' for=192.0.2.1 , for="10.1.1.1" ; proto=https', at("192.0.2.1"), None),
            ("for=198.51.100.1, for=192.0.2.1;proto=https", at("192.0.2.1"), True),
            ("for=_hidden;proto=https", PROXY, True),
            ("for=unknown", PROXY, None),
            ('for="192.0.2\\.1"', at("192.0.2.1"), None),
            ("for=192.0.2.1;for=192.0.2.2", PROXY, None),
            ("for=192.0.2.1;", PROXY, None),
            ("nonsense", PROXY, None),
            ('for="192.0.2.1', PROXY, None),
            ("for =192.0.2.1", PROXY, None),
            ("", PROXY, None),
        ],
    )
    def test_read(self, value: str, client: IAddress, secure: bool | None) -> None:
        """
        One header says it all; one that can't be read says nothing.
        """
        found = origin(self.proxies, PROXY, ("Forwarded", value), (FOR, "203.0.113.9"))
        assert (found.client, found.secure) == (client, secure)

    def test_host(self) -> None:
        """
        The host is in it.
        """
        found = origin(self.proxies, PROXY, ("Forwarded", 'for=192.0.2.1;host="a.example:81"'))
        assert found.host == b"a.example:81"


class SiteTests(SiteCase):
    """
    What an app hears of that.
    """

    async def start(self, proxies: TrustedProxies | None) -> None:
        """
        Serve.
        """
        client = await self.backEnd(showParams)
        await self.site(GatewayResource(client), proxies=proxies)

    async def ask(self, **headers: str) -> dict[str, str]:
        """
        The params of a request.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return paramsIn(await self.fetch(headers=named))

    async def test_params(self) -> None:
        """
        It hears of the client, not of the server in between, and of the scheme that was used.
        """
        await self.start(TrustedProxies.fromText("127.0.0.1", host=True))
        params = await self.ask(
            X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https", X_Forwarded_Host="a.example"
        )
        expected = {
            "REMOTE_ADDR": "192.0.2.1",
            "REMOTE_PORT": "0",
            "HTTPS": "on",
            "REQUEST_SCHEME": "https",
            "HTTP_HOST": "a.example",
            "SERVER_NAME": "a.example",
            "SERVER_PORT": "443",
            "HTTP_X_FORWARDED_FOR": "192.0.2.1",
        }
        self.assertEqual({name: params.get(name) for name in expected}, expected)

    async def test_log(self) -> None:
        """
        So does the log.
        """
        seen: list[Any] = []

        def format(timestamp: str, request: Any) -> str:
            seen.append(request.getClientAddress().host)
            return ""

        client = await self.backEnd(showParams)
        proxies = TrustedProxies.fromText("127.0.0.1")
        await self.site(GatewayResource(client), proxies=proxies, logFormatter=format)
        await self.ask(X_Forwarded_For="192.0.2.1")
        self.assertEqual(seen, ["192.0.2.1"])

    async def test_untrusted(self) -> None:
        """
        Of others it hears what they are.
        """
        await self.start(TrustedProxies.fromText("192.0.2.0/24"))
        params = await self.ask(X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https")
        self.assertEqual(params["REMOTE_ADDR"], "127.0.0.1")
        self.assertNotIn("HTTPS", params)
        self.assertNotIn("HTTP_X_FORWARDED_FOR", params)

    async def test_off(self) -> None:
        """
        Without a list the headers are some like any other.
        """
        await self.start(None)
        params = await self.ask(X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https")
        self.assertEqual(params["REMOTE_ADDR"], "127.0.0.1")
        self.assertNotIn("HTTPS", params)
        self.assertEqual(params["HTTP_X_FORWARDED_FOR"], "192.0.2.1")
