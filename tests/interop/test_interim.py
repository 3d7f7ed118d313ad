"""
Interim responses behind real web servers: lighttpd passes them on, and for the others they are left
out.
"""

from __future__ import annotations

import subprocess

import pytest

from .frontends import CHECKOUT, backend, responder
from .processes import Workspace, find, folder
from .programs.hints import LINK

HINTS = ("--app-dir", str(CHECKOUT), "--app", "tests.interop.programs.hints.app")


def heads(name: str, *options: str) -> tuple[list[str], str, str]:
    """
    Ask the app through a web server.

    @param name: The web server.
    @param options: More options of C{twist fcgi}.
    @return: The heads that it sends, in lower case; the body; and the log of the app.
    """
    frontEnd = responder(name)
    with folder() as path:
        workspace = Workspace(path)
        with (
            backend(workspace, ("fcgi", *options), HINTS) as served,
            frontEnd.runningFor(workspace, served) as site,
        ):
            url = f"http://{site.host}:{site.port}/"
            asked = subprocess.run(
                [find("curl", "curl"), "-sS", "--http1.1", "-D", "-", url],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            assert served.server is not None
            log = served.server.output()
    *found, body = asked.stdout.replace("\r\n", "\n").split("\n\n")
    return [head.lower() for head in found], body, log


@pytest.mark.xdist_group("lighttpd")
def test_passedOn() -> None:
    """
    lighttpd sends the browser the hints, and then the response.
    """
    [hints, head], body, _ = heads("lighttpd", "--interim")
    assert hints == f"http/1.1 103 early hints\nlink: {LINK}"
    assert head.startswith("http/1.1 200 ok\n")
    assert "link:" not in head
    assert body == "the page"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xdist_group(name))
        for name in ("nginx", "apache", "lighttpd", "caddy", "haproxy")
    ],
)
def test_leftOut(name: str) -> None:
    """
    Without C{--interim}, a browser gets the response alone, behind each of them, and the log says
    why.
    """
    [head], body, log = heads(name)
    assert " 200" in head.partition("\n")[0]
    assert "link:" not in head
    assert body == "the page"
    assert log.count("an interim response to ") == 1


@pytest.mark.xdist_group("nginx")
def test_takenForTheResponse() -> None:
    """
    That it is off without being asked for has a reason: nginx takes the hints for the response, and
    there is no other.
    """
    with pytest.raises(subprocess.CalledProcessError) as failed:
        heads("nginx", "--interim")
    assert failed.value.stdout.startswith("HTTP/1.1 103 ")
    assert "HTTP/1.1 200" not in failed.value.stdout
