"""
What the factories that serve an app have in common, and what their connections share: counts, the
clock, draining.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, TypeVar, cast, get_args

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.tcp import Connection
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..counting import counted
from ..errors import ConnectionClosed, ServerStopped
from ..streams.spool import SpoolBudget
from ..transport.atonce import Accepted
from ..transport.coalescing import CoalescingOutlet
from ..transport.outlet import Outlet
from ..transport.sparing import SparingLog
from ..transport.timers import Timers
from .admission import Accounts, UnixAllowList
from .application import App, Application, Overload
from .checks import checkCallable, checkChoice, checkKind, checkProvides
from .interfaces import DRAIN_IDLE, IDrains
from .limits import Limits
from .observing import AnyObservers, IServerObserver, Observers
from .paths import Paths, PathSource
from .protocol import ServerProtocol
from .request import Request
from .watch import TICK

T = TypeVar("T")


@implementer(IDrains)
class ServerFactory(Factory):
    """
    Serves an app to web servers, whatever the protocol.

    @ivar allowFrom: Tells whether an address may connect; L{None} if all may.
    @ivar clock: Where the time comes from.
    @ivar now: The time of the last tick, in seconds.
    @ivar connections: How many connections are open.
    @ivar draining: Whether it drains: see L{drain}.
    @ivar lastCall: While it drains, the time until which a connection may bring one more request,
        in seconds of the clock.
    @ivar requests: How many requests the app is working on.
    @ivar total: How many requests the app has been given so far.
    @ivar sparing: A log for messages that may be repeated often.
    @ivar coalesce: Whether all output of one turn of the reactor is sent together.
    @ivar interim: Whether the web server passes 1xx responses on.
    @ivar observers: The observers, or L{None}.
    @ivar application: The app, and how its requests are run.
    @ivar limits: The limits of the server.
    @ivar paths: How the path of a request is found and divided.
    @ivar spool: The budget for the bodies and files of all requests.
    """

    log: ClassVar[Logger] = Logger()
    noisy = False

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
        mount: str | None = None,
        pathFrom: PathSource = "params",
        observers: AnyObservers = (),
        coalesce: bool = False,
        interim: bool = False,
    ) -> None:
        """
        @param app: Called with each request.
        @param limits: How much is accepted at most, and how long each wait may be.
        @param clock: Measures time; the reactor, if not given.
        @param allowFrom: Tells whether an address may connect. Other connections are closed at
            once. L{AllowList<txfcgi.server.admission.AllowList>} checks IP addresses, and allows
            every peer on a Unix socket.
        @param allowUsers: The users that may connect to a Unix socket: names and numbers. Root,
            too, has to be named. Together with C{allowGroups}: one of both has to name a peer.
        @param allowGroups: The groups whose members may.
        @param overload: How a Responder's overload is reported: C{"http"}, by a 503; C{"protocol"},
            by FCGI_OVERLOADED.
        @param mount: The path below which the app is, such as C{/shop}, or C{/} for a whole site;
            see L{txfcgi.server.paths}. Without it, SCRIPT_NAME and PATH_INFO are taken as they are
            sent.
        @param pathFrom: Where the path is taken from: C{"params"}, or C{"uri"} for REQUEST_URI.
        @param observers: Are told what the server does: see L{txfcgi.server.observing}.
        @param coalesce: Whether all output on a connection in one turn of the reactor is sent
            together, at the end of the turn; if not, each piece is sent at once.
        @param interim: Whether the web server passes 1xx responses on, as lighttpd does; see
            L{Request.sendInterim<txfcgi.server.request.Request.sendInterim>}. Where it does not,
            such as nginx, the browser would take one for the response.
        @raise ValueError: If an argument has a value that it can't have; the message names it.
        @raise BadAllowList: If a user or group does not exist.
        @raise InvalidPath: If C{mount} can't be the beginning of a path.
        """
        checkKind("coalesce", coalesce, bool)
        checkKind("interim", interim, bool)
        checkChoice("overload", overload, get_args(Overload))
        checkCallable("allowFrom", allowFrom, "AllowList.fromText('10.0.0.0/8')")
        if limits is not None:
            checkKind("limits", limits, Limits)
        if not isinstance(observers, Iterable):
            raise ValueError(f"observers is a list of them, as [log], not {observers!r:.80}")
        for observer in observers:
            checkProvides("observers", observer, IServerObserver)
        if clock is None:
            from twisted.internet import reactor

            clock = cast(IReactorTime, reactor)
        self.clock = clock
        self.coalesce = coalesce
        self.interim = interim
        self.limits = Limits() if limits is None else limits
        self.now = clock.seconds()
        self.requests = 0
        self._cut = False
        self.total = 0
        self.sparing = SparingLog(clock)
        self.observers = Observers(observers, clock, self.sparing) if observers else None
        self.application = Application(app, overload, self.observers)
        self.paths = Paths(mount, pathFrom)
        self.spool = SpoolBudget(self.limits.spoolBytes)
        self.allowFrom = allowFrom
        self._unixPeers = UnixAllowList.of(allowUsers, allowGroups)
        self._open: dict[ServerProtocol, None] = {}
        self._ending: list[Connection] = []
        self._timers = Timers(clock)
        self._received = self._sent = 0
        self.draining = False
        self.lastCall = float("inf")
        self._drainWaiters: list[Deferred[None]] = []

    @property
    def connections(self) -> int:
        """
        How many connections are open.
        """
        return len(self._open)

    @property
    def traffic(self) -> tuple[int, int]:
        """
        How many bytes were received, and how many were sent. Without observers, only the
        connections that are open are counted.
        """
        return (
            self._received + sum(each.received for each in self._open),
            self._sent + sum(each.outlet.taken for each in self._open),
        )

    def running(self) -> list[Request]:
        """
        The requests that the app is working on, the oldest first.
        """
        found = [request for each in self._open for request in each.requests.values()]
        return sorted(found, key=lambda request: request.started)

    @property
    def limitsUsers(self) -> bool:
        """
        Whether not all users may connect to a Unix socket.
        """
        return self._unixPeers is not None

    def makeProtocol(self) -> ServerProtocol:
        """
        The protocol of one connection.
        """
        raise NotImplementedError

    def buildProtocol(self, addr: IAddress | None) -> ServerProtocol | None:
        """
        Take a connection, or refuse it with L{None}.
        """
        if self.clock.seconds() >= self.lastCall:
            return None
        if self.allowFrom is not None and (addr is None or not self.allowFrom(addr)):
            self.sparing.warn(self.log, "{peer} is not allowed to connect", peer=addr)
            self._tellRefused(addr, "peer")
            return None
        connections = len(self._open)
        if connections >= 2 * self.limits.connections:
            self.sparing.warn(
                self.log,
                "{peer} is closed at once, unanswered: {connections} connections are open, twice "
                "as many as Limits.connections allows. Does the web server keep more than it uses?",
                peer=addr,
                connections=connections,
            )
            self._tellRefused(addr, "connections")
            return None
        protocol = self.makeProtocol()
        if self.coalesce and protocol.makeOutlet is Outlet:  # or each record is reported at once
            protocol.makeOutlet = CoalescingOutlet
        if self.interim:
            protocol.interim = True
        protocol.factory = self
        protocol.cameFrom(addr)
        protocol.overloaded = connections >= self.limits.connections
        return protocol

    def _tellRefused(self, peer: IAddress | None, reason: str) -> None:
        if self.observers is not None:
            self.observers.connectionRefused(peer, reason)

    def stopFactory(self) -> None:
        """
        Leave nothing in the reactor when no port listens any more.
        """
        if not self._open:
            self.sparing.flush()

    # For the connections

    def opened(self, protocol: ServerProtocol) -> None:
        """
        A connection is there.
        """
        if self._unixPeers is not None and not self._admits(protocol, self._unixPeers):
            self._tellRefused(protocol.peer, "peer")
            protocol.tcp.abortConnection()
            return
        self._open[protocol] = None
        if len(self._open) == 1:
            self.now = self.clock.seconds()
        protocol.watch.heard = self.now
        if self.observers is not None and self.observers.hearsConnections:
            self.observers.opened(protocol.peer)
        if self.draining:
            protocol.retire()

    def watch(self, protocol: ServerProtocol) -> None:
        """
        A connection stays for a while: look at them all from time to time.
        """
        if protocol in self._open:
            self._timers.watch(self)
            self._timers.need(self.now + TICK)

    def closed(self, protocol: ServerProtocol) -> None:
        """
        A connection is gone.
        """
        if protocol in self._open:
            # It was not refused when it was made.
            del self._open[protocol]
            if self.observers is not None:
                self._received += protocol.received
                self._sent += protocol.outlet.taken
                if self.observers.hearsConnections:
                    self.observers.closed(protocol.peer)
        if not self._open:
            self._timers.forget(self)
            if self.draining or not self.numPorts:
                self.sparing.flush()
            if self._drainWaiters:
                self._drainedNow()

    def hangUp(self, transport: object) -> None:
        """
        Close a connection on which nothing waits to be sent: one that has just been accepted when
        its protocol returns, any other in the next turn of the reactor. All that end in one turn
        are closed together: with a connection for each request, that is a large part of the work.
        """
        if type(transport) is Accepted:
            transport.hangUp()
            return
        connection = cast(Connection, transport)
        if not self._ending:
            cast(IReactorTime, connection.reactor).callLater(0, self._hangUpAll)
        self._ending.append(connection)

    def _hangUpAll(self) -> None:
        ending, self._ending = self._ending, []
        for transport in ending:
            transport.connectionLost(connectionDone)

    def _admits(self, protocol: ServerProtocol, allowed: UnixAllowList) -> bool:
        """
        May a peer connect, as far as users and groups have a say in it? Only of a connection that
        is made can the system say who made it.
        """
        if isinstance(protocol.peer, (IPv4Address, IPv6Address)):
            return True
        getHandle = getattr(protocol.transport, "getHandle", None)
        user, problem = allowed.problemWith(None if getHandle is None else getHandle())
        if problem:
            self.sparing.warn(
                self.log,
                "A peer is not allowed to connect to {host}: {problem}. If it may, name its user "
                "in --allow-user (allowUsers=), or a group in --allow-group (allowGroups=)",
                user,
                host=protocol.host,
                problem=problem,
            )
        return not problem

    def check(self, now: float) -> float:
        """
        Look for connections that are over their time.

        @return: When to look the next time.
        """
        self.now = now
        if self.observers is not None:
            self.observers.ticked(self)
        for protocol in list(self._open):
            try:
                protocol.watch.check(protocol, self.now)
            except Exception:
                self.sparing.failure(self.log, "txfcgi failed on {peer}", peer=protocol.peer)
                protocol.tcp.abortConnection()
        return min(now + TICK, self.lastCall) if now < self.lastCall else now + TICK

    # Draining

    def drain(self, deadline: float, idle: float = DRAIN_IDLE) -> Deferred[None]:
        """
        Drain: close each connection after the requests that run on it. A connection without a
        request may bring one more for C{idle} seconds; so may one that was accepted and not yet
        read.

        Stop listening first; where no other process accepts on the socket, not before its queue is
        empty.

        @param deadline: Seconds after which the requests that still run are aborted.
        @param idle: Seconds that a connection without a request stays open.
        @return: Fires when all connections are closed.
        """
        now = self.clock.seconds()
        self.draining = True
        self.lastCall = min(self.lastCall, now + min(idle, deadline))
        if not self._open:
            self.sparing.flush()
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        late = self.clock.callLater(deadline, self._cutAll)

        def drained(result: T) -> T:
            if late.active():
                late.cancel()
            return result

        self._drainWaiters.append(waiter)
        waiter.addBoth(drained)
        for protocol in list(self._open):
            protocol.retire()
        if self.lastCall > now:
            self._timers.need(self.lastCall)
        else:
            self.check(now)
        return waiter

    def whyLost(self, reason: Failure) -> ConnectionClosed:
        """
        The error for requests whose connection is lost.
        """
        if self._cut:
            return ServerStopped("the server stopped before the response was complete")
        return ConnectionClosed(f"the connection was closed: {reason.getErrorMessage()}")

    def _cutAll(self) -> None:
        self._cut = True
        if self.requests:
            self.log.warn(
                "aborts {requests} that did not end in time",
                requests=counted(self.requests, "request"),
            )
        for protocol in list(self._open):
            protocol.tcp.abortConnection()

    def _drainedNow(self) -> None:
        waiters, self._drainWaiters = self._drainWaiters, []
        for waiter in waiters:
            waiter.callback(None)
