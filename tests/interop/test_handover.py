"""
One generation of an application server after the other on the same listening socket, behind a web
server, while browsers ask: none of them notices.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from .frontends import CHECKOUT, RESPONDERS, Backend, FrontEnd
from .processes import PATIENCE, PAUSE, Child, Workspace, folder, running
from .test_restarts import Load

#: How often one generation follows another; many more in a session of nox.
HANDOVERS = int(os.environ.get("TXFCGI_HANDOVERS", "3"))

#: How many requests wait while a server is restarted.
WAITING = 20


@contextmanager
def generation(
    number: int, listening: socket.socket, frontEnd: FrontEnd, where: Path
) -> Iterator[Child]:
    """
    Run an application server on a socket that it inherits.
    """
    command = [sys.executable, "-m", "twisted", "--log-format=text", *frontEnd.serve]
    command += ["--port", f"fcgi:fd={listening.fileno()}", "--app-dir", str(CHECKOUT)]
    command += ["--app", "tests.interop.app.app"]
    descriptors = [listening.fileno()]
    with running(f"app{number}", command, where, descriptors=descriptors) as child:
        deadline = time.monotonic() + PATIENCE
        while "Listens on " not in child.output():
            assert time.monotonic() < deadline, child.output()
            child.assertRunning(PAUSE)
        yield child


@contextmanager
def held(workspace: Workspace) -> Iterator[socket.socket]:
    """
    A listening socket that outlives those who serve on it.
    """
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(workspace.socket)
        os.chmod(workspace.socket, 0o666)
        listening.listen(4096)
        yield listening


def handedOver(frontEnd: FrontEnd) -> Counter[int | str]:
    """
    Let generations follow one another under load.

    @return: What the browsers got.
    """
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        listening = stack.enter_context(held(workspace))
        current = stack.enter_context(ExitStack())
        child = current.enter_context(generation(0, listening, frontEnd, workspace.root))
        site = stack.enter_context(frontEnd.runningFor(workspace, Backend(workspace.socket)))
        with Load(site.host, site.port) as load:
            for number in range(1, HANDOVERS + 1):
                load.waitForMore(50)
                following = stack.enter_context(ExitStack())
                new = generation(number, listening, frontEnd, workspace.root)
                heir = following.enter_context(new)
                assert child.stop() == 0, child.output()
                current.close()
                current, child = following, heir
            load.waitForMore(50)
        return load.answers


# Apache makes a connection for each request here: of those that it keeps it may use one that is
# closed at that moment, and does not ask again.
NOT_KEPT = {"apache": {"enablereuse=on": "enablereuse=off"}}


def changed(frontEnd: FrontEnd) -> FrontEnd:
    """
    A front end as it can't lose a request.
    """
    settings = {**frontEnd.settings, **NOT_KEPT.get(frontEnd.name, {})}
    return replace(frontEnd, settings=settings)


@pytest.mark.parametrize(
    "frontEnd",
    [
        pytest.param(changed(each), id=each.name, marks=pytest.mark.xdist_group(each.name))
        for each in RESPONDERS
        if each.name
        in ("nginx", "nginx-scgi", "haproxy", "apache", "apache-scgi", "lighttpd", "lighttpd-scgi")
    ],
)
def test_handover(frontEnd: FrontEnd) -> None:
    """
    Each generation ends while the next one serves, and every request is answered with 200.
    """
    answers = handedOver(frontEnd)
    assert set(answers) == {200}, answers


WEB_SERVERS = [
    pytest.param(frontEnd, id=frontEnd.name, marks=pytest.mark.xdist_group(frontEnd.name))
    for frontEnd in RESPONDERS
    if frontEnd.name in ("nginx", "haproxy", "apache", "lighttpd", "caddy")
]


@pytest.mark.parametrize("frontEnd", WEB_SERVERS)
def test_restart(frontEnd: FrontEnd) -> None:
    """
    A server is restarted on a socket that outlives it, while it has twenty requests that it could
    not even read: each is served, by the one that ends or by the next one.
    """
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        listening = stack.enter_context(held(workspace))
        first = stack.enter_context(generation(1, listening, frontEnd, workspace.root))
        site = stack.enter_context(frontEnd.runningFor(workspace, Backend(workspace.socket)))
        browsers = [stack.enter_context(site.browser()) for _ in range(WAITING)]
        first.process.send_signal(signal.SIGSTOP)
        for number, browser in enumerate(browsers):
            browser.send("POST", "/repeat", body=b"body %d" % number)
        first.process.send_signal(signal.SIGTERM)
        first.process.send_signal(signal.SIGCONT)
        assert first.wait() == 0, first.output()
        stack.enter_context(generation(2, listening, frontEnd, workspace.root))
        answers = [browser.head().read() for browser in browsers]
        assert answers == [b"body %d" % number for number in range(WAITING)]
