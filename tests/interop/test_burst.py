"""
A burst of browsers while the application is busy: all of them wait, and are answered.
"""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from .client import Browser
from .frontends import CHECKOUT, RESPONDERS, Backend, FrontEnd
from .processes import Workspace, folder, freePort, running

#: More than the queue of a socket had room for.
BURST = 700

FRONT_ENDS = [
    pytest.param(frontEnd, id=frontEnd.name, marks=pytest.mark.xdist_group(frontEnd.name))
    for frontEnd in RESPONDERS
    if frontEnd.name in ("nginx", "nginx-tcp")
]


@pytest.mark.parametrize("frontEnd", FRONT_ENDS)
def test_burst(frontEnd: FrontEnd) -> None:
    """
    The application is held while they ask. When it goes on, each gets its answer: before, nginx
    had no room for more than 512 and answered 502.
    """
    somaxconn = int(Path("/proc/sys/net/core/somaxconn").read_text())
    assert somaxconn > BURST, f"sysctl net.core.somaxconn={somaxconn} is too small for this test"
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        port = freePort()
        command = [sys.executable, "-m", "twisted", "--log-format=text", "fcgi"]
        command += ["--port", f"unix:{workspace.socket}"]
        command += ["--port", f"tcp:{port}:interface={workspace.host}"]
        command += ["--app-dir", str(CHECKOUT), "--app", "tests.interop.app.app"]
        child = stack.enter_context(running("app", command, workspace.root))
        child.waitUntilAccepting(workspace.socket, (workspace.host, port))
        served = Backend(workspace.socket, f"{workspace.host}:{port}")
        site = stack.enter_context(frontEnd.runningFor(workspace, served))
        child.process.send_signal(signal.SIGSTOP)
        stack.callback(child.process.send_signal, signal.SIGCONT)
        browsers = [stack.enter_context(Browser(site.host, site.port)) for _ in range(BURST)]
        for browser in browsers:
            browser.send("GET", "/hello")
        # What nginx has not passed on yet meets less of a crowd, on a slow machine.
        child.process.send_signal(signal.SIGCONT)
        codes = [browser.head().status for browser in browsers]
        assert codes == [200] * BURST
