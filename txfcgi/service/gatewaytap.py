"""
C{twistd fcgi-gateway}: HTTP in front of any FastCGI or SCGI back end.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, get_args

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python.usage import UsageError
from twisted.web.resource import IResource

from ..client.client import Client, FastCGIClient
from ..client.endpoints import clientEndpoint
from ..client.options import ClientOptions, Timeouts, UnknownLength
from ..client.scgi import SCGIClient
from ..errors import InvalidEndpoint
from ..server.admission import BadAllowList
from ..web import (
    GatewayOptions,
    GatewayResource,
    PHPResource,
    PHPSite,
    StreamingSite,
    TrustedProxies,
)
from .commandline import (
    DRAIN_IDLE,
    DRAIN_INHERITED,
    DRAIN_TIMEOUT,
    HTTP_PARAMETERS,
    CommandOptions,
    fieldOption,
    numberOption,
    oneOf,
    optionName,
)
from .errors import BadEndpoint
from .listen import endpointFromText
from .serving import Serving

# The index files of a folder.
INDEX: Final = "index.php,index.html"

# How many bytes of a body are kept in memory before they go to a file.
SPOOL_MEMORY: Final = 524_288


def timeoutOption(name: str) -> str:
    """
    @param name: The name of a field of L{Timeouts}.

    @return: The name of its option.
    """
    return f"{optionName(name)}-timeout"


# No limit for a whole request: it would cut off event streams and slow browsers.
TIMEOUT_PARAMETERS = [
    numberOption("total-timeout", None, field.metadata["help"], float, none=True)
    if field.name == "total"
    else fieldOption(Timeouts, field.name, timeoutOption(field.name))
    for field in dataclasses.fields(Timeouts)
]


class Options(CommandOptions):
    """
    The command line of C{twistd fcgi-gateway}.
    """

    command = "fcgi-gateway"

    optParameters: ClassVar[Sequence[Sequence[Any]]] = [
        ["root", "r", None, "The site's folder: DOCUMENT_ROOT"],
        [
            "front-controller",
            None,
            None,
            "With --php: the script for every path that is not a file, such as /index.php, or "
            "/doku.php?id=$path to put the path into its query",
        ],
        [
            "index",
            None,
            None,
            f"With --php: files that stand for a folder [default: {INDEX}]",
        ],
        ["cache-control", None, None, "With --php: the Cache-Control header of files"],
        ["script-root", None, None, "With --php: the folder as php-fpm sees it"],
        ["server-name", None, None, "SERVER_NAME; by default, the host of the URL"],
        ["sendfile-root", None, None, "The folder that X-Sendfile may name files in"],
        fieldOption(GatewayOptions, "bodyBytes", "max-body-bytes"),
        fieldOption(ClientOptions, "spoolTotalBytes", "max-spool-bytes"),
        [
            "unknown-length",
            None,
            "spool",
            "What to do with a body of unknown length: spool, stream or refuse it",
            oneOf("unknown-length", *get_args(UnknownLength)),
        ],
        fieldOption(ClientOptions, "maxConnections", "max-connections"),
        [
            "trust-forwarded",
            None,
            None,
            "The web servers trusted to describe the client: networks such as "
            "10.0.0.0/8, and unix for Unix sockets. From other peers, X-Forwarded-* and Forwarded "
            "are dropped",
        ],
        [
            "forwarded-header",
            None,
            "x-forwarded",
            "In which headers trusted web servers describe the client: x-forwarded "
            "(X-Forwarded-For, X-Forwarded-Proto) or forwarded (RFC 7239)",
            oneOf("forwarded-header", "x-forwarded", "forwarded"),
        ],
        DRAIN_TIMEOUT,
        DRAIN_IDLE,
        *HTTP_PARAMETERS,
        *TIMEOUT_PARAMETERS,
    ]

    optFlags: ClassVar[Sequence[Sequence[Any]]] = [
        ["php", None, "Serve the files in --root, and run its .php files with php-fpm"],
        ["scgi", None, "The back end speaks SCGI, not FastCGI"],
        ["follow-links", None, "With --php: follow symbolic links that lead out of --root"],
        DRAIN_INHERITED,
        [
            "trust-forwarded-host",
            None,
            "Also trust these web servers to name the requested host",
        ],
    ]

    example: ClassVar[str] = (
        "--http tcp:8080 --backend unix:/run/php/php-fpm.sock --root /srv/www --php"
    )

    def __init__(self) -> None:
        super().__init__()
        self["http"] = []
        self["backends"] = []
        self["params"] = {}
        self["deny"] = []
        self["no-php-below"] = []
        self["keep"] = None
        self["pass-authorization"] = None

    def opt_http(self, text: str) -> None:
        """
        Where to answer HTTP: any Twisted endpoint, such as tcp:8080 or
        ssl:443:privateKey=key.pem:certKey=cert.pem. May be given several times
        """
        self["http"].append(text)

    def opt_backend(self, text: str) -> None:
        """
        Where the back end is: the path of a socket, or any Twisted endpoint, such as
        unix:/run/php/php-fpm.sock or tcp:127.0.0.1:9000. If given several times, the least busy
        back end gets each request
        """
        self["backends"].append(text)

    opt_b = opt_backend

    def opt_param(self, text: str) -> None:
        """
        A param for every request, as NAME=VALUE. May be given several times
        """
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"--param takes NAME=VALUE, not {text!r}")
        self["params"][name] = value

    def opt_deny(self, text: str) -> None:
        """
        With --php: answer 403 for a path from the root and everything below it, such as /data, or
        for a name anywhere, such as *.bak. May be given several times
        """
        if not text.strip("/"):
            raise UsageError(f"--deny takes a path or a name, not {text!r}")
        self["deny"].append(text)

    def opt_no_php_below(self, text: str) -> None:
        """
        With --php: answer 403 instead of running a script below a path, such as /uploads. May be
        given several times
        """
        if not text.strip("/"):
            raise UsageError(f"--no-php-below takes a path, not {text!r}")
        self["no-php-below"].append(text if "/" in text else f"/{text}")

    def opt_pass_authorization(self) -> None:
        """
        Pass the browser's Authorization header on. The default with --php
        """
        self["pass-authorization"] = True

    def opt_no_pass_authorization(self) -> None:
        """
        Do not pass the browser's Authorization header on. The default, except with --php
        """
        self["pass-authorization"] = False

    def opt_keep(self) -> None:
        """
        Use a connection to the back end for several requests. The default, except with --php
        """
        self["keep"] = True

    def opt_no_keep(self) -> None:
        """
        Make a new connection for each request. The default with --php, because a script that ends
        its request early would delay the next one
        """
        self["keep"] = False

    def postOptions(self) -> None:
        """
        Check what can be checked before a daemon forks.

        @raise UsageError: An option is missing or wrong.
        """
        for name, value in (("http", self["http"]), ("backend", self["backends"])):
            if not value:
                raise UsageError(f"--{name} is missing, as in: {self.example}")
        root = self["root"]
        if self["php"] and root is None:
            raise UsageError("--php needs the site's folder: --root")
        for name in (
            *("front-controller", "script-root", "follow-links", "deny", "no-php-below"),
            *("cache-control", "index"),
        ):
            if self[name] and not self["php"]:
                raise UsageError(f"--{name} is for --php")
        for name in ("root", "sendfile-root"):
            if self[name] is not None and not os.path.isdir(self[name]):
                raise UsageError(f"--{name} {self[name]}: the folder does not exist")
        if self["front-controller"] is not None:
            script = self["front-controller"].partition("?")[0]
            if not os.path.isfile(os.path.join(root, script.lstrip("/"))):
                raise UsageError(
                    f"--front-controller {self['front-controller']}: the file "
                    f"{script.lstrip('/')} does not exist in --root {root}"
                )
        self["proxies"] = self._proxies()
        from twisted.internet import reactor

        try:
            self["endpoints"] = [(text, endpointFromText(reactor, text)) for text in self["http"]]
        except BadEndpoint as error:
            raise UsageError(f"--http {error}") from error
        self["targets"] = []
        for text in self["backends"]:
            try:
                self["targets"].append(clientEndpoint(reactor, text))
            except InvalidEndpoint as error:
                raise UsageError(f"--backend {error}") from error

    def _proxies(self) -> TrustedProxies | None:
        """
        @return: The trusted web servers in front of this one.
        """
        if self["trust-forwarded"] is None:
            if self["trust-forwarded-host"]:
                raise UsageError(
                    "--trust-forwarded-host needs the web servers to trust: --trust-forwarded"
                )
            return None
        try:
            return TrustedProxies.fromText(
                self["trust-forwarded"],
                self["forwarded-header"],
                bool(self["trust-forwarded-host"]),
            )
        except BadAllowList as error:
            raise UsageError(f"--trust-forwarded {error}") from error

    def clientOptions(self) -> ClientOptions:
        """
        @return: The arguments of the client.
        """
        make: Callable[..., ClientOptions]
        make = ClientOptions.forPHP if self["php"] else ClientOptions
        # Without either option, the client's default holds.
        kept = {} if self["keep"] is None else {"keepConnections": self["keep"]}
        return make(
            timeouts=self.timeouts(),
            maxConnections=self["max-connections"],
            **kept,
            unknownLength=self["unknown-length"],
            # --max-body-bytes limits bodies of known and of unknown length.
            spoolBytes=None,
            spoolTotalBytes=self["max-spool-bytes"],
            spoolMemory=SPOOL_MEMORY,
        )

    def timeouts(self) -> Timeouts:
        """
        @return: The timeouts of the parts of a request.
        """
        fields = dataclasses.fields(Timeouts)
        return Timeouts(**{field.name: self[timeoutOption(field.name)] for field in fields})

    def resource(self, client: Client) -> IResource:
        """
        @param client: The client for the back end.

        @return: The root resource.
        """
        options = GatewayOptions(
            params=self["params"],
            serverName=self["server-name"],
            passAuthorization=self["pass-authorization"],
            bodyBytes=self["max-body-bytes"],
            sendfileRoot=self["sendfile-root"],
            timeouts=self.timeouts(),
        )
        root = None if self["root"] is None else os.path.abspath(self["root"])
        if not self["php"]:
            if root is not None:
                params = {"DOCUMENT_ROOT": root, **options.params}
                options = dataclasses.replace(options, params=params)
            return GatewayResource(client, options)
        assert root is not None
        site = PHPSite(
            index=[name for name in (self["index"] or INDEX).split(",") if name],
            frontController=self["front-controller"],
            deny=self["deny"],
            noScripts=self["no-php-below"],
            cacheControl=self["cache-control"],
            followLinks=bool(self["follow-links"]),
            scriptRoot=self["script-root"],
        )
        return PHPResource(root, client, site, options)


class GatewayService(Serving):
    """
    A site, and the client that it calls.
    """

    def __init__(
        self,
        reactor: Any,
        options: Options,
        endpoints: Sequence[tuple[str, IStreamServerEndpoint]],
    ) -> None:
        """
        @param endpoints: Where to serve HTTP.
        """
        kind: type[Client] = SCGIClient if options["scgi"] else FastCGIClient
        self._client = kind(reactor, options["targets"], options.clientOptions())
        site = StreamingSite(
            options.resource(self._client),
            reactor=reactor,
            limits=options.httpLimits(),
            proxies=options["proxies"],
        )
        # A gateway is meant to be open to all.
        super().__init__(
            reactor,
            site,
            endpoints,
            drainTimeout=options["drain-timeout"],
            drainIdle=options["drain-idle"],
            drainInherited=bool(options["drain-inherited"]),
            insecure=True,
        )

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, let running requests finish, and close the connections to the back end.
        """
        return super().stopService().addCallback(lambda _: self._client.close())


def makeService(options: Options) -> IService:
    """
    Make the service for a command line.
    """
    from twisted.internet import reactor

    return options.logged(GatewayService(reactor, options, options["endpoints"]))
