"""
What web servers send of paths when they are configured with nothing but what they come with, and
the option that makes SCRIPT_NAME and PATH_INFO of it that an app can use.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from .client import Answer, Browser
from .frontends import CHECKOUT, backend
from .processes import Child, Workspace, folder, freePort
from .test_programs import DJANGO, FLASK, STARLETTE, WEB, Program
from .webservers import FCGID, Starter, apache, lighttpd, nginx

PLACE = CHECKOUT / "tests" / "interop" / "programs"
SHOWS = ["--app", "paths_app.app"]

NGINX = """
server {
    listen HOST:PORT;
    location / {
        include /etc/nginx/fastcgi_params;
        fastcgi_pass unix:SOCKET;
    }
    location /admin/ { deny all; }
    location /old/ {
        rewrite ^/old/(.*)$ /new/$1 break;
        include /etc/nginx/fastcgi_params;
        fastcgi_pass unix:SOCKET;
    }
}
"""
NGINX_SCGI = NGINX.replace("fastcgi", "scgi")
APACHE = """
# a2enmod proxy_fcgi;
Listen HOST:PORT
<VirtualHost *:PORT>
    ProxyPass "/" "unix:SOCKET|fcgi://localhost/"
</VirtualHost>
"""
APACHE_BELOW = APACHE.replace('"/"', '"/shop/"').replace("localhost/", "localhost/shop/")
APACHE_SCGI = APACHE.replace("fcgi", "scgi")
LIGHTTPD = """
server.modules += ( "mod_fastcgi" )
fastcgi.server = ( "/" => (( "socket" => "SOCKET", "check-local" => "disable" )) )
"""
LIGHTTPD_BELOW = LIGHTTPD.replace('"/"', '"/shop"')
LIGHTTPD_SCGI = LIGHTTPD_BELOW.replace("fastcgi", "scgi")

#: A web server, its configuration, the command that serves it, and what it sends of a path as
#: SCRIPT_NAME, PATH_INFO and SCRIPT_FILENAME, where that matters.
PLAIN: dict[str, tuple[Starter, str, str, Sequence[str | None]]] = {
    "nginx": (nginx, NGINX, "fcgi", ("/shop/a b", None, None)),
    "nginx-scgi": (nginx, NGINX_SCGI, "scgi", (None, None, None)),
    "apache": (apache, APACHE, "fcgi", ("/shop/a b", None, "proxy:fcgi://localhost/shop/a%20b")),
    "apache-below": (
        apache,
        APACHE_BELOW,
        "fcgi",
        ("/shop/a b", None, "proxy:fcgi://localhost/shop/a%20b"),
    ),
    "apache-scgi": (
        apache,
        APACHE_SCGI,
        "scgi",
        ("/shop/a b", None, "proxy:scgi://localhost/shop/a%20b"),
    ),
    "lighttpd": (lighttpd, LIGHTTPD, "fcgi", ("/shop", "/a b", None)),
    "lighttpd-below": (lighttpd, LIGHTTPD_BELOW, "fcgi", ("/shop", "/a b", None)),
    "lighttpd-scgi": (lighttpd, LIGHTTPD_SCGI, "scgi", ("/shop", "/a b", None)),
}


@contextmanager
def logged(
    start: Starter, conf: str, serve: str, app: Sequence[str], *options: str
) -> Iterator[tuple[Browser, Child]]:
    """
    Run an app behind a web server, and have what it writes.
    """
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        port = freePort()
        given = ["--app-dir", str(PLACE), *app, *options]
        child = stack.enter_context(backend(workspace, [serve], given)).server
        assert child is not None
        text = conf.replace("SOCKET", workspace.socket).replace("HOST", workspace.host)
        server = stack.enter_context(start(workspace, text.replace("PORT", str(port)), port))
        server.waitUntilAccepting((workspace.host, port))
        yield stack.enter_context(closing(Browser(workspace.host, port))), child


@contextmanager
def running(
    start: Starter, conf: str, serve: str, app: Sequence[str], *options: str
) -> Iterator[Browser]:
    """
    Run an app behind a web server.
    """
    with logged(start, conf, serve, app, *options) as (browser, _):
        yield browser


def shown(answer: Answer) -> dict[str, Any]:
    """
    What the app shows.
    """
    assert answer.code == 200, answer.body
    found: dict[str, Any] = json.loads(answer.body)
    return found


@pytest.mark.parametrize("name", PLAIN)
def test_mount(name: str) -> None:
    """
    C{--mount} makes of what each of them sends what an app can use.
    """
    start, conf, serve, (script, info, filename) = PLAIN[name]
    for mount, expected in (("/shop", ("/shop", "/a b")), ("/", ("", "/shop/a b"))):
        with running(start, conf, serve, SHOWS, "--mount", mount) as browser:
            found = shown(browser.fetch("GET", "/shop/a%20b?x=/../y"))
            assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == (script, info)
            if filename is not None:
                assert found["SCRIPT_FILENAME"] == filename
            assert (found["scriptName"], found["pathInfo"]) == expected
            assert found["path"] == "/shop/a b"
            if mount == "/shop" and '"/shop' not in conf:
                assert browser.fetch("GET", "/shopping").code == 404


@pytest.mark.parametrize("program", [DJANGO, FLASK, STARLETTE], ids=lambda program: program.name)
@pytest.mark.parametrize("name", ["nginx", "nginx-scgi"])
def test_frameworks(name: str, program: Program) -> None:
    """
    With what nginx comes with and nothing else, an application of each kind finds its routes, at
    the root of a site and below it.
    """
    start, conf, serve, _ = PLAIN[name]
    for mount, below in (("/", ""), ("/shop", "/shop")):
        with running(start, conf, serve, [program.option], "--mount", mount) as browser:
            found = shown(browser.fetch("GET", f"{below}/hello/world"))
            assert (found["script"], found["path"]) == (below, "/hello/world")


@pytest.mark.parametrize("workers", [1, 2], ids=["alone", "workers"])
@pytest.mark.parametrize("program", [FLASK, STARLETTE, WEB], ids=lambda program: program.name)
@pytest.mark.parametrize("name", ["nginx", "nginx-scgi"])
def test_unmounted(name: str, program: Program, workers: int) -> None:
    """
    Without C{--mount}, an application of each kind finds no routes then, and each process that
    serves it says so once, with the option that is missing.
    """
    start, conf, serve, _ = PLAIN[name]
    options = ["--workers", str(workers)] if workers > 1 else []
    sent = {
        "nginx": "SCRIPT_NAME, '/hello/world', as nginx does with its own fastcgi_params",
        "nginx-scgi": "DOCUMENT_URI, '/hello/world', as nginx does with its own scgi_params",
    }[name]
    with logged(start, conf, serve, [program.option], *options) as (browser, child):
        for _ in range(6):
            assert browser.fetch("GET", "/hello/world").code != 200
        child.waitUntilSaid("finds no path in PATH_INFO")
        told = [line for line in child.output().splitlines() if "PATH_INFO" in line]
        assert 1 <= len(told) <= workers, told
        for line in told:
            assert f"the web server sends all of it as {sent}. With --mount / " in line


@pytest.mark.parametrize(
    ("option", "symptom"),
    [
        pytest.param("--wsgi=homes:bottle", "home", id="bottle"),
        pytest.param("--asgi=homes:litestar", "home", id="litestar"),
        pytest.param("--wsgi=homes:flask", "redirect 308", id="flask"),
        pytest.param("--asgi=homes:fastapi", "redirect 307", id="fastapi"),
        pytest.param("--asgi=homes:quart", "404", id="quart"),
    ],
)
def test_symptoms(option: str, symptom: str) -> None:
    """
    Without C{--mount}, behind nginx's own fastcgi_params, the frameworks differ in what a browser
    sees: the home page everywhere, redirects without end, or no page at all.
    """
    start, conf, serve, _ = PLAIN["nginx"]
    with running(start, conf, serve, [option]) as browser:
        for target in ("/", "/item"):
            path, seen = target, []
            for _ in range(5):
                answer = browser.fetch("GET", path)
                seen.append(answer.code)
                if answer.code < 300 or answer.code >= 400:
                    break
                path = (
                    urlsplit(answer.header("Location")[0])._replace(scheme="", netloc="").geturl()
                )
                path = "/" + path.lstrip("/")
            if symptom == "home":
                assert (seen, answer.body) == ([200], b"home")
            elif symptom == "404":
                assert seen == [404]
            else:
                assert seen == [int(symptom.split()[1])] * 5


GUARDED = [
    "/admin/x",
    "/%61dmin/x",
    "//admin//x",
    "/./admin/x",
    "/new/../admin/x",
    "/new/%2e%2e/admin/x",
    "/new%2f..%2fadmin/x",
    "/admin%2fx",
]
#: What nginx lets pass, as it is no path of the guarded location.
PASSED = ["/admin/../public", "/admin/%2e%2e/public", "/admin%2f..%2fpublic", "/admin/..//public"]


@pytest.mark.parametrize("options", [(), ("--path-from", "uri")], ids=["params", "uri"])
def test_guarded(options: Sequence[str]) -> None:
    """
    An app sees no path of a location that nginx guards. With C{--path-from uri} that holds as long
    as nginx does not rewrite: it sees what the browser sent, not what nginx made of it.
    """
    with running(nginx, NGINX, "fcgi", SHOWS, "--mount", "/", *options) as browser:
        for target in GUARDED:
            assert browser.fetch("GET", target).code == 403, target
        for target in PASSED:
            found = shown(browser.fetch("GET", target))
            assert (found["path"], found["pathInfo"]) == ("/public", "/public"), target
            assert found["REQUEST_URI"] == target
        found = shown(browser.fetch("GET", "/old/x"))
        assert found["path"] == ("/old/x" if options else "/new/x")


SCRIPT = """#!{python}
import sys
sys.path.insert(0, {place!r})
from paths_app import app
from txfcgi import serve
serve(app{options})
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param("", ("/app.fcgi", "/shop/a b"), id="as-sent"),
        pytest.param(", mount='/', pathFrom='uri'", ("", "/shop/a b"), id="uri-root"),
        pytest.param(", mount='/shop', pathFrom='uri'", ("/shop", "/a b"), id="uri-mounted"),
    ],
)
def test_modFcgid(options: str, expected: tuple[str, str]) -> None:
    """
    With mod_fcgid the script is in SCRIPT_NAME, also where the browser did not name it; the path
    that the browser asked for is in REQUEST_URI alone.
    """
    with folder() as root:
        workspace = Workspace(root)
        port = freePort()
        place = root / "srv"
        place.mkdir()
        script = place / "app.fcgi"
        script.write_text(
            SCRIPT.format(python=sys.executable, place=str(PLACE), options=options), "utf-8"
        )
        script.chmod(0o755)
        text = FCGID.replace("PLACE", str(place)).replace("HOST", workspace.host)
        with apache(workspace, text.replace("PORT", str(port)), port) as server:
            server.waitUntilAccepting((workspace.host, port))
            with closing(Browser(workspace.host, port)) as browser:
                found = shown(browser.fetch("GET", "/shop/a%20b"))
        assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("/app.fcgi", "/shop/a b")
        assert (found["scriptName"], found["pathInfo"]) == expected
