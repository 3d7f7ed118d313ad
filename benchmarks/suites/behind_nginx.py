"""
The programs that people have, served by txfcgi and by the servers that they would take otherwise,
all behind the same nginx: what both take together for an answer.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..browsers import Answer
from ..load import HELLO
from ..model import Contestant, Settings, Suite, Target, Work
from ..nginx import COLUMNS, Behind, Protocol, behindNginx
from ..peers import SERVERS, imports

ANSWER = Answer(HELLO, 1, 16)
KEPT = "txfcgi, FastCGI, kept"
NEW = "txfcgi, FastCGI, new"
SCGI = "txfcgi, SCGI"

# The command twistd, wherever it lies. twistd web would rotate /dev/null as it does any other log.
_RUN = "from twisted.scripts.twistd import run; run()"
_TWISTD = (sys.executable, "-c", _RUN, "-n", "--pidfile=", "--logfile={address}.log")
_PATH = {"PYTHONPATH": str(SERVERS)}


def _own(name: str, option: str, program: str, protocol: Protocol = "fastcgi") -> Contestant:
    """
    As a user starts it.
    """
    command = "scgi" if protocol == "scgi" else "fcgi"
    arguments = [
        *(*_TWISTD, command),
        *("--port", "unix:{address}", option, program),
    ]
    server = Behind(
        name=name,
        command=lambda settings: arguments,
        protocol=protocol,
        kept=name == KEPT,
        environment=_PATH,
    )
    return behindNginx(server, ANSWER)


def _ours(option: str, program: str) -> tuple[Contestant, ...]:
    return (
        _own(KEPT, option, program),
        _own(NEW, option, program),
        _own(SCGI, option, program, "scgi"),
    )


def _peer(
    name: str,
    module: str | None,
    arguments: Sequence[str],
    protocol: Protocol = "http",
    kept: bool = False,
) -> Contestant:
    """
    A server in the interpreter of the Python peers, as its documentation starts it.

    @param module: One that it takes, if its script says too little.
    @param arguments: The command, by its script beside that interpreter, or a file of ours.
    """
    script, *rest = arguments

    def program(settings: Settings) -> Path:
        return Path(settings.peersPython).with_name(script)

    def command(settings: Settings) -> Sequence[str]:
        if script == _PEERS:
            return [settings.peersPython, script, *rest]
        return [str(program(settings)), *rest]

    def missing(settings: Settings) -> str:
        if script != _PEERS and not program(settings).exists():
            return f"{program(settings)} is not there: pip install {script}"
        return imports(settings, module, module) if module else ""

    server = Behind(
        name=name, command=command, protocol=protocol, kept=kept, environment=_PATH, peer=True
    )
    return behindNginx(server, ANSWER, missing)


def _gunicorn(application: str, *arguments: str) -> list[str]:
    return ["gunicorn", "--bind", "unix:{address}", *arguments, application]


_GTHREAD = ("-k", "gthread", "--threads", "8", "--keep-alive", "60")
_PEERS = str(SERVERS / "peers.py")


def _wsgi(module: str) -> tuple[Contestant, ...]:
    """
    All servers of WSGI.
    """
    name = f"{module}:application"
    uwsgi = ["uwsgi", "--module", name, "--disable-logging", "--listen", "128"]
    return (
        *_ours("--wsgi", name),
        _peer("gunicorn sync", None, _gunicorn(name)),
        _peer("gunicorn gthread, kept", None, _gunicorn(name, *_GTHREAD), kept=True),
        _peer("gunicorn gthread, new", None, _gunicorn(name, *_GTHREAD)),
        _peer("gunicorn uwsgi", "gunicorn.uwsgi", _gunicorn(name, "--protocol", "uwsgi"), "uwsgi"),
        _peer("uWSGI", None, [*uwsgi, "--uwsgi-socket", "{address}"], "uwsgi"),
        _peer("waitress", None, ["waitress-serve", "--unix-socket={address}", name]),
        _peer("flup", "flup.server.fcgi", [_PEERS, "flup", "{address}", module], "fastcgi"),
        _peer("fcgisgi", "fcgisgi", [_PEERS, "fcgisgi-wsgi", "{address}", module], "fastcgi"),
    )


def _uvicorn(application: str, http: str) -> list[str]:
    options = ["--loop", "asyncio", "--no-access-log", "--log-level", "warning"]
    return ["uvicorn", "--uds", "{address}", "--http", http, *options, application]


def _asgi(module: str) -> tuple[Contestant, ...]:
    """
    All servers of ASGI.
    """
    name = f"{module}:application"
    return (
        *_ours("--asgi", name),
        _peer("uvicorn h11, kept", None, _uvicorn(name, "h11"), kept=True),
        _peer("uvicorn h11, new", None, _uvicorn(name, "h11")),
        _peer("uvicorn httptools, kept", "httptools", _uvicorn(name, "httptools"), kept=True),
        _peer("hypercorn", None, ["hypercorn", "--bind", "unix:{address}", name]),
        _peer("fcgisgi", "fcgisgi", [_PEERS, "fcgisgi", "{address}", module], "fastcgi"),
        _peer("aioscgi", None, ["aioscgi", "--unix-socket", "{address}", name], "scgi"),
    )


def _web() -> Contestant:
    """
    twisted.web's own server, which is installed where txfcgi is.
    """
    arguments = [
        *(*_TWISTD, "web"),
        *("--listen", "unix:{address}", "--class", "web.Hello"),
    ]
    server = Behind(
        name="twistd web, kept",
        command=lambda settings: arguments,
        protocol="http",
        kept=True,
        environment=_PATH,
    )
    return behindNginx(server, ANSWER)


_behind = partial(Work, columns=COLUMNS, compared="cpu")

SUITE = Suite(
    "behind-nginx",
    (
        _behind(
            name="nginx-wsgi",
            title="a bare WSGI application behind nginx",
            contestants=_wsgi("bare"),
            base="gunicorn gthread, kept",
            targets=(
                Target(KEPT, "gunicorn gthread, kept", 1.0, "WSGI behind nginx, kept connections"),
                Target(NEW, "gunicorn gthread, new", 1.0, "WSGI behind nginx, new connections"),
            ),
        ),
        _behind(
            name="nginx-flask",
            title="a Flask site behind nginx",
            contestants=_wsgi("flask_site"),
            base="gunicorn gthread, kept",
        ),
        _behind(
            name="nginx-asgi",
            title="a bare ASGI application behind nginx",
            contestants=_asgi("bare_asgi"),
            base="uvicorn h11, kept",
            targets=(
                Target(KEPT, "uvicorn h11, kept", 1.0, "ASGI behind nginx, kept connections"),
                Target(NEW, "uvicorn h11, new", 1.0, "ASGI behind nginx, new connections"),
            ),
        ),
        _behind(
            name="nginx-starlette",
            title="a Starlette site behind nginx",
            contestants=_asgi("starlette_site"),
            base="uvicorn h11, kept",
        ),
        _behind(
            name="nginx-resource",
            title="a resource of twisted.web behind nginx",
            contestants=(*_ours("--resource", "web.hello"), _web()),
            base="twistd web, kept",
            targets=(Target(KEPT, "twistd web, kept", 1.0, "a Resource behind nginx"),),
        ),
    ),
)
