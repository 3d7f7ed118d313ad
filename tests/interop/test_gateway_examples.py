"""
The examples that put HTTP in front of a back end, or a back end behind an HTTP client: each is
started as its docstring says.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .backends import phpFPM
from .client import Browser
from .processes import Child, Workspace, folder, freePort, ownHost, running

CHECKOUT = Path(__file__).parent.parent.parent


@contextmanager
def app(name: str) -> Iterator[str]:
    """
    Serve one of the other examples.

    @return: The endpoint for a client.
    """
    with folder() as root:
        path = f"{root}/app.sock"
        twistd = str(Path(sys.executable).with_name("twistd"))
        words = ("-n", "--pidfile=", "fcgi", "--port", f"unix:{path}", "--app", name)
        with running("app", [twistd, *words], root, directory=CHECKOUT) as child:
            child.waitUntilAccepting(path)
            yield f"unix:{path}"


@contextmanager
def example(name: str, *words: str) -> Iterator[tuple[Child, int]]:
    """
    Run an example that answers HTTP.
    """
    port = freePort()
    with folder() as root:
        command = [sys.executable, f"examples/{name}.py", *words]
        command.append(f"tcp:{port}:interface={ownHost()}")
        with running(name, command, root, directory=CHECKOUT) as child:
            child.waitUntilAccepting((ownHost(), port))
            yield child, port


@pytest.mark.xdist_group("gateway-examples")
def test_php() -> None:
    """
    Scripts run, files are shown, and the rest is for index.php.
    """
    with folder() as root:
        (root / "index.php").write_text("<?php echo 'front ', $_SERVER['REQUEST_URI'];")
        (root / "info.php").write_text("<?php echo 'info';")
        (root / "a.css").write_text("css")
        with (
            phpFPM(Workspace(root)) as backend,
            example("gateway_php", backend.endpoints[0], str(root)) as (_, port),
            Browser(ownHost(), port) as browser,
        ):
            for target, body in (
                ("/", b"front /"),
                ("/some/page?x", b"front /some/page?x"),
                ("/info.php", b"info"),
                ("/a.css", b"css"),
            ):
                assert browser.fetch("GET", target).body == body


@pytest.mark.xdist_group("gateway-examples")
def test_treq() -> None:
    """
    treq asks an app.
    """
    with app("examples.simple.app") as endpoint, folder() as root:
        command = [
            sys.executable,
            "examples/agent_treq.py",
            endpoint,
            "http://app/hello?name=world",
        ]
        with running("agent_treq", command, root, directory=CHECKOUT) as child:
            assert child.wait() == 0, child.output()
            assert child.output() == "200 GET /hello?name=world\n200 POST /hello?name=world\n"


@pytest.mark.xdist_group("gateway-examples")
def test_authorizer() -> None:
    """
    The page is for those whom the Authorizer lets in.
    """
    with (
        app("examples.authorizer.app") as endpoint,
        example("authorizer_client", endpoint) as (_, port),
        Browser(ownHost(), port) as browser,
    ):
        answer = browser.fetch("GET", "/")
        assert (answer.code, answer.body) == (401, b"Who are you?\n")
        assert answer.header("WWW-Authenticate") == ['Basic realm="example"']
        credentials = b64encode(b"alice:wonderland").decode()
        answer = browser.fetch("GET", "/", [("Authorization", f"Basic {credentials}")])
        assert (answer.code, answer.body) == (200, b"Welcome to the gold lounge.\n")
