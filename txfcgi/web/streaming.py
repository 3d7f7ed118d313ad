"""
L{StreamingSite}: a twisted.web site whose resources can have a request's body while it arrives.

twisted.web collects the whole body, in memory or in a file, before a resource hears of the request.
Here a resource that provides L{IStreamsBody<txfcgi.web.request.IStreamsBody>} hears of it as soon
as its head is there; all others are served as ever. Such a resource works on any other site too,
where its body is collected first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IDelayedCall, IPushProducer, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Connection
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Site
from zope.interface import implementer

from ..server.interfaces import IDrains
from .accesslog import accessLine
from .heads import plainHead
from .request import StreamingRequest

# How many bytes of a body are written at once; fewer may be joined with others.
_LEAST: Final = 16_384


class StreamingChannel(HTTPChannel):
    """
    An HTTP/1.1 connection that stops reading while a request's body is not read.

    @ivar requestLine: Method, URI and version of the request whose body is to come.
    """

    requestLine: tuple[bytes, bytes, bytes]
    #: Bodies may go on to resources while they arrive.
    streams: Final = True
    site: Any = None
    _held = False
    _heldTimeOut: float | None = None
    _outputFull = False
    _direct: Connection | None = None
    _plain = False
    _host: IAddress | None = None
    _peer: IAddress | None = None
    _secure: bool | None = None
    _alarm: IDelayedCall | None = None
    _due: float | None = None

    def connectionMade(self) -> None:
        """
        The connection is there.
        """
        super().connectionMade()
        if isinstance(self.transport, Connection) and not getattr(self.transport, "TLS", False):
            self._direct = self.transport
        factory = self.requestFactory
        self._plain = isinstance(factory, type) and issubclass(factory, StreamingRequest)

    def dataReceived(self, data: bytes) -> None:
        """
        Take bytes, and only then let resources see what they mean.
        """
        this: Any = self
        if (
            self._plain
            and not self.requests
            and self.line_mode
            and self.persistent
            and not this._buffer
            and not this._busyReceiving
            and not this.transport.disconnecting
            and len(data) <= min(self.totalHeadersSize, self.MAX_LENGTH)
        ):
            head = plainHead(data)
            if head is not None and len(head[2]) <= self.maxHeaders:
                self._plainHeadReceived(*head)
                return
        super().dataReceived(data)
        for request in list(self.requests):
            if isinstance(request, StreamingRequest):
                request.proceed()

    def _plainHeadReceived(self, method: bytes, uri: bytes, headers: dict[bytes, bytes]) -> None:
        """
        A whole request came, with nothing special about it.
        """
        this: Any = self
        request = this.requestFactory(self, 0)
        self.requests.append(request)
        this._command, this._path, this._version = method, uri, b"HTTP/1.1"
        request.gotPlainHeaders(headers)
        self.allContentReceived()

    def allHeadersReceived(self) -> None:
        """
        Note what twisted.web tells the request only after its body.
        """
        this: Any = self
        self.requestLine = (this._command, this._path, this._version)
        super().allHeadersReceived()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Let the site forget this connection.
        """
        super().connectionLost(reason)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if isinstance(self.site, StreamingSite):
            self.site.lost(self)

    # What stays the same

    def getHost(self) -> IAddress:
        """
        The address that the client connected to.
        """
        if self._host is None:
            self._host = cast(IAddress, super().getHost())
        return self._host

    def getPeer(self) -> IAddress:
        """
        The address of the client.
        """
        if self._peer is None:
            self._peer = cast(IAddress, super().getPeer())
        return self._peer

    def isSecure(self) -> bool:
        """
        Whether this is TLS.
        """
        if self._secure is None:
            self._secure = super().isSecure()
        return self._secure

    # The time that the client has

    def setTimeout(self, period: float | None) -> float | None:
        """
        Set the time in which something has to come, or none.

        It changes with each request and is hardly ever over, so the delayed call stays as it is
        when there is more time: it looks again then.

        @return: What it was.
        """
        before, self.timeOut = self.timeOut, cast("int | None", period)
        self._due = None if period is None else self._seconds() + period
        if period is not None:
            if self._alarm is None:
                self._alarm = self.callLater(period, self._look)
            elif self._alarm.getTime() > cast(float, self._due):
                self._alarm.reset(period)
        return before

    def resetTimeout(self) -> None:
        """
        Something came.
        """
        if self._due is not None and self.timeOut is not None:
            self._due = self._seconds() + self.timeOut

    def _look(self) -> None:
        self._alarm = None
        if self._due is not None:
            left = self._due - self._seconds()
            if left > 0:
                self._alarm = self.callLater(left, self._look)
            else:
                self._due = None
                self.timeoutConnection()

    def _seconds(self) -> float:
        return cast(float, self.site.reactor.seconds())

    # Writing: at once, if nothing waits to be written

    def write(self, data: bytes) -> None:
        """
        Write a piece of a response.
        """
        if len(data) < _LEAST:
            super().write(data)
        else:
            self.send(data)

    def writeSequence(self, iovec: Sequence[bytes]) -> None:
        """
        Write a piece of a response, with what belongs to it.
        """
        if sum(map(len, iovec)) < _LEAST:
            super().writeSequence(iovec)
        else:
            self.send(b"".join(iovec))

    def send(self, data: bytes) -> None:
        """
        Write what is to go out now.
        """
        transport = self._direct
        if transport is None:
            super().write(data)
            return
        if transport.connected and not transport.dataBuffer and not transport._tempDataBuffer:
            sent = transport.writeSomeData(data)
            # What went wrong is found again, and dealt with, by the transport.
            if sent == len(data):
                return
            if isinstance(sent, int):
                data = data[sent:]
        transport.write(data)

    # Reading

    def hold(self) -> None:
        """
        Read no more. The client is not to blame, so its time does not run.
        """
        self._held = True
        self._heldTimeOut = self.timeOut
        self.setTimeout(None)
        cast(IPushProducer, self.transport).pauseProducing()

    def go(self) -> None:
        """
        Read again.
        """
        if self._held:
            self._held = False
            self.setTimeout(self._heldTimeOut)
            if not self._outputFull:
                cast(IPushProducer, self.transport).resumeProducing()

    def pauseProducing(self) -> None:
        """
        The client does not take what is written.
        """
        self._outputFull = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """
        The client takes what is written.
        """
        self._outputFull = False
        super().resumeProducing()
        if self._held:
            cast(IPushProducer, self.transport).pauseProducing()


