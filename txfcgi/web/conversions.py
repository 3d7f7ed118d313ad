"""
Converting requests and responses of twisted.web, or plain dictionaries, to params and results, and
back.

A L{ClientResponse<txfcgi.ClientResponse>} needs no conversion: it is a response of twisted.web.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from ..cgiparams import cgiParams
from ..client.response import Result
from ..errors import InvalidParam
from ..wire.cgi import ResponseHead
from ..wire.variables import headerOfParam, uriIn
from .headers import ResponseHeaders
from .options import GatewayOptions
from .params import RequestParams, mountedAt


class RequestDict(TypedDict):
    """
    A request without its body.

    @ivar method: The method.
    @ivar uri: The path and query, percent-encoded.
    @ivar headers: The headers, by name.
    """

    method: str
    uri: str
    headers: dict[str, str]


class ResponseDict(TypedDict):
    """
    A response.

    @ivar code: The HTTP status.
    @ivar headers: Pairs of names and values, in order: a name can occur several times.
    @ivar body: The body.
    """

    code: int
    headers: list[tuple[str, str]]
    body: bytes


def paramsOf(request: Any, options: GatewayOptions | None = None, **more: str) -> dict[str, str]:
    """
    Make the params of a twisted.web request, as the gateway does: SCRIPT_NAME is the path of the
    resource that got the request, and PATH_INFO the rest.

    @param request: An C{IRequest}. Its C{content.read()} is the body.
    @param options: Which headers are passed on, and which params are added.
    @param more: Other params by name, or C{scriptFilename} and C{documentRoot}.
    @raise InvalidRequest: If the gateway refuses such a request.
    """
    scriptName, pathInfo = mountedAt(request)
    params = RequestParams(GatewayOptions() if options is None else options)
    return params.make(request, scriptName, pathInfo, **more)


def respondWith(result: Result, request: Any) -> None:
    """
    Answer a twisted.web request with a result, and finish it.

    @param request: An C{IRequest}.
    @raise MalformedHead: If the result is not a response; see
        L{Result.parsed<txfcgi.Result.parsed>}.
    """
    head, body = result.parsed()
    request.setResponseCode(head.code, head.reason or None)
    request.defaultContentType = None
    ResponseHeaders(GatewayOptions()).copy(head.headers, request.responseHeaders)
    request.write(body)
    request.finish()


def requestAsDict(params: Mapping[str, str]) -> RequestDict:
    """
    Make a dictionary of the HTTP request that params describe.

    @param params: Such as C{request.params} of an app.
    @raise InvalidParam: If REQUEST_METHOD is missing.
    """
    method = params.get("REQUEST_METHOD")
    if not method:
        raise InvalidParam(
            "these params are not those of an HTTP request: REQUEST_METHOD is missing"
        )
    headers = {}
    for name, value in params.items():
        header = headerOfParam(name.encode("utf-8", "surrogateescape"))
        if header is not None and value:
            headers[header.decode("ascii")] = value
    return {"method": method, "uri": uriIn(params), "headers": headers}


def requestFromDict(request: Mapping[str, Any], **more: Any) -> dict[str, str]:
    """
    Make the params of a request.

    @param request: A L{RequestDict}, whose C{headers} may be missing.
    @param more: Other arguments of L{cgiParams<txfcgi.cgiParams>}.
    @raise InvalidParam: If C{method} or C{uri} is missing, or a key is unknown.
    """
    return cgiParams(**_only(request, ("method", "uri"), ("headers",)), **more)


def resultAsDict(result: Result) -> ResponseDict:
    """
    Make a dictionary of the response in a result.

    @raise MalformedHead: If the result is not a response; see
        L{Result.parsed<txfcgi.Result.parsed>}.
    """
    head, body = result.parsed()
    return {"code": head.code, "headers": _textHeaders(head), "body": body}


def resultFromDict(response: Mapping[str, Any]) -> Result:
    """
    Make the result of a back end that sent this response.

    @param response: A L{ResponseDict}, whose C{headers} may be a mapping, and whose C{headers} and
        C{body} may be missing.
    @raise InvalidParam: If C{code} is missing, or a key is unknown.
    @raise InvalidHeader: If a header can't be sent.
    """
    given = _only(response, ("code",), ("headers", "body"))
    headers = given.get("headers", ())
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return Result.of(given["code"], pairs, given.get("body", b""))


def _textHeaders(head: ResponseHead) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
        for name, value in head.headers
    ]


def _only(
    given: Mapping[str, Any], needed: tuple[str, ...], others: tuple[str, ...]
) -> dict[str, Any]:
    """
    @raise InvalidParam: If a key is missing, or is unknown.
    """
    missing = [name for name in needed if name not in given]
    unknown = [name for name in given if name not in (*needed, *others)]
    if missing or unknown:
        said = f"{missing[0]!r} is missing" if missing else f"{unknown[0]!r} is unknown"
        raise InvalidParam(f"{said}: the keys are {', '.join((*needed, *others))}")
    return dict(given)
