"""
Tests of L{txfcgi.web.agent}: a back end as an Agent.
"""

from __future__ import annotations

import gzip
from http.cookiejar import CookieJar
from io import BytesIO

import treq
from treq.client import HTTPClient
from twisted.web.client import (
    BrowserLikeRedirectAgent,
    ContentDecoderAgent,
    CookieAgent,
    FileBodyProducer,
    GzipDecoder,
    readBody,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IClientRequest
from zope.interface.verify import verifyObject

from txfcgi import Request, RequestAborted, Response
from txfcgi.cgiparams import PHPFPM
from txfcgi.errors import InvalidPath
from txfcgi.web import FastCGIAgent

from .site import SiteCase, Waiting, showParams


class AgentTests(SiteCase):
    """
    As an Agent is used.
    """

    async def agent(self, app: object = showParams) -> FastCGIAgent:
        """
        An agent for an app.
        """
        client = await self.backEnd(app)  # type: ignore[arg-type]
        agent = FastCGIAgent(client)
        self.assertTrue(verifyObject(IAgent, agent))
        return agent

    async def test_request(self) -> None:
        """
        An app hears what the URI and the headers say; the response knows its request.
        """
        agent = await self.agent()
        headers = Headers({b"X-One": [b"a", b"b"], b"Authorization": [b"Basic x"]})
        uri = b"https://user@app.example:8443/a%20b?c=%20"
        response = await agent.request(b"GET", uri, headers)
        self.assertTrue(verifyObject(IClientRequest, response.request))
        self.assertEqual(response.request.absoluteURI, uri)
        text = (await readBody(response)).decode()
        params = dict(line.split("=", 1) for line in text.split("\n"))
        expected = {
            "HTTPS": "on",
            "HTTP_AUTHORIZATION": "Basic x",
            "HTTP_HOST": "app.example:8443",
            "HTTP_X_ONE": "a, b",
            "QUERY_STRING": "c=%20",
            "REQUEST_SCHEME": "https",
            "REQUEST_URI": "/a%20b?c=%20",
            "SCRIPT_NAME": "/a b",
            "SERVER_NAME": "app.example",
            "SERVER_PORT": "8443",
        }
        self.assertEqual({name: params[name] for name in expected}, expected)
        self.assertIsNone(headers.getRawHeaders(b"host"))

    async def test_treq(self) -> None:
        """
        treq gets and posts.
        """

        async def app(request: Request) -> Response:
            body = await request.stdin.read()
            kind = "json" if "json" in request.params.get("CONTENT_TYPE", "") else ""
            if request.method == "GET":
                return Response(200, {"Content-Type": "application/json"}, b'{"answer": 42}')
            return Response(201, {}, kind.encode() + b" " + body)

        http = HTTPClient(await self.agent(app))
        response = await http.get("http://app/")
        self.assertEqual(await response.json(), {"answer": 42})
        response = await http.post("http://app/", json={"a": 1})
        self.assertEqual((response.code, await response.text()), (201, 'json {"a":1}'))
        response = await http.put("http://app/", data=b"x" * 100_000)
        self.assertEqual(len(await treq.content(response)), 100_001)

    async def test_forms(self) -> None:
        """
        treq posts forms and files, by any method.
        """

        async def app(request: Request) -> Response:
            kind = request.params.get("CONTENT_TYPE", "")
            body = await request.stdin.read()
            assert len(body) == int(request.params.get("CONTENT_LENGTH", "0"))
            return Response(200, {"X-Method": request.method, "X-Type": kind}, body)

        http = HTTPClient(await self.agent(app))
        response = await http.post("http://app/", data={"a": "1 2", "b": "\u00e9"})
        self.assertEqual(await response.content(), b"a=1+2&b=%C3%A9")
        kind = response.headers.getRawHeaders("X-Type")
        self.assertEqual(kind, ["application/x-www-form-urlencoded"])
        files = {"file": ("a.txt", "text/plain", FileBodyProducer(BytesIO(b"four")))}
        response = await http.patch("http://app/", data={"a": "1"}, files=files)
        body = await response.content()
        (kind,) = response.headers.getRawHeaders("X-Type")
        boundary = kind.partition("boundary=")[2].encode()
        self.assertTrue(kind.startswith("multipart/form-data; "))
        self.assertEqual(len(body.split(b"--" + boundary)), 4)
        self.assertIn(b"\r\n\r\nfour\r\n", body)
        for method in ("DELETE", "OPTIONS", "PROPFIND"):
            response = await http.request(method, "http://app/")
            self.assertEqual(response.headers.getRawHeaders("X-Method"), [method])

    async def test_gzip(self) -> None:
        """
        Compressed answers are unpacked by whoever does that.
        """

        async def app(request: Request) -> Response:
            return Response(200, {"Content-Encoding": "gzip"}, gzip.compress(b"hello"))

        agent = ContentDecoderAgent(await self.agent(app), [(b"gzip", GzipDecoder)])
        response = await agent.request(b"GET", b"http://app/")
        self.assertEqual(await readBody(response), b"hello")
        response = await HTTPClient(await self.agent(app)).get("http://app/")
        self.assertEqual(await response.content(), b"hello")

    async def test_redirects(self) -> None:
        """
        Redirects are followed by whoever does that, and cookies kept.
        """

        async def app(request: Request) -> Response:
            if request.uri == "/old":
                return Response(302, {"Location": "/new", "Set-Cookie": "a=b"}, b"")
            return Response(200, {}, request.params["HTTP_COOKIE"].encode())

        agent = BrowserLikeRedirectAgent(CookieAgent(await self.agent(app), CookieJar()))
        response = await agent.request(b"GET", b"http://app.example/old")
        self.assertEqual(await readBody(response), b"a=b")
        previous = response.previousResponse
        self.assertEqual((previous.code, response.request.absoluteURI[-4:]), (302, b"/new"))

    async def test_ownParams(self) -> None:
        """
        Something else can make the params.
        """
        client = await self.backEnd(showParams)
        agent = FastCGIAgent(client, PHPFPM("/srv/www").params)
        response = await agent.request(b"GET", b"http://app/a.php/b?c", Headers({b"X": [b"y"]}))
        lines = (await readBody(response)).decode().split("\n")
        for line in ("SCRIPT_FILENAME=/srv/www/a.php", "PATH_INFO=/b", "HTTP_X=y", "HTTP_HOST=app"):
            self.assertIn(line, lines)
        with self.assertRaises(InvalidPath):
            await agent.request(b"GET", b"http://app/../a.php")

    async def test_cancelled(self) -> None:
        """
        A request that is given up is aborted.
        """
        app = Waiting()
        agent = await self.agent(app)
        asking = agent.request(b"GET", b"http://app/")
        await app.asked
        asking.cancel()
        await app.aborted
        error = await self.assertFailure(asking, Exception)
        self.assertNotIsInstance(error, RequestAborted)
