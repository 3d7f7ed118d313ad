"""
The unit files of C{docs/deploy/conf}: what they say is done, with the test in the place of systemd.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path

import pytest

from .frontends import APPLICATION, CHECKOUT, Backend, adapted, responder
from .processes import Child, Workspace, find, folder, running

# Replaces itself by a program as systemd starts one with one socket (sd_listen_fds(3)): the socket
# is descriptor 3, and a variable has the program's own process id.
AS_SYSTEMD_DOES = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="txfcgi.socket", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""

SERVICE = {
    f"{APPLICATION}/venv/bin": str(Path(sys.executable).parent),
    "myapp.app": "tests.interop.app.app",
    f"WorkingDirectory={APPLICATION}": f"WorkingDirectory={CHECKOUT}",
}


def unit(text: str, section: str) -> dict[str, str]:
    """
    The settings in a section of a unit file.
    """
    parser = ConfigParser(interpolation=None, delimiters=["="])
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return dict(parser[section])


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """
    A folder for the socket.
    """
    with folder() as path:
        yield Workspace(path)


@pytest.fixture
def listening(workspace: Workspace) -> Iterator[socket.socket]:
    """
    The socket, made as C{txfcgi.socket} says.
    """
    settings = unit(adapted("txfcgi.socket", {"/run/txfcgi": str(workspace.root)}), "Socket")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(settings["ListenStream"])
        os.chmod(settings["ListenStream"], int(settings["SocketMode"], 8))
        made.listen()
        yield made


@contextmanager
def service(workspace: Workspace, listening: socket.socket, name: str) -> Iterator[Child]:
    """
    Start what C{txfcgi.service} says.
    """
    settings = unit(adapted("txfcgi.service", SERVICE), "Service")
    command = shlex.split(settings["ExecStart"])
    with running(
        name,
        [sys.executable, "-c", AS_SYSTEMD_DOES, str(listening.fileno()), *command],
        workspace.root,
        directory=Path(settings["WorkingDirectory"]),
        descriptors=[listening.fileno()],
    ) as child:
        yield child


def test_socketActivation(workspace: Workspace, listening: socket.socket) -> None:
    """
    The application serves on systemd's socket, ends with status 0, and leaves the socket to the
    process that is started next: a request that comes between the two waits for that.
    """
    nginx = responder("nginx")
    with nginx.runningFor(workspace, Backend(workspace.socket)) as site, site.browser() as browser:
        with service(workspace, listening, "first") as first:
            assert browser.fetch("GET", "/hello").body == b"hello\n"
            assert first.stop() == 0
        browser.send("GET", "/hello")
        with service(workspace, listening, "second"):
            assert browser.head().read() == b"hello\n"


def test_unitsAreValid(workspace: Workspace) -> None:
    """
    systemd finds no fault with the files.
    """
    service = workspace.write("txfcgi.service", adapted("txfcgi.service", SERVICE))
    listener = workspace.write("txfcgi.socket", adapted("txfcgi.socket", {}))
    done = subprocess.run(
        [find("systemd-analyze", "systemd"), "verify", str(service), str(listener)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
