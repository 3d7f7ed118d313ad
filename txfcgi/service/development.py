"""
C{--http}: the app in a browser, with no web server installed.

Each request takes the way that it takes behind a web server: over a socket, as FastCGI or SCGI.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import (
    IListeningPort,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.web.resource import Resource

from ..client.client import Client
from ..server.interfaces import IDrains
from ..server.limits import HTTPLimits
from ..web import GatewayOptions, GatewayResource, StreamingSite
from .errors import CannotListen, CannotStart
from .listener import UNIXListener
from .serving import PUBLIC_HTTP, Serving
from .sockets import UNIXSocketOptions, listenUNIX


class Development(Serving):
    """
    Answers HTTP by asking an app in this process, through a private Unix socket.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        factory: IDrains,
        makeClient: Callable[[Any, IStreamClientEndpoint], Client],
        endpoints: Sequence[tuple[str, IStreamServerEndpoint]],
        limits: HTTPLimits,
        **options: Any,
    ) -> None:
        """
        @param factory: Serves the app.
        @param makeClient: Makes a client for what C{factory} speaks.
        @param endpoints: Where to answer HTTP, each with the text that describes it.
        @param limits: What browsers may do.
        @param options: As for L{Serving}.
        """
        self._site = StreamingSite(
            Resource(), reactor=reactor, allowFrom=options.get("allowFrom"), limits=limits
        )
        super().__init__(
            reactor, self._site, endpoints, refusal=PUBLIC_HTTP, stopsAtHangUp=True, **options
        )
        self._app = factory
        self._makeClient = makeClient
        self._client: Client | None = None
        self._port: IListeningPort | None = None
        self._folder: str | None = None

    def startService(self) -> None:
        """
        Make the way from HTTP to the app. Under C{twistd} this is where the process is the user
        that it is going to be.

        @raise CannotStart: That can't be had.
        """
        folder = self._folder = tempfile.mkdtemp(prefix="txfcgi-")
        path = str(Path(folder, "app.sock"))
        try:
            listening, file = listenUNIX(path, UNIXSocketOptions(mode=0o600, lock=False))
        except CannotListen as error:
            shutil.rmtree(folder)
            raise CannotStart(f"{path}: {error}") from error
        self._port = UNIXListener(listening, self._app, self._reactor, file)
        self._port.startListening()
        self._client = self._makeClient(self._reactor, UNIXClientEndpoint(self._reactor, path))
        # An app behind a web server usually gets to see who wants what.
        self._site.resource = GatewayResource(self._client, GatewayOptions(passAuthorization=True))
        self._log.info("HTTP goes through {path}. This is meant for development.", path=path)
        super().startService()

    async def _stop(self) -> None:
        """
        Take the way down, from the browser's end.
        """
        await super().stopService()
        if self._client is not None:
            await self._client.close()
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        await self._app.drain(0.0)
        if self._folder is not None:
            shutil.rmtree(self._folder)
        self._client = self._port = self._folder = None

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, and give the requests that run the time to end.

        @return: Fires when the last has ended, at the latest when the time is over.
        """
        return Deferred.fromCoroutine(self._stop())

    def _isListening(self, port: IListeningPort, text: str) -> None:
        """
        Say where to look.

        @param port: The port.
        @param text: The description of its endpoint.
        """
        super()._isListening(port, text)
        host = port.getHost()
        if self.limitsUsers and isinstance(host, UNIXAddress):
            raise CannotListen("--allow-user and --allow-group can't be asked for over HTTP")
        if isinstance(host, (IPv4Address, IPv6Address)):
            name = f"[{host.host}]" if ":" in host.host else host.host
            self._log.info("See http://{name}:{port}/", name=name, port=host.port)
