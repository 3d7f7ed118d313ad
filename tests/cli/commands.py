"""
Running commands in this process, against real sockets.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from txfcgi import Request, Response, testing
from txfcgi.cli.console import Console
from txfcgi.cli.main import makeParser
from txfcgi.client.client import Client

reactor: Any = globalReactor


@dataclass(frozen=True)
class Done:
    """
    What a command did.

    @ivar out: What it wrote to stdout.
    @ivar err: What it wrote to stderr.
    """

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """
        The lines of stdout.
        """
        return self.out.splitlines()


class CommandCase(TestCase):
    """
    Tests that run commands, each with a folder of its own.
    """

    timeout = 60

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="txfcgi-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name: str, content: str | bytes) -> str:
        """
        Make a file.

        @return: Its path.
        """
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    async def listen(self, factory: Factory) -> str:
        """
        Serve on a Unix socket.

        @return: Its path.
        """
        path = str(self.folder / f"{len(os.listdir(self.folder))}.sock")
        port = await UNIXServerEndpoint(reactor, path, mode=0o600).listen(factory)
        self.addCleanup(port.stopListening)
        return path

    async def serve(self, app: Callable[[Any], Any], protocol: str = "fastcgi") -> str:
        """
        Serve an app.

        @return: The path of the socket.
        """
        path = str(self.folder / f"{len(os.listdir(self.folder))}.sock")
        testing.serve(self, app, protocol, path=path, mayLeave=True)
        return path

    async def command(self, *words: str) -> Done:
        """
        Run a command.
        """
        args = makeParser().parse_args(words)
        out, err = io.BytesIO(), io.StringIO()
        status = await args.run(reactor, args, Console(out, err))
        return Done(status, out.getvalue().decode("utf-8", "backslashreplace"), err.getvalue())


class Stopping:
    """
    The reactor, with a shutdown that a test decides on.
    """

    def __init__(self) -> None:
        self.stop: Any = None
        self.ready: Deferred[None] = Deferred()

    def addSystemEventTrigger(self, phase: str, event: str, function: Any, *args: Any) -> None:
        """
        Keep what is to be called at shutdown.
        """
        assert (phase, event) == ("before", "shutdown")
        self.stop = lambda: function(*args)
        self.ready.callback(None)

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


async def echo(request: Request) -> Response:
    """
    An app that gives back the body.
    """
    return Response(200, {"Set-Cookie": "abc"}, request.stdin)


class DumpCase(CommandCase):
    """
    Tests of C{txfcgi dump --listen ... --connect ...}.
    """

    async def converse(self, client: Client) -> None:
        """
        Ask L{echo} twice, with a long body and with none.
        """
        self.addCleanup(client.close)
        body = b"0123456789" * 400_000
        response = await client.request({"HTTP_COOKIE": "abc"}, body)
        self.assertEqual(await response.content(), body)
        response = await client.request({"X": "y"})
        await response.content()
        await client.close()

    async def passing(self, to: str, *words: str) -> tuple[str, Any]:
        """
        Start to stand before an endpoint.

        @return: The path to connect to, and a function that stops it and gives back the lines.
        """
        path = str(self.folder / "seen.sock")
        args = makeParser().parse_args(
            ["dump", "--listen", f"unix:{path}", "--connect", to, *words]
        )
        out, stopping = io.BytesIO(), Stopping()
        err = io.StringIO()
        running: Deferred[int] = Deferred.fromCoroutine(args.run(stopping, args, Console(out, err)))
        await stopping.ready

        async def stop() -> list[str]:
            stopping.stop()
            self.assertEqual(await running, 0)
            return (out.getvalue().decode() + err.getvalue()).splitlines()

        return path, stop
