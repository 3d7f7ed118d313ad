"""
L{SCGIProxy}: XML-RPC over SCGI, as rTorrent speaks it. What can be called, and how, is as with
L{twisted.web.xmlrpc.Proxy}.
"""

from __future__ import annotations

import dataclasses
import xmlrpc.client
from typing import Any
from urllib.parse import unquote, urlsplit
from xmlrpc.client import Fault

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

from .cgiparams import cgiParams
from .client.options import ClientOptions
from .client.scgi import SCGIClient
from .errors import BadResponse, InvalidRequest, MalformedValue, RemoteProtocolError

__all__ = ["Fault", "SCGIProxy"]

# The path that servers of XML-RPC have by custom.
_PATH = "/RPC2"


def endpointOfURL(reactor: Any, url: str) -> tuple[IStreamClientEndpoint, str]:
    """
    Where a URL leads.

    @param url: C{scgi://host:port}, C{scgi://host:port/path} or C{scgi+unix:/path/of/the/socket}.
    @return: The endpoint, and the path that is asked for.
    @raise InvalidRequest: If it is no such URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidRequest(f"{url!r} is no URL: {error}") from None
    if parts.scheme == "scgi" and parts.hostname and port:
        return HostnameEndpoint(reactor, parts.hostname, port), parts.path or _PATH
    if parts.scheme == "scgi+unix" and parts.path.startswith("/") and not parts.netloc:
        return UNIXClientEndpoint(reactor, unquote(parts.path)), _PATH
    raise InvalidRequest(f"{url!r} is neither scgi://host:port nor scgi+unix:/path")


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
        self.client = SCGIClient(reactor, endpoint, dataclasses.replace(options, timeouts=timeouts))

    def callRemote(self, method: str, *args: Any) -> Deferred[Any]:
        """
        Call a method.

        @return: Fires with its result. It fails with a L{Fault} if the server says so, with
            L{TypeError} or L{OverflowError} if an argument can't be sent, and with a
            L{RequestFailed<txfcgi.errors.RequestFailed>} if there was no answer, or none that
            is XML-RPC. Cancelling it gives the call up.
        """
        return Deferred.fromCoroutine(self._call(method, args))

    def close(self) -> Deferred[None]:
        """
        Give up all calls.

        @return: Fires when all connections are closed.
        """
        return self.client.close()

    async def _call(self, method: str, args: tuple[Any, ...]) -> Any:
        body = xmlrpc.client.dumps(args, method, allow_none=self._allowNone).encode("utf-8")
        params = cgiParams("POST", self._path, CONTENT_TYPE="text/xml")
        response = await self.client.request(params, body)
        content = await response.content()
        if response.code != 200:
            raise BadResponse(RemoteProtocolError(f"the answer has the status {response.code}"))
        try:
            (result,), _ = xmlrpc.client.loads(content, use_datetime=self._useDateTime)
        except Fault:
            raise
        except Exception as error:
            # Each kind of mistake in it has another class: of expat, of xmlrpc, of Python.
            raise BadResponse(MalformedValue(f"the answer is no XML-RPC: {error!r}")) from error
        return result
