"""
Tests of L{txfcgi.streams.OutputStream}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txfcgi.errors import (
    InvalidResponse,
    OutputTooLarge,
    RequestAborted,
    StreamClosed,
)
from txfcgi.streams.output import TURN, OutputStream, asBuffer
from txfcgi.transport.outlet import Outlet
from txfcgi.transport.sparing import SparingLog


class Way:
    """
    A way out that is full when a test says so.
    """

    def __init__(self) -> None:
        self.full = False
        self.waiting: list[Callable[[], None]] = []
        self.rests = 0

    def whenDrained(self, callback: Callable[[], None]) -> None:
        """
        Note who waits, once.
        """
        if callback not in self.waiting:
            self.waiting.append(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """
        Forget who waits.
        """
        if callback in self.waiting:
            self.waiting.remove(callback)

    def giveTurn(self) -> None:
        """
        Be full.
        """
        self.rests += 1
        self.full = True

    def flush(self) -> bool:
        """
        Whether something waits.
        """
        return self.full

    whenTaken = whenDrained

    def drained(self) -> None:
        """
        Have room again.
        """
        self.full = False
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()


@implementer(IPushProducer)
class Producer:
    """
    A producer that notes what it is asked for.
    """

    def __init__(self, resume: Callable[[], None] = lambda: None) -> None:
        self.asked: list[str] = []
        self.resume = resume

    def pauseProducing(self) -> None:
        """
        Is noted.
        """
        self.asked.append("pause")

    def resumeProducing(self) -> None:
        """
        Is noted, and does something.
        """
        self.asked.append("resume")
        self.resume()

    def stopProducing(self) -> None:
        """
        Is noted.
        """
        self.asked.append("stop")


class OutputTests(SynchronousTestCase):
    """
    Tests of L{OutputStream}.
    """

    def setUp(self) -> None:
        self.way = Way()
        self.sent: list[Any] = []
        self.failures: list[Exception] = []
        self.stream = OutputStream(
            cast(Outlet, self.way),
            self.sent.append,
            self.failures.append,
            10,
            SparingLog(Clock()),
        )

    def test_interface(self) -> None:
        """
        It is a consumer.
        """
        verifyObject(IConsumer, self.stream)

    def test_write(self) -> None:
        """
        What is written goes out, and can't be changed afterwards.
        """
        changing = bytearray(b"b")
        self.stream.write(b"a")
        self.stream.write(cast(bytes, changing))
        self.stream.write(memoryview(b"c"))
        self.stream.write(memoryview(changing))
        changing[0] = 0
        self.assertEqual([bytes(each) for each in self.sent], [b"a", b"b", b"c", b"b"])

    def test_asBuffer(self) -> None:
        """
        Bytes, and views of them, are not copied; what is neither is named.
        """
        data, view = b"abc", memoryview(b"abc")
        self.assertIs(asBuffer(data), data)
        self.assertIs(asBuffer(view), view)
        for wrong in ("text", 5, None, ["a"], object()):
            with self.assertRaisesRegex(InvalidResponse, f"not {type(wrong).__name__}"):
                asBuffer(wrong)

    def test_limit(self) -> None:
        """
        What is written while there is no room is counted up to the limit, and anew when there was
        room.
        """
        self.stream.write(b"x" * 100)
        self.way.full = True
        self.assertTrue(self.stream.full)
        self.stream.write(b"x" * 10)
        self.way.full = False
        self.stream.write(b"x" * 100)
        self.way.full = True
        self.stream.write(b"x" * 10)
        self.assertEqual(self.failures, [])
        self.assertRaises(OutputTooLarge, self.stream.write, b"x")
        self.assertIsInstance(self.failures[0], OutputTooLarge)

    def test_limitAfterDrain(self) -> None:
        """
        It is counted anew for who waited, too.
        """
        self.way.full = True
        self.stream.write(b"x" * 10)
        waited = self.stream.drain()
        self.way.drained()
        self.successResultOf(waited)
        self.way.full = True
        self.stream.write(b"x" * 10)
        self.assertEqual(self.failures, [])

    def test_drain(self) -> None:
        """
        Who waits goes on when there is room; at once if there is.
        """
        self.successResultOf(self.stream.drain())
        self.way.full = True
        waits = [self.stream.drain() for _ in range(3)]
        waits[1].cancel()
        self.failureResultOf(waits[1], CancelledError)
        self.assertNoResult(waits[0])
        self.way.drained()
        self.successResultOf(waits[0])
        self.successResultOf(waits[2])

    def test_drainOfTheLost(self) -> None:
        """
        Who waits hears of the end; who comes later hears of it at once.
        """
        self.way.full = True
        wait = self.stream.drain()
        self.stream.fail(RequestAborted("gone"))
        self.failureResultOf(wait, RequestAborted)
        self.failureResultOf(self.stream.drain(), RequestAborted)
        self.assertEqual(self.way.waiting, [])

    def test_drainOfTheClosed(self) -> None:
        """
        There is nothing to wait for where nothing more can be written.
        """
        self.way.full = True
        self.stream.close()
        self.successResultOf(self.stream.drain())

    def test_flush(self) -> None:
        """
        C{flush} waits until nothing of what was written waits any more.
        """
        self.successResultOf(self.stream.flush())
        self.way.full = True
        first, second = self.stream.flush(), self.stream.flush()
        self.assertNoResult(first)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.way.drained()
        self.successResultOf(first)
        self.assertEqual(self.way.waiting, [])

    def test_flushOfTheClosed(self) -> None:
        """
        What was written before a stream was closed is waited for, too.
        """
        self.way.full = True
        self.stream.close()
        flushed = self.stream.flush()
        self.assertNoResult(flushed)
        self.way.drained()
        self.successResultOf(flushed)

    def test_flushOfTheLost(self) -> None:
        """
        It fails when the request ends before, and at once after that.
        """
        self.way.full = True
        flushed = self.stream.flush()
        self.stream.fail(RequestAborted("gone"))
        self.failureResultOf(flushed, RequestAborted)
        self.failureResultOf(self.stream.flush(), RequestAborted)
        self.assertEqual(self.way.waiting, [])

    def test_close(self) -> None:
        """
        What is written after the end is a mistake; after an abort it goes nowhere.
        """
        self.assertFalse(self.stream.closed)
        self.stream.close()
        self.assertTrue(self.stream.closed)
        self.assertRaisesRegex(StreamClosed, "was closed before", self.stream.write, b"a")
        self.stream.fail(StreamClosed("over"))
        self.assertRaisesRegex(StreamClosed, "was closed before", self.stream.write, b"a")
        self.stream.fail(RequestAborted("gone"))
        self.stream.write(b"a")
        self.assertEqual(self.sent, [])

    def test_raisedAgainAndAgain(self) -> None:
        """
        The error that says so does not grow with each time.
        """
        self.stream.close()

        def frames() -> int:
            try:
                self.stream.write(b"a")
            except StreamClosed as error:
                trace, count = error.__traceback__, 0
                while trace is not None:
                    trace, count = trace.tb_next, count + 1
                return count
            return 0

        self.assertEqual(len({frames() for _ in range(5)}), 1)

    def test_turn(self) -> None:
        """
        A writer that has written much leaves the others the next turn of the reactor.
        """
        for _ in range(4):
            self.stream.write(bytes(TURN // 4))
        self.assertFalse(self.stream.full)
        self.stream.write(b"a")
        self.assertTrue(self.stream.full)

    def test_pushProducer(self) -> None:
        """
        A push producer is paused when there is no room and resumed when there is.
        """
        producer = Producer()
        self.stream.registerProducer(producer, True)
        self.stream.write(b"a")
        self.assertEqual(producer.asked, [])
        self.way.full = True
        self.stream.write(b"b")
        self.assertEqual(producer.asked, ["pause"])
        self.way.drained()
        self.assertEqual(producer.asked, ["pause", "resume"])
        self.stream.unregisterProducer()
        self.way.full = True
        self.stream.write(b"c")
        self.assertEqual(producer.asked, ["pause", "resume"])

    def test_pushProducerWithoutRoom(self) -> None:
        """
        It is paused from the start if there is no room.
        """
        producer = Producer()
        self.way.full = True
        self.stream.registerProducer(producer, True)
        self.assertEqual(producer.asked, ["pause"])
        self.stream.unregisterProducer()
        self.assertEqual(self.way.waiting, [])

    def test_unregisteredWhileOneWaits(self) -> None:
        """
        Who waits besides the producer still does when that is gone.
        """
        self.way.full = True
        wait = self.stream.drain()
        self.stream.registerProducer(Producer(), True)
        self.stream.unregisterProducer()
        self.way.drained()
        self.successResultOf(wait)

    def test_pullProducer(self) -> None:
        """
        A pull producer is asked for more as long as there is room.
        """
        pieces = [b"a", b"b", b"c", b"d"]

        def resume() -> None:
            if len(pieces) == 2:
                self.way.full = True
            self.stream.write(pieces.pop(0))
            if not pieces:
                self.stream.unregisterProducer()

        producer = Producer(resume)
        self.stream.registerProducer(producer, False)
        self.assertEqual(self.sent, [b"a", b"b", b"c"])
        self.way.drained()
        self.assertEqual(self.sent, [b"a", b"b", b"c", b"d"])
        self.assertEqual(producer.asked, ["resume"] * 4)

    def test_slowPullProducer(self) -> None:
        """
        One that has nothing when it is asked is asked again when it has written.
        """
        producer = Producer()
        self.stream.registerProducer(producer, False)
        self.assertEqual(producer.asked, ["resume"])
        self.stream.write(b"a")
        self.assertEqual(producer.asked, ["resume"] * 2)

    def test_fastPullProducer(self) -> None:
        """
        One that has much to say lets others go first from time to time.
        """
        left = [20]

        def resume() -> None:
            left[0] -= 1
            self.stream.write(bytes(TURN // 4))
            if not left[0]:
                self.stream.unregisterProducer()

        self.stream.registerProducer(Producer(resume), False)
        self.assertEqual(self.way.rests, 1)
        while self.way.full:
            self.way.drained()
        self.assertEqual(len(self.sent), 20)
        self.assertEqual(self.way.rests, 4)

    def test_second(self) -> None:
        """
        One producer at a time.
        """
        producer = Producer()
        self.stream.registerProducer(producer, True)
        self.assertRaises(RuntimeError, self.stream.registerProducer, Producer(), True)
        self.stream.fail(RequestAborted("gone"))
        self.assertEqual(producer.asked, ["stop"])
        late = Producer()
        self.stream.registerProducer(late, False)
        self.assertEqual(late.asked, ["stop"])

    def test_failingProducer(self) -> None:
        """
        A producer that fails when there is room again fails the request, and no other.
        """
        for streaming in (True, False):
            self.setUp()
            broken = [False]

            def resume(broken: list[bool] = broken) -> None:
                if broken[0]:
                    raise ZeroDivisionError

            self.way.full = True
            self.stream.registerProducer(Producer(resume), streaming)
            if not streaming:
                self.way.whenDrained(self.stream._resume)
            broken[0] = True
            self.way.drained()
            self.assertIsInstance(self.failures[0], ZeroDivisionError)

    def test_failingStop(self) -> None:
        """
        One that can't be stopped is logged.
        """
        producer = Producer()
        self.patch(producer, "stopProducing", lambda: 1 / 0)
        self.stream.registerProducer(producer, True)
        self.stream.fail(RequestAborted("gone"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
