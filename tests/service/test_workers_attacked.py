"""
Workers and their master under attack: signals in every phase, too few descriptors, code that
meddles, reloads without end.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from .processes import PATIENCE, Program, answer, beginning, record, until
from .test_workers import MasterTests, runs

#: How many reloads and recycles are looked at for leaks; many more by hand.
RELOADS = int(os.environ.get("TXFCGI_RELOADS", "4"))


def descriptors(pid: int) -> int:
    """
    How many descriptors a process has.
    """
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory(pid: int) -> int:
    """
    How many KiB of memory a process has of its own.
    """
    found = re.search(r"^RssAnon:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.M)
    assert found is not None
    return int(found[1])


class AttackedTests(MasterTests):
    """
    What is done to processes that run.
    """

    def newWorkers(self, program: Program, before: set[int], count: int = 2) -> list[int]:
        """
        Wait until new processes have been started, as soon as they are there.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            new = set(self.workers(program)) - before
            if len(new) == count:
                return sorted(new)
        raise AssertionError("they were not started")

    def reloading(self) -> tuple[Program, set[int], list[int]]:
        """
        A master in the middle of a reload: the workers that serve, and those that start.
        """
        program = self.master("--drain-timeout", "2")
        before = set(self.workers(program))
        program.kill(signal.SIGHUP)
        return program, before, self.newWorkers(program, before)

    def test_startingWorkerIsKilled(self) -> None:
        """
        A new generation of which one is killed while it starts does not take over.
        """
        program, before, new = self.reloading()
        os.kill(new[0], signal.SIGKILL)
        program.waitFor("Generation 2 could not start, and generation 1 goes on: ended by signal 9")
        until(lambda: set(self.workers(program)) == before)
        self.assertIn(int(self.ask("pid")), before)
        self.assertEndsAll(program, [*before, *new])

    def test_startingWorkerHearsSignals(self) -> None:
        """
        Signals that a terminal sends to all do nothing to a worker, however early they come.
        """
        program, before, new = self.reloading()
        for pid in new:
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
                os.kill(pid, number)
        program.waitFor("Generation 2 serves.")
        self.assertEqual(set(new) - set(self.workers(program)), set())
        # Until they have heard that they are to retire, the old ones accept, too.
        until(lambda: not any(map(runs, before)))
        self.assertIn(int(self.ask("pid")), new)

    def test_stoppedWhileStarting(self) -> None:
        """
        SIGTERM to the master ends workers that start and stand still.
        """
        program, before, new = self.reloading()
        # Until it runs a program of its own, a new process holds up the one that makes it.
        own = Path(f"/proc/{program.pid}/cmdline").read_bytes()
        until(lambda: all(Path(f"/proc/{pid}/cmdline").read_bytes() != own for pid in new))
        for pid in new:
            os.kill(pid, signal.SIGSTOP)
        self.assertEndsAll(program, [*before, *new])

    def test_stoppedWhileDraining(self) -> None:
        """
        A worker that stands still while it is to drain is killed in the end.
        """
        program = self.master("--drain-timeout", "1")
        before = self.workers(program)
        os.kill(before[0], signal.SIGSTOP)
        program.kill(signal.SIGHUP)
        program.waitFor("Generation 2 serves.")
        program.waitFor("did not end in time and is killed")
        until(lambda: not any(map(runs, before)))
        self.assertIn(int(self.ask("pid")), self.workers(program))

    def test_killedWhileDraining(self) -> None:
        """
        A worker that is killed while it drains is not replaced.
        """
        program = self.master()
        before = self.workers(program)
        waiting = self.connect(self.socketPath)
        waiting.sendall(beginning({"WHAT": "wait"}) + record(5, b""))
        program.waitFor("waits")
        program.kill(signal.SIGHUP)
        program.waitFor("Generation 2 serves.")
        until(lambda: sum(map(runs, before)) == 1)
        [draining] = filter(runs, before)
        os.kill(draining, signal.SIGKILL)
        self.assertRaises(AssertionError, answer, waiting)
        until(lambda: not runs(draining))
        until(lambda: len(self.workers(program)) == 2)
        program.kill(signal.SIGHUP)
        program.waitFor("Generation 3 serves.")

    def test_hangUps(self) -> None:
        """
        However many SIGHUPs come, there is one reload at a time, and one more afterwards.
        """
        program = self.master()
        for _ in range(200):
            program.kill(signal.SIGHUP)
        program.waitFor("Generation 2 serves.")
        self.write("version", "two")
        program.kill(signal.SIGHUP)
        until(lambda: self.ask("version") == "two")
        self.assertEnds(program)
        generations = [int(n) for n in re.findall(r"starts generation (\d+)", program.said)]
        self.assertEqual(generations, list(range(2, 2 + len(generations))))
        self.assertLess(len(generations), 5)

    def test_terminationsWhileReloading(self) -> None:
        """
        SIGTERM twice in the middle of a reload: all end, and the status is 0.
        """
        program, before, new = self.reloading()
        program.kill(signal.SIGTERM)
        self.assertEndsAll(program, [*before, *new])

    def test_terminationOfAll(self) -> None:
        """
        systemd sends SIGTERM to all processes of a service at once.
        """
        program = self.master()
        workers = self.workers(program)
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        self.assertEndsAll(program, workers)
        self.assertFalse(os.path.exists(self.socketPath))

    def test_stoppedMaster(self) -> None:
        """
        While the master stands still its workers serve; afterwards it takes none of them for one
        that hangs.
        """
        program = self.master("--worker-timeout", "1")
        workers = self.workers(program)
        program.kill(signal.SIGSTOP)
        stopped = time.monotonic()
        until(lambda: self.ask("pid") and time.monotonic() - stopped > 3)
        program.kill(signal.SIGCONT)
        program.kill(signal.SIGHUP)
        program.waitFor("Generation 2 serves.")
        self.assertNotIn("was killed", program.said)
        self.assertEndsAll(program, workers)

    def test_masterKilledAndStartedAnew(self) -> None:
        """
        The workers of a master that was killed drain, and finish what they have begun, while the
        next one serves at the same path already. Its socket stays when they end.
        """
        first = self.master()
        workers = self.workers(first)
        connection = self.connect(self.socketPath)
        connection.sendall(beginning({"WHAT": "slow"}))
        first.waitFor("reads")
        first.kill(signal.SIGKILL)
        until(lambda: sum(map(runs, workers)) == 1)
        second = self.master()
        self.assertIn(int(self.ask("pid")), self.workers(second))
        connection.sendall(record(5, b"body") + record(5, b""))
        self.assertEqual(answer(connection), b"body")
        until(lambda: not any(map(runs, workers)))
        self.assertIn(int(self.ask("pid")), self.workers(second))
        self.assertEnds(second)
        self.assertFalse(os.path.exists(self.socketPath))

    def test_orphanThatStandsStill(self) -> None:
        """
        The master was killed while a worker stood still, which holds the sockets: the next one
        names it. As soon as the worker goes on, it ends by itself, and the next one can start.
        """
        with self.listener(socket.AF_INET, ("127.0.0.1", 0)) as free:
            number = free.getsockname()[1]
        places = f"unix:{self.socketPath}", f"tcp:{number}:interface=127.0.0.1"
        ports = "--port", places[0], "--port", places[1]
        first = self.master(ports=ports)
        orphan, other = self.workers(first)
        os.kill(orphan, signal.SIGSTOP)
        self.addCleanup(self.killed, orphan)
        first.kill(signal.SIGKILL)
        until(lambda: not runs(other))
        for place, *more in ([places[0], "--workers", "2"], [places[1]]):
            words = "twistd", "-n", "--pidfile=", "fcgi", "--app", "many.app", "--port", place
            program = self.start(*words, *more)
            self.assertEqual(program.end(), 1, program.said)
            self.assertIn(f"{place}: ", program.said)
            self.assertIn(" in use", program.said)
            self.assertIn(f"(process {orphan}, ", program.said)
            self.assertIn(f", stopped: kill -CONT {orphan} or kill -9 {orphan})", program.said)
        os.kill(orphan, signal.SIGCONT)
        until(lambda: not runs(orphan))
        second = self.master(ports=ports)
        self.assertIn(int(self.ask("pid")), self.workers(second))
        self.assertEnds(second)

    def killed(self, pid: int) -> None:
        """
        Kill a process, if it still runs.
        """
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def test_writesToTheLinkAsItIsLoaded(self) -> None:
        """
        What a module writes to descriptor 3 as it is imported reaches nobody.
        """
        self.write("many.py", MEDDLING)
        program = self.master(workers=1)
        self.assertEqual(self.ask("pid"), str(*self.workers(program)))

    def test_fewDescriptors(self) -> None:
        """
        Where there are not enough descriptors for a reload, it fails without loss: neither of
        requests, nor of descriptors.
        """
        program = self.master(workers=4, limit=32)
        program.waitFor("a reload may fail")
        workers = self.workers(program)
        before = descriptors(program.pid)
        for count in range(1, 4):
            program.kill(signal.SIGHUP)
            program.waitFor("Generation 2 could not start, and generation 1 goes on", count)
            until(lambda: set(self.workers(program)) == set(workers))
            until(lambda: descriptors(program.pid) == before)
        self.assertIn(int(self.ask("pid")), workers)
        self.assertIn("could not be started: Too many open files", program.said)
        self.assertNotIn("Traceback", program.said)

    @pytest.mark.timeout(300 + 10 * RELOADS)
    def test_noLeaks(self) -> None:
        """
        Reloads and recycles leave nothing behind: no descriptor in the master or in a worker, no
        process, and in the master no thread and no memory.
        """
        program = self.master("--worker-requests", "1")
        before = descriptors(program.pid), descriptors(self.workers(program)[0])
        warmedUp = 0
        for number in range(2, RELOADS + 2):
            program.kill(signal.SIGHUP)
            program.waitFor(f"Generation {number} serves.")
            old = int(self.ask("pid"))
            until(lambda old=old: not runs(old))
            # One that has ended and was not waited for is among them.
            until(lambda: len(self.workers(program)) == 2)
            if number == 2 + RELOADS // 4:
                warmedUp = memory(program.pid)
        until(lambda: descriptors(program.pid) <= before[0])
        until(lambda: descriptors(self.workers(program)[0]) <= before[1])
        self.assertEqual(len(os.listdir(f"/proc/{program.pid}/task")), 1)
        grown = memory(program.pid) - warmedUp
        print(f"{RELOADS} reloads: the master has {warmedUp} KiB, and grew by {grown}")
        self.assertLess(grown, 1024)


MEDDLING = """
import os
from contextlib import suppress

with suppress(OSError):
    os.write(3, b"junk")

from txfcgi import Response

def app(request):
    return Response(200, {"Content-Type": "text/plain"}, str(os.getpid()).encode())
"""
