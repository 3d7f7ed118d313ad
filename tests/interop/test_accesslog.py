"""
Our access log beside nginx's, of the same requests.
"""

from __future__ import annotations

import re
from contextlib import ExitStack, closing
from typing import Any

import pytest

from .client import Browser
from .frontends import CHECKOUT, backend
from .processes import Workspace, folder, freePort
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


@pytest.mark.parametrize(("command", "protocol"), [("fcgi", "fastcgi"), ("scgi", "scgi")])
def test_nginx(command: str, protocol: str) -> None:
    """
    In the combined format, both say the same of each request.
    """
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        ours, theirs = workspace.root / "access.log", workspace.root / "nginx.log"
        serving = ExitStack()
        stack.enter_context(serving)
        serving.enter_context(backend(workspace, [command, "--access-log", str(ours)], APP))
        port = freePort()
        conf: Any = NGINX
        for name, value in (
            ("HOST", workspace.host),
            ("PORT", str(port)),
            ("ROOT", str(workspace.root)),
            ("SOCKET", workspace.socket),
            ("PROTOCOL", protocol),
        ):
            conf = conf.replace(name, value)
        with nginx(workspace, conf, port) as server:
            server.waitUntilAccepting((workspace.host, port))
            with closing(Browser(workspace.host, port)) as browser:
                for method, path, headers, body in REQUESTS:
                    browser.fetch(method, path, list(headers.items()), body or None)
        serving.close()
        found, expected = entries(ours.read_text()), entries(theirs.read_text())
        assert len(found) == len(REQUESTS)
        assert found == expected
