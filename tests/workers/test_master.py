"""
Tests of L{txfcgi.workers.master}: who is started when, and who ends.
"""

from __future__ import annotations

import signal

from twisted.internet.error import ProcessTerminated
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.workers.master import StartFailed

from .processes import Household


class StartTests(SynchronousTestCase):
    """
    The first generation.
    """

    def test_asManyAsAsked(self) -> None:
        """
        As many workers are started as are asked for, and the master has started when all of them
        are ready.
        """
        house = Household(workers=3)
        house.master.start()
        self.assertEqual(house.alive(), [1, 2, 3])
        house.started[0].says("ready")
        house.started[1].says("ready")
        self.assertNoResult(house.master.started)
        house.started[2].says("ready")
        self.assertIsNone(self.successResultOf(house.master.started))
        self.assertEqual(house.master.ready, 3)

    def test_oneFails(self) -> None:
        """
        A worker that ends before it is ready fails the start, with what it says of itself; the
        others end.
        """
        house = Household(workers=2)
        house.master.start()
        house.started[0].says("failed", why="no database")
        house.started[0].dies(1)
        error = self.failureResultOf(house.master.started, StartFailed).value
        self.assertIn("no database", str(error))
        self.assertEqual(house.started[1].signals, [signal.SIGKILL])
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_againAfterFailure(self) -> None:
        """
        A start that failed can be tried again. What was wrong is known until it has gone well, and
        so are the files on which it failed.
        """
        house = Household(workers=1)
        house.master.start()
        house.started[0].says("files", paths=["/a.py"])
        house.started[0].says("failed", why="a mistake")
        house.started[0].dies(1)
        self.failureResultOf(house.master.started, StartFailed)
        for _ in range(2):
            self.assertEqual(house.master.trouble, "a mistake")
            self.assertEqual(house.master.files(), {"/a.py"})
            house.master.reload()
            house.started[-1].says("files", paths=["/a.py"])
            house.started[-1].says("failed", why="a mistake")
            house.started[-1].dies(1)
        house.master.reload()
        house.started[-1].says("files", paths=["/b.py"])
        house.started[-1].says("ready")
        self.assertEqual((house.master.trouble, house.master.ready), ("", 1))
        self.assertEqual(house.master.files(), {"/b.py"})
        house.master.reload()
        house.started[-1].says("failed", why="another")
        house.started[-1].dies(1)
        self.assertEqual((house.master.trouble, house.master.ready), ("another", 1))

    def test_noProcessToBeHad(self) -> None:
        """
        A process that the system does not give fails the start.
        """
        house = Household(workers=2)
        house.fails.append(OSError("Resource temporarily unavailable"))
        house.master.start()
        failure = self.failureResultOf(house.master.started, StartFailed)
        self.assertIn("Resource temporarily unavailable", failure.getErrorMessage())

    def test_neverReady(self) -> None:
        """
        A worker that is not ready in time is killed, and that is said.
        """
        house = Household(workers=1, startTimeout=10.0)
        house.master.start()
        house.clock.pump([1.0] * 12)
        self.assertEqual(set(house.started[0].signals), {signal.SIGKILL})
        house.started[0].dies(None, signal.SIGKILL)
        error = self.failureResultOf(house.master.started, StartFailed).value
        self.assertIn("not ready after 10 s", str(error))


