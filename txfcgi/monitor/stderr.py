"""
L{StderrLog}: sends what is logged during a request to the web server's error log.
"""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any

from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText
from zope.interface import implementer

from ..masking import visible
from ..server.observing import ServerObserver, currentRequest
from ..server.request import Request

if TYPE_CHECKING:
    from ..server.observing import Account


@implementer(ILogObserver)
class StderrLog(ServerObserver):
    """
    Writes the log events of a request to its STDERR (FCGI_STDERR, section 5.3), which web servers
    write to their error logs. SCGI has no such stream, so these events are only in the server's
    log.
    """

    tracksRequests = True

    def __init__(self, reactor: Any) -> None:
        """
        @param reactor: Takes the log events of threads.
        """
        self._reactor = reactor
        self._writing = False
        self._thread = get_ident()

    def requestBegan(self, request: Request, account: Account) -> None:
        """
        Requests begin in the reactor's thread.
        """
        self._thread = get_ident()

    def __call__(self, event: LogEvent) -> None:
        """
        Write an event, if it belongs to a request.
        """
        about = event.get("request")
        request = about if isinstance(about, Request) else currentRequest.get()
        if request is None or event.get("log_level", LogLevel.info) < LogLevel.info:
            return
        if event.get("inStderr"):
            return  # the code that logged it also writes it there
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        if text:
            lines = [visible(line) for line in text.rstrip("\n").split("\n")]
            # Further lines are indented, so that none looks like a separate message.
            self._inReactor(request, "\n\t".join(lines) + "\n")

    def _inReactor(self, request: Request, text: str) -> None:
        if get_ident() == self._thread:
            self._write(request, text)
        else:
            self._reactor.callFromThread(self._write, request, text)

    def _write(self, request: Request, text: str) -> None:
        if self._writing or request.ended or not request.channel.wire.hasStderr:
            return
        # Events about the writing itself do not belong to the request.
        self._writing = True
        try:
            request.stderr.write(text.encode("utf-8", "backslashreplace"))
        finally:
            self._writing = False
