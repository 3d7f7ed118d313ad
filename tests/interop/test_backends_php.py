"""
The client and php-fpm: what only php-fpm does.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredSemaphore, ensureDeferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from txfcgi.client.client import FastCGIClient
from txfcgi.client.options import ClientOptions, RetryPolicy
from txfcgi.errors import NoResponse, RequestFailed, RequestNotSent, ResponseCutOff

from .backends import PHP, RunningBackend, phpFPM
from .processes import Workspace, folder
from .test_backends import BackendCase, CommonTests


class TestOverTCP(CommonTests, BackendCase):
    """
    All that every back end does, over TCP.
    """

    kind = PHP
    endpoint = 1


def whenGone(calling: FastCGIClient) -> Deferred[None]:
    """
    Wait until the client has no connections.
    """

    async def wait() -> None:
        while calling.pool.connections:
            await deferLater(reactor, 0.05)

    return ensureDeferred(wait())


class TestPHP(BackendCase):
    """
    One request at a time.
    """

    kind = PHP

    async def test_errorPage(self) -> None:
        """
        An uncaught exception: a 500, and the reason on stderr.
        """
        response = await self.client().request(self.backend.params("error"))
        self.assertEqual(response.code, 500)
        self.assertIn(b"a mistake in the script", response.stderr)

    async def test_noScript(self) -> None:
        """
        A script that does not exist: a 404, and the reason on stderr.
        """
        params = self.backend.params("hello", SCRIPT_FILENAME="/nowhere/at/all.php")
        response = await self.client().request(params)
        self.assertEqual(response.code, 404)
        self.assertIn(b"Primary script unknown", response.stderr)

    async def test_params(self) -> None:
        """
        All params arrive, byte for byte, long ones and strange ones too.
        """
        sent = {
            "HTTP_X_LONG": "x" * 60_000,
            "HTTP_X_ODD": "\xfc\udcff\n\x01",
            "HTTP_X_EMPTY": "",
            "N" * 300: "long name",
        }
        response = await self.client().request(self.backend.params("params") | sent)
        got = dict(line.split("=") for line in (await response.text()).split())
        for name, value in sent.items():
            self.assertEqual(bytes.fromhex(got[name]), value.encode("utf-8", "surrogateescape"))

    async def test_getValues(self) -> None:
        """
        php-fpm says that its connections can't be shared.
        """
        calling = self.client()
        values = await calling.getValues()
        self.assertEqual(values["FCGI_MPXS_CONNS"], "0")
        await gatherResults([calling.request(self.backend.params("hello")) for _ in range(3)])
        self.assertEqual(calling.pool.connections, 3)

    async def test_ping(self) -> None:
        """
        php-fpm's own pages need no script.
        """
        params = {"SCRIPT_NAME": "/ping", "SCRIPT_FILENAME": "/ping", "REQUEST_METHOD": "GET"}
        response = await self.client().request(params)
        self.assertEqual(await response.content(), b"pong")

    async def test_killed(self) -> None:
        """
        A child that dies over a request: no response, and no second attempt, for the next child
        would die as well.
        """
        response = await self.client().request(self.backend.params("pid"))
        first = await response.content()
        self.assertGreater(int(first), 0)
        calling = self.client()
        asked = calling.request(self.backend.params("slow", WAIT_FOR=str(self._fifo())))
        response = await asked
        pid = await self._childOf(calling)
        content = response.content()
        os.kill(pid, signal.SIGKILL)
        await self.assertFailure(content, ResponseCutOff)

    def _fifo(self) -> Any:
        path = self.backend.workspace.root / "fifo"
        os.mkfifo(path)
        return path

    async def _childOf(self, calling: FastCGIClient) -> int:
        """
        The child of php-fpm that is busy.
        """
        status = await self.client().request(
            {
                "SCRIPT_NAME": "/status",
                "SCRIPT_FILENAME": "/status",
                "REQUEST_METHOD": "GET",
                "QUERY_STRING": "full&json",
            }
        )
        processes = json.loads(await status.content())["processes"]
        (busy,) = [
            process["pid"]
            for process in processes
            if process["state"] == "Running" and "slow" in process["request uri"]
        ]
        return int(busy)

    async def test_cancelled(self) -> None:
        """
        A request that is given up; others go on.
        """
        calling = self.client(maxConnections=1)
        path = self.backend.workspace.root / "never"
        os.mkfifo(path)
        response = await calling.request(self.backend.params("slow", WAIT_FOR=str(path)))
        response.abort()
        # Let the script see the end of its file, and its child go on.
        os.close(os.open(path, os.O_WRONLY))
        response = await calling.request(self.backend.params("hello"))
        self.assertEqual(await response.content(), b"hello\n")


class TestRestarts(TestCase):
    """
    Children that come to the end of their time, and a php-fpm that is restarted, in the middle of a
    thousand requests.
    """

    timeout = 60

    def start(self, **settings: Any) -> RunningBackend:
        """
        Run php-fpm for one test.
        """
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.stack = stack
        self.workspace = Workspace(stack.enter_context(folder()))
        return stack.enter_context(phpFPM(self.workspace, **settings))

    async def thousand(
        self, calling: FastCGIClient, backend: RunningBackend, interrupt: Any = None
    ) -> list[RequestFailed]:
        """
        Make a thousand requests.

        @param interrupt: Is called after the first hundred.
        @return: What went wrong.
        """
        done = 0
        errors: list[RequestFailed] = []

        async def one(number: int) -> None:
            nonlocal done
            try:
                response = await calling.request(backend.params("hello"))
                self.assertEqual(await response.content(), b"hello\n")
            except RequestFailed as error:
                errors.append(error)
            done += 1
            if done == 100 and interrupt is not None:
                interrupt()

        limit = DeferredSemaphore(20)
        await gatherResults([limit.run(one, number) for number in range(1_000)], consumeErrors=True)
        return errors

    async def test_maxRequests(self) -> None:
        """
        C{pm.max_requests} is reached again and again: not one response is lost.
        """
        backend = self.start(settings="pm.max_requests = 30")
        for endpoint in backend.endpoints:
            calling = FastCGIClient(reactor, endpoint, ClientOptions(maxConnections=4))
            self.addCleanup(calling.close)
            self.assertEqual(await self.thousand(calling, backend), [])

    async def test_fewChildren(self) -> None:
        """
        There are fewer children than the client may have connections, always or now and then: none
        starves behind kept connections, which stay open for longer than this test may take.
        """
        for settings in (
            "pm.max_children = 1",
            "pm.max_children = 3\npm.max_requests = 25",
            "pm = dynamic\npm.max_children = 5\npm.start_servers = 2\npm.min_spare_servers = 1\n"
            "pm.max_spare_servers = 3",
        ):
            backend = self.start(settings=settings)
            options = ClientOptions(idleTimeout=1_000)
            calling = FastCGIClient(reactor, backend.endpoints[0], options)
            self.addCleanup(calling.close)
            self.assertEqual(await self.thousand(calling, backend), [])

    async def test_longScripts(self) -> None:
        """
        Scripts that take long are not disturbed by others that want their children: each is
        answered, once, when it is let go.
        """
        backend = self.start(children=3)
        options = ClientOptions(idleTimeout=1_000)
        calling = FastCGIClient(reactor, backend.endpoints[0], options)
        self.addCleanup(calling.close)
        paths = [self.workspace.root / f"fifo-{number}" for number in range(2)]
        long = []
        for path in paths:
            os.mkfifo(path)
            asked = calling.request(backend.params("wait", WAIT_FOR=str(path)))
            long.append(asked.addCallback(lambda response: response.content()))
        self.assertEqual(await self.thousand(calling, backend), [])
        for path in paths:
            os.close(os.open(path, os.O_WRONLY))
        self.assertEqual(await gatherResults(long), [b"done\n"] * 2)

    async def test_reload(self) -> None:
        """
        php-fpm is reloaded: not one response is lost with a policy that tries again what nothing
        was heard of.
        """
        backend = self.start()
        policy = RetryPolicy(
            attempts=500,
            delay=0.1,
            when=lambda error: error.stale or isinstance(error, (RequestNotSent, NoResponse)),
        )
        calling = FastCGIClient(
            reactor, backend.endpoints[0], ClientOptions(maxConnections=4, retry=policy)
        )
        self.addCleanup(calling.close)
        reload = lambda: backend.child.process.send_signal(signal.SIGUSR2)  # noqa: E731
        self.assertEqual(await self.thousand(calling, backend, reload), [])

    async def test_restart(self) -> None:
        """
        php-fpm is stopped in the middle and started again: each request has an answer or an error
        that tells how far it came, and those behind the restart have answers.
        """
        backend = self.start()
        calling = FastCGIClient(
            reactor, backend.endpoints[0], ClientOptions(maxConnections=4, retry=RetryPolicy())
        )
        self.addCleanup(calling.close)
        errors = await self.thousand(calling, backend, backend.child.stop)
        self.assertTrue(errors)
        for error in errors:
            self.assertIsInstance(error, (RequestNotSent, NoResponse))
        self.assertEqual(calling.pool.connections, 0)
        again = self.stack.enter_context(phpFPM(self.workspace))
        self.assertEqual(await self.thousand(calling, again), [])

    async def test_idleConnections(self) -> None:
        """
        php-fpm drops the connections that nobody uses when it is reloaded; the pool notices, and
        nobody else.
        """
        backend = self.start()
        calling = FastCGIClient(
            reactor,
            backend.endpoints[0],
            ClientOptions(maxConnections=4, idleTimeout=1_000, retry=RetryPolicy(attempts=0)),
        )
        self.addCleanup(calling.close)
        await gatherResults([calling.request(backend.params("hello")) for _ in range(4)])
        self.assertEqual(calling.pool.idle, 4)
        backend.child.process.send_signal(signal.SIGUSR2)
        await whenGone(calling)
        response = await calling.request(backend.params("hello"))
        self.assertEqual(await response.content(), b"hello\n")
