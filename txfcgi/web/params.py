"""
The params of a request that came over HTTP.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, ISSLTransport
from zope.interface import Interface

from ..cgiparams import cgiParams, decodedPath
from ..errors import InvalidPath
from .headers import RequestHeaders
from .options import GatewayOptions

# The address that nginx sends for a peer on a Unix socket, which has none.
_NOWHERE: Final = "unix:"


class IAuthorizedVariables(Interface):
    """
    What an Authorizer wants a request to have: a mapping of params, as a component of the request.
    """

    def __getitem__(name: str) -> str:
        """
        The value of a param.

        @raise KeyError: If the Authorizer did not set it.
        """


class RequestParams:
    """
    Makes params of requests, by a gateway's options.
    """

    def __init__(self, options: GatewayOptions) -> None:
        self._options = options
        self._headers = RequestHeaders(options)

    def make(
        self, request: Any, scriptName: str, pathInfo: str | None, **more: str
    ) -> dict[str, str]:
        """
        The params of a request.

        @param request: A twisted.web request.
        @param more: Others, by name; C{scriptFilename} and C{documentRoot} among them.
        @raise InvalidRequest: If it is none that may be passed on.
        """
        options = self._options
        headers = self._headers.params(request.requestHeaders)
        secure = request.isSecure()
        peerHost, peerPort = numbers(request.getClientAddress())
        address, port = numbers(request.getHost())
        if getattr(request, "secure", None) is not None:
            port = 0  # the port that the browser asked for is another one's
        params = cgiParams(
            request.method.decode("latin-1"),
            request.uri.decode("utf-8", "surrogateescape"),
            scriptName=scriptName,
            pathInfo=pathInfo,
            scheme="https" if secure else "http",
            serverName=options.serverName,
            serverPort=port or None,
            serverAddress=address,
            serverProtocol=request.clientproto.decode("latin-1"),
            remoteAddress=peerHost,
            remotePort=peerPort,
            headers=(),  # they are params already
            DOCUMENT_URI=scriptName + (pathInfo or ""),
            **headers,
            **more,
        )
        if secure:
            params |= _tlsParams(request)
        policy = options.env if options.envFor is None else options.envFor(request)
        if policy is not None:
            params |= policy.environment()
        params |= options.params
        variables = request.getComponent(IAuthorizedVariables, None)
        if variables is not None:
            params |= variables
        if options.addParams is not None:
            options.addParams(request, params)
        return params


def numbers(address: IAddress) -> tuple[str, int]:
    """
    The host and the port of an address.
    """
    if isinstance(address, (IPv4Address, IPv6Address)):
        return address.host, address.port
    return _NOWHERE, 0


def _tlsParams(request: Any) -> dict[str, str]:
    """
    What Apache and nginx tell of a TLS connection.
    """
    transport: Any = getattr(request.channel, "transport", None)
    if ISSLTransport(transport, None) is None:
        return {}
    connection = transport.getHandle()
    return {
        "SSL_PROTOCOL": connection.get_protocol_version_name(),
        "SSL_CIPHER": connection.get_cipher_name() or "",
    }


def mountedAt(request: Any) -> tuple[str, str]:
    """
    Where a resource is, and what of the path comes after it: SCRIPT_NAME and PATH_INFO, decoded.
    Both together are the path, as twisted.web came by it.

    @raise InvalidPath: If the path has control characters in it, or does not begin with a slash.
    """
    path = request.path.decode("utf-8", "surrogateescape")
    if not path.startswith("/"):
        raise InvalidPath(f"{path!r:.200} does not begin with a slash")
    mounted = len(request.prepath)
    if not mounted:
        return "", decodedPath(path)
    # The slash before each of the names that led here.
    segments = path.split("/")
    return decodedPath("/".join(segments[: mounted + 1])), decodedPath(
        "".join("/" + segment for segment in segments[mounted + 1 :])
    )
