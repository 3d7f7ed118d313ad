"""
A service whose figures the tests say.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from txfcgi.monitor.board import Board, Process, Running, Snapshot
from txfcgi.monitor.counters import total

NASTY = "GET /<script>alert(1)</script>?token=***&a=\"'"


class Service:
    """
    Says how it is.

    @ivar figures: What it has counted.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.state = "ready"
        self.figures: dict[str, Any] = total([])
        self.running = [Running(NASTY, 75.0, 2), Running("GET /quick", 0.004, 1)]
        self.board = Board("fcgi --app <mod>.fn", self.clock, self.snapshot, 1_700_000_000.0)

    def snapshot(self) -> Snapshot:
        """
        How it is.
        """
        processes = [
            Process(1, 4711, 1, "ready", 3_700.0, 10, 1, 2),
            Process(2, 4712, 2, "starting", 0.5, 0, 0, 0),
        ]
        return Snapshot(
            self.state, "1 of 2 workers ready", processes, self.running, dict(self.figures)
        )

    def count(self, **figures: Any) -> None:
        """
        Set some of the figures, and let a second pass.
        """
        self.figures |= figures
        self.clock.advance(1)
