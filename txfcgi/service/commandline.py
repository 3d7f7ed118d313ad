"""
What all commands under C{twistd} and C{twist} share.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import partial
from math import inf
from types import NoneType
from typing import Any, ClassVar, get_args, get_type_hints

from twisted.application.service import IService
from twisted.python.usage import Options, UsageError

from ..errors import CannotServe
from ..server.limits import HTTPLimits
from .daemon import Daemon
from .errors import CannotStart
from .files import checkFiles, logOf
from .helppage import helpPage
from .journal import JournalObserver, leadsToJournal
from .logs import Logged, Logs, openedLog
from .sections import PAGES, commandsWith
from .version import versionLine


def optionName(name: str) -> str:
    """
    @param name: The name of a field, such as C{firstByte}.

    @return: The name of its option: C{first-byte}.
    """
    return re.sub("([A-Z])", lambda found: "-" + found[1].lower(), name)


def numberOption(
    option: str, default: object, text: str, kind: type[int] | type[float], none: bool = False
) -> list[Any]:
    """
    @param option: The name of an option.
    @param default: Its default value.
    @param text: Its help.
    @param kind: The type of its value.
    @param none: Whether C{none} turns it off.

    @return: The option, as C{optParameters} has it.
    """

    def read(text: str) -> int | float | None:
        if none and text == "none":
            return None
        try:
            value = kind(text)
        except ValueError:
            value = -1
        if not 0 <= value < inf:
            what = "a whole number" if kind is int else "a number of seconds"
            raise UsageError(f"--{option} takes {what}{' or none' if none else ''}, not {text!r}")
        return value

    shown = f"{text}; none for no limit" if none else text
    return [option, None, default, f"{shown} [default: none]" if default is None else shown, read]


def fieldOption(options: type, name: str, option: str) -> list[Any]:
    """
    An option that sets a number.

    @param options: A dataclass, such as L{Limits<txfcgi.server.limits.Limits>}.
    @param name: The name of one of its fields. The C{help} in the field's metadata is the help of
        the option.
    @param option: The name of the option.

    @return: The option, as C{optParameters} has it.
    """
    [field] = [field for field in dataclasses.fields(options) if field.name == name]
    hint = get_type_hints(options)[name]
    kinds = get_args(hint) or (hint,)
    kind = float if float in kinds else int
    return numberOption(option, field.default, field.metadata["help"], kind, NoneType in kinds)


def oneOf(option: str, *values: str) -> Callable[[str], str]:
    """
    @param option: The name of an option.
    @param values: The allowed values.

    @return: The function that parses it, as C{optParameters} has it.
    """

    def read(text: str) -> str:
        if text not in values:
            raise UsageError(
                f"--{option} takes {', '.join(values[:-1])} or {values[-1]}, not {text!r}"
            )
        return text

    return read


DRAIN_TIMEOUT = numberOption(
    "drain-timeout",
    30.0,
    "When stopping, seconds for running requests to finish",
    float,
)

DRAIN_IDLE = numberOption(
    "drain-idle",
    2.0,
    "When stopping, seconds in which an idle connection may still bring a request",
    float,
)

DRAIN_INHERITED = [
    "drain-inherited",
    None,
    "When stopping, also accept the connections that wait on inherited sockets. By "
    "default, they are left to other processes that accept there",
]


#: Options of every command that serves HTTP.
HTTP_PARAMETERS = [
    fieldOption(HTTPLimits, name, f"http-{optionName(name)}")
    for name in ("headBytes", "headerCount", "writeTimeout")
]


class CommandOptions(Options):
    """
    The command line of a command. It takes only options.

    @cvar command: The name of the command.
    @cvar foreign: What takes the place of other servers' options, by their names.
    @ivar logs: The log files of this process.
    """

    command: ClassVar[str]
    foreign: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.logs = Logs()
        self._logFile: str | None = None

    def __str__(self) -> str:
        """
        The text of C{--help}.
        """
        return helpPage(PAGES[self.command], self)

    def httpLimits(self) -> HTTPLimits:
        """
        @return: The limits that C{HTTP_PARAMETERS} set.
        """
        return HTTPLimits(
            headBytes=self["http-head-bytes"],
            headerCount=self["http-header-count"],
            writeTimeout=self["http-write-timeout"],
        )

    def opt_version(self) -> None:
        """
        Display the version of txfcgi, say whether the wire is compiled, and exit
        """
        print(versionLine())
        raise SystemExit(0)

    def parseArgs(self, *words: str) -> None:
        """
        Refuse words after the options.

        @param words: The words.

        @raise UsageError: There are some.
        """
        if words:
            raise UsageError(f"{words[0]!r} is not an option")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse the command line.

        @param options: Its words, or L{None} for this process's own.

        @raise UsageError: An option is wrong.

        @raise CannotStart: The same, under C{twistd} and C{twist}, which would answer a
            L{UsageError} with their own options, and with two different exit statuses.
        """
        command = f"{os.path.basename(sys.argv[0])} {self.command}"
        try:
            if self.parent is not None and (logOf(self.parent) or openedLog(self.parent)):
                self.logs.expect()
            super().parseOptions(options)  # type: ignore[no-untyped-call]
            if self.parent is not None:
                self._logFile = checkFiles(self.parent)
                self.logs.takeOver(self.parent)
        except CannotServe as error:
            raise CannotStart(f"{command}: {error}") from error
        except UsageError as error:
            meant = self._meant(str(error))
            if self.parent is None:
                raise UsageError(f"{error}{meant}") from error.__cause__
            explained = meant or isinstance(error.__cause__, CannotServe)
            hint = "" if explained else f"\n(see {command} --help)"
            raise CannotStart(f"{command}: {error}{meant}{hint}") from error

    def logged(self, service: IService) -> IService:
        """
        @param service: The service of this command.

        @return: The service, which also writes the log file of C{twistd}, if any, or systemd's
            journal, if standard output leads there: see L{Logged}. That of a daemon also tells the
            process that has started it when it serves: see L{Daemon}.
        """
        if self.parent is not None and not self.parent.get("nodaemon", True):
            service = Daemon(service, self.parent)
        if self._logFile is not None:
            return Logged(service, partial(self.logs.observer, self._logFile))
        if self.parent is not None and self._toJournal(self.parent):
            return Logged(service, partial(JournalObserver, sys.stdout))
        return service

    def _toJournal(self, options: MutableMapping[str, Any]) -> bool:
        """
        @param options: The options of C{twistd} or C{twist}, which log to standard output by
            default.

        @return: Whether C{twistd} logs to the journal. For C{twist}, this function sets the
            observer itself.
        """
        if not leadsToJournal(sys.stdout, os.environ):
            return False
        if "nodaemon" in options:
            elsewhere = options["syslog"] or options["logger"]
            return bool(options["nodaemon"]) and not elsewhere
        chosen = any(word.startswith("--log-format") for word in sys.argv)
        if options.get("logFile") is sys.stdout and not chosen:
            options["fileLogObserverFactory"] = JournalObserver
        return False

    def _meant(self, said: str) -> str:
        """
        @param said: The error message for a command line.

        @return: A suggestion, if the message is about an unknown option.
        """
        names = [option.rstrip("=") for option in self.longOpt]
        prefix = re.fullmatch(r"option --(\S+) not a unique prefix", said)
        if prefix:
            several = [f"--{name}" for name in names if name.startswith(prefix[1])]
            return f": it could be {', '.join(several[:-1])} or {several[-1]}"
        found = re.fullmatch(r"option (--?)(\S+) not recognized", said)
        if not found:
            return ""
        dashes, name = found.groups()
        if name in self.foreign and (len(name) == 1) == (dashes == "-"):
            return f": here, {self.foreign[name]}"
        if self.parent is not None:
            command = os.path.basename(sys.argv[0])
            its = self.parent.longOpt if dashes == "--" else self.parent.shortOpt.replace(":", "")
            if name in [option.rstrip("=") for option in its]:
                return (
                    f": it is an option of {command}, and goes before {self.command}, as in "
                    f"{command} {dashes}{name} ... {self.command}"
                )
        others = commandsWith(name) if dashes == "--" else []
        if others:
            return f": it is an option of twistd {' and twistd '.join(others)}"
        near = difflib.get_close_matches(name, names, 1) if dashes == "--" else []
        return f"; did you mean --{near[0]}?" if near else ""
