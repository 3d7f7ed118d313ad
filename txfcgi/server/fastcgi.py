"""
FastCGI for an app: the factory, its protocol, and the answer to GET_VALUES.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal

from twisted.internet.interfaces import IAddress, IReactorTime

from ..transport.tracing import OnRecord, trace
from ..wire import fastcgiserver
from .admission import Accounts
from .application import App, Overload
from .checks import checkCallable, checkKind
from .factory import ServerFactory
from .limits import Limits
from .observing import AnyObservers
from .paths import PathSource
from .protocol import ServerProtocol

# Which param counts where a name comes several times.
Duplicates = Literal["last", "first", "reject"]


class FastCGIServerProtocol(ServerProtocol):
    """
    One FastCGI connection from a web server.
    """


class FastCGIServerFactory(ServerFactory):
    """
    Serves an app over FastCGI, in all three roles: C{endpoint.listen(FastCGIServerFactory(app))}.
    """

    def __init__(
        self,
        app: App,
        limits: Limits | None = None,
        *,
        clock: IReactorTime | None = None,
        allowFrom: Callable[[IAddress], bool] | None = None,
        allowUsers: Accounts | None = None,
        allowGroups: Accounts | None = None,
        overload: Overload = "http",
        multiplex: bool = True,
        values: Mapping[str, str] | None = None,
        lenient: Collection[str] = (),
        duplicates: Duplicates = "last",
        mount: str | None = None,
        pathFrom: PathSource = "params",
        observers: AnyObservers = (),
        onRecord: OnRecord | None = None,
        coalesce: bool = False,
        interim: bool = False,
    ) -> None:
        """
        @param app: Called with each request; see L{txfcgi.server.application}.
        @param limits: How much is accepted at most, and how long each wait may be.
        @param clock: Measures time; the reactor, if not given.
        @param allowFrom: Tells whether an address may connect.
        @param allowUsers: The users that may connect to a Unix socket, if not all may.
        @param allowGroups: The groups whose members may connect to a Unix socket.
        @param overload: How a Responder's overload is reported: C{"http"}, by a 503, which
            every web server passes on; C{"protocol"}, by FCGI_OVERLOADED. A Filter gets the
            latter, an Authorizer both.
        @param multiplex: Whether a web server may send several requests at once on a connection.
        @param values: More variables for the answer to GET_VALUES (section 4.1).
        @param lenient: The rules of the protocol that a web server may break, of
            L{RULES<txfcgi.wire.fastcgiserver.RULES>}.
        @param duplicates: Which param counts where a name comes several times, C{"last"} or
            C{"first"}; with C{"reject"} such a request is a 400. C{params.raw} has all of them.
        @param mount: The path below which the app is, such as C{/shop}; see L{txfcgi.server.paths}.
        @param pathFrom: Where the path is taken from, C{"params"} or C{"uri"}.
        @param observers: Are told what the server does: see L{txfcgi.server.observing}.
        @param onRecord: Called with each record, in either direction.
        @param coalesce: Whether all output of one turn of the reactor is sent together.
        @param interim: Whether the web server passes 1xx responses on, as lighttpd does.
        """
        checkKind("multiplex", multiplex, bool)
        checkCallable("onRecord", onRecord, "print")
        super().__init__(
            app,
            limits,
            clock=clock,
            allowFrom=allowFrom,
            allowUsers=allowUsers,
            allowGroups=allowGroups,
            overload=overload,
            mount=mount,
            pathFrom=pathFrom,
            observers=observers,
            coalesce=coalesce,
            interim=interim,
        )
        # A mistake in these is told now, and not when the first connection comes.
        fastcgiserver.ServerConnection(lenient=lenient, duplicates=duplicates)
        self._lenient = frozenset(lenient)
        self._duplicates = duplicates
        self._multiplex = multiplex
        self._onRecord = onRecord
        self._collectingBytes = max(self.limits.connectionBytes, self.limits.paramsBytes)
        # The specification has the application's number (section 4.1), and HAProxy puts as many on
        # one connection: the smaller one holds either way.
        requests = min(self.limits.requests, self.limits.requestsPerConnection)
        self._values = {
            b"FCGI_MAX_CONNS": b"%d" % self.limits.connections,
            b"FCGI_MAX_REQS": b"%d" % requests,
            b"FCGI_MPXS_CONNS": b"1" if multiplex else b"0",
        }
        for name, value in (values or {}).items():
            checkKind(f"values[{name!r}]", value, str)
            self._values[name.encode("utf-8")] = value.encode("utf-8")

    def makeProtocol(self) -> FastCGIServerProtocol:
        """
        FastCGI for one connection.
        """
        limits = self.limits
        wire = fastcgiserver.ServerConnection(
            multiplex=self._multiplex,
            requests=limits.requestsPerConnection,
            paramsBytes=limits.paramsBytes,
            paramsCount=limits.paramsCount,
            collectingBytes=self._collectingBytes,
            values=self._values,
            lenient=self._lenient,
            duplicates=self._duplicates,
        )
        protocol = FastCGIServerProtocol(self, wire)
        if self._onRecord is not None:
            trace(protocol, self.sparing, self._onRecord)
        return protocol