class ReplacementTests(SynchronousTestCase):
    """
    Workers that die.
    """

    def test_atOnce(self) -> None:
        """
        The first worker that dies is replaced at the next turn.
        """
        house = Household(workers=2)
        house.begin()
        house.started[0].dies(None, signal.SIGKILL)
        house.clock.advance(0)
        self.assertEqual(house.alive(), [2, 3])

    def test_everLater(self) -> None:
        """
        The more of them die, the longer it takes; never more than half a minute.
        """
        house = Household(workers=1)
        house.begin()
        waits = []
        for _ in range(9):
            house.started[-1].dies(1)
            waited = 0.0
            while not house.alive():
                house.clock.advance(0.25 if waited else 0)
                waited += 0.25
            waits.append(waited - 0.25)
            house.allReady()
        self.assertEqual(waits, [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0])

    def test_forgiven(self) -> None:
        """
        When all workers have lived for a while, the next death is the first again.
        """
        house = Household(workers=1)
        house.begin()
        house.started[0].dies(1)
        house.clock.advance(0)
        house.allReady()
        house.clock.pump([1.0] * 70)
        house.started[1].dies(1)
        house.clock.advance(0)
        self.assertEqual(house.alive(), [3])

    def test_hangs(self) -> None:
        """
        A worker that says nothing for too long is asked for its stack, and then killed and
        replaced; one that speaks lives.
        """
        house = Household(workers=2, hangTimeout=5.0)
        house.begin()
        for _ in range(8):
            house.started[1].says("figures")
            house.clock.advance(1)
        self.assertEqual(house.started[0].signals[:2], [signal.SIGUSR2, signal.SIGKILL])
        self.assertEqual(house.started[1].signals, [])
        house.started[0].dies(None, signal.SIGKILL)
        house.clock.advance(0)
        self.assertEqual(house.alive(), [2, 3])

    def test_leavesProcessesBehind(self) -> None:
        """
        A worker that has ended is replaced even if a process of its own holds its standard output
        open, and the end of that changes nothing any more.
        """
        house = Household(workers=1)
        house.begin()
        process = house.started[0]
        process.pid = None
        reason = Failure(ProcessTerminated(None, signal.SIGKILL))
        process.child.processExited(reason)
        house.clock.pump([1.0, 0.0])
        self.assertEqual(house.alive(), [2])
        process.child.processEnded(reason)
        house.clock.advance(0)
        self.assertEqual(house.alive(), [2])

    def test_writesNonsense(self) -> None:
        """
        A worker that prints to its link is killed, and replaced.
        """
        house = Household(workers=1)
        house.begin()
        house.started[0].writes(b"hello from print()\n")
        self.assertEqual(house.started[0].signals, [signal.SIGKILL])
        house.started[0].dies(None, signal.SIGKILL)
        house.clock.advance(0)
        self.assertEqual(house.alive(), [2])


class RecyclingTests(SynchronousTestCase):
    """
    Workers that have served as many requests as they are to.
    """

    def test_nextOneFirst(self) -> None:
        """
        The next worker is ready before the spent one is told to go.
        """
        house = Household(workers=1)
        house.begin()
        house.started[0].says("spent")
        house.started[0].says("spent")
        self.assertEqual(house.alive(), [1, 2])
        self.assertEqual(house.started[0].orders(), [])
        house.started[1].says("ready")
        self.assertEqual(house.started[0].orders(), ["retire"])
        house.started[0].dies()
        house.clock.pump([1.0] * 3)
        self.assertEqual(house.alive(), [2])

    def test_nextOneFails(self) -> None:
        """
        A successor that can't start costs nothing: the spent worker goes on, and asks again.
        """
        house = Household(workers=1)
        house.begin()
        house.started[0].says("spent")
        house.started[1].dies(1)
        house.clock.advance(0)
        self.assertEqual(house.alive(), [1])
        house.started[0].says("spent")
        self.assertEqual(house.alive(), [1, 3])

    def test_nextOnesFail(self) -> None:
        """
        The more successors fail, the longer it takes to the next: a spent worker asks each second.
        """
        house = Household(workers=1)
        house.begin()
        for _ in range(60):
            house.started[0].says("spent")
            if len(house.alive()) > 1:
                house.started[-1].dies(1)
            house.clock.advance(1)
        self.assertIn(1, house.alive())
        self.assertLess(len(house.started), 12)


