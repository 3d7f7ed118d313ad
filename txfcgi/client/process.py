"""
L{FCGIProcess}: a back end that the program which calls it starts and ends, for a test or for as
long as the program runs. L{phpFPM} is one with php-fpm.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import BackEndFailed, InvalidRequest

#: Stands for the path of the socket in the command and the environment of a program.
SOCKET: Final = "{socket}"

# Seconds between two looks whether a program listens.
_PAUSE: Final = 0.02
# Bytes that are kept of what it writes.
_OUTPUT_BYTES: Final = 65_536
# How many connections may wait for a program that is given its socket.
_BACKLOG: Final = 512

_FPM: Final = """\
[global]
daemonize = no
error_log = /dev/stderr
[www]
{user}listen = ${{TXFCGI_SOCKET}}
pm = static
pm.max_children = {children}
catch_workers_output = yes
{settings}
"""


class _Watched(ProcessProtocol):
    """
    Passes on what a program writes, and its end.
    """

    def __init__(self, process: FCGIProcess) -> None:
        self._process = process

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """
        It wrote something.
        """
        self._process.wrote(data)

    def processEnded(self, reason: Failure) -> None:
        """
        It ended.
        """
        self._process.ended(reason)


class FCGIProcess:
    """
    A program that serves FastCGI, or SCGI, on a Unix socket in a folder of its own::

        async with FCGIProcess(reactor, ["php-cgi"]) as process:
            client = FastCGIClient(reactor, process.endpoint)

    It inherits the listening socket as descriptor 0 (section 2.2), as from a web server. If its
    command or its environment contains C{{socket}}, that is replaced by the path of the socket, and
    the program has to listen there by itself.

    @ivar command: The program and its arguments.
    @ivar folder: The folder of the socket, which no other user may enter. L{stop} deletes it.
    @ivar path: The path of the socket.
    @ivar endpoint: The endpoint for clients.
    @ivar pid: The id of the process, while it runs.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        startTimeout: float = 10.0,
        stopTimeout: float = 5.0,
        stopSignal: int = signal.SIGTERM,
    ) -> None:
        """
        @param command: The program and its arguments; it is looked for in PATH, and where Debian
            keeps servers.
        @param environment: Its environment; this program's own, if not given.
        @param startTimeout: Seconds in which it has to listen.
        @param stopTimeout: Seconds in which it has to end after C{stopSignal}, before it is killed.
        @raise InvalidRequest: If the command is not a list of strings.
        """
        if isinstance(command, (str, bytes)) or not command:
            raise InvalidRequest(
                f"a command is a list, the program and its arguments, not {command!r:.80}"
            )
        self._reactor = reactor
        self.command = list(command)
        self._environment = dict(os.environ if environment is None else environment)
        self._startTimeout = startTimeout
        self._stopTimeout = stopTimeout
        self._stopSignal = stopSignal
        self._transport: Any = None
        self._reason: Failure | None = None
        self._output = bytearray()
        self._waiting: list[Deferred[None]] = []
        self._place = TemporaryDirectory(prefix="txfcgi-", ignore_cleanup_errors=True)
        self.folder = Path(self._place.name)
        self.path = str(self.folder / "socket")
        self.endpoint = UNIXClientEndpoint(reactor, self.path)
        self.pid: int | None = None

    @property
    def output(self) -> bytes:
        """
        The last output of the program, on its standard output and error.
        """
        return bytes(self._output)

    # Starting

    def start(self) -> Deferred[None]:
        """
        Start the program. It can be started once.

        @return: Fires when the program accepts connections. It fails with
            L{BackEndFailed<txfcgi.errors.BackEndFailed>} if the program is not installed, ends, or
            does not listen in time.
        """
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        if self._transport is not None or not self.folder.exists():
            raise self._failed("was started before")
        name = self.command[0]
        program = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
        try:
            if program is None:
                raise self._failed("is not installed, or not to be run")
            if any(SOCKET in text for text in (*self.command, *self._environment.values())):
                self._spawn(program, None)
                await self._untilItListens()
            else:
                with socket.socket(socket.AF_UNIX) as listening:
                    listening.bind(self.path)
                    listening.listen(_BACKLOG)
                    self._spawn(program, listening.fileno())
        except BaseException:
            await self._stop()
            raise

    def _spawn(self, program: str, listening: int | None) -> None:
        told = [part.replace(SOCKET, self.path) for part in self.command]
        environment = {
            name: value.replace(SOCKET, self.path) for name, value in self._environment.items()
        }
        descriptors: dict[int, Any] = {1: "r", 2: "r"}
        descriptors[0] = "w" if listening is None else listening
        self._transport = self._reactor.spawnProcess(
            _Watched(self), program, told, environment, childFDs=descriptors
        )
        self.pid = self._transport.pid

    async def _untilItListens(self) -> None:
        left = self._startTimeout
        while True:
            if self._reason is not None:
                raise self._failed(f"ended before it listened: {self._reason.getErrorMessage()}")
            try:
                probe: Any = await self.endpoint.connect(Factory.forProtocol(Protocol))
            except Exception:
                if left <= 0:
                    raise self._failed(
                        f"does not listen on {self.path} after {self._startTimeout:g} seconds"
                    ) from None
                left -= _PAUSE
                await deferLater(self._reactor, _PAUSE)
            else:
                probe.transport.loseConnection()
                return

    def _failed(self, what: str) -> BackEndFailed:
        return BackEndFailed(f"the back end {self.command[0]} {what}", self.output)

    # What the process does

    def wrote(self, data: bytes) -> None:
        """
        The program wrote something.
        """
        self._output += data
        del self._output[:-_OUTPUT_BYTES]

    def ended(self, reason: Failure) -> None:
        """
        The program ended.
        """
        self._reason = reason
        self.pid = None
        waiting, self._waiting = self._waiting, []
        if not waiting and not reason.check(ProcessDone):
            self._log.error(
                "the back end {name} ended by itself: {reason}; the last that it wrote: {output!r}",
                name=self.command[0],
                reason=reason.getErrorMessage(),
                output=bytes(self._output[-1000:]),
            )
        for each in waiting:
            each.callback(None)

    def whenEnded(self) -> Deferred[None]:
        """
        Wait for the end of the program.

        @return: Fires when it has ended, for whatever reason.
        """
        ended: Deferred[None] = Deferred(self._waiting.remove)
        if self._reason is not None or self._transport is None:
            ended.callback(None)
        else:
            self._waiting.append(ended)
        return ended

    # Stopping

    def stop(self) -> Deferred[None]:
        """
        End the program, by its signal and, if that is not enough, by SIGKILL.

        @return: Fires when it has ended and its folder is deleted. It may be called twice.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        ended = self.whenEnded()
        if not ended.called:
            self._transport.signalProcess(self._stopSignal)
            killing = self._reactor.callLater(
                self._stopTimeout, self._transport.signalProcess, "KILL"
            )
            await ended
            if killing.active():
                killing.cancel()
        self._place.cleanup()

    async def __aenter__(self) -> FCGIProcess:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()


def phpFPM(
    reactor: Any,
    *,
    children: int = 2,
    user: str | None = None,
    settings: Mapping[str, str] | None = None,
    program: str | None = None,
) -> FCGIProcess:
    """
    Make a php-fpm that belongs to this program. The params of each request say which script it runs
    (L{PHPFPM<txfcgi.cgiparams.PHPFPM>}).

    @param children: How many requests it runs at once, each in a process.
    @param user: The user that they run as; needed if this program runs as root.
    @param settings: More of its pool's settings, as in C{{"pm.max_requests": "100"}}.
    @param program: The program, if it is not the latest C{php-fpm} that is installed.
    @raise InvalidRequest: If a setting can't be written to its configuration, or C{user} is
        missing where this program runs as root.
    """
    if os.geteuid() == 0 and user is None:
        raise InvalidRequest('phpFPM(user=...) is needed as root: "www-data", for example')
    more = {} if settings is None else dict(settings)
    for text in (*more, *more.values(), user or ""):
        if not isinstance(text, str) or any(character in text for character in "\r\n\0"):
            raise InvalidRequest(
                f"{text!r:.80} can't be written to the configuration of php-fpm: give text of one "
                "line"
            )
    name = program or _latestFPM()
    environment = {**os.environ, "TXFCGI_SOCKET": SOCKET}
    process = FCGIProcess(reactor, [name, "--nodaemonize"], environment=environment)
    configuration = process.folder / "php-fpm.conf"
    configuration.write_text(
        _FPM.format(
            user="" if user is None else f"user = {user}\n",
            children=int(children),
            settings="\n".join(f"{key} = {value}" for key, value in more.items()),
        ),
        "utf-8",
    )
    process.command += ["--fpm-config", str(configuration)]
    process.command += ["--allow-to-run-as-root"] * (user == "root")
    return process


def _latestFPM() -> str:
    """
    The name of the php-fpm with the highest version.
    """
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/sbin", "/sbin"]
    found = {path.name for folder in folders for path in Path(folder).glob("php-fpm*")}

    def version(name: str) -> list[int]:
        return [int(part) for part in name.removeprefix("php-fpm").split(".") if part.isdigit()]

    return max(found, key=version, default="php-fpm")
