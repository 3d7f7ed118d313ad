"""
L{Recording}: an endpoint that leads to a real back end, and records its answers on a cassette; and
L{play}, which gives the answers of a cassette.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from unittest import TestCase

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from ..wire import fastcgiserver, scgiserver
from ..wire.events import DataReceived, Event, RequestReceived
from ..wire.records import EndRequest, RecordReader, Stderr, Stdout, Stream, interpret
from .answers import Answer
from .backend import MemoryBackEnd
from .backlink import Called
from .cassettes import Cassette, Playback, Scrub, rulesFor

# The most bytes of a body that are recorded. What is longer is not, and the log says so.
_BODY_BYTES: Final = 16_777_216
# More than any client has at once on a connection.
_REQUESTS: Final = 65_535


@dataclass
class _Conversation:
    """
    A request, and what came for it so far.
    """

    called: Called
    stdin: bytearray = field(default_factory=bytearray)
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)

    @property
    def tooLong(self) -> bool:
        """
        Whether there is more of it than is recorded.
        """
        return max(map(len, (self.stdin, self.stdout, self.stderr))) > _BODY_BYTES


class _Heard(ProtocolWrapper):
    """
    A client's connection, listened to.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(self, factory: _Listening, protocol: IProtocol) -> None:
        super().__init__(factory, protocol)  # type: ignore[arg-type]
        self._cassette = factory.cassette
        self._fastcgi = self._cassette.rules.protocol == "fastcgi"
        self._wire: fastcgiserver.ServerConnection | scgiserver.ServerConnection = (
            fastcgiserver.ServerConnection(requests=_REQUESTS)
            if self._fastcgi
            else scgiserver.ServerConnection()
        )
        self._reader = RecordReader()
        self._open: dict[int, _Conversation] = {}
        self._deaf = False

    # To the back end

    def write(self, data: bytes) -> None:
        """
        The client sends.
        """
        self._hear(self._asked, bytes(data))
        super().write(data)  # type: ignore[no-untyped-call]

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """
        The client sends several pieces.
        """
        self.write(b"".join(data))

    def _asked(self, data: bytes) -> None:
        if self._wire.failed is None:
            for event in self._wire.receive(data):
                self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._open[event.requestID] = _Conversation(
                Called(dict(event.params), event.role, event.keepConnection, event.requestID, 0)
            )
        elif isinstance(event, DataReceived) and event.stream is Stream.STDIN:
            self._add(self._open[event.requestID].stdin, event.data)

    # From it

    def dataReceived(self, data: bytes) -> None:
        """
        The back end answers.
        """
        self._hear(self._answered, data)
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The connection is gone; over SCGI that ends an answer.
        """
        if not self._fastcgi:
            self._hear(self._lost, b"")
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _answered(self, data: bytes) -> None:
        if not self._fastcgi:
            for conversation in self._open.values():
                self._add(conversation.stdout, data)
            return
        for raw in self._reader.receive(data):
            record = interpret(raw)
            if record.requestID not in self._open:
                continue
            if isinstance(record, Stdout):
                self._add(self._open[record.requestID].stdout, record.content)
            elif isinstance(record, Stderr):
                self._add(self._open[record.requestID].stderr, record.content)
            elif isinstance(record, EndRequest):
                self._end(record.requestID, record.appStatus, record.protocolStatus)

    def _lost(self, data: bytes) -> None:
        for requestID in [each for each, open in self._open.items() if open.stdout]:
            self._end(requestID)

    def _end(self, requestID: int, appStatus: int = 0, protocolStatus: int = 0) -> None:
        conversation = self._open.pop(requestID)
        if self._wire.isActive(requestID):
            self._wire.end(requestID)
        if conversation.tooLong and self._cassette.rules.bodies:
            self.log.warn(
                "{called} is not recorded: it has a body of more than {most} bytes",
                called=conversation.called,
                most=_BODY_BYTES,
            )
            return
        conversation.called.body = bytes(conversation.stdin)
        answer = Answer(
            stdout=bytes(conversation.stdout),
            stderr=bytes(conversation.stderr),
            appStatus=appStatus,
            protocolStatus=protocolStatus,
        )
        self._cassette.add(conversation.called, answer)

    def _add(self, held: bytearray, data: bytes) -> None:
        if len(held) <= _BODY_BYTES:
            held += data

    def _hear(self, listen: Callable[[bytes], None], data: bytes) -> None:
        """
        Listen, and be in nobody's way.
        """
        if not self._deaf:
            try:
                listen(data)
            except Exception:
                self._deaf = True
                self.log.failure("the rest of a connection is not recorded")


class _Listening(WrappingFactory):
    """
    A client's factory, whose connections are listened to.
    """

    protocol = _Heard
    noisy = False

    def __init__(self, factory: IProtocolFactory, cassette: Cassette) -> None:
        super().__init__(factory)  # type: ignore[no-untyped-call]
        self.cassette = cassette


@implementer(IStreamClientEndpoint)
class Recording:
    """
    An endpoint that leads to a real back end, and records each complete answer.

    C{FastCGIClient(reactor, Recording(reactor, "unix:/run/php/php-fpm.sock", "page.cassette"))}
    """

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamClientEndpoint | str,
        path: str,
        protocol: str = "fastcgi",
        *,
        bodies: bool = False,
        params: Iterable[str] = (),
        scrub: Scrub | None = None,
    ) -> None:
        """
        @param endpoint: Where the back end is: an endpoint, or its description.
        @param path: The file, which must not exist. It is made with mode 0600, when the first
            answer is complete.
        @param bodies: Whether to keep the bodies of requests and responses, and stderr. They may
            hold secrets.
        @param params: Names of params to keep, beside those that always are: the path, the query,
            the method, and params that do not identify the user.
        @param scrub: Changes a value before it is kept: called with the name of the param or
            header, or C{"stdin"}, C{"body"} or C{"stderr"}, and its bytes, as far as
            L{txfcgi.masking} shows them.
        @raise FileExistsError: If the file exists.
        @raise ValueError: If the protocol is unknown.
        """
        rules = rulesFor(protocol, bodies, params, scrub)
        self._endpoint: IStreamClientEndpoint = (
            clientFromString(reactor, endpoint) if isinstance(endpoint, str) else endpoint
        )
        self._cassette = Cassette(path, rules)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect.
        """
        connecting: Deferred[Any] = self._endpoint.connect(
            _Listening(protocolFactory, self._cassette)
        )
        return connecting.addCallback(lambda heard: heard.wrappedProtocol)

    def close(self) -> None:
        """
        Stop recording, and close the file.
        """
        self._cassette.close()


