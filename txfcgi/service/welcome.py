"""
L{Welcome}: the app that is served if no other is given. It shows each request as an app sees it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import escape
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ..server.pages import HEADERS, PARAMS_STYLE, htmlPage
from ..server.request import Request
from ..server.response import Response

# The most bytes shown of a body.
_SHOWN: Final = 1_000
_LINES: Final = 10

_STYLE: Final = f"""{PARAMS_STYLE}
pre, textarea {{ font: 13px/1.4 ui-monospace, monospace; }}
pre {{ background: #8882; padding: .8em; overflow-x: auto; }}
textarea {{ box-sizing: border-box; width: 100%; }}
"""

_PAGE: Final = """<h1>It works: this page came over {protocol}</h1>
<p>A browser's request went through a socket to this app and back, as it would behind nginx.
To see an app of yours here, name it: <code>twistd -n fcgi --http tcp:8080:interface=127.0.0.1 --app
hello.app</code></p>
<h2>Request</h2>
<p><code id="request">{method} {uri}</code><br>{role}, request {number} on its connection, which
{kept}</p>
<h2>Params</h2>
<table id="params" class="params">
{rows}
</table>
<h2>Streams</h2>
<p>stdin had <b id="size">{size}</b> bytes{shown}</p>
<form method="post" enctype="text/plain"><textarea name="text" rows="3">Say something</textarea>
<button>Send it to stdin</button></form>
<p><a href="?stream">Stream stdout slowly</a>, or <a href="?stderr">write to stderr</a>, which is
in the log.</p>"""


class Welcome:
    """
    Shows a request: its params, its body, and its streams.
    """

    def __init__(
        self, protocol: str = "FastCGI", clock: IReactorTime | None = None, pause: float = 0.5
    ) -> None:
        """
        @param protocol: The protocol's name.
        @param clock: The source of time; by default the reactor.
        @param pause: Seconds between two lines of the slow stream.
        """
        self._protocol = protocol
        self._clock = clock
        self._pause = pause

    async def __call__(self, request: Request) -> Response:
        """
        Answer a request.
        """
        if request.queryString == "stream":
            return Response(200, {"Content-Type": "text/plain"}, self._slowly())
        if request.queryString == "stderr":
            request.stderr.write(b"This is what an app writes to stderr.\n")
        size, beginning = 0, b""
        async for piece in request.stdin:
            size += len(piece)
            beginning += piece[: _SHOWN - len(beginning)]
        if "text/html" in request.params.get("HTTP_ACCEPT", ""):
            kind, page = "text/html", self._page(request, size, beginning)
        else:
            text = self._text(request, size, beginning)
            kind, page = "text/plain", text.encode("utf-8", "backslashreplace")
        headers = {"Content-Type": f"{kind}; charset=utf-8", **dict(HEADERS)}
        return Response(200, headers, page)

    async def _slowly(self) -> AsyncIterator[bytes]:
        clock = self._clock
        if clock is None:
            from twisted.internet import reactor

            clock = IReactorTime(reactor)
        for number in range(1, _LINES + 1):
            yield b"line %d of %d\n" % (number, _LINES)
            await deferLater(clock, self._pause)

    def _page(self, request: Request, size: int, beginning: bytes) -> bytes:
        rows = "\n".join(
            f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in request.params.items()
        )
        shown = f":</p><pre id='stdin'>{escape(_readable(beginning))}</pre><p>" if size else "."
        body = _PAGE.format(
            protocol=self._protocol,
            method=escape(request.method),
            uri=escape(request.uri),
            role=request.role.name.capitalize(),
            number=request.requestID,
            kept="stays open." if request.keepConnection else "is closed after it.",
            rows=rows,
            size=size,
            shown=shown,
        )
        return htmlPage("txfcgi", body, _STYLE)

    def _text(self, request: Request, size: int, beginning: bytes) -> str:
        lines = [
            f"It works: this came over {self._protocol}.",
            "",
            f"{request.method} {request.uri}",
            *(f"{name}={value}" for name, value in request.params.items()),
            "",
            f"stdin: {size} bytes",
        ]
        if size:
            lines.append(_readable(beginning))
        return "\n".join([*lines, ""])


def _readable(data: bytes) -> str:
    """
    Bytes of any kind as text.
    """
    return data.decode("utf-8", "backslashreplace")
