"""
What C{docs/deploy/index.rst} says of the permissions of a socket: each web server, as the user whom
Debian has for it, gets in with the endpoint that is there, and not without it. Only root can be
these users; for others it is tried as themselves.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from .frontends import CHECKOUT, Backend, FrontEnd, Site, responder
from .processes import Workspace, folder, running
from .webservers import Starter, apache, caddy, haproxy, lighttpd, nginx

PAGE = CHECKOUT / "docs" / "deploy" / "index.rst"

#: Debian's own settings for HAProxy, with another folder in the place of /var/lib/haproxy.
CONFINED = """global
    chroot {root}
    user haproxy
    group haproxy

"""


ROOT = os.geteuid() == 0


def inChroot(workspace: Workspace, site: str, port: int) -> object:
    """
    Start HAProxy as Debian does.
    """
    settings = CONFINED.format(root=workspace.root) if ROOT else ""
    return haproxy(workspace, site, port, settings=settings)


#: How each is started as Debian's user, by the name that it has in the tests and in the page.
STARTERS: dict[str, Callable[..., object]] = {
    "nginx": partial(nginx, user="www-data"),
    "apache": partial(apache, user="www-data"),
    "lighttpd": partial(lighttpd, user="www-data"),
    "caddy": partial(caddy, user="caddy" if ROOT else None),
    "haproxy": inChroot,
}

FRONT_ENDS = [
    pytest.param(responder(name), id=name, marks=pytest.mark.xdist_group(name)) for name in STARTERS
]


def endpoints() -> dict[str, str]:
    """
    The endpoints in the table of the page, by web server.
    """
    text = PAGE.read_text("utf-8").partition("Permissions of the socket")[2]
    rows = re.findall(r"   \* - (\w+)\n     - ``([\w-]+)``\n     - ``--port (\S+)``", text)
    return {name.lower(): endpoint for name, _, endpoint in rows}


@contextmanager
def served(workspace: Workspace, endpoint: str, path: Path) -> Iterator[None]:
    """
    Serve the application at an endpoint.
    """
    command = [sys.executable, "-m", "twisted", "--log-format=text", "fcgi"]
    command += ["--port", endpoint, "--app-dir", str(CHECKOUT), "--app", "tests.interop.app.app"]
    with running("app", command, workspace.root) as child:
        child.waitUntilAccepting(str(path))
        yield


@contextmanager
def asDebian(frontEnd: FrontEnd, endpoint: str) -> Iterator[Site]:
    """
    Run an application and a web server, each as it is on Debian.
    """
    start: Starter = STARTERS[frontEnd.name]  # type: ignore[assignment]
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        # HAProxy and Caddy write nothing else; Apache writes its pid file.
        workspace.root.chmod(0o777)
        run = workspace.root / "run"
        run.mkdir(mode=0o755)
        path = run / "app.sock"
        text = re.sub(r"/(?:run|var/lib/haproxy)/txfcgi/app\.sock", str(path), endpoint)
        assert text != endpoint
        stack.enter_context(served(workspace, text, path))
        # In its chroot, HAProxy sees the socket at another path.
        seen = "/run/app.sock" if frontEnd.name == "haproxy" and ROOT else str(path)
        adapted = dataclasses.replace(frontEnd, start=start)
        yield stack.enter_context(adapted.runningFor(workspace, Backend(seen)))


def test_table() -> None:
    """
    The page has each of them.
    """
    assert set(endpoints()) == set(STARTERS)


@pytest.mark.parametrize("frontEnd", FRONT_ENDS)
def test_asPasted(frontEnd: FrontEnd) -> None:
    """
    With the endpoint of the page, the web server gets in.
    """
    endpoint = endpoints()[frontEnd.name]
    if not ROOT:
        endpoint = re.sub("group=[a-z-]+", f"group={os.getgid()}", endpoint)
    with asDebian(frontEnd, endpoint) as site, site.browser() as browser:
        assert browser.fetch("GET", "/hello").body == b"hello\n"


@pytest.mark.parametrize("frontEnd", FRONT_ENDS)
def test_withoutGroup(frontEnd: FrontEnd) -> None:
    """
    Without the group in it, it does not: the browser gets an error of the web server's.
    """
    others = f"group={os.getgid()}" if ROOT else "mode=000"
    endpoint = re.sub("group=[a-z-]+", others, endpoints()[frontEnd.name])
    with asDebian(frontEnd, endpoint) as site, site.browser() as browser:
        assert browser.fetch("GET", "/hello").code in (500, 502, 503)
