"""
Tests of L{txfcgi.web.local}: who is a browser on this machine.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from txfcgi.web.local import areLocalParams, isLocalHost, isLocalRequest, isLoopback

HERE = IPv4Address("TCP", "127.0.0.1", 8080)
THERE = IPv4Address("TCP", "192.0.2.7", 8080)


class Asked:
    """
    As much of a twisted.web request as is looked at.
    """

    def __init__(self, headers: dict[str, list[str]], **more: Any) -> None:
        self.requestHeaders = Headers(headers)
        self.client = more.get("client", HERE)
        self.host = more.get("host", HERE)
        self.clientproto = more.get("protocol", b"HTTP/1.1")

    def getHost(self) -> Any:
        return self.host


class LocalTests(SynchronousTestCase):
    """
    Tests of the functions.
    """

    def test_loopback(self) -> None:
        """
        Loopback is what no other machine can reach.
        """
        for host in (
            "127.0.0.1",
            "127.1.2.3",
            "::1",
            "[::1]",
            "localhost",
            "a.localhost",
            "LocalHost.",
        ):
            self.assertTrue(isLoopback(host), host)
        for host in (
            "192.0.2.7",
            "0.0.0.0",
            "::",
            "localhost.example.org",
            "example.org",
            "",
            "127.1",
        ):
            self.assertFalse(isLoopback(host), host)

    def test_host(self) -> None:
        """
        A Host may have a port; anything odd names no machine.
        """
        for value in ("localhost:8080", "127.0.0.1", "[::1]:80", "localhost:"):
            self.assertTrue(isLocalHost(value), value)
        self.assertFalse(isLocalHost(None))
        for value in (
            "",
            "evil.example:80",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "localhost, evil.example",
            "[::1",
            "::1",
            "[::1].evil.example",
            "localhost:80:80",
        ):
            self.assertFalse(isLocalHost(value), value)

    def test_request(self) -> None:
        """
        Straight from this machine to this machine; no proxy, and no other name.
        """
        host = {"Host": ["localhost:8080"]}
        self.assertTrue(isLocalRequest(Asked({**host, "Accept": ["*/*"]})))
        for headers, more in (
            ({}, {}),
            ({"Host": ["evil.example"]}, {}),
            ({"Host": ["localhost", "evil.example"]}, {}),
            ({**host, "Forwarded": ["for=192.0.2.7"]}, {}),
            ({**host, "X-Forwarded-For": ["192.0.2.7"]}, {}),
            ({**host, "x-FORWARDED-anything": [""]}, {}),
            ({**host, "Via": ["1.1 proxy"]}, {}),
            ({**host, "X-Real-IP": ["127.0.0.1"]}, {}),
            (host, {"client": THERE}),
            (host, {"host": THERE}),
            (host, {"client": UNIXAddress(None)}),
            (host, {"protocol": b"HTTP/1.0"}),
        ):
            self.assertFalse(isLocalRequest(Asked(headers, **more)), (headers, more))

    def test_params(self) -> None:
        """
        The same of params.
        """
        params = {
            "HTTP_HOST": "localhost:8080",
            "HTTP_ACCEPT": "*/*",
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
        }
        self.assertTrue(areLocalParams(params))
        for name, wrong in (
            ("HTTP_HOST", "evil.example"),
            ("REMOTE_ADDR", "192.0.2.7"),
            ("SERVER_ADDR", "192.0.2.7"),
            ("SERVER_PROTOCOL", "HTTP/1.0"),
            ("HTTP_X_FORWARDED_HOST", "localhost"),
            ("HTTP_FORWARDED", ""),
            ("HTTP_VIA", "1.1 me"),
        ):
            self.assertFalse(areLocalParams({**params, name: wrong}), name)
        for name in ("HTTP_HOST", "REMOTE_ADDR", "SERVER_ADDR", "SERVER_PROTOCOL"):
            self.assertFalse(areLocalParams({k: v for k, v in params.items() if k != name}), name)
