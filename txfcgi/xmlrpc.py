"""
L{SCGIProxy}: XML-RPC over SCGI, as rTorrent speaks it. What can be called, and how, is as with
L{twisted.web.xmlrpc.Proxy}.
"""

from __future__ import annotations

import dataclasses
import re
import xmlrpc.client
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from xml.parsers.expat import ExpatError
from xmlrpc.client import Fault

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from .cgiparams import cgiParams
from .client.options import ClientOptions
from .client.scgi import SCGIClient
from .errors import BadResponse, InvalidRequest, NotXMLRPC, ReadTooLarge, RemoteProtocolError

__all__ = ["Fault", "SCGIProxy"]

# The path that servers of XML-RPC have by custom.
_PATH: Final = "/RPC2"

# XML 1.0, section 2.2: whatever can't be a character of a document; and references to any.
_PATTERN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_forbidden: Final = _PATTERN.search
_forbiddenAnywhere: Final = _PATTERN.sub
_reference: Final = re.compile("&#(x[0-9A-Fa-f]+|[0-9]+);").sub
_encoding: Final = re.compile(rb"""\s*<\?xml[^>]*?\bencoding=["']([A-Za-z0-9._-]+)["']""").match


def endpointOfURL(reactor: Any, url: str) -> tuple[IStreamClientEndpoint, str]:
    """
    Where a URL leads.

    @param url: C{scgi://host:port}, C{scgi://host:port/path} or C{scgi+unix:/path/of/the/socket}.
    @return: The endpoint, and the path that is asked for.
    @raise InvalidRequest: If it is not such a URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidRequest(f"{url!r} is not a URL: {error}") from None
    if parts.scheme == "scgi" and parts.hostname and port:
        return HostnameEndpoint(reactor, parts.hostname, port), parts.path or _PATH
    if parts.scheme == "scgi+unix" and parts.path.startswith("/") and not parts.netloc:
        return UNIXClientEndpoint(reactor, unquote(parts.path)), _PATH
    raise InvalidRequest(f"{url!r} is neither scgi://host:port nor scgi+unix:/path")


class _Marshaller(xmlrpc.client.Marshaller):
    """
    Writes the arguments of a call, with C{i8} for integers that take more than 32 bits.
    """

    def __init__(self, allowNone: bool) -> None:
        super().__init__("utf-8", allowNone)
        dispatch: dict[Any, Any] = {**self.dispatch, int: type(self).dump_long}
        self.dispatch = dispatch

    def dump_long(self, value: int, write: Callable[[str], object]) -> None:
        """
        Write an integer.
        """
        if not -(2**63) <= value < 2**63:
            raise OverflowError(f"{value} takes more than the 64 bits of an i8 of XML-RPC")
        kind = "int" if -(2**31) <= value < 2**31 else "i8"
        write(f"<value><{kind}>{int(value)}</{kind}></value>\n")


def encodedCall(method: str, args: tuple[Any, ...], allowNone: bool) -> bytes:
    """
    A call, as it is sent.

    @raise TypeError: If an argument is of a type that XML-RPC does not have.
    @raise OverflowError: If one is a number that is too large.
    @raise InvalidRequest: If there is a character in it that XML can't have.
    """
    params = _Marshaller(allowNone).dumps(args)
    text = (
        "<?xml version='1.0'?>\n<methodCall>\n"
        f"<methodName>{xmlrpc.client.escape(method)}</methodName>\n{params}</methodCall>\n"
    )
    wrong = _forbidden(text)
    if wrong:
        raise InvalidRequest(
            f"XML can't contain the character {wrong[0]!r}, after {text[: wrong.start()][-40:]!r}; "
            "xmlrpc.client.Binary carries any bytes"
        )
    return text.encode("utf-8")


def repaired(content: bytes) -> bytes:
    """
    An answer in which everything that XML can't have is U+FFFD: control characters, references to
    them, and bytes that are not UTF-8, if it is to be that.
    """
    mark = "\ufffd"
    encoding = _encoding(content)
    if encoding is not None and encoding[1].lower() not in (b"utf-8", b"us-ascii"):
        mark = "?"
        text = content.decode("latin-1")
    else:
        text = content.decode("utf-8", "replace")
    text = _forbiddenAnywhere(mark, text)
    text = _reference(lambda match: mark if _isForbidden(match[1]) else match[0], text)
    return text.encode("utf-8" if mark != "?" else "latin-1")


def _isForbidden(number: str) -> bool:
    code = int(number[1:], 16) if number[:1] in "xX" else int(number)
    return code > 0x10FFFF or _forbidden(chr(code)) is not None


def wrongIn(content: bytes, error: Exception) -> str:
    """
    What is wrong with an answer, and the bytes where that is.
    """
    message = f"the answer is not XML-RPC: {error!r}"
    if isinstance(error, ExpatError):
        lines = content.split(b"\n")
        line = lines[error.lineno - 1] if error.lineno <= len(lines) else b""
        before = line[max(0, error.offset - 40) : error.offset]
        message += f": {line[error.offset : error.offset + 20]!r}, after {before!r}"
        if _forbidden(content.decode("latin-1")):
            message += "; SCGIProxy(repair=True) replaces what XML can't have"
    return message


class SCGIProxy:
    """
    Calls the methods of an XML-RPC server.

    C{SCGIProxy("scgi+unix:/run/rtorrent.sock").callRemote("system.client_version")}

    @ivar client: What it calls them with.
    """

    def __init__(
        self,
        url: str | bytes,
        *,
        allowNone: bool = False,
        useDateTime: bool = False,
        connectTimeout: float | None = 30.0,
        reactor: Any = None,
        options: ClientOptions | None = None,
        repair: bool = False,
    ) -> None:
        """
        @param url: Where the server is: C{scgi://host:port}, with a path where the server has
            another than C{/RPC2}; or C{scgi+unix:/path/of/the/socket}.
        @param allowNone: Whether L{None} may be sent, which is an extension of XML-RPC.
        @param useDateTime: Whether times are C{datetime.datetime}s, in place of
            C{xmlrpc.client.DateTime}s.
        @param connectTimeout: Seconds for a connection.
        @param reactor: Connects; the global one, if not given.
        @param options: The client's other limits and timeouts.
        @param repair: Whether what XML can't have is replaced in answers: the names of files may
            have control characters, which some servers send as they are.
        @raise InvalidRequest: If the URL leads nowhere.
        """
        if reactor is None:
            from twisted.internet import reactor
        if isinstance(url, bytes):
            url = url.decode("utf-8")
        options = ClientOptions() if options is None else options
        timeouts = dataclasses.replace(options.timeouts, connect=connectTimeout)
        endpoint, self._path = endpointOfURL(reactor, url)
        self._allowNone = allowNone
        self._useDateTime = useDateTime
        self._repair = repair
        self.client = SCGIClient(reactor, endpoint, dataclasses.replace(options, timeouts=timeouts))

    def callRemote(self, method: str, *args: Any) -> Deferred[Any]:
        """
        Call a method.

        @param args: Its arguments. An C{int} that takes more than 32 bits is sent as C{i8}.
        @return: Fires with its result. It fails with a L{Fault} if the server says so, with
            L{TypeError}, L{OverflowError} or L{InvalidRequest<txfcgi.errors.InvalidRequest>} if an
            argument can't be sent, with L{ReadTooLarge<txfcgi.errors.ReadTooLarge>} if the answer
            has more than C{options.collectBytes} (16 MiB), and with a
            L{RequestFailed<txfcgi.errors.RequestFailed>} if there was no answer, or none that
            is XML-RPC: its reason is then L{NotXMLRPC<txfcgi.errors.NotXMLRPC>}, which has the
            bytes. Cancelling it gives the call up.
        """
        return Deferred.fromCoroutine(self._call(method, args))

    def close(self) -> Deferred[None]:
        """
        Give up all calls.

        @return: Fires when all connections are closed.
        """
        return self.client.close()

    async def _call(self, method: str, args: tuple[Any, ...]) -> Any:
        body = encodedCall(method, args, self._allowNone)
        params = cgiParams("POST", self._path, CONTENT_TYPE="text/xml")
        response = await self.client.request(params, body)
        try:
            content = await response.content()
        except ReadTooLarge as error:
            raise ReadTooLarge(
                f"the answer has more than {self.client.options.collectBytes} bytes; "
                "SCGIProxy(options=ClientOptions(collectBytes=...)) takes more"
            ) from error
        if response.code != 200:
            raise BadResponse(RemoteProtocolError(f"the answer has the status {response.code}"))
        if self._repair:
            content = repaired(content)
        try:
            (result,), _ = xmlrpc.client.loads(content, use_datetime=self._useDateTime)
        except Fault:
            raise
        except Exception as error:
            # Mistakes in it raise exceptions of many classes: of expat, of xmlrpc, of Python.
            raise BadResponse(NotXMLRPC(wrongIn(content, error), content)) from error
        return result
