"""
Tests of L{txfcgi.xmlrpc}, over real sockets.
"""

from __future__ import annotations

import datetime
import xmlrpc.client
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.folders import folderFor
from txfcgi import ClientOptions, Request, RequestAborted, Response
from txfcgi.errors import BadResponse, InvalidRequest, NotXMLRPC, ReadTooLarge, RequestNotSent
from txfcgi.testing import serve
from txfcgi.xmlrpc import Fault, SCGIProxy, encodedCall, endpointOfURL

reactor: Any = _reactor


class Methods:
    """
    An XML-RPC server.

    @ivar asked: The requests.
    """

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def __call__(self, request: Any) -> Response:
        self.asked.append(request)
        called: Any = xmlrpc.client.loads(await request.stdin.read(), use_datetime=True)
        args, method = called
        headers = {"Content-Type": "text/xml"}
        if method == "hang":
            await Deferred()
        if method == "fail":
            content = xmlrpc.client.dumps(Fault(7, "as you wish"))
        elif method == "nonsense":
            content = "<methodResponse><params></params>"
        elif method == "raw":
            return Response(200, headers, args[0].data)
        elif method == "several":
            content = xmlrpc.client.dumps((1, 2), methodresponse=None)
        elif method == "gone":
            return Response(404, headers, xmlrpc.client.dumps((1,), methodresponse=True).encode())
        else:
            result = (list(args),)
            content = xmlrpc.client.dumps(result, methodresponse=True, allow_none=True)
        return Response(200, headers, content.encode("utf-8"))


