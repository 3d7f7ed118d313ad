"""
L{StreamingSite}: a twisted.web site whose resources can have a request's body while it arrives.

twisted.web collects the whole body, in memory or in a file, before a resource hears of the request.
Here a resource that provides L{IStreamsBody} hears of it as soon as its head is there; all others
are served as ever. Such a resource works on any other site too, where its body is collected first.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from typing import IO, Any, Final, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IPushProducer, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, datetimeToString, parse_qs
from twisted.web.resource import IResource
from twisted.web.server import Request, Site
from twisted.web.server import version as SERVER
from zope.interface import Interface

from ..errors import BodyTooLarge, ConnectionClosed, RequestAborted
from ..streams import InputStream

# A collected body that is not longer goes on in one piece.
_SMALL: Final = 65_536

# How much more of a body is read after its request was answered, before the connection is closed.
LINGER_BYTES: Final = 1_048_576


class IStreamsBody(Interface):
    """
    Marks a resource that reads the body by L{bodyOf}, and not from C{request.content}.
    """


class StreamingRequest(Request):
    """
    A request that may be served before its body is there.

    @ivar body: The body, if this request is: a stream, or bytes if all of it came with the head.
        Otherwise it is in C{content}, as ever.
    """

    body: InputStream | bytes | None = None
    channel: Any
    # What came of the body until it is decided who takes it.
    _early: list[bytes] | None = None
    _excess = 0
    _taker: IResource | None = None

    # What the channel says

    def gotLength(self, length: int | None) -> None:
        """
        Get ready for a body.
        """
        if length != 0 and isinstance(self.channel, StreamingChannel):
            self._early = []
        else:
            super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:
        """
        Take a piece of the body.
        """
        if self._early is not None:
            self._early.append(bytes(data))
        elif self.body is None:
            super().handleContentChunk(data)
        elif isinstance(self.body, InputStream):
            if self.finished:
                self._excess += len(data)
                if self._excess > LINGER_BYTES:
                    self.loseConnection()
            else:
                self.body.receive(bytes(data))

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Take the end of the request.
        """
        if self._early is not None and self._begin(command, path, version, None, True):
            return
        if not isinstance(self.body, InputStream):
            super().requestReceived(command, path, version)
            return
        self.queued = False
        if self.finished:
            self._cleanup()
        else:
            self.body.finish()
            self.body.flush()

    def proceed(self) -> None:
        """
        All that the channel received was taken.
        """
        if self._early is not None:
            command, path, version = self.channel.requestLine
            self._begin(command, path, version, self.channel.length, False)
        elif isinstance(self.body, InputStream):
            self.body.flush()

    def finish(self) -> None:
        """
        End the response. The rest of a body that nobody read is dropped as it comes.
        """
        if isinstance(self.body, InputStream):
            self.body.discard()
        super().finish()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Take the end of the connection.
        """
        self._early = None
        super().connectionLost(reason)
        if isinstance(self.body, InputStream):
            self.body.close(ConnectionClosed("the client closed the connection"))

    # Who takes the body

    def _begin(
        self, command: bytes, path: bytes, version: bytes, length: int | None, complete: bool
    ) -> bool:
        """
        Serve the request if its resource takes a body that streams; have it collected if not.

        @param complete: Whether the whole body is there.
        @return: Whether it is served.
        """
        early, self._early = self._early or [], None
        self.method, self.uri, self.clientproto = command, path, version
        resource = None if path == b"*" else self._locate()
        if resource is None or not IStreamsBody.providedBy(resource):
            # It is looked for again when the body is there; a form may be in it.
            super().gotLength(length)
            for chunk in early:
                super().handleContentChunk(chunk)
            return False
        if complete:
            self.body = b"".join(early)
        else:
            self.body = stream = InputStream(self, length)
            for chunk in early:
                stream.receive(chunk)
            # finish() leaves the request with the channel as long as its body arrives.
            self.queued = True
        try:
            self.render(resource)
        except BaseException:
            self.processingFailed(Failure())
        return True

    def _locate(self) -> IResource | None:
        """
        Find the resource, as C{Request.process} does.

        @return: It, or L{None} if that failed: it will fail again, in the usual way.
        """
        self.path, _, query = self.uri.partition(b"?")
        self.args = parse_qs(query, True)
        self.site = self.channel.site
        self.setHeader(b"Server", SERVER)
        self.setHeader(b"Date", datetimeToString())
        self.prepath = []
        self.postpath = [unquote_to_bytes(segment) for segment in self.path[1:].split(b"/")]
        try:
            return cast(IResource, self.channel.site.getResourceFor(self))
        except Exception:
            return None

    def process(self) -> None:
        """
        Serve a request whose body is in C{content}.
        """
        if self._taker is None:
            super().process()
        else:
            self.render(self._taker)

    async def collect(self, taker: IResource) -> None:
        """
        Collect the body after all, for a resource that wants it so, and let that serve the request.
        """
        body, self._taker = self.body, taker
        if isinstance(body, bytes):
            super().gotLength(len(body))
            super().handleContentChunk(body)
        elif body is not None:
            super().gotLength(body.length)
            try:
                async for piece in body:
                    super().handleContentChunk(piece)
            except RequestAborted:
                return
        self.body = None
        super().requestReceived(self.method, self.uri, self.clientproto)

    # The source of the stream

    def inputFull(self, stream: InputStream) -> None:
        """
        Too much of the body waits to be read.
        """
        if self.channel is not None:
            self.channel.hold()

    def inputDrained(self, stream: InputStream) -> None:
        """
        The body is being read again.
        """
        if self.channel is not None:
            self.channel.go()


class StreamingChannel(HTTPChannel):
    """
    An HTTP/1.1 connection that stops reading while a request's body is not read.

    @ivar requestLine: Method, URI and version of the request whose body is to come.
    """

    requestLine: tuple[bytes, bytes, bytes]
    _held = False
    _outputFull = False

    def dataReceived(self, data: bytes) -> None:
        """
        Take bytes, and only then let resources see what they mean.
        """
        super().dataReceived(data)
        for request in list(self.requests):
            if isinstance(request, StreamingRequest):
                request.proceed()

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
        if isinstance(self.site, StreamingSite):
            self.site.lost(self)

    site: Any = None

    # Reading

    def hold(self) -> None:
        """
        Read no more. The client is not to blame, so its time does not run.
        """
        self._held = True
        self.setTimeout(None)
        cast(IPushProducer, self.transport).pauseProducing()

    def go(self) -> None:
        """
        Read again.
        """
        if self._held:
            self._held = False
            self.setTimeout(self.timeOut)
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


def bodyOf(request: Any) -> tuple[InputStream | bytes | Iterator[bytes] | None, int | None]:
    """
    The body of a request to a resource that provides L{IStreamsBody}, on whatever site.

    @return: It and its length in bytes; L{None} as the body if there is none, and as the length if
        only its end will tell.
    """
    body = getattr(request, "body", None)
    if getattr(request, "bodyDropped", False):
        return None, 0
    if isinstance(body, InputStream):
        return body, body.length
    if isinstance(body, bytes):
        return body or None, len(body)
    content: IO[bytes] = request.content
    length = content.seek(0, 2)
    content.seek(0)
    if length > _SMALL:
        return iter(lambda: content.read(_SMALL), b""), length
    return content.read() or None, length


def renderOn(request: Any, resource: IResource) -> None:
    """
    Let a resource serve a request whose body nobody has read, as that resource wants to have it.
    """
    if getattr(request, "body", None) is None or IStreamsBody.providedBy(resource):
        request.render(resource)
    else:
        Deferred.fromCoroutine(request.collect(resource)).addErrback(request.processingFailed)


def dropBody(request: Any) -> None:
    """
    Do without the body of a request: who asks for it from now on finds none.
    """
    if isinstance(getattr(request, "body", None), InputStream):
        request.body.discard()
    request.bodyDropped = True


async def limited(stream: InputStream, most: int) -> AsyncGenerator[bytes, None]:
    """
    A body whose length is not known, up to a limit.

    @raise BodyTooLarge: When it passes that.
    """
    size = 0
    async for piece in stream:
        size += len(piece)
        if size > most:
            raise BodyTooLarge(f"the body has more than {most} bytes")
        yield piece