def play(
    path: str,
    *,
    scrub: Scrub | None = None,
    testCase: TestCase | None = None,
    clock: Clock | None = None,
) -> MemoryBackEnd:
    """
    Make a back end in memory that gives the answers of a cassette: to each request, the next one
    that was recorded for a request like it. A request that was not recorded gets a 500, and fails
    the test at its end.

    @param path: The cassette.
    @param scrub: The function with which it was recorded.
    @param testCase: As for L{MemoryBackEnd}.
    @param clock: As for L{MemoryBackEnd}; the reactor, for clients that use it.
    @raise OSError: If the file can't be read.
    @raise BadCassette: If it is not a cassette.
    """
    return _backEndOf(Playback(path, scrub), testCase, clock)


def _backEndOf(playback: Playback, testCase: TestCase | None, clock: Clock | None) -> MemoryBackEnd:
    protocol = playback.rules.protocol
    backEnd = MemoryBackEnd(playback, protocol, testCase=testCase, clock=clock)
    backEnd.noMore = playback.describe
    return backEnd


def cassette(
    reactor: Any,
    endpoint: IStreamClientEndpoint | str,
    path: str,
    protocol: str = "fastcgi",
    *,
    bodies: bool = False,
    params: Iterable[str] = (),
    scrub: Scrub | None = None,
) -> Recording | MemoryBackEnd:
    """
    Make an endpoint that plays a cassette if the file exists, and records it if not. The arguments
    are those of L{Recording}.

    @raise BadCassette: If the file is not a cassette, or was recorded over another protocol or
        without the bodies or params that are wanted.
    """
    if os.path.exists(path):
        playback = Playback(path, scrub)
        playback.check(rulesFor(protocol, bodies, params, scrub))
        return _backEndOf(playback, None, reactor)
    return Recording(reactor, endpoint, path, protocol, bodies=bodies, params=params, scrub=scrub)
