"""
L{ClientProtocol}: the Twisted shell around a client's end of the wire.

It carries calls: sends their requests, hands them the responses, watches their deadlines, and
holds the peer back when nobody reads. A pool uses it; so can anybody who brings a connection.
"""

from __future__ import annotations

from errno import ECONNRESET
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, cast

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import (
    BackendTimedOut,
    BrokenOff,
    ClientClosed,
    LocalProtocolError,
    NoResponse,
    RemoteProtocolError,
    RequestNotSent,
)
from ..transport.direct import DirectConnection
from ..transport.outlet import Outlet
from ..transport.sparing import SparingLog
from ..transport.timers import NEVER, Timers
from ..wire.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    RequestEnded,
    UnknownTypeReceived,
    ValuesReceived,
)
from ..wire.fastcgiclient import ClientConnection
from ..wire.framing import Buffer
from .call import Call
from .calls import Calls
from .deadlines import SENDING, SENT
from .lifetime import Life, Lifetime
from .memory import Memory
from .options import ClientOptions
from .questions import Questions
from .sending import Bodies
from .wire import ClientWire

if TYPE_CHECKING:
    from .target import Target

# To look a member of an enumeration up takes longer than to compare it.
_CLOSING: Final = Life.CLOSING


@implementer(IHandshakeListener)
class ClientProtocol(Protocol):
    """
    One connection to a back end.

    @cvar endsByLength: Whether an answer of a declared length is over when so much of it came,
        whatever the back end does then.
    @ivar lifetime: How far its life has gone.
    @ivar memory: What is remembered between requests: by the pool, if it is in one.
    @ivar sparing: Where to log what may come again and again: the pool's, if it is in one.
    """

    _log: ClassVar[Logger] = Logger()
    where = ""  # the endpoint, as errors name it
    makeOutlet = Outlet
    endsByLength: ClassVar[bool] = False

    # What most connections never change stands here.
    _reason: Exception | None = None
    _questions: Questions | None = None
    _unread = _shaking = False

    def __init__(
        self, timers: Timers, options: ClientOptions, target: Target | None = None
    ) -> None:
        """
        @param target: Where in a pool it belongs to, if it is in one.
        """
        self.options = options
        self._target = target
        retired = None if target is None else partial(target.retired, self)
        self.lifetime = Lifetime(options, retired)
        self._timers = timers
        self._seconds = timers.clock.seconds
        self.memory = Memory() if target is None else target.memory
        self.sparing = SparingLog(timers.clock) if target is None else target.sparing
        self._wire = self.makeWire()
        self._calls = Calls(options.connectionBytes)

    def __repr__(self) -> str:
        peer = self._transport.getPeer() if hasattr(self, "_transport") else "nobody yet"
        return f"<{type(self).__name__} to {peer} with {len(self._calls.byID)} requests>"

    def makeWire(self) -> ClientWire:
        """
        This end of the wire.
        """
        return ClientConnection(self.memory.shapes, self.options.allowSplit)

    # What it can be asked

    @property
    def active(self) -> int:
        """
        How many requests it carries, those that were given up included.
        """
        return len(self._calls.byID)

    @property
    def usable(self) -> bool:
        """
        Whether it may carry another request.
        """
        active, now = len(self._calls.byID), self._seconds()
        return self.lifetime.mayCarry(active, now) and self._wire.reusable

    @property
    def kept(self) -> bool:
        """
        Whether it has carried a whole request before.
        """
        return self.lifetime.served > 0

    @property
    def heard(self) -> bool:
        """
        Whether anything ever came of an answer.
        """
        return self.kept or any(call.seen for call in self._calls.wanted())

    def tookAny(self, call: Call) -> bool:
        """
        Whether any byte of a request is out of our hands.
        """
        return not self._shaking and self._outlet.taken > call.mark

    @property
    def unsent(self) -> bool:
        """
        Whether some of what was written waits to be taken by the peer.
        """
        return self._outlet.queued > 0

    # Connecting

    def connectionMade(self) -> None:
        """
        The connection is there.
        """
        assert self.transport is not None
        self._transport = self.transport
        self._shaking = ISSLTransport.providedBy(self._transport)
        take = self.dataReceived if self._wire.takesViews else None
        self._outlet = self.makeOutlet(self._transport, self._timers.clock, self._broken, take)
        self._calls.begin(self._transport)
        self._bodies = Bodies(self._wire, self._outlet)
        self.lifetime.begin(self._seconds())
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
        self.lifetime.become(Life.LOST)
        self._timers.forget(self)
        error = self._reason or cast(Exception, reason.value)
        calls = self._cutOff(error) if self._calls.byID else []
        self._outlet.lost()
        if self._target is not None:
            self._target.gone(self)
        if self._questions is not None:
            self._questions.fail(NoResponse(error))
        for call in calls:
            self._bodies.stop(call)
            call.deliver()

    def _cutOff(self, error: Exception) -> list[Call]:
        """
        Let the calls end that the connection is lost under.
        """
        calls: list[Call] = []
        # A peer that closes before it has read everything makes an error of it. Over a Unix socket,
        # that comes behind all that was sent; over TCP, it may come in the place of a part of it.
        closedUnread = type(error) is ConnectionLost and not self._calls.paused
        closedUnread = closedUnread and isinstance(self._transport.getPeer(), UNIXAddress)
        if isinstance(error, ConnectionDone) or closedUnread:
            calls += self._take(self._wire.receiveEnd())
        return calls + self._calls.drop(error)

    def _broken(self, error: OSError) -> None:
        """
        The peer takes nothing any more. Its answer may be here nevertheless.
        """
        self.lifetime.become(Life.RETIRED)
        if error.errno == ECONNRESET:
            # The system reports it once. From now on, reads end as if the peer had closed it.
            self._reason = ConnectionLost(str(error))

    # Asking

    def start(self, call: Call) -> None:
        """
        Send a request.
        """
        prepared = call.prepared
        wire = self._wire
        if call.trace is not None:
            call.trace.attempt()
        whole = prepared.body is None and prepared.data is None
        try:
            requestID, data = (wire.request if whole else wire.begin)(
                prepared.params, prepared.role, self.options.keepConnections, call.chosenID
            )
        except LocalProtocolError as error:
            # The params can't be sent; none of them were written to the connection.
            call.refuse(error)
            self._settle()
            call.deliver()
            return
        outlet = self._outlet
        call.connection = self
        call.requestID = requestID
        call.mark = outlet.position()
        self._calls.byID[requestID] = call
        if whole:
            call.phase = SENT
            outlet.write(data)
            due = call.setDue(self._seconds(), outlet)
            if due < self._timers.next:
                self._timers.need(due)
        else:
            call.phase = SENDING
            self.setDue(call)
            self._bodies.send(call, data, self)

    def askValues(self, names: list[bytes], timeout: float | None) -> Deferred[dict[str, str]]:
        """
        Send GET_VALUES (section 4.1).

        @param timeout: Seconds to wait for the answer.
        """
        if self.lifetime.life >= Life.CLOSING:
            return fail(RequestNotSent(ClientClosed("the connection is closed")))
        due = NEVER if timeout is None else self._seconds() + timeout
        self._timers.need(due)
        self._outlet.write(self._wire.getValues(names))
        if self._questions is None:
            self._questions = Questions()
        return self._questions.ask(due, self.abort)

    def setDue(self, call: Call) -> None:
        """
        Set the deadline for what a call waits for now.
        """
        due = call.setDue(self._seconds(), self._outlet)
        if due < self._timers.next:
            self._timers.need(due)

    def bodyFailed(self, call: Call, error: Exception) -> None:
        """
        The body of a call could not be sent: its source failed.
        """
        self.lifetime.become(Life.RETIRED)
        call.interrupt(error)
        self.abandon(call)
        call.deliver()

    # Responses

    def dataReceived(self, data: Buffer) -> None:
        """
        Bytes came.
        """
        if self.lifetime.life >= _CLOSING:
            return
        try:
            answer = self._wire.receiveResponse(data) if type(data) is bytes else None
            events = self._wire.receive(data) if answer is None else []
        except Exception as error:
            said = "a mistake of ours while reading from {peer}"
            self.sparing.failure(self._log, said, peer=self)
            answer = None
            events = [ConnectionFailed(RemoteProtocolError(f"not understood: {error!r}"))]
        touched = self._take(events) if answer is None else self._takeWhole(*answer)
        if self.endsByLength and any(call.satisfied for call in self._calls.wanted()):
            self._take(self._wire.receiveEnd())
        if self.lifetime.life is _CLOSING and isinstance(self._transport, DirectConnection):
            # Whoever asks for more as soon as this is delivered finds the place of this one free.
            self._transport.hangUp()
        for call in touched:
            call.deliver()
        if self._questions is not None and self._questions.answers:
            self._questions.deliver()

    def _takeWhole(self, requestID: int, output: bytes) -> list[Call]:
        """
        Give a call all of its answer: the same as L{_take}, for what is most common.
        """
        call = self._calls.byID.pop(requestID)
        self.lifetime.served += 1
        if call is None:
            self._settle()
            return []
        call.receiveWhole(output)
        if call.error is not None and call.brokeRule:
            self.lifetime.become(Life.RETIRED)
        if self._bodies.active or self._calls.held:
            self._letGo(call)
        self._settle()
        return [call]

    def _take(self, events: list[Event]) -> list[Call]:
        """
        Give each call what is its own. Nothing that waits for it hears of it yet.

        @return: The calls that have something to deliver.
        """
        touched: list[Call] = []
        ended = False
        for event in events:
            if isinstance(event, (DataReceived, RequestEnded)):
                call = self._calls.take(event)
                if type(event) is RequestEnded:
                    ended = True
                    self.lifetime.served += 1
                    if call is not None and call.brokeRule:
                        self.lifetime.become(Life.RETIRED)
                if call is not None and call not in touched:
                    touched.append(call)
            elif isinstance(event, ConnectionFailed):
                error = event.error
                rule = "" if isinstance(error, BrokenOff) else " broke a rule"
                said = f"{{peer}}{rule}: {{error}}"
                self.sparing.warn(self._log, said, type(error), peer=self, error=error)
                touched += [call for call in self._abort(error) if call not in touched]
            elif isinstance(event, (ValuesReceived, UnknownTypeReceived)) and self._questions:
                self._questions.answer(event)
        for call in touched:
            if call.ended:
                if self._bodies.active or self._calls.held:
                    self._letGo(call)
            elif call.error is not None or call.unwanted:
                call.ended = ended = True
                self._giveUp(call)
            else:
                self.setDue(call)
        if self._calls.held:
            self._calls.balance()
        if ended:
            self._settle()
        return touched

    # The end of requests

    def abandon(self, call: Call) -> None:
        """
        Nobody wants the answer to a request any more.
        """
        if self._calls.byID.get(call.requestID) is call:
            self._giveUp(call)
            self._settle()

    def _giveUp(self, call: Call) -> None:
        """
        Let the peer know if others on this connection go on; else L{_settle} closes it.
        """
        self._calls.byID[call.requestID] = None
        self._letGo(call)
        if self._calls.wanted():
            self._outlet.write(self._wire.abort(call.requestID))

    def _letGo(self, call: Call) -> None:
        """
        Let go of a call: it gets nothing more from here.
        """
        if not self._bodies.stop(call):
            # The peer will not read the rest, or not as it was meant.
            self._unread = True
            self.lifetime.become(Life.RETIRED)
        if call in self._calls.held:
            self.resume(call)

    # Holding the peer back

    def hold(self, call: Call) -> None:
        """
        Too much of a call's response waits to be read.
        """
        if self.lifetime.life < Life.CLOSING:
            self._calls.hold(call)

    def resume(self, call: Call) -> None:
        """
        A call's response is being read again, or over.
        """
        if self.lifetime.life < Life.CLOSING and self._calls.resume(call):
            for waiting in self._calls.wanted():
                self.setDue(waiting)

    def _settle(self) -> None:
        """
        See what becomes of the connection when a request has ended.
        """
        lifetime = self.lifetime
        if lifetime.life >= _CLOSING:
            return
        now, active = self._seconds(), len(self._calls.byID)
        usable = lifetime.mayCarry(active, now) and self._wire.reusable
        if not active:
            if not usable or self._outlet.queued:
                self.close()
                return
            lifetime.rest(now, self._timers)
        elif not self._calls.wanted():
            self.abort()
            return
        target = self._target
        if usable and target is not None:
            target.pool.released(self, target)

    def close(self) -> None:
        """
        Close the connection. Nobody waits until the peer has taken the rest of a request that was
        answered.
        """
        if self._unread or self.unsent:
            self.abort()
        elif self.lifetime.close(self._seconds(), self._timers):
            self._outlet.close()

    def abort(self, reason: Exception | None = None) -> None:
        """
        Cut the connection. All requests on it fail.

        @param reason: What their callers are told.
        """
        for call in self._abort(reason or ClientClosed("the connection was given up")):
            self._bodies.stop(call)
            call.deliver()

    def _abort(self, reason: Exception) -> list[Call]:
        """
        Cut the connection.

        @return: The calls that were on it, which now have failed.
        """
        self.lifetime.become(Life.CLOSING)
        self._reason = reason
        calls = self._calls.drop(reason)
        if self.lifetime.life is not Life.LOST:
            cast(ITCPTransport, self._transport).abortConnection()
        return calls

    # Deadlines

    def check(self, now: float) -> float:
        """
        Do what is due.

        @return: When the next deadline is.
        """
        lifetime = self.lifetime
        if lifetime.life >= Life.CLOSING:
            if lifetime.overdue(now):
                cast(ITCPTransport, self._transport).abortConnection()
            return lifetime.closeBy
        questions = NEVER if self._questions is None else self._questions.due
        if now >= questions:
            self.abort(BackendTimedOut("firstByte", now - lifetime.idleSince))
            return NEVER
        late, soon = self._calls.overdue(now, self._outlet)
        if questions == NEVER and not self._calls.wanted():
            if now >= lifetime.idleUntil():
                self.close()
                return lifetime.closeBy
            return lifetime.idleUntil()
        for call, reason in late:
            if self._calls.byID.get(call.requestID) is call:
                call.interrupt(reason)
                self.abandon(call)
                call.deliver()
        return min(soon, questions)
