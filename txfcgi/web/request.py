"""
L{StreamingRequest}: a request that a resource may serve while its body arrives, and what such
resources ask of a request on any site.

What only some of them ask for, as headers in an object of twisted.web's, is made when it is asked
for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterator
from functools import cached_property, lru_cache
from io import BytesIO
from time import time
from typing import IO, Any, AnyStr, Final, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import NO_BODY_CODES, datetimeToString, parse_qs
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource, _IEncodingResource
from twisted.web.server import Request
from twisted.web.server import version as SERVER
from zope.interface import Interface

from ..errors import BodyTooLarge, ConnectionClosed, RequestAborted
from ..streams import InputStream
from .heads import plainName

# A collected body that is not longer goes on in one piece.
_SMALL: Final = 65_536

# How much more of a body is read after its request was answered, before the connection is closed.
LINGER_BYTES: Final = 1_048_576

_SERVER_LINE: Final = b"Server: %s\r\n" % SERVER


@lru_cache(1)
def _dateLine(second: int) -> bytes:
    return b"Date: %s\r\n" % datetimeToString(second)


class IStreamsBody(Interface):
    """
    Marks a resource that reads the body by L{bodyOf}, and not from C{request.content}.
    """


class StreamingRequest(Request):
    """
    A request that may be served before its body is there.

    @ivar body: The body, if this request is: a stream, or bytes if all of it came with the head.
        Otherwise it is in C{content}, as ever.
    @ivar plainHeaders: All headers, if there is nothing special about them (see L{plainHead}) and
        nobody asked for C{requestHeaders}, which is then what counts.
    """

    body: InputStream | bytes | None = None
    plainHeaders: dict[bytes, bytes] | None = None
    channel: Any
    _whenLost: Callable[[Failure], None] | None = None
    # What came of the body until it is decided who takes it.
    _early: list[bytes] | None = None
    _excess = 0
    _taker: IResource | None = None

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        del self.requestHeaders, self.responseHeaders, self.received_cookies

    # What is made when it is asked for

    @cached_property
    def requestHeaders(self) -> Headers:  # type: ignore[override]
        """
        The headers of the request.
        """
        headers = Headers()
        for name, value in (self.plainHeaders or {}).items():
            headers.addRawHeader(name, value)
        self.plainHeaders = None
        return headers

    @cached_property
    def responseHeaders(self) -> Headers:  # type: ignore[override]
        """
        The headers of the response, those that each has among them.
        """
        return Headers({b"Server": [SERVER], b"Date": [datetimeToString()]})

    @cached_property
    def received_cookies(self) -> dict[bytes, bytes]:  # type: ignore[override]
        """
        The cookies of the request.
        """
        cookies = vars(self)["received_cookies"] = {}
        super().parseCookies()
        return cookies

    def parseCookies(self) -> None:
        """
        Leave them for later.
        """

    def getHeader(self, key: AnyStr) -> AnyStr | None:
        """
        The value of a header, the last if there are several.
        """
        if self.plainHeaders is None or isinstance(key, str):
            return super().getHeader(key)
        return self.plainHeaders.get(plainName(key) or b"")

    # What the channel says

    def gotPlainHeaders(self, headers: dict[bytes, bytes]) -> None:
        """
        Take the headers of a request without a body.
        """
        self.plainHeaders = headers
        self._early = []

    def gotLength(self, length: int | None) -> None:
        """
        Get ready for a body.
        """
        if getattr(self.channel, "streams", False):
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
        if self._early is not None and self._serve(command, path, version, None, True):
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
            self._serve(command, path, version, self.channel.length, False)
        elif isinstance(self.body, InputStream):
            self.body.flush()

    def finish(self) -> None:
        """
        End the response. The rest of a body that nobody read is dropped as it comes.
        """
        self._whenLost = None
        if isinstance(self.body, InputStream):
            self.body.discard()
        super().finish()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Take the end of the connection.
        """
        self._early = None
        super().connectionLost(reason)
        lost, self._whenLost = self._whenLost, None
        if lost is not None:
            lost(reason)
        if isinstance(self.body, InputStream):
            self.body.close(ConnectionClosed("the client closed the connection"))

    # Who takes the body

    def _serve(
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
            super().gotLength(sum(map(len, early)) if complete else length)
            for chunk in early:
                super().handleContentChunk(chunk)
            if complete and not early:
                self._taker = resource
            # Else it is looked for again when the body is there; a form may be in it.
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
        self.args = parse_qs(query, True) if query else {}
        self.site = self.channel.site
        self.prepath = []
        self.postpath = [unquote_to_bytes(segment) for segment in self.path[1:].split(b"/")]
        try:
            return cast(IResource, self.site.getResourceFor(self))
        except Exception:
            return None

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
        except BaseException:
            self.processingFailed(Failure())

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

    # The answer

    def whenLost(self, lost: Callable[[Failure], None]) -> None:
        """
        Have one function, the last of them, called if the connection is lost before the answer is
        finished. C{notifyFinish} tells more, and costs more.
        """
        self._whenLost = lost

    def isUntouched(self, code: int) -> bool:
        """
        Whether nobody else has had a say in the answer: L{respond} and L{begin} are for those.

        @param code: The status of the response.
        """
        return (
            "responseHeaders" not in vars(self)
            and getattr(self.channel, "streams", False)
            and self.clientproto == b"HTTP/1.1"
            and self.method != b"HEAD"
            and code not in NO_BODY_CODES
            and not self.startedWriting
            and not self.cookies
            and self._encoder is None
            and self.etag is None
            and self.lastModified is None
        )

    def respond(
        self, code: int, phrase: bytes, lines: bytes, names: Collection[bytes], body: bytes
    ) -> None:
        """
        Answer with all there is to say.

        @param lines: The headers.
        @param names: Their names, in lower case. Server, Date and Content-Length, if they are not
            there, join them.
        """
        if b"content-length" not in names:
            lines += b"Content-Length: %d\r\n" % len(body)
        self.sentLength = len(body)
        self.channel.send(self._begin(code, phrase, lines, names) + body)
        self.finish()

    def begin(self, code: int, phrase: bytes, lines: bytes, names: Collection[bytes]) -> None:
        """
        Begin an answer; its body is written then.

        @param lines: The headers; Content-Length is one of them.
        @param names: Their names, in lower case. Server and Date, if they are not there, join them.
        """
        self.channel.send(self._begin(code, phrase, lines, names))

    def _begin(self, code: int, phrase: bytes, lines: bytes, names: Collection[bytes]) -> bytes:
        if b"server" not in names:
            lines = _SERVER_LINE + lines
        if b"date" not in names:
            lines = _dateLine(int(time())) + lines
        self.setResponseCode(code, phrase)
        self.startedWriting = 1
        return b"HTTP/1.1 %d %s\r\n%s\r\n" % (code, phrase, lines)

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
    if request.content is None:
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
