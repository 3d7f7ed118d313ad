"""
Tests of L{txfcgi.monitor.board}: the last minute of a service.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from txfcgi.monitor.board import Minute
from txfcgi.monitor.counters import BUCKETS

from .boards import Service


class BoardTests(SynchronousTestCase):
    """
    Tests of L{Board}.
    """

    def setUp(self) -> None:
        self.service = Service()
        self.board = self.service.board
        self.addCleanup(self.board.stop)

    def test_rates(self) -> None:
        """
        Rates are of the last minute, not of all time before.
        """
        self.service.figures["requests"] = 1_000_000
        self.board.start()
        self.assertEqual(self.board.minute(), Minute())
        for second in range(1, 101):
            self.service.count(requests=1_000_000 + 10 * second, errors=second, sent=second * 1_024)
        minute = self.board.minute()
        self.assertEqual(minute.seconds, 60)
        self.assertEqual((minute.requests, minute.errors, minute.sent), (10.0, 1.0, 1_024.0))
        for _ in range(61):
            self.service.count()
        self.assertEqual(self.board.minute().requests, 0.0)

    def test_quantiles(self) -> None:
        """
        Latencies are the upper ends of the classes that requests were counted in.
        """
        self.board.start()
        classes = [0] * (len(BUCKETS) + 1)
        self.service.count(durations=list(classes))
        self.assertEqual(self.board.minute().quantiles, {50: None, 95: None, 99: None})
        classes[2], classes[4], classes[-1] = 60, 36, 4
        self.service.count(durations=list(classes))
        self.assertEqual(self.board.minute().quantiles, {50: BUCKETS[2], 95: BUCKETS[4], 99: None})

    def test_lessThanBefore(self) -> None:
        """
        Figures that go down, as those of a worker that was killed, give no negative rate.
        """
        self.service.figures["requests"] = 100
        self.board.start()
        self.service.count(requests=10)
        self.assertEqual(self.board.minute().requests, 0.0)

    def test_json(self) -> None:
        """
        All of it is JSON.
        """
        told = json.loads(json.dumps(self.board.asJSON()))
        self.assertEqual(told["state"], "ready")
        self.assertEqual(told["processes"][0]["pid"], 4711)
        self.assertEqual(
            told["running"][1], {"target": "GET /quick", "seconds": 0.004, "worker": 1}
        )
        self.assertEqual(told["figures"]["requests"], 0)
        self.assertEqual(told["started"], 1_700_000_000.0)

    def test_stop(self) -> None:
        """
        Nothing is left with the reactor.
        """
        self.board.start()
        self.board.stop()
        self.assertEqual(self.service.clock.getDelayedCalls(), [])
