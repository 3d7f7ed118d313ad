"""
Tests of L{txfcgi.cli.probe}: commands that meet an HTTP server.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.cli import probe
from txfcgi.errors import BackendTimedOut, NoResponse, ResponseCutOff

from .commands import CommandCase


class LinesOnly(Protocol):
    """
    A server that waits for the end of a line, and says what it is told to say then.
    """

    def dataReceived(self, data: bytes) -> None:
        """
        Answer a line.
        """
        assert self.transport is not None
        if b"\n" in data:
            self.transport.write(self.answer)

    answer = b"HTTP/1.0 400 Bad request syntax\r\n\r\n"


class Gibberish(LinesOnly):
    """
    Another one, which does not speak HTTP.
    """

    answer = b"?" * 20


class Closing(LinesOnly):
    """
    One that closes at anything that is not a line.
    """

    def dataReceived(self, data: bytes) -> None:
        """
        Answer a line, or close.
        """
        assert self.transport is not None
        super().dataReceived(data)
        if b"\n" not in data:
            self.transport.loseConnection()


class CommandTests(CommandCase):
    """
    Tests of commands that use L{probe.unlessHTTP}.
    """

    async def test_silentHTTP(self) -> None:
        """
        An HTTP server that waits for more, or closes without a word, is found out, and named.
        """
        for kind in (LinesOnly, Closing):
            path = await self.listen(Factory.forProtocol(kind))
            for words, protocol in (
                (("get", path, "/"), "FastCGI"),
                (("get", path, "/", "--scgi"), "SCGI"),
                (("ping", path), "FastCGI"),
                (("values", path), "FastCGI"),
            ):
                done = await self.command(*words, "--timeout", "0.3")
                self.assertEqual(done.status, 1)
                self.assertIn(
                    f"BadResponse: unix:{path} speaks HTTP, not {protocol}: call it with",
                    done.out + done.err,
                )

    async def test_otherSilence(self) -> None:
        """
        That nothing comes is told by the request itself, if the back end says something else, or
        nothing.
        """
        self.patch(probe, "PATIENCE", 0.05)
        for kind in (Gibberish, Protocol):
            path = await self.listen(Factory.forProtocol(kind))
            done = await self.command("get", path, "/", "--timeout", "0.1")
            self.assertEqual(done.status, 1)
            self.assertIn("timeout of 0.1 seconds is over; --timeout (-t) sets it", done.err)

    async def test_nobodyThere(self) -> None:
        """
        That nobody is there is told by the request itself.
        """
        done = await self.command("get", f"unix:{self.folder}/nothing.sock", "/")
        self.assertIn("RequestNotSent", done.err)


class MomentTests(SynchronousTestCase):
    """
    Tests of the moment at which L{probe.unlessHTTP} asks.
    """

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.answer: Deferred[str] = Deferred()
        waiting = probe.unlessHTTP(self.reactor, "tcp:app:9000", "FastCGI", self.answer)
        self.result = Deferred.fromCoroutine(waiting)

    def test_slowApp(self) -> None:
        """
        An app that takes its time is not disturbed.
        """
        self.reactor.advance(3_600)
        self.assertEqual(self.reactor.tcpClients, [])
        self.answer.callback("at last")
        self.assertEqual(self.successResultOf(self.result), "at last")
        self.assertEqual(self.reactor.tcpClients, [])

    def test_halfAnswered(self) -> None:
        """
        A back end that has begun to answer speaks the protocol.
        """
        self.answer.errback(ResponseCutOff(ConnectionDone()))
        self.failureResultOf(self.result, ResponseCutOff)
        self.assertEqual(self.reactor.tcpClients, [])

    def test_neverReached(self) -> None:
        """
        A back end that could not be reached is not asked again.
        """
        self.answer.errback(NoResponse(BackendTimedOut("connect", 5)))
        self.failureResultOf(self.result, NoResponse)
        self.assertEqual(self.reactor.tcpClients, [])

    def test_timeOver(self) -> None:
        """
        Once the time is over, the back end is asked. If that does not help either, the request's
        own error stands.
        """
        self.answer.errback(NoResponse(BackendTimedOut("total", 5)))
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.assertNoResult(self.result)
        self.reactor.advance(probe.PATIENCE)
        self.failureResultOf(self.result, NoResponse)

    def test_patience(self) -> None:
        """
        The connection and the answer together have a second.
        """
        self.answer.errback(NoResponse(BackendTimedOut("total", 5)))
        self.reactor.advance(0.6)
        protocol = self.reactor.tcpClients[0][2].buildProtocol(None)
        protocol.makeConnection(StringTransport())
        self.assertNoResult(self.result)
        self.reactor.advance(0.5)
        self.failureResultOf(self.result, NoResponse)
        protocol.connectionLost(Failure(ConnectionDone()))
