"""
The gateway behind other web servers: what nginx and HAProxy say of the client is what PHP hears.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from .backends import phpFPM
from .client import Browser
from .processes import Workspace, folder, freePort, ownHost
from .test_gateway import started
from .webservers import Starter, haproxy, nginx

SHOW = """<?php
$shown = [];
foreach (['REMOTE_ADDR', 'REMOTE_PORT', 'HTTPS', 'REQUEST_SCHEME', 'SERVER_NAME', 'SERVER_PORT',
    'HTTP_X_FORWARDED_FOR', 'HTTP_X_FORWARDED_PROTO'] as $name) {
    $shown[$name] = $_SERVER[$name] ?? null;
}
echo json_encode($shown);
"""

NGINX = """
server {{
    listen {host}:{port};
    location / {{
        proxy_pass http://{host}:{gateway};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto https;
    }}
}}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind {host}:{port}
    default_backend gateway
backend gateway
    {more}
    server one {host}:{gateway} {send}
"""


@contextmanager
def behind(start: Starter, site: str, *words: str, kind: str = "tcp", **more: str) -> Iterator[int]:
    """
    Run the gateway, and a web server in front of it.

    @param words: More options of the gateway.
    @param kind: Of the gateway's endpoint.
    @param more: What stands in the web server's file, beside addresses.
    @return: The web server's port.
    """
    with ExitStack() as stack:
        root = stack.enter_context(folder())
        (root / "index.php").write_text(SHOW)
        backend = stack.enter_context(phpFPM(Workspace(root)))
        _, gateway = stack.enter_context(
            started(
                *("fcgi-gateway", "--backend", backend.endpoints[0], "--root", str(root), "--php"),
                *words,
                kind=kind,
            )
        )
        port = freePort()
        conf = site.format(host=ownHost(), port=port, gateway=gateway, **more)
        server = stack.enter_context(start(Workspace(stack.enter_context(folder())), conf, port))
        server.waitUntilAccepting((ownHost(), port))
        yield port


def shown(port: int, *headers: tuple[str, str]) -> Any:
    """
    What PHP heard.
    """
    with Browser(ownHost(), port) as browser:
        answer = browser.fetch("GET", "/", [("Host", "site.example"), *headers])
    assert answer.code == 200, answer.body
    return json.loads(answer.body)


@pytest.mark.xdist_group("gateway-forwarded")
@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "untrusted"])
def test_nginx(trusted: bool) -> None:
    """
    nginx is believed in what it says, and in what trusted servers before it said; if it is not in
    the list, nobody hears of that.
    """
    network = "127.0.0.0/8" if trusted else "192.0.2.0/24"
    with behind(nginx, NGINX, "--trust-forwarded", network) as port:
        heard = shown(port, ("X-Forwarded-For", "203.0.113.9, 198.51.100.7"))
    if trusted:
        assert heard["REMOTE_ADDR"] == "198.51.100.7"
        assert (heard["HTTPS"], heard["REQUEST_SCHEME"]) == ("on", "https")
        assert (heard["SERVER_NAME"], heard["SERVER_PORT"]) == ("site.example", "443")
        assert heard["HTTP_X_FORWARDED_FOR"].startswith("203.0.113.9, 198.51.100.7, 127.")
    else:
        assert heard["REMOTE_ADDR"].startswith("127.")
        assert (heard["HTTPS"], heard["REQUEST_SCHEME"]) == (None, "http")
        assert heard["HTTP_X_FORWARDED_FOR"] is heard["HTTP_X_FORWARDED_PROTO"] is None


@pytest.mark.xdist_group("gateway-forwarded")
def test_haproxy() -> None:
    """
    HAProxy adds a header of its own to those that came; the last of all counts.
    """
    words = ("--trust-forwarded", f"{ownHost()}/32,127.0.0.1")
    with behind(haproxy, HAPROXY, *words, more="option forwardfor", send="") as port:
        heard = shown(port, ("X-Forwarded-For", "198.51.100.7"))
    assert heard["REMOTE_ADDR"] == "198.51.100.7"
    assert heard["HTTPS"] is None


@pytest.mark.xdist_group("gateway-forwarded")
def test_proxyProtocol() -> None:
    """
    By the PROXY protocol the gateway hears of the client before any header is read.
    """
    with behind(haproxy, HAPROXY, kind="haproxy:tcp", more="", send="send-proxy") as port:
        heard = shown(port)
    assert heard["REMOTE_ADDR"].startswith("127.")
    assert int(heard["REMOTE_PORT"]) > 0
    assert heard["SERVER_NAME"] == "site.example"
