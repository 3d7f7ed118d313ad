"""
L{StreamingChannel}: an HTTP/1.1 connection of twisted.web whose requests may be served while their
bodies arrive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from .request import StreamingRequest

if TYPE_CHECKING:
    from .site import StreamingSite


class StreamingChannel(HTTPChannel):
    """
    A connection that stops reading while a request's body is not read.

    @ivar requestLine: Method, URI and version of the request that is being received.
    """

    site: StreamingSite
    requestLine: tuple[bytes, bytes, bytes]
    _held = False
    _heldTimeOut: int | None = None
    _outputFull = False

    # Receiving

    def dataReceived(self, data: bytes) -> None:
        """
        Take bytes, and only then let resources see what they mean.
        """
        super().dataReceived(data)
        for request in list(self.requests):
            if isinstance(request, StreamingRequest):
                request.proceed()

    def lineReceived(self, line: bytes) -> None:
        """
        Take a line of a head, and note what twisted.web tells the request only after its body.
        """
        known = len(self.requests)
        super().lineReceived(line)
        if len(self.requests) > known and line.count(b" ") == 2:
            method, uri, version = line.split(b" ")
            self.requestLine = method, uri, version

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Let the site forget this connection.
        """
        super().connectionLost(reason)
        self.site.lost(self)

    # Backpressure

    def hold(self) -> None:
        """
        Read no more. The client is not to blame, so its time does not run.
        """
        self._held = True
        self._heldTimeOut = self.setTimeout(None)
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
