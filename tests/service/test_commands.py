"""
Tests of the whole of C{twistd fcgi} and C{twist fcgi}, as programs.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
from typing import Any, ClassVar

from .processes import (
    STDIN,
    Program,
    ProgramTests,
    answer,
    beginning,
    record,
    until,
    which,
)

#: Starts a program as systemd does: with sockets from descriptor 3 on, and its own process id.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="app")
os.execv(sys.argv[2], sys.argv[2:])
"""


class TwistTests(ProgramTests):
    """
    Tests of C{twist fcgi}: of what depends on the command that it is a part of.
    """

    command: ClassVar[tuple[str, ...]] = ("twist", "--log-format=text")

    def serve(self, *words: str, app: str = "sample.hello", **options: Any) -> Program:
        """
        Start a server.

        @param words: Its command line, without the app.
        @param app: The app.
        """
        return self.start(*self.command, "fcgi", "--app", app, *words, **options)

    def serveUNIX(self, *words: str, app: str = "sample.hello") -> Program:
        """
        Start a server on a Unix socket, and wait until it listens.
        """
        program = self.serve("--port", f"unix:{self.socketPath}", *words, app=app)
        program.waitFor("Listens on ")
        return program

    def serveTCP(self, *words: str, **options: Any) -> tuple[Program, tuple[str, int]]:
        """
        Start a server on a TCP port, and wait until it listens.

        @return: It, and where it listens.
        """
        program = self.serve("--port", "tcp:0:interface=127.0.0.1", *words, **options)
        program.waitFor("Listens on tcp:")
        return program, self.tcpAddress(program)

    def tcpAddress(self, program: Program) -> tuple[str, int]:
        """
        Where a program says that it listens.
        """
        program.waitFor(":interface=127.0.0.1 (")
        port = program.said.split("Listens on tcp:")[1].split(":")[0]
        return "127.0.0.1", int(port)

    def begin(self) -> socket.socket:
        """
        Begin a request that is answered when its body is complete.
        """
        connection = self.connect(self.socketPath)
        connection.sendall(beginning({"REQUEST_METHOD": "POST"}))
        return connection

    def assertFails(self, program: Program, *said: str) -> str:
        """
        The program has to end with status 1 and this in one message.

        @return: All that it said.
        """
        self.assertEqual(program.end(), 1, program.said)
        for text in said:
            self.assertEqual(program.said.count(text), 1, program.said)
        self.assertNotIn("txfcgi/service", program.said)
        if said:
            self.assertNotIn("Unhandled", program.said)
        return program.said

    def assertFailsWithoutTraceback(self, program: Program, *said: str) -> None:
        """
        So, and with no traceback.
        """
        self.assertNotIn("Traceback", self.assertFails(program, *said))

    def test_unix(self) -> None:
        """
        It serves on a Unix socket which its owner and group can use. SIGTERM ends it with status 0,
        and nothing is left behind.
        """
        program = self.serveUNIX()
        self.assertServes(self.socketPath)
        self.assertEqual(stat.S_IMODE(os.stat(self.socketPath).st_mode), 0o660)
        self.assertEnds(program)
        self.assertNotIn("app.sock", os.listdir(self.folder))
        self.assertNotIn("Traceback", program.said)

    def test_signals(self) -> None:
        """
        SIGINT, SIGUSR1 and SIGQUIT end it as SIGTERM does.
        """
        for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGQUIT):
            program = self.serveUNIX()
            self.assertServes(self.socketPath)
            self.assertEnds(program, number)
            self.assertFalse(os.path.exists(self.socketPath))

    def test_foreignSignals(self) -> None:
        """
        Signals that mean something to other servers end nothing.
        """
        program = self.serveUNIX()
        for number in (signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU):
            program.kill(number)
            program.waitFor(f"{number.name} is ignored: ")
        self.assertServes(self.socketPath)
        self.assertEnds(program)

    def test_finishesWhatRuns(self) -> None:
        """
        At SIGTERM a request that runs is finished, while no connection is taken any more, and an
        idle one is closed.
        """
        program = self.serveUNIX(app="sample.echo")
        idle = self.connect(self.socketPath)
        idle.sendall(beginning({}, keep=True) + record(STDIN, b""))
        self.assertEqual(answer(idle), b"")
        running = self.begin()
        program.waitFor("echo has begun", 2)
        program.kill(signal.SIGTERM)
        self.assertEqual(idle.recv(1), b"")
        until(lambda: not os.path.exists(self.socketPath))
        self.assertRaises(OSError, self.connect, self.socketPath)
        program.waitFor("SIGTERM: stops, and waits for 1 request.")
        running.sendall(record(STDIN, b"to the end") + record(STDIN, b""))
        self.assertEqual(answer(running), b"to the end")
        self.assertEqual(program.end(), 0, program.said)

    def test_missing(self) -> None:
        """
        Without a place and an app it says so.
        """
        name = self.command[0]
        self.assertFailsWithoutTraceback(
            self.start(*self.command, "fcgi"), f"{name} fcgi: --port and --app are missing"
        )

    def test_moduleFails(self) -> None:
        """
        A module that fails shows its own traceback, and none of ours.
        """
        self.write("failing.py", "def prepare():\n    import nowhere\nprepare()\n")
        said = self.assertFails(
            self.serve("--port", f"unix:{self.socketPath}", app="failing.fn"),
            "the module failing failed when it was imported",
            'failing.py", line 2, in prepare',
            "No module named 'nowhere'",
        )
        self.assertEqual(said.count("File "), 2)

    def test_socketInUse(self) -> None:
        """
        A socket that another server listens on is left to it.
        """
        self.serveUNIX()
        program = self.serve("--port", f"unix:{self.socketPath}")
        self.assertFailsWithoutTraceback(program, "is in use: another server answers there")
        self.assertServes(self.socketPath)

    def test_portInUse(self) -> None:
        """
        So is a port. What was opened before is not left behind.
        """
        taken = self.listener(socket.AF_INET, ("127.0.0.1", 0))
        port = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        program = self.serve("--port", f"unix:{self.socketPath}", "--port", port)
        self.assertFailsWithoutTraceback(
            program, f"{port}: can't listen there: Address already in use"
        )
        self.assertFalse(os.path.exists(self.socketPath))

    def test_inheritedSocket(self) -> None:
        """
        It serves on the socket that it was started with, and leaves it to whoever made it.
        """
        listening = self.listener(socket.AF_UNIX, self.socketPath)
        os.chmod(self.socketPath, 0o640)
        program = self.serve("--port", "fcgi:fd=0", stdin=listening)
        program.waitFor("Listens on ")
        self.assertServes(self.socketPath)
        self.assertEqual(stat.S_IMODE(os.stat(self.socketPath).st_mode), 0o640)
        self.assertEnds(program)
        self.connect(self.socketPath)
        again = self.serve("--port", "fcgi:fd=0", stdin=listening)
        again.waitFor("Listens on ")
        self.assertServes(self.socketPath)

    def test_systemd(self) -> None:
        """
        It serves on a socket of systemd's, by number or name, and leaves it as it is.
        """
        listening = self.listener(socket.AF_UNIX, self.socketPath)
        os.chmod(self.socketPath, 0o600)
        for which_ in ("index=0", "name=app"):
            program = self.start(
                "python",
                "-c",
                ACTIVATE,
                str(listening.fileno()),
                which(self.command[0]),
                *self.command[1:],
                "fcgi",
                "--port",
                f"systemd:domain=UNIX:{which_}",
                "--app",
                "sample.hello",
                pass_fds=[listening.fileno()],
            )
            program.waitFor("Listens on ")
            self.assertServes(self.socketPath)
            self.assertEnds(program)
            self.assertEqual(stat.S_IMODE(os.stat(self.socketPath).st_mode), 0o600)
        self.connect(self.socketPath)


