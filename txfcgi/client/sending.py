"""
L{Bodies}: the bodies of requests on their way out of a connection, and L{Sending}: that of one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import RequestAborted, RequestBodyMismatch
from ..streams import OutputStream
from ..streams.bodies import Body, sendBody
from ..transport.outlet import Outlet
from ..transport.sparing import SparingLog
from ..wire.framing import Buffer
from ..wire.records import Stream
from .call import Call
from .deadlines import SENT
from .prepare import Prepared, badBody
from .wire import ClientWire

if TYPE_CHECKING:
    from .connection import ClientProtocol

# A body up to this length is sent together with the params.
_SMALL: Final = 16_384


class Sending:
    """
    Sends STDIN, and DATA if there is any, as fast as the peer takes it and no faster.

    @ivar whole: Whether all that was declared is sent, and at the most the word that this was all
        is not.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        wire: ClientWire,
        outlet: Outlet,
        requestID: int,
        limit: int,
        sparing: SparingLog,
        sent: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """
        @param limit: How many bytes a source may write while the connection takes none.
        @param sparing: Where it is said that a source failed to stop.
        @param sent: Is called when everything is with the outlet.
        @param failed: Is told what is wrong with a source.
        """
        self._wire = wire
        self._outlet = outlet
        self._requestID = requestID
        self._limit = limit
        self._sparing = sparing
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
        elif not failure.check(CancelledError, RequestAborted):
            self._sparing.failure(
                self._log, "the source of a request's body failed when it was stopped", failure
            )

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
            self._outlet.writeSequence(self._wire.send(self._requestID, stream, data))
            self.whole = isLast and size == length

        output = self._output = OutputStream(
            self._outlet, send, self._failed, self._limit, self._sparing
        )
        with badBody():
            await sendBody(body, output)
        output.close()
        if length is not None and size < length:
            raise RequestBodyMismatch(
                f"the {stream.name} of a request has {size} bytes, and {length} were declared"
            )
        self._outlet.write(self._wire.endStream(self._requestID, stream))


class Bodies:
    """
    The bodies that are on their way out of one connection.

    @ivar active: Those that take more than one write, by the calls that they belong to.
    """

    __slots__ = ("_outlet", "_wire", "active")

    def __init__(self, wire: ClientWire, outlet: Outlet) -> None:
        self._wire = wire
        self._outlet = outlet
        self.active: dict[Call, Sending] = {}

    def send(self, call: Call, beginning: bytes, connection: ClientProtocol) -> None:
        """
        Send the beginning of a request, and all that follows it.

        @param connection: Is told when everything is with the outlet, or what is wrong with the
            source.
        """
        parts = self._small(call)
        if parts:
            self._outlet.writeSequence([beginning, *parts])
            self._whole(call, connection)
            return
        self._outlet.write(beginning)
        sending = self.active[call] = Sending(
            self._wire,
            self._outlet,
            call.requestID,
            connection.options.outputBytes,
            connection.sparing,
            partial(self._whole, call, connection),
            partial(connection.bodyFailed, call),
        )
        sending.start(call.prepared)

    def _small(self, call: Call) -> list[Buffer] | None:
        """
        A small body of bytes and its end, as records; L{None} if the body is something else.
        """
        body = call.prepared.body
        if not isinstance(body, bytes) or len(body) > _SMALL or call.prepared.data is not None:
            return None
        parts = self._wire.send(call.requestID, Stream.STDIN, body)
        parts.append(self._wire.endStream(call.requestID, Stream.STDIN))
        return parts

    def _whole(self, call: Call, connection: ClientProtocol) -> None:
        self.active.pop(call, None)
        call.phase = SENT
        connection.setDue(call)

    def stop(self, call: Call) -> bool:
        """
        Send no more of a call.

        @return: Whether the peer has all that was declared to it.
        """
        sending = self.active.pop(call, None)
        if sending is None:
            return True
        whole = sending.whole
        sending.stop()
        return whole
