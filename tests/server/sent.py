"""
What a web server may send with its connection, over FastCGI and SCGI, and an app that answers it in
every way there is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import Deferred, succeed

from txfcgi import Allow, Deny, Request, Response
from txfcgi.wire.records import AbortRequest, AnyRecord, GetValues, Role, Stdin

from ..wire.scgi import asked
from .conversation import beginning, stdin

PLAIN = {"Content-Type": "text/plain"}
BIG = bytes(range(256)) * 8192


class App:
    """
    Answers in every way there is, by the path.

    @ivar requests: Those that came.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.waiting: list[Deferred[Response]] = []

    def __call__(self, request: Request) -> Any:
        """
        Answer.
        """
        self.requests.append(request)
        name = request.params.get("REQUEST_URI", "/plain")[1:]
        return getattr(self, name)(request)

    def plain(self, request: Request) -> Response:
        """
        At once.
        """
        return Response(200, PLAIN, b"plain")

    def large(self, request: Request) -> Response:
        """
        More than a socket takes.
        """
        return Response(200, PLAIN, BIG)

    def pieces(self, request: Request) -> Response:
        """
        Piece by piece.
        """
        return Response(200, PLAIN, iter([b"some ", b"pieces"]))

    def turns(self, request: Request) -> Response:
        """
        One piece now, another later.
        """

        async def body() -> AsyncIterator[bytes]:
            yield b"now "
            answer: Deferred[Response] = Deferred()
            self.waiting.append(answer)
            await answer
            yield b"later"

        return Response(200, PLAIN, body())

    def written(self, request: Request) -> int:
        """
        By itself.
        """
        request.stdout.write(b"Content-Type: text/plain\r\n\r\nwr")
        request.stdout.write(b"itten")
        return 3

    def writtenLarge(self, request: Request) -> None:
        """
        By itself, more than a socket takes.
        """
        request.stdout.write(b"Content-Type: text/plain\r\n\r\n")
        request.stdout.write(BIG[: 1 << 19])

    def fired(self, request: Request) -> Deferred[Response]:
        """
        A Deferred that has fired.
        """
        return succeed(self.plain(request))

    def waits(self, request: Request) -> Deferred[Response]:
        """
        A Deferred that has not.
        """
        answer: Deferred[Response] = Deferred()
        self.waiting.append(answer)
        return answer

    async def coroutine(self, request: Request) -> Response:
        """
        One step.
        """
        return self.plain(request)

    async def awaits(self, request: Request) -> Response:
        """
        Several steps.
        """
        return await self.waits(request)

    async def echo(self, request: Request) -> Response:
        """
        The body.
        """
        return Response(200, PLAIN, await request.stdin.read())

    def ignores(self, request: Request) -> Response:
        """
        At once, whatever the body.
        """
        return Response(200, PLAIN, b"ignored")

    def fails(self, request: Request) -> Response:
        """
        Not at all.
        """
        raise ValueError("no answer today")

    def failsLate(self, request: Request) -> None:
        """
        When the head is out.
        """
        request.stdout.write(b"Content-Type: text/plain\r\n\r\nhalf")
        raise ValueError("not all of it")

    def allow(self, request: Request) -> Allow:
        """
        As an Authorizer.
        """
        return Allow({"USER": "ann"})

    def deny(self, request: Request) -> Deny:
        """
        As an Authorizer.
        """
        return Deny(Response(403, PLAIN, b"no"))


def encoded(*records: AnyRecord) -> bytes:
    """
    Records as bytes.
    """
    return b"".join(record.encode() for record in records)


def get(path: str, keep: bool = False, role: int = Role.RESPONDER, requestID: int = 1) -> bytes:
    """
    A FastCGI request without a body.
    """
    params = {"REQUEST_METHOD": "GET", "REQUEST_URI": path}
    return encoded(*beginning(requestID, params, role=role, keep=keep), Stdin(requestID))


