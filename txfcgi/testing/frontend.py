"""
L{MemoryFrontEnd}: a web server in memory, in front of an app.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, cast
from unittest import TestCase

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ..errors import ConnectionClosed
from ..server.application import App
from ..server.factory import ServerFactory
from ..server.limits import Limits
from ..server.request import Request
from ..wire.records import Role
from .asking import (
    NOTHING,
    AnyHeaders,
    Body,
    Fields,
    Files,
    checkURI,
    headerPairs,
    payload,
    posted,
    readSize,
)
from .awaited import awaited
from .browser import Browser
from .exchange import Exchange, MemoryResponse
from .leftovers import Closing, Leftovers, WatchedApplication
from .lifetime import Lifetime, runsReactor
from .link import Link
from .manners import Protocol, Server, Settings, mannersOf
from .pace import SlowReaders, clockOf, passTime
from .protocols import factoryFor
from .speakers import FastCGISpeaker, SCGISpeaker
from .transport import READ
from .turns import Turns
from .variables import Asked


class MemoryFrontEnd(Closing):
    """
    A web server in memory. Every byte goes through the wire code of both sides; there are no
    sockets, and no reactor.

    It makes, keeps and shares connections as the web server does: successive requests go over one
    kept connection; simultaneous requests over as many as that web server uses.

    @ivar clock: The clock of the app's server and of slow readers; nothing waits in real time.
    @ivar factory: The app's server.
    @ivar address: The web server's host and port.
    @ivar links: All connections that were made.
    @ivar server: The web server that it imitates.
    @ivar protocol: The protocol, C{"fastcgi"} or C{"scgi"}.
    @ivar manners: How that web server uses connections and records.
    """

    def __init__(
        self,
        app: App | ServerFactory,
        protocol: Protocol = "fastcgi",
        server: Server = "plain",
        *,
        testCase: TestCase | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        keep: bool | None = None,
        multiplex: bool | None = None,
        buffered: bool | None = None,
        getValues: bool | None = None,
        host: str = "127.0.0.1",
        port: int = 8080,
        root: str = "/srv/www",
        fragment: int = READ,
        raiseErrors: bool = False,
    ) -> None:
        """
        @param app: The app; or a factory that serves it, with other options, whose clock is a
            C{Clock}.
        @param server: The web server to imitate; C{plain} for none in particular.
        @param testCase: A test that fails if something is left at its end. Without one, call
            L{close}, or use the front end as a context manager.
        @param limits: The limits of the app's server.
        @param keep: A setting of the web server: see L{Settings<txfcgi.testing.manners.Settings>}.
        @param multiplex: Another of these settings.
        @param buffered: Another of these settings.
        @param getValues: Another of these settings.
        @param host: The web server's address, as the app sees it.
        @param port: Its port.
        @param root: The folder with its files.
        @param fragment: The most bytes of each read by the application; 1 for byte by byte.
        @param raiseErrors: Whether a request fails with the exception of its app, in place of a
            response with status 500; the exception is then not logged.
        @raise ValueError: If the web server does not speak the protocol, or has no such setting.
        @raise TypeError: If a factory does not have a C{Clock}.
        @raise Exception: The exception of the app's C{startup}, if it fails at once.
        """
        settings = Settings(keep=keep, multiplex=multiplex, buffered=buffered, getValues=getValues)
        self.manners = mannersOf(server, protocol, settings)
        self.server = server
        self.protocol = protocol
        if isinstance(app, ServerFactory):
            if clock is not None:
                raise TypeError("a factory has a clock of its own: give it to the factory")
            clock = clockOf(app)
        self.clock = Clock() if clock is None else clock
        self.factory = factoryFor(app, protocol, limits, cast(IReactorTime, self.clock))
        self._lifetime = Lifetime(self.factory.application.app)
        self._application = self.factory.application = WatchedApplication(
            self.factory.application, self.pump, self._mayLeave, self._raises
        )
        self._host = host
        self._port = port
        self.address = f"{host}:{port}"
        self._root = root
        self._fragment = readSize(fragment)
        self._raiseErrors = raiseErrors
        self.links: list[Link] = []
        self._remotePorts = count(50_000)
        self._turns = Turns(self.clock)
        self._slowReaders = SlowReaders(self.clock)
        self._closed = False
        if testCase is not None:
            testCase.addCleanup(self.stop if runsReactor(testCase) else self.close)

    @property
    def started(self) -> Deferred[None]:
        """
        A Deferred that fires when the app is ready; requests before that are errors.
        """
        return self._lifetime.started

    def browser(self, headers: AnyHeaders = ()) -> Browser:
        """
        Make a browser, which keeps cookies and returns responses directly.

        @param headers: Headers of each of its requests.
        """
        return Browser(self, headers)

    # Requests

    def get(
        self, uri: str = "/", headers: AnyHeaders = (), **options: Any
    ) -> Deferred[MemoryResponse]:
        """
        Make a GET request; see L{request}.
        """
        return self.request("GET", uri, headers, **options)

    def post(
        self, uri: str = "/", body: Body = None, headers: AnyHeaders = (), **options: Any
    ) -> Deferred[MemoryResponse]:
        """
        Make a POST request; see L{request}. Its body is empty unless one is given.
        """
        return self.request("POST", uri, headers, posted(body, options), **options)

    def request(
        self,
        method: str = "GET",
        uri: str = "/",
        headers: AnyHeaders = (),
        body: Body = None,
        *,
        json: Any = NOTHING,
        form: Fields | None = None,
        files: Files | None = None,
        role: int = Role.RESPONDER,
        data: bytes | None = None,
        dataLastModified: int | None = None,
        chunked: bool = False,
        params: Mapping[str, str] | None = None,
        apacheRole: str | None = None,
        fragment: int | None = None,
        abortAfter: int | None = None,
        loseAfter: int | None = None,
        readRate: int | None = None,
        mayLeaveBody: bool = False,
        raiseErrors: bool | None = None,
    ) -> Deferred[MemoryResponse]:
        """
        Make a request, as a browser does.

        @param uri: Path and query as a browser sends them, percent-encoded.
        @param headers: The headers that the browser sends, beside Host and Content-Length.
        @param body: Its body; pieces are sent one by one, each in records of its own.
        @param json: In place of a body: a value that is sent as JSON.
        @param form: In place of a body: the fields of a form, by name.
        @param files: The files of a form, by the name of their field: the bytes; or a tuple of the
            file's name and its bytes; or of both and its media type.
        @param role: A L{Role<txfcgi.wire.records.Role>} that this web server asks for.
        @param data: The file, for a Filter.
        @param dataLastModified: When it was changed, in seconds since 1970; 0 if not given.
        @param chunked: Whether the browser sends the body in chunks, without its length.
        @param params: Variables to add, or to replace.
        @param apacheRole: C{"AUTHENTICATOR"} or C{"AUTHORIZER"}: which of its two questions Apache
            asks an Authorizer.
        @param fragment: The most bytes of each read by the application.
        @param abortAfter: The browser leaves after so many bytes of STDOUT, head included; with 0,
            when the request has been sent. The web server then does what the real one does. A
            shorter response arrives whole.
        @param loseAfter: The connection is lost after so many bytes of the request.
        @param readRate: How many bytes the web server reads in each second of C{clock}; with 0,
            none before L{Exchange.read<txfcgi.testing.exchange.Exchange.read>} is called.
        @param mayLeaveBody: Whether the app may leave the body unread; see
            L{txfcgi.testing.leftovers}.
        @param raiseErrors: Used in place of the front end's.
        @return: Fires with the response; see L{Exchange.response
            <txfcgi.testing.exchange.Exchange.response>}.
        @raise ValueError: If this web server never makes such a request.
        @raise TypeError: If an argument does not fit the request.
        """
        if role != Role.FILTER and (data is not None or dataLastModified is not None):
            raise TypeError(
                "data and dataLastModified are for a Filter (role=Role.FILTER); what a browser "
                "sends is the body"
            )
        if apacheRole is not None and (self.server != "apache" or role != Role.AUTHORIZER):
            raise TypeError("apacheRole is for Apache's Authorizer: server='apache', role=...")
        pieces, contentType = payload(body, json, form, files)
        if chunked and pieces is None:
            raise TypeError("chunked is for a request with a body")
        headers = headerPairs(headers)
        if contentType and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", contentType))
        length = None if pieces is None else sum(map(len, pieces))
        if chunked and length is not None and self.manners.refusesChunks(length):
            return succeed(MemoryResponse(self.manners.refusal))
        exchange, beginning = self._open(
            self._asked(method, uri, headers, length, chunked, role, apacheRole),
            params,
            data,
            dataLastModified,
            fragment=self._fragment if fragment is None else readSize(fragment),
            abortAfter=abortAfter,
            loseAfter=loseAfter,
            mayLeaveBody=mayLeaveBody,
            raiseErrors=self._raiseErrors if raiseErrors is None else raiseErrors,
        )
        if readRate is not None:
            self._slowReaders.add(exchange, readRate)
        exchange.sendAll(beginning, pieces, data)
        if abortAfter == 0:
            self._turns.soon(exchange.link.inputWanted)
            self._turns.soon(self._afterDelivery, exchange)
        self.pump()
        return exchange.response

    def start(
        self,
        method: str = "POST",
        uri: str = "/",
        headers: AnyHeaders = (),
        length: int | None = None,
        *,
        params: Mapping[str, str] | None = None,
        readRate: int | None = None,
        mayLeaveBody: bool = False,
        raiseErrors: bool | None = None,
    ) -> Exchange:
        """
        Begin a request whose body the test sends later, piece by piece.

        @param length: The length of the body in bytes. If not given, it is sent in chunks; a GET
            or HEAD request then has none, and its end is sent at once.
        @return: The request: it has C{send}, C{close}, C{read}, C{leave} and C{response}.
        @raise ValueError: If this web server collects such a body before it sends the request.
        """
        hasBody = length is not None or method not in ("GET", "HEAD")
        chunked = hasBody and length is None
        if chunked and self.manners.waits:
            raise ValueError(
                f"{self.server} waits for the end of a body that comes in chunks: give its length"
            )
        exchange, beginning = self._open(
            self._asked(method, uri, headers, length, chunked, Role.RESPONDER, None, hasBody),
            params,
            None,
            None,
            fragment=self._fragment,
            mayLeaveBody=mayLeaveBody,
            raiseErrors=self._raiseErrors if raiseErrors is None else raiseErrors,
        )
        if readRate is not None:
            self._slowReaders.add(exchange, readRate)
        if hasBody:
            exchange.write(beginning)
        else:
            exchange.sendAll(beginning, None, None)
        self.pump()
        return exchange

    def lose(self) -> None:
        """
        Lose all connections.
        """
        for link in self.links:
            self._turns.soon(link.drop, ConnectionLost())
        self.pump()

    def disconnect(self) -> None:
        """
        Close the connections that carry no request, as web servers do after a while.
        """
        for link in self.links:
            if not link.exchanges:
                self._turns.soon(link.drop, ConnectionDone())
        self.pump()

    # Making a request

    def _asked(
        self,
        method: str,
        uri: str,
        headers: AnyHeaders,
        length: int | None,
        chunked: bool,
        role: int,
        apacheRole: str | None,
        hasBody: bool = False,
    ) -> Asked:
        sent = headerPairs(headers)
        if not any(name.lower() == "host" for name, _ in sent):
            sent.insert(0, ("Host", self.address))
        if chunked:
            sent.append(("Transfer-Encoding", "chunked"))
        elif length is not None:
            sent.append(("Content-Length", str(length)))
        known = length is not None and (not chunked or self.manners.waits)
        hasBody = hasBody or length is not None
        return Asked(
            method=method,
            uri=checkURI(uri),
            headers=tuple(sent),
            length=length if known else None if hasBody else 0,
            hasBody=hasBody,
            role=role,
            host=self._host,
            port=self._port,
            remotePort=next(self._remotePorts),
            root=self._root,
            apacheRole=apacheRole,
        )

    def _open(
        self,
        asked: Asked,
        params: Mapping[str, str] | None,
        data: bytes | None,
        dataLastModified: int | None,
        **options: Any,
    ) -> tuple[Exchange, bytes]:
        """
        Find a connection for a request.

        @return: The request, and how it begins on the wire.
        """
        if self._closed:
            raise ValueError("the front end was closed")
        self._lifetime.check()
        variables = self.manners.variables.get(asked.role)
        if variables is None:
            raise ValueError(f"{self.server} never asks for a {Role(asked.role).name.title()}")
        more = dict(params or {})
        if asked.role == Role.FILTER:
            more.setdefault("FCGI_DATA_LAST_MOD", str(dataLastModified or 0))
            more.setdefault("FCGI_DATA_LENGTH", str(len(data or b"")))
        pairs = [(name, more.pop(name, value)) for name, value in variables(asked)]
        encoded = [
            (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
            for name, value in (*pairs, *more.items())
        ]
        link = self._linkFor(asked.role)
        requestID, beginning = link.speaker.open(encoded, asked.role)
        return Exchange(asked, link, requestID, **options), beginning

    def _linkFor(self, role: int) -> Link:
        if self.manners.keepsFor(role):
            for link in reversed(self.links):
                if link.free:
                    return link
        number = len(self.links)
        peer = IPv4Address("TCP", self._host, 40_000 + number)
        protocol = self.factory.buildProtocol(peer)
        if protocol is None:
            raise ConnectionClosed("the application refused the connection")
        speaker = (FastCGISpeaker if self.protocol == "fastcgi" else SCGISpeaker)(self.manners)
        host = IPv4Address("TCP", "127.0.0.1", 9000)
        link = Link(number, self.manners, speaker, self._turns, protocol, host, peer)
        self.links.append(link)
        return link

    def _afterDelivery(self, exchange: Exchange) -> None:
        """
        Let the browser leave when all of its request has arrived.
        """
        if exchange.link.idle:
            exchange.leave()
        else:
            self._turns.soon(self._afterDelivery, exchange)

    def advance(self, seconds: float) -> None:
        """
        Let time pass on C{clock}, in steps of a second: the app's server looks at its time-outs
        once a second, so that one long step would not let them expire.
        """
        passTime(self.clock, seconds)

    def pump(self) -> None:
        """
        Deliver all bytes that are on their way. Every method of the kit does so by itself.
        """
        self._turns.run()

    # The end

    def _exchangeOf(self, request: Request) -> Exchange | None:
        for link in self.links:
            if link.protocol is request.channel:
                return link.exchanges.get(request.requestID) or link.last
        return None

    def _mayLeave(self, request: Request) -> bool:
        exchange = self._exchangeOf(request)
        return exchange is not None and exchange.mayLeaveBody

    def _raises(self, request: Request, failure: Failure) -> bool:
        exchange = self._exchangeOf(request)
        return exchange is not None and exchange.raises(failure)

    @property
    def left(self) -> list[str]:
        """
        What is left so far: a sentence for each thing. See L{txfcgi.testing.leftovers}.
        """
        return self._application.left()

    def stop(self) -> Deferred[None]:
        """
        Stop an app whose shutdown takes time, such as an ASGI application with a lifespan or a WSGI
        application with threads, and then L{close}.

        @return: Fires when both are done; fails with L{Leftovers} if something is left.
        """

        def stopped(left: list[str]) -> None:
            try:
                self.close()
            except Leftovers as leftovers:
                left = [*left, *leftovers.left]
            if left:
                raise Leftovers(left)

        if self._closed:
            return awaited(succeed(None))
        return awaited(self._lifetime.stop().addCallback(stopped))

    def close(self) -> None:
        """
        Stop the app, and close all connections.

        @raise Leftovers: If something is left.
        """
        if self._closed:
            return
        self.pump()
        left = self.left
        self._closed = True
        self._slowReaders.stop()
        for link in self.links:
            for exchange in link.exchanges.values():
                exchange.forgive()
            self._turns.soon(link.drop, ConnectionDone())
        self.pump()
        if not self._lifetime.stopped:
            self._lifetime.stop().addCallback(left.extend)
        if not self._lifetime.stopped:
            left.append(f"the shutdown() of {self._lifetime.name} has not ended")
        if left:
            raise Leftovers(left)
