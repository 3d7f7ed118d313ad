"""
Tests of C{twistd fcgi} as a daemon.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path
from typing import Any

from .processes import Program, ProgramTests, until

CONF = Path(__file__).parent.parent.parent / "docs" / "deploy" / "conf"


FAILING = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
"""

#: An application that is ready when "fifo" has been opened; never, if there is none.
SLOW = """
import asyncio
from pathlib import Path

async def app(scope, receive, send):
    await receive()
    Path("begun").touch()
    if Path("fifo").exists():
        await asyncio.to_thread(open, "fifo")
    else:
        await asyncio.Event().wait()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
"""


class DaemonTests(ProgramTests):
    """
    Tests of C{twistd fcgi} as a daemon.
    """

    def daemon(self, *words: str, before: tuple[str, ...] = (), **options: Any) -> Program:
        """
        Start a daemon, and wait until the command that starts it ends.
        """
        program = self.start("twistd", *before, "fcgi", "--app", "sample.hello", *words, **options)
        self.addCleanup(self.stop)
        return program

    def stop(self) -> None:
        """
        Stop the daemon, and wait until it is gone.
        """
        if os.path.exists(self.path("twistd.pid")):
            with open(self.path("twistd.pid")) as file:
                os.kill(int(file.read()), signal.SIGTERM)
            until(lambda: not os.path.exists(self.path("twistd.pid")))

    def log(self) -> str:
        """
        What the daemon logged.
        """
        with open(self.path("twistd.log")) as file:
            return file.read()

    def test_serves(self) -> None:
        """
        It serves when the command that starts it has ended, with its umask set aside for the
        socket, and leaves nothing but its log.
        """
        program = self.daemon("--port", f"unix:{self.socketPath}")
        self.assertEqual(program.end(), 0, program.said)
        self.assertServes(self.socketPath)
        self.assertEqual(stat.S_IMODE(os.stat(self.socketPath).st_mode), 0o660)
        self.stop()
        self.assertEqual(
            sorted(set(os.listdir(self.folder)) - {"__pycache__"}), ["sample.py", "twistd.log"]
        )

    def test_mistakeBefore(self) -> None:
        """
        What is wrong with the command line is said before there is a daemon.
        """
        program = self.daemon("--port", "carrier:pigeon")
        self.assertEqual(program.end(), 1)
        self.assertIn("twistd fcgi: --port 'carrier:pigeon' is not a valid endpoint", program.said)
        self.assertNotIn("Traceback", program.said)
        self.assertFalse(os.path.exists(self.path("twistd.log")))

    def test_mistakeAfter(self) -> None:
        """
        What the daemon finds wrong is printed whole, and is in the log as well. The exit status is
        1, and there is no pid file.
        """
        listening = self.listener(socket.AF_UNIX, self.socketPath)
        program = self.daemon("--port", "unix:app.sock")
        self.assertEqual(program.end(), 1)
        self.assertIn(
            f"unix:app.sock: {self.socketPath} is in use: another server answers there "
            f"(process {os.getpid()}, ",
            program.said.partition("An error has occurred: b'see above'")[0],
        )
        self.assertNotIn("Traceback", program.said)
        until(lambda: f"unix:app.sock: {self.socketPath} is in use" in self.log())
        until(lambda: not os.path.exists(self.path("twistd.pid")))
        self.assertNotIn("Traceback", self.log())
        listening.close()

    def test_appFails(self) -> None:
        """
        The command that starts a daemon waits until the app is ready. If it can't get ready, the
        command says why, and its exit status is 1, with workers and without.
        """
        self.write("failing.py", FAILING)
        for words in ((), ("--workers", "2")):
            program = self.start(
                *("twistd", "fcgi", "--port", f"unix:{self.socketPath}"),
                *("--asgi", "failing:app", *words),
            )
            self.assertEqual(program.end(), 1)
            said, _, rest = program.said.partition("\nAn error has occurred: b'see above'")
            self.assertRegex(
                said, r"^(worker \d \(.*\) can't start: )?failing:app failed to start: no d"
            )
            self.assertNotEqual(rest, "")
            until(lambda: not os.path.exists(self.path("twistd.pid")))
        log = self.log()
        self.assertIn("failing:app failed to start: no database", log)
        self.assertNotIn("link to the master", log)

    def test_waits(self) -> None:
        """
        While the app gets ready, the command that starts the daemon does not end.
        """
        self.write("slow.py", SLOW)
        os.mkfifo(self.path("fifo"))
        program = self.start(
            "twistd", "fcgi", "--port", f"unix:{self.socketPath}", "--asgi", "slow:app"
        )
        self.addCleanup(self.stop)
        until(lambda: os.path.exists(self.path("begun")))
        self.assertRaises(subprocess.TimeoutExpired, program.wait, 0)
        with open(self.path("fifo"), "w"):
            pass
        self.assertEqual((program.end(), program.said), (0, ""))

    def test_stopped(self) -> None:
        """
        If the daemon is stopped before that, the command ends, with status 1.
        """
        self.write("slow.py", SLOW)
        program = self.start(
            "twistd", "fcgi", "--port", f"unix:{self.socketPath}", "--asgi", "slow:app"
        )
        until(lambda: os.path.exists(self.path("begun")))
        self.stop()
        self.assertEqual(program.end(), 1)
        self.assertIn("The server was stopped before it was ready.\n", program.said)

    def test_reopensLog(self) -> None:
        """
        SIGUSR1 opens a log again that was renamed. Nothing else is renamed or stopped, and nobody
        but owner and group can read the log.
        """
        self.addCleanup(os.umask, os.umask(0o022))
        program = self.daemon("--port", f"unix:{self.socketPath}")
        self.assertEqual(program.end(), 0, program.said)
        log, old = Path(self.path("twistd.log")), Path(self.path("old.log"))
        log.rename(old)
        with open(self.path("twistd.pid")) as file:
            os.kill(int(file.read()), signal.SIGUSR1)
        until(log.exists)
        self.assertServes(self.socketPath)
        self.stop()
        until(lambda: "Server Shut Down" in log.read_text())
        self.assertIn("Listens on unix", old.read_text())
        self.assertEqual(stat.S_IMODE(old.stat().st_mode), 0o640)

    def test_logrotate(self) -> None:
        """
        The file for logrotate does what it is for.
        """
        os.mkdir(self.path("log"))
        os.chmod(self.folder, 0o755)
        pidFile = self.path("log/app.pid")
        program = self.start(
            *("twistd", f"--logfile={self.path('log/app.log')}", f"--pidfile={pidFile}", "fcgi"),
            *("--port", f"unix:{self.socketPath}", "--app", "sample.hello"),
        )
        self.assertEqual(program.end(), 0, program.said)
        with open(pidFile) as file:
            pid = int(file.read())
        self.addCleanup(until, lambda: not os.path.exists(pidFile))
        self.addCleanup(os.kill, pid, signal.SIGTERM)
        text = (CONF / "logrotate").read_text()
        owner = f"{pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}"
        for old, new in (
            ("/var/log/txfcgi", self.path("log")),
            ("/run/txfcgi/app.pid", pidFile),
            (
                "www-data adm",
                f"{pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}",
            ),
            ("daily", f"daily\nsu {owner}"),
        ):
            self.assertIn(old, text)
            text = text.replace(old, new)
        self.write("logrotate.conf", text)
        os.chmod(self.path("logrotate.conf"), 0o644)
        command = shutil.which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin")
        assert command is not None, "there is no logrotate: apt-get install logrotate"
        done = subprocess.run(
            [command, "--force", "--state", self.path("state"), self.path("logrotate.conf")],
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertServes(self.socketPath)
        # What is logged now is in the new file.
        connection = self.connect(self.socketPath)
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        until(lambda: "HTTP" in Path(self.path("log/app.log")).read_text())
        self.assertIn("Listens on unix", Path(self.path("log/app.log.1")).read_text())
        self.assertEqual(stat.S_IMODE(os.stat(self.path("log/app.log")).st_mode), 0o640)

    def test_user(self) -> None:
        """
        A daemon that gives up root for another user has the socket that it made before, and ends
        cleanly.
        """
        user = 65534 if os.getuid() == 0 else os.getuid()
        os.chmod(self.folder, 0o755)
        os.mkdir(self.path("run"))
        os.chown(self.path("run"), user, -1)
        path = self.path("run/app.sock")
        program = self.daemon("--port", f"unix:{path}:owner={user}", before=(f"--uid={user}",))
        self.assertEqual(program.end(), 0, program.said)
        self.assertServes(path)
        self.assertEqual(os.stat(path).st_uid, user)
        with open(self.path("twistd.pid")) as file:
            pid = int(file.read())
        os.kill(pid, signal.SIGTERM)
        until(lambda: not os.path.exists(path))
        # Who has not given up root may remove it as well.
        Path(self.path("twistd.pid")).unlink(missing_ok=True)
