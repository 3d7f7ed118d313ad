"""
L{WebChannel}: what a request of twisted.web takes for its HTTP connection.

It is there for one request. What is whole when the resource has rendered leaves in one piece; all
else is written as CGI output, as it comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IAddress, IConsumer, IProducer
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES
from twisted.web.http_headers import Headers
from twisted.web.server import Site
from zope.interface import implementer

from ..errors import InvalidResponse, MalformedValue, RequestAborted
from ..server.request import Request
from ..server.response import Response
from ..streams import OutputStream
from ..wire.cgi import statusHeader
from ..wire.variables import ParamNames, readContentLength
from .mounthint import MountHint

# A request of this version does not send chunks, which CGI doesn't have. Resources see the same one
# over HTTP/2.
_VERSION: Final = b"HTTP/2"
# What stays as it is in a path that is encoded.
_PATH: Final = "/!$&'()*+,;=:@-._~"
# The values of HTTPS and REQUEST_SCHEME for plain HTTP.
_INSECURE: Final = ("", "off", "0", "no", "false", "http")
# Headers of a body, which have params of their own.
_OF_BODY: Final = (("CONTENT_TYPE", b"content-type"), ("CONTENT_LENGTH", b"content-length"))
# The most bytes of a body that is sent in one piece.
_WHOLE: Final = 1_048_576


class _MountedSite:
    """
    A site, where the first segments of each path led to it: they are not looked up.
    """

    def __init__(self, site: Site, segments: int) -> None:
        self._site = site
        self._segments = segments

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site, name)

    def getResourceFor(self, request: Any) -> Any:
        """
        The resource for a request, which has the site itself from then on.
        """
        request.prepath += request.postpath[: self._segments]
        del request.postpath[: self._segments]
        return self._site.getResourceFor(request)


@implementer(IConsumer)
class WebChannel:
    """
    A channel for one request, as L{twisted.web.http.HTTPChannel} and the stream of an HTTP/2
    connection are for theirs.

    @ivar request: The request that came.
    @ivar site: Where resources are looked up.
    @ivar factory: What logs the request.
    @ivar transport: What is written to directly; this.
    """

    def __init__(self, request: Request, site: Any, names: ParamNames, hint: MountHint) -> None:
        self.request = request
        self.site = self.factory = site
        self._headers, self._params = request.params.divide(names)
        paths = request.paths
        if paths.asSent:
            hint.look(self._params)
            script, info = self._bytes("SCRIPT_NAME"), self._bytes("PATH_INFO")
        else:
            script, info = paths.split(request.params.find)
        self._path = script + info
        if script.strip(b"/"):
            self.site = _MountedSite(site, script.count(b"/"))
        self._web: Any = None
        self._head: tuple[int, bytes, Headers] | None = None
        self._kept: list[bytes] = []
        self._output: OutputStream | None = None
        self._answer: Deferred[Any] | None = None
        self._complete = False
        self._invalid: InvalidResponse | None = None
        self._lost: Exception | None = None

    @property
    def bodyLength(self) -> int | None:
        """
        The length that CONTENT_LENGTH declares, in bytes; L{None} without one.

        @raise MalformedValue: If it is not a number.
        """
        return readContentLength(self._bytes("CONTENT_LENGTH"))

    @property
    def transport(self) -> WebChannel:
        """
        What a request takes for its transport.
        """
        return self

    # For the app

    def open(self, length: int | None) -> None:
        """
        Make the request.

        @param length: The bytes of its body, as far as they are known.
        """
        self._web = web = self.factory.requestFactory(self)
        headers: Headers = web.requestHeaders
        for name, value in self._headers:
            if name != b"transfer-encoding":  # the body has none any more
                headers.addRawHeader(name, value)
        for param, name in _OF_BODY:
            if self._params.get(param):
                headers.addRawHeader(name, self._bytes(param))
        web.gotLength(length)
        web.parseCookies()

    def keep(self, data: bytes) -> None:
        """
        Take some of the body.
        """
        self._web.handleContentChunk(data)

    def render(self) -> Response | Deferred[Any] | None:
        """
        Let the resource answer.

        @return: The response; L{None} if it was written; or a Deferred of one of them.
        """
        method = self._bytes("REQUEST_METHOD") if "REQUEST_METHOD" in self._params else b"GET"
        self._web.requestReceived(method, self._uri(), _VERSION)
        if self._lost is not None:
            self.lose(self._lost)
            raise self._lost
        if self._complete:
            return self._finish()
        self._answer = Deferred(self._cancelled)
        if self._head is not None:
            self._flush()
        return self._answer

    def lose(self, error: BaseException) -> None:
        """
        Tell the request that nobody waits for its answer any more.
        """
        web, self._web = self._web, None
        if web is not None:
            web.connectionLost(Failure(ConnectionLost(str(error))))

    def _cancelled(self, _: Deferred[Any]) -> None:
        self._answer = None
        self.lose(RequestAborted("the request was aborted"))

    def _uri(self) -> bytes:
        """
        What was asked for, as the browser wrote it if that leads to the path that the web server
        passed on: what a web server makes of a path counts.
        """
        uri = self._bytes("REQUEST_URI")
        path, mark, query = uri.partition(b"?")
        if (unquote_to_bytes(path) if b"%" in path else path) != self._path:
            path = quote_from_bytes(self._path, _PATH).encode("ascii")
            query = self._bytes("QUERY_STRING")
            mark = b"?" if query else b""
        return (path or b"/") + mark + query

    # For the request: the way out

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """
        Take the head. It waits for the body that belongs to it, if that is sure to follow.
        """
        number = int(code)
        if reason != RESPONSES.get(number):
            try:
                statusHeader(number, reason)
            except InvalidResponse as error:
                self._invalid = error  # twisted.web is about to write
                return
        self._head = (number, reason, headers)
        if self._answer is not None and self._output is None and not self._declared():
            self._flush()

    def _declared(self) -> int:
        """
        The length of the body that the head speaks of; 0 if it does not say.
        """
        assert self._head is not None
        values = self._head[2].getRawHeaders(b"content-length") or [b""]
        return int(values[0]) if values[0].isdigit() else 0

    def write(self, data: bytes) -> None:
        """
        Send some of the body.
        """
        if self._complete:
            return
        if self._invalid is not None:
            self._breakOff(self._invalid)
            return
        if self._output is not None:
            if self._head is not None:
                data = self._takeHead() + data
            self._output.write(data)
            return
        self._kept.append(data)
        if self._answer is None:
            return  # the resource is rendering, and this may be the whole response
        if self._head is not None and self._declared() == len(data):
            self._complete = True
            self._fire(self._finish())
        else:
            self._flush()

    def writeSequence(self, parts: Iterable[bytes]) -> None:
        """
        Send some of the body.
        """
        self.write(b"".join(parts))

    def requestDone(self, request: Any) -> None:
        """
        The answer is complete.
        """
        if self._invalid is not None:
            self._breakOff(self._invalid)
        self._web = None
        if not self._complete:
            self._complete = True
            if self._answer is not None:
                self._fire(self._finish())

    def _finish(self) -> Response | None:
        """
        Make a response of what was not written yet.

        @return: The response; L{None} if all of it is written.
        """
        if self._output is None and self._head is not None:
            code, reason, headers = self._head
            own = None if reason == RESPONSES.get(code) else reason
            return Response(code, headers, _joined(self._kept), reason=own)
        if self._head is not None:
            self._flush()
        return None

    def _flush(self) -> None:
        """
        Write what is there, and from now on all that comes.
        """
        kept, self._kept = self._kept, []
        self._output = self.request.stdout
        self._output.write(b"".join([self._takeHead(), *kept]))

    def _takeHead(self) -> bytes:
        """
        The head as CGI output.
        """
        assert self._head is not None
        (code, reason, headers), self._head = self._head, None
        lines = [statusHeader(code, reason)]
        for name, values in headers.getAllRawHeaders():
            lines += [b"%s: %s\r\n" % (name, value) for value in values]
        return b"".join([*lines, b"\r\n"])

    def _fire(self, result: Response | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.callback(result)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        Let a producer write the body.
        """
        if self._output is None:
            self._output = self.request.stdout
            if self._head is not None:
                self._flush()
        self._output.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """
        The producer has no more.
        """
        if self._output is not None:
            self._output.unregisterProducer()

    # For the request: the end before the end

    def loseConnection(self) -> None:
        """
        Break the answer off, unless it is complete.
        """
        self._breakOff(RequestAborted("the resource closed the connection, its answer unfinished"))

    abortConnection = loseConnection

    def _respondToBadRequestAndDisconnect(self) -> None:
        """
        Refuse a body that can't be read. This is what twisted.web calls.
        """
        self._breakOff(MalformedValue("the body is not the form that its Content-Type says it is"))

    def _breakOff(self, error: Exception) -> None:
        if self._complete or self._lost is not None:
            return
        self._lost = error
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.errback(error)
            self.lose(error)

    # For the request: what it is told

    def getPeer(self) -> IAddress:
        """
        The browser's address.
        """
        params = self._params
        host = params.get("REMOTE_ADDR", "")
        return _address(host, params.get("REMOTE_PORT", ""), 0) if host else self.request.peer

    def getHost(self) -> IAddress:
        """
        The address that the browser connected to: the web server's.
        """
        params = self._params
        host = params.get("SERVER_ADDR") or params.get("SERVER_NAME") or "localhost"
        return _address(host, params.get("SERVER_PORT", ""), 443 if self.isSecure() else 80)

    def _bytes(self, name: str) -> bytes:
        """
        A param as it came; nothing, if it is not there.
        """
        return self._params.get(name, "").encode("utf-8", "surrogateescape")

    def isSecure(self) -> bool:
        """
        Whether the browser spoke HTTPS.
        """
        https = self._params.get("HTTPS") or self._params.get("REQUEST_SCHEME") or ""
        return https.lower() not in _INSECURE


def _address(host: str, port: str, default: int) -> IPv4Address | IPv6Address:
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else default
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host.strip("[]"), number)


def _joined(pieces: list[bytes]) -> bytes | list[bytes]:
    """
    A body in one piece, if that is not too long to make it one.
    """
    if len(pieces) == 1:
        return pieces[0]
    return b"".join(pieces) if sum(map(len, pieces)) <= _WHOLE else pieces
