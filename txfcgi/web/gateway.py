"""
L{Gateway}: what all resources with a back end have in common: they pass a request to it, its
response to the browser, and show an error page if it fails.

A L{Passage} is one request on its way through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from secrets import token_hex
from typing import Any, Final, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.server import NOT_DONE_YET

from ..client.options import ClientOptions, Timeouts
from ..client.response import ClientResponse
from ..errors import BodyTooLarge, InvalidRequest, LengthRequired, RequestAborted, TxFCGIError
from ..streams import InputStream
from ..streams.bodies import Body
from .accesslog import shownURI
from .headers import ResponseHeaders
from .options import GatewayOptions
from .pages import plainPage
from .params import RequestParams
from .redirect import followRedirect, isLocalRedirect
from .request import bodyOf, limited
from .sendfile import sendFile

_RETRY_AFTER: Final = b"1"
_REFUSED: Final = frozenset((b"TRACE", b"TRACK", b"CONNECT"))
# Responses without a body, and the lengths that they may name (RFC 9110, sections 8.6, 15.3.6).
_BODILESS: Final = {204: None, 205: b"0"}


class IsClient(Protocol):
    """
    A client that a gateway can use, such as L{FastCGIClient<txfcgi.client.client.FastCGIClient>} or
    L{SCGIClient<txfcgi.client.scgi.SCGIClient>}.
    """

    options: ClientOptions

    def request(
        self, params: dict[str, str], body: Body | None = None, *, timeouts: Timeouts | None = None
    ) -> Deferred[ClientResponse]:
        """
        Make a request.
        """


class Gateway:
    """
    A back end, and how requests are passed to it.
    """

    def __init__(self, client: IsClient, options: GatewayOptions | None = None) -> None:
        self.client = client
        self.options = GatewayOptions() if options is None else options
        self.timeouts = self.options.timeouts or replace(client.options.timeouts, total=None)
        self.params = RequestParams(self.options)
        self.responseHeaders = ResponseHeaders(self.options)

    def forward(self, request: IRequest, scriptName: str, pathInfo: str | None, **more: str) -> int:
        """
        Pass a request to the back end.

        @return: C{NOT_DONE_YET}: the response is written later.
        """
        method: bytes = cast(Any, request).method
        if method.upper() in _REFUSED:
            # A script in a browser could read from its response the cookies that it must not see.
            request.setHeader(b"Allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
            return self.showError(request, 405)
        Passage(self, request).start(scriptName, pathInfo, more)
        return NOT_DONE_YET

    def refuse(self, request: IRequest, error: Exception) -> int:
        """
        Answer a request that must not go to the back end.
        """
        Passage(self, request).failed(Failure(error))
        return NOT_DONE_YET

    def showError(self, request: IRequest, code: int) -> int:
        """
        Show the page for a status.
        """
        Passage(self, request).showError(code)
        return NOT_DONE_YET


class Passage:
    """
    One request on its way through.
    """

    _log: Final = Logger()

    def __init__(self, gateway: Gateway, request: IRequest) -> None:
        self._gateway = gateway
        # IRequest lacks half of what a request has.
        self.request: Any = request
        self._asked: Deferred[Any] | None = None
        self._response: ClientResponse | None = None
        self._gone = False
        self._errorID: str | None = None

    def start(self, scriptName: str, pathInfo: str | None, more: dict[str, str]) -> None:
        """
        Ask the back end.
        """
        gateway = self._gateway
        try:
            params = gateway.params.make(self.request, scriptName, pathInfo, **more)
            body = self._body(params)
        except Exception:
            self.failed(Failure())
        else:
            self.wait(
                gateway.client.request(params, body, timeouts=gateway.timeouts),
                self.answer,
            )

    def wait(self, asked: Deferred[Any], answered: Callable[[Any], None]) -> None:
        """
        Wait for the back end, and for the browser to go away.
        """
        self._asked = asked
        self.request.notifyFinish().addErrback(self._clientGone)
        asked.addCallback(answered)
        asked.addErrback(self.failed)

    def _clientGone(self, failure: Failure) -> None:
        """
        Nobody is there any more to answer.
        """
        self._gone = True
        if self._response is not None:
            self._response.abort()
        elif self._asked is not None:
            self._asked.cancel()

    def _body(self, params: dict[str, str]) -> Body | None:
        """
        The body to pass on. Its length, if it is known, joins the params.

        @raise BodyTooLarge: If it is longer than may be.
        """
        body: Body | None
        body, length = bodyOf(self.request)
        most = self._gateway.options.bodyBytes
        if most is not None:
            if length is not None and length > most:
                raise BodyTooLarge(f"the body has {length} bytes, and at most {most} are taken")
            if length is None and isinstance(body, InputStream):
                body = limited(body, most)
        if length or (length == 0 and self.request.getHeader(b"content-length") is not None):
            params["CONTENT_LENGTH"] = str(length)
        return body

    # The answer

    def answer(self, response: ClientResponse) -> None:
        """
        Pass an answer back.
        """
        self._response = response
        if self._gone:
            response.abort()
            return
        options = self._gateway.options
        head = response.head
        if options.localRedirects and isLocalRedirect(head):
            response.abort()
            followRedirect(self.request, head, options.localRedirects)
            return
        if options.sendfileRoot is not None and sendFile(self, response, options.sendfileRoot):
            return
        if response.code in options.interceptErrors:
            response.abort()
            self._log.info(
                "{what}: the back end answered {code} [{id}]",
                what=self,
                code=response.code,
                id=self._newID(),
            )
            self.showError(response.code)
            return
        self.sendHead(response)
        whole = response.whole()
        if response.code in _BODILESS:
            # Such a response has no body, whatever the back end sends.
            response.stdout.discard()
            whole = b""
        if whole is not None:
            self._finishWith(whole)
            return
        # The head now, so that nobody waits for it as long as the body takes.
        self.request.write(b"")
        delivered = response.stdout.deliverTo(cast(IConsumer, self.request))
        delivered.addCallbacks(self._finish, self._cutOff)

    def sendHead(self, response: ClientResponse, without: tuple[bytes, ...] = ()) -> None:
        """
        Set status and headers as the back end did.
        """
        request = self.request
        # A response without a type gets none: a guess could make a script of it (CVE-2020-24553).
        request.defaultContentType = None
        request.setResponseCode(response.code, response.phrase)
        self._gateway.responseHeaders.copy(response.head.headers, request.responseHeaders, without)
        if response.code in _BODILESS:
            length = _BODILESS[response.code]
            request.responseHeaders.removeHeader(b"Content-Length")
            if length is not None:
                request.responseHeaders.setRawHeaders(b"Content-Length", [length])

    def _finishWith(self, body: bytes) -> None:
        request = self.request
        if (
            body
            and request.method != b"HEAD"
            and not request.responseHeaders.hasHeader(b"content-length")
        ):
            request.responseHeaders.setRawHeaders(b"Content-Length", [b"%d" % len(body)])
        request.write(body)
        request.finish()

    def _finish(self, size: int) -> None:
        if not self._gone:
            self.request.finish()

    def _cutOff(self, failure: Failure) -> None:
        """
        The rest of the answer will not come. What was passed on must not look like all of it.
        """
        if self._gone:
            return
        self._gone = True
        if self._response is not None:
            self._response.abort()
        if isinstance(failure.value, RequestAborted):
            # The connection, which took the body, is gone.
            return
        self._report(failure, "the answer was cut off")
        request = self.request
        declared = request.responseHeaders.hasHeader(b"content-length")
        transport = request.transport
        if declared or request.chunked or not hasattr(transport, "abortConnection"):
            request.loseConnection()
        else:
            # The end of the connection would be the end of the answer.
            transport.abortConnection()

    # Errors

    def failed(self, failure: Failure) -> None:
        """
        Answer that the back end failed.
        """
        if self._gone:
            return
        if self.request.startedWriting:
            self._cutOff(failure)
            return
        error = failure.value
        if isinstance(error, LengthRequired):
            code = 411
        elif isinstance(error, InvalidRequest):
            code = 400
        else:
            code = getattr(error, "code", 500) if isinstance(error, TxFCGIError) else 500
        self._report(failure, str(code))
        self.showError(code)

    def noFile(self, name: str) -> None:
        """
        Answer that the back end named a file that does not exist, or may not be served.
        """
        self._log.error(
            "{what}: the back end names {name!r}, which is not a file there [{id}]",
            what=self,
            name=name,
            id=self._newID(),
        )
        self.showError(404)

    def showError(self, code: int) -> None:
        """
        Show the error page of a status. The log has the details.
        """
        request = self.request
        # The headers that were set for a file do not hold for this page.
        request.responseHeaders.removeHeader(b"Cache-Control")
        options = self._gateway.options
        if options.errorPage is None:
            kind, page = plainPage(code, self._errorID)
        else:
            kind, page = options.errorPage(request, code)
        request.setResponseCode(code)
        request.setHeader(b"Content-Type", kind.encode("latin-1"))
        request.setHeader(b"Content-Length", b"%d" % len(page))
        if code == 503:
            request.setHeader(b"Retry-After", _RETRY_AFTER)
        request.write(page)
        request.finish()

    def _report(self, failure: Failure, outcome: str) -> None:
        error = failure.value
        if isinstance(error, TxFCGIError):
            server = not isinstance(error, (InvalidRequest, BodyTooLarge))
            (self._log.error if server else self._log.info)(
                "{what}: {outcome}: {kind}: {error} [{id}]",
                what=self,
                outcome=outcome,
                kind=type(error).__name__,
                error=error,
                id=self._newID(),
            )
        else:
            self._log.failure(
                "{what}: {outcome} [{id}]", failure, what=self, outcome=outcome, id=self._newID()
            )

    def _newID(self) -> str:
        """
        An id for an error that is logged, which its page shows. A page of one's own finds it as
        C{request.errorID}.
        """
        self._errorID = self.request.errorID = token_hex(4)
        return self._errorID

    def __repr__(self) -> str:
        request = self.request
        uri = ascii(shownURI(request.uri))[2:-1]
        return f"{request.method.decode('latin-1')} {uri:.500}"
