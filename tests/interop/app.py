"""
The application that the web servers serve. What it does is in the path; what a test has to wait for
or to set off, it does by a second request, so that nothing here depends on time.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue
from txfcgi import (
    Allow,
    AuthorizerRequest,
    Deny,
    Overloaded,
    ResponderRequest,
    Response,
    roles,
)

# What /big answers: 20 MiB in which no two pieces of a record's size are alike.
BIG = b"".join(b"%015d\n" % number for number in range(20 * 1024 * 1024 // 16))

TEXT = {"Content-Type": "text/plain"}

# A response with these is to reach the browser piece by piece. nginx acts on the second.
STREAMED = {**TEXT, "X-Accel-Buffering": "no"}


class Happenings:
    """
    What has happened to requests, each under the name that its browser gave it.
    """

    def __init__(self) -> None:
        self._happened: set[tuple[str, str]] = set()
        self._waiting: defaultdict[tuple[str, str], list[Deferred[None]]] = defaultdict(list)

    def happened(self, name: str, what: str) -> None:
        """
        Note that C{what} happened to the request called C{name}.
        """
        self._happened.add((name, what))
        for waiting in self._waiting.pop((name, what), []):
            waiting.callback(None)

    def wait(self, name: str, what: str) -> Deferred[None]:
        """
        Wait until that has happened.
        """
        waiting: Deferred[None] = Deferred()
        if (name, what) in self._happened:
            waiting.callback(None)
        else:
            self._waiting[name, what].append(waiting)
        return waiting


happenings = Happenings()

# The pieces that /stream is to send, by the name of its request.
pieces: defaultdict[str, DeferredQueue[bytes]] = defaultdict(DeferredQueue)

# How many requests have come to /meet, by the name they were given.
present: Counter[str] = Counter()


def argument(request: ResponderRequest, name: str) -> str:
    """
    One value out of the query.
    """
    return parse_qs(request.queryString)[name][0]


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
    Pieces, each sent when C{/release} hands it over; an empty one is the end.
    """
    queue = pieces[argument(request, "name")]

    async def body() -> AsyncIterator[bytes]:
        while piece := await queue.get():
            yield piece

    return Response(200, STREAMED, body())


async def release(request: ResponderRequest) -> Response:
    """
    Let C{/stream} send what is in this request's body.
    """
    pieces[argument(request, "name")].put(await request.stdin.read())
    return Response(204)


async def cookies(request: ResponderRequest) -> Response:
    """
    A header twice.
    """
    return Response(204, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/")])


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
    An application that finds out too late, when it has sent some of the length in the query, if one
    is there.
    """

    async def body() -> AsyncIterator[bytes]:
        yield b"so far so good\n"
        raise RuntimeError("a secret of the application")

    length = {"Content-Length": request.queryString} if request.queryString else {}
    return Response(200, {**STREAMED, **length}, body())


async def overloaded(request: ResponderRequest) -> Response:
    """
    An application that has enough to do.
    """
    raise Overloaded


async def hang(request: ResponderRequest) -> None:
    """
    Begin to answer, then wait until the test says C{/happen}, and then write without end, as fast as
    it is taken.
    """
    name = argument(request, "name")
    request.stdout.write(
        b"Status: 200 OK\r\nContent-Type: text/plain\r\nX-Accel-Buffering: no\r\n\r\nbegun\n"
    )
    try:
        await happenings.wait(name, "go on")
        while True:
            request.stdout.write(b"more\n" * 10_000)
            await request.stdout.drain()
    except CancelledError:
        happenings.happened(name, "cancelled")
        raise


async def happen(request: ResponderRequest) -> Response:
    """
    Let something happen to another request.
    """
    happenings.happened(argument(request, "name"), argument(request, "what"))
    return Response(204)


async def waitFor(request: ResponderRequest) -> Response:
    """
    Answer as soon as something has happened to another request.
    """
    await happenings.wait(argument(request, "name"), argument(request, "what"))
    return Response(204)


async def meet(request: ResponderRequest) -> Response:
    """
    Answer as C{/who-am-i} once as many requests as are expected are here at the same time.
    """
    name = argument(request, "name")
    present[name] += 1
    if present[name] == int(argument(request, "expected")):
        happenings.happened(name, "complete")
    await happenings.wait(name, "complete")
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
    "release": release,
    "cookies": cookies,
    "headers": headers,
    "params": params,
    "status": status,
    "fail-before": failBefore,
    "fail-after": failAfter,
    "overloaded": overloaded,
    "hang": hang,
    "happen": happen,
    "wait": waitFor,
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
    Who asks: as Apache says it, which gives the password only while it asks who the user is, and
    otherwise out of the Authorization header.

    @return: name and password.
    """
    if "FCGI_APACHE_ROLE" in request.params:
        return request.params["REMOTE_USER"], request.params.get("REMOTE_PASSWD")
    value = request.params.get("HTTP_AUTHORIZATION", "Basic Og==")
    name, _, password = b64decode(value.partition(" ")[2]).decode("utf-8").partition(":")
    return name, password


async def authorizer(request: AuthorizerRequest) -> Allow | Deny:
    """
    Let in who knows the password, but not the guest; break down for the nuisance.
    """
    name, password = credentials(request)
    if name == "nuisance":
        raise RuntimeError("a secret of the application")
    if password not in (None, "sesame"):
        return Deny(Response(401, [*TEXT.items(), ("WWW-Authenticate", "Basic")], b"who?\n"))
    if name == "guest" and request.params.get("FCGI_APACHE_ROLE") != "AUTHENTICATOR":
        return Deny(Response(403, TEXT, b"not you\n"))
    return Allow({"KNOWN_AS": name})


app = roles(responder=responder, authorizer=authorizer)
