"""
Tests of L{txfcgi.transport.sparing}: what comes again and again is counted, and not lost.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, Logger, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.transport.sparing import FEW, SECONDS, SparingLog


class SparingTests(SynchronousTestCase):
    """
    A log that is flooded.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.sparing = SparingLog(self.clock)
        self.events: list[LogEvent] = []
        self.log = Logger("tests", observer=cast(ILogObserver, self.events.append))

    @property
    def said(self) -> list[str]:
        """
        What was logged since the last look.
        """
        said = [formatEvent(event) for event in self.events]
        self.events.clear()
        return said

    def warn(self, times: int, cause: object = None, text: str = "it") -> None:
        """
        Say the same, this often.
        """
        for number in range(times):
            self.sparing.warn(self.log, "{text} {number}", cause, text=text, number=number)

    def failing(self, error: Exception, times: int = 1) -> None:
        """
        Log a failure, this often.
        """
        for _ in range(times):
            try:
                raise error
            except Exception:
                self.sparing.failure(self.log, "failed: {error}", error=error)

    def test_few(self) -> None:
        """
        A few messages are written as they are, and nothing waits.
        """
        self.warn(FEW)
        self.assertEqual(self.said, [f"it {number}" for number in range(FEW)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many(self) -> None:
        """
        The others are counted, and summed up some seconds later, with the last of them.
        """
        self.warn(1000)
        self.assertEqual(len(self.said), FEW)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(SECONDS - 1)
        self.warn(1)
        self.assertEqual(self.said, [])
        self.clock.advance(1)
        self.assertEqual(self.said, [f"{1001 - FEW} more messages like this in 5 s: it 0"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_goesOn(self) -> None:
        """
        As long as it goes on, a few are written in each span of time; the count is always whole.
        """
        total = 0
        for _ in range(10):
            self.warn(100)
            self.clock.advance(SECONDS)
            said = self.said
            self.assertEqual(len(said), FEW + 1)
            total += FEW + int(said[-1].split()[0])
        self.assertEqual(total, 1000)

    def test_slowly(self) -> None:
        """
        What comes now and then is always written.
        """
        for _ in range(20):
            self.warn(1)
            self.clock.advance(SECONDS / FEW)
        self.assertEqual(len(self.said), 20)

    def test_kinds(self) -> None:
        """
        Another format, or another cause, is another kind.
        """
        self.warn(100, ValueError)
        self.warn(100, TypeError, "that")
        self.sparing.info(self.log, "something else")
        self.assertEqual(len(self.said), 2 * FEW + 1)
        self.clock.advance(SECONDS)
        self.assertEqual(
            self.said,
            [
                "95 more messages like this in 5 s: it 99",
                "95 more messages like this in 5 s: that 99",
            ],
        )

    def test_failures(self) -> None:
        """
        Failures are of one kind when the same line raised the same class. Those that are written
        have their tracebacks.
        """
        self.failing(ValueError("one"), 10)
        self.failing(TypeError("two"))
        try:
            raise ValueError("elsewhere")
        except ValueError:
            self.sparing.failure(self.log, "failed: {error}", Failure(), error="three")
        self.assertEqual(
            [event["log_failure"].type for event in self.events[-2:]], [TypeError, ValueError]
        )
        self.assertEqual(len(self.said), FEW + 2)
        self.clock.advance(SECONDS)
        self.assertEqual(len(self.events), 1)
        self.assertNotIn("log_failure", self.events[0])
        self.assertEqual(self.events[0]["log_level"].name, "critical")
        self.assertEqual(self.said, ["5 more messages like this in 5 s: failed: one"])

    def test_withoutTraceback(self) -> None:
        """
        A failure that nothing raised has its class for a cause.
        """
        for _ in range(10):
            self.sparing.failure(self.log, "failed", Failure(ValueError()))
        self.assertEqual(len(self.said), FEW)

    def test_flush(self) -> None:
        """
        At the end nothing is held back, and nothing is left with the reactor.
        """
        self.warn(FEW + 2)
        self.said.clear()
        self.sparing.flush()
        self.assertEqual(self.said, ["2 more messages like this in 0 s: it 6"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.sparing.flush()
        self.assertEqual(self.said, [])

    def test_bounded(self) -> None:
        """
        However many kinds there are, not all of them are remembered, and none is lost.
        """
        self.warn(FEW + 3, "first")
        for number in range(2000):
            self.warn(1, number)
        self.assertEqual(sum("3 more" in line for line in self.said), 1)
        self.assertLessEqual(len(self.sparing._kinds), 1000)
