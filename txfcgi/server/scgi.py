"""
SCGI for an app: the factory, and its protocol. In SCGI alone, a web server may close its direction
of the connection and still wait for the answer.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IReactorTime
from twisted.internet.protocol import connectionDone
from zope.interface import implementer

from ..transport.polling import isGone
from ..wire import scgiserver
from .admission import Accounts
from .application import App
from .checks import checkKind
from .factory import ServerFactory
from .limits import Limits
from .observing import AnyObservers
from .paths import PathSource
from .protocol import ServerProtocol


@implementer(IHalfCloseableProtocol)
class SCGIServerProtocol(ServerProtocol):
    """
    One SCGI connection from a web server, for one request.
    """

    server: SCGIServerFactory
    wire: scgiserver.ServerConnection
    halfCloses = True

    def readConnectionLost(self) -> None:
        """
        The web server sends no more. If that was all of its request, it gets its answer; unless
        it is known to be gone.
        """
        self.halfClosed = True
        if self._closing:
            if self.watch.lingering and self.outlet.closed:
                self.tcp.connectionLost(connectionDone)
            else:
                self.finishClosing()
            return
        arrived = self.wire.receiveEnd()
        if arrived:
            self._deliver(arrived)
        elif not self.halfCloses or not self.wire.active or isGone(self.transport, self.halfCloses):
            self.tcp.loseConnection()

    def writeConnectionLost(self) -> None:
        """
        Our direction is closed, as was asked for.
        """


class SCGIServerFactory(ServerFactory):
    """
    Serves an app over SCGI: C{endpoint.listen(SCGIServerFactory(app))}.
    """

    def __init__(
        self,
        app: App,
        limits: Limits | None = None,
        *,
        lenient: bool = False,
        statusLine: bool = False,
        abortOnEOF: bool = False,
        clock: IReactorTime | None = None,
        allowFrom: Callable[[IAddress], bool] | None = None,
        allowUsers: Accounts | None = None,
        allowGroups: Accounts | None = None,
        mount: str | None = None,
        pathFrom: PathSource = "params",
        observers: AnyObservers = (),
        coalesce: bool = False,
        interim: bool = False,
    ) -> None:
        """
        @param app: Called with each request.
        @param limits: How much is accepted at most, and how long each wait may be.
        @param lenient: Whether to take requests that leave the header SCGI out (nginx without its
            scgi_params), and those with an HTTP header that is there several times (nginx before
            1.23).
        @param statusLine: Whether answers start with an HTTP status line in place of a Status
            header.
        @param abortOnEOF: Whether a request is aborted when the web server closes its direction of
            the connection. If not, the web server gets its answer, and an app is told that the web
            server has gone only when that is certain: at once on a Unix socket, at the next write
            over TCP.
        @param clock: Measures time; the reactor, if not given.
        @param allowFrom: Tells whether an address may connect.
        @param allowUsers: The users that may connect to a Unix socket, if not all may.
        @param allowGroups: The groups whose members may connect to a Unix socket.
        @param mount: The path below which the app is, such as C{/shop}; see L{txfcgi.server.paths}.
        @param pathFrom: Where the path is taken from, C{"params"} or C{"uri"}.
        @param observers: Are told what the server does: see L{txfcgi.server.observing}.
        @param coalesce: Whether all output of one turn of the reactor is sent together.
        @param interim: Whether the web server passes 1xx responses on, as lighttpd does.
        """
        checkKind("lenient", lenient, bool)
        checkKind("statusLine", statusLine, bool)
        checkKind("abortOnEOF", abortOnEOF, bool)
        super().__init__(
            app,
            limits,
            clock=clock,
            allowFrom=allowFrom,
            allowUsers=allowUsers,
            allowGroups=allowGroups,
            mount=mount,
            pathFrom=pathFrom,
            observers=observers,
            coalesce=coalesce,
            interim=interim,
        )
        self._lenient = bool(lenient)
        self._statusLine = bool(statusLine)
        self._halfCloses = not abortOnEOF

    def makeProtocol(self) -> SCGIServerProtocol:
        """
        SCGI for one connection.
        """
        limits = self.limits
        protocol = SCGIServerProtocol(
            self,
            scgiserver.ServerConnection(
                paramsBytes=limits.paramsBytes,
                paramsCount=limits.paramsCount,
                lenient=self._lenient,
                statusLine=self._statusLine,
            ),
        )
        if not self._halfCloses:
            protocol.halfCloses = False
        return protocol
