"""
The options of C{twistd fcgi} and C{twistd scgi} for several processes.
"""

from __future__ import annotations

import getopt
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.python.usage import UsageError

from ..workers.master import MasterOptions
from .commandline import numberOption
from .errors import CannotStart
from .logoptions import LogOptions
from .sharing import checkShareable

if TYPE_CHECKING:
    from .mastering import Mastering, WorkerCommand
    from .reloading import Reloadable

#: The variable that holds options which come before those of the command line.
ARGUMENTS = "TXFCGI_ARGS"

# The options that a worker doesn't get.
_MASTERS = ("port", "http", "reload", "status")

#: Seconds that a worker may take to load an app, when the start is checked.
CHECK_TIMEOUT = 300.0


def _fromEnvironment(environ: Mapping[str, str]) -> list[str]:
    """
    @param environ: The environment.

    @return: The options that TXFCGI_ARGS in it holds, written as for a shell.

    @raise CannotStart: It can't be read so.
    """
    try:
        return shlex.split(environ.get(ARGUMENTS, ""))
    except ValueError as error:
        raise CannotStart(f"{ARGUMENTS} in the environment: {error}") from error


def _count(text: str) -> int:
    """
    @param text: The value of C{--workers}.

    @return: How many.

    @raise UsageError: It is no number of workers.
    """
    if text == "auto":
        return len(os.sched_getaffinity(0))
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise UsageError(f"--workers takes auto, or a whole number of at least 1, not {text!r}")
    return int(text)


class WorkerOptions(LogOptions):
    """
    How many processes there are, and when they are replaced.

    @ivar isWorker: Whether this command line is a worker's: it has no workers of its own.
    @ivar develops: Whether it is that of a worker whose failures a developer sees.
    """

    isWorker = False
    develops = False

    optParameters: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "workers",
            "w",
            None,
            "The number of worker processes, which a master starts and replaces; auto "
            "starts one for each processor. SIGHUP reloads the app without losing a request",
            _count,
        ],
        numberOption(
            "worker-requests",
            None,
            "Replace a worker after this many requests, plus up to a tenth at random",
            int,
            none=True,
        ),
        numberOption(
            "worker-timeout",
            None,
            "Kill and replace a worker whose reactor has not turned for this long. The log "
            "gets its stack",
            float,
            none=True,
        ),
    ]

    optFlags: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "reload",
            None,
            "With --http: reload the app when one of its files changes. For development",
        ],
    ]

    words: Sequence[str] = ()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse the command line, and remember it for the workers. What TXFCGI_ARGS in the environment
        holds comes before it; a worker has that among its own words already.
        """
        before = [] if self.isWorker else _fromEnvironment(os.environ)
        self.words = [*before, *(options or ())]
        try:
            super().parseOptions(self.words)
        except (UsageError, CannotStart) as error:
            if not before:
                raise
            # Whoever looks at the command line alone does not find what is wrong.
            said = f"{error}\n{ARGUMENTS} in the environment holds: {shlex.join(before)}"
            kind = CannotStart if isinstance(error, CannotStart) else UsageError
            raise kind(said) from error

    @property
    def reloads(self) -> bool:
        """
        Whether the app runs in a process of its own, which is replaced when its files change.
        """
        return bool(self["reload"]) and not self.isWorker

    @property
    def hasMaster(self) -> bool:
        """
        Whether this process is to be a master.
        """
        return self["workers"] is not None and not self.isWorker

    def checkWorkers(self) -> None:
        """
        @raise UsageError: An option is for workers, and there are none; or one is not for them.
        """
        if self.reloads:
            self._checkReload()
        if self["workers"] is None:
            for name in ("worker-requests", "worker-timeout"):
                if self[name] is not None:
                    raise UsageError(f"--{name} is for workers: use it with --workers N")
            return
        for name in ("worker-requests", "worker-timeout"):
            if self[name] == 0:
                raise UsageError(f"--{name} takes a number above 0, or none")
        if not self.hasMaster:
            return
        if self["http"]:
            raise UsageError("--http is for development, and does not go with --workers")
        for text in self["ports"]:
            checkShareable("--port", text)

    def _checkReload(self) -> None:
        """
        @raise UsageError: There is nothing to reload, or not by watching files.
        """
        if self["ports"]:
            raise UsageError(
                "--reload is for development, and works only with --http. Behind a web server, "
                "use --workers N, which reloads on SIGHUP without losing a request"
            )
        if not self["http"]:
            raise UsageError("--reload needs --http")
        if self["status"] is not None:
            raise UsageError("--reload is for development, and does not go with --status")
        if self["workers"] is not None:
            raise UsageError("--reload starts its own process, and does not go with --workers")

    def workerCommand(self) -> WorkerCommand:
        """
        @return: How a worker is started: with this command line, but for its sockets.
        """
        from twisted.internet import default, reactor

        from .mastering import WorkerCommand

        given, _ = getopt.getopt(list(self.words), self.shortOpt, self.longOpt)
        words = []
        for name, value in given:
            full = self.synonyms[name.lstrip("-")].replace("_", "-")
            if full not in _MASTERS:
                words.append(f"--{full}={value}" if f"{full}=" in self.longOpt else f"--{full}")
        own = type(reactor).__module__
        usual = self.choosesReactor or own == default.install.__module__
        logsToOutput = self["access-log"] == "-"
        return WorkerCommand(self.command, words, None if usual else own, logsToOutput)

    @property
    def choosesReactor(self) -> bool:
        """
        Whether these options themselves say which reactor a worker has.
        """
        raise NotImplementedError

    def reloadable(self) -> Reloadable:
        """
        @return: The app, as L{Reloading<txfcgi.service.reloading.Reloading>} loads it.
        """
        from .reloading import DRAIN, Reloadable

        command = self.workerCommand()
        # The last one wins.
        words = [*command.words, f"--drain-timeout={DRAIN}", "--drain-idle=0"]
        return Reloadable(
            replace(command, words=words), self["app-dir"], self._masterOptions(workers=1)
        )

    def _masterOptions(self, workers: int) -> MasterOptions:
        return MasterOptions(
            workers=workers,
            drainTimeout=self["drain-timeout"],
            hangTimeout=self["worker-timeout"],
            startTimeout=_startTimeout(self["startup-timeout"]),
        )

    def checkApp(self) -> None:
        """
        Let a process of its own load the app: a master never does.

        @raise UsageError: It can't be loaded.
        """
        command = self.workerCommand()
        # The sockets are this process's own; nothing listens on what stands for them.
        line = command.line("--port=fcgi:fd=0", flags=["--check"])
        try:
            checked = subprocess.run(
                line,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=CHECK_TIMEOUT,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UsageError(f"the app did not load within {CHECK_TIMEOUT:g} s") from None
        if checked.returncode:
            raise UsageError(checked.stderr.strip() or f"status {checked.returncode}")

    def mastering(self) -> Mastering:
        """
        @return: The service of a master.
        """
        from twisted.internet import reactor

        from .mastering import Mastering

        service = Mastering(
            reactor,
            self.workerCommand(),
            self["endpoints"],
            self._masterOptions(self["workers"]),
            allowFrom=self["allowFrom"],
            insecure=bool(self["insecure"]),
            shares=self["status-path"] is not None,
        )
        self.logs.adopt(service)
        return service


def _startTimeout(seconds: float | None) -> float:
    """
    How long a worker may take to be ready: as long as its app, and a while to load it.
    """
    return float("inf") if seconds is None else seconds + CHECK_TIMEOUT
