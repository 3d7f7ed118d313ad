"""
Tests of L{txfcgi.web.resource}: where it is put, and on which site.
"""

from __future__ import annotations

from twisted.web.resource import Resource
from twisted.web.server import Request as TwistedRequest
from twisted.web.server import Site

from txfcgi import Request, Response
from txfcgi.web import GatewayResource
from txfcgi.web.request import StreamingRequest

from .site import SiteCase, paramsIn, showParams


class MountedTests(SiteCase):
    """
    A resource in a tree.
    """

    async def test_mounted(self) -> None:
        """
        SCRIPT_NAME is where the resource is, and PATH_INFO the rest; both are decoded.
        """
        client = await self.backEnd(showParams)
        root, folder = Resource(), Resource()
        root.putChild(b"some dir", folder)
        folder.putChild(b"app", GatewayResource(client))
        await self.site(root)
        for target, name, info in (
            ("/some%20dir/app/x%2Fy/", "/some dir/app", "/x/y/"),
            ("/some%20dir/app/", "/some dir/app", "/"),
            ("/some%20dir/app", "/some dir/app", ""),
        ):
            params = paramsIn(await self.fetch(target))
            self.assertEqual((params["SCRIPT_NAME"], params["PATH_INFO"]), (name, info))


class PlainSiteTests(SiteCase):
    """
    On a site that collects bodies.
    """

    async def test_bodies(self) -> None:
        """
        Bodies arrive, whatever their size, and with their length.
        """

        async def app(request: Request) -> Response:
            length = request.params.get("CONTENT_LENGTH", "none").encode()
            return Response(200, {}, length + b" " + await request.stdin.read())

        client = await self.backEnd(app)
        for factory in (TwistedRequest, StreamingRequest):
            await self.serve(Site(GatewayResource(client), factory))
            self.assertEqual((await self.fetch()).body, b"none ")
            for size in (1, 70_000, 1_000_000):
                answer = await self.fetch(method="PUT", body=b"x" * size)
                self.assertEqual(answer.body, b"%d " % size + b"x" * size)
