"""
Tests of L{txfcgi.streams.InputStream}: what waits to be read, and what goes to a consumer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IPushProducer
from zope.interface.verify import verifyObject

from txfcgi.errors import (
    AlreadyReading,
    RequestAborted,
    StreamClosed,
)
from txfcgi.streams import InputStream

from .reading import InputTests, Sink


class PressureTests(InputTests):
    """
    How much a stream holds.
    """

    def test_asks(self) -> None:
        """
        It asks its source to pause at more than its mark, and to go on at half of it.
        """
        stream = self.stream(streamBytes=10)
        self.feed(stream, b"0123456789")
        self.assertEqual(self.tap.asked, [])
        self.feed(stream, b"x", b"y")
        self.assertEqual(self.tap.asked, ["full"])
        self.successResultOf(stream.read(6))
        self.assertEqual(self.tap.asked, ["full"])
        self.successResultOf(stream.read(1))
        self.assertEqual(self.tap.asked, ["full", "drained"])
        self.feed(stream, b"01234567")
        self.assertEqual(self.tap.asked, ["full", "drained", "full"])

    def test_eachWay(self) -> None:
        """
        Every way to read makes room, and so does every way not to.
        """
        for way in (
            InputStream.read,
            InputStream.readline,
            lambda stream: self.pieces(stream)[1],
            lambda stream: stream.deliverTo(Sink()),
            InputStream.discard,
            lambda stream: stream.close(StreamClosed("over")),
            lambda stream: stream.fail(RequestAborted("gone")),
        ):
            stream = self.stream(streamBytes=3)
            self.feed(stream, b"abc", b"d\n")
            result = cast(Callable[[InputStream], Any], way)(stream)
            self.assertEqual(self.tap.asked, ["full", "drained"])
            self.assertEqual(stream.buffered, 0)
            stream.close(StreamClosed("over"))
            if result is not None:
                result.addErrback(lambda failure: failure.trap(StreamClosed))

    def test_readerAtOnce(self) -> None:
        """
        A reader that waits takes it before it is much.
        """
        stream = self.stream(streamBytes=3)
        got, _ = self.pieces(stream)
        self.feed(stream, b"abcdefgh", end=True)
        self.assertEqual((got, self.tap.asked), ([b"abcdefgh"], []))


class DeliverTests(InputTests):
    """
    Tests of C{deliverTo}.
    """

    def test_all(self) -> None:
        """
        Everything goes to the consumer, and the number of bytes is told.
        """
        stream, sink = self.stream(), Sink()
        done = stream.deliverTo(sink)
        verifyObject(IPushProducer, stream)
        self.assertIs(sink.producer, stream)
        self.feed(stream, b"abc", b"de", end=True)
        self.assertEqual(self.successResultOf(done), 5)
        self.assertEqual((sink.got, sink.producer), ([b"abc", b"de"], None))

    def test_pause(self) -> None:
        """
        The consumer may pause it, and resume it; twice is once.
        """
        stream, sink = self.stream(streamBytes=3), Sink()
        done = stream.deliverTo(sink)
        sink.pause = True
        self.feed(stream, b"a", b"bcde")
        stream.pauseProducing()
        self.assertEqual((sink.got, self.tap.asked), ([b"a"], ["full"]))
        sink.pause = False
        stream.resumeProducing()
        stream.resumeProducing()
        self.assertEqual((sink.got, self.tap.asked), ([b"a", b"bcde"], ["full", "drained"]))
        self.feed(stream, end=True)
        self.assertEqual(self.successResultOf(done), 5)

    def test_stop(self) -> None:
        """
        The consumer may stop it, paused or not.
        """
        for pause in (True, False):
            stream, sink = self.stream(), Sink()
            done = stream.deliverTo(sink)
            sink.pause = pause
            self.feed(stream, b"a")
            stream.stopProducing()
            self.failureResultOf(done, RequestAborted)
            self.assertIsNone(sink.producer)

    def test_cancel(self) -> None:
        """
        Who does not want it any more cancels it, paused or not.
        """
        for pause in (True, False):
            stream, sink = self.stream(), Sink()
            done = stream.deliverTo(sink)
            sink.pause = pause
            self.feed(stream, b"a")
            done.cancel()
            self.failureResultOf(done, CancelledError)
            self.assertIsNone(sink.producer)

    def test_oneReader(self) -> None:
        """
        Nobody else can read it meanwhile, nor have it delivered.
        """
        stream, sink = self.stream(), Sink()
        done = stream.deliverTo(sink)
        self.failureResultOf(stream.deliverTo(Sink()), AlreadyReading)
        self.failureResultOf(stream.read(), AlreadyReading)
        self.feed(stream, b"a", end=True)
        self.assertEqual((self.successResultOf(done), sink.got), (1, [b"a"]))
        stream = self.stream()
        read = stream.read()
        self.failureResultOf(stream.deliverTo(Sink()), AlreadyReading)
        self.feed(stream, b"a", end=True)
        self.assertEqual(self.successResultOf(read), b"a")

    def test_pausedAtOnce(self) -> None:
        """
        A consumer that takes nothing yet gets nothing yet, not even the end.
        """
        stream, sink = self.stream(), Sink()
        done = stream.deliverTo(sink)
        stream.pauseProducing()
        self.feed(stream, b"a", end=True)
        self.assertEqual(sink.got, [])
        stream.resumeProducing()
        self.assertEqual((self.successResultOf(done), sink.got), (1, [b"a"]))
        stream.pauseProducing()
        stream.resumeProducing()

    def test_resumedWithin(self) -> None:
        """
        A consumer that resumes it while it takes a piece gets the pieces in their order.
        """
        stream, sink = self.stream(), Sink()
        write = sink.write

        def writing(data: bytes) -> None:
            stream.pauseProducing()
            stream.resumeProducing()
            write(data)

        self.patch(sink, "write", writing)
        done = stream.deliverTo(sink)
        self.feed(stream, b"a", b"b", b"c", end=True)
        self.assertEqual((self.successResultOf(done), sink.got), (3, [b"a", b"b", b"c"]))

    def test_cancelledWithin(self) -> None:
        """
        Who cancels it while a piece is taken gets no other.
        """
        stream, sink = self.stream(), Sink()
        self.feed(stream, b"a", b"b")
        stream.pauseProducing()
        done = stream.deliverTo(sink)
        self.assertEqual(sink.got, [b"a", b"b"])
        self.patch(sink, "write", lambda data: done.cancel())
        stream.receive(b"c")
        stream.receive(b"d")
        stream.flush()
        self.failureResultOf(done, CancelledError)
        self.assertEqual(stream.buffered, 1)

    def test_failingEnd(self) -> None:
        """
        A consumer that can't let go of the stream fails the delivery.
        """
        stream, sink = self.stream(), Sink()
        self.patch(sink, "unregisterProducer", lambda: 1 / 0)
        done = stream.deliverTo(sink)
        self.feed(stream, b"a", end=True)
        self.failureResultOf(done, ZeroDivisionError)

    def test_failingConsumer(self) -> None:
        """
        A consumer that fails is let go of.
        """
        stream, sink = self.stream(), Sink()
        self.patch(sink, "write", lambda data: 1 / 0)
        done = stream.deliverTo(sink)
        self.feed(stream, b"a")
        self.failureResultOf(done, ZeroDivisionError)
        self.assertIsNone(sink.producer)
