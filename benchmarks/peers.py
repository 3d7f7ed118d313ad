"""
Other people's FastCGI servers. Each takes part when it is installed; none has to be.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from .build import HERE, compiled
from .contestants import Server
from .model import NotStarted, Settings

SERVERS = HERE / "servers"

_FPM = """\
[global]
daemonize = no
error_log = /dev/stderr
[www]
{user}listen = ${{LISTEN}}
listen.backlog = 1024
{manager}
php_admin_value[post_max_size] = 64M
"""


@cache
def _imports(python: str, module: str) -> bool:
    return not subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode


def imports(settings: Settings, module: str, package: str) -> str:
    """
    Whether the interpreter of the Python peers has a module.

    @return: nothing, or what it lacks.
    """
    if _imports(settings.peersPython, module):
        return ""
    return f"{settings.peersPython} has no {module}: pip install {package}"


def _python(kind: str, module: str, atOnce: int | None = None) -> Server:
    def missing(settings: Settings) -> str:
        package = kind.partition("-multiplexed")[0].removesuffix("-scgi").removesuffix("-wsgi")
        return imports(settings, module, package)

    def command(settings: Settings) -> Sequence[str]:
        return [settings.peersPython, str(SERVERS / "peers.py"), kind, "{address}"]

    return Server(name=kind, command=command, missing=missing, peer=True, atOnce=atOnce)


def _aioscgi(settings: Settings) -> Path:
    return Path(settings.peersPython).with_name("aioscgi")


def _builds(build: Callable[[], Path]) -> Callable[[Settings], str]:
    def missing(settings: Settings) -> str:
        try:
            build()
        except NotStarted as error:
            return str(error)
        return ""

    return missing


def _libfcgi() -> Path:
    return compiled(SERVERS / "peer.c", ["gcc", "-O2", "-o"], "gcc libfcgi-dev", after=["-lfcgi"])


def _go() -> Path:
    return compiled(SERVERS / "peer.go", ["go", "build", "-o"], "golang-go")


def _fpm() -> str | None:
    found = sorted(
        name
        for folder in [*os.get_exec_path(), "/usr/sbin"]
        for name in map(str, Path(folder).glob("php-fpm*"))
    )
    return found[-1] if found else None


def _static(children: int) -> str:
    return f"pm = static\npm.max_children = {children}\npm.max_requests = 0"


def fpmServer(name: str, children: int, manager: str = "") -> Server:
    """
    php-fpm. A child of it serves one kept connection.

    @param manager: How it manages its children; without it, there are always as many.
    """

    def command(settings: Settings) -> Sequence[str]:
        program = _fpm()
        assert program is not None, "asked for before"
        root = os.geteuid() == 0
        configuration = settings.folder / f"{re.sub('[^a-z0-9]+', '-', name.lower())}.conf"
        user = "user = root\ngroup = root\n" if root else ""
        configuration.write_text(_FPM.format(user=user, manager=manager or _static(children)))
        return [program, "-F", "-n", *(["-R"] if root else []), "-y", str(configuration)]

    return Server(
        name=name,
        command=command,
        environment={"LISTEN": "{address}"},
        missing=lambda settings: "" if _fpm() else "apt install php-fpm",
        peer=True,
        atOnce=children,
        script=str(SERVERS / "peer.php"),
    )


def _uwsgi(settings: Settings) -> Path:
    return Path(settings.peersPython).with_name("uwsgi")


def _uwsgiServer(name: str, protocol: str) -> Server:
    def command(settings: Settings) -> Sequence[str]:
        options = ["--wsgi-file", str(SERVERS / "wsgi.py"), "--disable-logging", "--listen", "128"]
        return [str(_uwsgi(settings)), *options, f"--{protocol}-socket", "{address}"]

    return Server(
        name=name,
        command=command,
        missing=lambda settings: "" if _uwsgi(settings).exists() else "pip install uwsgi",
        peer=True,
        atOnce=1,
        keeps=False,
    )


FLUP = _python("flup", "flup.server.fcgi", atOnce=16)
FLUP_MULTIPLEXED = _python("flup-multiplexed", "flup.server.fcgi")
# Of more than its five idle threads' worth of connections that come together, some never get one.
FLIPFLOP = _python("flipflop", "flipflop", atOnce=4)
# The one that serves ASGI, and WSGI too.
FCGISGI = _python("fcgisgi", "fcgisgi")
FCGISGI_WSGI = _python("fcgisgi-wsgi", "fcgisgi")
GEVENT = _python("gevent-fastcgi", "gevent_fastcgi.server")
LIBFCGI = Server(
    name="libfcgi (C)",
    command=lambda settings: [str(_libfcgi()), "{address}"],
    missing=_builds(_libfcgi),
    peer=True,
    atOnce=1,
)
GO = Server(
    name="Go net/http/fcgi",
    command=lambda settings: [str(_go()), "{address}"],
    environment={"GOMAXPROCS": "1"},
    missing=_builds(_go),
    peer=True,
)
PHP = fpmServer("php-fpm", 1)
PHP_CHILDREN = fpmServer("php-fpm, 16 children", 16)
UWSGI = _uwsgiServer("uWSGI", "fastcgi")

ALL = (PHP, LIBFCGI, GO, UWSGI, FLUP, FLIPFLOP, GEVENT)
OVER_TCP = (PHP, LIBFCGI, GO, UWSGI)
MULTIPLEXING = (GO, FLUP_MULTIPLEXED, GEVENT)

SCGI = (
    _uwsgiServer("uWSGI, SCGI", "scgi"),
    _python("flup-scgi", "flup.server.scgi"),
    Server(
        name="aioscgi",
        command=lambda settings: [
            str(_aioscgi(settings)),
            *("--unix-socket", "{address}", "asgi:application"),
        ],
        environment={"PYTHONPATH": str(SERVERS)},
        missing=lambda settings: "" if _aioscgi(settings).exists() else "pip install aioscgi",
        peer=True,
    ),
)
