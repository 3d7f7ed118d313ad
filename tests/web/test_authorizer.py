"""
Tests of L{txfcgi.web.authorizer}: an Authorizer in front of resources.
"""

from __future__ import annotations

from typing import Any

from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import GzipEncoderFactory

from txfcgi import Allow, AuthorizerRequest, Deny, Response, roles
from txfcgi.web import (
    AuthorizerResource,
    FastCGIResource,
    GatewayOptions,
    IAuthorizedVariables,
)

from .site import Gate, SiteCase, paramsIn, showParams


async def decide(request: AuthorizerRequest) -> Allow | Deny | Response:
    """
    An Authorizer that wants a password, and says who it belongs to.
    """
    if request.uri == "/broken":
        raise ZeroDivisionError
    if request.params.get("HTTP_AUTHORIZATION") == "Basic x":
        names = " ".join(sorted(request.params))
        return Allow({"AUTH_USER": "alice", "SEEN": names})
    headers = {"WWW-Authenticate": "Basic", "Variable-AUTH_USER": "mallory"}
    return Deny(Response(401, headers, b"who are you?"))


class Greeting(Resource):
    """
    A resource behind an Authorizer.
    """

    def getChild(self, path: bytes, request: Any) -> Resource:
        """
        All below it is the same.
        """
        return self

    def render_GET(self, request: Any) -> bytes:
        """
        Greet.
        """
        user: str = IAuthorizedVariables(request)["AUTH_USER"]
        return b"hello " + user.encode()

    def render_POST(self, request: Any) -> bytes:
        """
        Show a form.
        """
        return b"field " + request.args[b"name"][0]


GOOD = {"Authorization": "Basic x"}


class AuthorizerTests(SiteCase):
    """
    Who gets to see what.
    """

    async def guard(self, wrapped: Resource, options: GatewayOptions | None = None) -> None:
        """
        Serve a resource with the Authorizer before it.
        """
        client = await self.backEnd(roles(authorizer=decide))
        await self.site(AuthorizerResource(client, wrapped, options))

    async def test_allowed(self) -> None:
        """
        What is wrapped is shown, whatever its path, and has the variables.
        """
        await self.guard(Greeting())
        for path in ("/", "/some/path"):
            answer = await self.fetch(path, headers=GOOD)
            self.assertEqual((answer.code, answer.body), (200, b"hello alice"))
            self.assertEqual(answer.get("Variable-AUTH_USER"), [])

    async def test_denied(self) -> None:
        """
        The browser gets the refusal, as the Authorizer made it, and nothing else.
        """
        await self.guard(Greeting())
        answer = await self.fetch("/some/path")
        self.assertEqual((answer.code, answer.body), (401, b"who are you?"))
        self.assertEqual(answer.get("WWW-Authenticate"), ["Basic"])

    async def test_broken(self) -> None:
        """
        An Authorizer that fails, that is not there, or is none, allows nothing.
        """
        await self.guard(Greeting())
        answer = await self.fetch("/broken", headers=GOOD)
        self.assertEqual(answer.code, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        client = self.clientOf(f"unix:{self.folder}/nothing.sock")
        await self.site(AuthorizerResource(client, Greeting()))
        self.assertEqual((await self.fetch("/", headers=GOOD)).code, 502)
        client = await self.backEnd(roles(responder=showParams))
        await self.site(AuthorizerResource(client, Greeting()))
        self.assertEqual((await self.fetch("/", headers=GOOD)).code, 502)
        self.assertTrue(self.logged("RequestRefused"))

    async def test_badPath(self) -> None:
        """
        A path that nobody should see is not asked about.
        """
        await self.guard(Greeting())
        self.assertEqual((await self.fetch("/a%00b", headers=GOOD)).code, 400)

    async def test_beforeABackEnd(self) -> None:
        """
        Another back end has the variables as params; no header of a browser becomes one.
        """
        inner = await self.backEnd(showParams)
        await self.guard(FastCGIResource(inner))
        params = paramsIn(await self.fetch("/x", headers={**GOOD, "Variable-AUTH_USER": "eve"}))
        self.assertEqual((params["AUTH_USER"], params["PATH_INFO"]), ("alice", "/x"))
        self.assertNotIn("HTTP_AUTHORIZATION", params)
        # Section 6.3: what an Authorizer does not get.
        seen = params["SEEN"].split()
        for name in ("CONTENT_LENGTH", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_NAME"):
            self.assertNotIn(name, seen)
        self.assertIn("REQUEST_URI", seen)

    async def test_two(self) -> None:
        """
        The variables of two Authorizers add up.
        """

        async def second(request: AuthorizerRequest) -> Allow:
            return Allow({"SECOND": request.params["AUTH_USER"]})

        inner = await self.backEnd(showParams)
        between = AuthorizerResource(
            await self.backEnd(roles(authorizer=second)), FastCGIResource(inner)
        )
        await self.guard(between)
        params = paramsIn(await self.fetch("/", headers=GOOD))
        self.assertEqual((params["AUTH_USER"], params["SECOND"]), ("alice", "alice"))

    async def test_form(self) -> None:
        """
        A wrapped resource has its form, whether the body came at once or later, or on a plain site.
        """
        await self.guard(Greeting())
        head = (
            b"POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n"
            b"Authorization: Basic x\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        self.assertTrue((await self.raw(head + b"name=abc")).endswith(b"field abc"))
        wire = await self.connect()
        wire.send(head + b"name")
        wire.send(b"=abc")
        await wire.closed
        self.assertTrue(wire.received.endswith(b"field abc"))

    async def test_encoded(self) -> None:
        """
        What is wrapped may have its answers encoded, or fail at that.
        """

        class Failing:
            def encoderForRequest(self, request: object) -> None:
                raise ZeroDivisionError

        leaf = Greeting()
        leaf.isLeaf = True
        headers = {**GOOD, "Accept-Encoding": "gzip"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        await self.guard(EncodingResourceWrapper(leaf, [GzipEncoderFactory()]))
        answer = await self.fetch(method="POST", headers=headers, body=b"name=abc")
        self.assertEqual(answer.get("Content-Encoding"), ["gzip"])
        await self.guard(EncodingResourceWrapper(leaf, [Failing()]))
        answer = await self.fetch(method="POST", headers=headers, body=b"name=abc")
        self.assertEqual(answer.code, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_formIsCutOff(self) -> None:
        """
        Of a form that does not come to its end, the resource hears nothing.
        """
        allowed = Gate()

        async def allow(request: AuthorizerRequest) -> Allow:
            allowed.open()
            return Allow()

        client = await self.backEnd(roles(authorizer=allow))
        site = await self.site(AuthorizerResource(client, Greeting()))
        wire = await self.connect()
        wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nname")
        await allowed
        wire.leave()
        await wire.closed
        await site.drain(60.0)

    async def test_streamsOn(self) -> None:
        """
        A body waits for the decision, and streams on then.
        """

        async def app(request: Any) -> Response:
            return Response(200, {}, request.stdin)

        inner = await self.backEnd(app)
        await self.guard(FastCGIResource(inner))
        wire = await self.connect()
        wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic x\r\n")
        wire.send(b"Content-Length: 6\r\n\r\nabc")
        await wire.until(b"abc")
        wire.send(b"def")
        answer = await wire.answer("POST")
        self.assertEqual(answer.body, b"abcdef")
