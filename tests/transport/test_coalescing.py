"""
Tests of L{txfcgi.transport.coalescing}: what is written in one turn leaves together.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from txfcgi.transport.coalescing import CoalescingOutlet
from txfcgi.transport.outlet import HIGH_WATER

from .sockets import SocketTests


class CoalescingTests(SocketTests):
    """
    Writing, a turn at a time.
    """

    def connect(self, **options: Any) -> None:
        """
        Make a connection.
        """
        super().connect(**options)
        self.clock = Clock()
        self.outlet = CoalescingOutlet(self.line.near, self.clock)
        self.protocol.outlet = self.outlet

    def test_together(self) -> None:
        """
        Nothing leaves before the end of the turn, and all of it then, in order.
        """
        self.outlet.write(b"a")
        self.outlet.writeSequence([b"b", b"c"])
        self.assertEqual(self.outlet.queued, 3)
        self.assertEqual(self.outlet.taken, 0)
        self.clock.advance(0)
        self.assertEqual(self.outlet.queued, 0)
        self.assertEqual(self.line.take(), b"abc")
        self.outlet.write(b"d")
        self.assertEqual(self.outlet.taken, 3)
        self.clock.advance(0)
        self.assertEqual(self.line.take(), b"d")

    def test_uncorked(self) -> None:
        """
        What is let go before the end of the turn is followed by what leaves then.
        """
        self.outlet.write(b"a")
        self.outlet.uncork()
        self.assertEqual(self.line.take(), b"a")
        self.outlet.write(b"b")
        self.assertEqual(self.outlet.taken, 1)
        self.clock.advance(0)
        self.assertEqual(self.line.take(), b"b")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing(self) -> None:
        """
        Nothing written asks for no turn.
        """
        self.outlet.write(b"")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_much(self) -> None:
        """
        What is much does not wait.
        """
        self.outlet.write(b"x" * HIGH_WATER)
        self.assertGreater(self.outlet.taken, 0)

    def test_flush(self) -> None:
        """
        What is flushed, and what is closed, does not wait either.
        """
        self.outlet.write(b"a")
        self.assertFalse(self.outlet.flush())
        self.assertEqual(self.line.take(), b"a")
        self.outlet.write(b"b")
        self.outlet.close()
        self.assertEqual(self.line.take(), b"b")
        self.clock.advance(0)

    def test_full(self) -> None:
        """
        A peer that takes nothing is waited for as ever.
        """
        data = bytes(range(256)) * 4096
        self.outlet.write(data)
        self.assertTrue(self.outlet.full)
        self.outlet.write(b"more")
        self.clock.advance(0)
        self.assertEqual(self.line.takeAll(), data + b"more")

    def test_lost(self) -> None:
        """
        A connection that is gone leaves no turn behind, and asks for none.
        """
        self.outlet.write(b"a")
        self.outlet.lost()
        self.outlet.write(b"b")
        self.assertEqual(self.clock.getDelayedCalls(), [])
