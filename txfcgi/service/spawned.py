"""
A program that a web server starts: Apache's mod_fcgid, lighttpd's C{bin-path}, spawn-fcgi, or
systemd with C{StandardInput=socket}.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.logger import ILogObserver, globalLogBeginner, textFileLogObserver

from ..adapters.asgi import ASGIApp
from ..errors import CannotServe
from ..monitor.accesslog import AccessLog
from ..monitor.formats import BadFormat
from ..monitor.lines import LineWriter
from ..server.admission import Accounts, AllowList, UnixAllowList, peerCheck
from ..server.fastcgi import FastCGIServerFactory
from ..server.interfaces import DRAIN_IDLE
from ..server.limits import Limits
from ..server.paths import PathSource
from ..server.scgi import SCGIServerFactory
from .cgi import CGIProgram, isCGI
from .errors import CannotStart, NoLoop
from .inherited import fillStandardDescriptors, inheritedListener
from .journal import JournalObserver, leadsToJournal
from .lifetime import Lifetime
from .listen import InheritedSocketEndpoint
from .logs import Logs
from .loops import installLoop
from .serving import Serving

HOW_TO_START = """\
A FastCGI program is started by what listens for it, and passes it the socket as descriptor {fd}:
Apache's mod_fcgid, lighttpd's bin-path, spawn-fcgi, or systemd with StandardInput=socket.
To start one by hand: twistd -n fcgi --port unix:/tmp/app.sock --app mod.fn"""


def serve(
    app: Callable[[Any], Any],
    limits: Limits | None = None,
    *,
    multiplex: bool = True,
    allowFrom: str | Callable[[IAddress], bool] | None = None,
    allowUsers: Accounts | None = None,
    allowGroups: Accounts | None = None,
    drainTimeout: float = 30.0,
    drainIdle: float = DRAIN_IDLE,
    drainInherited: bool = False,
    insecure: bool = False,
    fd: int = 0,
    log: bool = True,
    mount: str | None = None,
    pathFrom: PathSource = "params",
    accessLog: str | None = None,
    accessLogFormat: str = "combined",
) -> None:
    """
    Serve an app on the socket that this program was started with, until the web server stops it. A
    program that was started as a CGI program, with GATEWAY_INTERFACE in its environment and without
    a socket, answers that one request.

    Runs the reactor. Returns after SIGTERM, SIGUSR1, SIGINT or SIGQUIT, when running requests have
    finished, so that the program exits with status 0::

        from txfcgi import Response, serve

        def app(request):
            return Response(200, {"Content-Type": "text/plain"}, b"Hello")

        serve(app)

    @param app: The app.
    @param limits: The server's limits; L{None} for the defaults.
    @param multiplex: Whether a connection may carry several requests at once.
    @param allowFrom: The addresses and networks that may connect, separated by commas, or a
        function that tells whether an address may. If FCGI_WEB_SERVER_ADDRS is set in the
        environment, both apply (section 3.2).
    @param allowUsers: The users that may connect to a Unix socket, names or numbers, if not all
        may. Root must be named, too. A peer needs to match only one of this and C{allowGroups}.
    @param allowGroups: The groups whose members may connect.
    @param drainTimeout: Seconds for running requests to finish when the program is told to stop.
    @param drainIdle: Seconds in which an idle connection may still bring a request then.
    @param drainInherited: Whether no other process accepts on the socket, so that the connections
        in its queue are served at the end, too.
    @param insecure: Whether to serve on a TCP port that other machines can reach, without
        C{allowFrom}.
    @param fd: The descriptor of the socket (FCGI_LISTENSOCK_FILENO, section 2.2).
    @param log: Whether to begin logging, to standard error if it is open. Pass L{False} if the
        program already logs.

    @param mount: The path to serve the app below; see L{txfcgi.server.paths}.
    @param pathFrom: Where the path is taken from, C{"params"} or C{"uri"}.
    @param accessLog: A file to write a line to for each request, or C{-} for standard output. With
        a file, SIGUSR1 reopens it instead of stopping the program.
    @param accessLogFormat: The format of a line: see
        L{compileFormat<txfcgi.monitor.formats.compileFormat>}.

    @raise CannotStart: The program was not given a socket, or the access log can't be written. If
        not caught, the program exits with status 1 and a message.
    """
    observers: list[ILogObserver] = []
    if sys.stderr is not None:
        journal = leadsToJournal(sys.stderr, os.environ)
        observers.append((JournalObserver if journal else textFileLogObserver)(sys.stderr))
    fillStandardDescriptors()
    asCGI = isCGI(os.environ, fd)
    try:
        if not asCGI:
            inheritedListener(fd).close()
        given = AllowList.fromText(allowFrom) if isinstance(allowFrom, str) else allowFrom
        allowed = peerCheck(given, os.environ)
        UnixAllowList.of(allowUsers, allowGroups)
    except CannotServe as error:
        hint = "" if isinstance(error, ValueError) else f"\n{HOW_TO_START.format(fd=fd)}"
        raise CannotStart(f"{error}.{hint}") from error
    if isinstance(app, ASGIApp):
        try:
            installLoop("asyncio", "Import no reactor before serve() is called")
        except NoLoop as error:
            raise CannotStart(str(error)) from error
    from twisted.internet import reactor as _reactor

    reactor: Any = _reactor
    if log:
        globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False)
    limits = limits or Limits()
    if asCGI:
        cgi = SCGIServerFactory(app, limits, mount=mount, pathFrom=pathFrom)
        CGIProgram(reactor, cgi, Lifetime(reactor, app), drainTimeout).run()
        return
    observing = [] if accessLog is None else [_accessLog(reactor, accessLog, accessLogFormat)]
    service = Serving(
        reactor,
        FastCGIServerFactory(
            app,
            limits,
            multiplex=multiplex,
            allowFrom=allowed,
            allowUsers=allowUsers,
            allowGroups=allowGroups,
            mount=mount,
            pathFrom=pathFrom,
            observers=observing,
        ),
        [(f"fcgi:fd={fd}", InheritedSocketEndpoint(reactor, fd))],
        drainTimeout=drainTimeout,
        drainIdle=drainIdle,
        drainInherited=drainInherited,
        allowFrom=allowed,
        limitsUsers=allowUsers is not None or allowGroups is not None,
        insecure=insecure,
        lifetime=Lifetime(reactor, app),
        connections=limits.connections,
    )
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()


def _accessLog(reactor: Any, path: str, format: str) -> AccessLog:
    """
    Open an access log.

    @raise CannotStart: The file can't be written, or the format is invalid.
    """
    try:
        lines = LineWriter(path, 1 if path == "-" else None)
        log = AccessLog(lines.write, format)
    except (OSError, BadFormat) as error:
        raise CannotStart(f"the access log {path} can't be written: {error}") from error
    lines.attach(reactor)
    if path != "-":
        Logs().adopt(lines)
    return log
