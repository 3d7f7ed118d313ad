"""
txfcgi through its public names, with every limit at its default, and one small application for each
kind of work.
"""

from __future__ import annotations

import os
from argparse import Namespace
from time import time
from typing import cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from txfcgi import FastCGIServerFactory, Request, Response, SCGIServerFactory, listen
from txfcgi.adapters.wsgi import WSGIApp
from txfcgi.monitor.accesslog import AccessLog
from txfcgi.monitor.board import Board
from txfcgi.monitor.counters import Counters
from txfcgi.monitor.lines import LineWriter
from txfcgi.server.application import App
from txfcgi.server.factory import ServerFactory
from txfcgi.server.observing import IServerObserver
from txfcgi.service.snapshots import ofThisProcess

from . import wsgi
from .common import described, serve, serverArguments

TEXT = {"Content-Type": "text/plain"}


class Applications:
    """
    Each method is an application.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body

    def one(self, request: Request) -> Response:
        """
        Reads one param.
        """
        assert request.params["REQUEST_URI"]
        return Response(200, TEXT, self._body)

    def every(self, request: Request) -> Response:
        """
        Reads every param, into a dictionary of its own.
        """
        assert dict(request.params.items())
        return Response(200, TEXT, self._body)

    async def waiting(self, request: Request) -> Response:
        """
        Could wait, and does not.
        """
        assert request.params["REQUEST_URI"]
        return Response(200, TEXT, self._body)

    async def upload(self, request: Request) -> Response:
        """
        Counts the bytes of the body as they come.
        """
        size = 0
        async for chunk in request.stdin:
            size += len(chunk)
        return Response(200, TEXT, b"%d\n" % size)

    @property
    def wsgi(self) -> WSGIApp:
        """
        The application that the peers have, too.
        """
        return WSGIApp(wsgi.application)

    @property
    def resource(self) -> App:
        """
        A resource of twisted.web.
        """
        # Most of twisted.web comes with it, which is not to count in the memory of the others.
        from twisted.web.static import Data

        from txfcgi.adapters.resource import ResourceApp

        data = Data(self._body, "text/plain")
        data.isLeaf = True
        return ResourceApp(data)


def _observers(options: Namespace, counters: Counters) -> list[IServerObserver]:
    """
    Who watches the server; an access log stands beside its socket.
    """
    observers: list[IServerObserver] = []
    if options.counters or options.status:
        observers.append(counters)
    if options.access_log:
        path = f"{options.socket}.log"
        lines = LineWriter(path)
        observers.append(AccessLog(lines.write, options.access_log))
        # A file that only grows would show what it costs a virtual machine to be given memory.
        LoopingCall(os.truncate, path, 0).start(0.5, now=False)
    return observers


def _showStatus(factory: ServerFactory, counters: Counters) -> None:
    """
    Remember what a status page shows, as C{--status} does.
    """
    from twisted.internet import reactor

    clock = cast(IReactorTime, reactor)
    counters.addServer(factory)
    source = ofThisProcess(clock, [factory], counters, lambda: True)
    Board("txfcgi", clock, source, time()).start()


def main() -> None:
    """
    Serve until the process is ended.
    """
    parser = serverArguments("txfcgi.")
    parser.add_argument(
        "application", choices=["one", "every", "waiting", "upload", "wsgi", "resource"]
    )
    parser.add_argument("--scgi", action="store_true")
    parser.add_argument("--counters", action="store_true")
    parser.add_argument("--status", action="store_true")
    parser.add_argument("--access-log", metavar="FORMAT")
    options = parser.parse_args()
    applications = Applications(options.answer.encode() * options.times)
    factory = SCGIServerFactory if options.scgi else FastCGIServerFactory
    application = getattr(applications, options.application)
    counters = Counters()
    served = factory(application, observers=_observers(options, counters))
    if options.status:
        _showStatus(served, counters)
    serve(listen(served, described(options.socket)))


if __name__ == "__main__":
    main()
