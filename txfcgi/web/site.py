"""
L{StreamingSite}: a twisted.web site whose resources can read a request's body while it arrives.

twisted.web collects the whole body, in memory or in a file, before a resource gets the request.
Here, a resource that provides L{IStreamsBody<txfcgi.web.request.IStreamsBody>} gets it as soon as
its head has arrived; all others are served as usual. Such a resource works on any other site, too,
which collects the body first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IDelayedCall, ITCPTransport
from twisted.logger import Logger
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site
from zope.interface import implementer

from ..server.interfaces import DRAIN_IDLE, IDrains
from ..server.limits import HTTPLimits
from ..transport.polling import hasInput
from ..transport.sparing import SparingLog
from ..transport.timers import Timers
from .accesslog import maskedLogFormatter
from .channel import StreamingChannel
from .forwarded import TrustedProxies
from .request import StreamingRequest


@implementer(IDrains)
class StreamingSite(Site):
    """
    A site where request bodies stream. It speaks HTTP/1.1, also over TLS.

    @ivar channels: The connections that are open.
    @ivar draining: Whether it drains: each connection is closed after its next response.
    @ivar limits: The limits of browsers' requests and connections.
    @ivar proxies: The web servers in front of this site that are trusted to name the client.
    @ivar sparing: A log for messages that may be repeated often.
    @ivar timers: The deadlines of connections whose peer does not read its response.
    """

    _log = Logger()

    requestFactory = StreamingRequest
    protocol = StreamingChannel  # type: ignore[assignment]

    def __init__(
        self,
        resource: IResource | Resource,
        *args: Any,
        allowFrom: Callable[[IAddress], bool] | None = None,
        limits: HTTPLimits | None = None,
        proxies: TrustedProxies | None = None,
        **kwargs: Any,
    ) -> None:
        """
        @param resource: The root resource.
        @param args: Other arguments of C{twisted.web.server.Site}.
        @param allowFrom: Tells whether a peer may connect; with L{None}, any may.
        @param limits: The limits of browsers' requests and connections.
        @param proxies: The web servers in front that are trusted to name the client.
        """
        if len(args) < 4:
            kwargs["logFormatter"] = kwargs.get("logFormatter") or maskedLogFormatter
        super().__init__(resource, *args, **kwargs)
        self.limits = HTTPLimits() if limits is None else limits
        self.proxies = proxies
        self.timers = Timers(self.reactor)
        self.sparing = SparingLog(self.reactor)
        self._allowFrom = allowFrom
        self.channels: set[StreamingChannel] = set()
        self.draining = False
        self._lastCall: IDelayedCall | None = None
        self._drained: list[Deferred[None]] = []

    def acceptableProtocols(self) -> list[bytes]:
        """
        What is offered over TLS (ALPN).
        """
        return [b"http/1.1"]

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """
        A channel for a connection, or L{None} if the peer may not connect.
        """
        if self._allowFrom is not None and (addr is None or not self._allowFrom(addr)):
            self.sparing.warn(self._log, "{peer} may not connect", peer=addr)
            return None
        channel: Any = super().buildProtocol(addr)
        self.channels.add(channel)
        return channel

    def stopFactory(self) -> None:
        """
        Leave nothing in the reactor when no port listens any more.
        """
        super().stopFactory()
        self.sparing.flush()

    def lost(self, channel: StreamingChannel) -> None:
        """
        A connection is gone.
        """
        self.channels.discard(channel)
        self._look()

    def drain(self, deadline: float, idle: float = DRAIN_IDLE) -> Deferred[None]:
        """
        Drain: close each connection when its request has been answered; one without a request after
        one more, or after C{idle} seconds.

        @param deadline: Seconds after which the connections that are left are cut.
        @param idle: Seconds that a connection without a request stays open.
        @return: Fires when all connections are closed.
        """
        self.draining = True
        for channel in list(self.channels):
            if deadline <= 0:
                # One that is told to close would wait for its output, and over TLS for the client.
                cast(ITCPTransport, channel.transport).abortConnection()
            elif channel.requests:
                channel.persistent = False
        if self._lastCall is None and deadline > 0 and self.channels:
            self._lastCall = self.reactor.callLater(min(idle, deadline), self._closeIdle)
        if not self.channels:
            return succeed(None)
        drained: Deferred[None] = Deferred()
        self._drained.append(drained)
        if deadline > 0:
            cut = self.reactor.callLater(deadline, self.drain, 0.0)

            def done(result: None) -> None:
                if cut.active():
                    cut.cancel()

            drained.addCallback(done)
        return drained

    def _closeIdle(self) -> None:
        """
        Close the connections that have no request, unless they have sent one that was not read.
        """
        for channel in list(self.channels):
            if not channel.requests and not hasInput(channel.transport):
                channel.loseConnection()

    def _look(self) -> None:
        if not self.channels:
            if not self.numPorts:
                self.sparing.flush()
            call, self._lastCall = self._lastCall, None
            if call is not None and call.active():
                call.cancel()
            drained, self._drained = self._drained, []
            for waiting in drained:
                waiting.callback(None)
