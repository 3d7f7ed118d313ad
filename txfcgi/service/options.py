"""
The command line that C{twistd fcgi} and C{twistd scgi} share.

The command of each protocol is a subclass that names the protocol and makes its factory.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint
from twisted.python.usage import UsageError

from ..client.client import Client
from ..counting import counted
from ..errors import CannotServe, InvalidPath
from ..monitor.counters import Counters
from ..server.admission import AllowList, BadAllowList, UnixAllowList, peerCheck
from ..server.factory import ServerFactory
from ..server.limits import Limits
from ..server.observing import IServerObserver
from ..server.paths import Paths
from .appoptions import AppOptions
from .commandline import (
    DRAIN_IDLE,
    DRAIN_INHERITED,
    DRAIN_TIMEOUT,
    HTTP_PARAMETERS,
    fieldOption,
    numberOption,
    oneOf,
    optionName,
)
from .description import Description
from .errors import BadEndpoint, CannotListen
from .healthoptions import PUBLIC_STATUS, HealthOptions
from .lifetime import STARTUP_TIMEOUT, Lifetime
from .listen import checkEndpoints, endpointFromText
from .notify import Notifier
from .serving import PUBLIC_HTTP, PUBLIC_PORT, Serving, Together
from .snapshots import ofThisProcess
from .welcome import Welcome
from .workeroptions import WorkerOptions


def _optionName(field: dataclasses.Field[Any]) -> str:
    """
    @param field: A field of L{Limits}, such as C{paramsBytes} or C{idleTimeout}.

    @return: The name of its option: C{max-params-bytes}, C{idle-timeout}.
    """
    words = optionName(field.name)
    return words if words.endswith("-timeout") or _isFlag(field) else f"max-{words}"


def _isFlag(field: dataclasses.Field[Any]) -> bool:
    """
    @param field: A field of L{Limits}.

    @return: Whether it is on or off, rather than a number.
    """
    return isinstance(field.default, bool)


#: An option for each field of L{Limits}: numbers, and flags.
LIMIT_PARAMETERS = [
    fieldOption(Limits, field.name, _optionName(field))
    for field in dataclasses.fields(Limits)
    if not _isFlag(field)
]
LIMIT_FLAGS = [
    [_optionName(field), None, field.metadata["help"]]
    for field in dataclasses.fields(Limits)
    if _isFlag(field)
]


class ServerOptions(AppOptions, WorkerOptions, HealthOptions):
    """
    The options of both protocols' commands.

    @cvar protocol: The name of the protocol.
    @cvar clientFactory: Makes a client for the protocol, from a reactor and an endpoint.
    @cvar serverFactory: Makes a factory that serves the app.
    @ivar counters: The counters, if requests are counted.
    """

    protocol: ClassVar[str]
    clientFactory: ClassVar[type[Client] | None] = None
    serverFactory: ClassVar[Callable[..., ServerFactory]]
    counters: Counters | None = None

    optParameters: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "mount",
            None,
            None,
            "The path to serve the app below: / for the whole site, or a path such as "
            "/shop. SCRIPT_NAME is this path, and PATH_INFO the rest. By default, both are "
            "what the web server sends",
        ],
        [
            "path-from",
            None,
            "params",
            "Where the path comes from: params (SCRIPT_NAME and PATH_INFO), or uri "
            "(REQUEST_URI, decoded). Beware: uri undoes rewriting, and bypasses access "
            "rules of the web server's locations where the two paths differ",
            oneOf("path-from", "params", "uri"),
        ],
        numberOption(
            "startup-timeout",
            STARTUP_TIMEOUT,
            "Seconds for the app to get ready. The server accepts connections after that",
            float,
            none=True,
        ),
        DRAIN_TIMEOUT,
        DRAIN_IDLE,
        *LIMIT_PARAMETERS,
        *HTTP_PARAMETERS,
    ]

    optFlags: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "insecure",
            None,
            "Listen even if other machines could connect that --allow-from does not name, "
            "or if other users could replace the socket",
        ],
        [
            "coalesce",
            None,
            "Send everything that is written on a connection in one turn of the reactor at "
            "once: for apps that write many small pieces",
        ],
        [
            "interim",
            None,
            "Send 103 Early Hints and other 1xx responses of the app. Only for a web "
            "server that passes them on, such as lighttpd; others take them for the "
            "response",
        ],
        DRAIN_INHERITED,
        ["check", None, "Load everything, say what would be served and where, and exit"],
        *LIMIT_FLAGS,
    ]

    def __init__(self) -> None:
        super().__init__()
        self["ports"] = []
        self["http"] = []
        self["allow-from"] = []
        self["allow-user"] = []
        self["allow-group"] = []

    def opt_port(self, text: str) -> None:
        """
        Where to listen: any Twisted endpoint, such as unix:/run/app.sock:mode=660:group=www-data,
        tcp:9000:interface=127.0.0.1, systemd:domain=UNIX:index=0 or fcgi:fd=0. May be given several
        times
        """
        self["ports"].append(text)

    opt_p = opt_port

    def opt_http(self, text: str) -> None:
        """
        Also answer HTTP, such as on tcp:8080:interface=127.0.0.1, to see the app in a browser
        without a web server. Requests go through a private FastCGI or SCGI socket. Without --port
        and --app, an app that shows each request is served. For development. May be given several
        times
        """
        self["http"].append(text)

    def opt_allow_from(self, text: str) -> None:
        """
        Accept connections over IP only from these addresses and networks, separated by commas. May
        be given several times. If FCGI_WEB_SERVER_ADDRS is set, a peer must be in both lists
        """
        self["allow-from"].append(text)

    def opt_allow_user(self, text: str) -> None:
        """
        Accept connections to a Unix socket only from these users: names or numbers, separated by
        commas. Root must be named, too. May be given several times
        """
        self["allow-user"].append(text)

    def opt_allow_group(self, text: str) -> None:
        """
        The same for members of groups. With both options, a peer needs to match only one of them
        """
        self["allow-group"].append(text)

    def postOptions(self) -> None:
        """
        Check everything that can be checked before a daemon forks, as later mistakes only reach its
        log.

        @raise UsageError: An option is missing or wrong.
        """
        builtIn = self["http"] and not self["ports"] and not self.served
        missing = [
            f"--{name}"
            for name, value in (("port", self["ports"] or self["http"]), ("app", self.served))
            if not value and not builtIn
        ]
        if missing:
            raise UsageError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: "
                "say where to listen and what to serve, "
                "such as --port unix:/run/app/app.sock --app mod.fn"
            )
        if builtIn and self["reload"]:
            raise UsageError("--reload needs an app, such as --app mod.fn")
        try:
            self.checkWorkers()
            if self.hasMaster:
                self.logs.expect()  # those of the workers
            elif not self.reloads:
                self.installReactor()
            self.openLogs()
            self["limits"] = self._limits()
            self._checkMount()
            self["allowFrom"] = self._allowFrom()
            self["endpoints"] = [
                (text, self._endpoint("--port", text, PUBLIC_PORT)) for text in self["ports"]
            ]
            self._checkAccounts()
            if self["http"] and self.clientFactory is None:
                raise UsageError(f"--http is not supported for {self.protocol}")
            self["httpEndpoints"] = [
                (text, self._endpoint("--http", text, PUBLIC_HTTP)) for text in self["http"]
            ]
            self["statusEndpoints"] = [
                (text, self._endpoint("--status", text, PUBLIC_STATUS))
                for text in ([] if self["status"] is None or self.isWorker else [self["status"]])
            ]
            self.checkHealth()
            if self.hasMaster:
                self.checkApp()
            elif not self.reloads or self["check"]:
                self["application"] = Welcome(self.protocol) if builtIn else self.application()
            if self["check"] and not self.isWorker:
                print(self._account())
                raise SystemExit(0)
        except CannotServe as error:
            raise UsageError(str(error)) from error

    def _account(self) -> str:
        """
        @return: What would be served, where, and by how many processes.

        @raise CannotListen: An endpoint can't listen.
        """
        lines = [f"serves {' '.join(self.named()) or 'a page that shows each request'}"]
        lines += [f"listens on {text} ({self.protocol})" for text in self["ports"]]
        lines += [f"listens on {text} (HTTP)" for text in self["http"]]
        lines += [f"shows its status at {text} (HTTP)" for text, _ in self["statusEndpoints"]]
        if self.hasMaster:
            lines.append(f"with {counted(self['workers'], 'worker')}")
        lines += checkEndpoints("--port", self["endpoints"])
        lines += checkEndpoints("--http", self["httpEndpoints"])
        lines += checkEndpoints("--status", self["statusEndpoints"])
        lines += [f"note: {doubt}" for doubt in self.doubts()]
        return "\n".join(lines)

    def named(self) -> list[str]:
        """
        @return: The served app, in the words of the command line.
        """
        return [f"{option} {self[option[2:]]}" for option in self.served]

    def makeFactory(self, limited: bool) -> ServerFactory:
        """
        @param limited: Whether only peers that the options name may connect.

        @return: A factory that serves the app.
        """
        own = self.ownOptions()
        if limited and not self.develops:
            own |= {"allowFrom": self["allowFrom"], **self._accounts()}
        observers = self.observers()
        probing = self.probing()
        factory = self.serverFactory(
            self["application"] if probing is None else probing.before(self["application"]),
            self["limits"],
            mount=self["mount"],
            pathFrom=self["path-from"],
            observers=observers,
            coalesce=bool(self["coalesce"]),
            interim=bool(self["interim"]),
            **own,
        )
        if probing is not None:
            probing.serveBy(factory, self.counters)
        if self.counters is not None:
            self.counters.addServer(factory)
        if self.develops or not limited:
            from .failurepage import failurePage

            factory.application.failurePage = failurePage
        return factory

    def observers(self) -> list[IServerObserver]:
        """
        @return: The observers of the server.
        """
        if (self.isWorker or self.counts) and self.counters is None:
            self.counters = Counters()
        counting: list[IServerObserver] = [] if self.counters is None else [self.counters]
        logging = self.logObservers()
        if self.counters is not None and self.slow is not None:
            self.counters.addSlow(self.slow)
        return [*counting, *logging]

    def ownOptions(self) -> dict[str, Any]:
        """
        @return: The arguments of this protocol's factory.
        """
        raise NotImplementedError

    def makeService(self) -> IService:
        """
        @return: The service. It has not opened anything yet.
        """
        from twisted.internet import reactor

        if self.hasMaster:
            mastering = self.mastering()
            return self.monitored(reactor, mastering, mastering.snapshot)

        lifetime = Lifetime(reactor, self.get("application"), self["startup-timeout"])
        common = {
            "drainTimeout": self["drain-timeout"],
            "drainIdle": self["drain-idle"],
            "drainInherited": bool(self["drain-inherited"]),
            "allowFrom": self["allowFrom"],
            "limitsUsers": bool(self._accounts()),
            "insecure": bool(self["insecure"]),
            "notifier": None if self.isWorker else Notifier(reactor),
            "lifetime": lifetime,
            "connections": self["limits"].connections,
        }
        self.attachLogs(reactor)
        services: list[Serving] = []
        factories: list[ServerFactory] = []
        if self.reloads and self.clientFactory is not None:
            from .reloading import Reloading

            return Reloading(
                reactor,
                self.reloadable(),
                self.clientFactory,
                self["httpEndpoints"],
                self.httpLimits(),
                **common,
            )
        if self.clientFactory is not None and self["http"]:
            # It imports most of twisted.web, which a server does not need.
            from .development import Development

            factories.append(self.makeFactory(False))
            services.append(
                Development(
                    reactor,
                    factories[-1],
                    self.clientFactory,
                    self["httpEndpoints"],
                    self.httpLimits(),
                    **common,
                )
            )
        if self["ports"]:
            factories.append(self.makeFactory(True))
            services.append(Serving(reactor, factories[-1], self["endpoints"], **common))
        served: IService = services[0]
        if len(services) > 1:
            served = Together()  # type: ignore[no-untyped-call]
            for service in services:
                service.setServiceParent(served)  # type: ignore[no-untyped-call]
        if self.isWorker or not self["status"]:
            return served
        assert self.counters is not None
        state = ofThisProcess(reactor, factories, self.counters, lambda: lifetime.started)
        return self.monitored(reactor, served, state)

    def _limits(self) -> Limits:
        """
        @return: The given limits.
        """
        options = {field.name: _optionName(field) for field in dataclasses.fields(Limits)}
        # A flag is 0 or 1.
        flags = {flag[0] for flag in LIMIT_FLAGS}
        values = {
            name: bool(self[option]) if option in flags else self[option]
            for name, option in options.items()
        }
        try:
            return Limits(**values)
        except ValueError as error:
            name, _, problem = str(error).partition(" ")
            raise UsageError(f"--{options.get(name, name)} {problem}") from error

    def _checkMount(self) -> None:
        """
        @raise UsageError: The mount can't be the beginning of a path.
        """
        try:
            Paths(self["mount"])
        except InvalidPath as error:
            raise UsageError(f"--mount: {error}") from error

    def _allowFrom(self) -> Callable[[IAddress], bool] | None:
        """
        @return: A function that tells whether a peer may connect, or L{None} if all may.
        """
        try:
            lists = [AllowList.fromText(text) for text in self["allow-from"]]
        except BadAllowList as error:
            raise UsageError(f"--allow-from {error}") from error
        given = (
            AllowList(tuple(network for allowed in lists for network in allowed.networks))
            if lists
            else None
        )
        return peerCheck(given, os.environ)

    def _accounts(self) -> dict[str, str]:
        """
        @return: The users and groups that may connect, as arguments of a factory; empty if all may.
        """
        return {
            parameter: ",".join(self[option])
            for parameter, option in (("allowUsers", "allow-user"), ("allowGroups", "allow-group"))
            if self[option]
        }

    def _checkAccounts(self) -> None:
        """
        @raise UsageError: A user or group does not exist, or no endpoint is a Unix socket.
        """
        accounts = self._accounts()
        try:
            UnixAllowList.of(accounts.get("allowUsers"), None)
        except BadAllowList as error:
            raise UsageError(f"--allow-user: {error}") from error
        try:
            UnixAllowList.of(None, accounts.get("allowGroups"))
        except BadAllowList as error:
            raise UsageError(f"--allow-group: {error}") from error
        kinds = {Description.fromText(text).kind for text in self["ports"]}
        if accounts and kinds <= {"tcp", "tcp6", "ssl"}:
            raise UsageError(
                "--allow-user and --allow-group are for Unix sockets, and every --port is an "
                "IP port: use --allow-from to limit who may connect over IP"
            )

    def _endpoint(self, option: str, text: str, refusal: str) -> IStreamServerEndpoint:
        """
        @param option: The option that has the endpoint.
        @param text: The description of the endpoint.
        @param refusal: The message if other machines could connect.

        @return: The endpoint.
        """
        from twisted.internet import reactor

        insecure = bool(self["insecure"])
        try:
            endpoint = endpointFromText(reactor, text, insecure=insecure)
        except BadEndpoint as error:
            raise UsageError(f"{option} {error}") from error
        description = Description.fromText(text)
        if description.isPublic() and self["allowFrom"] is None and not insecure:
            where = f"{option} {text}"
            raise CannotListen(refusal.format(address=where, local=description.local()))
        return endpoint


def makeService(options: ServerOptions) -> IService:
    """
    Make the service for a command line.

    @param options: The command line, parsed.

    @return: The service.
    """
    return options.logged(options.makeService())
