"""
Programs of other people's frameworks, behind real web servers, at the root of a site and below it.

Each is run behind one web server here. With C{TXFCGI_MATRIX} in the environment, as nox's session
C{matrix} sets it, each is run behind all of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import unquote

import pytest

from .client import Answer, Browser
from .frontends import CHECKOUT, FrontEnd, Site, backend, responder
from .processes import Child, Workspace, folder, freePort
from .webservers import FCGID, apache

MEBI = 1024 * 1024
PLACE = CHECKOUT / "tests" / "interop" / "programs"


@dataclass(frozen=True)
class Program:
    """
    A program.

    @ivar option: What serves it.
    """

    name: str
    option: str


DJANGO = Program("django", "--wsgi=django_site:application")
FLASK = Program("flask", "--wsgi=flask_site:application")
BOTTLE = Program("bottle", "--wsgi=bottle_site:application")
KLEIN = Program("klein", "--resource=klein_site.app.resource")
WEB = Program("web", "--resource=web_site.site")
STARLETTE = Program("starlette", "--asgi=starlette_site:application")
FASTAPI = Program("fastapi", "--asgi=fastapi_site:application")
QUART = Program("quart", "--asgi=quart_site:application")
LITESTAR = Program("litestar", "--asgi=litestar_site:application")
PROGRAMS = (DJANGO, FLASK, BOTTLE, KLEIN, WEB, STARLETTE, FASTAPI, QUART, LITESTAR)
MOUNTS = ("/", "/shop")
#: Each program once, and each way to serve at least once.
ONCE = (
    (DJANGO, "nginx", "/shop"),
    (FLASK, "nginx-scgi", "/shop"),
    (BOTTLE, "nginx-tcp", "/"),
    (KLEIN, "nginx-scgi", "/"),
    (WEB, "nginx", "/shop"),
    (STARLETTE, "nginx-scgi", "/shop"),
    (FASTAPI, "nginx-tcp", "/shop"),
    (QUART, "nginx", "/"),
    (LITESTAR, "caddy", "/shop"),
)
SERVERS = (
    *("nginx-tcp", "nginx-scgi", "apache", "apache-scgi", "lighttpd", "lighttpd-scgi"),
    *("haproxy-tcp", "caddy"),
)
# mod_fcgid starts the program by itself, a script that calls serve().
SPAWNED = (DJANGO, FLASK, BOTTLE, KLEIN, WEB)
MATRIX = (
    *product(PROGRAMS, SERVERS, MOUNTS),
    *product(SPAWNED, ("apache-fcgid",), MOUNTS),
)


@dataclass(frozen=True)
class Served:
    """
    A program behind a web server.

    @ivar mount: The path below which it is: nothing for the root.
    """

    program: Program
    site: Site
    mount: str
    server: Child

    def visitor(self) -> Visitor:
        """
        Somebody who visits it.
        """
        return Visitor(self.site, self.mount)


class Visitor(Browser):
    """
    A browser that keeps cookies.
    """

    def __init__(self, site: Site, mount: str) -> None:
        super().__init__(site.host, site.port)
        self.mount = mount
        self.cookies: dict[str, str] = {}

    def visit(
        self, method: str, path: str, body: bytes | None = None, contentType: str = ""
    ) -> Answer:
        """
        Visit a page of the program.
        """
        headers = [("Content-Type", contentType)] if contentType else []
        if self.cookies:
            pairs = (f"{name}={value}" for name, value in self.cookies.items())
            headers.append(("Cookie", "; ".join(pairs)))
        answer = self.fetch(method, f"{self.mount}{path}", headers, body)
        for cookie in answer.header("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def form(self, path: str, text: str) -> Answer:
        """
        Send a form.
        """
        return self.visit("POST", path, text.encode(), "application/x-www-form-urlencoded")


@contextmanager
def served(program: Program, frontEnd: FrontEnd, mount: str) -> Iterator[Served]:
    """
    Run a program behind a web server.
    """
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        app = ["--app-dir", str(PLACE), program.option, "--mount", mount]
        running = stack.enter_context(backend(workspace, frontEnd.serve, app))
        site = stack.enter_context(frontEnd.runningFor(workspace, running))
        assert running.server is not None
        yield Served(program, site, mount.rstrip("/"), running.server)


SCRIPT = """#!{python}
import sys
sys.path.insert(0, {place!r})
from {module} import {name} as program
from txfcgi import serve
from txfcgi.adapters.{adapter} import {kind}
serve({kind}({given}), mount={mount!r}, pathFrom="uri")
"""


@contextmanager
def spawned(program: Program, frontEnd: FrontEnd, mount: str) -> Iterator[Served]:
    """
    Run a web server that starts a program by itself. Its error log is the program's.
    """
    module, name = re.split("[:.]", program.option.partition("=")[2], maxsplit=1)
    isWSGI = program.option.startswith("--wsgi")
    with folder() as root:
        workspace = Workspace(root)
        port = freePort()
        place = root / "srv"
        place.mkdir()
        script = place / "app.fcgi"
        text = SCRIPT.format(
            python=sys.executable,
            place=str(PLACE),
            module=module,
            name=name.partition(".")[0],
            adapter="wsgi" if isWSGI else "resource",
            kind="WSGIApp" if isWSGI else "ResourceApp",
            given="program.resource" if name.endswith(".resource") else "program",
            mount=mount,
        )
        script.write_text(text, "utf-8")
        script.chmod(0o755)
        conf = FCGID.replace("PLACE", str(place)).replace("HOST", workspace.host)
        with apache(workspace, conf.replace("PORT", str(port)), port) as server:
            server.waitUntilAccepting((workspace.host, port))
            site = Site(frontEnd, workspace.host, port, server)
            yield Served(program, site, mount.rstrip("/"), server)


def parameters() -> list[Any]:
    """
    What is run.
    """
    chosen = MATRIX if os.environ.get("TXFCGI_MATRIX") else ONCE
    return [
        pytest.param(
            (program, responder(name), mount),
            id=f"{program.name}-{name}-{mount.strip('/') or 'root'}",
            marks=pytest.mark.xdist_group(f"{program.name}-{name}-{mount}"),
        )
        for program, name, mount in chosen
    ]


@pytest.fixture(scope="module", params=parameters())
def program(request: pytest.FixtureRequest) -> Iterator[Served]:
    """
    A program behind a web server.
    """
    frontEnd = request.param[1]
    with (spawned if frontEnd.spawns else served)(*request.param) as running:
        yield running


@pytest.fixture
def visitor(program: Served) -> Iterator[Visitor]:
    """
    Somebody who visits it.
    """
    with closing(program.visitor()) as visitor:
        yield visitor


def test_paths(program: Served, visitor: Visitor) -> None:
    """
    It knows where it is, and what was asked for, percent-encoded or not.
    """
    for path, name in (("/hello/world", "world"), ("/hello/a%20b", "a b"), ("/hello/%41", "A")):
        answer = visitor.visit("GET", path)
        assert answer.code == 200
        found = json.loads(answer.body)
        assert found["script"] == program.mount
        assert unquote(found["path"]) == f"/hello/{name}"
    assert visitor.visit("GET", "/nothing").code == 404


def test_session(program: Served, visitor: Visitor) -> None:
    """
    It remembers who has come.
    """
    if program.program is DJANGO:
        django(visitor)
        return
    answer = visitor.form("/login", "who=Ada%20%26%20Charles")
    assert answer.code in (302, 303)
    assert answer.header("Location")[0].rpartition("/")[2] == "who"
    assert visitor.visit("GET", "/who").body == b"Ada & Charles\n"


def django(visitor: Visitor) -> None:
    """
    Log in to Django's admin, and look at its pages.
    """
    answer = visitor.visit("GET", "/admin/")
    assert (answer.code, answer.header("Location")) == (
        302,
        [f"{visitor.mount}/admin/login/?next={visitor.mount}/admin/"],
    )
    page = visitor.visit("GET", "/admin/login/").body.decode()
    assert visitor.form("/admin/login/", "username=ada&password=secret").code == 403
    token = re.findall('name="csrfmiddlewaretoken" value="(.*?)"', page)[0]
    form = f"csrfmiddlewaretoken={token}&username=ada&password=secret&next={visitor.mount}/admin/"
    answer = visitor.form("/admin/login/", form)
    assert (answer.code, answer.header("Location")) == (302, [f"{visitor.mount}/admin/"])
    page = visitor.visit("GET", "/admin/").body.decode()
    assert "Site administration" in page
    assert f'href="{visitor.mount}/admin/auth/user/add/"' in page
    style = re.findall('href="(.*?/admin/css/base.css)"', page)[0]
    assert style.startswith(f"{visitor.mount}/static/")
    answer = visitor.visit("GET", style[len(visitor.mount) :])
    assert answer.code == 200
    assert answer.header("Content-Type")[0].startswith("text/css")
    assert b"body {" in answer.body


def test_upload(visitor: Visitor) -> None:
    """
    It takes a file of 20 MiB.
    """
    content = b"".join(b"%015x\n" % number for number in range(20 * MEBI // 16))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--x--\r\n"
    )
    answer = visitor.visit("POST", "/upload", body, "multipart/form-data; boundary=x")
    assert answer.code == 200
    assert answer.body.decode() == hashlib.sha256(content).hexdigest()


def test_stream(visitor: Visitor) -> None:
    """
    It answers in pieces, and to HEAD with none.
    """
    answer = visitor.visit("GET", "/stream")
    assert answer.code == 200
    assert answer.header("Content-Type")[0].startswith("text/")
    assert answer.body == b"".join(b"%09d\n" % number for number in range(1_000))


def test_fail(program: Served, visitor: Visitor) -> None:
    """
    What fails is a 500, and its log says why.
    """
    assert visitor.visit("GET", "/fail").code == 500
    program.server.waitUntilSaid("ValueError: as it has to")
    with closing(program.visitor()) as other:  # Apache closes a connection behind a 500
        assert other.visit("GET", "/hello/again").code == 200


def test_insideTwistedWeb(program: Served, visitor: Visitor) -> None:
    """
    C{static.File} and C{WSGIResource} work inside a site of twisted.web.
    """
    if program.program is not WEB:
        return
    assert visitor.visit("GET", "/wsgi/a/b").body == f"{program.mount}/wsgi /a/b".encode()
    assert visitor.visit("GET", "/files").code == 302
    assert visitor.visit("GET", "/files/nothing").code == 404
