"""
The same WSGI applications behind the same nginx, over FastCGI and over HTTP with gunicorn: a
browser sees no difference.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest

from .client import Answer, Browser, Headers
from .frontends import Site, backend, responder
from .processes import Workspace, folder, freePort, running
from .test_programs import DJANGO, FLASK, PLACE, Program
from .webservers import nginx

PROXY = """\
server {{
    listen {host}:{port};
    client_max_body_size 64m;
    location / {{
        proxy_pass http://unix:{socket};
        proxy_set_header Host $http_host;
        proxy_http_version 1.1;
    }}
}}
"""

#: Headers that name the server or speak of one connection.
OF_THE_SERVER = {"connection", "date", "keep-alive", "server", "transfer-encoding"}

FORM = "application/x-www-form-urlencoded"
FILE = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    + b"0123456789abcdef" * 10_000
    + b"\r\n--x--\r\n"
)


@dataclass(frozen=True)
class Asked:
    """
    A request.
    """

    method: str
    target: str
    body: bytes | None = None
    kind: str = ""
    headers: Headers = ()
    chunked: bool = False

    def of(self, site: tuple[str, int]) -> Any:
        """
        What a browser sees of the answer. What is different with each answer is left out.
        """
        headers = [*self.headers, *([("Content-Type", self.kind)] if self.kind else [])]
        with closing(Browser(*site)) as browser:
            answer: Answer = browser.fetch(
                self.method, self.target, headers, self.body, self.chunked
            )
        seen = sorted(
            (name.lower(), _lasting(name.lower(), value))
            for name, value in answer.headers
            if name.lower() not in OF_THE_SERVER
        )
        return answer.code, seen, answer.body


def _lasting(name: str, value: str) -> Any:
    """
    What is the same each time in the value of a header: cookies are signed with the time, and
    methods are in the order of a set.
    """
    if name == "set-cookie":
        return value.partition("=")[0]
    return sorted(value.split(", ")) if name == "allow" else value


METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW")
ASKED = (
    *(Asked(method, "/hello/world") for method in METHODS),
    *(
        Asked("GET", target)
        for target in (
            "/hello/a%20b",
            "/hello/caf%C3%A9",
            "/hello/a+b",
            "/hello/%26%3D%3F%23",
            "/hello/a;b=c",
            "/hello/x?",
            "/hello/x?a=b&c=%20&d",
            "/hello/x?%00=%ff",
            "/hello/" + "x" * 2_000,
            "/hello",
            "/hello/",
            "/",
            "/nothing",
            "/stream",
            "/fail",
            "/who",
        )
    ),
    Asked("HEAD", "/stream"),
    Asked("HEAD", "/nothing"),
    Asked("GET", "/hello/x", headers=[("Accept", "text/html"), ("X-A", "b"), ("X-A", "c")]),
    Asked("GET", "/hello/x", headers=[("Cookie", "a=b; c=d"), ("Range", "bytes=0-3")]),
    Asked("GET", "/hello/x", headers=[("If-None-Match", '"x"'), ("Accept-Encoding", "gzip")]),
    Asked("POST", "/login", b"who=ada", FORM),
    Asked("POST", "/login", b"", FORM),
    Asked("POST", "/upload", FILE, "multipart/form-data; boundary=x"),
    Asked("POST", "/upload", FILE, "multipart/form-data; boundary=x", chunked=True),
    # Short: behind a long body that is not read, gunicorn may reset the connection.
    Asked("PUT", "/upload", b"short", "application/octet-stream"),
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            program, id=program.name, marks=pytest.mark.xdist_group(f"same-{program.name}")
        )
        for program in (FLASK, DJANGO)
    ],
)
def both(request: pytest.FixtureRequest) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    """
    Where the same program is behind nginx: over FastCGI, and with gunicorn.
    """
    program: Program = request.param
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        frontEnd = responder("nginx")
        app = ["--app-dir", str(PLACE), program.option, "--mount", "/"]
        served = stack.enter_context(backend(workspace, frontEnd.serve, app))
        fastcgi: Site = stack.enter_context(frontEnd.runningFor(workspace, served))

        other = Workspace(stack.enter_context(folder()))
        command = [sys.executable, "-m", "gunicorn", "--threads", "4", "--bind"]
        command += [f"unix:{other.socket}", "--chdir", str(PLACE), program.option.partition("=")[2]]
        child = stack.enter_context(running("gunicorn", command, other.root))
        child.waitUntilAccepting(other.socket)
        port = freePort()
        conf = PROXY.format(host=other.host, port=port, socket=other.socket)
        server = stack.enter_context(nginx(other, conf, port))
        server.waitUntilAccepting((other.host, port))
        yield (fastcgi.host, fastcgi.port), (other.host, port)


@pytest.mark.parametrize(
    "asked", ASKED, ids=[f"{number}-{asked.method}" for number, asked in enumerate(ASKED)]
)
def test_same(both: tuple[tuple[str, int], tuple[str, int]], asked: Asked) -> None:
    """
    Status, headers and body are the same, but for headers that name the server.
    """
    fastcgi, http = both
    assert asked.of(fastcgi) == asked.of(http)
