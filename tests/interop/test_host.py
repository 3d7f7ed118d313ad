"""
HTTP_HOST, from which applications make absolute links, as the files for nginx set it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .frontends import ONE_MACHINE, FrontEnd, Site, responder
from .webservers import nginx

FILES = [
    *map(responder, ("nginx", "nginx-scgi")),
    *(frontEnd for frontEnd in ONE_MACHINE if frontEnd.start is nginx),
]

#: The target of a request, its Host header, and what an application gets.
HOSTS = {
    "usual": ("/params", "site.example", "site.example"),
    "port": ("/params", "site.example:8080", "site.example:8080"),
    "capitals": ("/params", "Site.Example:8080", "site.example:8080"),
    "ipv4": ("/params", "192.0.2.1:8080", "192.0.2.1:8080"),
    "ipv6": ("/params", "[2001:db8::1]", "[2001:db8::1]"),
    "ipv6-port": ("/params", "[2001:db8::1]:8080", "[2001:db8::1]:8080"),
    "absolute": ("http://good.example/params", "malformed", "good.example"),
    "absolute-port": (
        "http://good.example:8080/params",
        "good.example:8080",
        "good.example:8080",
    ),
}


@pytest.fixture(params=FILES, ids=lambda each: each.name)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """
    nginx with one of the files.
    """
    frontEnd: FrontEnd = request.param
    with frontEnd.running() as running:
        yield running


def test_included() -> None:
    """
    The line for HTTP_HOST counts, and not the one of the file that Debian ships, if it is below it.
    """
    first = 'fastcgi_param SCRIPT_NAME       "";'
    settings = {first: f"include /etc/nginx/fastcgi_params;\n{first}"}
    frontEnd = FrontEnd("nginx-included", nginx, "nginx.conf", settings=settings)
    with frontEnd.running() as running, running.browser() as browser:
        answer = browser.fetch("GET", "/params", [("Host", "site.example:8080")])
        assert dict(json.loads(answer.body))["HTTP_HOST"] == "site.example:8080"


def test_host(site: Site) -> None:
    """
    An application gets the host that the request is for, with the port, once: if the request line
    names another host than the Host header, the former counts.
    """
    seen = {}
    with site.browser() as browser:
        for name, (target, host, _) in HOSTS.items():
            answer = browser.fetch("GET", target, [("Host", host)])
            assert answer.code == 200, (name, answer.body)
            seen[name] = [value for key, value in json.loads(answer.body) if key == "HTTP_HOST"]
    assert seen == {name: [expected] for name, (_, _, expected) in HOSTS.items()}
