"""
L{MemoryFrontEnd<txfcgi.testing.MemoryFrontEnd>} recorded as the real web servers are.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.interop.client import Headers
from txfcgi import Allow, FastCGIServerFactory, Response, Role, SCGIServerFactory
from txfcgi.testing import MemoryFrontEnd, MemoryResponse

from .record import Place, Session
from .recorder import CONVERSATIONS, Recorder, Seen
from .variants import Variant

PLACE = Place("192.0.2.80", 8080, "/srv/www", "/srv/www", "127.0.0.1:9000")


class MemoryRecorder(Recorder):
    """
    A recorder that looks on while an app's server answers.
    """

    def __init__(self, protocol: str) -> None:
        super().__init__(protocol)
        self.protocol = protocol
        self.waiting: list[tuple[Any, Deferred[Any]]] = []
        self.holding = 0

    async def app(self, request: Any) -> Any:
        """
        Answer, or wait until so many requests are here at once.
        """
        await request.stdin.read()
        result: Deferred[Any] = Deferred(lambda _: None)
        self.waiting.append((request, result))
        if len(self.waiting) >= self.holding:
            self.release()
        return await result

    def hold(self, requests: int) -> None:
        self.holding = requests

    def release(self) -> None:
        waiting, self.waiting, self.holding = self.waiting, [], 0
        for request, result in waiting:
            if not result.called:
                result.callback(Allow() if request.role is Role.AUTHORIZER else Response())

    def arrived(self, conversation: Any, seen: Seen) -> None:
        self.requests.append(seen)
        self.last = (conversation, seen)

    def held(self) -> Any:
        return self.last

    def writeUntilGone(self) -> None:
        self.waiting[-1][0].stdout.write(b"Status: 200 OK\r\n\r\n")
        self.clock.advance(0)

    def writeAndEnd(self) -> None:
        self.writeUntilGone()
        self.waiting[-1][1].callback(None)
        self.release()

    def factory(self) -> Any:
        """
        The app's server, with an eye on what comes.
        """
        self.clock = clock = Clock()
        recorder = self
        count = iter(range(1000))

        def watched(protocol: Any) -> Any:
            conversation: Any = CONVERSATIONS[self.protocol](recorder, next(count))
            conversation.write = lambda data: None
            dataReceived, connectionLost = protocol.dataReceived, protocol.connectionLost

            def received(data: bytes) -> None:
                conversation.held += data
                conversation.take()
                dataReceived(data)

            def lost(reason: Failure) -> None:
                recorder.ended(conversation.number, "gone")
                connectionLost(reason)

            protocol.dataReceived, protocol.connectionLost = received, lost
            return protocol

        class FastCGI(FastCGIServerFactory):
            def makeProtocol(self) -> Any:
                return watched(super().makeProtocol())

        class SCGI(SCGIServerFactory):
            def makeProtocol(self) -> Any:
                return watched(super().makeProtocol())

        if self.protocol == "fastcgi":
            return FastCGI(self.app, clock=clock)
        return SCGI(self.app, clock=clock, lenient=True)


class MemoryBrowser:
    """
    A browser in front of a web server in memory.
    """

    def __init__(self, frontEnd: MemoryFrontEnd, role: Role, apacheRole: str | None) -> None:
        self.frontEnd = frontEnd
        self.role = role
        self.apacheRole = apacheRole
        self.responses: list[MemoryResponse] = []
        self.pending: Deferred[MemoryResponse] | None = None

    def __enter__(self) -> MemoryBrowser:
        return self

    def __exit__(self, *ignored: object) -> None:
        if self.pending is not None:
            self.pending.addErrback(lambda failure: None)
            self.pending.cancel()
            self.frontEnd.pump()

    def send(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | None = None,
        chunked: bool = False,
    ) -> None:
        """
        Send a request.
        """
        self.pending = self.frontEnd.request(
            method,
            target,
            headers,
            body,
            chunked=chunked,
            role=self.role,
            apacheRole=self.apacheRole,
            mayLeaveBody=True,
        )
        self.pending.addCallback(self.responses.append)

    def head(self) -> MemoryBrowser:
        """
        The answer is there already.
        """
        return self

    def read(self) -> bytes:
        """
        Its body.
        """
        return self.responses[-1].body

    def fetch(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | None = None,
        chunked: bool = False,
    ) -> MemoryResponse:
        """
        Make a request.
        """
        self.send(method, target, headers, body, chunked)
        return self.responses[-1]


def record(
    variant: Variant, role: Role = Role.RESPONDER, apacheRole: str | None = None
) -> dict[str, Any]:
    """
    Record what stands for a web server.
    """
    recorder = MemoryRecorder(variant.protocol)
    frontEnd = MemoryFrontEnd(
        recorder.factory(), host=PLACE.host, port=PLACE.port, root=PLACE.root, **variant.options
    )
    browser = partial(MemoryBrowser, frontEnd, role, apacheRole)
    with frontEnd:
        return Session(variant, browser, recorder, PLACE, 0.0).record()