class TwistdTests(TwistTests):
    """
    The same of C{twistd fcgi} in the foreground, and all that makes no difference to the command.
    """

    command = ("twistd", "--nodaemon", "--pidfile=")

    def test_mode(self) -> None:
        """
        The socket is as the endpoint says.
        """
        self.serveUNIX(
            "--port", f"unix:{self.path('b.sock')}:mode=600:group={os.getgid()}"
        ).waitFor("b.sock")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("b.sock")).st_mode), 0o600)

    def test_several(self) -> None:
        """
        It serves on several ports, an abstract socket among them.
        """
        program = self.serve(
            "--port",
            f"unix:{self.socketPath}",
            "--port",
            "tcp:0:interface=127.0.0.1",
            "--port",
            f"unix:@{self.socketPath}",
            app="sample:site.answer",
        )
        program.waitFor("Listens on ", 3)
        for address in (self.socketPath, self.tcpAddress(program), "\0" + self.socketPath):
            self.assertServes(address)
        self.assertEnds(program)

    def test_appDirectory(self) -> None:
        """
        The app is found in another directory.
        """
        os.mkdir(self.path("deep"))
        self.write("deep/below.py", "from sample import hello")
        program = self.serve(
            "--port",
            f"unix:{self.socketPath}",
            "--app-dir",
            "deep",
            app="below.hello",
            env={"PYTHONPATH": self.folder},
        )
        program.waitFor("Listens on ")
        self.assertServes(self.socketPath)

    def test_deadline(self) -> None:
        """
        A request that does not end is aborted when its time is over. The exit status is 0 all the
        same.
        """
        program = self.serveUNIX("--drain-timeout", "0.1", app="sample.echo")
        running = self.begin()
        program.waitFor("echo has begun")
        self.assertEnds(program)
        self.assertRaises((AssertionError, ConnectionError), answer, running)

    def test_secondSignal(self) -> None:
        """
        Told a second time to stop, it does not wait for its requests.
        """
        program = self.serveUNIX("--drain-timeout", "3600", app="sample.echo")
        self.begin()
        program.waitFor("echo has begun")
        program.kill(signal.SIGTERM)
        program.waitFor("Stops listening")
        self.assertEnds(program)

    def test_mistakes(self) -> None:
        """
        Whatever the command line gets wrong is answered with one message and status 1.
        """
        self.write("empty.py", "")
        missing = self.path("no")
        unix = f"unix:{self.socketPath}"
        for words, said in (
            (["--app", "nowhere.fn", "--port", unix], "module 'nowhere' not found in "),
            (["--app", "empty.fn", "--port", unix], "empty.py) has no 'fn'"),
            (["--app", "sample.number", "--port", unix], "is of type int, which can't be called"),
            (["--app", "sample", "--port", unix], "does not name an app"),
            (
                ["--app", "sample.hello", "--port", unix, "--app-dir", missing],
                "the directory does not exist",
            ),
            (["--app", "sample.hello", "--port", f"unix:{missing}/a"], "no does not exist"),
            (["--app", "sample.hello", "--port", "nonsense"], "'nonsense' is not a valid endpoint"),
            (["--app", "sample.hello", "--port", "tcp:99999:interface=127.0.0.1"], "up to 65535"),
            (["--app", "sample.hello", "--port", "tcp:9000"], "is open to other machines"),
            (["--app", "sample.hello", "--port", unix, "--allow-from", "me"], "'me' is neither"),
            (["--app", "sample.hello", "--port", unix, "--max-requests", "x"], "takes a whole"),
            (["--app", "sample.hello", "--port", unix, "--nonsense"], "--nonsense not recognized"),
            (["--app", "sample.hello", "--port", "fcgi:fd=0"], "0 is a device, not a listening"),
            (
                ["--app", "sample.hello", "--port", "systemd:domain=UNIX:index=0"],
                "no such socket",
            ),
        ):
            self.assertFailsWithoutTraceback(self.start(*self.command, "fcgi", *words), said)

    def test_otherFile(self) -> None:
        """
        A file that is no socket is left alone.
        """
        self.write("app.sock", "precious")
        program = self.serve("--port", f"unix:{self.socketPath}")
        self.assertFailsWithoutTraceback(
            program, "exists and is not a socket; the server does not touch it"
        )
        with open(self.socketPath) as file:
            self.assertEqual(file.read(), "precious")

    def test_deadSocket(self) -> None:
        """
        A server that was killed leaves its socket. The next one replaces it.
        """
        program = self.serveUNIX()
        program.kill(signal.SIGKILL)
        program.end()
        self.assertTrue(os.path.exists(self.socketPath))
        self.serveUNIX()
        self.assertServes(self.socketPath)

    def test_socketOfSomebodyElse(self) -> None:
        """
        When it ends it removes no socket but its own.
        """
        program = self.serveUNIX()
        os.unlink(self.socketPath)
        other = self.listener(socket.AF_UNIX, self.socketPath)
        self.assertEnds(program)
        self.connect(self.socketPath)
        other.close()

    def test_openDirectory(self) -> None:
        """
        A directory that everyone can write to is refused, or taken on request.
        """
        os.chmod(self.folder, 0o777)
        port = f"unix:{self.socketPath}"
        self.assertFailsWithoutTraceback(self.serve("--port", port), "is writable by everyone")
        self.serve("--port", port, "--insecure").waitFor("Listens on ")
        self.assertServes(self.socketPath)

    def test_allowFrom(self) -> None:
        """
        A peer that is not in the list is closed at once, and one that is is served.
        """
        for words, env in (
            (["--allow-from", "192.0.2.7"], {}),
            ([], {"FCGI_WEB_SERVER_ADDRS": "192.0.2.7, 192.0.2.8"}),
            (["--allow-from", "127.0.0.1"], {"FCGI_WEB_SERVER_ADDRS": "192.0.2.7"}),
        ):
            _, address = self.serveTCP(*words, env=env)
            self.assertRefused(address)
        for words, env in (
            (["--allow-from", "192.0.2.7,127.0.0.0/8"], {}),
            ([], {"FCGI_WEB_SERVER_ADDRS": " 127.0.0.1 "}),
        ):
            _, address = self.serveTCP(*words, env=env)
            self.assertServes(address)

    def assertRefused(self, address: str | tuple[str, int]) -> None:
        """
        A connection has to be closed before anything is sent on it.
        """
        connection = self.connect(address)
        try:
            data = connection.recv(1)
        except ConnectionResetError:
            data = b""
        self.assertEqual(data, b"")

    def test_allowFromAndUNIX(self) -> None:
        """
        A list of IP addresses has nothing against peers on a Unix socket.
        """
        program = self.serve(
            "--port", f"unix:{self.socketPath}", env={"FCGI_WEB_SERVER_ADDRS": "192.0.2.7"}
        )
        program.waitFor("Listens on ")
        self.assertServes(self.socketPath)

    def test_allowUser(self) -> None:
        """
        On a Unix socket, only the users that are named are served, if some are; workers do the
        same. Who is closed, and what to do, is logged.
        """
        me = str(os.getuid())
        for more in ([], ["--workers", "1"]):
            port = f"unix:{self.socketPath}"
            served = self.serve("--port", port, "--allow-user", f"4711,{me}", *more)
            served.waitFor("1 of 1 workers ready" if more else "Listens on ")
            self.assertServes(self.socketPath)
            self.assertEnds(served)
            refused = self.serve("--port", port, "--allow-user", "4711", *more)
            refused.waitFor("1 of 1 workers ready" if more else "Listens on ")
            self.assertRefused(self.socketPath)
            refused.waitFor(f"it is user {me}")
            refused.waitFor("name its user in --allow-user")
            self.assertEnds(refused)

    def test_emptyAllowList(self) -> None:
        """
        An empty list in the environment is a mistake, rather than a list of everyone.
        """
        program = self.serve("--port", f"unix:{self.socketPath}", env={"FCGI_WEB_SERVER_ADDRS": ""})
        self.assertFailsWithoutTraceback(program, "FCGI_WEB_SERVER_ADDRS in the environment")

    def test_inheritedPort(self) -> None:
        """
        The socket may be a TCP socket of either family.
        """
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            listening = self.listener(family, (host, 0))
            program = self.serve("--port", "fcgi:fd=0", stdin=listening)
            program.waitFor("Listens on tcp")
            address = (host, listening.getsockname()[1])
            self.assertServes(address)
            self.assertEnds(program)
            self.connect(address)

    def test_inheritedPublicPort(self) -> None:
        """
        A port that is open to other machines is refused as one of its own would be.
        """
        listening = self.listener(socket.AF_INET, ("0.0.0.0", 0))
        self.assertFailsWithoutTraceback(
            self.serve("--port", "fcgi:fd=0", stdin=listening), "is open to other machines"
        )
