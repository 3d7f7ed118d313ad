"""
Tests of C{twistd fcgi --workers}: processes that really start, serve, die and are replaced.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import socket

from .processes import Program, ProgramTests, ask, beginning, record, until, which

APP = """
import os
import sys
from pathlib import Path

from txfcgi import Response
from twisted.internet.defer import Deferred

VERSION = Path(__file__).with_name("version").read_text()
if VERSION == "broken":
    raise RuntimeError("this version can't be loaded")

async def slow(request):
    return Response(200, {"Content-Type": "text/plain"}, await request.stdin.read())

def app(request):
    what = request.params.get("WHAT", "pid")
    if what == "pid":
        text = str(os.getpid())
    elif what == "version":
        text = VERSION
    elif what == "wait":
        print("waits", flush=True)
        return Deferred()
    elif what == "slow":
        print("reads", flush=True)
        return slow(request)
    elif what == "die":
        os.kill(os.getpid(), 9)
    elif what == "hang":
        Path(request.params["FIFO"]).read_text()
    elif what == "host":
        text = str(request.host.name)
    elif what == "meddle":
        os.write(3, b"hello, master")
        text = "meddled"
    return Response(200, {"Content-Type": "text/plain"}, text.encode())
"""


# Makes a socket descriptor 0, and replaces itself by a program.
AS_A_WEB_SERVER_DOES = """
import os, sys
os.dup2(int(sys.argv[1]), 0)
os.execv(sys.argv[2], sys.argv[2:])
"""


def runs(pid: int) -> bool:
    """
    Whether a process runs. One that has ended may be there until its parent looks at it.
    """
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class MasterTests(ProgramTests):
    """
    Tests that have a master and its workers.
    """

    def setUp(self) -> None:
        super().setUp()
        self.write("many.py", APP)
        self.write("version", "one")

    def master(
        self,
        *words: str,
        workers: int = 2,
        ports: tuple[str, ...] = (),
        limit: int | None = None,
    ) -> Program:
        """
        Start a master, and wait until its workers are ready.

        @param limit: How many descriptors each of the processes may have.
        """

        def limited() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        listening = ports or ("--port", f"unix:{self.socketPath}")
        program = self.start(
            *("twistd", "-n", "--pidfile=", "fcgi", "--app", "many.app", "--workers"),
            *(str(workers), *listening, *words),
            preexec_fn=limited,
        )
        program.waitFor(f"{workers} of {workers} workers ready")
        return program

    def ask(self, what: str, **params: str) -> str:
        """
        Make a request, on a connection of its own.
        """
        with self.connect(self.socketPath) as connection:
            return ask(connection, {"WHAT": what, **params}).decode()

    def workers(self, program: Program) -> list[int]:
        """
        The process ids of the workers that run.
        """
        with open(f"/proc/{program.pid}/task/{program.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]

    def assertEndsAll(self, program: Program, workers: list[int]) -> None:
        """
        End the master: nobody is left.
        """
        self.assertEnds(program)
        for pid in workers:
            self.assertRaises(ProcessLookupError, os.kill, pid, 0)


class WorkersTests(MasterTests):
    """
    A master and its workers.
    """

    def test_serves(self) -> None:
        """
        The workers serve; the master is not one of them, and never loads the app. All end at
        SIGTERM, with status 0, and the socket is gone.
        """
        program = self.master()
        workers = self.workers(program)
        self.assertEqual(len(workers), 2)
        self.assertIn(int(self.ask("pid")), workers)
        with open(f"/proc/{program.pid}/maps") as file:
            self.assertNotIn("many", file.read())
        self.assertEndsAll(program, workers)
        self.assertFalse(os.path.exists(self.socketPath))

    def test_foreignSignals(self) -> None:
        """
        SIGQUIT ends master and workers as SIGTERM does. Signals that mean something to other
        servers end nothing; one to a worker does nothing at all.
        """
        program = self.master()
        workers = self.workers(program)
        for number in (signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU):
            for pid in workers:
                if number != signal.SIGUSR2:  # makes it write its stack
                    os.kill(pid, number)
            program.kill(number)
            program.waitFor(f"{number.name} is ignored: ")
        os.kill(workers[0], signal.SIGQUIT)
        self.assertIn(int(self.ask("pid")), workers)
        self.assertEqual(self.workers(program), workers)
        self.assertEnds(program, signal.SIGQUIT)
        self.assertIn("SIGQUIT: stops 2 workers.", program.said)
        self.assertFalse(os.path.exists(self.socketPath))

    def test_titles(self) -> None:
        """
        The list of processes tells master and workers apart.
        """
        program = self.master()
        titles = []
        for pid in [program.pid, *self.workers(program)]:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                titles.append(file.read().rstrip(b"\0").decode())
        self.assertEqual(
            titles, ["txfcgi fcgi master", "txfcgi fcgi worker 1", "txfcgi fcgi worker 2"]
        )

    def test_host(self) -> None:
        """
        A worker knows where it listens.
        """
        self.master(workers=1)
        self.assertEqual(self.ask("host"), str(os.fsencode(self.socketPath)))

    def test_tcp(self) -> None:
        """
        TCP, of both versions, and a socket that was inherited are shared, too.
        """
        inherited = self.listener(socket.AF_INET, ("127.0.0.1", 0))
        program = self.start(
            *("python", "-c", AS_A_WEB_SERVER_DOES),
            *(str(inherited.fileno()), which("twistd")),
            *("-n", "--pidfile=", "fcgi", "--app", "many.app", "--workers", "2"),
            *("--port", "fcgi:fd=0", "--port", "tcp:0:interface=127.0.0.1"),
            *("--port", "tcp6:0:interface=\\:\\:1"),
            pass_fds=[inherited.fileno()],
        )
        program.waitFor("2 of 2 workers ready")
        address = inherited.getsockname()
        inherited.close()
        program.waitFor("Listens on tcp6:", 2)
        ports = {
            (host.replace("\\", ""), int(port))
            for port, host in re.findall(r"Listens on tcp6?:(\d+):interface=(\S+)", program.said)
            if port != "0"
        }
        workers = self.workers(program)
        for where in {address, *ports}:
            pid = ask(self.connect(where), {"WHAT": "pid"})
            self.assertIn(int(pid), workers)
        self.assertEqual(len(ports), 3)
        self.assertEndsAll(program, workers)

    def test_dies(self) -> None:
        """
        A worker that dies is replaced; only its own requests fail.
        """
        program = self.master()
        before = set(self.workers(program))
        dying = self.connect(self.socketPath)
        self.assertRaises(AssertionError, ask, dying, {"WHAT": "die"})
        program.waitFor("ended by signal 9")
        program.waitFor("2 of 2 workers ready", 2)
        after = set(self.workers(program))
        self.assertEqual((len(after), len(before & after)), (2, 1))
        self.assertIn(int(self.ask("pid")), after)

    def test_shared(self) -> None:
        """
        A connection goes to whoever is free: with one of four workers held, none of a hundred
        requests waits for it.
        """
        program = self.master(workers=4)
        workers = self.workers(program)
        os.kill(workers[0], signal.SIGSTOP)
        try:
            answers = {int(self.ask("pid")) for _ in range(100)}
        finally:
            os.kill(workers[0], signal.SIGCONT)
        self.assertEqual(answers - set(workers[1:]), set())

    def test_reload(self) -> None:
        """
        SIGHUP brings the app's new code.
        """
        program = self.master()
        self.assertEqual(self.ask("version"), "one")
        before = self.workers(program)
        self.write("version", "two")
        program.kill(signal.SIGHUP)
        program.waitFor("Generation 2 serves.")
        until(lambda: not any(map(runs, before)))
        self.assertEqual({self.ask("version") for _ in range(20)}, {"two"})
        self.assertEndsAll(program, [*before, *self.workers(program)])

    def test_reloadFails(self) -> None:
        """
        Code that can't be loaded changes nothing, and the log says why.
        """
        program = self.master()
        before = self.workers(program)
        self.write("version", "broken")
        program.kill(signal.SIGHUP)
        program.waitFor("Generation 2 could not start, and generation 1 goes on")
        program.waitFor("this version can't be loaded")
        self.assertEqual(self.ask("version"), "one")
        self.assertEqual(set(before) - set(self.workers(program)), set())

    def test_cantStart(self) -> None:
        """
        An app that can't be loaded ends the start, with its own error and status 1, whether it is
        to be a daemon or not.
        """
        self.write("version", "broken")
        for words in (("-n",), ()):
            program = self.start(
                *("twistd", *words, "fcgi", "--app", "many.app", "--workers", "2"),
                *("--port", f"unix:{self.socketPath}"),
            )
            self.assertEqual(program.end(), 1, program.said)
            self.assertIn("this version can't be loaded", program.said)
            self.assertFalse(os.path.exists(self.socketPath))
            self.assertFalse(os.path.exists(self.path("twistd.log")))

    def test_recycles(self) -> None:
        """
        After its requests a worker is replaced, and none of them is lost.
        """
        program = self.master("--worker-requests", "5", workers=1)
        [first] = self.workers(program)
        while int(self.ask("pid")) == first:
            pass
        self.assertNotIn("ERROR", program.said)

    def test_hangs(self) -> None:
        """
        A worker whose reactor hangs is killed and replaced; where it hung is in the log, and which
        requests it had.
        """
        program = self.master("--worker-timeout", "2", workers=1)
        [pid] = self.workers(program)
        os.mkfifo(self.path("fifo"))
        connection = self.connect(self.socketPath)
        params = {"WHAT": "hang", "FIFO": self.path("fifo"), "REQUEST_URI": "/hang?key=1"}
        connection.sendall(beginning(params) + record(5, b""))
        program.waitFor("hangs: its reactor has not turned")
        program.waitFor("read_text")
        program.waitFor("It was running request 1 (GET /hang?key=***), for ")
        program.waitFor("it hung, and was killed")
        program.waitFor("1 of 1 workers ready", 2)
        self.assertNotEqual(int(self.ask("pid")), pid)

    def test_slow(self) -> None:
        """
        A request that takes long is told, with what it waits for.
        """
        program = self.master("--slow-after", "1", workers=1)
        connection = self.connect(self.socketPath)
        connection.sendall(beginning({"WHAT": "wait", "REQUEST_URI": "/wait"}) + record(5, b""))
        program.waitFor("(GET /wait) has been running for ")
        program.waitFor("it waits for <Deferred")

    def test_termination(self) -> None:
        """
        SIGTERM to a worker replaces it: its successor serves before it ends.
        """
        program = self.master(workers=1)
        [first] = self.workers(program)
        os.kill(first, signal.SIGTERM)
        while int(self.ask("pid")) == first:
            pass
        program.waitFor("worker 2")
        until(lambda: not runs(first))
        self.assertNotIn("error", program.said)

    def test_socketOfAnother(self) -> None:
        """
        A socket that somebody else holds is left as it is: a connection that waits there is served
        by the next workers.
        """
        inherited = self.listener(socket.AF_INET, ("127.0.0.1", 0))
        for _ in range(2):
            fd = inherited.fileno()
            program = self.start(
                *("twistd", "-n", "--pidfile=", "fcgi", "--app", "many.app", "--workers", "2"),
                *("--port", f"fcgi:fd={fd}"),
                pass_fds=[fd],
            )
            program.waitFor("2 of 2 workers ready")
            workers = self.workers(program)
            pid = ask(self.connect(inherited.getsockname()), {"WHAT": "pid"})
            self.assertIn(int(pid), workers)
            self.assertEndsAll(program, workers)
            self.connect(inherited.getsockname())

    def test_meddles(self) -> None:
        """
        What an app writes to descriptor 3 does not reach the master.
        """
        program = self.master(workers=1)
        [worker] = self.workers(program)
        self.assertEqual(self.ask("meddle"), "meddled")
        self.assertEqual(int(self.ask("pid")), worker)

    def test_masterKilled(self) -> None:
        """
        When the master is killed, its workers drain, and end.
        """
        program = self.master()
        workers = self.workers(program)
        program.kill(signal.SIGKILL)
        program.end()
        until(lambda: not any(map(runs, workers)))
