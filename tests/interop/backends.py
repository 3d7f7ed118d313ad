"""
Back ends that the client calls: how each is started, and what is known about how it behaves. Their
programs are in C{programs/}, and do the same on each.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from txfcgi.cgiparams import PHPFPM, cgiParams
from txfcgi.client.client import Client, FastCGIClient
from txfcgi.client.scgi import SCGIClient

from .processes import SEARCH_PATH, Child, Workspace, find, folder, freePort, running

PROGRAMS = Path(__file__).parent / "programs"
CHECKOUT = Path(__file__).parent.parent.parent

# What ?big answers: 20 MiB in which no two pieces of a record's size are alike.
BIG = b"".join(b"%015d\n" % number for number in range(20 * 1024 * 1024 // 16))


def sha256(body: bytes) -> bytes:
    """
    What ?count answers to a body.
    """
    return hashlib.sha256(body).hexdigest().encode("ascii") + b"\n"


def polynomial(body: bytes) -> bytes:
    """
    What ?count of the program in C answers.
    """
    total = 0
    for byte in body:
        total = (total * 31 + byte) & 0xFFFFFFFF
    return b"%d %d\n" % (len(body), total)


@dataclass(frozen=True)
class RunningBackend:
    """
    A back end that runs.

    @ivar endpoints: where it listens, as descriptions of endpoints.
    @ivar script: the file that it runs, where it has to be told.
    """

    child: Child
    workspace: Workspace
    endpoints: tuple[str, ...]
    script: Path | None = None

    def params(self, action: str, method: str = "GET", **more: str) -> dict[str, str]:
        """
        The params of a request for one of the things that the programs can do.
        """
        if self.script is None:
            params = cgiParams(method, f"/app?{action}", scriptName="", pathInfo="/app")
        else:
            site = PHPFPM(str(self.script.parent), suffixes=(self.script.suffix,))
            params = site.params(method, f"/{self.script.name}?{action}")
        return params | more


@contextmanager
def phpFPM(workspace: Workspace, children: int = 4, settings: str = "") -> Iterator[RunningBackend]:
    """
    Run php-fpm, on a Unix and a TCP socket.

    @param settings: more lines for both of its pools.
    """
    programs = sorted(
        name
        for place in SEARCH_PATH.split(os.pathsep)
        for name in (os.listdir(place) if os.path.isdir(place) else ())
        if name.startswith("php-fpm")
    )
    program = find(programs[-1] if programs else "php-fpm", "php-fpm")
    port = freePort()
    listening = (workspace.socket, f"{workspace.host}:{port}")
    user = "user = root\ngroup = root" if os.geteuid() == 0 else ""
    pools = "".join(
        f"""
