"""
Tests of L{txfcgi.web.redirect}: responses that say where else on the site the answer is.
"""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource

from txfcgi import Request, Response
from txfcgi.web import GatewayOptions, GatewayResource

from .site import SiteCase, paramsIn, showParams


class RedirectTests(SiteCase):
    """
    Local redirects, and others.
    """

    async def test_localRedirect(self) -> None:
        """
        A path to look at instead is looked at, by GET and without the body; the browser does not
        hear of it.
        """

        async def app(request: Request) -> Response | None:
            if request.params["PATH_INFO"] == "/old":
                request.stdout.write(b"Location: /new?x=%20\n\n")
                return None
            return await showParams(request)

        await self.gateway(app)
        params = paramsIn(await self.fetch("/old?y", method="POST", body=b"abc"))
        self.assertEqual(params["REQUEST_METHOD"], "GET")
        self.assertEqual(params["REQUEST_URI"], "/new?x=%20")
        self.assertEqual((params["PATH_INFO"], params["QUERY_STRING"]), ("/new", "x=%20"))
        self.assertNotIn("CONTENT_LENGTH", params)
        answer = await self.fetch("/old", method="HEAD")
        self.assertEqual((answer.code, answer.body), (200, b""))

    async def test_localRedirectElsewhere(self) -> None:
        """
        What is there need not be of an app; it finds a body that is empty.
        """

        class Other(Resource):
            isLeaf = True

            def render(self, request: Any) -> bytes:
                return b"%s %s" % (request.uri, request.content.read())

        async def app(request: Request) -> None:
            request.stdout.write(b"Location: /other\n\n")

        root = Resource()
        root.putChild(b"app", GatewayResource(await self.backEnd(app)))
        root.putChild(b"other", Other())
        await self.site(root)
        for body in (None, b"abc"):
            answer = await self.fetch("/app", method="POST", body=body)
            self.assertEqual(answer.body, b"/other ")

    async def test_localRedirectLoop(self) -> None:
        """
        One that leads nowhere ends with a 502.
        """
        seen = []

        async def app(request: Request) -> None:
            seen.append(request.uri)
            request.stdout.write(b"Location: /again\n\n")

        await self.gateway(app, GatewayOptions(localRedirects=3))
        answer = await self.fetch()
        self.assertEqual((answer.code, len(seen)), (502, 4))
        self.assertTrue(self.logged("more than 3 local redirects"))

    async def test_localRedirectNowhere(self) -> None:
        """
        A Location that can be no path is the back end's fault: 502.
        """

        async def app(request: Request) -> None:
            request.stdout.write(b"Location: /a%00b\n\n")

        await self.gateway(app)
        self.assertEqual((await self.fetch()).code, 502)

    async def test_noLocalRedirect(self) -> None:
        """
        A redirect that a browser has to see stays one.
        """
        heads = {
            "status": b"Status: 302 Found\nLocation: /new\n\n",
            "elsewhere": b"Location: //example.com/\n\n",
            "whole": b"Location: http://example.com/\n\n",
            "cookie": b"Location: /new\nSet-Cookie: a=b\n\n",
        }

        async def app(request: Request) -> None:
            request.stdout.write(heads[request.queryString])

        await self.gateway(app)
        for name in heads:
            answer = await self.fetch(f"/?{name}")
            self.assertEqual((answer.code, len(answer.get("Location"))), (302, 1), name)
        client = await self.backEnd(app)
        await self.site(GatewayResource(client, GatewayOptions(localRedirects=0)))
        heads["path"] = b"Location: /new\n\n"
        self.assertEqual((await self.fetch("/?path")).get("Location"), ["/new"])
