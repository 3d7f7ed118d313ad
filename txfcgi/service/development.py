"""
C{--http}: the app in a browser, without a web server.

Each request goes over a socket, as FastCGI or SCGI, as it would behind a web server.
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
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from ..client.client import Client
from ..server.interfaces import IDrains
from ..server.limits import HTTPLimits
from ..server.pages import HEADERS
from ..web import GatewayOptions, GatewayResource
from ..web.local import isLocalRequest
from ..web.request import IStreamsBody
from .errors import CannotListen, CannotStart
from .failurepage import loadPage
from .listener import UNIXListener
from .requestlines import DevelopmentSite, Lines
from .serving import PUBLIC_HTTP, Serving
from .sockets import UNIXSocketOptions, listenUNIX


@implementer(IStreamsBody)
class Front(Resource):
    """
    The root resource: the app's response, or the reason why the app can't be loaded.
    """

    isLeaf = True

    _log = Logger()

    def __init__(self, answers: IResource, app: Development) -> None:
        """
        @param answers: The resource that calls the app.
        @param app: Knows whether the app is loaded.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._answers = answers
        self._app = app

    def render(self, request: Request) -> bytes | int:
        """
        Answer a request as soon as it is known whether the app is loaded.
        """
        waiting = self._app.loading()
        if waiting is None:
            return self._answer(request)
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def loaded(_: object) -> None:
            if gone:
                return
            page = self._answer(request)
            if isinstance(page, bytes):
                request.write(page)
                request.finish()

        waiting.addCallback(loaded).addErrback(
            lambda failure: self._log.failure("A request failed", failure)
        )
        return NOT_DONE_YET

    def _answer(self, request: Request) -> bytes | int:
        why = self._app.trouble()
        if not why:
            answer: bytes | int = self._answers.render(request)
            return answer
        request.setResponseCode(500)
        for name, value in HEADERS:
            request.setHeader(name.encode(), value.encode())
        if isLocalRequest(request):
            request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
            return loadPage(why)
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        return b"The app can't be loaded. The log says why.\n"


class Development(Serving):
    """
    Serves HTTP by calling an app in this process through a private Unix socket.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        factory: IDrains | None,
        makeClient: Callable[[Any, IStreamClientEndpoint], Client],
        endpoints: Sequence[tuple[str, IStreamServerEndpoint]],
        limits: HTTPLimits,
        **options: Any,
    ) -> None:
        """
        @param factory: Serves the app; L{None} if another process does.
        @param makeClient: Makes a client for the protocol of C{factory}.
        @param endpoints: Where to serve HTTP: descriptions and endpoints.
        @param limits: Limits for browsers.
        @param options: As for L{Serving}.
        """
        self._site = DevelopmentSite(
            Resource(),
            lines=Lines.ofTerminal(),
            reactor=reactor,
            allowFrom=options.get("allowFrom"),
            limits=limits,
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
        Connect HTTP to the app. Under C{twistd}, the process has changed its user by now.

        @raise CannotStart: A socket can't be created.
        """
        folder = self._folder = tempfile.mkdtemp(prefix="txfcgi-")
        try:
            endpoint = self.startApp(folder)
        except CannotListen as error:
            shutil.rmtree(folder)
            raise CannotStart(f"{folder}: {error}") from error
        self._client = self._makeClient(self._reactor, endpoint)
        # Web servers usually pass Authorization to an app.
        gateway = GatewayResource(self._client, GatewayOptions(passAuthorization=True))
        self._site.resource = Front(gateway, self)
        self._log.info("HTTP goes through {folder}. This is meant for development.", folder=folder)
        super().startService()

    def trouble(self) -> str:
        """
        @return: Why the app can't be loaded. Empty here: without an app the service does not start.
        """
        return ""

    def loading(self) -> Deferred[None] | None:
        """
        @return: Fires when it is known whether the app can be loaded; L{None} if that is known now.
        """
        return None

    def startApp(self, folder: str) -> IStreamClientEndpoint:
        """
        Serve the app.

        @param folder: A private folder for the socket.

        @return: The endpoint to call the app.

        @raise CannotListen: The socket can't be created.
        """
        assert self._app is not None
        path = str(Path(folder, "app.sock"))
        listening, file = listenUNIX(path, UNIXSocketOptions(mode=0o600, lock=False))
        self._port = UNIXListener(listening, self._app, self._reactor, file)
        self._port.startListening()
        return UNIXClientEndpoint(self._reactor, path)

    async def stopApp(self) -> None:
        """
        Stop serving the app. No requests are left by now.
        """
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        assert self._app is not None
        await self._app.drain(0.0)

    async def _stop(self) -> None:
        """
        Stop everything, from the browser's side on.
        """
        await super().stopService()
        if self._client is not None:
            await self._client.close()
        if self._folder is not None:
            await self.stopApp()
        if self._folder is not None:
            shutil.rmtree(self._folder)
        self._client = self._port = self._folder = None

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, and let running requests finish.

        @return: Fires when the last request has ended, at the latest when the time is over.
        """
        return Deferred.fromCoroutine(self._stop())

    def _isListening(self, port: IListeningPort, text: str) -> None:
        """
        Log the address for the browser.

        @param port: The port.
        @param text: The description of its endpoint.
        """
        super()._isListening(port, text)
        host = port.getHost()
        if self.limitsUsers and isinstance(host, UNIXAddress):
            raise CannotListen("--allow-user and --allow-group do not apply to HTTP")
        if isinstance(host, (IPv4Address, IPv6Address)):
            name = f"[{host.host}]" if ":" in host.host else host.host
            self._log.info("See http://{name}:{port}/", name=name, port=host.port)