[pool{number}]
{user}
listen = {address}
pm = static
pm.max_children = {children}
pm.status_path = /status
ping.path = /ping
catch_workers_output = yes
php_admin_value[error_log] =
php_admin_flag[log_errors] = on
php_admin_flag[display_errors] = off
php_admin_value[post_max_size] = 100M
php_admin_value[memory_limit] = 256M
{settings}
"""
        for number, address in enumerate(listening)
    )
    conf = workspace.write(
        "php-fpm.conf",
        f"[global]\ndaemonize = no\nerror_log = /dev/stderr\nprocess_control_timeout = 1\n{pools}",
    )
    asRoot = ["--allow-to-run-as-root"] if os.geteuid() == 0 else []
    command = [program, "--nodaemonize", *asRoot, "--fpm-config", str(conf), "--no-php-ini"]
    with running("php-fpm", command, workspace.root) as child:
        child.waitUntilAccepting(workspace.socket, (workspace.host, port))
        yield RunningBackend(
            child,
            workspace,
            (f"unix:{workspace.socket}", f"tcp:{workspace.host}:{port}"),
            PROGRAMS / "app.php",
        )


@contextmanager
def group(
    name: str, command: list[str], workspace: Workspace, script: Path | None = None
) -> Iterator[RunningBackend]:
    """
    Run a program that serves on the workspace's Unix socket, and has children, in a process group
    of its own, which is killed in the end: fcgiwrap leaves its children behind, and uWSGI's miss a
    signal to end that comes while they start.
    """
    with running(name, ["setsid", *command], workspace.root) as child:
        child.waitUntilAccepting(workspace.socket)
        try:
            yield RunningBackend(child, workspace, (f"unix:{workspace.socket}",), script)
        finally:
            os.killpg(child.process.pid, signal.SIGKILL)


def fcgiwrap(workspace: Workspace) -> AbstractContextManager[RunningBackend]:
    """
    Run fcgiwrap, which runs a CGI program for each request.
    """
    command = [find("fcgiwrap", "fcgiwrap"), "-c", "4", "-f", "-s", f"unix:{workspace.socket}"]
    return group("fcgiwrap", command, workspace, PROGRAMS / "app.cgi")


@contextmanager
def plain(name: str, command: list[str], workspace: Workspace) -> Iterator[RunningBackend]:
    """
    Run a program that serves on the workspace's Unix socket.
    """
    with running(name, command, workspace.root) as child:
        child.waitUntilAccepting(workspace.socket)
        yield RunningBackend(child, workspace, (f"unix:{workspace.socket}",))


def compiled(command: list[str], workspace: Workspace) -> str:
    """
    Compile a program.

    @param command: the compiler and its arguments, but for where the result goes.
    @return: the program.
    """
    target = str(workspace.root / "program")
    built = subprocess.run(
        [argument.replace("TARGET", target) for argument in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout
    return target


def libfcgi(workspace: Workspace) -> AbstractContextManager[RunningBackend]:
    """
    Run a program in C on libfcgi, in four processes.
    """
    compiler = find("gcc", "gcc libc6-dev")
    find("/usr/include/fcgiapp.h", "libfcgi-dev")
    source = str(PROGRAMS / "app.c")
    program = compiled([compiler, "-O1", "-o", "TARGET", source, "-lfcgi"], workspace)
    return plain("libfcgi", [program, workspace.socket, "4"], workspace)


def golang(workspace: Workspace) -> AbstractContextManager[RunningBackend]:
    """
    Run a program in Go on net/http/fcgi.
    """
    compiler = find("go", "golang-go")
    program = compiled([compiler, "build", "-o", "TARGET", str(PROGRAMS / "app.go")], workspace)
    return plain("go", [program, workspace.socket], workspace)


def flup(workspace: Workspace, protocol: str = "fcgi") -> AbstractContextManager[RunningBackend]:
    """
    Run flup, in the Python that runs the tests: it comes with their requirements.
    """
    command = [sys.executable, str(PROGRAMS / "wsgi.py"), protocol, workspace.socket]
    return plain("flup", command, workspace)


def aioscgi(workspace: Workspace) -> AbstractContextManager[RunningBackend]:
    """
    Run aioscgi, in the Python that runs the tests: it comes with their requirements.
    """
    program = "import sys, aioscgi.main; sys.path.insert(0, {!r}); aioscgi.main.main()"
    command = [sys.executable, "-c", program.format(str(PROGRAMS))]
    command += ["--unix-socket", workspace.socket, "asgi:application"]
    return plain("aioscgi", command, workspace)


def uWSGI(
    workspace: Workspace, protocol: str = "fastcgi"
) -> AbstractContextManager[RunningBackend]:
    """
    Run uWSGI, with a socket for one of its protocols.
    """
    program = find("uwsgi-core", "uwsgi-core")
    find("/usr/lib/uwsgi/plugins/python3_plugin.so", "uwsgi-plugin-python3")
    command = [program, "--plugin", "python3", f"--{protocol}-socket", workspace.socket]
    command += ["--wsgi-file", str(PROGRAMS / "wsgi.py"), "--processes", "2", "--master"]
    command += ["--need-app", "--disable-logging"]
    return group("uwsgi", command, workspace)


def ourselves(
    workspace: Workspace, protocol: str = "fcgi"
) -> AbstractContextManager[RunningBackend]:
    """
    Run C{twist fcgi} or C{twist scgi} with L{tests.interop.programs.ours}.
    """
    command = [sys.executable, "-m", "twisted", protocol, "--port", f"unix:{workspace.socket}"]
    command += ["--app-dir", str(CHECKOUT), "--app", "tests.interop.programs.ours.app"]
    return plain("txfcgi", command, workspace)


@dataclass(frozen=True)
class BackendKind:
    """
    A kind of back end.

    @ivar keeps: whether it keeps connections.
    @ivar connections: how many it can serve at once, where that is fewer than a client has.
    @ivar hasStderr: whether what a program writes to its stderr comes back.
    @ivar exitStatus: what becomes of a program's exit status 7 (938 in C): php-fpm and fcgiwrap
        keep it to themselves; L{None} if it can't have one.
    @ivar digest: what ?count answers.
    @ivar uploadBytes: how large an upload may be.
    @ivar unread: the statuses that an answer may have when the program does not read its body.
        fcgiwrap may hear of that before it hears the answer.
    @ivar joins: whether a param may be split over several records.
    @ivar client: what calls it.
    """

    name: str
    start: Callable[[Workspace], AbstractContextManager[RunningBackend]]
    keeps: bool = True
    connections: int = 10
    hasStderr: bool = True
    exitStatus: int | None = None
    digest: Callable[[bytes], bytes] = sha256
    uploadBytes: int = 20 * 1024 * 1024
    unread: Container[int] = frozenset({200})
    joins: bool = True
    client: type[Client] = FastCGIClient

    @contextmanager
    def running(self) -> Iterator[RunningBackend]:
        """
        Run it in a folder of its own.
        """
        with folder() as path, self.start(Workspace(path)) as backend:
            yield backend


PHP = BackendKind("php-fpm", phpFPM, connections=4, exitStatus=0, joins=False)

BACKENDS = [
    PHP,
    BackendKind("fcgiwrap", fcgiwrap, connections=4, exitStatus=0, unread=frozenset({200, 502})),
    BackendKind(
        "libfcgi",
        libfcgi,
        connections=4,
        exitStatus=938,
        digest=polynomial,
        uploadBytes=2 * 1024 * 1024,
    ),
    BackendKind("go", golang, hasStderr=False),
    BackendKind("flup", flup),
    BackendKind("uwsgi", uWSGI, keeps=False, hasStderr=False, joins=False),
    BackendKind("txfcgi", ourselves, exitStatus=7),
]


def overSCGI(
    name: str, start: Callable[[Workspace], AbstractContextManager[RunningBackend]]
) -> BackendKind:
    """
    A kind of SCGI back end. None keeps a connection, or has a stderr.
    """
    return BackendKind(name, start, keeps=False, hasStderr=False, client=SCGIClient)


SCGI_BACKENDS = [
    overSCGI("uwsgi", partial(uWSGI, protocol="scgi")),
    overSCGI("flup", partial(flup, protocol="scgi")),
    overSCGI("aioscgi", aioscgi),
    overSCGI("txfcgi", partial(ourselves, protocol="scgi")),
]
