"""
Browsers that send anything, while connections close, pause and time out, to resources that answer
at any time: conversations from seeds. C{tests/fuzz} mutates what comes in at rest.

C{TXFCGI_FUZZ} is the number of conversations for a long run, and C{TXFCGI_SEED} the first seed. A
failure names its seed.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import LogEvent, LogLevel, capturedLogs
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from txfcgi.streams import InputStream
from txfcgi.web import HTTPLimits, StreamingSite
from txfcgi.web.request import IStreamsBody, bodyOf

COUNT = int(os.environ.get("TXFCGI_FUZZ", "1500"))
SEED = int(os.environ.get("TXFCGI_SEED", "1"))
BATCH = 500

METHODS = (b"GET", b"POST", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"get", b"G\x00T", b"", b"(x)")
TARGETS = (
    *(b"/stream", b"/collect", b"/later", b"*", b"http://h/stream", b"http:///x", b"noslash", b""),
    *(b"/stream?" + b"q" * 300, b"/%zz", b"/\xff", b"//", b"/../x", b"/stream#f"),
)
VERSIONS = (
    b"HTTP/1.1",
    b"HTTP/1.1",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"HTTP/1.1 ",
    b"x",
    b"",
)
HEADERS = (
    *(b"Host: h", b"Host: a/b", b"Host:", b"Host: h:81", b"Connection: close", b"Connection: x"),
    *(b"Content-Length: 3", b"Content-Length: 0", b"Content-Length: -1", b"Content-Length: 3, 3"),
    *(b"Content-Length: 9999999999999999999999", b"Transfer-Encoding: chunked"),
    *(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked, chunked", b"Expect: x"),
    *(b"Expect: 100-continue", b"A: " + b"x" * 200, b" folded", b"\tfolded", b"no colon", b": x"),
    *(
        b"A : 1",
        b"A:\x00",
        b"A: \xff",
        b"Cookie: a=b; c",
        b"Range: bytes=0-",
        b"Upgrade: websocket",
    ),
    *(b"Content-Type: multipart/form-data; boundary=b", b"Content-Type: multipart/form-data"),
    b"Content-Type: application/x-www-form-urlencoded",
)
BODIES = (
    *(
        b"",
        b"abc",
        b"ab",
        b"abcdef",
        b"3\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc",
        b"0\r\n\r\n",
        b"zz\r\n",
    ),
    *(
        b"3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n",
        b"--b\r\n\r\n--b--",
        b"-1\r\n",
        b"3\r\nabcd",
        b"x" * 3000,
    ),
)
ENDS = (b"\r\n",) * 20 + (b"\n", b"\r", b"")


@implementer(IStreamsBody)
class Stream(Resource):
    """
    Reads the body as it comes, and answers at some time.
    """

    isLeaf = True

    def __init__(self, chance: random.Random, clock: Clock) -> None:
        super().__init__()
        self._chance = chance
        self._clock = clock

    def render(self, request: Any) -> int:
        """
        Answer at once, later, or when the body is there.
        """
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        body, _ = bodyOf(request)

        def answer(result: object) -> None:
            if not gone:
                request.write(b"stream")
                request.finish()

        way = self._chance.randrange(3)
        if way == 0:
            answer(None)
        elif way == 1:
            self._clock.callLater(1, answer, None)
        else:
            read: Deferred[Any] = body.read() if isinstance(body, InputStream) else succeed(body)
            read.addBoth(answer)
        return NOT_DONE_YET


class Collect(Resource):
    """
    Knows nothing of streams.
    """

    isLeaf = True

    def render(self, request: Any) -> bytes:
        """
        Answer.
        """
        return b"%d" % len(request.content.read())


class Root(Resource):
    """
    Both, and nothing else.
    """

    def __init__(self, chance: random.Random, clock: Clock) -> None:
        super().__init__()
        self.putChild(b"stream", Stream(chance, clock))
        self.putChild(b"collect", Collect())

    def getChild(self, path: bytes, request: Any) -> IResource:
        return Collect()


class Transport(StringTransport):
    """
    A transport that takes every call at any time, as sockets do.
    """

    def pauseProducing(self) -> None:
        """
        Nothing is read.
        """

    def resumeProducing(self) -> None:
        """
        Something may be read.
        """

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """
        There is always room.
        """

    def unregisterProducer(self) -> None:
        """
        It is not asked for more.
        """

    def abortConnection(self) -> None:
        """
        Close at once.
        """
        self.loseConnection()


def conversation(chance: random.Random) -> bytes:
    """
    Some requests, most of them right, and some of their bytes changed.
    """
    parts = []
    for _ in range(chance.randint(1, 4)):
        right = chance.random() < 0.6
        line = [
            chance.choice(METHODS[:3] if right else METHODS),
            chance.choice(TARGETS[:3] if right else TARGETS),
            VERSIONS[0] if right else chance.choice(VERSIONS),
        ]
        parts += [b" ".join(line), chance.choice(ENDS)]
        headers = [b"Host: h"] if chance.random() < 0.9 else []
        headers += chance.choices(HEADERS, k=chance.randint(0, 4))
        for header in headers:
            parts += [header, chance.choice(ENDS)]
        parts += [chance.choice(ENDS), chance.choice(BODIES)]
    data = bytearray(b"".join(parts))
    for _ in range(chance.choice((0, 0, 1, 3))):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
    return bytes(data)


def converse(seed: int) -> list[LogEvent]:
    """
    One conversation.

    @return: What was logged that is a fault of ours.
    """
    chance = random.Random(seed)
    clock: Any = MemoryReactorClock()
    limits = HTTPLimits(headBytes=400, headerCount=5, lingerBytes=1_000)
    site = StreamingSite(Root(chance, clock), reactor=clock, limits=limits)
    channel: Any = site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
    transport = Transport()
    channel.makeConnection(transport)
    data = conversation(chance)
    with capturedLogs() as events:
        at = 0
        while at < len(data):
            # Some transports go on for a while after they were told to close.
            if transport.disconnecting and chance.random() < 0.8:
                break
            size = chance.choice((1, 7, 50, 4_000))
            channel.dataReceived(data[at : at + size])
            at += size
            if chance.random() < 0.2:
                clock.advance(chance.choice((0.5, 1, 30)))
            if chance.random() < 0.05:
                channel.pauseProducing()
            elif chance.random() < 0.1:
                channel.resumeProducing()
        if chance.random() < 0.5:
            clock.advance(2)
        channel.connectionLost(Failure(ConnectionLost()))
        if chance.random() < 0.2:
            channel.dataReceived(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        clock.advance(1_000)
        assert clock.getDelayedCalls() == []
        assert not site.channels
    for answer in transport.value().split(b"HTTP/1.")[1:]:
        assert answer[2:5].isdigit(), transport.value()
    return [event for event in events if event["log_level"] in (LogLevel.error, LogLevel.critical)]


@pytest.mark.parametrize("start", range(SEED, SEED + COUNT, BATCH))
def test_conversations(start: int) -> None:
    """
    No byte raises anything, is logged as a fault of ours, or leaves something behind.
    """
    for seed in range(start, min(start + BATCH, SEED + COUNT)):
        try:
            faults = converse(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
        assert faults == [], f"seed {seed}"
