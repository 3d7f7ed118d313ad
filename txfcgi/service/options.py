"""
The command line of C{twistd fcgi}, for whichever protocol is served.

A command for another protocol is a subclass that names it and says how its factory is made.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from twisted.internet.interfaces import IAddress, IStreamServerEndpoint
from twisted.python.usage import Options, UsageError

from txfcgi import __version__
from txfcgi.server.limits import Limits
from txfcgi.service.allow import AllowList, peerCheck
from txfcgi.service.errors import CannotLoad, CannotServe, CannotStart
from txfcgi.service.listen import Description, endpointFromText
from txfcgi.service.loading import loadApplication
from txfcgi.service.serving import PUBLIC_PORT, Serving


def _optionName(field: dataclasses.Field[Any]) -> str:
    """
    @param field: A field of L{Limits}, such as C{paramsBytes} or C{idleTimeout}.

    @return: The name of its option: C{max-params-bytes}, C{idle-timeout}.
    """
    words = re.sub("([A-Z])", lambda found: "-" + found[1].lower(), field.name)
    return words if words.endswith("-timeout") else f"max-{words}"


def _reader(field: dataclasses.Field[Any]) -> Callable[[str], int | float | None]:
    """
    @param field: A field of L{Limits}. Its annotation says which values it has.

    @return: Reads one from the command line.
    """
    kind = str(field.type)
    number: Callable[[str], int | float] = float if "float" in kind else int

    def read(text: str) -> int | float | None:
        if text == "none" and "None" in kind:
            return None
        try:
            return number(text)
        except ValueError:
            what = "a number of seconds" if number is float else "a whole number"
            raise ValueError(
                f"{text!r} is not {what}{', nor none' if 'None' in kind else ''}"
            ) from None

    return read


def _limitParameters() -> list[list[Any]]:
    """
    @return: An option for each field of L{Limits}, explained as the field is.
    """
    explained = dict(
        re.findall(r"@ivar (\w+): (.*?)(?=\n\s*(?:@|\n|$))", Limits.__doc__ or "", re.DOTALL)
    )
    parameters = []
    for field in dataclasses.fields(Limits):
        text = re.sub(
            r"[A-Z]\{(.*?)\}", r"\1", " ".join(explained.get(field.name, field.name).split())
        ).rstrip(".")
        if field.default is None:
            text += " [default: none]"
        parameters.append([_optionName(field), None, field.default, text, _reader(field)])
    return parameters


class ServerOptions(Options):
    """
    What every protocol's command takes.

    @cvar command: The name of the command.
    @cvar protocol: The name of the protocol.
    """

    command: ClassVar[str]
    protocol: ClassVar[str]

    optParameters: ClassVar[Sequence[Sequence[Any]]] = [
        ["app", "a", None, "The app to serve: a module and a function in it, as mod.fn or mod:fn"],
        ["app-dir", "d", ".", "The directory that the module is looked for in first"],
        [
            "drain-timeout",
            None,
            30.0,
            "Seconds that the requests which run get to end in, when the server is told to stop",
            float,
        ],
        *_limitParameters(),
    ]

    optFlags: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "insecure",
            None,
            "Listen even where other machines could connect that --allow-from does not name, "
            "or other users could replace the socket",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["ports"] = []
        self["allow-from"] = []

    @property
    def longdesc(self) -> str:
        """
        The text below the options in C{--help}.
        """
        return (
            f"Serves an app over {self.protocol}: {self.command} --port unix:/run/app/app.sock "
            "--app mod.fn. SIGTERM stops it when the requests that run have ended."
        )

    def opt_port(self, text: str) -> None:
        """
        Where to listen: any Twisted endpoint, such as unix:/run/app.sock:mode=660:group=www-data,
        tcp:9000:interface=127.0.0.1, systemd:domain=UNIX:index=0 or fcgi:fd=0. May be given several
        times
        """
        self["ports"].append(text)

    opt_p = opt_port

    def opt_allow_from(self, text: str) -> None:
        """
        Close every connection that does not come from one of these IP addresses and networks,
        separated by commas. May be given several times. FCGI_WEB_SERVER_ADDRS in the environment
        holds too
        """
        self["allow-from"].append(text)

    def opt_version(self) -> None:
        """
        Display the version of txfcgi and exit
        """
        print(f"txfcgi {__version__}")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse the command line.

        @param options: Its words, or L{None} for this process's own.

        @raise UsageError: It asks for what can't be had.

        @raise CannotStart: The same, under C{twistd} and C{twist}. What they make of a
            L{UsageError} is a page of their own options, and two different exit statuses.
        """
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except UsageError as error:
            if self.parent is None:
                raise
            command = f"{os.path.basename(sys.argv[0])} {self.command}"
            hint = "" if error.__cause__ else f"\n(see {command} --help)"
            raise CannotStart(f"{command}: {error}{hint}") from error

    def postOptions(self) -> None:
        """
        Check everything that can be checked before a daemon forks: once it has, only its log hears
        of a mistake.

        @raise UsageError: Something is missing or wrong.
        """
        missing = [
            f"--{name}"
            for name, value in (("port", self["ports"]), ("app", self["app"]))
            if not value
        ]
        if missing:
            raise UsageError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: "
                "say where to listen and what to serve, "
                "such as --port unix:/run/app/app.sock --app mod.fn"
            )
        try:
            self["limits"] = self._limits()
            self["allowFrom"] = self._allowFrom()
            self["endpoints"] = [(text, self._endpoint(text)) for text in self["ports"]]
            try:
                self["application"] = loadApplication(self["app"], self["app-dir"])
            except CannotLoad as error:
                raise UsageError(f"--app {error}") from error
        except CannotServe as error:
            raise UsageError(str(error)) from error

    def makeFactory(self) -> Any:
        """
        @return: The factory that serves the app.
        """
        raise NotImplementedError

    def makeService(self) -> Serving:
        """
        @return: The service that serves it. Nothing is open yet.
        """
        from twisted.internet import reactor

        return Serving(
            reactor,
            self.makeFactory(),
            self["endpoints"],
            drainTimeout=self["drain-timeout"],
            allowFrom=self["allowFrom"],
            insecure=bool(self["insecure"]),
        )

    def _limits(self) -> Limits:
        """
        @return: The limits that were asked for.
        """
        values = {field.name: self[_optionName(field)] for field in dataclasses.fields(Limits)}
        try:
            return Limits(**values)
        except ValueError as error:
            raise UsageError(str(error)) from error

    def _allowFrom(self) -> Callable[[IAddress], bool] | None:
        """
        @return: Says whether a peer may connect, or L{None} if all may.
        """
        lists = [AllowList.fromText(text) for text in self["allow-from"]]
        given = (
            AllowList(tuple(network for allowed in lists for network in allowed.networks))
            if lists
            else None
        )
        return peerCheck(given, os.environ)

    def _endpoint(self, text: str) -> IStreamServerEndpoint:
        """
        @param text: The description of an endpoint.

        @return: The endpoint.
        """
        from twisted.internet import reactor

        insecure = bool(self["insecure"])
        if Description.fromText(text).isPublic() and self["allowFrom"] is None and not insecure:
            raise UsageError(PUBLIC_PORT.format(address=f"--port {text}"))
        return endpointFromText(reactor, text, insecure=insecure)
