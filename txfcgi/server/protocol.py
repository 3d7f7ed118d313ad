"""
The Twisted protocol around the wire: it takes bytes from a transport, gives requests to the app,
and closes the connection. The timeouts are in L{txfcgi.server.watch}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import (
    BufferTooLarge,
    ConnectionClosed,
    LimitExceeded,
    Overloaded,
    RemoteProtocolError,
    RequestAborted,
)
from ..streams import InputStream
from ..streams.spool import SpoolBudget
from ..transport.atonce import Accepted, IAnswersAtOnce
from ..transport.inlet import Taker
from ..transport.outlet import Outlet
from ..transport.polling import hasInput
from ..transport.sparing import SparingLog
from ..wire import events
from ..wire.events import DataReceived, Event, RequestReceived, StreamEnded
from ..wire.framing import Buffer
from ..wire.params import Params
from .application import Application
from .channel import ServerWire
from .limits import Limits
from .paths import Paths
from .request import Request
from .roles import REQUESTS
from .watch import Watch

if TYPE_CHECKING:
    from .factory import ServerFactory


@implementer(IAnswersAtOnce)
class ServerProtocol(Protocol):
    """
    One connection from a web server.

    @ivar outlet: The way out.
    @ivar wire: The protocol, without I/O.
    @ivar limits: The limits of the server.
    @ivar paths: How the path of a request is found and divided.
    @ivar spool: The budget for the bodies and files of all requests.
    @ivar requests: The requests that the app is working on, by their id.
    @ivar total: How many requests it has carried so far.
    @ivar received: How many bytes were received so far.
    @ivar overloaded: Whether it exceeds the number of connections: its requests are refused.
    @ivar retired: Whether it is closed after the requests that are active, or after its next one.
    @ivar halfCloses: Whether the web server may close its direction and still get its answer.
    @ivar halfClosed: Whether it has done so.
    """

    log: ClassVar[Logger] = Logger()

    outlet: Outlet
    makeOutlet = Outlet
    halfCloses = halfClosed = interim = False

    def __init__(self, server: ServerFactory, wire: ServerWire) -> None:
        self.server = server
        self.wire = wire
        self.application: Application = server.application
        self.limits: Limits = server.limits
        self.paths: Paths = server.paths
        self.spool: SpoolBudget = server.spool
        self.requests: dict[int, Request] = {}
        self.overloaded = False
        self.watch = Watch()
        self._peer: IAddress | None = None
        self.total = 0
        self.received = 0
        self.retired = False
        self._full: set[InputStream] | None = None
        self._paused = False
        self._closing = False
        self._dropped = 0

    @property
    def sparing(self) -> SparingLog:
        """
        Where to log what may come again and again.
        """
        return self.server.sparing

    @property
    def tcp(self) -> Connection:
        """
        The transport, by what it can do; it need not be TCP.
        """
        return cast(Connection, self.transport)

    @property
    def peer(self) -> IAddress:
        """
        The web server's end.
        """
        if self._peer is None:
            self._peer = cast(IAddress, self.tcp.getPeer())
        return self._peer

    @property
    def host(self) -> IAddress:
        """
        Our end, while the connection is open.
        """
        return cast(IAddress, self.tcp.getHost())

    def cameFrom(self, peer: IAddress | None) -> None:
        """
        Know the web server's end without asking the transport.
        """
        self._peer = peer

    # What the transport says

    def connectionMade(self) -> None:
        """
        A web server connected.
        """
        first = type(self.transport) is Accepted
        self.outlet = self.makeOutlet(self.tcp, self.server.clock, None, self._taker(first))
        self.server.opened(self)
        if not first:
            self.server.watch(self)

    def goOn(self, transport: Connection) -> None:
        """
        What was sent with the connection did not end it.
        """
        self.outlet.goOn(transport, self._taker(False))
        self.server.watch(self)

    def _taker(self, first: bool) -> Taker | None:
        return self.dataReceived if self.wire.takesViews and not first else None

    def dataReceived(self, data: Buffer) -> None:
        """
        Take what came.
        """
        self.watch.heard = self.server.now
        self.received += len(data)
        if self._closing:
            self._dropped += len(data)
            if self._dropped > self.limits.lingerBytes:
                self.finishClosing()
            return
        try:
            arrived = self.wire.receive(data)
            if self.wire.replies and not self._reply():
                return
            if len(arrived) > 2:
                self.outlet.cork()
                self._deliver(arrived)
                self.outlet.uncork()
            else:
                self._deliver(arrived)
            if self.retired:
                self._closeIfDue()
        except Exception as error:
            self.sparing.failure(
                self.log, "txfcgi failed on {peer}; the connection is cut", peer=self.peer
            )
            self._tellFailed(error)
            self.tcp.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The web server is gone. Some never abort a request in another way.
        """
        self.outlet.lost()
        if self.requests:
            self._abortAll(self.server.whyLost(reason))
        self.server.closed(self)

    # Events

    def _deliver(self, arrived: list[Event]) -> None:
        """
        First every request gets what is its own, then the app runs.
        """
        begun: list[Request] = []
        fed: list[Request] = []
        others: list[Event] = []
        requests = self.requests
        for event in arrived:
            if type(event) is RequestReceived:
                taken = self._begin(event)
                if taken is not None:
                    begun.append(taken)
            elif type(event) is StreamEnded:
                if event.requestID in requests:
                    request = requests[event.requestID]
                    if request.endInput(event.stream):
                        fed.append(request)
            elif type(event) is DataReceived:
                if event.requestID in requests:
                    request = requests[event.requestID]
                    request.receive(event.stream, event.data)
                    if not fed or fed[-1] is not request:
                        fed.append(request)
            else:
                others.append(event)
        for request in begun:
            if not request.ended:
                self.application.run(request)
        for request in fed:
            request.flush()
        if self._full:
            self._regulate()
        for event in others:
            self._handle(event)

    def _begin(self, event: RequestReceived) -> Request | None:
        """
        Take a request, if there is room for it.
        """
        server = self.server
        requestID = event.requestID
        self.total += 1
        if self.retired or self.total >= self.limits.requestsPerConnectionTotal:
            self.wire.close()
        if self.overloaded or server.draining or server.requests >= self.limits.requests:
            reason = self._noRoom()
            if reason is not None:
                self._refuse(requestID, event.role, reason, event.params)
                return None
        server.requests += 1
        server.total += 1
        request = self.requests[requestID] = REQUESTS[event.role](
            self, requestID, event.keepConnection, event.params, server.now
        )
        return request

    def _noRoom(self) -> Overloaded | None:
        """
        Why no other request is taken now, if none is.
        """
        server, limits = self.server, self.limits
        if self.overloaded:
            self.wire.close()
            return Overloaded(f"more than {limits.connections} connections", limit="connections")
        if server.draining and self.requests and server.clock.seconds() >= server.lastCall:
            return Overloaded("the server is about to stop", limit="drainIdle")
        if server.requests >= limits.requests:
            return Overloaded(f"more than {limits.requests} requests", limit="requests")
        return None

    def _handle(self, event: Event) -> None:
        """
        What is rare. Whatever came before it in the same read may have ended the request.
        """
        if isinstance(event, events.RequestRefused):
            if self.wire.isActive(event.requestID):
                reason = event.reason
                if isinstance(reason, (LimitExceeded, RemoteProtocolError)):
                    reason = self._noRoom() or reason
                self._refuse(event.requestID, event.role, reason)
        elif isinstance(event, events.RequestAborted):
            if self.wire.isActive(event.requestID):
                self._abort(event.requestID)
        elif isinstance(event, events.ConnectionFailed):
            self.sparing.warn(
                self.log,
                "{peer} broke the protocol, and its connection is closed: {error}",
                type(event.error),
                peer=self.peer,
                error=event.error,
            )
            self._tellFailed(event.error)
            self._abortAll(ConnectionClosed(f"the connection failed: {event.error}"))
            self.close()

    def _tellFailed(self, error: Exception) -> None:
        """
        Tell the observers that this connection can't go on.
        """
        if self.server.observers is not None:
            self.server.observers.connectionFailed(self.peer, error)

    def _refuse(
        self, requestID: int, role: int, reason: Exception, params: Params | None = None
    ) -> None:
        self.sparing.warn(
            self.log,
            "request {requestID} from {peer} is refused: {reason}",
            type(reason),
            requestID=requestID,
            peer=self.peer,
            reason=reason,
        )
        if self.server.observers is not None:
            self.server.observers.refused(self.peer, role, params, reason)
        self.application.refuse(self, requestID, role, reason)
        self._closeIfDue()

    def _abort(self, requestID: int) -> None:
        """
        The web server aborts a request: it is ended at once (section 5.4), then the app is told.
        """
        self.outlet.write(self.wire.end(requestID))
        request = self.requests.pop(requestID, None)
        if request is not None:
            self.server.requests -= 1
            self.application.abort(request, RequestAborted("the web server aborted the request"))
        self._closeIfDue()

    def _abortAll(self, error: RequestAborted) -> None:
        requests, self.requests = self.requests, {}
        self.server.requests -= len(requests)
        # All of them are ended before the first app is told, as that could end another's request.
        for requestID, request in requests.items():
            self.wire.forget(requestID)
            request.ended = True
        for request in requests.values():
            self.application.abort(request, error)

    def _reply(self) -> bool:
        """
        Send what the protocol itself answers, before any answer of an app, behind which the
        connection may be closed. A peer that asks on and never reads is cut off.

        @return: Whether the connection goes on.
        """
        self.outlet.write(self.wire.takeReplies())
        if self.outlet.queued > self.limits.outputBytes:
            self.sparing.warn(
                self.log, "{peer} reads none of its answers; the connection is cut", peer=self.peer
            )
            if self.server.observers is not None:
                self.server.observers.limitReached("outputBytes")
            self.tcp.abortConnection()
            return False
        return True

    # For the requests

    def requestEnded(self, request: Request) -> None:
        """
        A request was answered.
        """
        del self.requests[request.requestID]
        self.server.requests -= 1
        if self._full:
            self._regulate()
        if self.wire.closing:
            if request.keepConnection:
                self._closeIfDue()
            else:
                self.close()

    def _closeIfDue(self) -> None:
        """
        Close if the connection is at its end. Where that is our own decision, what the web server
        has sent in the meantime may be another request, and is served first.
        """
        if self.wire.closing and not (
            self.retired and (self.wire.awaited is not None or hasInput(self.transport))
        ):
            self._close(True)

    def requestFailed(self, request: Request, error: Exception) -> None:
        """
        A request can't go on, whatever its app does.
        """
        self.application.failed(Failure(error), request)

    def breakOff(self, requestID: int) -> None:
        """
        End a request in the middle of its answer, which must not look complete.
        """
        last = self.wire.breakOff(requestID)
        if last:
            self.outlet.write(last)
        else:
            self._closing = True
            self.tcp.abortConnection()

    def inputFull(self, stream: InputStream) -> None:
        """
        An app does not read as fast as the web server sends.
        """
        if self._full is None:
            self._full = set()
        self._full.add(stream)
        self._regulate()

    def inputDrained(self, stream: InputStream) -> None:
        """
        An app has caught up.
        """
        if self._full is not None:
            self._full.discard(stream)
            self._regulate()

    def _regulate(self) -> None:
        """
        Pause the connection when an app holds too much unread input, and resume it afterwards.

        FastCGI can't hold up one request alone. So on a shared connection the others go on until
        the unread bytes of all of them are too many.
        """
        pause = bool(self._full)
        if pause and len(self.requests) > 1:
            held = {
                request: sum(stream.buffered for stream in request.inputStreams())
                for request in self.requests.values()
            }
            pause = sum(held.values()) > self.limits.connectionBytes
            if pause and self.limits.abortSlowReaders:
                slowest = max(held, key=lambda request: held[request])
                error = BufferTooLarge(f"{held[slowest]} bytes of its input were not read")
                self.application.failed(Failure(error), slowest)
                return
        if pause != self._paused:
            self._paused = pause
            if pause:
                self.tcp.pauseProducing()
            else:
                self.watch.heard = self.server.now
                self.tcp.resumeProducing()

    @property
    def paused(self) -> bool:
        """
        Whether the transport is not read now, because apps have not read what it brought.
        """
        return self._paused

    # The end

    def retire(self) -> None:
        """
        Let the connection end with the requests that are active. If none is, it may bring one more.
        """
        self.retired = True
        if self.wire.active:
            self.wire.close()
        if self.watch.lingering and not self.wire.inputOpen:
            self.finishClosing()

    def closeIdle(self) -> None:
        """
        Close a connection that has no request, if it has not sent one that was not read so far.
        The web server has read all answers.
        """
        if not hasInput(self.transport):
            self._close(False)

    def close(self) -> None:
        """
        Close when all that was written is out: our direction first, then the rest when the web
        server has closed too. What it still sends until then is taken and dropped, within limits,
        for closing on it would destroy an answer that it has not read. Where it has nothing more
        to send, the connection is closed at once.
        """
        outlet, wire = self.outlet, self.wire
        outlet.uncork()
        if self._closing or not wire.inputOver or outlet.queued or not outlet.direct:
            self._close(wire.inputOpen or not self.server.draining)
        else:
            self._closing = True
            self.watch.closing = self.server.now
            self.server.hangUp(self.transport)

    def _close(self, linger: bool) -> None:
        if self._closing:
            return
        self._closing = True
        self.watch.closing = self.server.now
        self.outlet.uncork()
        linger = (
            linger and self.limits.lingerBytes > 0 and self.outlet.direct and not self.halfClosed
        )
        self.watch.lingering = linger
        self.outlet.close(half=linger)

    def finishClosing(self) -> None:
        """
        Wait for no more input.
        """
        if self.watch.lingering:
            self.watch.lingering = False
            self.watch.closing = self.server.now
            self.outlet.close()
