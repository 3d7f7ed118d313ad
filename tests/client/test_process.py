"""
Back ends that are started and ended by the program that calls them.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.folders import folderFor
from txfcgi import PHPFPM, ClientOptions, FastCGIClient, SCGIClient
from txfcgi.client import FCGIProcess, phpFPM
from txfcgi.errors import BackEndFailed, InvalidRequest

from .backends import GET

SERVES = """
import os
from txfcgi import Response, serve
print("begins")
serve(lambda request: Response(200, {}, request.params["NAME"].encode()), log=False)
"""

LISTENS = """
import sys, time, socket
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen()
while True:
    connection, _ = listening.accept()
    data = connection.recv(10000)
    if data:
        connection.sendall(b"Status: 200 OK\\r\\n\\r\\nheard")
    connection.close()
"""


class ProcessTests(TestCase):
    """
    Programs of Python.
    """

    def process(self, program: str, *arguments: str, **options: Any) -> FCGIProcess:
        """
        A program.
        """
        process = FCGIProcess(reactor, [sys.executable, "-c", program, *arguments], **options)
        self.addCleanup(process.stop)
        return process

    async def test_given(self) -> None:
        """
        A program gets the socket as its descriptor 0, and need not be waited for: connections are
        taken at once.
        """
        process = self.process(SERVES)
        await process.start()
        self.assertEqual(process.folder.stat().st_mode & 0o777, 0o700)
        client = FastCGIClient(reactor, process.endpoint)
        for name in ("first", "second"):
            response = await client.request({**GET, "NAME": name})
            self.assertEqual(await response.text(), name)
        await client.close()
        pid = process.pid
        assert pid is not None
        await process.stop()
        self.assertIsNone(process.pid)
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)
        self.assertFalse(process.folder.exists())
        self.assertEqual(process.output, b"begins\n")
        await process.stop()
        await process.whenEnded()

    async def test_listensItself(self) -> None:
        """
        A program that is told the path is waited for.
        """
        async with self.process(LISTENS, "{socket}") as process:
            client = SCGIClient(reactor, process.endpoint)
            response = await client.request(GET)
            self.assertEqual(await response.content(), b"heard")
            await client.close()
        self.assertFalse(process.folder.exists())

    async def test_endsAtOnce(self) -> None:
        """
        A program that ends before it listens: its last words are in the error.
        """
        process = self.process("import sys; sys.exit('no such port')", "{socket}")
        error: Any = await self.assertFailure(process.start(), BackEndFailed)
        self.assertIn("ended before it listened", str(error))
        self.assertIn("no such port", str(error))
        self.assertIn(b"no such port", error.output)
        self.assertFalse(process.folder.exists())

    async def test_neverListens(self) -> None:
        """
        A program that does not listen is ended.
        """
        process = self.process("input()", "{socket}", startTimeout=0.1)
        error: Any = await self.assertFailure(process.start(), BackEndFailed)
        self.assertIn("does not listen on", str(error))
        self.assertIsNone(process.pid)

    async def test_notInstalled(self) -> None:
        """
        A program that is not there.
        """
        process = FCGIProcess(reactor, ["no-such-program"])
        error: Any = await self.assertFailure(process.start(), BackEndFailed)
        self.assertIn("no-such-program is not installed", str(error))
        error = await self.assertFailure(process.start(), BackEndFailed)
        self.assertIn("was started before", str(error))

    async def test_stubborn(self) -> None:
        """
        A program that does not mind the signal is killed.
        """
        deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + LISTENS
        process = self.process(deaf, "{socket}", stopTimeout=0.1)
        await process.start()
        await process.stop()
        self.assertIsNone(process.pid)

    async def test_endsByItself(self) -> None:
        """
        A program that dies is in the log, with its last words.
        """
        events: list[Any] = []
        observer = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        process = self.process(LISTENS, "{socket}")
        await process.start()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        while process.pid is not None:
            await deferLater(reactor, 0.01)
        (event,) = [event for event in events if "ended by itself" in str(event["log_format"])]
        self.assertIn("signal 9", event["reason"])


class PHPTests(TestCase):
    """
    A php-fpm of one's own.
    """

    async def test_php(self) -> None:
        """
        It serves a script, with the settings that were given.
        """
        root = folderFor(self)
        (root / "hello.php").write_text("<?php echo 'hello ', ini_get('memory_limit');")
        root.chmod(0o755)
        user = "root" if os.geteuid() == 0 else None
        settings = {"php_admin_value[memory_limit]": "77M"}
        async with phpFPM(reactor, children=1, user=user, settings=settings) as process:
            client = FastCGIClient(reactor, process.endpoint, ClientOptions.forPHP())
            response = await client.request(PHPFPM(str(root)).params("GET", "/hello.php"))
            self.assertEqual(await response.text(), "hello 77M")
            await client.close()


class ArgumentTests(SynchronousTestCase):
    """
    What can't be started.
    """

    def test_command(self) -> None:
        """
        A command is a list.
        """
        commands: list[Any] = ["php-cgi -b 9000", b"php-cgi", [], ()]
        for wrong in commands:
            with self.assertRaises(InvalidRequest):
                FCGIProcess(reactor, wrong)

    def test_settings(self) -> None:
        """
        Nothing gets into the configuration but what is meant to.
        """
        for wrong in ({"a": "b\nuser = root"}, {"a\r": "b"}, {"a": 5}):
            with self.assertRaises(InvalidRequest):
                phpFPM(reactor, user="nobody", settings=wrong)  # type: ignore[arg-type]
        with self.assertRaises(InvalidRequest):
            phpFPM(reactor, user="nobody\nlisten = 9000")

    def test_root(self) -> None:
        """
        As root, one says whose processes these are to be.
        """
        self.patch(os, "geteuid", lambda: 0)
        with self.assertRaises(InvalidRequest):
            phpFPM(reactor)
