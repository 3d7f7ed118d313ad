"""
The service that listens for web servers, and stops gracefully.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from twisted.application.service import MultiService, Service
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..counting import counted
from ..errors import CannotServe
from ..server.admission import isPublic
from ..server.factory import ServerFactory
from ..server.interfaces import DRAIN_IDLE, IDrains
from .daemon import IGetsReady
from .description import localEndpoint
from .errors import CannotListen, CannotStart, explainListenFailure
from .lifetime import Lifetime, endWithFailure
from .listen import InheritedSocketEndpoint
from .listener import UNIXListener
from .notify import Notifier
from .queue import acceptAll, endQueue
from .room import makeRoom
from .signals import Signals

PUBLIC_PORT = (
    "{address} is open to other machines, and any peer that connects is trusted: FastCGI and SCGI "
    "have no passwords. Listen on this machine only ({local}), use a Unix socket, "
    "name who may connect with --allow-from (for serve(): allowFrom=) or in "
    "FCGI_WEB_SERVER_ADDRS, or override with --insecure (insecure=True)"
)

PUBLIC_HTTP = (
    "{address} is open to other machines, and this HTTP server is for development. "
    "Listen on this machine only ({local}), name who may connect with "
    "--allow-from, or override with --insecure"
)

#: The exceptions of an endpoint that can't listen. A port number that is too large is an
#: L{OverflowError}. Any other exception is a bug, and keeps its traceback.
EXPECTED_FAILURES = (CannotServe, CannotListenError, OSError, ValueError, OverflowError)


@implementer(IGetsReady)
class Serving(Service):
    """
    Serves one factory on any number of endpoints, all or none.

    @ivar factory: The factory.
    @ivar ports: The listening ports.
    @ivar limitsUsers: Whether C{factory} checks which user connects to a Unix socket.
    @ivar accepting: Fires when the app is ready, and connections are accepted; fails if the app
        can't get ready.
    @ivar drainInherited: Whether no other process accepts on inherited sockets.
    @ivar retiring: Whether, at the stop, other processes accept on all inherited sockets.

    Any failure to listen is raised as L{CannotStart} from L{privilegedStartService} (which
    C{twistd} calls before it gives up root) or L{startService} (C{twist}).
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        factory: IDrains,
        endpoints: Sequence[tuple[str, IStreamServerEndpoint]],
        *,
        drainTimeout: float = 30.0,
        drainIdle: float = DRAIN_IDLE,
        drainInherited: bool = False,
        allowFrom: Callable[[IAddress], bool] | None = None,
        limitsUsers: bool = False,
        insecure: bool = False,
        refusal: str = PUBLIC_PORT,
        stopsAtHangUp: bool = False,
        lifetime: Lifetime | None = None,
        connections: int = 0,
        notifier: Notifier | None = None,
    ) -> None:
        """
        @param reactor: The reactor whose stopping this service is part of.
        @param factory: Builds a protocol for each connection.
        @param endpoints: Where to listen: descriptions and endpoints.
        @param drainTimeout: Seconds for running requests to finish when the service stops.
        @param drainIdle: Seconds in which an idle connection may still bring a request then.
        @param drainInherited: Whether no other process accepts on inherited sockets, so that the
            connections in their queues are served, too. If not, they are left to the others.
        @param allowFrom: The factory's check whether a peer may connect. Only its presence matters
            here.
        @param limitsUsers: Whether the factory checks which user connects to a Unix socket.
        @param insecure: Whether other machines may connect without C{allowFrom}.
        @param refusal: The message if other machines could connect, but may not.
        @param stopsAtHangUp: Whether SIGHUP stops it even if it was not started from a terminal.
        @param lifetime: The app's lifetime, if the app has to get ready before connections are
            accepted.
        @param connections: The most connections, if known.
        @param notifier: Tells the service manager that this serves, and that it stops.
        """
        self._reactor = reactor
        self.factory = factory
        self._endpoints = list(endpoints)
        self._begun = False
        self._drainTimeout = drainTimeout
        self._drainIdle = drainIdle
        self.drainInherited = drainInherited
        self.retiring = False
        self._inherited: dict[IListeningPort, InheritedSocketEndpoint] = {}
        self._allowFrom = allowFrom
        self.limitsUsers = limitsUsers
        self._insecure = insecure
        self._refusal = refusal
        self._waiting: list[Deferred[Any]] = []
        self._lifetime = lifetime or Lifetime(reactor, None)
        self._starting: Deferred[None] | None = None
        self._held: list[FileDescriptor] = []
        self._connections = connections
        self._notifier = notifier
        self._signals = Signals(reactor, self.hurry, stopsAtHangUp, pending=self._pending)
        self.ports: list[IListeningPort] = []
        self.accepting: Deferred[None] = Deferred()

    def privilegedStartService(self) -> None:
        """
        Listen on every endpoint.

        @raise CannotStart: One of them fails. All are closed again.
        """
        self._begun = True
        self._signals.install()
        makeRoom(self._connections)
        for text, endpoint in self._endpoints:
            failures: list[Failure] = []
            listening = maybeDeferred(endpoint.listen, self.factory)
            if isinstance(endpoint, InheritedSocketEndpoint):
                listening.addCallback(self._isInherited, endpoint)
            listening.addCallback(self._isListening, text)
            if listening.called:
                listening.addErrback(failures.append)
            else:
                listening.addErrback(self._failedLate, text)
                self._waiting.append(listening)
            for failure in failures:
                self.giveUp()
                raise self._cannotStart(failure, text)

    def startService(self) -> None:
        """
        Listen, if not listening yet, and stop gracefully on a signal.

        @raise CannotStart: As L{privilegedStartService}.
        """
        super().startService()  # type: ignore[no-untyped-call]
        if not self._begun:
            self.privilegedStartService()
        self._starting = self._lifetime.begin()
        self._starting.addCallbacks(self._accept, self._failedToStart)

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, and let running requests finish. If no other process accepts on a socket,
        accept the connections in its queue first.

        @return: Fires when the last request has ended, at the latest when the time is over.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        if self._notifier is not None:
            self._notifier.stopping("draining")
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
        notReady: list[Any] = list(self._held)
        ports = self._letGo()
        for port in ports:
            self._log.info("Stops listening on {address}.", address=_addressText(port.getHost()))
        ends = [self._end(port, port in notReady) for port in ports]
        self._inherited.clear()
        ends.append(self.factory.drain(self._drainTimeout, self._drainIdle))
        for end in ends:
            end.addErrback(lambda failure: self._log.failure("While stopping", failure))

        def accepted(_: object) -> Deferred[None]:
            # Requests that arrived while the ports stopped may finish, too.
            return self.factory.drain(self._drainTimeout, self._drainIdle)

        def drained(_: object) -> Deferred[None] | None:
            return None if starting is None else self._lifetime.end()

        def ended(_: object) -> None:
            if self._notifier is not None:
                self._notifier.close()
            self._signals.restore()

        return gatherResults(ends).addCallback(accepted).addCallback(drained).addCallback(ended)

    def _end(self, port: IListeningPort, notReady: bool) -> Deferred[Any]:
        """
        Stop a port. If no other process accepts on its socket, accept the waiting connections
        first.

        @param port: The port.
        @param notReady: Whether the app is not ready.

        @return: Fires when it has stopped.
        """
        inherited = self._inherited.get(port)
        if inherited is not None and not inherited.own:
            if self.drainInherited and not self.retiring and not notReady:
                acceptAll(port)
        elif not notReady and (inherited is None or not self.retiring):
            return endQueue(port, self._reactor)
        return maybeDeferred(port.stopListening)

    def _accept(self, _: None) -> None:
        """
        Accept connections, now that the app is ready.
        """
        held, self._held = self._held, []
        for port in held:
            port.startReading()
        if self._notifier is not None:
            self._notifier.ready("serving")
        self.accepting.callback(None)

    def _failedToStart(self, failure: Failure) -> None:
        """
        End the process when the app can't get ready.

        @param failure: Why.
        """
        if isinstance(failure.value, CancelledError):
            return
        if isinstance(failure.value, CannotServe):
            self._log.critical("{error}", error=failure.value)
        else:
            self._log.failure("The app failed to start", failure)
        endWithFailure()
        self.accepting.addErrback(lambda _: None)
        self.accepting.errback(failure)
        self._reactor.stop()

    def _isInherited(
        self, port: IListeningPort, endpoint: InheritedSocketEndpoint
    ) -> IListeningPort:
        """
        @param port: A port whose socket was inherited: other processes may accept there.
        @param endpoint: Its endpoint.

        @return: The port.
        """
        self._inherited[port] = endpoint
        return port

    def _isListening(self, port: IListeningPort, text: str) -> None:
        """
        Keep a port, or refuse it.

        @param port: The port, which has not accepted anything yet.
        @param text: The description of its endpoint.

        @raise CannotListen: The port is open to other machines, which no option allows.
        """
        self.ports.append(port)
        host = port.getHost()
        address = _addressText(host)
        ip = host if isinstance(host, (IPv4Address, IPv6Address)) else None
        if ip and isPublic(ip.host) and self._allowFrom is None and not self._insecure:
            local = localEndpoint("tcp6" if ":" in ip.host else "tcp", ip.port)
            raise CannotListen(self._refusal.format(address=address, local=local))
        if not self._lifetime.started and isinstance(port, FileDescriptor):
            port.stopReading()  # type: ignore[no-untyped-call]
            self._held.append(port)
        self._log.info("Listens on {address} ({text}).", address=address, text=text)
        if self.limitsUsers and ip:
            self._log.warn(
                "--allow-user and --allow-group do not apply to {address}, which is not a Unix "
                "socket: any user of this machine may use it.",
                address=address,
            )
        elif self._allowFrom is not None and not ip and not self.limitsUsers:
            self._log.warn(
                "--allow-from does not apply to {address}, which is a Unix socket: its mode "
                "decides who may use it, or --allow-user and --allow-group.",
                address=address,
            )

    def _cannotStart(self, failure: Failure, text: str) -> Exception:
        """
        @param failure: Why an endpoint does not listen.
        @param text: Its description.

        @return: The exception to raise.
        """
        error = failure.value
        if isinstance(error, EXPECTED_FAILURES):
            return CannotStart(f"{text}: {explainListenFailure(error)}")
        failure.raiseException()

    def _failedLate(self, failure: Failure, text: str) -> None:
        """
        End the process when an asynchronous endpoint fails to listen.

        @param failure: Why.
        @param text: The description of the endpoint.
        """
        if isinstance(failure.value, CancelledError):
            return
        self._log.failure("Can't listen on {text}", failure, text=text)
        endWithFailure()
        self._reactor.stop()

    def giveUp(self) -> None:
        """
        Close every port, as the start has failed. The reactor may never run, so sockets' files are
        removed at once.
        """
        self._signals.restore()
        for port in self._letGo():
            maybeDeferred(port.stopListening)
            if isinstance(port, UNIXListener) and port.file is not None:
                port.file.remove()

    def _letGo(self) -> list[IListeningPort]:
        """
        Forget the ports, and stop waiting for more.

        @return: The ports.
        """
        self._begun = False
        waiting, self._waiting = self._waiting, []
        for pending in waiting:
            pending.cancel()
        ports, self.ports = self.ports, []
        self._held = []
        return ports

    def hurry(self) -> None:
        """
        Abort the running requests, also of the other services in this process, as only one of them
        receives signals.
        """
        self._log.info("Told to stop again: aborts the requests that are still running.")
        for service in self._beside():
            service.factory.drain(0.0)
            service._lifetime.hurry()

    def _pending(self) -> str:
        """
        @return: How many requests are running, for the log.
        """
        factories = [service.factory for service in self._beside()]
        running = sum(each.requests for each in factories if isinstance(each, ServerFactory))
        return f", and waits for {counted(running, 'request')}" if running else ""

    def _beside(self) -> list[Serving]:
        """
        @return: This service and the others of its kind in this process.
        """
        beside = list(self.parent) if isinstance(self.parent, MultiService) else [self]
        return [service for service in beside if isinstance(service, Serving)]


@runtime_checkable
class GivesUp(Protocol):
    """
    A service that can undo its privileged start.
    """

    def giveUp(self) -> None:
        """
        Close every port. The reactor may never run.
        """


class Together(MultiService):
    """
    Services that start together: all of them, or none.
    """

    def privilegedStartService(self) -> None:
        """
        Let each service listen.

        @raise CannotStart: One of them fails. The ports of all are closed again.
        """
        try:
            super().privilegedStartService()  # type: ignore[no-untyped-call]
        except BaseException:
            self.giveUp()
            raise

    def giveUp(self) -> None:
        """
        Close the ports of each service.
        """
        for service in self:
            if isinstance(service, GivesUp):
                service.giveUp()


def _addressText(host: IAddress) -> str:
    """
    @param host: The address that a port listens on.

    @return: The address, in the form of C{--port}.
    """
    if isinstance(host, IPv4Address):
        return f"tcp:{host.port}:interface={host.host}"
    if isinstance(host, IPv6Address):
        return f"tcp6:{host.port}:interface={host.host}"
    if isinstance(host, UNIXAddress) and host.name is not None:
        return "unix:" + host.name.decode("utf-8", "replace").replace("\0", "@")
    return str(host)
