"""
A master and its workers under load and random signals: what is killed takes its own requests with
it, and nothing else is lost, left behind or complained about.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from .processes import Program, ask, until
from .test_workers import MasterTests, runs

#: How many signals are sent, and the order of what is random; many more of them by hand.
SIGNALS = int(os.environ.get("TXFCGI_SIGNALS", "40"))
SEED = int(os.environ.get("TXFCGI_SEED", "1"))

#: How many workers there are, and how many of them stand still or are killed at most: deaths make
#: the master wait, the longer the more of them there are.
WORKERS = 4
STANDING = 2
KILLED = 4

CLIENTS = 3

#: An app that writes down what each of its processes has begun.
APP = """
import contextlib
import os
from pathlib import Path

from txfcgi import Response

book = os.open(Path(__file__).with_name("book"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

def app(request):
    number = request.params["NUMBER"]
    os.write(book, f"{number} {os.getpid()}\\n".encode())
    return Response(200, {"Content-Type": "text/plain"}, number.encode())
"""


class Clients:
    """
    Clients that ask one request after the other, each on a connection of its own.

    @ivar answered: How many requests were answered with their own number.
    @ivar failures: What went wrong, by the number of the request.
    """

    def __init__(self, test: MasterTests) -> None:
        self.answered = 0
        self.failures: dict[str, str] = {}
        self._test = test
        self._number = 0
        self._over = False
        self._told = threading.Condition()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._over = True
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._over:
            with self._told:
                self._number += 1
                number = str(self._number)
            try:
                with self._test.connect(self._test.socketPath) as connection:
                    answer = ask(connection, {"NUMBER": number}).decode()
                problem = "" if answer == number else f"got {answer}"
            except Exception as error:
                problem = repr(error)
            with self._told:
                if problem:
                    self.failures[number] = problem
                else:
                    self.answered += 1
                self._told.notify_all()

    def pause(self, count: int) -> None:
        """
        Let so many requests be answered, if those that are to do it run.
        """
        with self._told:
            wanted = self.answered + count
            self._told.wait_for(lambda: self.answered >= wanted, 0.5)

    def wait(self, count: int) -> None:
        """
        Wait until so many more requests were answered.
        """
        wanted = self.answered + count
        until(lambda: self.answered >= wanted)


class SignalsTests(MasterTests):
    """
    Signals to all of them.
    """

    def setUp(self) -> None:
        super().setUp()
        self.write("many.py", APP)
        self.chance = random.Random(SEED)
        self.standing: set[int] = set()
        self.killed: set[int] = set()
        self.seen: set[int] = set()

    def send(self, program: Program, sent: Counter[str]) -> None:
        """
        Send one signal, to the master or a worker.
        """
        what = self.chance.choice(("hup", "usr1", "term", "stop", "cont", "cont", "kill"))
        workers = self.workers(program)
        self.seen.update(workers)
        self.standing.intersection_update(workers)
        worker = self.chance.choice(workers) if workers else 0
        if what == "hup":
            program.kill(signal.SIGHUP)
        elif what == "usr1":
            program.kill(signal.SIGUSR1)
        elif what == "cont" and self.standing:
            worker = self.chance.choice(sorted(self.standing))
            self.standing.discard(worker)
            self.signal(worker, signal.SIGCONT)
        elif what == "stop" and worker and len(self.standing) < STANDING:
            self.standing.add(worker)
            self.signal(worker, signal.SIGSTOP)
        elif what == "kill" and worker and len(self.killed) < KILLED:
            self.killed.add(worker)
            self.signal(worker, signal.SIGKILL)
        elif what == "term" and worker:
            self.signal(worker, signal.SIGTERM)
        else:
            return
        sent[what] += 1

    def signal(self, pid: int, number: int) -> None:
        """
        Send a signal to a process that may have ended by itself.
        """
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    @pytest.mark.timeout(300 + 2 * SIGNALS)
    def test_random(self) -> None:
        """
        SIGHUP and SIGUSR1 to the master, SIGTERM, SIGSTOP, SIGCONT and SIGKILL to its workers, in
        any order: afterwards it serves with all of its workers, and SIGTERM ends it and them,
        although some stand still.
        """
        log = self.path("access.log")
        program = self.master("--drain-timeout", "2", "--access-log", log, workers=WORKERS)
        sent: Counter[str] = Counter()
        reading = threading.Thread(target=self.read, args=(program,))
        reading.start()
        with Clients(self) as clients:
            clients.wait(50)
            while sent.total() < SIGNALS:
                self.send(program, sent)
                clients.pause(self.chance.randrange(40))
            for worker in self.standing:
                self.signal(worker, signal.SIGCONT)
            until(lambda: len([w for w in self.workers(program) if runs(w)]) == WORKERS)
            clients.wait(200)
        self.seen.update(self.workers(program))
        self.signal(self.workers(program)[0], signal.SIGSTOP)
        program.kill(signal.SIGTERM)
        reading.join()
        self.assertEqual(program.end(), 0, program.said)
        self.assertEqual([pid for pid in self.seen if runs(pid)], [])
        self.assertFalse(os.path.exists(self.socketPath))
        print(f"{dict(sent)}, answered {clients.answered}, failed {clients.failures}")
        self.assertNotIn("Traceback", program.said)
        self.assertOnlyKilledLost(program, clients)

    def read(self, program: Program) -> None:
        """
        Read what the master says, so that it never waits.
        """
        program.end()

    def assertOnlyKilledLost(self, program: Program, clients: Clients) -> None:
        """
        Each request that failed was with a worker that was killed.
        """
        lines = Path(self.path("book")).read_text().splitlines()
        where = {number: int(pid) for number, pid in map(str.split, lines)}
        byMaster = program.said.count("did not end in time and is killed")
        killed = {
            pid
            for pid in self.seen
            if pid in self.killed or f"(process {pid}) did not end in time" in program.said
        }
        for number, problem in clients.failures.items():
            if number in where:
                self.assertIn(where[number], killed, problem)
        self.assertLessEqual(len(clients.failures), CLIENTS * (len(self.killed) + byMaster))
