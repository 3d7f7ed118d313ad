"""
Tests of L{txfcgi.transport.outlet}: what is written, and when there is room.
"""

from __future__ import annotations

from typing import Any

from txfcgi.transport.outlet import HIGH_WATER, Outlet

from .sockets import SocketTests


class WritingTests(SocketTests):
    """
    Writing.
    """

    def test_atOnce(self) -> None:
        """
        What the socket takes is there at once, without a turn of the reactor.
        """
        self.outlet.write(b"abc")
        self.outlet.write(memoryview(b"def"))
        self.outlet.write(b"")
        self.assertEqual(self.line.take(), b"abcdef")
        self.assertEqual((self.outlet.queued, self.outlet.full), (0, False))
        self.assertEqual(self.line.reactor.writers, set())

    def test_waits(self) -> None:
        """
        The rest waits, counted, and goes out in order as the peer takes it.
        """
        data = self.fill()
        self.assertTrue(self.outlet.full)
        self.outlet.write(b"more")
        self.outlet.writeSequence([b"x" * 10_000, b"y" * 10_000])
        taken = self.line.takeAll()
        self.assertEqual(taken, data + b"more" + b"x" * 10_000 + b"y" * 10_000)
        self.assertEqual((self.outlet.queued, self.outlet.full), (0, False))
        self.assertEqual(self.line.reactor.writers, set())
        self.outlet.write(b"at once again")
        self.assertEqual(self.line.take(), b"at once again")

    def test_progress(self) -> None:
        """
        It can be seen whether the peer took something.
        """
        self.fill()
        before = self.outlet.progress
        self.line.write()
        self.assertEqual(self.outlet.progress, before)
        self.line.take(200_000)
        self.line.write()
        self.assertEqual(self.outlet.progress, before + 1)

    def test_taken(self) -> None:
        """
        It can be seen whether the first byte of something is out of our hands.
        """
        first = self.outlet.position()
        self.assertEqual(self.outlet.taken, first)
        self.outlet.write(b"abc")
        self.assertGreater(self.outlet.taken, first)
        self.fill()
        behind = self.outlet.position()
        self.outlet.write(b"last")
        self.assertLessEqual(self.outlet.taken, behind)
        self.line.takeAll()
        self.assertEqual(self.outlet.taken, behind + 4)
        self.assertEqual(self.outlet.position(), behind + 4)

    def test_takenByNobody(self) -> None:
        """
        A peer that is gone has taken nothing of what is written now.
        """
        self.line.far.close()
        before = self.outlet.position()
        self.outlet.write(b"lost")
        self.outlet.writeSequence([b"x" * 20_000, b"y" * 20_000])
        self.assertEqual(self.outlet.taken, before)

    def test_nothingIsCopied(self) -> None:
        """
        What waits does so as it came, and not in the transport's own buffer.
        """
        self.fill()
        self.assertEqual((len(self.line.near.dataBuffer), self.line.near._tempDataLen), (0, 0))

    def test_sequence(self) -> None:
        """
        Buffers go out one behind the other: few, many, small, large, and none.
        """
        sequences: tuple[list[bytes | memoryview], ...] = (
            [b"a", b"", b"b"],
            [],
            [b""],
            [b"x" * 20_000, memoryview(b"y" * 10), b"z" * 20_000],
            [b"%04d" % number * 10 for number in range(2000)],
            [b"x" * 300_000, b"y" * 300_000],
        )
        for parts in sequences:
            self.outlet.writeSequence(list(parts))
            self.assertEqual(self.line.takeAll(), b"".join(parts))

    def test_sequenceBehind(self) -> None:
        """
        A sequence waits behind what waits.
        """
        data = self.fill()
        for size in (10, 20_000):
            self.outlet.writeSequence([b"x" * size, b"y" * size])
            data += b"x" * size + b"y" * size
        self.assertEqual(self.line.takeAll(), data)

    def test_broken(self) -> None:
        """
        When the socket turns out to be broken, the connection is lost, and nothing waits.
        """
        for parts in ([b"abc"], [b"x" * 20_000, b"y" * 20_000]):
            self.connect()
            self.line.far.close()
            self.outlet.writeSequence(list(parts))
            self.assertEqual(self.outlet.queued, 0)
            self.assertFalse(self.protocol.lost)
            self.line.settle()
            self.assertTrue(self.protocol.lost)

    def test_brokenWhileWaiting(self) -> None:
        """
        So it is when something waits already.
        """
        self.fill()
        self.line.far.close()
        self.line.settle()
        self.assertTrue(self.protocol.lost)
        self.assertEqual(self.outlet.queued, 0)
        self.outlet.write(b"nobody is there")
        self.outlet.writeSequence([bytes(20_000)])
        self.assertEqual(self.outlet.queued, 0)

    def test_brokenWhenItGoesOn(self) -> None:
        """
        So it is when that is found as more is to be sent.
        """
        self.fill()
        self.line.far.close()
        self.outlet.resumeProducing()
        self.assertEqual(self.outlet.queued, 0)
        self.line.settle()
        self.assertTrue(self.protocol.lost)

    def test_brokenAndRead(self) -> None:
        """
        Whoever wants to hears of that, and can read what the peer has sent; then there is no room
        any more.
        """
        for waiting in (False, True):
            self.connect()
            received: list[bytes] = []
            errors: list[OSError] = []
            self.protocol.dataReceived = received.append  # type: ignore[method-assign,assignment]
            self.outlet = Outlet(self.line.near, self.line.reactor, errors.append)
            self.protocol.outlet = self.outlet
            if waiting:
                self.fill()
            self.line.far.send(b"x" * 200_000)
            self.line.far.close()
            if waiting:
                self.line.settle()
            else:
                self.outlet.write(b"abc")
            self.assertEqual(len(errors), 1)
            self.assertTrue(self.outlet.full)
            self.outlet.write(b"nobody is there")
            self.assertEqual(self.outlet.queued, HIGH_WATER)
            self.assertEqual(self.line.reactor.writers, set())
            while not self.protocol.lost:
                self.line.read()
            self.assertEqual(b"".join(received), b"x" * 200_000)
            self.assertEqual(self.outlet.queued, 0)
            self.assertEqual(set(vars(self.line.near)) & {"doRead", "writeSomeData"}, set())

    def test_unixServer(self) -> None:
        """
        A Unix socket that was accepted is read as any other, and nothing keeps it alive afterwards.
        """
        self.connect(accepted=True)
        received: list[bytes] = []
        self.protocol.dataReceived = received.append  # type: ignore[method-assign,assignment]
        self.line.far.send(b"hello")
        self.line.read()
        self.assertEqual(received, [b"hello"])
        self.assertIn("doRead", vars(self.line.near))
        self.outlet.lost()
        self.assertNotIn("doRead", vars(self.line.near))


