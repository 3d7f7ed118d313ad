"""
A site with an app behind it, over real sockets, and a browser for it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXServerEndpoint,
)
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.resource import IResource

from txfcgi import Request, Response
from txfcgi.client.client import FastCGIClient
from txfcgi.client.options import ClientOptions
from txfcgi.testing import serve
from txfcgi.web import GatewayOptions, GatewayResource, StreamingSite
from txfcgi.wire.records import EndRequest, RecordType, encodeRecord

reactor: Any = globalReactor


@dataclass
class Answer:
    """
    A response.
    """

    code: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> list[str]:
        """
        All values of a header.
        """
        return [value for key, value in self.headers if key.lower() == name.lower()]


class _Recorded(BytesIO):
    """
    What C{http.client} takes for a socket, which several responses can be read from.
    """

    def makefile(self, mode: str) -> _Recorded:
        return self

    def close(self) -> None:
        pass


def answersIn(data: bytes, *methods: str) -> list[Answer]:
    """
    Read responses, one for each method.
    """
    recorded = _Recorded(data)
    answers = []
    for method in methods:
        response = HTTPResponse(cast(Any, recorded), method=method)
        response.begin()
        body = response.read()
        answers.append(Answer(response.status, response.reason, response.getheaders(), body))
    return answers


#: The head of a request whose body comes in chunks.
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


def isAnswer(data: bytes, method: str) -> bool:
    """
    Whether a whole response is there, for a connection that goes on.
    """
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank or method == "HEAD" or head[9:12] in (b"204", b"304"):
        return bool(blank)
    length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
    return len(body) == int(length[1]) if length else body.endswith(b"0\r\n\r\n")


class Wire(Protocol):
    """
    A connection to the site, byte by byte.

    @ivar received: What came.
    @ivar closed: Fires with the reason when it is closed.
    """

    def __init__(self) -> None:
        self.received = b""
        self.closed: Deferred[BaseException] = Deferred()
        self._waiting: list[tuple[Callable[[bytes], bool], Deferred[None]]] = []
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        """
        Keep what comes.
        """
        self.received += data
        for condition, waiting in list(self._waiting):
            if condition(self.received):
                self._waiting.remove((condition, waiting))
                waiting.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Tell who waits.
        """
        self.lost = True
        self.closed.callback(cast(BaseException, reason.value))

    def send(self, data: bytes) -> None:
        """
        Send bytes.
        """
        assert self.transport is not None
        self.transport.write(data)

    def until(self, text: bytes) -> Deferred[None]:
        """
        Wait until it has come.
        """
        return self.when(lambda received: text in received)

    def when(self, condition: Callable[[bytes], bool]) -> Deferred[None]:
        """
        Wait until what has come is such.
        """
        waiting: Deferred[None] = Deferred()
        if condition(self.received):
            waiting.callback(None)
        else:
            self._waiting.append((condition, waiting))
        return waiting

    async def answer(self, method: str) -> Answer:
        """
        Wait for the one response.
        """
        await self.closed
        [answer] = answersIn(self.received, method)
        return answer

    def leave(self) -> None:
        """
        Hang up.
        """
        cast(ITCPTransport, self.transport).abortConnection()


