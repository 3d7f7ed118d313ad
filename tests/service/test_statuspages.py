"""
Tests of L{txfcgi.service.statuspages}.
"""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.monitor.board import Board, Snapshot
from txfcgi.service import statuspages
from txfcgi.service.statuspages import StatusPages

from .stopping import Reactor, asAtTheStart


class StatusPagesTests(SynchronousTestCase):
    """
    Tests of L{StatusPages}.
    """

    def said(self) -> list[str]:
        """
        What is logged when the pages are served.
        """
        asAtTheStart(self)
        reactor = Reactor()
        board = Board("app", reactor, lambda: Snapshot("ready", "ready", [], [], {}), 0.0)
        pages = StatusPages(reactor, board, [])
        with capturedLogs() as events:
            pages.startService()
        self.successResultOf(pages.stopService())
        return [text for text in map(formatEvent, events) if "metrics" in text]

    def test_noMetrics(self) -> None:
        """
        If there will be no metrics, the log says so at the start, and how to get them.
        """
        self.assertEqual(self.said(), [])
        self.patch(statuspages, "find_spec", lambda name: None)
        self.assertEqual(
            self.said(),
            [
                "The status page has no /metrics, as prometheus_client is not installed: "
                "pip install txfcgi[metrics]"
            ],
        )
