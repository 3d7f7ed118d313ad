"""
Tests of L{txfcgi.service.room}.
"""

from __future__ import annotations

import os
import resource

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.room import SPARE, checkRoom, makeRoom, makeRoomForWorkers

UNLIMITED = resource.RLIM_INFINITY


class MakeRoomTests(SynchronousTestCase):
    """
    Tests of L{makeRoom}.
    """

    def limits(self, soft: int, hard: int, fixed: bool = False) -> None:
        """
        Let these be the limits of the process.

        @param fixed: Whether the system refuses to change them.
        """
        self.now = (soft, hard)

        def setrlimit(kind: int, limits: tuple[int, int]) -> None:
            if fixed:
                raise ValueError("not allowed to raise maximum limit")
            self.now = limits

        self.patch(resource, "getrlimit", lambda kind: self.now)
        self.patch(resource, "setrlimit", setrlimit)

    def test_enough(self) -> None:
        """
        Where there are enough, nothing changes.
        """
        for soft in (2 * 1024 + SPARE, UNLIMITED):
            self.limits(soft, UNLIMITED)
            with capturedLogs() as events:
                makeRoom(1024)
            self.assertEqual((self.now, list(events)), ((soft, UNLIMITED), []))

    def test_raised(self) -> None:
        """
        A shell's limit of 1024 is raised as far as is needed, silently.
        """
        for hard in (4096, UNLIMITED):
            self.limits(1024, hard)
            with capturedLogs() as events:
                makeRoom(1024)
            self.assertEqual((self.now, list(events)), ((2 * 1024 + SPARE, hard), []))

    def test_tooFew(self) -> None:
        """
        Where there can't be enough, that is told, with the number of connections that would fit.
        """
        for fixed, given in ((False, 1000), (True, 500)):
            self.limits(500, 1000, fixed)
            with capturedLogs() as events:
                makeRoom(1024)
            [event] = events
            self.assertEqual(
                (event["wanted"], event["given"], event["fits"]),
                (2 * 1024 + SPARE, given, (given - SPARE) // 2),
            )
            self.assertEqual(self.now[0], 500 if fixed else 1000)

    def test_workers(self) -> None:
        """
        A master has three for each worker, and as many again while they are replaced.
        """
        self.limits(32, 4096)
        with capturedLogs() as events:
            makeRoomForWorkers(10)
        self.assertEqual((self.now, list(events)), ((60 + SPARE, 4096), []))

    def test_tooManyWorkers(self) -> None:
        """
        Where there can't be enough for them, that is told.
        """
        self.limits(32, 64)
        with capturedLogs() as events:
            makeRoomForWorkers(10)
        [event] = events
        self.assertEqual((self.now, event["wanted"], event["given"]), ((64, 64), 60 + SPARE, 64))
        self.assertIn("a reload may fail", event["log_format"])

    def test_check(self) -> None:
        """
        Whether there is room is found out by trying, and nothing is left of that.
        """
        before = os.listdir("/proc/self/fd")
        checkRoom(10)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limit)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, before)) + 5, limit[1]))
        self.assertRaises(OSError, checkRoom, 1000)
        self.assertEqual(os.listdir("/proc/self/fd"), before)