def post(path: str, body: bytes, keep: bool = False) -> bytes:
    """
    A FastCGI request with a body.
    """
    length = str(len(body))
    params = {"REQUEST_METHOD": "POST", "REQUEST_URI": path, "CONTENT_LENGTH": length}
    return encoded(*beginning(1, params, keep=keep), *stdin(1, body))


def scgi(path: str, body: bytes = b"", method: bytes = b"GET") -> bytes:
    """
    An SCGI request.
    """
    pairs = (b"REQUEST_METHOD", method), (b"REQUEST_URI", path.encode())
    return asked(*pairs, length=b"%d" % len(body)) + body


AUTHORIZER = Role.AUTHORIZER
HEAD = {"REQUEST_METHOD": "HEAD", "REQUEST_URI": "/plain"}

#: What web servers may send over FastCGI with a connection.
FASTCGI = {
    "plain": get("/plain"),
    "head": encoded(*beginning(1, HEAD, keep=False), Stdin(1)),
    "kept": get("/plain", keep=True),
    "no params": encoded(*beginning(1, {}, keep=False), Stdin(1)),
    "two on one connection": get("/plain", keep=True) + get("/pieces", keep=True, requestID=2),
    "another behind the last": get("/plain") + get("/pieces", requestID=2),
    "rubbish behind the last": get("/plain") + b"\1\5\0\1",
    "large": get("/large"),
    "large and kept": get("/large", keep=True),
    "pieces": get("/pieces"),
    "pieces in turns": get("/turns"),
    "written": get("/written"),
    "written, large": get("/writtenLarge"),
    "fired": get("/fired"),
    "waits": get("/waits"),
    "waits and kept": get("/waits", keep=True),
    "coroutine": get("/coroutine"),
    "awaits": get("/awaits"),
    "fails": get("/fails"),
    "fails late": get("/failsLate"),
    "not found in the app": get("/nothing"),
    "body": post("/echo", b"some body"),
    "body, kept": post("/echo", b"some body", keep=True),
    "long body": post("/echo", BIG[: 1 << 18]),
    "body that nobody reads": post("/ignores", BIG[: 1 << 18]),
    "body not ended": encoded(
        *beginning(1, {"REQUEST_URI": "/ignores"}, keep=False), Stdin(1, b"some")
    ),
    "no end of input": encoded(*beginning(1, {"REQUEST_URI": "/plain"}, keep=False)),
    "aborted": get("/waits") + encoded(AbortRequest(1)),
    "values": encoded(GetValues((b"FCGI_MAX_CONNS",))) + get("/plain"),
    "allow": get("/allow", role=AUTHORIZER),
    "allow, without stdin": encoded(
        *beginning(1, {"REQUEST_URI": "/allow"}, role=AUTHORIZER, keep=False)
    ),
    "deny": get("/deny", role=AUTHORIZER),
    "unknown role": get("/plain", role=9),
    "params that can't be read": get("/plain").replace(
        b"\x0b\x06REQUEST_URI", b"\x0b\x7fREQUEST_URI"
    ),
    "no FastCGI": b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "version 2": b"\2" + get("/plain")[1:],
}

#: What they may send over SCGI.
SCGI = {
    "plain": scgi("/plain"),
    "head": scgi("/plain", method=b"HEAD"),
    "something behind": scgi("/plain") + b"more",
    "large": scgi("/large"),
    "pieces": scgi("/pieces"),
    "pieces in turns": scgi("/turns"),
    "written": scgi("/written"),
    "written, large": scgi("/writtenLarge"),
    "waits": scgi("/waits"),
    "awaits": scgi("/awaits"),
    "fails": scgi("/fails"),
    "fails late": scgi("/failsLate"),
    "body": scgi("/echo", b"some body", b"POST"),
    "long body": scgi("/echo", BIG[: 1 << 18], b"POST"),
    "body that nobody reads": scgi("/ignores", BIG[: 1 << 18], b"POST"),
    "post without a body": scgi("/echo", b"", b"POST"),
    "refused": asked((b"REQUEST_METHOD", b"GET"), version=b"2"),
    "no SCGI": b"GET / HTTP/1.1\r\n\r\n",
}
