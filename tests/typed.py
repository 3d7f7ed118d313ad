"""
A program of a user, fully annotated. C{tests/test_typed.py} checks it with mypy, without the plugin
mypy-zope.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort

from txfcgi import (
    PHPFPM,
    Allow,
    AllowList,
    AuthorizerRequest,
    ClientOptions,
    Deny,
    EventStream,
    FastCGIClient,
    FastCGIServerFactory,
    Limits,
    Request,
    Response,
    SCGIServerFactory,
    ServerService,
    listen,
    roles,
    serve,
    threaded,
)
from txfcgi.adapters.asgi import ASGIApp
from txfcgi.adapters.resource import ResourceApp
from txfcgi.adapters.wsgi import WSGIApp
from txfcgi.monitor.accesslog import AccessLog
from txfcgi.monitor.counters import Counters
from txfcgi.server.observing import Account, ServerObserver
from txfcgi.testing import MemoryFrontEnd
from txfcgi.web import AuthorizerResource, FastCGIResource, StreamingSite


class Watch(ServerObserver):
    """
    An observer.
    """

    def requestEnded(self, request: Request, account: Account) -> None:
        print(request.target, account.seconds)


def respond(request: Request) -> Response:
    """
    An app that answers at once; the others are all that one can be.
    """
    return Response(200, {}, b"Hello")


async def read(request: Request) -> Response:
    return Response(200, {}, await request.stdin.read())


def wait(request: Request) -> Deferred[Response]:
    return Deferred()


def write(request: Request) -> None:
    request.stdout.write(b"Status: 204 No Content\r\n\r\n")


def exitStatus(request: Request) -> int:
    return 1


def stream(request: Request) -> EventStream:
    return EventStream(["one"])


def several(request: Request) -> Response | Deferred[Response] | None:
    return None


def awaited(request: Request) -> Awaitable[Response]:
    return read(request)


def unknown(request: Any) -> Any:
    return None


def authorize(request: AuthorizerRequest) -> Allow | Deny:
    return Deny()


@threaded
def block(request: Request) -> Response:
    return Response()


class Site:
    """
    An object with an app, and one that is an app.
    """

    def answer(self, request: Request) -> Response:
        return Response()

    async def __call__(self, request: Request) -> Response:
        return Response()


def text(request: Request) -> str:
    """
    What no app is: a text is not a response.
    """
    return "Hello"


def factories(wsgi: Any, asgi: Any, resource: Any) -> None:
    """
    Make a factory of each app.
    """
    FastCGIServerFactory(respond)
    FastCGIServerFactory(read)
    FastCGIServerFactory(wait)
    FastCGIServerFactory(write)
    FastCGIServerFactory(exitStatus)
    FastCGIServerFactory(stream)
    FastCGIServerFactory(several)
    FastCGIServerFactory(awaited)
    FastCGIServerFactory(unknown)
    FastCGIServerFactory(authorize)
    FastCGIServerFactory(block)
    FastCGIServerFactory(Site())
    FastCGIServerFactory(Site().answer)
    FastCGIServerFactory(lambda request: Response())
    FastCGIServerFactory(roles(responder=respond, authorizer=authorize))
    FastCGIServerFactory(WSGIApp(wsgi))
    FastCGIServerFactory(ASGIApp(asgi))
    FastCGIServerFactory(ResourceApp(resource))
    FastCGIServerFactory(text)  # type: ignore[arg-type]


async def main(reactor: Any) -> None:
    """
    Serve, and call a back end.
    """
    factory = FastCGIServerFactory(
        respond,
        Limits(connections=5),
        observers=[Watch(), Counters(), AccessLog(print)],
        allowFrom=AllowList.fromText("10.0.0.0/8"),
    )
    port: IListeningPort = await listen(factory, "tcp:0:interface=127.0.0.1", reactor)
    await listen(SCGIServerFactory(read, observers=[Watch()]), "unix:/run/app.sock", reactor)
    ServerService(factory, "tcp:0:interface=127.0.0.1", drainTimeout=5)
    client = FastCGIClient(reactor, "unix:/run/php.sock", ClientOptions.forPHP())
    site = StreamingSite(AuthorizerResource(client, FastCGIResource(client)))
    await listen(site, "tcp:0:interface=127.0.0.1", reactor)
    response = await client.request(PHPFPM("/srv").params("GET", "/"), context={"number": 1})
    print(port, response.code, await response.text())
    print(MemoryFrontEnd(factory).browser().get("/").text)
    serve(read)
