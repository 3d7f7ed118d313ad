"""
Tests of L{txfcgi.web.httpclient}: treq's client over a back end.
"""

from __future__ import annotations

import importlib
import sys
from io import BytesIO
from unittest.mock import patch

from twisted.web.client import FileBodyProducer

from txfcgi import PHPFPM, Request, Response
from txfcgi.web import EnvPolicy, FastCGIHTTPClient

from .site import SiteCase, showParams


async def site(request: Request) -> Response:
    """
    Sets a cookie, redirects, and shows what it is sent.
    """
    if request.path == "/login":
        return Response(302, {"Location": "/home", "Set-Cookie": "who=me"}, b"")
    if request.path == "/home":
        return Response(200, {}, request.cookies.get("who", "nobody").encode())
    body = await request.stdin.read()
    kind = request.params["CONTENT_TYPE"].partition(";")[0]
    return Response(200, {}, f"{request.method} {kind} {len(body)}".encode())


class HTTPClientTests(SiteCase):
    """
    What treq's client has.
    """

    async def test_cookiesAndRedirects(self) -> None:
        """
        Cookies are kept, and redirects followed.
        """
        http = FastCGIHTTPClient(await self.backEnd(site))
        response = await http.get("http://app/login")
        self.assertEqual(await response.text(), "me")
        response = await http.get("http://app/login", allow_redirects=False)
        self.assertEqual(response.code, 302)

    async def test_bodies(self) -> None:
        """
        A value as JSON, a form, and files.
        """
        http = FastCGIHTTPClient(await self.backEnd(site))
        response = await http.post("http://app/", json={"a": 1})
        self.assertEqual(await response.text(), "POST application/json 7")
        response = await http.put("http://app/", data={"a": "1"})
        self.assertEqual(await response.text(), "PUT application/x-www-form-urlencoded 3")
        response = await http.post(
            "http://app/", files={"f": ("f.txt", "text/plain", FileBodyProducer(BytesIO(b"four")))}
        )
        self.assertTrue((await response.text()).startswith("POST multipart/form-data "))

    async def test_params(self) -> None:
        """
        The params are those of php-fpm where that is wanted, and of the environment.
        """
        http = FastCGIHTTPClient(
            await self.backEnd(showParams),
            PHPFPM("/srv/site").params,
            EnvPolicy(serverSoftware="mine"),
        )
        response = await http.get("http://app/a.php")
        params = dict(line.split("=", 1) for line in (await response.text()).split("\n"))
        self.assertEqual(params["SCRIPT_FILENAME"], "/srv/site/a.php")
        self.assertEqual(params["SERVER_SOFTWARE"], "mine")
        self.assertEqual(params["HTTP_HOST"], "app")

    def test_withoutTreq(self) -> None:
        """
        Where treq is not installed, the extra is named.
        """
        from txfcgi.web import httpclient

        with patch.dict(sys.modules, {"treq.client": None}):
            error = self.assertRaises(ImportError, importlib.reload, httpclient)
        self.assertEqual(str(error), "FastCGIHTTPClient needs treq: pip install txfcgi[treq]")
        importlib.reload(httpclient)

    def test_otherNames(self) -> None:
        """
        A name that there is not is not, as anywhere.
        """
        from txfcgi import web

        self.assertRaises(AttributeError, getattr, web, "FastCGIHTTPServer")