@implementer(IDrains)
class StreamingSite(Site):
    """
    A site where request bodies stream. It speaks HTTP/1.1, also over TLS.

    @ivar channels: The connections that are open.
    """

    _log = Logger()

    requestFactory = StreamingRequest
    protocol = StreamingChannel  # type: ignore[assignment]

    def __init__(
        self,
        resource: IResource,
        *args: Any,
        allowFrom: Callable[[IAddress], bool] | None = None,
        **kwargs: Any,
    ) -> None:
        """
        @param args: As for C{Site}.
        @param allowFrom: Says whether a peer may connect; all may if it is L{None}.
        """
        if len(args) < 4:
            kwargs["logFormatter"] = kwargs.get("logFormatter") or accessLine
        super().__init__(resource, *args, **kwargs)
        self._allowFrom = allowFrom
        self.channels: set[StreamingChannel] = set()
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
            self._log.warn("{peer} may not connect", peer=addr)
            return None
        channel: Any = super().buildProtocol(addr)
        self.channels.add(channel)
        return channel

    def lost(self, channel: StreamingChannel) -> None:
        """
        A connection is gone.
        """
        self.channels.discard(channel)
        self._look()

    def drain(self, deadline: float) -> Deferred[None]:
        """
        Close idle connections, and the others when their requests have been answered.

        @param deadline: Seconds after which what is left is cut.
        @return: Fires when all are closed.
        """
        for channel in list(self.channels):
            if not channel.requests:
                channel.loseConnection()
            elif deadline > 0:
                channel.persistent = False
            else:
                cast(ITCPTransport, channel.transport).abortConnection()
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

    def _look(self) -> None:
        if not self.channels:
            drained, self._drained = self._drained, []
            for waiting in drained:
                waiting.callback(None)
