"""
Tests of L{txfcgi.service.spawned}: programs that are started as web servers start them.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from pathlib import Path
from typing import Any

from .processes import STDIN, Program, ProgramTests, answer, beginning, record, until

#: A program as its author writes it.
SCRIPT = """
from txfcgi import serve
from sample import {app} as app

serve(app{options})
"""

#: An app that uses Python's logging.
LOGS = """
import logging

logging.basicConfig(format="%(levelname)s %(message)s")

def logs(request):
    logging.getLogger("app").warning("asked")
    return hello(request)
"""

#: Starts a program with its standard output and error closed.
WITHOUT_OUTPUT = """
import os, sys
os.close(1)
os.close(2)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class ServeTests(ProgramTests):
    """
    Tests of L{txfcgi.serve}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.listening = self.listener(socket.AF_UNIX, self.socketPath)

    def script(self, app: str = "hello", options: str = "", **given: Any) -> Program:
        """
        Start a program that serves an app.

        @param app: The app.
        @param options: What else C{serve} is given.
        @param given: How the program is started.
        """
        self.write("script.py", SCRIPT.format(app=app, options=options))
        return self.start("python", "script.py", **{"stdin": self.listening, **given})

    def test_serves(self) -> None:
        """
        It serves on the socket that is its descriptor 0. At SIGTERM it ends with status 0, and the
        socket is as it was.
        """
        os.chmod(self.socketPath, 0o640)
        program = self.script()
        self.assertServes(self.socketPath)
        self.assertEnds(program)
        self.assertEqual(stat.S_IMODE(os.stat(self.socketPath).st_mode), 0o640)
        self.connect(self.socketPath)
        self.assertNotIn("Traceback", program.said)

    def test_families(self) -> None:
        """
        The socket may be a TCP socket of either family.
        """
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            listening = self.listener(family, (host, 0))
            program = self.script(stdin=listening)
            self.assertServes((host, listening.getsockname()[1]))
            self.assertEnds(program)

    def test_shared(self) -> None:
        """
        Several programs may share the socket: when one ends the others go on.
        """
        programs = [self.script(), self.script()]
        for program in programs:
            program.waitFor("Listens on ")
        self.assertEnds(programs[0])
        self.assertServes(self.socketPath)
        self.assertEnds(programs[1])

    def test_signals(self) -> None:
        """
        SIGUSR1, SIGINT and SIGQUIT end it too.
        """
        for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGQUIT):
            program = self.script()
            self.assertServes(self.socketPath)
            self.assertEnds(program, number)

    def test_finishesWhatRuns(self) -> None:
        """
        A request that runs is finished first.
        """
        program = self.script("echo")
        running = self.connect(self.socketPath)
        running.sendall(beginning({"REQUEST_METHOD": "POST"}))
        program.waitFor("echo has begun")
        program.kill(signal.SIGTERM)
        program.waitFor("Stops listening on ")
        running.sendall(record(STDIN, b"to the end") + record(STDIN, b""))
        self.assertEqual(answer(running), b"to the end")
        self.assertEqual(program.end(), 0, program.said)

    def posts(self) -> list[socket.socket]:
        """
        Twenty connections, each with a whole POST on it.
        """
        connections = [self.connect(self.socketPath) for _ in range(20)]
        for connection in connections:
            connection.sendall(beginning({"REQUEST_METHOD": "POST"}))
            connection.sendall(record(STDIN, b"a form") + record(STDIN, b""))
        return connections

    def test_handedOver(self) -> None:
        """
        What arrives while a program is held, and is then told to stop, is lost by none: the program
        answers what it accepts, and the next one what it leaves in the queue.
        """
        for _ in range(3):
            program = self.script("echo", ", drainIdle=0.0")
            program.waitFor("Listens on ")
            program.kill(signal.SIGSTOP)
            connections = self.posts()
            program.kill(signal.SIGTERM)
            program.kill(signal.SIGCONT)
            self.assertEqual(program.end(), 0, program.said)
            following = self.script("echo")
            following.waitFor("Listens on ")
            answers = [answer(connection) for connection in connections]
            self.assertEqual(answers, [b"a form"] * 20)
            self.assertEnds(following)

    def test_drainInherited(self) -> None:
        """
        A program that is the only one on its socket answers all that wait there.
        """
        program = self.script("echo", ", drainInherited=True, drainIdle=0.0")
        program.waitFor("Listens on ")
        program.kill(signal.SIGSTOP)
        connections = self.posts()
        program.kill(signal.SIGTERM)
        program.kill(signal.SIGCONT)
        self.assertEqual([answer(connection) for connection in connections], [b"a form"] * 20)
        self.assertEqual(program.end(), 0, program.said)

    def test_deadline(self) -> None:
        """
        One that does not end is aborted.
        """
        program = self.script("echo", ", drainTimeout=0.1")
        running = self.connect(self.socketPath)
        running.sendall(beginning({"REQUEST_METHOD": "POST"}))
        program.waitFor("echo has begun")
        self.assertEnds(program)

    def test_withoutOutput(self) -> None:
        """
        It starts and serves with standard output and error closed (section 2.2), and prints nothing
        into a connection.
        """
        self.write("script.py", SCRIPT.format(app="hello", options=""))
        program = self.start("python", "-c", WITHOUT_OUTPUT, "script.py", stdin=self.listening)
        self.assertServes(self.socketPath)
        self.assertServes(self.socketPath)
        program.kill(signal.SIGTERM)
        self.assertEqual(program.end(), 0)
        self.assertEqual(program.said, "")

    def test_printsIntoNoConnection(self) -> None:
        """
        What is printed by an app whose standard output is closed goes nowhere.
        """
        self.write(
            "sample.py",
            "import os, sys\n"
            "from txfcgi import Response\n"
            "def hello(request):\n"
            "    os.write(1, b'stray')\n"
            "    os.write(2, b'stray')\n"
            "    print('stray', flush=True)\n"
            "    sys.stderr.write('stray')\n"
            "    sys.__stderr__.write('stray')\n"
            "    return Response(200, {}, b'hello ' + request.params['WHO'].encode())\n",
        )
        self.write("script.py", SCRIPT.format(app="hello", options=""))
        self.start("python", "-c", WITHOUT_OUTPUT, "script.py", stdin=self.listening)
        self.assertServes(self.socketPath)
        self.assertServes(self.socketPath)

    def test_notStartedByWebServer(self) -> None:
        """
        Started in any other way it says how it is to be started, with status 1.
        """
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        for stdin, said in (
            (subprocess.DEVNULL, "file descriptor 0 is a device, not a listening socket."),
            (reading, "file descriptor 0 is a pipe, not a listening socket."),
        ):
            program = self.script(stdin=stdin)
            self.assertEqual(program.end(), 1)
            self.assertTrue(program.said.startswith(said), program.said)
            self.assertIn("mod_fcgid, lighttpd's bin-path, spawn-fcgi", program.said)
            self.assertIn("twistd -n fcgi", program.said)
            self.assertNotIn("Traceback", program.said)

    def test_connectedSocket(self) -> None:
        """
        A socket that is connected is not one to listen on.
        """
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        program = self.script(stdin=theirs)
        self.assertEqual(program.end(), 1)
        self.assertIn("0 is a socket, but does not listen", program.said)

    def test_otherDescriptor(self) -> None:
        """
        The socket may be another descriptor.
        """
        number = self.listening.fileno()
        program = self.script(options=f", fd={number}", stdin=subprocess.DEVNULL, pass_fds=[number])
        self.assertServes(self.socketPath)
        self.assertEnds(program)

    def test_allowFrom(self) -> None:
        """
        Who may connect is given, or comes from the web server.
        """
        listening = self.listener(socket.AF_INET, ("127.0.0.1", 0))
        address = listening.getsockname()
        for options, env in (
            (", allowFrom='192.0.2.7'", {}),
            (", allowFrom=lambda peer: False", {}),
            ("", {"FCGI_WEB_SERVER_ADDRS": "192.0.2.7"}),
        ):
            program = self.script(options=options, env=env, stdin=listening)
            program.waitFor("Listens on ")
            connection = self.connect(address)
            try:
                self.assertEqual(connection.recv(1), b"")
            except ConnectionResetError as error:
                self.assertIn("reset", str(error))
            self.assertEnds(program)
        program = self.script(
            options=", allowFrom='127.0.0.1'",
            env={"FCGI_WEB_SERVER_ADDRS": "127.0.0.1, ::1"},
            stdin=listening,
        )
        self.assertServes(address)
        self.assertEnds(program)

    def test_mistakes(self) -> None:
        """
        A list of addresses that is none, and a port that is open to other machines, are refused.
        """
        public = self.listener(socket.AF_INET, ("0.0.0.0", 0))
        for options, env, stdin, said in (
            (", allowFrom='me'", {}, self.listening, "'me' is neither"),
            ("", {"FCGI_WEB_SERVER_ADDRS": ""}, self.listening, "the list is empty"),
            ("", {}, public, "is open to other machines"),
        ):
            program = self.script(options=options, env=env, stdin=stdin)
            self.assertEqual(program.end(), 1)
            self.assertIn(said, program.said)
            self.assertNotIn("Traceback", program.said)

    def test_accessLog(self) -> None:
        """
        Each request has a line in the access log, which SIGUSR1 opens again.
        """
        program = self.script(options=", accessLog='access.log', accessLogFormat='%s %b'")
        self.assertServes(self.socketPath)
        log, old = Path(self.path("access.log")), Path(self.path("access.log.1"))
        log.rename(old)
        program.kill(signal.SIGUSR1)
        until(log.exists)
        self.assertServes(self.socketPath)
        self.assertEnds(program)
        self.assertEqual((old.read_text(), log.read_text()), ("200 11\n", "200 11\n"))

    def test_pythonLogging(self) -> None:
        """
        What the app sends to Python's C{logging} is on standard error, once.
        """
        with open(self.path("sample.py"), "a") as sample:
            sample.write(LOGS)
        program = self.script("logs")
        self.assertServes(self.socketPath)
        self.assertEnds(program)
        self.assertEqual(program.said.count("WARNING asked\n"), 1, program.said)

    def test_accessLogMistakes(self) -> None:
        """
        A log that can't be written, and a format that means nothing, end the program.
        """
        for options, said in (
            ("accessLog='no/access.log'", "No such file or directory"),
            ("accessLog='access.log', accessLogFormat='%Z'", "unknown directive %Z"),
        ):
            program = self.script(options=f", {options}")
            self.assertEqual(program.end(), 1)
            self.assertIn("can't be written: ", program.said)
            self.assertIn(said, program.said)

    def test_limits(self) -> None:
        """
        It keeps to the limits that it is given.
        """
        self.write(
            "script.py",
            "from txfcgi import Limits, serve\n"
            "from sample import hello\n"
            "serve(hello, Limits(paramsBytes=40), log=False)\n",
        )
        program = self.start("python", "script.py", stdin=self.listening)
        self.assertServes(self.socketPath)
        tooMuch = self.connect(self.socketPath)
        tooMuch.sendall(beginning({"WHO": "x" * 60}) + record(STDIN, b""))
        self.assertNotIn(b"hello", answer(tooMuch))
        tooMuch.close()
        self.assertEnds(program)
        self.assertEqual(program.said, "")
