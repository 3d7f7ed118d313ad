"""
Tests of L{txfcgi.web.conversions}: requests and responses in other forms.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from txfcgi import Result, cgiParams
from txfcgi.errors import EmptyResponse, InvalidHeader, InvalidParam
from txfcgi.web import (
    GatewayOptions,
    paramsOf,
    requestAsDict,
    requestFromDict,
    respondWith,
    resultAsDict,
    resultFromDict,
)

from .site import SiteCase


class TwistedWebTests(SiteCase):
    """
    Requests and responses of twisted.web's.
    """

    async def test_both(self) -> None:
        """
        A request becomes params, and a result its answer.
        """
        seen: list[dict[str, str]] = []

        class Shop(Resource):
            isLeaf = True

            def render(self, request: Any) -> int:
                options = GatewayOptions(params={"APP_ENV": "test"})
                seen.append(paramsOf(request, options, documentRoot="/srv"))
                headers = [("X-One", "a"), ("X-One", "b"), ("Connection", "close")]
                respondWith(Result.of(404, headers, b"none: " + request.content.read()), request)
                return NOT_DONE_YET

        root = Resource()
        root.putChild(b"shop", Shop())
        await self.site(root)
        answer = await self.fetch("/shop/a%20b?c=1", "POST", {"X-Two": "2"}, b"body")
        [params] = seen
        self.assertEqual(
            {name: params[name] for name in ("SCRIPT_NAME", "PATH_INFO", "REQUEST_METHOD")},
            {"SCRIPT_NAME": "/shop", "PATH_INFO": "/a b", "REQUEST_METHOD": "POST"},
        )
        self.assertEqual(params["HTTP_X_TWO"], "2")
        self.assertEqual((params["APP_ENV"], params["DOCUMENT_ROOT"]), ("test", "/srv"))
        self.assertEqual((answer.code, answer.body), (404, b"none: body"))
        self.assertEqual(answer.get("X-One"), ["a", "b"])


def test_request() -> None:
    """
    A request as a dictionary becomes params, and these become it again.
    """
    request: dict[str, Any] = {
        "method": "POST",
        "uri": "/a%20b?c=1",
        "headers": {"Host": "app", "X-One": "1", "Content-Type": "text/plain"},
    }
    params = requestFromDict(request, remoteUser="ann")
    assert params == cgiParams("POST", "/a%20b?c=1", headers=request["headers"], remoteUser="ann")
    assert requestAsDict(params) == request


def test_requestWithoutURI() -> None:
    """
    Where REQUEST_URI is missing, the path and the query are what the others say; params that carry
    no header, and empty ones, are left out.
    """
    assert requestAsDict(
        {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "/a",
            "PATH_INFO": "/b",
            "QUERY_STRING": "c",
            "CONTENT_LENGTH": "",
            "HTTP_PROXY": "http://bad",
            "SERVER_NAME": "app",
        }
    ) == {"method": "GET", "uri": "/a/b?c", "headers": {}}


def test_response() -> None:
    """
    A result becomes a dictionary, and that becomes it again.
    """
    response = {
        "code": 404,
        "headers": [
            ("Content-Type", "text/plain"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=\u00e9"),
            ("Content-Length", "4"),
        ],
        "body": b"none",
    }
    result = resultFromDict(response)
    assert resultAsDict(result) == response
    assert resultAsDict(resultFromDict({"code": 204})) == {"code": 204, "headers": [], "body": b""}
    assert ("A", "1") in resultAsDict(resultFromDict({"code": 200, "headers": {"A": "1"}}))[
        "headers"
    ]


def test_mistakes() -> None:
    """
    What is missing, or unknown, is named; what can't be sent or read is an error of its own.
    """
    with pytest.raises(
        InvalidParam, match=r"^'uri' is missing: the keys are method, uri, headers$"
    ):
        requestFromDict({"method": "GET"})
    with pytest.raises(
        InvalidParam, match=r"^'status' is unknown: the keys are code, headers, bod"
    ):
        resultFromDict({"code": 200, "status": 200})
    with pytest.raises(
        InvalidParam, match=r"^these params are not those of an HTTP request: REQUEST_METHOD"
    ):
        requestAsDict({"SERVER_NAME": "app"})
    with pytest.raises(InvalidHeader):
        resultFromDict({"code": 200, "headers": {"A": "a\r\nb"}})
    with pytest.raises(EmptyResponse):
        resultAsDict(Result(b"", b"", 0, 0))
