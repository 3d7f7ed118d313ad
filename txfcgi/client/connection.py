"""
L{ClientProtocol}: the Twisted shell around a client's end of the wire.

It carries calls: sends their requests, hands them what comes back, watches their deadlines, and
holds the peer back when nobody reads. A pool uses it; so can anybody who brings a connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from errno import ECONNRESET
from functools import partial
from typing import ClassVar, cast

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IHandshakeListener,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import (
    BackendTimedOut,
    ClientClosed,
    LocalProtocolError,
    NoResponse,
    RemoteProtocolError,
    RequestNotSent,
    RequestRefused,
)
from ..transport.outlet import Outlet
from ..transport.timers import NEVER
from ..wire.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    RequestEnded,
    UnknownTypeReceived,
    ValuesReceived,
)
from ..wire.framing import Buffer
from .call import Call
from .deadlines import SENDING, SENT
from .flow import Flow
from .sending import Sending, smallBody


@implementer(IHandshakeListener)
class ClientProtocol(Flow):
    """
    One connection to a back end.
    """

    _log: ClassVar[Logger] = Logger()

    # Connecting

    def connectionMade(self) -> None:
        """
        The connection is there.
        """
        assert self.transport is not None
        self._transport = self.transport
        self._shaking = ISSLTransport.providedBy(self._transport)
        take = self.dataReceived if self._connection.takesViews else None
        self._outlet = Outlet(self._transport, self._timers.clock, self._broken, take)
        self.openedAt = self.idleSince = self._seconds()
        self._timers.watch(self)

    def handshakeCompleted(self) -> None:
        """
        The connection is by TLS, and the peer is who it should be.
        """
        self._shaking = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The connection is gone.
        """
        self.lost = self._closing = True
        self._timers.forget(self)
        error = self._reason or cast(Exception, reason.value)
        calls: list[Call] = []
        if isinstance(error, ConnectionDone) or self._closedUnread(error):
            calls += self._take(self._connection.receiveEnd())
        calls += self._drop(error)
        self._outlet.lost()
        if self.keeper is not None:
            self.keeper.gone(self)
        self._questions.fail(NoResponse(error))
        for call in calls:
            self._stopSending(call)
            call.deliver()

    def _broken(self, error: OSError) -> None:
        """
        The peer takes nothing any more. Its answer may be here nevertheless.
        """
        self._retired = True
        if error.errno == ECONNRESET:
            # The system says so once. What is read from now on ends as if the peer had ended it.
            self._reason = ConnectionLost(str(error))

    def _closedUnread(self, error: Exception) -> bool:
        """
        Whether the peer has closed the connection before it had read everything. Over a Unix
        socket, that is an error which comes behind all that was sent; over TCP, it may come in the
        place of a part of it.
        """
        return (
            type(error) is ConnectionLost
            and not self._paused
            and isinstance(self._transport.getPeer(), UNIXAddress)
        )

    # Asking

    def start(self, call: Call) -> None:
        """
        Send a request.
        """
        prepared = call.prepared
        connection = self._connection
        whole = prepared.body is None and prepared.data is None
        try:
            requestID, data = (connection.request if whole else connection.begin)(
                prepared.params, prepared.role, self.options.keepConnections
            )
        except LocalProtocolError as error:
            # The params can't be sent; the connection has not seen any of them.
            call.refuse(error)
            self._settle()
            call.deliver()
            return
        call.carrier = self
        call.requestID = requestID
        self._calls[requestID] = call
        if whole:
            call.phase = SENT
            self._outlet.write(data)
            self._setDue(call, self._seconds())
        else:
            call.phase = SENDING
            self._setDue(call, self._seconds())
            self._sendBodies(call, data)

    def askValues(self, names: Iterable[str], timeout: float | None) -> Deferred[dict[str, str]]:
        """
        Send GET_VALUES (section 4.1).

        @param timeout: Seconds to wait for the answer.
        @return: Fires with the values that the peer knows.
        """
        if self._closing:
            return fail(RequestNotSent(ClientClosed("the connection is closed")))
        due = NEVER if timeout is None else self._seconds() + timeout
        self._timers.need(due)
        encoded = [name.encode("utf-8", "surrogateescape") for name in names]
        self._outlet.write(self._connection.getValues(encoded))
        return self._questions.ask(due, self.abort)

    def _sendBodies(self, call: Call, beginning: bytes) -> None:
        parts = smallBody(self._connection, call.requestID, call.prepared)
        if parts:
            self._outlet.writeSequence([beginning, *parts])
            self._sent(call)
            return
        self._outlet.write(beginning)
        sending = self._sending[call] = Sending(
            self._connection,
            self._outlet,
            call.requestID,
            self.options.outputBytes,
            partial(self._sent, call),
            partial(self._sendingFailed, call),
        )
        sending.start(call.prepared)

    def _sent(self, call: Call) -> None:
        self._sending.pop(call, None)
        call.phase = SENT
        self._setDue(call, self._seconds())

    def _sendingFailed(self, call: Call, error: Exception) -> None:
        """
        The body could not be sent: its source failed.
        """
        self._retired = True
        call.lost(error)
        self.abandon(call)
        call.deliver()

    def _stopSending(self, call: Call) -> None:
        sending = self._sending.pop(call, None)
        if sending is not None:
            sending.stop()

    # What comes back

    def dataReceived(self, data: Buffer) -> None:
        """
        Bytes came.
        """
        if self._closing:
            return
        try:
            answer = self._connection.receiveResponse(data) if type(data) is bytes else None
            events = self._connection.receive(data) if answer is None else []
        except Exception as error:
            self._log.failure("a mistake of ours while reading from {peer}", peer=self)
            answer = None
            events = [ConnectionFailed(RemoteProtocolError(f"not understood: {error!r}"))]
        if answer is not None:
            self._takeWhole(*answer)
            return
        for call in self._take(events):
            call.deliver()
        if self._questions.answers:
            self._questions.deliver()

    def _takeWhole(self, requestID: int, output: bytes) -> None:
        """
        Give a call all of its answer: the same as L{_take}, for what is most common.
        """
        call = self._calls.pop(requestID)
        self.served += 1
        if call is None:
            self._settle()
            return
        call.receiveWhole(output)
        if call.error is not None:
            # Who breaks a rule in one answer is not asked for another.
            self._retired = True
        if self._sending or self._held:
            self._over(call)
        self._settle()
        call.deliver()

    def _take(self, events: list[Event]) -> list[Call]:
        """
        Give each call what is its own. Nothing that waits for it hears of it yet.

        @return: The calls that have something to deliver.
        """
        touched: list[Call] = []
        ended = False
        calls = self._calls
        for event in events:
            kind = type(event)
            if kind is DataReceived:
                call = calls[event.requestID]  # type: ignore[attr-defined]
                if call is not None:
                    call.receive(event.stream, event.data)  # type: ignore[attr-defined]
                    if call not in touched:
                        touched.append(call)
            elif kind is RequestEnded:
                ended = True
                call = calls.pop(event.requestID)  # type: ignore[attr-defined]
                self.served += 1
                if call is not None:
                    call.end(event.appStatus, event.protocolStatus)  # type: ignore[attr-defined]
                    if call.error is not None and type(call.error) is not RequestRefused:
                        self._retired = True
                    if call not in touched:
                        touched.append(call)
            elif isinstance(event, ConnectionFailed):
                self._log.warn("{peer} broke a rule: {error}", peer=self, error=event.error)
                touched += [call for call in self._abort(event.error) if call not in touched]
            elif isinstance(event, (ValuesReceived, UnknownTypeReceived)):
                self._questions.answer(event)
        for call in touched:
            if call.ended:
                if self._sending or self._held:
                    self._over(call)
            elif call.error is not None or call.unwanted:
                call.ended = ended = True
                self._giveUp(call)
            else:
                self._setDue(call, self._seconds())
        if self._held:
            self._balance()
        if ended:
            self._settle()
        return touched

    # The end of requests

    def abandon(self, call: Call) -> None:
        """
        Nobody wants the answer to a request any more.
        """
        if self._calls.get(call.requestID) is call:
            self._giveUp(call)
            self._settle()

    def _giveUp(self, call: Call) -> None:
        """
        Let the peer know, if the others on this connection are to go on; else L{_settle} closes
        it.
        """
        self._calls[call.requestID] = None
        self._over(call)
        if self._live():
            self._outlet.write(self._connection.abort(call.requestID))

    def _over(self, call: Call) -> None:
        """
        Let go of a call: it gets nothing more from here.
        """
        sending = self._sending.get(call)
        if sending is not None:
            if not sending.whole:
                # The peer will not read the rest, or read it as it likes.
                self._retired = self._unread = True
            self._stopSending(call)
        if call in self._held:
            self.go(call)

    def _settle(self) -> None:
        """
        See what becomes of the connection when a request has ended.
        """
        if self._closing:
            return
        now = self._seconds()
        usable = self._usableAt(now)
        if not self._calls:
            if not usable or self.unsent:
                self.close()
                return
            self.idleSince = now
            if self.keeper is not None:
                due = now + self.options.idleTimeout
                if due < self._timers.next:
                    self._timers.need(due)
        elif not self._live():
            self.abort()
            return
        if self.keeper is not None and usable:
            self.keeper.released(self)

    def retire(self) -> None:
        """
        Take no more requests, and close when there is none.
        """
        self._retired = True

    def close(self) -> None:
        """
        Close the connection. Nobody waits until the peer has taken the rest of a request that was
        answered.
        """
        if self._unread or self.unsent:
            self.abort()
        elif not self._closing:
            self._closing = True
            if self.keeper is not None:
                self.keeper.retired(self)
            self._closeBy = self._seconds() + self.options.closeTimeout
            self._timers.need(self._closeBy)
            self._outlet.close()

    def abort(self, reason: Exception | None = None) -> None:
        """
        Cut the connection. All requests on it fail.

        @param reason: What their callers are told.
        """
        for call in self._abort(reason or ClientClosed("the connection was given up")):
            self._stopSending(call)
            call.deliver()

    def _abort(self, reason: Exception) -> list[Call]:
        """
        Cut the connection.

        @return: The calls that were on it, which now have failed.
        """
        self._closing = True
        self._reason = reason
        if self.keeper is not None:
            self.keeper.retired(self)
        calls = self._drop(reason)
        if not self.lost:
            cast(ITCPTransport, self._transport).abortConnection()
        return calls

    def _drop(self, reason: Exception) -> list[Call]:
        """
        Let all calls fail that are here.
        """
        calls = [call for call in self._calls.values() if call is not None]
        self._calls.clear()
        self._held.clear()
        for call in calls:
            if self._shaking and not call.seen:
                call.fail(RequestNotSent, reason)
            call.lost(reason)
        return calls

    # Deadlines

    def check(self, now: float) -> float:
        """
        Do what is due.

        @return: When the next deadline is.
        """
        if self._closing:
            if now >= self._closeBy:
                self._closeBy = NEVER
                cast(ITCPTransport, self._transport).abortConnection()
            return self._closeBy
        if now >= self._questions.due:
            self.abort(BackendTimedOut("firstByte", now - self.idleSince))
            return NEVER
        calls = [call for call in self._calls.values() if call is not None]
        if not calls and self._questions.due == NEVER and self.keeper is not None:
            idleUntil = self.idleSince + self.options.idleTimeout
            if now >= idleUntil:
                self.close()
                return self._closeBy
            return idleUntil
        soon = self._questions.due
        for call in calls:
            overdue = call.overdue(now, self._outlet, self._paused)
            if overdue is None:
                soon = min(soon, call.due, call.expires)
            elif self._calls.get(call.requestID) is call:
                call.lost(overdue)
                self.abandon(call)
                call.deliver()
        return soon
