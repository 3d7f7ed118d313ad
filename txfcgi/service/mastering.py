"""
The service of a master: it opens the sockets, and runs the workers that serve on them.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..counting import counted
from ..errors import CannotServe
from ..monitor.counters import remains, total
from ..monitor.probes import Pool
from ..workers.child import Child
from ..workers.link import DESCRIPTOR
from ..workers.master import Master, MasterOptions
from ..workers.worker import REPORT_EVERY
from .daemon import IGetsReady
from .errors import CannotStart
from .lifetime import endWithFailure
from .notify import Notifier
from .room import checkRoom, makeRoomForWorkers
from .sharing import SharedSocket, openShared
from .signals import Signals
from .snapshots import ofWorkers

# Variables that workers do not inherit: sockets, notifications and options are the master's.
_NOT_INHERITED = (
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "TXFCGI_ARGS",
)


#: Signals that a terminal or a person may send to all processes of a service. A worker leaves them
#: to its master. They are held back until the worker ignores them, as an earlier one would end it.
NOT_FOR_WORKERS = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGTTIN,
    signal.SIGTTOU,
)

# Descriptors that are open at once while a worker is started: two pipes, a pair of sockets, a copy
# of one, standard input, and two that Twisted and the system need for a moment.
_TO_SPAWN = 10


@dataclass(frozen=True)
class WorkerCommand:
    """
    The command that starts a worker.

    @ivar command: C{fcgi} or C{scgi}.
    @ivar words: Its options, without the sockets.
    @ivar reactor: The module that installs its reactor, if not the default one.
    @ivar logsToOutput: Whether its access log is the master's standard output.
    """

    command: str
    words: Sequence[str]
    reactor: str | None = None
    logsToOutput: bool = False

    def line(self, *more: str, flags: Sequence[str] = ()) -> list[str]:
        """
        @param more: More options.
        @param flags: Options of the worker program itself.

        @return: The whole command line.
        """
        own = [*flags, *(["--reactor", self.reactor] if self.reactor else [])]
        program = [sys.executable, "-m", "txfcgi.service.worker"]
        return [*program, *own, self.command, *self.words, *more]


@implementer(IGetsReady)
class Mastering(Service):
    """
    Runs workers on any number of sockets, all or none.

    @ivar accepting: Fires when the first workers serve; fails if they can't start.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        command: WorkerCommand,
        endpoints: Sequence[tuple[str, IStreamServerEndpoint]],
        options: MasterOptions,
        *,
        allowFrom: Callable[[IAddress], bool] | None = None,
        insecure: bool = False,
        shares: bool = False,
    ) -> None:
        """
        @param endpoints: Where to listen: descriptions and endpoints.
        @param allowFrom: Decides who may connect, if that is limited. The workers check it
            themselves.
        @param insecure: Whether other machines may connect without C{allowFrom}.
        @param shares: Whether each worker gets a summary of all workers.
        """
        self._reactor = reactor
        self._command = command
        self._endpoints = list(endpoints)
        self._allowFrom = allowFrom
        self._insecure = insecure
        self._sockets: list[SharedSocket] = []
        self._begun = False
        self.accepting: Deferred[None] = Deferred()
        self._notifier = Notifier(reactor)
        self.master = Master(reactor, options, self._spawn, self._changed, self._parted)
        self._past = total([])
        self.snapshot = ofWorkers(reactor, self.master, self.figures)
        self._pool = Pool(command.command, time.time())
        self._sharing = LoopingCall(self._share)
        self._sharing.clock = reactor
        self._shares = shares
        self._signals = Signals(reactor, self._hurry, reload=self._reload, pending=self._pending)

    def privilegedStartService(self) -> None:
        """
        Open the sockets.

        @raise CannotStart: One of them can't be opened. All are closed again.
        """
        self._begun = True
        self._signals.install()
        makeRoomForWorkers(self.master.options.workers)
        for text, endpoint in self._endpoints:
            try:
                shared = openShared(text, endpoint, self._allowFrom, self._insecure)
            except CannotServe as error:
                self.giveUp()
                raise CannotStart(f"{text}: {error}") from error
            self._sockets.append(shared)
            self.log.info("Listens on {text}.", text=text)

    def giveUp(self) -> None:
        """
        Close the sockets, as the start has failed, here or in another service.
        """
        self._begun = False
        self._signals.restore()
        self._letGo()

    def startService(self) -> None:
        """
        Start the workers.

        @raise CannotStart: As L{privilegedStartService}.
        """
        super().startService()  # type: ignore[no-untyped-call]
        if not self._begun:
            self.privilegedStartService()
        setTitle(f"txfcgi {self._command.command} master")
        self._reactor.callWhenRunning(self._start)

    def _start(self) -> None:
        self.master.started.addCallbacks(self._started, self._failed)
        self.master.start()

    def _started(self, _: object) -> None:
        self.log.info("{text}.", text=self.master.describe())
        self._notifier.ready(self.master.describe())
        self.accepting.callback(None)
        if self._shares:
            self._sharing.start(REPORT_EVERY).addErrback(
                lambda failure: self.log.failure("Reports to the workers have stopped", failure)
            )

    def _share(self) -> None:
        listening = [shared.listening for shared in self._sockets]
        figures = self._pool.figures(self.snapshot(), listening, time.time())
        self.master.tell("summary", **figures)

    def _failed(self, failure: Failure) -> None:
        """
        The first workers can't start, so the service fails.
        """
        self.log.critical("{error}", error=failure.getErrorMessage())
        endWithFailure()
        self.accepting.addErrback(lambda _: None)
        self.accepting.errback(failure)
        if self._reactor.running:
            self._reactor.stop()

    def stopService(self) -> Deferred[None]:
        """
        Remove the sockets' files, and drain the workers.

        @return: Fires when the last worker is gone.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        self._begun = False
        if self._sharing.running:
            self._sharing.stop()
        self._notifier.stopping("draining")
        self._letGo()

        def ended(result: object) -> object:
            self._signals.restore()
            self._notifier.close()
            return result

        stopped: Deferred[None] = self.master.stop().addBoth(ended)
        return stopped

    def _letGo(self) -> None:
        sockets, self._sockets = self._sockets, []
        for shared in sockets:
            if not shared.withdraw():
                self.log.warn("The socket {text} could not be removed.", text=shared.text)
            shared.close()

    # Signals

    def _reload(self) -> None:
        self.log.info("SIGHUP: reloads.")
        self._notifier.reloading("reloading")
        self.master.reload()
        if not self.master.reloading:
            self._notifier.ready(self.master.describe())

    def reopen(self) -> None:
        """
        Let the workers reopen their logs.
        """
        self.log.info("SIGUSR1: reopens the logs.")
        self.master.tell("reopen")

    def _pending(self) -> str:
        processes = self.snapshot().processes
        running = sum(process.running for process in processes)
        waits = f", and waits for {counted(running, 'request')}" if running else ""
        return f" {counted(len(processes), 'worker')}{waits}"

    def _hurry(self) -> None:
        self.log.info("Told to stop again: aborts the requests that are still running.")
        self.master.hurry()

    def figures(self) -> dict[str, Any]:
        """
        @return: The sum of the figures of all workers, including those that have ended: see
            L{txfcgi.monitor.counters}.
        """
        return total([self._past, *(worker.figures for worker in self.master.workers)])

    def _parted(self, child: Child) -> None:
        self._past = total([self._past, remains(child.figures)])

    def _changed(self) -> None:
        if self._begun and self.master.started.called:
            text = self.master.describe()
            if self.master.reloading:
                self._notifier.status(text)
            else:
                self._notifier.ready(text)

    # Workers

    def _spawn(self, child: Child) -> None:
        spawnWorker(self._reactor, child, self._command, self._sockets)


def spawnWorker(
    reactor: Any,
    child: Child,
    command: WorkerCommand,
    sockets: Sequence[SharedSocket],
    flags: Sequence[str] = (),
) -> None:
    """
    Start the process of a worker.

    @param sockets: The sockets that it serves on.
    @param flags: Options of the worker program itself.

    @raise OSError: The system is out of resources.
    """
    # On failure, Twisted would not release what it had allocated.
    checkRoom(_TO_SPAWN)
    ours, theirs = socket.socketpair()
    descriptors: dict[int, Any] = {}
    try:
        descriptors[0] = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        first = DESCRIPTOR + 1
        descriptors |= {1: "r", 2: "r", DESCRIPTOR: theirs.fileno()}
        ports = []
        for fd, shared in enumerate(sockets, first):
            descriptors[fd] = shared.listening.fileno()
            ports += ["--port", shared.forWorker(fd)]
        flags = ["--worker", str(child.number), *flags]
        if command.logsToOutput:
            output = first + len(sockets)
            descriptors[output] = 1
            flags += ["--stdout", str(output)]
        line = command.line(*ports, flags=flags)
        environ = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        with _heldBack(NOT_FOR_WORKERS):
            reactor.spawnProcess(child, line[0], line, environ, childFDs=descriptors)
        ours.setblocking(False)
        linking = Factory.forProtocol(lambda: child.link)
        linking.noisy = False
        reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, linking)
    finally:
        if descriptors:
            os.close(descriptors[0])
        ours.close()
        theirs.close()


@contextmanager
def _heldBack(signals: Iterable[signal.Signals]) -> Iterator[None]:
    """
    Block signals: in this process until the end of the context, and in processes that it starts
    meanwhile until they unblock them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def setTitle(title: str) -> None:
    """
    Set the title of this process in the process list, if C{setproctitle} is installed.
    """
    with suppress(ImportError):
        import_module("setproctitle").setproctitle(title)
