"""
L{StreamingRequest}: a request that a resource may serve while its body arrives, and what such
resources ask of a request on any site.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from io import BytesIO
from typing import IO, Any, Final, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString, parse_qs
from twisted.web.resource import IResource, _IEncodingResource
from twisted.web.server import Request
from twisted.web.server import version as SERVER
from zope.interface import Interface

from ..errors import BodyTooLarge, ConnectionClosed, RequestAborted
from ..streams import InputStream

# A collected body that is not longer goes on in one piece.
_SMALL: Final = 65_536


class IStreamsBody(Interface):
    """
    Marks a resource that reads the body by L{bodyOf}, and not from C{request.content}.
    """


class StreamingRequest(Request):
    """
    A request that may be served before its body is there.

    @ivar body: The body, if this request is being served while it arrives. Otherwise it is in
        C{content}, as ever.
    @ivar secure: Whether it came by HTTPS to a trusted web server in front of this one, if that
        said so.
    """

    body: InputStream | None = None
    secure: bool | None = None
    # The part of the body that has arrived before it is decided who reads it.
    _early: list[bytes] | None = None
    _excess = 0
    # Whether the body is dropped as it comes: no resource gets it, so none would limit it.
    _dropsBody = False
    _taker: IResource | None = None

    def isSecure(self) -> bool:
        """
        Whether the browser asked by HTTPS.
        """
        return super().isSecure() if self.secure is None else self.secure

    # What the channel says

    def gotLength(self, length: int | None) -> None:
        """
        Get ready for a body.
        """
        if length == 0:
            super().gotLength(length)
        else:
            self._early = []

    def handleContentChunk(self, data: bytes) -> None:
        """
        Take a piece of the body.
        """
        if self._early is not None:
            self._early.append(bytes(data))
        elif self.body is not None and not self.finished:
            self.body.receive(bytes(data))
        elif self.body is None and not self._dropsBody:
            super().handleContentChunk(data)
        else:
            self._drop(len(data))

    def _drop(self, length: int) -> None:
        """
        Drop a piece of a body that nobody reads.
        """
        channel: Any = self.channel
        most = channel.site.limits.lingerBytes
        before, self._excess = self._excess, self._excess + length
        if before <= most < self._excess:
            if self.finished:
                self.loseConnection()
            else:
                channel.refuse(413, f"a body of more than {most} bytes for *")

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Take the end of the request.
        """
        if self._early is not None:
            resource = self._streamsTo(command, path, version)
            self._collect(sum(map(len, self._early)), self._early)
            self._early = None
            if resource is not None:
                self._render(resource)
                return
        if self.body is None:
            super().requestReceived(command, path, version)
            return
        # The channel may go on as soon as the answer is finished.
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
            channel: Any = self.channel
            early, length = self._early, channel.length
            resource = self._streamsTo(*channel.requestLine)
            self._early = None
            if resource is None:
                self._collect(length, early)
                if self._dropsBody:
                    self._drop(sum(map(len, early)))
                return
            self.body = InputStream(self, length)
            for chunk in early:
                self.body.receive(chunk)
            # finish() leaves the request with the channel as long as its body arrives.
            self.queued = True
            self._render(resource)
        elif self.body is not None:
            self.body.flush()

    def finish(self) -> None:
        """
        End the response. The rest of a body that nobody read is dropped as it comes.
        """
        if self.body is not None:
            self.body.discard()
        super().finish()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Take the end of the connection.
        """
        self._early = None
        super().connectionLost(reason)
        if self.body is not None:
            self.body.close(ConnectionClosed("the client closed the connection"))

    # Who takes the body

    def _streamsTo(self, command: bytes, uri: bytes, version: bytes) -> IResource | None:
        """
        Look for the resource, as C{Request.process} does, before the body is there.

        @return: It, if it takes a body that streams. If the search fails, it will do so again in
            the usual way.
        """
        if uri == b"*":
            self._dropsBody = True
            return None
        self.method, self.uri, self.clientproto = command, uri, version
        self.path, _, query = uri.partition(b"?")
        self.args = parse_qs(query, True) if query else {}
        self.site = cast(Any, self.channel).site
        self.prepath = []
        self.postpath = [unquote_to_bytes(segment) for segment in self.path[1:].split(b"/")]
        try:
            resource = cast(Any, self.site).getResourceFor(self)
        except Exception:
            return None
        return cast(IResource, resource) if IStreamsBody.providedBy(resource) else None

    def _render(self, resource: IResource) -> None:
        """
        Let a resource serve the request, beside C{process}.
        """
        self.setHeader(b"Server", SERVER)
        self.setHeader(b"Date", datetimeToString())
        try:
            self.render(resource)
        except BaseException:  # as in Request.process: sys.exit() ends only the request
            self.processingFailed(Failure())

    def _collect(self, length: int | None, chunks: list[bytes]) -> None:
        """
        Begin to collect the body in C{content}.
        """
        super().gotLength(0 if self._dropsBody else length)
        if not self._dropsBody:
            for chunk in chunks:
                super().handleContentChunk(chunk)

    def process(self) -> None:
        """
        Serve a request whose body is in C{content}.
        """
        taker = self._taker
        if taker is None:
            super().process()
            return
        try:
            if _IEncodingResource.providedBy(taker):
                self._encoder = cast(Any, taker).getEncoder(self)
            self.render(taker)
        except BaseException:  # as in Request.process: sys.exit() ends only the request
            self.processingFailed(Failure())

    async def collectFor(self, taker: IResource) -> None:
        """
        Collect the body after all, for a resource that wants it so, and let that serve the request.
        """
        self._taker = taker
        body = self.body
        if body is not None:
            self._collect(body.length, [])
            try:
                async for piece in body:
                    super().handleContentChunk(piece)
            except RequestAborted:
                return
            self.body = None
        cast(IO[bytes], self.content).seek(0, 2)
        super().requestReceived(self.method, self.uri, self.clientproto)

    # The source of the stream

    def inputFull(self, stream: InputStream) -> None:
        """
        Too much of the body waits to be read.
        """
        if self.channel is not None:
            cast(Any, self.channel).hold()

    def inputDrained(self, stream: InputStream) -> None:
        """
        The body is being read again.
        """
        if self.channel is not None:
            cast(Any, self.channel).go()


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
    if IStreamsBody.providedBy(resource) or not isinstance(request, StreamingRequest):
        request.render(resource)
    else:
        collected = Deferred.fromCoroutine(request.collectFor(resource))
        collected.addErrback(request.processingFailed)


def dropBody(request: Any) -> None:
    """
    Do without the body of a request: who asks for it from now on finds none.
    """
    if isinstance(getattr(request, "body", None), InputStream):
        request.body.discard()
    request.bodyDropped = True
    if request.content is not None:
        request.content.close()
    request.content = BytesIO()


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