class ReloadTests(SynchronousTestCase):
    """
    A new generation.
    """

    def test_takesOver(self) -> None:
        """
        The old generation is told to go when all of the new one is ready, and not before.
        """
        house = Household(workers=2)
        house.begin()
        house.master.reload()
        self.assertEqual(house.alive(), [1, 2, 3, 4])
        house.started[2].says("ready")
        self.assertEqual(house.started[0].orders(), [])
        house.started[3].says("ready")
        self.assertEqual([p.orders() for p in house.started[:2]], [["retire"], ["retire"]])
        house.started[0].dies()
        house.started[1].dies()
        self.assertEqual(house.alive(), [3, 4])
        self.assertFalse(house.master.reloading)

    def test_cantStart(self) -> None:
        """
        The old generation stays when the new one can't start; what was started of it goes.
        """
        house = Household(workers=2)
        house.begin()
        house.master.reload()
        house.started[2].says("ready")
        house.started[3].dies(1)
        self.assertEqual(house.started[2].orders(), ["retire"])
        house.started[2].dies()
        house.clock.pump([1.0] * 5)
        self.assertEqual(house.alive(), [1, 2])
        self.assertEqual([p.orders() for p in house.started[:2]], [[], []])

    def test_whileStarting(self) -> None:
        """
        A reload that is asked for before the first generation serves follows its start.
        """
        house = Household(workers=1)
        house.master.start()
        house.master.reload()
        house.started[0].says("ready")
        self.assertTrue(house.master.reloading)
        self.assertEqual(house.alive(), [1, 2])

    def test_rememberedOnce(self) -> None:
        """
        However often a reload is asked for while one is under way, one more follows, when the old
        generation has gone: there are never three.
        """
        house = Household(workers=1)
        house.begin()
        house.master.reload()
        house.master.reload()
        house.master.reload()
        self.assertEqual(house.alive(), [1, 2])
        house.allReady()
        house.master.reload()
        self.assertEqual(house.alive(), [1, 2])
        house.started[0].dies()
        self.assertEqual(house.alive(), [2, 3])
        house.allReady()
        house.started[1].dies()
        self.assertEqual(house.alive(), [3])

    def test_deathMeanwhile(self) -> None:
        """
        A worker of the old generation that dies while the new one starts is replaced in its own
        generation, and not after the change.
        """
        house = Household(workers=1)
        house.begin()
        house.started[0].dies(1)
        house.master.reload()
        house.allReady()
        house.clock.advance(0)
        self.assertEqual(house.alive(), [2])


class StopTests(SynchronousTestCase):
    """
    The end.
    """

    def test_drains(self) -> None:
        """
        All workers drain, and the master has stopped when the last is gone. None is replaced.
        """
        house = Household(workers=2)
        house.begin()
        stopped = house.master.stop()
        self.assertEqual([p.orders() for p in house.started], [["drain"], ["drain"]])
        house.started[0].dies()
        self.assertNoResult(stopped)
        house.started[1].dies()
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(house.clock.getDelayedCalls(), [])

    def test_tooLate(self) -> None:
        """
        A worker that does not end within its own time is killed.
        """
        house = Household(workers=1, drainTimeout=5.0)
        house.begin()
        house.master.stop()
        house.clock.pump([1.0] * 6)
        self.assertEqual(house.started[0].signals, [])
        house.clock.pump([1.0] * 3)
        self.assertEqual(set(house.started[0].signals), {signal.SIGKILL})

    def test_hurry(self) -> None:
        """
        Asked again, the workers abort what is left.
        """
        house = Household(workers=1)
        house.begin()
        house.master.stop()
        house.master.hurry()
        self.assertEqual(house.started[0].orders(), ["drain", "abort"])

    def test_pendingReplacement(self) -> None:
        """
        A worker that waits to be replaced is not, any more.
        """
        house = Household(workers=1)
        house.begin()
        house.started[0].dies(1)
        self.assertIsNone(self.successResultOf(house.master.stop()))
        self.assertEqual(house.clock.getDelayedCalls(), [])

    def test_whileReloading(self) -> None:
        """
        Both generations end, and nothing is remembered.
        """
        house = Household(workers=1)
        house.begin()
        house.master.reload()
        house.master.reload()
        stopped = house.master.stop()
        self.assertEqual(house.started[1].signals, [signal.SIGKILL])
        house.started[0].dies()
        house.started[1].dies(None, signal.SIGKILL)
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(house.alive(), [])
