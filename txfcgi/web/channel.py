"""
L{StreamingChannel}: an HTTP/1.1 connection of twisted.web whose requests may be served while their
bodies arrive, and which says why it refuses one.

twisted.web reads the heads. What it lacks is here: limits that are answered with a status and a
line in the log (RFC 6585, section 5; RFC 9110, section 15.5.15), what RFC 9112 has to say of Host
(section 3.2), of absolute URIs (3.2.2) and of Transfer-Encoding (6.1), and an end to waiting for a
browser that takes nothing of its answer.
"""

from __future__ import annotations

import re
from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from ..transport.timers import NEVER
from .accesslog import shownURI
from .forwarded import TrustedProxies, isHost
from .pages import plainPage
from .request import StreamingRequest

if TYPE_CHECKING:
    from .site import StreamingSite

_absoluteURI: Final = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE).fullmatch

# Seconds between two checks of a browser that does not read its response.
_TICK: Final = 1.0


class Reading(IntEnum):
    """
    What a channel reads. A refusal is the end: whatever follows is dropped.
    """

    REQUEST_LINE = 0
    HEADERS = 1
    BODY = 2
    NOTHING = 3


class StreamingChannel(HTTPChannel):
    """
    A connection that stops reading while a request's body is not read.

    @ivar requestLine: Method, URI and version of the request that is being received.
    """

    _log = Logger()

    site: StreamingSite
    transport: Any
    requestLine: tuple[bytes, bytes, bytes]
    _reading = Reading.REQUEST_LINE
    _headBytes = 0
    _headers = 0
    _authority: bytes | None = None
    _dropped = 0

    _held = False
    _heldTimeOut: int | None = None
    _outputFull = False
    _progress: object = None
    # Since when it has not changed, while it is looked at.
    _since: float | None = None

    def connectionMade(self) -> None:
        """
        Set the limits that twisted.web has, too: they are never met before those of this class.
        """
        limits = self.site.limits
        self.MAX_LENGTH = self.totalHeadersSize = limits.headBytes
        self.maxHeaders = limits.headerCount
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Let the site forget this connection.
        """
        self._readNothing()
        super().connectionLost(reason)
        # A pull producer would be asked for more for ever.
        self.unregisterProducer()
        self.site.lost(self)
        self._forget()

    # Reading

    def dataReceived(self, data: bytes) -> None:
        """
        Take bytes, and let resources see their requests only after that.
        """
        if self._reading is Reading.NOTHING:
            # This timeout is running: it must not begin anew with each piece.
            self._dropped += len(data)
            if self._dropped > self.site.limits.lingerBytes:
                self.loseConnection()
            return
        if self.transport.disconnecting:
            # TLS may deliver several pieces at once, though the answer is out already.
            return
        super().dataReceived(data)
        if self.transport.disconnecting:
            self._noteRefusal()
            return
        for request in list(self.requests):
            if isinstance(request, StreamingRequest):
                request.proceed()

    def lineReceived(self, line: bytes) -> None:
        """
        Take a line of a head.
        """
        self._headBytes += len(line) + len(self.delimiter)
        if self._headBytes > self.site.limits.headBytes:
            self.lineLengthExceeded(line)
            return
        if self._reading is Reading.REQUEST_LINE:
            line = self._requestLineReceived(line)
        elif line and line[:1] not in b" \t":
            self._headers += 1
            if self._headers > self.site.limits.headerCount:
                self.refuse(431, f"more than {self.site.limits.headerCount} headers")
                return
        super().lineReceived(line)

    def _requestLineReceived(self, line: bytes) -> bytes:
        """
        Note what twisted.web tells a request only after its body.

        @return: The line, with the path in place of an absolute URI.
        """
        if not line:
            # There may be one before a request (RFC 9112, section 2.2).
            return line
        self._reading = Reading.HEADERS
        self._authority = None
        if line.count(b" ") == 2:
            method, uri, version = line.split(b" ")
            absolute = _absoluteURI(uri)
            if absolute is not None:
                self._authority, uri = absolute[1], absolute[2]
                if not uri and method == b"OPTIONS":
                    uri = b"*"
                elif not uri.startswith(b"/"):
                    uri = b"/" + uri
                line = b"%s %s %s" % (method, uri, version)
            self.requestLine = method, uri, version
        return line

    def lineLengthExceeded(self, line: bytes) -> None:
        """
        Refuse a head that is too long.
        """
        most = self.site.limits.headBytes
        if self._reading is Reading.REQUEST_LINE:
            self.refuse(414, f"a request line of more than {most} bytes")
        else:
            self.refuse(431, f"a head of more than {most} bytes")

    def allHeadersReceived(self) -> None:
        """
        Refuse heads that break rules which twisted.web does not check.
        """
        problem = self._problem()
        if problem is not None:
            self.refuse(400, problem)
            return
        if self.site.proxies is not None:
            self._seeThrough(self.site.proxies)
        self._reading = Reading.BODY
        super().allHeadersReceived()

    def _problem(self) -> str | None:
        """
        What is wrong with the headers, if anything is.
        """
        headers = self.requests[-1].requestHeaders
        version = self.requestLine[2]
        hosts = headers.getRawHeaders(b"host", [])
        if len(hosts) > 1:
            return "several Host headers"
        if not hosts and version == b"HTTP/1.1":
            return "no Host header"
        if self._authority is not None:
            hosts = [self._authority]
            headers.setRawHeaders(b"Host", hosts)
        if hosts and not isHost(hosts[0]):
            return f"{hosts[0]!r:.200} is not a host"
        codings = headers.getRawHeaders(b"transfer-encoding")
        if codings is not None:
            if [coding.lower() for coding in codings] != [b"chunked"]:
                return f"Transfer-Encoding {b', '.join(codings)!r:.200}: it has to be chunked, once"
            if version != b"HTTP/1.1":
                return f"Transfer-Encoding with {version.decode('latin-1')}"
        return None

    def _seeThrough(self, proxies: TrustedProxies) -> None:
        """
        Let the request be the client's, if it came through a server that is believed.
        """
        request = self.requests[-1]
        origin = proxies.originOf(self.getPeer(), request.requestHeaders)
        request.client = origin.client
        if isinstance(request, StreamingRequest):
            request.secure = origin.secure
        if origin.host is not None:
            request.requestHeaders.setRawHeaders(b"Host", [origin.host])

    def allContentReceived(self) -> None:
        """
        A request came to its end, if it was not refused.
        """
        if self._reading is not Reading.NOTHING:
            self._reading = Reading.REQUEST_LINE
            self._headBytes = self._headers = 0
            super().allContentReceived()

    # Refusing

    def refuse(self, code: int, reason: str) -> None:
        """
        Answer with an error, and close the connection. The browser may still be sending: closed at
        once, the connection would be reset, and the answer lost.

        @param reason: What the log says.
        """
        self.site.sparing.info(
            self._log,
            "{peer}: {code}: {reason}",
            code,
            peer=self.getPeer(),
            code=code,
            reason=reason,
        )
        self._readNothing()
        kind, page = plainPage(code)
        self.write(
            b"HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
            % (code, HTTPStatus(code).phrase.encode(), kind.encode("latin-1"), len(page))
            + page
        )
        if self.isSecure() or not ITCPTransport.providedBy(self.transport):
            self.loseConnection()
        else:
            self._closeHalf()

    def _closeHalf(self) -> None:
        """
        Say that no more will be written, and wait for the client to have said all.
        """
        self.setTimeout(self.site.limits.lingerTimeout)
        # It would keep the connection open.
        self.transport.unregisterProducer()
        self.transport.loseWriteConnection()

    def _readNothing(self) -> None:
        """
        Take nothing more for a request.
        """
        if self._reading is Reading.HEADERS:
            del self.requests[-1:]
        self._reading = Reading.NOTHING
        self.clearLineBuffer()
        self.setRawMode()

    def rawDataReceived(self, data: bytes) -> None:
        """
        Take a part of a body, or what is behind a refusal in the same read.
        """
        if self._reading is not Reading.NOTHING:
            super().rawDataReceived(data)

    def _noteRefusal(self) -> None:
        """
        twisted.web answered 400, and closes the connection.
        """
        if self._reading is Reading.HEADERS:
            self.site.sparing.info(
                self._log, "{peer}: 400: a head that can't be read", peer=self.getPeer()
            )
        elif self._reading is Reading.BODY and not self.requests[-1].finished:
            method, uri, _ = self.requestLine
            self.site.sparing.info(
                self._log,
                "{peer}: 400: {what}: chunks that can't be read",
                peer=self.getPeer(),
                what=f"{method.decode('latin-1')} {ascii(shownURI(uri))[2:-1]:.500}",
            )

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """
        Whether another request may follow this one: not while the site drains.
        """
        if self.site.draining:
            request.responseHeaders.setRawHeaders(b"connection", [b"close"])
            return False
        return bool(super().checkPersistence(request, version))

    # Backpressure

    def hold(self) -> None:
        """
        Stop reading. Time limits of the client are paused, as it is not the one that delays.
        """
        self._held = True
        self._heldTimeOut = self.setTimeout(None)
        self.transport.pauseProducing()

    def go(self) -> None:
        """
        Read again.
        """
        if self._held:
            self._held = False
            self.setTimeout(self._heldTimeOut)
            if not self._outputFull:
                self.transport.resumeProducing()

    def pauseProducing(self) -> None:
        """
        The client does not take what is written.
        """
        self._outputFull = True
        super().pauseProducing()
        self._watch()

    def resumeProducing(self) -> None:
        """
        The client takes what is written.
        """
        self._outputFull = False
        self._forget()
        super().resumeProducing()
        if self._held:
            self.transport.pauseProducing()

    # The end

    def timeoutConnection(self) -> None:
        """
        Close a connection on which no request comes, unless the client still takes the last answer.
        """
        if self._outputFull:
            self.setTimeout(self.timeOut)
        else:
            super().timeoutConnection()

    def loseConnection(self) -> None:
        """
        Close the connection when the client took all that was written.
        """
        super().loseConnection()
        self._watch()

    def _watch(self) -> None:
        """
        Begin to look whether the client takes anything.
        """
        limit = self.site.limits.writeTimeout
        if limit is not None and self._since is None and self in self.site.channels:
            timers = self.site.timers
            self._since = timers.clock.seconds()
            self._progress = _progressOf(self.transport)
            timers.watch(self)
            timers.need(self._since + _TICK)

    def _forget(self) -> None:
        """
        Look no more.
        """
        self._since = None
        self.site.timers.forget(self)

    def check(self, now: float) -> float:
        """
        Cut the connection if the client took nothing for too long.

        @return: When the next look is due.
        """
        progress, limit = _progressOf(self.transport), self.site.limits.writeTimeout
        if self._since is None or limit is None:
            return NEVER
        if progress != self._progress:
            self._progress, self._since = progress, now
        elif now - self._since >= limit:
            self.site.sparing.info(
                self._log,
                "{peer} read none of its response for {limit} s; the connection is cut",
                peer=self.getPeer(),
                limit=limit,
            )
            self._forget()
            self.transport.abortConnection()
            return NEVER
        return now + _TICK


def _progressOf(transport: object) -> object:
    """
    Something that changes when a socket takes bytes of what was written to a transport.
    """
    while isinstance(transport, ProtocolWrapper):  # TLS
        transport = transport.transport
    if isinstance(transport, FileDescriptor):
        return len(transport.dataBuffer), transport.offset
    return None
