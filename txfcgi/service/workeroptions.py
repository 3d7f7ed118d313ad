"""
The options of C{twistd fcgi} and C{twistd scgi} for workers.
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

from ..server.limits import Limits
from ..workers.master import MasterOptions
from .commandline import numberOption
from .errors import CannotStart
from .foreign import FOREIGN, MAX_REQUESTS
from .logoptions import LogOptions
from .sharing import checkShareable

if TYPE_CHECKING:
    from .mastering import Mastering, WorkerCommand
    from .reloading import Reloadable

#: The environment variable with options that apply before those of the command line.
ARGUMENTS = "TXFCGI_ARGS"

# The options that workers don't get.
_MASTERS = ("port", "http", "reload", "status")

#: Seconds for a worker to load the app when the start is checked.
CHECK_TIMEOUT = 300.0


def _fromEnvironment(environ: Mapping[str, str]) -> list[str]:
    """
    @param environ: The environment.

    @return: The options in TXFCGI_ARGS, written as for a shell.

    @raise CannotStart: They are malformed.
    """
    try:
        return shlex.split(environ.get(ARGUMENTS, ""))
    except ValueError as error:
        raise CannotStart(f"{ARGUMENTS} in the environment: {error}") from error


def _count(text: str) -> int:
    """
    @param text: The value of C{--workers}.

    @return: The number of workers.

    @raise UsageError: The value is not a number of workers.
    """
    if text == "auto":
        return len(os.sched_getaffinity(0))
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise UsageError(f"--workers takes auto, or a whole number of at least 1, not {text!r}")
    return int(text)


class WorkerOptions(LogOptions):
    """
    The options for the number of workers, and for their replacement.

    @ivar isWorker: Whether this is the command line of a worker, which has no workers itself.
    @ivar develops: Whether this worker shows failures to a developer.
    """

    isWorker = False
    develops = False
    foreign = FOREIGN

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
        Parse the command line, and keep it for the workers. The options in TXFCGI_ARGS apply before
        it; a worker's command line already includes them.
        """
        before = [] if self.isWorker else _fromEnvironment(os.environ)
        self.words = [*before, *(options or ())]
        try:
            super().parseOptions(self.words)
        except (UsageError, CannotStart) as error:
            if not before:
                raise
            # The mistake may be in the environment, and not on the command line.
            said = f"{error}\n{ARGUMENTS} in the environment holds: {shlex.join(before)}"
            kind = CannotStart if isinstance(error, CannotStart) else UsageError
            raise kind(said) from error

    @property
    def reloads(self) -> bool:
        """
        Whether the app runs in its own process, which is replaced when its files change.
        """
        return bool(self["reload"]) and not self.isWorker

    @property
    def hasMaster(self) -> bool:
        """
        Whether this process becomes a master.
        """
        return self["workers"] is not None and not self.isWorker

    def checkWorkers(self) -> None:
        """
        @raise UsageError: An option needs workers, and there are none; or does not go with workers.
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
        @raise UsageError: C{--reload} can't be used with the other options.
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
        @return: The command that starts a worker: this command line without its sockets.
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
        Whether these options choose a worker's reactor.
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
        Check, in a separate process, that the app can be loaded, as a master never loads it.

        @raise UsageError: The app can't be loaded.
        """
        command = self.workerCommand()
        # The sockets stay in this process; nothing listens on the placeholders.
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

    def doubts(self) -> list[str]:
        """
        @return: What may be meant in another way than it is taken.
        """
        number = self["max-requests"]
        if not self.hasMaster or self["worker-requests"] is not None or number == Limits().requests:
            return []
        return [MAX_REQUESTS.format(number=number)]

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
        for doubt in self.doubts():
            service.log.info("{doubt}.", doubt=doubt)
        return service


def _startTimeout(seconds: float | None) -> float:
    """
    Seconds for a worker to be ready: those of its app, and some to load it.
    """
    return float("inf") if seconds is None else seconds + CHECK_TIMEOUT
