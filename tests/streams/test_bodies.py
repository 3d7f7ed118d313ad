"""
Tests of L{txfcgi.streams.bodies}: what a body can be, and that whatever it is made of is let go of.
How a server sends each kind is in C{tests/server/test_application.py}.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import FileBodyProducer

from txfcgi.errors import InvalidResponse, RequestAborted
from txfcgi.streams import InputStream, OutputStream
from txfcgi.streams.bodies import SLICE, knownLength, releaseBody, sendBody
from txfcgi.transport.outlet import Outlet
from txfcgi.transport.sparing import SparingLog

from ..producers import Pieces, Producer
from .reading import Tap
from .test_output import Way


class AsyncPieces:
    """
    An asynchronous iterable that waits for each piece.
    """

    def __init__(self) -> None:
        self.waits: list[Deferred[bytes]] = []
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        wait: Deferred[bytes] = Deferred()
        self.waits.append(wait)
        return await wait

    async def aclose(self) -> None:
        """
        Is noted.
        """
        self.closed = True


class Bare:
    """
    An asynchronous iterable that can't be closed.
    """

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


class LengthTests(SynchronousTestCase):
    """
    Tests of L{knownLength}.
    """

    def test_forgottenAwait(self) -> None:
        """
        A Deferred, which can be iterated over, or a coroutine is not taken for an empty body.
        """

        async def read() -> bytes:
            return b"body"

        coroutine = read()
        self.addCleanup(coroutine.close)
        for body in (succeed(b"body"), coroutine):
            error = self.assertRaises(InvalidResponse, knownLength, body)
            self.assertIn(f"the {type(body).__name__} of them: await it", str(error))

    def test_known(self) -> None:
        """
        Bytes, a producer and a stream may know their length.
        """
        self.assertEqual(knownLength(b"four"), 4)
        self.assertEqual(knownLength(Producer(7)), 7)
        self.assertEqual(knownLength(InputStream(Tap(), 5)), 5)

    def test_unknown(self) -> None:
        """
        Iterables do not, and the others need not.
        """
        bodies: list[Any] = [Producer(), InputStream(Tap()), [b"a"], Pieces(), AsyncPieces()]
        for body in bodies:
            self.assertIsNone(knownLength(body))

    def test_wrong(self) -> None:
        """
        What is no body is named.
        """
        bodies: list[Any] = ["text", {"a": 1}, 5, None, object()]
        for body in bodies:
            with self.assertRaisesRegex(InvalidResponse, f"not {type(body).__name__}"):
                knownLength(body)


class SendTests(SynchronousTestCase):
    """
    Tests of L{sendBody}.
    """

    def setUp(self) -> None:
        self.way = Way()
        self.sent: list[Any] = []
        self.output = OutputStream(
            cast(Outlet, self.way),
            self.sent.append,
            lambda error: None,
            1 << 30,
            SparingLog(Clock()),
        )

    def send(self, body: Any) -> Deferred[None]:
        """
        Send a body.
        """
        return Deferred.fromCoroutine(sendBody(body, self.output))

    def test_bytes(self) -> None:
        """
        Bytes go out in slices, as there is room.
        """
        done = self.send(bytes(3 * SLICE + 1))
        for count in range(1, 4):
            self.assertEqual([len(each) for each in self.sent], [SLICE] * count)
            self.assertNoResult(done)
            self.way.drained()
        self.assertEqual(len(self.sent[3]), 1)
        self.successResultOf(done)

    def test_iterable(self) -> None:
        """
        An iterable is asked when there is room, and closed at its end.
        """
        body = Pieces(b"a", b"b")
        self.way.full = True
        done = self.send(body)
        self.assertEqual(self.sent, [b"a"])
        self.way.drained()
        self.successResultOf(done)
        self.assertEqual((self.sent, body.closed), ([b"a", b"b"], True))

    def test_plainIterables(self) -> None:
        """
        Not everything can be closed.
        """
        for body, expected in (([b"a", b"b"], [b"a", b"b"]), (Bare(), [])):
            self.sent.clear()
            self.successResultOf(self.send(body))
            self.assertEqual(self.sent, expected)

    def test_cancelled(self) -> None:
        """
        Each kind is let go of when it is not wanted any more, in the middle of it.
        """
        for body in (Pieces(b"a", b"b"), AsyncPieces()):
            self.setUp()
            self.way.full = True
            done = self.send(body)
            done.cancel()
            self.failureResultOf(done, CancelledError)
            self.assertTrue(body.closed)

    def test_cancelledBetweenPieces(self) -> None:
        """
        So it is when there is no room for the next piece.
        """
        body = AsyncPieces()
        self.way.full = True
        done = self.send(body)
        body.waits[0].callback(b"a")
        self.assertEqual((self.sent, len(body.waits)), ([b"a"], 1))
        self.output.fail(RequestAborted("gone"))
        self.failureResultOf(done, RequestAborted)
        self.assertTrue(body.closed)

    def test_producer(self) -> None:
        """
        A producer is paused and resumed until it has finished.
        """
        body = Producer()
        done = self.send(body)
        self.way.full = True
        body.consumer.write(b"a")
        self.way.drained()
        self.assertEqual(body.calls, ["start", "pause", "resume"])
        self.assertNoResult(done)
        body.finished.callback(None)
        self.successResultOf(done)
        self.way.full = True
        self.output.write(b"b")
        self.assertEqual(body.calls, ["start", "pause", "resume"])

    def test_producerAtOnce(self) -> None:
        """
        It may have finished when it has been started.
        """
        body = Producer()
        body.finished.callback(None)
        self.successResultOf(self.send(body))
        self.assertEqual(body.calls, ["start"])

    def test_producerFails(self) -> None:
        """
        One that fails is not stopped; it has stopped by itself.
        """
        body = Producer()
        done = self.send(body)
        body.finished.errback(ZeroDivisionError())
        self.failureResultOf(done, ZeroDivisionError)
        self.assertEqual(body.calls, ["start"])

    def test_producerCancelled(self) -> None:
        """
        One that is not wanted any more is stopped, once.
        """
        body = Producer()
        done = self.send(body)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.output.fail(RequestAborted("gone"))
        self.assertEqual(body.calls, ["start", "stop"])


class ReleaseTests(SynchronousTestCase):
    """
    Tests of L{releaseBody}.
    """

    def test_producers(self) -> None:
        """
        A producer is stopped; that of a file closes it.
        """
        body = Producer()
        releaseBody(body)
        self.assertEqual(body.calls, ["stop"])
        file = BytesIO(b"file")
        releaseBody(FileBodyProducer(file))
        self.assertTrue(file.closed)

    def test_closeable(self) -> None:
        """
        What can be closed is, started or not.
        """
        for body in (Pieces(b"a"), AsyncPieces()):
            releaseBody(body)
            self.assertTrue(body.closed)

        def pieces() -> Iterator[bytes]:
            yield b"a"

        async def asyncPieces() -> AsyncIterator[bytes]:
            yield b"a"

        generator = pieces()
        next(generator)
        releaseBody(generator)
        self.assertEqual(list(generator), [])
        releaseBody(asyncPieces())

    def test_stream(self) -> None:
        """
        What waits of a request's own body is dropped.
        """
        stream = InputStream(Tap())
        stream.receive(b"abc")
        releaseBody(stream)
        self.assertEqual(stream.buffered, 0)

    def test_nothingToDo(self) -> None:
        """
        Bytes and lists need no such thing.
        """
        releaseBody(b"abc")
        releaseBody([b"abc"])
