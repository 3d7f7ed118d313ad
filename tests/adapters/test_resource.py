"""
Tests of L{txfcgi.adapters.resource} and L{txfcgi.adapters.webchannel}: what twisted.web is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from klein import Klein
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.resource import NoResource, Resource
from twisted.web.server import Request, Session, Site
from zope.interface.verify import verifyObject

from txfcgi import Limits, Role
from txfcgi.adapters.resource import ResourceApp, resourceOf
from txfcgi.server.application import IStartsAndStops
from txfcgi.testing import MemoryFrontEnd

from ..folders import folderFor
from .resources import Leaf, ResourceTestCase


class RequestTests(ResourceTestCase):
    """
    The request.
    """

    def test_request(self) -> None:
        """
        It is one of twisted.web's own, with method, URI, arguments and headers.
        """

        def look(request: Any) -> Any:
            self.assertIsInstance(request, Request)
            return (
                request.method,
                request.uri,
                request.path,
                request.args,
                request.getHeader(b"x-a"),
                request.getHeader("x-a"),
                request.getCookie(b"c"),
            )

        headers = [("X-A", "b"), ("Cookie", "a=1; c=2")]
        self.assertEqual(
            self.seen(look, "/x%20y?a=1&a=2&b=", headers=headers),
            (
                b"GET",
                b"/x%20y?a=1&a=2&b=",
                b"/x%20y",
                {b"a": [b"1", b"2"], b"b": [b""]},
                b"b",
                "b",
                b"2",
            ),
        )

    def test_version(self) -> None:
        """
        Its version is not HTTP/1.1, with which it would frame chunks.
        """
        self.assertEqual(self.seen(lambda request: request.clientproto), b"HTTP/2")

    def test_addresses(self) -> None:
        """
        The client is the browser, and the host the web server.
        """

        def look(request: Any) -> Any:
            return request.getClientAddress(), request.getHost(), request.getRequestHostname()

        params = {
            "REMOTE_ADDR": "192.0.2.1",
            "REMOTE_PORT": "50",
            "SERVER_ADDR": "192.0.2.2",
            "SERVER_PORT": "443",
        }
        self.assertEqual(
            self.seen(look, params=params),
            (
                IPv4Address("TCP", "192.0.2.1", 50),
                IPv4Address("TCP", "192.0.2.2", 443),
                b"127.0.0.1",
            ),
        )
        params = {"REMOTE_ADDR": "::1", "SERVER_ADDR": "::2", "SERVER_PORT": "odd"}
        client, host, _ = self.seen(look, params=params)
        self.assertEqual((client.host, host), ("::1", IPv6Address("TCP", "::2", 80)))

    def test_addressesOfItsOwn(self) -> None:
        """
        A resource that changes an address changes that of its request alone.
        """

        def change(request: Any) -> Any:
            address = request.getHost()
            port, address.port = address.port, 1
            return port

        self.assertEqual([self.seen(change), self.seen(change)], [8080, 8080])

    def test_unixClient(self) -> None:
        """
        Without a browser's address, the client is the web server.
        """
        client = self.seen(lambda request: request.getClientAddress(), params={"REMOTE_ADDR": ""})
        self.assertEqual(client.host, "127.0.0.1")

    def test_secure(self) -> None:
        """
        It is secure when the web server says HTTPS.
        """

        def look(request: Any) -> bool:
            secure: bool = request.isSecure()
            return secure

        self.assertIs(self.seen(look), False)
        self.assertIs(self.seen(look, params={"HTTPS": "on"}), True)
        self.assertIs(self.seen(look, params={"REQUEST_SCHEME": "https"}), True)

    def test_params(self) -> None:
        """
        The params that are no headers are at hand.
        """

        def look(request: Any) -> Any:
            return request.channel.request.params["REMOTE_USER"]

        self.assertEqual(self.seen(look, params={"REMOTE_USER": "ada"}), "ada")

    def test_proxyHeader(self) -> None:
        """
        A header that programs take for their own settings does not arrive.
        """
        seen = self.seen(
            lambda request: request.requestHeaders.hasHeader("proxy"),
            params={"HTTP_PROXY": "http://evil"},
        )
        self.assertIs(seen, False)

    def test_transport(self) -> None:
        """
        Its transport knows both addresses.
        """

        def look(request: Any) -> Any:
            transport = request.transport
            return transport.getPeer() == request.client, transport.getHost() == request.host

        self.assertEqual(self.seen(look), (True, True))


class PathTests(ResourceTestCase):
    """
    How a path is divided.
    """

    def paths(self, uri: str, **options: Any) -> Any:
        """
        C{prepath}, C{postpath} and C{sitepath} at a leaf named C{leaf}.
        """
        found: list[Any] = []
        root = Resource()

        def answer(request: Any) -> bytes:
            found.append((request.prepath, request.postpath, request.sitepath))
            return b""

        root.putChild(b"leaf", Leaf(answer))
        self.get(root, uri, **options)
        return found[0]

    def test_root(self) -> None:
        """
        At the root of a site, as over HTTP.
        """
        self.assertEqual(self.paths("/leaf/a%2Fb/"), ([b"leaf"], [b"a/b", b""], []))

    def test_mounted(self) -> None:
        """
        Where the site is mounted, that part of the path is behind it.
        """
        self.assertEqual(
            self.paths("/shop/eu/leaf/x", mount="/shop/eu"),
            ([b"shop", b"eu", b"leaf"], [b"x"], [b"shop", b"eu"]),
        )

    def test_asSent(self) -> None:
        """
        SCRIPT_NAME and PATH_INFO are taken as they come.
        """
        params = {"SCRIPT_NAME": "/app.fcgi", "PATH_INFO": "/leaf/x"}
        self.assertEqual(
            self.paths("/app.fcgi/leaf/x", params=params),
            ([b"app.fcgi", b"leaf"], [b"x"], [b"app.fcgi"]),
        )

    def test_rewritten(self) -> None:
        """
        A path that the web server has changed is the one that counts, and not REQUEST_URI.
        """
        params = {"SCRIPT_NAME": "", "PATH_INFO": "/leaf/caf\u00e9 ?", "QUERY_STRING": "q"}

        def look(request: Any) -> Any:
            return request.uri, request.postpath

        self.assertEqual(
            self.seen(look, "/guarded/../leaf?q", params=params),
            (b"/leaf/caf%C3%A9%20%3F?q", [b"leaf", "caf\u00e9 ?".encode()]),
        )
        self.assertEqual(
            self.seen(look, "/", params={**params, "QUERY_STRING": ""})[0],
            b"/leaf/caf%C3%A9%20%3F",
        )

    def test_mountOnly(self) -> None:
        """
        The mount itself, without a slash, is the root resource.
        """
        response = self.get(
            Leaf(lambda request: repr(request.postpath).encode()), "/shop", mount="/shop"
        )
        self.assertEqual(response.body, b"[]")

    def test_links(self) -> None:
        """
        Links that twisted.web makes lead back.
        """
        self.assertEqual(
            self.seen(lambda request: request.prePathURL(), "/a/b", server="nginx"),
            b"http://127.0.0.1:8080/",
        )

    def test_notFound(self) -> None:
        """
        A path that leads to no resource is a 404.
        """
        self.assertEqual(self.get(Resource(), "/nothing").code, NoResource().code)


class BodyTests(ResourceTestCase):
    """
    Bodies of requests.
    """

    def post(self, look: Callable[[Any], Any], body: Any, contentType: str, **options: Any) -> Any:
        """
        What a function finds in a request with a body.
        """
        found: list[Any] = []

        def answer(request: Any) -> bytes:
            found.append(look(request))
            return b""

        frontEnd = self.frontEnd(Leaf(answer))
        headers = {"Content-Type": contentType}
        response = self.successResultOf(frontEnd.post(body=body, headers=headers, **options))
        self.assertEqual(response.code, 200)
        return found[0]

    def test_content(self) -> None:
        """
        The body is whole when the resource is asked; a long one is in a file.
        """
        for body in (b"", b"short", b"long" * 100_000):
            self.assertEqual(
                self.post(lambda request: request.content.read(), [body[:3], body[3:]], "a/b"), body
            )

    def test_chunked(self) -> None:
        """
        A body whose length nobody said is whole too, and has no transfer coding any more.
        """

        def look(request: Any) -> Any:
            return request.content.read(), request.getHeader("transfer-encoding")

        params = {"HTTP_TRANSFER_ENCODING": "chunked"}
        self.assertEqual(
            self.post(look, [b"a", b"b"], "a/b", chunked=True, params=params), (b"ab", None)
        )

    def test_form(self) -> None:
        """
        The fields of a form are in C{args}.
        """
        args = self.post(
            lambda request: request.args, b"a=1&b=%C3%A9&a=2", "application/x-www-form-urlencoded"
        )
        self.assertEqual(args, {b"a": [b"1", b"2"], b"b": ["\u00e9".encode()]})

    def test_upload(self) -> None:
        """
        So are files.
        """
        body = (
            b"--x\r\nContent-Disposition: form-data; name=f; filename=n\r\n\r\ndata\r\n"
            b"--x\r\nContent-Disposition: form-data; name=g\r\n\r\ng\r\n--x--\r\n"
        )
        args = self.post(lambda request: request.args, body, "multipart/form-data; boundary=x")
        self.assertEqual(args, {b"f": [b"data"], b"g": [b"g"]})

    def test_badForm(self) -> None:
        """
        A form that can't be read is a 400, and the resource is not asked.
        """
        frontEnd = self.frontEnd(Leaf(lambda request: b"asked"))
        response = self.successResultOf(
            frontEnd.post(body=b"nonsense", headers={"Content-Type": "multipart/form-data"})
        )
        self.assertEqual(response.code, 400)

    def test_tooLarge(self) -> None:
        """
        A body that is longer than allowed is a 413.
        """
        frontEnd = self.frontEnd(Leaf(lambda request: b"asked"), maxBodyBytes=10)
        self.assertEqual(self.successResultOf(frontEnd.post(body=b"x" * 11)).code, 413)
        self.assertEqual(self.successResultOf(frontEnd.post(body=b"x" * 10)).body, b"asked")

    def test_allTooLarge(self) -> None:
        """
        Bodies that are too long together are a 503, until there is room again.
        """
        frontEnd = self.frontEnd(Leaf(lambda request: b"asked"), limits=Limits(spoolBytes=10))
        first = frontEnd.start(length=8)
        first.send(b"x" * 7)
        self.assertEqual(self.successResultOf(frontEnd.post(body=b"abcd")).code, 503)
        first.send(b"x")
        self.assertEqual(self.successResultOf(first.response).body, b"asked")
        self.assertEqual(self.successResultOf(frontEnd.post(body=b"x" * 10)).body, b"asked")

    def test_cutOff(self) -> None:
        """
        A resource is not asked with half a body.
        """
        asked: list[Any] = []
        frontEnd = self.frontEnd(Leaf(asked.append), server="plain")
        exchange = frontEnd.start(length=8)
        exchange.send(b"x")
        exchange.leave()
        self.failureResultOf(exchange.response)
        self.assertEqual(asked, [])


class SessionTests(ResourceTestCase):
    """
    Sessions.
    """

    def test_session(self) -> None:
        """
        A session is found again by its cookie.
        """

        class Named(Session):
            """
            One that never expires: nothing waits for that.
            """

            def startCheckingExpiration(self) -> None: ...

            def touch(self) -> None: ...

        def answer(request: Any) -> bytes:
            session = request.getSession()
            session.count = getattr(session, "count", 0) + 1
            return b"%d" % session.count

        site: Any = Site(Leaf(answer))
        site.sessionFactory = Named
        frontEnd = self.frontEnd(site)
        first = self.successResultOf(frontEnd.get())
        (cookie,) = first.headers.getRawHeaders("set-cookie", [])
        again = self.successResultOf(frontEnd.get(headers={"Cookie": cookie.partition(";")[0]}))
        self.assertEqual((first.body, again.body), (b"1", b"2"))


class AppTests(ResourceTestCase):
    """
    The adapter as an app.
    """

    def test_interface(self) -> None:
        """
        It starts and stops.
        """
        verifyObject(IStartsAndStops, ResourceApp(Resource()))

    def test_kinds(self) -> None:
        """
        It takes a resource, a site, and a Klein app's method.
        """
        resource, site, klein = Resource(), Site(Resource()), Klein()
        self.assertIs(resourceOf(resource), resource)
        self.assertIs(resourceOf(site), site)
        self.assertIs(ResourceApp(site).site, site)
        self.assertEqual(type(resourceOf(klein.resource)).__name__, "KleinResource")

    def test_others(self) -> None:
        """
        Anything else is refused, with what serves it.
        """
        for thing, words in (
            (5, "is of type int"),
            (Klein(), "is a Klein app: its resource method is named"),
            (lambda request: None, "is an app: --app serves it"),
            (lambda environ, start: None, "is a WSGI application: --wsgi serves it"),
        ):
            error = self.assertRaises(TypeError, ResourceApp, thing)
            self.assertIn(words, str(error))

    def test_name(self) -> None:
        """
        Messages name the resource.
        """
        self.assertIn("tests.adapters.resources.Leaf", repr(ResourceApp(Leaf(lambda _: b""))))

    def test_siteLog(self) -> None:
        """
        A site that is given keeps its log, from the start of the app to its end.
        """
        path = str(folderFor(self) / "log")
        site = Site(Leaf(lambda request: b"logged"), logPath=path.encode())
        app = ResourceApp(site)
        app.startup()
        frontEnd = MemoryFrontEnd(app, self.protocol, "nginx", testCase=self)
        self.successResultOf(frontEnd.get("/x"))
        app.shutdown()
        with open(path) as log:
            self.assertIn('"GET /x HTTP/2" 200 6', log.read())

    def test_otherRoles(self) -> None:
        """
        A resource authorizes nobody, and filters nothing.
        """
        app = ResourceApp(Leaf(lambda request: b"yes"))
        frontEnd = MemoryFrontEnd(app, testCase=self)
        for role in (Role.AUTHORIZER, Role.FILTER):
            response = self.successResultOf(frontEnd.request(role=role))
            self.assertNotEqual(response.code, 200)


class SCGIRequestTests(RequestTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"


class SCGIBodyTests(BodyTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"
