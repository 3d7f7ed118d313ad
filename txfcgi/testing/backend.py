"""
L{MemoryBackEnd}: a back end in memory, for tests of clients and of what is built on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final
from unittest import TestCase

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import (
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from zope.interface import implementer

from ..client.client import Client
from ..client.options import ClientOptions
from ..server.response import Response
from ..wire import fastcgiserver, scgiserver
from ..wire.records import RecordType, Stream, encodeRecord
from .answers import Answer, CanAnswer, answerOver
from .backlink import ADDRESS, BackLink, Called
from .leftovers import Closing, Leftovers, WatchedCalls
from .protocols import known, watchedClient
from .transport import READ
from .turns import Turns

_NOT_FOUND: Final = Response(404, {"Content-Type": "text/plain"}, b"no such path\n")
_NO_MORE: Final = Response(500, {"Content-Type": "text/plain"}, b"no more answers\n")


Responses = (
    CanAnswer | Callable[[Called], CanAnswer | None] | Mapping[str, CanAnswer] | Iterable[CanAnswer]
)


@implementer(IStreamClientEndpoint)
class MemoryBackEnd(Closing):
    """
    A back end in memory that gives the answers it was told to give, and records the requests. It is
    an endpoint: pass it to anything that connects to one.

    A client that L{client} makes gets its answers at once. Any other gets them after L{pump}, or
    when C{clock} is advanced.

    @ivar protocol: The protocol, C{"fastcgi"} or C{"scgi"}.
    @ivar clock: The clock of clients and slow answers.
    @ivar calls: The requests so far, a L{Called} for each.
    @ivar connections: How many connections were made.
    @ivar failures: The rules of the protocol that clients broke.
    @ivar refuses: Whether connections are refused from now on.
    @ivar hangs: Whether connection attempts hang from now on.
    @ivar answersValues: Whether GET_VALUES is answered; if not, it is ignored.
    @ivar noMore: Says, for the failure of the test, why a request has no answer.
    """

    def __init__(
        self,
        responses: Responses = "hello\n",
        protocol: str = "fastcgi",
        *,
        testCase: TestCase | None = None,
        clock: Clock | None = None,
        multiplex: bool | None = None,
    ) -> None:
        """
        @param responses: One answer for all requests; a function that is called with each complete
            request, a L{Called}, and returns an answer, or L{None} for none; answers by path
            (SCRIPT_NAME and PATH_INFO); or a list of answers to give in turn. An answer is an
            L{Answer<txfcgi.testing.answers.Answer>}, a response, or the body of one.
        @param testCase: A test that fails if something is left at its end.
        @param multiplex: Whether the answer to GET_VALUES allows multiplexing; it does if not
            given. Not for SCGI.
        @raise ValueError: If the protocol is unknown.
        @raise TypeError: If an argument does not fit the protocol.
        @raise InvalidResponse: If an answer can't be given over this protocol.
        """
        if known(protocol) == "scgi" and multiplex is not None:
            raise TypeError("multiplex is for FastCGI: over SCGI a connection has one request")
        self.clock = Clock() if clock is None else clock
        self.turns = Turns(self.clock)
        self.calls: list[Called] = []
        self.failures: list[Exception] = []
        self.refuses = False
        self.hangs = False
        self.answersValues = True
        self.protocol = protocol
        self._responses = self._asFunction(responses)
        # A function may look at the body, too.
        self._looks = self._responses is responses
        self._multiplex = multiplex is not False
        self._open: list[BackLink] = []
        self._chosen: dict[int, Answer] = {}
        self._watched = WatchedCalls()
        self._unexpected: list[str] = []
        self.noMore: Callable[[], str] = lambda: "there was no answer left for it"
        self._clients: list[Client] = []
        if testCase is not None:
            testCase.addCleanup(self.close)

    @property
    def connections(self) -> int:
        """
        How many connections were made.
        """
        return len(self._open)

    def client(self, options: ClientOptions | None = None, **more: Any) -> Client:
        """
        Make a client of this back end. Its Deferreds fire at once, unless the answer takes time.

        @param options: The options of the client.
        @param more: Single options, by name.
        """
        options = replace(ClientOptions() if options is None else options, **more)
        client = watchedClient(
            self.clock, self, self.protocol, options, self._watched, self.turns.run
        )
        self._clients.append(client)
        return client

    # IStreamClientEndpoint

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect.
        """
        if self.refuses:
            return fail(ConnectionRefusedError())
        if self.hangs:
            return Deferred(lambda waiting: waiting.errback(ConnectError("cancelled")))
        protocol = factory.buildProtocol(ADDRESS)
        if protocol is None:
            return fail(ConnectError("no protocol"))
        connection = BackLink(self, len(self._open), protocol)
        self._open.append(connection)
        protocol.makeConnection(connection.transport)
        return succeed(protocol)

    def pump(self) -> None:
        """
        Deliver all bytes that are on their way.
        """
        self.turns.run()

    def lose(self) -> None:
        """
        Lose all connections.
        """
        for connection in self._open:
            self.turns.soon(connection.drop, ConnectionLost())
        self.pump()

    def _asFunction(self, responses: Responses) -> Callable[[Called], CanAnswer | None]:
        if isinstance(responses, Mapping):
            byPath = {path: answerOver(self.protocol, each) for path, each in responses.items()}
            return lambda called: byPath.get(called.path, _NOT_FOUND)
        if isinstance(responses, (Answer, Response, bytes, str)):
            answer = answerOver(self.protocol, responses)
            return lambda called: answer
        if callable(responses):
            return responses
        if not isinstance(responses, Iterable):
            raise TypeError(
                "a back end answers with an Answer, a Response, bytes or text; a function or a "
                f"list of these, or a mapping of paths to these; not {responses!r:.80}"
            )
        inTurn = iter(responses)
        return lambda called: next(inTurn, None)

    # For the connections

    def makeWire(self) -> fastcgiserver.ServerConnection | scgiserver.ServerConnection:
        """
        The wire for a connection.
        """
        if self.protocol == "scgi":
            return scgiserver.ServerConnection()
        values = {
            b"FCGI_MAX_CONNS": b"100",
            b"FCGI_MAX_REQS": b"1000",
            b"FCGI_MPXS_CONNS": b"1" if self._multiplex else b"0",
        }
        return fastcgiserver.ServerConnection(requests=1000, values=values)

    def begun(self, connection: BackLink, called: Called) -> None:
        """
        The params of a request are there.
        """
        if self._looks:
            return
        answer = self._choose(called)
        if answer.early:
            self._answer(connection, called, answer)
        else:
            self._chosen[id(called)] = answer

    def completed(self, connection: BackLink, called: Called) -> None:
        """
        All of a request is there.
        """
        answer = self._choose(called) if self._looks else self._chosen.pop(id(called), None)
        if answer is not None:
            self._answer(connection, called, answer)

    def _choose(self, called: Called) -> Answer:
        response = self._responses(called)
        if response is None:
            self._unexpected.append(f"{called}: {self.noMore()}")
            response = _NO_MORE
        return answerOver(self.protocol, response)

    def _answer(self, connection: BackLink, called: Called, answer: Answer) -> None:
        if answer.staleOnly and not connection.served:
            answer = replace(answer, cutAfter=None)
        if answer.delay:
            self.clock.callLater(answer.delay, self._say, connection, called, answer)
        else:
            self._say(connection, called, answer)

    def _say(self, connection: BackLink, called: Called, answer: Answer) -> None:
        if connection.lost or called.aborted:
            return
        connection.served += 1
        called.answered = answer.ends or answer.raw is not None
        data = self._encoded(connection, called, answer)
        if answer.cutAfter is not None:
            data = data[: answer.cutAfter]
        last: Exception | None = None
        if answer.cutAfter is not None:
            last = ConnectionLost()
        elif answer.closes or (connection.wire.closing and answer.ends):
            last = ConnectionDone()
        if answer.every:
            self._trickle(connection, data, answer.pieceBytes or 1, answer.every, last)
        else:
            connection.send(data, answer.pieceBytes or READ)
            if last is not None:
                connection.close(last)

    def _trickle(
        self, connection: BackLink, data: bytes, size: int, every: float, last: Exception | None
    ) -> None:
        if connection.lost:
            return
        connection.send(data[:size])
        if data[size:]:
            self.clock.callLater(every, self._trickle, connection, data[size:], size, every, last)
        elif last is not None:
            connection.close(last)
        self.turns.run()

    def _encoded(self, connection: BackLink, called: Called, answer: Answer) -> bytes:
        """
        An answer as it goes on the wire.
        """
        wire, requestID = connection.wire, called.requestID
        if answer.raw is not None:
            return answer.raw
        parts: list[Any] = []
        if answer.idShift:
            return encodeRecord(RecordType.STDOUT, requestID + answer.idShift, answer.stdout or b"")
        if answer.stderr and wire.hasStderr:
            parts += wire.send(requestID, Stream.STDERR, answer.stderr)
        if answer.stdout:
            parts += wire.send(requestID, Stream.STDOUT, answer.stdout)
        if answer.ends:
            end = wire.end(requestID, answer.appStatus, answer.protocolStatus)
            parts.append(end)
            if answer.twice:
                parts.append(encodeRecord(RecordType.END_REQUEST, requestID, bytes(8)))
        return b"".join(parts)

    # The end

    @property
    def left(self) -> list[str]:
        """
        What is left so far: a sentence for each thing. See L{txfcgi.testing.leftovers}.
        """
        return [*self._watched.left(), *self._unexpected]

    def close(self) -> None:
        """
        Close all connections, and the clients that L{client} made.

        @raise Leftovers: If something is left.
        """
        self.pump()
        left = self.left
        self._watched.forgive()
        clients, self._clients = self._clients, []
        for client in clients:
            client.close()
        self.pump()
        for connection in self._open:
            if not connection.lost:
                left.append(f"connection {connection.number} to the back end is not closed")
                self.turns.soon(connection.drop, ConnectionLost())
        self.pump()
        if left:
            raise Leftovers(left)
