"""
The application that the web servers serve. What it does is in the path; when, the test
says on a connection of its own, so that nothing here depends on time.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64decode
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver

from txfcgi import (
    Allow,
    AuthorizerRequest,
    Deny,
    Overloaded,
    ResponderRequest,
    Response,
    UnknownRole,
    roles,
)

# What /big answers: 20 MiB in which no two pieces of a record's size are alike.
BIG = b"".join(b"%015d\n" % number for number in range(20 * 1024 * 1024 // 16))

TEXT = {"Content-Type": "text/plain"}

# A response with these is to reach the browser piece by piece. nginx acts on the second.
STREAMED = {**TEXT, "X-Accel-Buffering": "no"}


class Remote(LineOnlyReceiver):
    """
    A line to the test, by which it says what a request is to do and hears what happens to it. It
    goes past the web server, so it reaches the process that has the request.

    @ivar orders: What the test says, line by line.
    """

    delimiter = b"\n"

    def __init__(self) -> None:
        self.orders: DeferredQueue[bytes] = DeferredQueue()

    def lineReceived(self, line: bytes) -> None:
        """
        The test said something.
        """
        self.orders.put(line)

    def hangUp(self, lastWords: bytes) -> None:
        """
        Say something to the test for the last time.
        """
        self.sendLine(lastWords)
        transport = self.transport
        assert transport is not None
        transport.loseConnection()


# The requests to /meet that wait for the others, by the name of their meeting.
present: defaultdict[str, list[Deferred[None]]] = defaultdict(list)


def argument(request: ResponderRequest, name: str) -> str:
    """
    One value out of the query.
    """
    return parse_qs(request.queryString, keep_blank_values=True)[name][0]


async def remote(request: ResponderRequest) -> Remote:
    """
    Connect to the test, on the socket in the query.
    """
    from twisted.internet import reactor

    endpoint = UNIXClientEndpoint(reactor, argument(request, "remote"))
    connected: Remote = await endpoint.connect(Factory.forProtocol(Remote))
    return connected


def jsonResponse(value: Any) -> Response:
    """
    A response with a value for the test to look at.
    """
    return Response(200, {"Content-Type": "application/json"}, json.dumps(value).encode("ascii"))


async def hello(request: ResponderRequest) -> Response:
    """
    The simplest.
    """
    return Response(200, TEXT, b"hello\n")


async def repeat(request: ResponderRequest) -> Response:
    """
    Send the body back once all of it is here.
    """
    body = b"".join([chunk async for chunk in request.stdin])
    return Response(200, {"Content-Type": "application/octet-stream"}, body)


async def echo(request: ResponderRequest) -> Response:
    """
    Send the body back while it comes.
    """
    return Response(200, {"Content-Type": "application/octet-stream"}, request.stdin)


async def count(request: ResponderRequest) -> Response:
    """
    Read the body, and say what it was.
    """
    size = 0
    digest = hashlib.sha256()
    async for chunk in request.stdin:
        size += len(chunk)
        digest.update(chunk)
    return jsonResponse(
        {
            "size": size,
            "sha256": digest.hexdigest(),
            "CONTENT_LENGTH": request.params.get("CONTENT_LENGTH"),
        }
    )


async def big(request: ResponderRequest) -> Response:
    """
    Much.
    """
    return Response(200, {"Content-Type": "application/octet-stream"}, BIG)


async def stream(request: ResponderRequest) -> Response:
    """
    Lines, each as soon as the test says it; an empty one is the end.
    """
    test = await remote(request)

    async def body() -> AsyncIterator[bytes]:
        while line := await test.orders.get():
            yield line + b"\n"
        test.hangUp(b"ended")

    return Response(200, STREAMED, body())


async def cookies(request: ResponderRequest) -> Response:
    """
    A header twice.
    """
    return Response(204, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/")])


async def largeHead(request: ResponderRequest) -> Response:
    """
    A response with a head of 10 kB: more than nginx takes unless it is told so.
    """
    return Response(200, [*TEXT.items(), *((f"X-{n}", "x" * 1_000) for n in range(10))], b"")


async def headers(request: ResponderRequest) -> Response:
    """
    The values of the header C{X-Repeated}.
    """
    return jsonResponse(request.headers.getRawHeaders("x-repeated"))


async def params(request: ResponderRequest) -> Response:
    """
    All that the web server told, byte for byte.
    """
    return jsonResponse(
        [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.params.raw]
    )


async def status(request: ResponderRequest) -> Response:
    """
    An empty response with the status in the path.
    """
    return Response(int(pathOf(request).rpartition("/")[2]), {"ETag": '"one"'})


async def failBefore(request: ResponderRequest) -> Response:
    """
    An application with a bug.
    """
    raise RuntimeError("a secret of the application")


async def failAfter(request: ResponderRequest) -> Response:
    """
    An application that finds out too late, when the browser has the beginning of the response.
    """
    test = await remote(request)
    length = argument(request, "length")

    async def body() -> AsyncIterator[bytes]:
        yield b"so far so good\n"
        await test.orders.get()
        test.hangUp(b"failing")
        raise RuntimeError("a secret of the application")

    return Response(200, {**STREAMED, **({"Content-Length": length} if length else {})}, body())


async def overloaded(request: ResponderRequest) -> Response:
    """
    An application that has enough to do.
    """
    raise Overloaded


async def hang(request: ResponderRequest) -> None:
    """
    Wait for the test, with or without the head of a response out, and then write without end, as
    fast as it is taken.
    """
    head = b"Status: 200 OK\r\nContent-Type: text/plain\r\nX-Accel-Buffering: no\r\n\r\nbegun\n"
    test = await remote(request)
    test.sendLine(b"begun")
    try:
        if argument(request, "after") == "head":
            request.stdout.write(head)
            await test.orders.get()
        else:
            await test.orders.get()
            request.stdout.write(head)
        while True:
            request.stdout.write(b"more\n" * 10_000)
            await request.stdout.drain()
    except CancelledError:
        test.hangUp(b"cancelled")
        raise


async def meet(request: ResponderRequest) -> Response:
    """
    Answer as C{/who-am-i} once as many requests as are expected are here at the same time.
    """
    here: Deferred[None] = Deferred()
    everybody = present[argument(request, "name")]
    everybody.append(here)
    if len(everybody) == int(argument(request, "expected")):
        for one in everybody:
            one.callback(None)
    await here
    return await whoAmI(request)


async def whoAmI(request: ResponderRequest) -> Response:
    """
    This process, and over TCP the web server's end of the connection, by which the test tells kept
    connections from new ones.
    """
    return jsonResponse({"pid": os.getpid(), "port": getattr(request.peer, "port", None)})


ROUTES: dict[str, Callable[[ResponderRequest], Awaitable[Response | None]]] = {
    "hello": hello,
    "repeat": repeat,
    "echo": echo,
    "count": count,
    "big": big,
    "stream": stream,
    "cookies": cookies,
    "headers": headers,
    "large-head": largeHead,
    "params": params,
    "status": status,
    "fail-before": failBefore,
    "fail-after": failAfter,
    "overloaded": overloaded,
    "hang": hang,
    "meet": meet,
    "who-am-i": whoAmI,
    "private": params,
}


def pathOf(request: ResponderRequest) -> str:
    """
    The path as the browser sent it; every web server passes this one on unchanged.
    """
    return request.uri.partition("?")[0]


async def responder(request: ResponderRequest) -> Response | None:
    """
    Answer by the first part of the path.
    """
    route = ROUTES.get(pathOf(request).split("/")[1])
    if route is None:
        return Response(404, TEXT, b"no such test\n")
    return await route(request)


def credentials(request: AuthorizerRequest) -> tuple[str, str | None]:
    """
    Who asks: as Apache says it, without a password where it asks only what a user may do; or
    out of the Authorization header.

    @return: name and password.
    """
    if "REMOTE_USER" in request.params:
        return request.params["REMOTE_USER"], request.params.get("REMOTE_PASSWD")
    value = request.params.get("HTTP_AUTHORIZATION", "Basic Og==")
    name, _, password = b64decode(value.partition(" ")[2]).decode("utf-8").partition(":")
    return name, password


async def authorizer(request: AuthorizerRequest) -> Allow | Deny:
    """
    Let in who knows the password, but not the guest; break down for the nuisance, and take nothing
    from the crowd and from strangers.
    """
    name, password = credentials(request)
    if name == "crowd":
        raise Overloaded
    if name == "stranger":
        raise UnknownRole("no Authorizer for you")
    if name == "nuisance":
        raise RuntimeError("a secret of the application")
    if password not in (None, "sesame"):
        return Deny(Response(401, [*TEXT.items(), ("WWW-Authenticate", "Basic")], b"who?\n"))
    if name == "guest" and request.params.get("FCGI_APACHE_ROLE") != "AUTHENTICATOR":
        return Deny(Response(403, TEXT, b"not you\n"))
    return Allow({"KNOWN_AS": name})


app = roles(responder=responder, authorizer=authorizer)
