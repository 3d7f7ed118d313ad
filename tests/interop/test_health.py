"""
C{--ping-path} and C{--status-path} through each web server, with the file of the documentation that
keeps strangers out.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from ..service.processes import until
from .client import RemoteControl
from .frontends import ONE_MACHINE, SOCKET, FrontEnd, Site, adapted, backend, responder
from .processes import PATIENCE, Child, Workspace, folder

#: How each protocol's file is adapted, as the head of the file says.
PROTOCOLS = [
    pytest.param("nginx", "fastcgi_", id="fastcgi"),
    pytest.param("nginx-scgi", "scgi_", id="scgi"),
]

#: Ways to write the two paths that could get past a location.
SPELLINGS = [
    "/ping",
    "/ping?x",
    "/ping#x",
    "//ping",
    "/./ping",
    "/x/../ping",
    "/%70ing",
    "/%2e/ping",
    "/status",
    "/status?json",
    "/status?full&json",
    "//status",
]


@contextmanager
def site(name: str, prefix: str) -> Iterator[tuple[Site, Child]]:
    """
    Run nginx and the application behind it, with the two paths.
    """
    frontEnd = responder(name)
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        serve = [*frontEnd.serve, "--ping-path", "/ping", "--status-path", "/status"]
        served = stack.enter_context(backend(workspace, [*serve, "--drain-idle", "60"]))
        assert served.server is not None
        health = adapted("nginx-health.conf", {"fastcgi_": prefix, SOCKET: served.path})
        health = health.replace(f"include {prefix}", f"include /etc/nginx/{prefix}")
        # One that is kept is among those of the upstream, which has the same socket.
        health = health.replace(f"pass unix:{served.path}", "pass txfcgi")
        if prefix == "fastcgi_":
            health = health.replace("deny all;", "deny all;\n    fastcgi_keep_conn on;")
        settings = {**frontEnd.settings, "    location / {": f"{health}\n    location / {{"}
        both = replace(frontEnd, settings=settings)
        yield stack.enter_context(both.runningFor(workspace, served)), served.server


def ask(site: Site, target: str, address: str) -> tuple[int, bytes]:
    """
    Ask from an address.

    @return: The status, and the body, which may be in chunks.
    """
    with socket.create_connection((site.host, site.port), PATIENCE, (address, 0)) as connection:
        head = f"GET {target} HTTP/1.1\r\nHost: {site.host}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        said, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
        return int(said.split()[1]), body


def stranger(site: Site, target: str) -> int:
    """
    Ask from another address than the one that is let through.

    @return: The status.
    """
    return ask(site, target, "127.0.0.9")[0]


#: Spellings that some web servers take for one of the paths, and others for another path.
OTHER_SPELLINGS = [
    *("/PING", "/ping/", "/ping//", "/ping/.", "/ping/x/..", "/ping;x", "/ping%3fx", "/ping%00"),
    *("/ping%20", "/ping%0a", "/%2570ing", "/%2fping", "/x%2f..%2fping", "/x/%2e%2e/ping"),
    *("/status%23", "/status/"),
]

#: The file for each web server, and what stands behind its text in the web server's own file.
ELSEWHERE = {
    "haproxy": ("haproxy-health.cfg", "    default_backend txfcgi\n"),
    "apache": ("apache-health.conf", "</VirtualHost>"),
    "apache-scgi": ("apache-health.conf", "</VirtualHost>"),
    "lighttpd": ("lighttpd-health.conf", "fastcgi.server = ("),
    "lighttpd-scgi": ("lighttpd-health.conf", "scgi.server = ("),
    "caddy": ("Caddyfile-health", "\treverse_proxy "),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_elsewhere(name: str) -> None:
    """
    Each of the other web servers lets the same requests through, and gives no stranger the answers,
    however the path is written.
    """
    frontEnd = responder(name)
    file, behind = ELSEWHERE[name]
    settings = {**frontEnd.settings, behind: adapted(file, {}) + behind}
    serve = [*frontEnd.serve, "--ping-path", "/ping", "--status-path", "/status"]
    both = replace(frontEnd, settings=settings, serve=serve)
    with both.running() as served:
        for target, text in (("/ping", b"pong"), ("/status", b"accepted conn:")):
            status, page = ask(served, target, "127.0.0.1")
            assert status == 200, target
            assert text in page
        for target in ("/ping", "/ping?x", "/%70ing", "/status", "/status?json"):
            assert stranger(served, target) == 403, target
        for target in (*SPELLINGS, *OTHER_SPELLINGS):
            _, body = ask(served, target, "127.0.0.9")
            assert b"pong" not in body, target
            assert b"accepted" not in body, target
        assert stranger(served, "/hello") == 200


@pytest.mark.parametrize("frontEnd", ONE_MACHINE, ids=lambda each: each.name)
def test_machines(frontEnd: FrontEnd) -> None:
    """
    Nobody gets an answer of C{/ping} through the web server in front of several machines. The path
    is for HAProxy's own checks alone.
    """
    serve = ["fcgi", "--ping-path", "/ping"]
    with replace(frontEnd, serve=serve).running() as served:
        for target in ("/ping", "/ping?x", "/%70ing"):
            assert ask(served, target, "127.0.0.1")[0] == 403, target
        for target in (*SPELLINGS, *OTHER_SPELLINGS):
            assert b"pong" not in ask(served, target, "127.0.0.1")[1], target
        assert stranger(served, "/hello") == 200


@pytest.mark.parametrize(("name", "prefix"), PROTOCOLS)
def test_strangersKeptOut(name: str, prefix: str) -> None:
    """
    Whoever is let through gets the answer, and nobody else, however the path is written; all else
    is the app's.
    """
    with site(name, prefix) as (served, _), served.browser() as browser:
        answer = browser.fetch("GET", "/ping")
        assert (answer.code, answer.body) == (200, b"pong")
        answer = browser.fetch("GET", "/status")
        assert answer.code == 200
        assert b"accepted conn:" in answer.body
        assert {target: stranger(served, target) for target in SPELLINGS} == dict.fromkeys(
            SPELLINGS, 403
        )
        assert stranger(served, "/hello") == 200


def socketsOf(server: Child) -> set[str]:
    """
    The sockets that a process has open, by the names that the system has for them.
    """
    names = set()
    for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            names.add(os.readlink(descriptor))
    return {name for name in names if name.startswith("socket:")}


@pytest.mark.parametrize(("name", "prefix"), PROTOCOLS)
def test_draining(name: str, prefix: str) -> None:
    """
    While the application drains, it answers 503 on a connection that is kept; nobody listens for a
    new one, which nginx says by 502.
    """
    with site(name, prefix) as (served, server), ExitStack() as stack:
        remote = RemoteControl(stack.enter_context(folder()))
        stack.callback(remote.close)
        asking, waiting = (stack.enter_context(served.browser()) for _ in range(2))
        waiting.send("GET", f"/hang?after=nothing&{remote.query}")
        assert remote.hear() == b"begun"
        before = socketsOf(server)
        assert asking.fetch("GET", "/ping").code == 200
        kept = socketsOf(server) - before
        server.process.send_signal(signal.SIGTERM)
        server.waitUntilSaid("Stops listening on tcp:")
        codes = [asking.fetch("GET", "/ping").code]
        # A request that comes before the connection is closed would be answered there, too.
        until(lambda: not kept & socketsOf(server))
        codes.append(asking.fetch("GET", "/ping").code)
        assert codes == ([503, 502] if served.frontEnd.name == "nginx" else [502, 502])