class CorkTests(SocketTests):
    """
    Keeping together what is written.
    """

    def test_together(self) -> None:
        """
        What is written in between goes out when it ends.
        """
        self.outlet.cork()
        self.outlet.cork()
        self.outlet.write(b"a")
        self.outlet.writeSequence([b"b", b"c"])
        self.outlet.writeSequence([b"d" * 10_000, b"e" * 10_000])
        self.assertEqual(self.line.take(), b"")
        self.outlet.uncork()
        self.assertEqual(self.line.takeAll(), b"abc" + b"d" * 10_000 + b"e" * 10_000)
        self.outlet.uncork()
        self.outlet.write(b"f")
        self.assertEqual(self.line.take(), b"f")

    def test_one(self) -> None:
        """
        So does a single piece, and nothing.
        """
        for piece in (b"one", b""):
            self.outlet.cork()
            if piece:
                self.outlet.write(piece)
            self.outlet.uncork()
            self.assertEqual(self.line.take(), piece)

    def test_bounded(self) -> None:
        """
        What is much goes out before.
        """
        self.outlet.cork()
        for piece in (b"x" * 40_000, b"y" * 40_000):
            self.outlet.write(piece)
        self.assertNotEqual(self.line.take(1), b"")
        self.outlet.writeSequence([b"z" * 70_000])
        self.outlet.uncork()
        self.assertEqual(len(self.line.takeAll()), 149_999)

    def test_boundedSequence(self) -> None:
        """
        So does a sequence that is much by itself.
        """
        self.outlet.cork()
        self.outlet.writeSequence([b"x" * 40_000, b"y" * 40_000])
        self.assertNotEqual(self.line.take(1), b"")

    def test_notWhileWaiting(self) -> None:
        """
        There is nothing to keep while something waits.
        """
        data = self.fill()
        self.outlet.cork()
        self.outlet.write(b"more")
        self.assertEqual(self.line.takeAll(), data + b"more")

    def test_closed(self) -> None:
        """
        To close is the end of it.
        """
        self.outlet.cork()
        self.outlet.write(b"last words")
        self.outlet.close()
        self.assertEqual(self.line.takeAll(), b"last words")
        self.assertTrue(self.line.ended)


