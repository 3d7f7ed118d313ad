"""
The same FastAPI site behind nginx twice, over FastCGI with txfcgi and over HTTP with uvicorn: every
answer is the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing

from .client import Browser
from .frontends import backend
from .processes import Workspace, folder, freePort, running
from .test_paths import NGINX, PLACE
from .webservers import nginx

HTTP = """
server {
    listen HOST:PORT;
    location / {
        proxy_pass http://unix:SOCKET;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
    }
}
"""

Asked = tuple[str, str, Sequence[tuple[str, str]], bytes | None]

JSON = [("Content-Type", "application/json")]
FORM = [("Content-Type", "application/x-www-form-urlencoded")]
MULTIPART = [("Content-Type", "multipart/form-data; boundary=x")]
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nabc\r\n--x--\r\n'
TARGETS = (
    *(f"/hello/{name}" for name in ("world", "a%20b", "%41", "%C3%A9", "%FF", "a%2Fb", "a+b", "")),
    *(
        f"/hello/{name}"
        for name in ("a;b=c", "a,b", "a:b@c", "a%3Fb", "a%23b", "a%25b", "x" * 2_000, "~a", "a%5Cb")
    ),
    *(f"/hello/x?{query}" for query in ("", "a=b", "a=%FF&b", "/../y", "a=+%20&a")),
    *("/", "/nothing", "/hello", "/fail", "/stream", "/state", "/openapi.json", "/docs", "/docs/"),
    *("/redoc", "/background/q", "/set/q", "/wait/q"),
)
ASKED: list[Asked] = [
    *(("GET", target, [], None) for target in TARGETS),
    *(
        (method, "/hello/x", [], None)
        for method in ("HEAD", "POST", "DELETE", "PATCH", "OPTIONS", "TRY")
    ),
    *(("HEAD", target, [], None) for target in ("/stream", "/state", "/nothing")),
    ("PUT", "/hello/x", JSON, b"{}"),
    ("POST", "/login", [], None),
    *(("POST", "/login", FORM, body) for body in (b"who=Ada", b"who=%C3%A9+x", b"", b"who", b"%")),
    ("POST", "/login", JSON, b'{"who": "x"}'),
    ("GET", "/who", [], None),
    *(
        ("GET", "/who", [("Cookie", text)], None)
        for text in ("", "who=416461", "a=b; who=416461; c=d")
    ),
    ("GET", "/who", [("Cookie", "a=b"), ("Cookie", "who=416461")], None),
    *(("POST", "/upload", MULTIPART, body) for body in (FILE, FILE[:-9], b"")),
    ("POST", "/upload", FORM, b"file=x"),
    ("GET", "/hello/x", [("X-Long", "y" * 4_000), ("X-A", "1"), ("X-A", "2")], None),
]
# What nginx passes on as it has decoded it over FastCGI, and as the browser sent it over HTTP.
NORMALIZED = ("/hello//x", "/hello/./x", "/hello/y/../x")
# Of the connection, and of the moment.
LEFT_OUT = ("connection", "date")

Seen = tuple[int, list[tuple[str, str]], bytes]


def ask(address: tuple[str, int], asked: Asked) -> Seen:
    """
    Ask for something, and take all that can be compared.
    """
    method, target, headers, body = asked
    with closing(Browser(*address)) as browser:
        answer = browser.fetch(method, target, [("Host", "example.org"), *headers], body)
    told = [(name.lower(), value) for name, value in answer.headers]
    return answer.code, sorted(pair for pair in told if pair[0] not in LEFT_OUT), answer.body


def test_equal() -> None:
    """
    Status, headers and body are the same, but where nginx has made the path plain.
    """
    with ExitStack() as stack:
        addresses = []
        for conf in (NGINX, HTTP):
            workspace = Workspace(stack.enter_context(folder()))
            if conf is NGINX:
                app = ["--app-dir", str(PLACE), "--asgi", "fastapi_site:application"]
                stack.enter_context(backend(workspace, ["fcgi"], [*app, "--mount", "/"]))
            else:
                command = [sys.executable, "-m", "uvicorn", "--uds", workspace.socket]
                command += ["--forwarded-allow-ips", "*", "--app-dir", str(PLACE)]
                command += ["fastapi_site:application"]
                other = stack.enter_context(running("uvicorn", command, workspace.root))
                other.waitUntilAccepting(workspace.socket)
                os.chmod(workspace.socket, 0o666)
            port = freePort()
            text = conf.replace("SOCKET", workspace.socket).replace("HOST", workspace.host)
            server = stack.enter_context(nginx(workspace, text.replace("PORT", str(port)), port))
            server.waitUntilAccepting((workspace.host, port))
            addresses.append((workspace.host, port))
        ours, theirs = addresses
        assert len(ASKED) >= 60
        for asked in ASKED:
            assert ask(ours, asked) == ask(theirs, asked), asked[:2]
        for target in NORMALIZED:
            assert ask(ours, ("GET", target, [], None))[0] == 200
            assert ask(theirs, ("GET", target, [], None))[0] == 404
