"""
What an app receives: a L{Request}, of one of the three L{roles<txfcgi.server.roles>}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.web.http_headers import Headers as HTTPHeaders

from ..errors import StreamClosed
from ..streams import InputStream, OutputStream
from ..streams.bodyfile import BodyFile
from ..wire.variables import headerOfParam, uriIn
from .body import MEMORY, Form, FormLimits, readForm, readJSON
from .fields import Fields, parseCookies, parseFields
from .interim import interimHead
from .paths import Paths
from .response import Headers
from .served import ServedRequest


class Request(ServedRequest):
    """
    A request to an app.

    @cvar role: What the web server asks the app to be.
    @ivar requestID: Its id on the connection, 1 to 65535.
    @ivar keepConnection: Whether the connection stays open after the answer.
    @ivar params: The variables that the web server sent.
    """

    __slots__ = ("_form", "_headers", "_spooled")

    _headers: HTTPHeaders
    _spooled: BodyFile

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.requestID} from {self.channel.peer}>"

    # What the web server said

    @property
    def peer(self) -> IAddress:
        """
        The address of the web server, which sent the request. The browser's is L{clientAddress}.
        """
        return self.channel.peer

    @property
    def host(self) -> IAddress:
        """
        The address at which the server accepted the connection, while the connection is open.
        """
        return self.channel.host

    @property
    def method(self) -> str:
        """
        REQUEST_METHOD; C{GET} if it was not sent.
        """
        return self.params.get("REQUEST_METHOD", "GET")

    @property
    def uri(self) -> str:
        """
        REQUEST_URI, as the browser sent it, not decoded. If it was not sent: SCRIPT_NAME, PATH_INFO
        and the query.
        """
        return uriIn(self.params)

    @property
    def paths(self) -> Paths:
        """
        How the path is found and divided, for all requests of this server.
        """
        return self.channel.paths

    @property
    def path(self) -> str:
        """
        The whole path, decoded: SCRIPT_NAME and PATH_INFO together; where neither was sent,
        DOCUMENT_URI; where that is missing too, or the server takes paths from there, the path of
        REQUEST_URI without dot segments.

        @raise PathOutsideRoot: If REQUEST_URI leads beyond the root of the site.
        """
        return self.paths.whole(self.params.find).decode("utf-8", "surrogateescape")

    @property
    def scriptName(self) -> str:
        """
        The part of the path that leads to the app, decoded: where the server mounts it
        (C{mount}), or SCRIPT_NAME as it was sent.

        @raise NotMounted: If the path is not below the mount.
        """
        if self.paths.asSent:
            return self.params.get("SCRIPT_NAME", "")
        return self.paths.split(self.params.find)[0].decode("utf-8", "surrogateescape")

    @property
    def pathInfo(self) -> str:
        """
        The part of the path below L{scriptName}, decoded: the rest of the path where the server
        mounts the app (C{mount}), or PATH_INFO as it was sent.

        @raise NotMounted: If the path is not below the mount.
        """
        if self.paths.asSent:
            return self.params.get("PATH_INFO", "")
        return self.paths.split(self.params.find)[1].decode("utf-8", "surrogateescape")

    @property
    def queryString(self) -> str:
        """
        QUERY_STRING as it was sent, not decoded.
        """
        return self.params.get("QUERY_STRING", "")

    @property
    def query(self) -> Fields:
        """
        QUERY_STRING as names and values, decoded.

        @raise MalformedValue: If the query has more than 1,000 fields.
        """
        return parseFields(self.queryString, "query")

    @property
    def cookies(self) -> Fields:
        """
        The cookies, by name. Of several cookies with one name, the first one counts.
        """
        return parseCookies(self.params.get("HTTP_COOKIE", ""))

    @property
    def protocol(self) -> str:
        """
        SERVER_PROTOCOL: what the browser spoke to the web server, such as C{HTTP/1.1} or
        C{HTTP/2.0}; empty if it was not sent.
        """
        return self.params.get("SERVER_PROTOCOL", "")

    @property
    def scheme(self) -> str:
        """
        C{http} or C{https}, as the browser spoke to the web server; see L{schemeOf}.
        """
        return schemeOf(self.params)

    @property
    def headers(self) -> HTTPHeaders:
        """
        The request's HTTP headers: HTTP_*, CONTENT_TYPE and CONTENT_LENGTH. HTTP_PROXY is left
        out, and so are HTTP_CONTENT_TYPE and HTTP_CONTENT_LENGTH; they stay in L{params}.
        """
        known: HTTPHeaders | None = getattr(self, "_headers", None)
        if known is not None:
            return known
        headers = HTTPHeaders()
        for name, value in self.params.raw:
            header = headerOfParam(name)
            if header is not None and (value or name.startswith(b"HTTP_")):
                headers.addRawHeader(header, value)
        self._headers = headers
        return headers

    @property
    def clientAddress(self) -> IPv4Address | IPv6Address | None:
        """
        The browser's address, from REMOTE_ADDR and REMOTE_PORT (0 if that was not sent); L{None}
        if REMOTE_ADDR is not an IP address.
        """
        address = self.params.get("REMOTE_ADDR", "")
        port = self.params.get("REMOTE_PORT", "")
        number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
        if ":" in address:
            return IPv6Address("TCP", address, number)
        return IPv4Address("TCP", address, number) if address else None

    # Input and output

    @property
    def stdin(self) -> InputStream:
        """
        The body of the request. Its length is CONTENT_LENGTH, or unknown if that is missing or
        empty: the body then ends where the web server ends it. An Authorizer's body is empty.
        """
        if self._stdin is None:
            self._stdin = self.openInput("CONTENT_LENGTH")
            if self._inputEnded:
                self._stdin.finish()
        return self._stdin

    def limitBody(self, most: int) -> None:
        """
        Accept a smaller body than the server does (C{Limits.bodyBytes}). A request with a longer
        body fails with a 413.

        @param most: How many bytes the body may have.
        @raise BodyTooLarge: If the body is known to be longer. If not caught, it becomes a 413.
        @raise ValueError: If C{most} is not a number of bytes.
        """
        self.stdin.limitTo(most)

    @property
    def bodyLimit(self) -> int | None:
        """
        How many bytes the body may have, or L{None} without a limit.
        """
        return self.stdin.limit

    def spooled(self) -> Deferred[IO[bytes]]:
        """
        Read the whole body, and keep it while the request lasts: in memory up to 512 KiB, and in a
        temporary file beyond that, within C{Limits.spoolBytes} for all requests together. Every
        call gives the same file.

        @return: Fires with a file, at its beginning. It fails with
            L{BodyTooLarge<txfcgi.errors.BodyTooLarge>} (413) or
            L{Overloaded<txfcgi.errors.Overloaded>} (503).
        """
        return Deferred.fromCoroutine(self._spool())

    async def _spool(self) -> IO[bytes]:
        body: BodyFile | None = getattr(self, "_spooled", None)
        if body is None:
            limits = self.channel.limits
            most = limits.spoolBytes if limits.bodyBytes is None else limits.bodyBytes
            body = BodyFile(self.channel.spool, memoryBytes=MEMORY, maxBytes=most)
            await body.fill(self.stdin)
            if self.stdin.received and not body.length:
                body.release()
                raise StreamClosed("the body was read before")
            self._spooled = kept = body
            self.notifyFinish().addBoth(lambda _: kept.release())
        return body.file

    def json(self) -> Deferred[Any]:
        """
        Read the body as JSON.

        @return: Fires with the value; fails with
            L{MalformedBody<txfcgi.errors.MalformedBody>}, which becomes a 400, if it is not JSON.
        """
        return Deferred.fromCoroutine(readJSON(self.stdin))

    def form(self, limits: FormLimits | None = None) -> Deferred[Form]:
        """
        Read the body as a form, and keep its files while the request lasts. Every call gives the
        same form. Forms with files need the extra C{txfcgi[forms]}.

        @param limits: How much it may have at most.
        @return: Fires with the form; fails with L{UnsupportedBody<txfcgi.errors.UnsupportedBody>}
            (415), L{MalformedBody<txfcgi.errors.MalformedBody>} (400) or
            L{BodyTooLarge<txfcgi.errors.BodyTooLarge>} (413).
        """
        return Deferred.fromCoroutine(self._readForm(FormLimits() if limits is None else limits))

    async def _readForm(self, limits: FormLimits) -> Form:
        # Few requests have a form, and the others don't pay for an attribute.
        form: Form | None = getattr(self, "_form", None)
        if form is None:
            contentType = self.params.get("CONTENT_TYPE", "")
            form = await readForm(self.stdin, contentType, limits, self.channel.spool)
            self._form = form
            self.notifyFinish().addBoth(lambda _: form.close())
        return form

    @property
    def stdout(self) -> OutputStream:
        """
        The output stream of an app that writes its response as CGI output: a head, an empty line,
        and the body (RFC 3875, section 6).
        """
        return self.openOutput().stream

    @property
    def stderr(self) -> OutputStream:
        """
        The error stream. The web server writes it to its error log; over SCGI, it goes to the log
        of this program.
        """
        return self.openError()

    def sendInterim(self, code: int, headers: Headers = ()) -> None:
        """
        Send an interim response, such as a 103 with links that a browser may fetch early (RFC
        8297). Unless the server was told that the web server passes these on (C{interim},
        C{--interim}), nothing is sent, and the log says so.

        @param code: The HTTP status, 100 to 199, except 101.
        @param headers: As those of a L{Response<txfcgi.server.response.Response>}.
        @raise InvalidResponse: If C{code} is none of these, or the response has begun.
        @raise InvalidHeader: If a name or a value may not be sent.
        """
        self.writeInterim(interimHead(code, headers))

    def notifyFinish(self) -> Deferred[None]:
        """
        Wait until the request is over.

        @return: Fires with L{None} when the response is handed over; fails with
            L{RequestAborted<txfcgi.errors.RequestAborted>} when the web server aborts the request
            or goes away.
        """
        return self.whenConcluded()


def schemeOf(params: Mapping[str, str]) -> str:
    """
    Tell C{http} from C{https}, by HTTPS or, where that was not sent, by REQUEST_SCHEME.
    """
    https = params.get("HTTPS", "").lower()
    if https:
        return "http" if https in ("off", "0", "no", "false") else "https"
    return "https" if params.get("REQUEST_SCHEME", "").lower() == "https" else "http"
