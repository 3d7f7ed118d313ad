"""
Our access log beside nginx's, of the same requests; and what is in nginx's error log of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from .client import Browser
from .frontends import CHECKOUT, backend
from .processes import Child, Workspace, folder, freePort
from .webservers import nginx

APP = ["--app-dir", str(CHECKOUT / "tests" / "interop" / "programs"), "--app", "logged_app.app"]

NGINX = """
server {
    listen HOST:PORT;
    access_log ROOT/nginx.log combined;
    location / {
        include /etc/nginx/PROTOCOL_params;
        PROTOCOL_pass unix:SOCKET;
    }
}
"""

#: What the browser asks: method, path, headers and body.
REQUESTS: list[tuple[str, str, dict[str, str], bytes]] = [
    ("GET", "/", {"User-Agent": "Mozilla/5.0 (X11)", "Referer": "https://example.net/a"}, b""),
    ("GET", "/a%20b?page=2&q=%22", {}, b""),
    ("HEAD", "/", {}, b""),
    ("GET", "/missing", {"User-Agent": "a \\ b"}, b""),
    ("GET", "/moved", {}, b""),
    ("GET", "/pieces", {}, b""),
    ("GET", "/unchanged", {}, b""),
    ("GET", "/failing", {}, b""),
    ("POST", "/echo", {"User-Agent": "caf\xe9"}, b"x" * 100_000),
]


def entries(text: str) -> list[str]:
    """
    The lines of a log, without their times, and with what is escaped in one way. For no bytes,
    Apache has a dash, and nginx a 0.
    """
    lines = [re.sub(r"\[[^]]*\]", "[]", line) for line in text.splitlines()]
    lines = [line.replace(' 0 "', ' - "') for line in lines]
    lines = [line.replace("\\\\", "\\x5c").replace('\\"', "\\x22") for line in lines]
    return [re.sub(r"\\x[0-9A-Fa-f]{2}", lambda found: found[0].lower(), line) for line in lines]


@contextmanager
def behind(
    workspace: Workspace, command: str, protocol: str, *options: str
) -> Iterator[tuple[Child, Browser]]:
    """
    Run the app behind nginx. When this is over, all logs are written.
    """
    port = freePort()
    conf = NGINX
    for name, value in (
        ("HOST", workspace.host),
        ("PORT", str(port)),
        ("ROOT", str(workspace.root)),
        ("SOCKET", workspace.socket),
        ("PROTOCOL", protocol),
    ):
        conf = conf.replace(name, value)
    with (
        backend(workspace, [command, *options], APP),
        nginx(workspace, conf, port) as server,
    ):
        server.waitUntilAccepting((workspace.host, port))
        with closing(Browser(workspace.host, port)) as browser:
            yield server, browser


@pytest.mark.parametrize(("command", "protocol"), [("fcgi", "fastcgi"), ("scgi", "scgi")])
def test_nginx(command: str, protocol: str) -> None:
    """
    In the combined format, both say the same of each request.
    """
    with folder() as root:
        workspace = Workspace(root)
        ours, theirs = root / "access.log", root / "nginx.log"
        with behind(workspace, command, protocol, "--access-log", str(ours)) as (_, browser):
            for method, path, headers, body in REQUESTS:
                browser.fetch(method, path, list(headers.items()), body or None)
        found, expected = entries(ours.read_text()), entries(theirs.read_text())
        assert len(found) == len(REQUESTS)
        assert found == expected


def test_errorLog() -> None:
    """
    With C{--log-to-stderr}, nginx's error log says why a request failed.
    """
    with folder() as root, behind(Workspace(root), "fcgi", "fastcgi", "--log-to-stderr") as running:
        server, browser = running
        assert browser.fetch("GET", "/failing").code == 500
        server.waitUntilSaid("FastCGI sent in stderr: ")
        server.waitUntilSaid("app failed on <ResponderRequest")
        server.waitUntilSaid("ValueError: no")