class ProxyTests(TestCase):
    """
    Calls.
    """

    timeout = 30

    async def proxy(self, kind: str = "tcp", path: str = "", **options: Any) -> SCGIProxy:
        """
        A server, and a proxy for it.
        """
        self.methods = Methods()
        socket = str(folderFor(self) / "socket")
        served = serve(self, self.methods, "scgi", path=None if kind == "tcp" else socket)
        tcp = f"scgi://127.0.0.1:{served.port}{path}"
        proxy = SCGIProxy(tcp if kind == "tcp" else f"scgi+unix:{socket}", **options)
        self.addCleanup(proxy.close)
        return proxy

    async def test_call(self) -> None:
        """
        Arguments go there, and a result comes back, of every type that XML-RPC has.
        """
        proxy = await self.proxy()
        self.assertEqual(await proxy.callRemote("echo"), [])
        args = [1, -2.5, "caf\xe9 & <b>", True, [1, [2]], {"a": {"b": "c"}}]
        self.assertEqual(await proxy.callRemote("echo", *args), args)
        binary = xmlrpc.client.Binary(b"\0\xff")
        self.assertEqual(await proxy.callRemote("echo", binary), [binary])
        large = "x" * 300_000
        self.assertEqual(await proxy.callRemote("echo", large), [large])

    async def test_unix(self) -> None:
        """
        The same over a Unix socket, with any reactor and from a URL of bytes.
        """
        proxy = await self.proxy("unix")
        self.assertEqual(await proxy.callRemote("echo", "x"), ["x"])

    async def test_request(self) -> None:
        """
        What the server is told.
        """
        proxy = await self.proxy()
        await proxy.callRemote("echo")
        [request] = self.methods.asked
        self.assertEqual((request.method, request.uri), ("POST", "/RPC2"))
        self.assertEqual(request.params["CONTENT_TYPE"], "text/xml")
        proxy = await self.proxy(path="/plugins/rpc")
        await proxy.callRemote("echo")
        self.assertEqual(self.methods.asked[0].uri, "/plugins/rpc")

    async def test_none(self) -> None:
        """
        None is sent if it is allowed.
        """
        proxy = await self.proxy()
        await self.assertFailure(proxy.callRemote("echo", None), TypeError)
        self.assertEqual(self.methods.asked, [])
        proxy = await self.proxy(allowNone=True)
        self.assertEqual(await proxy.callRemote("echo", None), [None])

    async def test_dateTime(self) -> None:
        """
        Times come as what was asked for.
        """
        time = datetime.datetime(2026, 2, 3, 4, 5, 6)
        proxy = await self.proxy()
        self.assertEqual(await proxy.callRemote("echo", time), [xmlrpc.client.DateTime(time)])
        proxy = await self.proxy(useDateTime=True)
        self.assertEqual(await proxy.callRemote("echo", time), [time])

    async def test_fault(self) -> None:
        """
        The server's own error.
        """
        proxy = await self.proxy()
        fault = await self.assertFailure(proxy.callRemote("fail"), Fault)
        self.assertEqual((fault.faultCode, fault.faultString), (7, "as you wish"))

    async def test_noXMLRPC(self) -> None:
        """
        An answer that is none.
        """
        proxy = await self.proxy()
        for method in ("nonsense", "several"):
            error = await self.assertFailure(proxy.callRemote(method), BadResponse)
            self.assertIn("not XML-RPC", str(error))
        error = await self.assertFailure(proxy.callRemote("gone"), BadResponse)
        self.assertIn("404", str(error))

    async def test_large(self) -> None:
        """
        Integers of more than 32 bits go there as i8, and come back.
        """
        proxy = await self.proxy()
        self.assertEqual(await proxy.callRemote("echo", 2**31 - 1, -(2**31)), [2**31 - 1, -(2**31)])
        for number in (2**31, -(2**31) - 1, 2**63 - 1, -(2**63)):
            answer = encodedCall("x", (number,), False).replace(b"methodCall", b"methodResponse")
            answer = answer.replace(b"<methodName>x</methodName>", b"")
            self.assertIn(b"<i8>%d</i8>" % number, answer)
            raw = xmlrpc.client.Binary(answer)
            self.assertEqual(await proxy.callRemote("raw", raw), number)
        for number in (2**63, -(2**63) - 1):
            error = await self.assertFailure(proxy.callRemote("echo", number), OverflowError)
            self.assertIn("64 bits", str(error))

    async def test_collectBytes(self) -> None:
        """
        An answer that is larger than the client collects.
        """
        proxy = await self.proxy(options=ClientOptions(collectBytes=100))
        error = await self.assertFailure(proxy.callRemote("echo", "x" * 100), ReadTooLarge)
        self.assertIn("more than 100 bytes", str(error))
        self.assertIn("ClientOptions(collectBytes=...)", str(error))

    async def test_forbidden(self) -> None:
        """
        An answer with what XML can't have: its bytes are in the error, and can be repaired.
        """
        answer = (
            b"<methodResponse><params><param><value><string>%b</string></value></param></params>"
            b"</methodResponse>"
        )
        strict, lenient = await self.proxy(), await self.proxy(repair=True)
        for wrong, right in (
            (b"a\x1bb", "a\ufffdb"),
            (b"a\x00", "a\ufffd"),
            (b"\xe4\xc3\xa4", "\ufffd\xe4"),
            (b"a&#x1b;b&#0;&#65;", "a\ufffdb\ufffdA"),
            (b"&#99999999;", "\ufffd"),
        ):
            raw = xmlrpc.client.Binary(answer % wrong)
            error = await self.assertFailure(strict.callRemote("raw", raw), BadResponse)
            self.assertIsInstance(error.reason, NotXMLRPC)
            self.assertEqual(error.reason.content, answer % wrong)
            self.assertIn("after b'", str(error))
            self.assertEqual(await lenient.callRemote("raw", raw), right)
        error = await self.assertFailure(
            strict.callRemote("raw", xmlrpc.client.Binary(answer % b"a\x1bb")), BadResponse
        )
        self.assertIn(r"\x1bb</string>", str(error))
        self.assertIn("SCGIProxy(repair=True)", str(error))

    async def test_repairOfNothing(self) -> None:
        """
        What is right stays as it is, in any encoding; what can't be repaired is an error.
        """
        proxy = await self.proxy(repair=True)
        args = ["caf\xe9 \U0001f600\t\n", 5]
        self.assertEqual(await proxy.callRemote("echo", *args), args)
        latin = xmlrpc.client.dumps(("caf\xe9 \x1b",), methodresponse=True, encoding="iso-8859-1")
        raw = xmlrpc.client.Binary(latin.encode("iso-8859-1"))
        self.assertEqual(await proxy.callRemote("raw", raw), "caf\xe9 ?")
        error = await self.assertFailure(proxy.callRemote("nonsense"), BadResponse)
        self.assertNotIn("repair", str(error))

    async def test_forbiddenArgument(self) -> None:
        """
        What XML can't have is not sent.
        """
        proxy = await self.proxy()
        for wrong in ("a\x1bb", "\0", "\ud800", "\uffff", {"\x01": 1}):
            error = await self.assertFailure(proxy.callRemote("echo", wrong), InvalidRequest)
            self.assertIn("xmlrpc.client.Binary", str(error))
        await self.assertFailure(proxy.callRemote("echo\x01"), InvalidRequest)
        self.assertEqual(self.methods.asked, [])
        self.assertEqual(await proxy.callRemote("<&>"), [])

    async def test_cancelled(self) -> None:
        """
        A call that is not wanted any more.
        """
        proxy = await self.proxy("unix")
        calling = proxy.callRemote("hang")
        while not self.methods.asked:
            await Deferred.fromCoroutine(self._turn())
        finished = self.methods.asked[0].notifyFinish()
        calling.cancel()
        await self.assertFailure(calling, CancelledError, RequestAborted)
        await self.assertFailure(finished, RequestAborted)

    async def _turn(self) -> None:
        turn: Deferred[None] = Deferred()
        reactor.callLater(0, turn.callback, None)
        await turn

    async def test_nobody(self) -> None:
        """
        A server that is not there; the limits are the client's.
        """
        options = ClientOptions(maxConnections=1)
        proxy = SCGIProxy("scgi+unix:/nowhere/socket", options=options)
        self.addCleanup(proxy.close)
        self.assertEqual(proxy.client.options.maxConnections, 1)
        self.assertEqual(proxy.client.options.timeouts.connect, 30.0)
        await self.assertFailure(proxy.callRemote("echo"), RequestNotSent)


class URLTests(SynchronousTestCase):
    """
    Where a URL leads.
    """

    def test_urls(self) -> None:
        """
        Those that can be written.
        """
        for url, path in (
            ("scgi://localhost:5000", "/RPC2"),
            ("scgi://[::1]:5000/", "/"),
            ("scgi://localhost:5000/other", "/other"),
            ("scgi+unix:/run/a%20b.sock", "/RPC2"),
            ("scgi+unix:///run/a.sock", "/RPC2"),
        ):
            self.assertEqual(endpointOfURL(reactor, url)[1], path)
        self.assertIsInstance(SCGIProxy(b"scgi+unix:/run/a.sock"), SCGIProxy)

    def test_noURL(self) -> None:
        """
        Those that can't.
        """
        for url in (
            "http://localhost:5000",
            "scgi://localhost",
            "scgi://:5000",
            "scgi:localhost:5000",
            "scgi://localhost:port",
            "scgi+unix:relative",
            "scgi+unix://host/path",
            "/run/a.sock",
        ):
            with self.assertRaises(InvalidRequest):
                endpointOfURL(reactor, url)
