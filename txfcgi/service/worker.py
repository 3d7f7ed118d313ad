"""
The program of a worker: C{python -m txfcgi.service.worker fcgi OPTIONS}, started by a master.

It serves like C{twistd fcgi}, without a pid file and a log of its own, and ends when the master
says so, or is gone.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText, globalLogBeginner
from twisted.python.usage import UsageError
from zope.interface import implementer

from ..monitor.counters import Counters
from ..server.factory import ServerFactory
from ..workers.link import DESCRIPTOR, encode
from ..workers.worker import IWorks, Worker
from .errors import CannotStart
from .inherited import fillStandardDescriptors
from .lastwords import nameRequests, sayStack
from .mastering import NOT_FOR_WORKERS, setTitle
from .options import ServerOptions
from .serving import Serving
from .snapshots import runningIn
from .watching import ownFiles

#: The modules with the options of each command.
COMMANDS: Final = {"fcgi": "txfcgi.service.fcgitap", "scgi": "txfcgi.service.scgitap"}

# The most characters of a log event.
_LOGGED: Final = 100_000


@implementer(IWorks)
class Work:
    """
    The orders of a master, carried out by a worker's service.
    """

    def __init__(self, service: Serving, counters: Counters, options: ServerOptions) -> None:
        self._service = service
        self._options = options
        # Until the master says otherwise, other workers accept on the same sockets.
        service.retiring = True
        self._counters = counters

    def retire(self) -> Deferred[None]:
        """
        Stop accepting; other workers go on.
        """
        return self._service.stopService()

    def drain(self) -> Deferred[None]:
        """
        Accept the waiting connections, as no other process will.
        """
        self._service.retiring = False
        return self._service.stopService()

    def abort(self) -> None:
        """
        Abort the running requests.
        """
        self._service.hurry()

    def reopen(self) -> None:
        """
        Reopen the logs.
        """
        self._options.logs.reopen()

    def learn(self, summary: Mapping[str, Any]) -> None:
        """
        Remember the summary of all workers.
        """
        self._options.summary = summary

    def figures(self) -> Mapping[str, Any]:
        """
        The figures, and the running requests.
        """
        server = cast(ServerFactory, self._service.factory)
        return {**self._counters.figures(), "atWork": runningIn(server)}


def main(words: list[str] | None = None) -> int:
    """
    Be a worker.

    @param words: The command line; by default that of this process.

    @return: The exit status.
    """
    fillStandardDescriptors()
    parser = ArgumentParser(prog="txfcgi worker", allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="load the app, then exit")
    parser.add_argument("--worker", type=int, default=0, help="the number of this worker")
    parser.add_argument("--stdout", type=int, default=1, help="the descriptor for --access-log -")
    parser.add_argument(
        "--develop", action="store_true", help="show failures, and report the app's files"
    )
    parser.add_argument("--reactor", help="the module that installs the reactor")
    parser.add_argument("command", choices=COMMANDS)
    own, rest = parser.parse_known_args(words)
    link = -1
    if own.check:
        say: Callable[[str], object] = lambda why: print(why, file=sys.stderr)  # noqa: E731
    else:
        # Only the master ends this worker: a terminal's Ctrl-C goes to both.
        for number in NOT_FOR_WORKERS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, NOT_FOR_WORKERS)
        sayStack()
        if own.stdout > 2:
            os.set_inheritable(own.stdout, False)
        link = os.dup(DESCRIPTOR)
        # The app's output to these descriptors is discarded.
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), DESCRIPTOR, inheritable=False)

        def say(why: str) -> object:
            with suppress(OSError):  # the master is gone
                os.write(link, encode("failed", {"why": why[:_LOGGED]}))
            return None

    try:
        if own.reactor:
            import_module(own.reactor).install()
        options: ServerOptions = import_module(COMMANDS[own.command]).Options()
        options.isWorker = True
        options.workerName = str(own.worker)
        options.standardOutput = own.stdout
        options.develops = own.develop
        if own.develop:
            # Bytecode of a file that changes twice in a second, and keeps its length, would be old.
            sys.dont_write_bytecode = True
        options.parseOptions(rest)
    except (UsageError, CannotStart) as error:
        if own.develop:
            with suppress(OSError):
                os.write(link, encode("files", {"paths": ownFiles(error)}))
        say(str(error))
        return 1
    return 0 if own.check else _work(options, own.worker, link)


def _work(options: ServerOptions, number: int, link: int) -> int:
    from twisted.internet import reactor as _reactor

    reactor: Any = _reactor
    setTitle(f"txfcgi {options.command} worker {number}")
    service = options.makeService()
    assert isinstance(service, Serving)
    assert isinstance(service.factory, ServerFactory)
    assert options.counters is not None
    nameRequests(service.factory)
    work = Work(service, options.counters, options)
    files = ownFiles if options.develops else None
    worker = Worker(reactor, work, reactor.stop, options["worker-requests"], files=files)
    logging = LinkObserver(worker)
    globalLogBeginner.beginLoggingTo([logging], redirectStandardIO=False)
    linking = Factory.forProtocol(lambda: worker.link)
    linking.noisy = False
    reactor.adoptStreamConnection(link, socket.AF_UNIX, linking)
    os.close(link)
    status = 0

    def failed(failure: Any) -> None:
        nonlocal status
        status = 1
        worker.failed(failure.getErrorMessage())

    def start() -> None:
        # SIGTERM to a worker replaces it.
        signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(worker.replace))
        service.accepting.addCallbacks(lambda _: worker.ready(), failed)

    try:
        service.privilegedStartService()
        service.startService()
    except CannotStart as error:
        worker.failed(str(error))
        return 1
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.callWhenRunning(start)
    reactor.run()
    return status


@implementer(ILogObserver)
class LinkObserver:
    """
    Sends log events to the master, which writes the log.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def __call__(self, event: LogEvent) -> None:
        """
        Send an event.
        """
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        level = event.get("log_level", LogLevel.info)
        if not self._worker.link.tell("log", level=level.name, text=text[:_LOGGED]):
            # The master also reads standard output and error, and takes the level from that.
            output = sys.stderr if level >= LogLevel.error else sys.stdout
            print(text[:_LOGGED], file=output, flush=True)


if __name__ == "__main__":
    sys.exit(main())
