"""
Several processes on one socket that another program holds, and starts them: with the files of
C{docs/deploy/conf}, behind nginx, under steady load, while they are restarted one after the other.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .frontends import APPLICATION, CHECKOUT, NOT_KEPT, Backend, adapted, nginxWith
from .processes import Child, Workspace, find, folder, running
from .steady import Book, Steady, repeated
from .test_steady import childrenOf
from .test_systemd import AS_SYSTEMD_DOES, unit

HERE = str(Path(sys.executable).parent)
PLACES = {
    f"{APPLICATION}/venv/bin": HERE,
    "myapp.app": "tests.interop.programs.counted.app",
}
NGINX = nginxWith("nginx", settings=NOT_KEPT)
PROCESSES = 2

pytestmark = pytest.mark.xdist_group("steady")


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """
    A folder for everything.
    """
    with folder() as path:
        yield Workspace(path)


@pytest.fixture
def book(workspace: Workspace) -> Book:
    """
    What the app writes down.
    """
    return Book(workspace.root)


@contextmanager
def loaded(workspace: Workspace, book: Book) -> Iterator[Steady]:
    """
    Load behind nginx, of which nothing is lost.
    """
    with ExitStack() as stack:
        site = stack.enter_context(NGINX.runningFor(workspace, Backend(workspace.socket)))
        with Steady(site.host, site.port) as load:
            load.wait(lambda: len(load.pids) == PROCESSES)
            yield load
        assert load.failures == []
        assert repeated(book.runs()) == {}


def waitForNew(load: Steady, known: set[int]) -> None:
    """
    Wait until a process answers that has not been there before.
    """
    load.wait(lambda: bool(set(load.pids) - known))
    load.waitForMore(20)


@contextmanager
def supervisord(workspace: Workspace, book: Book) -> Iterator[Child]:
    """
    Run supervisord with our file.
    """
    program = adapted(
        "supervisord.conf",
        {
            **PLACES,
            "/run/txfcgi/app.sock": workspace.socket,
            "socket_owner=app:www-data\n": "",
            "user=app\n": "",
            f"directory={APPLICATION}": f"directory={CHECKOUT}",
        },
    )
    workspace.write("txfcgi.conf", program)
    root = workspace.root
    main = workspace.write(
        "main.conf",
        f"""
[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile={root}/supervisord.pid
childlogdir={root}
[unix_http_server]
file={root}/control.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{root}/control.sock
[include]
files={root}/txfcgi.conf
""",
    )
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(main)]
    with running("supervisord", command, root, book.environment) as child:
        child.waitUntilAccepting(workspace.socket)
        yield child


def test_supervisord(workspace: Workspace, book: Book) -> None:
    """
    supervisord's C{fcgi-program}: two processes on its socket, restarted one after the other.
    """
    control = [sys.executable, "-m", "supervisor.supervisorctl", "-c"]
    control += [str(workspace.root / "main.conf"), "restart"]
    with supervisord(workspace, book), loaded(workspace, book) as load:
        for number in range(PROCESSES):
            known = set(load.pids)
            subprocess.run([*control, f"txfcgi:txfcgi_{number}"], check=True)
            waitForNew(load, known)
        assert len(load.pids) == 2 * PROCESSES


def test_multiwatch(workspace: Workspace, book: Book) -> None:
    """
    spawn-fcgi and multiwatch: two processes on its socket, ended one after the other, and replaced.
    """
    script = adapted(
        "multiwatch.sh",
        {
            **PLACES,
            "/run/txfcgi/app.sock": workspace.socket,
            f"cd {APPLICATION}": f"cd {CHECKOUT}",
            "exec spawn-fcgi": f"exec {find('spawn-fcgi', 'spawn-fcgi')}",
            "/usr/bin/multiwatch": find("/usr/bin/multiwatch", "multiwatch"),
        },
    )
    path = workspace.write("multiwatch.sh", script)
    with running("multiwatch", ["sh", str(path)], workspace.root, book.environment) as watching:
        watching.waitUntilAccepting(workspace.socket)
        with loaded(workspace, book) as load:
            for pid in childrenOf(watching):
                known = set(load.pids)
                os.kill(pid, signal.SIGTERM)
                waitForNew(load, known)
            assert len(load.pids) == 2 * PROCESSES
        left = childrenOf(watching)
        assert len(left) == PROCESSES
        watching.stop()
        for pid in left:
            assert not Path(f"/proc/{pid}").exists()


@contextmanager
def instance(
    name: str, listening: socket.socket, workspace: Workspace, book: Book
) -> Iterator[Child]:
    """
    Start what C{txfcgi@.service} says, as systemd does.
    """
    settings = unit(adapted("txfcgi@.service", PLACES), "Service")
    fd = listening.fileno()
    command = [sys.executable, "-c", AS_SYSTEMD_DOES, str(fd), *shlex.split(settings["ExecStart"])]
    started = running(
        name, command, workspace.root, book.environment, directory=CHECKOUT, descriptors=[fd]
    )
    with started as child:
        yield child


def test_templateUnits(workspace: Workspace, book: Book) -> None:
    """
    Instances of a template unit on one socket of systemd's, restarted one after the other.
    """
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket(socket.AF_UNIX))
        settings = unit(
            adapted("txfcgi-shared.socket", {"/run/txfcgi": str(workspace.root)}), "Socket"
        )
        listening.bind(settings["ListenStream"])
        os.chmod(settings["ListenStream"], int(settings["SocketMode"], 8))
        listening.listen(4096)
        services = []
        for number in range(PROCESSES):
            service = stack.enter_context(ExitStack())
            service.enter_context(instance(f"first{number}", listening, workspace, book))
            services.append(service)
        load = stack.enter_context(loaded(workspace, book))
        for number, service in enumerate(services):
            known = set(load.pids)
            service.close()
            service.enter_context(instance(f"second{number}", listening, workspace, book))
            waitForNew(load, known)
        assert len(load.pids) == 2 * PROCESSES


def test_templateUnderSocketActivate(workspace: Workspace, book: Book) -> None:
    """
    The command of the template serves on the socket of C{systemd-socket-activate}, too.
    """
    settings = unit(adapted("txfcgi@.service", PLACES), "Service")
    activate = [find("systemd-socket-activate", "systemd"), "--listen", workspace.socket]
    activate += [f"--setenv={name}={value}" for name, value in book.environment.items()]
    command = [*activate, *shlex.split(settings["ExecStart"])]
    with ExitStack() as stack:
        started = running("activated", command, workspace.root, directory=CHECKOUT)
        child = stack.enter_context(started)
        child.waitUntilSaid("Listening on")
        site = stack.enter_context(NGINX.runningFor(workspace, Backend(workspace.socket)))
        with Steady(site.host, site.port) as load:
            load.waitForMore(20)
        assert (load.failures, len(load.pids)) == ([], 1)


def test_templateIsValid(workspace: Workspace) -> None:
    """
    systemd finds no fault with the files.
    """
    changes = {
        f"{APPLICATION}/venv/bin": HERE,
        f"WorkingDirectory={APPLICATION}": f"WorkingDirectory={CHECKOUT}",
    }
    workspace.write("txfcgi@.service", adapted("txfcgi@.service", changes))
    listener = workspace.write("txfcgi-shared.socket", adapted("txfcgi-shared.socket", {}))
    instances = [str(workspace.root / f"txfcgi@{number}.service") for number in (1, 2)]
    done = subprocess.run(
        [find("systemd-analyze", "systemd"), "verify", str(listener), *instances],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
