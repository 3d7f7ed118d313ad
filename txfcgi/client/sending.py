"""
L{Sending}: the streams of one request on their way out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..errors import RequestAborted, RequestBodyMismatch
from ..streams import OutputStream
from ..streams.bodies import Body, sendBody
from ..transport.outlet import Outlet
from ..wire.framing import Buffer
from ..wire.records import Stream
from .prepare import Prepared
from .wire import ClientWire

# A body that is not longer is sent together with the params.
_SMALL: Final = 16_384


def smallBody(connection: ClientWire, requestID: int, prepared: Prepared) -> list[Buffer] | None:
    """
    A small body of bytes and its end, as records; L{None} if the body is something else.
    """
    body = prepared.body
    if not isinstance(body, bytes) or len(body) > _SMALL or prepared.data is not None:
        return None
    parts = connection.send(requestID, Stream.STDIN, body)
    parts.append(connection.endStream(requestID, Stream.STDIN))
    return parts


class Sending:
    """
    Sends STDIN, and DATA if there is any, as fast as the peer takes it and no faster.

    @ivar whole: Whether all that was declared is sent, and at the most the word that this was all
        is not.
    """

    def __init__(
        self,
        connection: ClientWire,
        outlet: Outlet,
        requestID: int,
        limit: int,
        sent: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """
        @param limit: How many bytes a source may write while there is no room.
        @param sent: Is called when everything is with the outlet.
        @param failed: Is told what is wrong with a source.
        """
        self._connection = connection
        self._outlet = outlet
        self._requestID = requestID
        self._limit = limit
        self._sent = sent
        self._failed = failed
        self._output: OutputStream | None = None
        self._running: Deferred[None] | None = None
        self._stopped = False
        self.whole = False

    def start(self, prepared: Prepared) -> None:
        """
        Begin. This runs the code of the body's source.
        """
        self._running = Deferred.fromCoroutine(self._send(prepared))
        self._running.addCallbacks(self._finished, self._broken)

    def stop(self) -> None:
        """
        Send no more: the request is over.
        """
        self._stopped = True
        if self._running is not None:
            self._running.cancel()
        if self._output is not None:
            self._output.fail(RequestAborted("the request is over"))

    def _finished(self, _: None) -> None:
        if not self._stopped:
            self._sent()

    def _broken(self, failure: Failure) -> None:
        if not self._stopped:
            self._failed(cast(Exception, failure.value))

    async def _send(self, prepared: Prepared) -> None:
        body = b"" if prepared.body is None else prepared.body
        alone = prepared.data is None
        await self._sendStream(Stream.STDIN, body, prepared.length, alone)
        if prepared.data is not None:
            await self._sendStream(Stream.DATA, prepared.data, prepared.dataLength, True)

    async def _sendStream(
        self, stream: Stream, body: Body, length: int | None, isLast: bool
    ) -> None:
        size = 0

        def send(data: Buffer) -> None:
            nonlocal size
            size += len(data)
            if length is not None and size > length:
                raise RequestBodyMismatch(
                    f"the {stream.name} of a request is longer than the {length} bytes declared"
                )
            self._outlet.writeSequence(self._connection.send(self._requestID, stream, data))
            self.whole = isLast and size == length

        output = self._output = OutputStream(self._outlet, send, self._failed, self._limit)
        await sendBody(body, output)
        output.close()
        if length is not None and size < length:
            raise RequestBodyMismatch(
                f"the {stream.name} of a request has {size} bytes, and {length} were declared"
            )
        self._outlet.write(self._connection.endStream(self._requestID, stream))