class SiteCase(TestCase):
    """
    Tests with a site.

    @cvar kept: Whether L{fetch} lets connections be kept, as browsers do.
    """

    kept = False
    timeout = 60
    port: Any
    client: FastCGIClient

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="txfcgi-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.events: list[LogEvent] = []
        observer = cast(ILogObserver, self.events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def logged(self, text: str) -> list[LogEvent]:
        """
        The events whose text has this in it.
        """
        found = []
        for event in self.events:
            form = event.get("log_format")
            if form and text in form.format(**event):
                found.append(event)
        return found

    async def listen(self, factory: Factory) -> str:
        """
        Serve on a Unix socket.

        @return: The endpoint for a client.
        """
        number = len(list(self.folder.iterdir()))
        path = str(self.folder / f"{number}.sock")
        port = await UNIXServerEndpoint(reactor, path, mode=0o600).listen(factory)
        self.addCleanup(port.stopListening)
        return f"unix:{path}"

    async def backEnd(
        self, app: Callable[[Any], Any], options: ClientOptions | None = None, **more: Any
    ) -> FastCGIClient:
        """
        Serve an app over FastCGI.

        @return: A client for it.
        """
        return self.clientOf(serve(self, app, mayLeave=True).endpoint, options, **more)

    def clientOf(
        self, endpoint: str, options: ClientOptions | None = None, **more: Any
    ) -> FastCGIClient:
        """
        A client, closed in the end.
        """
        client = FastCGIClient(reactor, endpoint, options, **more)
        self.addCleanup(client.close)
        return client

    async def canned(self, output: bytes, whole: bool = True) -> FastCGIClient:
        """
        Serve bytes that no app of ours would let out.

        @param whole: Whether the request ends with them; if not, it is the connection that does.
        @return: A client for that.
        """
        records = [encodeRecord(RecordType.STDOUT, 1, output)]
        if whole:
            records.append(EndRequest(1).encode())

        class Canned(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(b"".join(records))
                self.transport.loseConnection()

        return self.clientOf(await self.listen(Factory.forProtocol(Canned)))

    async def site(self, resource: IResource, **more: Any) -> StreamingSite:
        """
        Serve a resource.
        """
        site = StreamingSite(resource, **more)
        await self.serve(site)
        self.addCleanup(site.drain, 0.0)
        return site

    async def serve(self, factory: Any) -> None:
        """
        Serve HTTP with any factory.
        """
        self.port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self.addCleanup(self.port.stopListening)

    async def gateway(
        self,
        app: Callable[[Any], Any],
        options: GatewayOptions | None = None,
        clientOptions: ClientOptions | None = None,
        **more: Any,
    ) -> StreamingSite:
        """
        A site that passes all on to an app.
        """
        self.client = await self.backEnd(app, clientOptions, **more)
        return await self.site(GatewayResource(self.client, options))

    async def connect(self) -> Wire:
        """
        Connect to the site.
        """
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        wire = cast(Wire, await endpoint.connect(Factory.forProtocol(Wire)))

        def close() -> Deferred[BaseException] | None:
            if wire.lost:
                return None
            wire.leave()
            return wire.closed

        self.addCleanup(close)
        return wire

    async def raw(self, data: bytes) -> bytes:
        """
        Send bytes, and read until the connection is closed.
        """
        wire = await self.connect()
        wire.send(data)
        await wire.closed
        return wire.received

    async def fetch(
        self,
        target: str = "/",
        method: str = "GET",
        headers: Mapping[str, str] | tuple[tuple[str, str], ...] = (),
        body: bytes | None = None,
        version: str = "1.1",
    ) -> Answer:
        """
        Make a request over a connection of its own.
        """
        lines = [f"{method} {target} HTTP/{version}", "Host: test.example:81"]
        kept = self.kept and version == "1.1"
        if not kept:
            lines.append("Connection: close")
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        lines += [f"{name}: {value}" for name, value in pairs]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8")
        wire = await self.connect()
        wire.send(head + (body or b""))
        if kept:
            await wire.when(lambda received: isAnswer(received, method))
        else:
            await wire.closed
        [answer] = answersIn(wire.received, method)
        return answer


async def showParams(request: Request) -> Response:
    """
    An app that answers with its params.
    """
    lines = [f"{name}={value}" for name, value in request.params.items()]
    return Response(200, {"Content-Type": "text/plain"}, "\n".join(lines).encode())


def paramsIn(answer: Answer) -> dict[str, str]:
    """
    What L{showParams} answered.
    """
    return dict(cast(Any, line.split("=", 1)) for line in answer.body.decode().split("\n"))


class Gate:
    """
    Something that an app and a test wait for.
    """

    def __init__(self) -> None:
        self._waiting: list[Deferred[None]] = []
        self.opened = False

    def open(self) -> None:
        """
        Let all go on, now and later.
        """
        self.opened = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def __await__(self) -> Any:
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        if self.opened:
            waiting.callback(None)
        else:
            self._waiting.append(waiting)
        return waiting.__await__()


class Waiting:
    """
    An app that never answers.

    @ivar asked: Is open once there is a request.
    @ivar aborted: Is open once it was aborted.
    """

    def __init__(self) -> None:
        self.asked = Gate()
        self.aborted = Gate()

    async def __call__(self, request: Request) -> Response:
        self.asked.open()
        try:
            await Gate()
        finally:
            self.aborted.open()
        raise AssertionError


App = Callable[[Request], Awaitable[Response]]
