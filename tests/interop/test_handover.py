"""
One generation of an application server after the other on the same listening socket, behind a web
server, while browsers ask: none of them notices.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .frontends import CHECKOUT, RESPONDERS, Backend, FrontEnd
from .processes import PATIENCE, PAUSE, Child, Workspace, folder, running
from .test_restarts import Load

#: How often one generation follows another; many more in a session of nox.
HANDOVERS = int(os.environ.get("TXFCGI_HANDOVERS", "3"))


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


def handedOver(frontEnd: FrontEnd) -> Counter[int | str]:
    """
    Let generations follow one another under load.

    @return: What the browsers got.
    """
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        path = str(workspace.root / "app.sock")
        listening = stack.enter_context(socket.socket(socket.AF_UNIX))
        listening.bind(path)
        os.chmod(path, 0o666)
        listening.listen(4096)
        current = stack.enter_context(ExitStack())
        child = current.enter_context(generation(0, listening, frontEnd, workspace.root))
        site = stack.enter_context(frontEnd.runningFor(workspace, Backend(path)))
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


@pytest.mark.parametrize(
    "frontEnd",
    [
        pytest.param(frontEnd, id=frontEnd.name, marks=pytest.mark.xdist_group(frontEnd.name))
        for frontEnd in RESPONDERS
        if frontEnd.name in ("nginx", "nginx-scgi", "haproxy")
    ],
)
def test_handover(frontEnd: FrontEnd) -> None:
    """
    Each generation ends while the next one serves, and every request is answered with 200.
    """
    answers = handedOver(frontEnd)
    assert set(answers) == {200}, answers
