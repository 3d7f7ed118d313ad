"""
ASGI applications behind a web server in memory.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from txfcgi import FastCGIServerFactory, Limits
from txfcgi.adapters.asgi import ASGIApp
from txfcgi.testing import MemoryFrontEnd
from txfcgi.testing.exchange import MemoryResponse

from ..loop import LoopTests

TEXT = [(b"content-type", b"text/plain")]


class ASGITests(LoopTests):
    """
    Tests of an ASGI application.

    @ivar app: The app that a front end was made for last.
    """

    app: ASGIApp

    def frontEnd(
        self,
        application: Any,
        limits: Limits | None = None,
        unstarted: bool = False,
        **options: Any,
    ) -> MemoryFrontEnd:
        """
        A web server in front of an ASGI application.

        @param unstarted: Whether nobody tells the app to start.
        @param options: Those of L{ASGIApp}; C{protocol} and C{mount} are for its server.
        """
        clock: Any = Clock()
        protocol = options.pop("protocol", "fastcgi")
        mount = options.pop("mount", "/")
        app: Any = ASGIApp(application, **options)
        self.app = app
        if unstarted:
            app = app.__call__
        if protocol == "fastcgi":
            served: Any = FastCGIServerFactory(app, limits, clock=clock, mount=mount)
        else:
            served = app
        return MemoryFrontEnd(served, protocol, testCase=self)

    def ask(self, application: Any, *request: Any, **options: Any) -> MemoryResponse:
        """
        Ask an ASGI application that has no lifespan.

        @param request: Method, URI, headers and body.
        """
        options.setdefault("lifespan", "off")
        more = {name: options.pop(name) for name in ("params",) if name in options}

        async def main() -> MemoryResponse:
            frontEnd = self.frontEnd(application, **options)
            return await self.answer(frontEnd, frontEnd.request(*request, **more))

        return self.inLoop(main)


def start(code: Any = 200, headers: Any = TEXT, **more: Any) -> dict[str, Any]:
    """
    The first message of an answer.
    """
    return {"type": "http.response.start", "status": code, "headers": headers, **more}


def body(data: Any = b"", **more: Any) -> dict[str, Any]:
    """
    A piece of its body; the last, if it does not say C{more_body}.
    """
    return {"type": "http.response.body", "body": data, **more}


def sending(*messages: dict[str, Any]) -> Any:
    """
    An application that sends these messages.
    """

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return application


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """
    An application that sends back what it gets, and says in how many messages that came.
    """
    received: list[bytes] = []
    while True:
        message = await receive()
        assert message["type"] == "http.request", message
        received.append(message["body"])
        if not message["more_body"]:
            break
    await send(start(headers=[*TEXT, (b"x-messages", str(len(received)).encode())]))
    await send(body(b"".join(received)))
