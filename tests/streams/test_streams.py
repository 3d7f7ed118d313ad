"""
Tests of L{txfcgi.streams}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txfcgi.errors import (
    AlreadyReading,
    BodyTooLarge,
    BodyTooLong,
    BodyTooShort,
    InvalidResponse,
    OutputTooLarge,
    ReadTooLarge,
    RequestAborted,
    StreamClosed,
)
from txfcgi.streams import TURN, InputStream, OutputStream, asBuffer
from txfcgi.transport.outlet import Outlet


class Tap:
    """
    Where an input stream comes from; it notes whether it was asked to pause.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def inputFull(self, stream: InputStream) -> None:
        """
        Is noted.
        """
        self.asked.append("full")

    def inputDrained(self, stream: InputStream) -> None:
        """
        Is noted.
        """
        self.asked.append("drained")


@implementer(IConsumer)
class Sink:
    """
    A consumer that keeps what it gets, and pauses when it is told to.
    """

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.producer: Any = None
        self.pause = False

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        Take a producer.
        """
        assert self.producer is None and streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        """
        Let go of it.
        """
        self.producer = None

    def write(self, data: bytes) -> None:
        """
        Keep it.
        """
        self.got.append(data)
        if self.pause:
            self.producer.pauseProducing()


class InputTests(SynchronousTestCase):
    """
    Tests that feed an input stream.
    """

    def stream(self, length: int | None = None, **options: Any) -> InputStream:
        """
        Make a stream.
        """
        self.tap = Tap()
        return InputStream(self.tap, length, **options)

    def feed(self, stream: InputStream, *pieces: bytes, end: bool = False) -> None:
        """
        Bring pieces, each in a read of its own.
        """
        for piece in pieces:
            stream.receive(piece)
            stream.flush()
        if end:
            stream.finish()
            stream.flush()

    def fed(self, *pieces: bytes) -> InputStream:
        """
        A stream that has all its bytes.
        """
        stream = self.stream()
        self.feed(stream, *pieces, end=True)
        return stream

    def pieces(self, stream: InputStream) -> tuple[list[bytes], Deferred[None]]:
        """
        Go through a stream with C{async for}.
        """
        got: list[bytes] = []

        async def go() -> None:
            async for piece in stream:
                got.append(piece)

        return got, Deferred.fromCoroutine(go())


class ReadTests(InputTests):
    """
    Tests of C{read}.
    """

    def test_all(self) -> None:
        """
        Without a size all is collected.
        """
        stream = self.stream()
        read = stream.read()
        self.feed(stream, b"a", b"", b"bc")
        self.assertNoResult(read)
        self.feed(stream, end=True)
        self.assertEqual(self.successResultOf(read), b"abc")
        self.assertEqual(self.successResultOf(stream.read()), b"")

    def test_some(self) -> None:
        """
        With a size it is what is there, at most that, and at least a byte before the end.
        """
        stream = self.stream()
        read = stream.read(3)
        self.assertNoResult(read)
        self.feed(stream, b"ab", b"cdefg")
        self.assertEqual(self.successResultOf(read), b"ab")
        sizes = [self.successResultOf(stream.read(size)) for size in (2, 0, 2, 5)]
        self.assertEqual(sizes, [b"cd", b"", b"ef", b"g"])
        read = stream.read(3)
        self.assertNoResult(read)
        self.feed(stream, end=True)
        self.assertEqual(self.successResultOf(read), b"")

    def test_byteByByte(self) -> None:
        """
        It may be read byte by byte, and what is left is read by the other ways.
        """
        stream = self.fed(b"abcdef", b"ghi")
        read = [self.successResultOf(stream.read(1)) for _ in range(4)]
        self.assertEqual(read, [b"a", b"b", b"c", b"d"])
        self.assertEqual(stream.buffered, 5)
        self.assertEqual(self.pieces(stream)[0], [b"ef", b"ghi"])
        self.assertEqual(stream.buffered, 0)

    def test_collected(self) -> None:
        """
        More than may be collected is an error, and stays one.
        """
        stream = self.stream(collectBytes=3)
        self.feed(stream, b"abcd", end=True)
        self.failureResultOf(stream.read(), ReadTooLarge)
        self.failureResultOf(stream.read(), ReadTooLarge)
        self.assertEqual(stream.buffered, 0)

    def test_cancelled(self) -> None:
        """
        A read that is cancelled takes nothing.
        """
        stream = self.stream()
        read = stream.read(5)
        read.cancel()
        self.failureResultOf(read, CancelledError)
        self.feed(stream, b"abc", end=True)
        self.assertEqual(self.successResultOf(stream.read()), b"abc")

    def test_oneReader(self) -> None:
        """
        A second read while the first waits is a mistake.
        """
        stream = self.stream()
        read = stream.read(5)
        self.failureResultOf(stream.read(), AlreadyReading)
        self.failureResultOf(stream.readline(), AlreadyReading)
        self.feed(stream, b"abc")
        self.assertEqual(self.successResultOf(read), b"abc")

    def test_readerGoesOn(self) -> None:
        """
        A reader that reads again when it gets something sees each byte once.
        """
        stream = self.stream()
        got: list[bytes] = []

        def again(data: bytes) -> None:
            if data:
                got.append(data)
                stream.read(2).addCallback(again)

        stream.read(2).addCallback(again)
        self.feed(stream, b"abc", b"d", b"efgh", end=True)
        self.assertEqual(b"".join(got), b"abcdefgh")


class ReadlineTests(InputTests):
    """
    Tests of C{readline}.
    """

    def lines(self, stream: InputStream, **options: Any) -> list[bytes]:
        """
        Read all lines.
        """
        lines: list[bytes] = []
        while True:
            line = self.successResultOf(stream.readline(**options))
            if not line:
                return lines
            lines.append(line)

    def test_lines(self) -> None:
        """
        Each line comes with its line feed, wherever the reads were cut; the last may have none.
        """
        text = b"first\nsecond\r\n\n\nlast"
        expected = [b"first\n", b"second\r\n", b"\n", b"\n", b"last"]
        for size in (1, 2, 5, 7, 100):
            stream = self.fed(*(text[at : at + size] for at in range(0, len(text), size)))
            self.assertEqual(self.lines(stream), expected)

    def test_waits(self) -> None:
        """
        A line that is not complete is waited for.
        """
        stream = self.stream()
        line = stream.readline()
        self.feed(stream, b"ab", b"c")
        self.assertNoResult(line)
        self.feed(stream, b"d\nrest")
        self.assertEqual(self.successResultOf(line), b"abcd\n")
        self.assertEqual(self.successResultOf(stream.read(100)), b"rest")

    def test_manyShortLines(self) -> None:
        """
        What it costs does not grow with what is behind the line: so many would never end.
        """
        stream = self.fed(b"\n" * 300_000)
        (chunk,) = stream._chunks
        for _ in range(1000):
            self.assertEqual(self.successResultOf(stream.readline()), b"\n")
        self.assertIs(stream._chunks[0], chunk)
        self.assertEqual(stream.buffered, 299_000)

    def test_limit(self) -> None:
        """
        A line of more bytes is an error; what a read may collect is the limit if none is given.
        """
        self.assertEqual(self.lines(self.fed(b"abc\nabc\n"), limit=4), [b"abc\n", b"abc\n"])
        for pieces in ((b"abcde\n",), (b"abc", b"de\n")):
            self.failureResultOf(self.fed(*pieces).readline(4), ReadTooLarge)
        stream = self.stream(collectBytes=3)
        self.feed(stream, b"abcd")
        self.failureResultOf(stream.readline(), ReadTooLarge)


class IterationTests(InputTests):
    """
    Tests of C{async for}.
    """

    def test_pieces(self) -> None:
        """
        The pieces come as they came.
        """
        stream = self.stream()
        got, done = self.pieces(stream)
        self.feed(stream, b"a", b"bc")
        self.assertEqual(got, [b"a", b"bc"])
        self.assertNoResult(done)
        self.feed(stream, end=True)
        self.successResultOf(done)

    def test_brokenOff(self) -> None:
        """
        It may be left, and taken up again.
        """
        stream = self.fed(b"a", b"b", b"c")

        async def first() -> bytes:
            async for piece in stream:
                return piece
            return b""

        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(first())), b"a")
        self.assertEqual(self.pieces(stream)[0], [b"b", b"c"])


class EndTests(InputTests):
    """
    How a stream ends.
    """

    def readers(self) -> list[Callable[[InputStream], Deferred[Any]]]:
        """
        Every way to read.
        """
        return [
            InputStream.read,
            lambda stream: stream.read(1 << 30),
            InputStream.readline,
            lambda stream: self.pieces(stream)[1],
            lambda stream: stream.deliverTo(Sink()),
        ]

    def test_length(self) -> None:
        """
        The declared length is the end, whether or not more is said (statement 14).
        """
        stream = self.stream(3)
        read = stream.read()
        self.feed(stream, b"ab")
        self.assertFalse(stream.complete)
        self.feed(stream, b"c")
        self.assertTrue(stream.complete)
        self.assertEqual(self.successResultOf(read), b"abc")
        self.feed(stream, end=True)
        self.assertIsNone(stream.error)

    def test_nothing(self) -> None:
        """
        A stream of no bytes is complete from the start.
        """
        stream = self.stream(0)
        self.assertTrue(stream.complete)
        self.assertEqual(self.successResultOf(stream.read()), b"")

    def test_tooShort(self) -> None:
        """
        An end before the declared length is an error for every reader; what came before may have
        been read.
        """
        for read in self.readers():
            stream = self.stream(5)
            result = read(stream)
            self.feed(stream, end=True)
            error = self.failureResultOf(result, BodyTooShort).value
            self.assertIn("after 0 bytes, and 5 were declared", str(error))
        stream = self.stream(5)
        got, done = self.pieces(stream)
        self.feed(stream, b"abc", end=True)
        self.assertEqual(got, [b"abc"])
        self.failureResultOf(done, BodyTooShort)

    def test_tooLong(self) -> None:
        """
        More than that is dropped, and an error in place of the end.
        """
        for pieces in ([b"abcde"], [b"ab", b"cde"], [b"abc", b"de"]):
            stream = self.stream(3)
            self.feed(stream, *pieces)
            got, done = self.pieces(stream)
            self.assertEqual(b"".join(got), b"abc")
            self.failureResultOf(done, BodyTooLong)
            self.feed(stream, b"still more", end=True)
            self.failureResultOf(stream.read(), BodyTooLong)

    def test_limit(self) -> None:
        """
        A stream may not be longer than its limit, whether that is declared or turns out.
        """
        stream = self.stream(6, limit=5)
        self.failureResultOf(stream.read(), BodyTooLarge)
        stream = self.stream(limit=5)
        got, done = self.pieces(stream)
        self.feed(stream, b"abc", b"def", b"ghi")
        self.assertEqual(got, [b"abc"])
        self.failureResultOf(done, BodyTooLarge)
        self.assertEqual((stream.buffered, stream.received), (0, 9))
        self.assertIsNone(self.stream(5, limit=5).error)

    def test_fail(self) -> None:
        """
        A stream that is cut off drops what was not read.
        """
        for read in self.readers():
            stream = self.stream()
            self.feed(stream, b"")
            result = read(stream)
            stream.fail(RequestAborted("gone"))
            stream.flush()
            self.failureResultOf(result, RequestAborted)
        stream = self.stream()
        self.feed(stream, b"abc")
        stream.fail(RequestAborted("gone"))
        self.assertEqual(stream.buffered, 0)
        self.failureResultOf(stream.read(), RequestAborted)

    def test_failLate(self) -> None:
        """
        A stream that is complete stays as it is.
        """
        stream = self.fed(b"abc")
        stream.fail(RequestAborted("gone"))
        self.assertEqual(self.successResultOf(stream.read()), b"abc")
        stream = self.stream()
        stream.fail(RequestAborted("gone"))
        stream.fail(BodyTooLarge("much"))
        self.failureResultOf(stream.read(), RequestAborted)

    def test_close(self) -> None:
        """
        Closing takes away what is unread of a complete stream, too, but not its end.
        """
        stream = self.fed(b"abc")
        stream.close(StreamClosed("over"))
        self.failureResultOf(stream.read(), StreamClosed)
        stream = self.fed()
        stream.close(StreamClosed("over"))
        self.assertEqual(self.successResultOf(stream.read()), b"")
        stream = self.stream()
        read = stream.read()
        stream.close(StreamClosed("over"))
        self.failureResultOf(read, StreamClosed)

    def test_discard(self) -> None:
        """
        What is discarded is counted, and not kept.
        """
        stream = self.stream()
        self.feed(stream, b"abc")
        stream.discard()
        self.feed(stream, b"def", end=True)
        self.assertEqual((stream.buffered, stream.received), (0, 6))
        self.assertEqual(self.successResultOf(stream.read()), b"")


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
            cast(Outlet, self.way), self.sent.append, self.failures.append, 10
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