class RoomTests(SocketTests):
    """
    Waiting for room.
    """

    def test_called(self) -> None:
        """
        Who waits is called once, when there is room.
        """
        calls: list[str] = []
        self.fill()

        def called() -> None:
            calls.append("called")

        self.outlet.whenDrained(called)
        self.outlet.whenDrained(called)
        self.line.write()
        self.assertEqual(calls, [])
        self.line.takeAll()
        self.assertEqual(calls, ["called"])
        self.fill()
        self.line.takeAll()
        self.assertEqual(calls, ["called"])

    def test_inTurn(self) -> None:
        """
        When one fills it up again, the others wait, and come first the next time.
        """
        calls: list[str] = []

        def writer(name: str) -> Any:
            def write() -> None:
                calls.append(name)
                if len(calls) < 6:
                    self.fill()
                    self.outlet.whenDrained(write)

            return write

        self.fill()
        for name in "abc":
            self.outlet.whenDrained(writer(name))
        for _ in range(20):
            self.line.takeAll()
        self.assertEqual("".join(calls), "abcabcab"[: len(calls)])
        self.assertGreaterEqual(len(calls), 6)

    def test_forgotten(self) -> None:
        """
        Who does not want to wait any more is not called.
        """
        calls: list[int] = []
        self.outlet.forget(calls.clear)
        self.fill()

        def called() -> None:
            calls.append(1)

        self.outlet.whenDrained(called)
        self.outlet.forget(called)
        self.outlet.forget(called)
        self.line.takeAll()
        self.assertEqual(calls, [])

    def test_rest(self) -> None:
        """
        A writer may leave the others the next turn of the reactor.
        """
        calls: list[int] = []
        self.outlet.whenDrained(lambda: calls.append(1))
        self.outlet.giveTurn()
        self.outlet.giveTurn()
        self.assertTrue(self.outlet.full)
        self.assertEqual(calls, [])
        self.line.reactor.advance(0)
        self.assertEqual((calls, self.outlet.full), ([1], False))

    def test_restOfTheLost(self) -> None:
        """
        No timer stays when the connection is gone.
        """
        self.outlet.giveTurn()
        self.outlet.lost()
        self.outlet.giveTurn()
        self.assertEqual(self.line.reactor.getDelayedCalls(), [])


class FlushTests(SocketTests):
    """
    Knowing what is out of our hands.
    """

    def test_atOnce(self) -> None:
        """
        Where the socket takes all, nothing waits.
        """
        self.outlet.write(b"abc")
        self.assertFalse(self.outlet.flush())

    def test_corked(self) -> None:
        """
        What is kept together leaves, and what follows is kept again.
        """
        self.outlet.cork()
        self.assertFalse(self.outlet.flush())
        self.outlet.write(b"abc")
        self.assertFalse(self.outlet.flush())
        self.assertEqual(self.line.take(), b"abc")
        self.outlet.write(b"def")
        self.assertEqual(self.outlet.queued, 3)
        self.outlet.uncork()

    def test_waits(self) -> None:
        """
        Each caller is told when what was written before is gone, whatever was written behind it.
        """
        calls: list[str] = []
        self.fill()
        self.assertTrue(self.outlet.flush())
        self.outlet.whenTaken(lambda: calls.append("first"))
        forgotten: Any = lambda: calls.append("forgotten")  # noqa: E731
        self.outlet.whenTaken(forgotten)
        self.outlet.forget(forgotten)
        self.outlet.write(bytes(500_000))
        self.outlet.whenTaken(lambda: calls.append("second"))
        while "first" not in calls:
            self.assertTrue(self.line.take(100_000))
            self.line.write()
        self.assertEqual(calls, ["first"])
        self.line.takeAll()
        self.assertEqual(calls, ["first", "second"])

    def test_lost(self) -> None:
        """
        Nobody is told when the connection is gone: the requests hear of that.
        """
        calls: list[int] = []
        self.fill()
        self.outlet.whenTaken(lambda: calls.append(1))
        self.outlet.lost()
        self.assertEqual(calls, [])

    def test_forgottenMeanwhile(self) -> None:
        """
        One that another one forgets while both are told is not told.
        """
        calls: list[str] = []

        def second() -> None:
            calls.append("second")

        def first() -> None:
            calls.append("first")
            self.outlet.forget(second)

        self.fill()
        self.outlet.whenTaken(first)
        self.outlet.whenTaken(second)
        self.line.takeAll()
        self.assertEqual(calls, ["first"])
