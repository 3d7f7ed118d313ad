"""
Tests of L{txfcgi.web.params}: what an app hears of a request.
"""

from __future__ import annotations

from typing import Any

from txfcgi import Request, Response
from txfcgi.web import GatewayOptions

from .site import SiteCase, paramsIn, showParams


class ParamsTests(SiteCase):
    """
    What an app hears of a request.
    """

    async def test_ofARequest(self) -> None:
        """
        What RFC 3875 and web servers say, of the request as it came.
        """
        await self.gateway(showParams)
        answer = await self.fetch("/a%20b//c%2Fd?x=1&y=%20", headers={"User-Agent": "me"})
        params = paramsIn(answer)
        port = params.pop("REMOTE_PORT")
        self.assertTrue(port.isdecimal() and port != "0")
        self.assertEqual(
            params,
            {
                "DOCUMENT_URI": "/a b//c/d",
                "GATEWAY_INTERFACE": "CGI/1.1",
                "HTTP_HOST": "test.example:81",
                "HTTP_USER_AGENT": "me",
                "PATH_INFO": "/a b//c/d",
                "QUERY_STRING": "x=1&y=%20",
                "REMOTE_ADDR": "127.0.0.1",
                "REQUEST_METHOD": "GET",
                "REQUEST_SCHEME": "http",
                "REQUEST_URI": "/a%20b//c%2Fd?x=1&y=%20",
                "SCRIPT_NAME": "",
                "SERVER_ADDR": "127.0.0.1",
                "SERVER_NAME": "test.example",
                "SERVER_PORT": str(self.port.getHost().port),
                "SERVER_PROTOCOL": "HTTP/1.1",
                "SERVER_SOFTWARE": "txfcgi",
            },
        )

    async def test_anyByte(self) -> None:
        """
        Bytes that are no UTF-8 arrive as they were.
        """

        async def app(request: Request) -> Response:
            path = request.params.getBytes("PATH_INFO") or b""
            return Response(200, {}, path + (request.params.getBytes("HTTP_X") or b""))

        await self.gateway(app)
        answer = await self.raw(b"GET /%FF%fe HTTP/1.0\r\nX: \xc3\x28\xff\r\n\r\n")
        self.assertTrue(answer.endswith(b"/\xff\xfe\xc3\x28\xff"), answer)
        answer = await self.raw(b"GET /\x81%20\x82 HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.endswith(b"/\x81 \x82"), answer)

    async def test_anyMethod(self) -> None:
        """
        The app decides which methods it has.
        """
        await self.gateway(showParams)
        for method in ("DELETE", "OPTIONS", "PROPFIND"):
            params = paramsIn(await self.fetch(method=method))
            self.assertEqual(params["REQUEST_METHOD"], method)

    async def test_lengths(self) -> None:
        """
        CONTENT_LENGTH is there if the browser sent it, and if there is a body.
        """
        await self.gateway(showParams)
        params = paramsIn(await self.fetch(method="POST", body=b""))
        self.assertEqual(params["CONTENT_LENGTH"], "0")
        params = paramsIn(await self.fetch(method="POST", body=b"abc"))
        self.assertEqual(params["CONTENT_LENGTH"], "3")
        self.assertNotIn("CONTENT_LENGTH", paramsIn(await self.fetch()))

    async def test_optionsAddParams(self) -> None:
        """
        Fixed params win over those of the request, and a function has the last word.
        """

        def add(request: Any, params: dict[str, str]) -> None:
            params["REMOTE_USER"] = request.getHeader("User-Agent")
            del params["SERVER_SOFTWARE"]

        options = GatewayOptions(
            params={"APP_ENV": "test", "SERVER_PROTOCOL": "X"}, addParams=add, serverName="me"
        )
        await self.gateway(showParams, options)
        params = paramsIn(await self.fetch(headers={"User-Agent": "alice"}))
        self.assertEqual(params["APP_ENV"], "test")
        self.assertEqual(params["SERVER_PROTOCOL"], "X")
        self.assertEqual(params["SERVER_NAME"], "me")
        self.assertEqual(params["REMOTE_USER"], "alice")
        self.assertNotIn("SERVER_SOFTWARE", params)

    async def test_badTargets(self) -> None:
        """
        A path that no app should see: 400, and the reason in the log.
        """
        await self.gateway(showParams)
        for target in ("/a%00b", "/a%0Ab", "/%zz", "/a%", "/%4", "ftp://elsewhere/", "noslash"):
            answer = await self.fetch(target)
            self.assertEqual(answer.code, 400)
        self.assertTrue(self.logged("400: InvalidPath: a control character in the path"))
        self.assertEqual(len(self.logged("does not begin with a slash")), 2)
