"""
Back ends behind TLS, over real sockets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

from OpenSSL.SSL import Error as SSLError
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.folders import folderFor
from txfcgi import FastCGIClient, FastCGIServerFactory, Request, Response
from txfcgi.errors import RequestNotSent

from ..certificate import makeCertificate

PIECE = 65_536
PIECES = 512
MIB = 1 << 20
# More than what waits in the sockets, in TLS and in both programs together when nobody reads.
HELD = 16 * MIB


class Body:
    """
    A body of 32 MiB, no two pieces of which are alike.

    @ivar sent: How many of its bytes were asked for.
    """

    length = PIECE * PIECES

    def __init__(self) -> None:
        self.sent = 0
        self.digest = sha256()

    async def pieces(self) -> AsyncIterator[bytes]:
        """
        Its pieces.
        """
        for number in range(PIECES):
            piece = b"%04d" % number * (PIECE // 4)
            self.sent += len(piece)
            self.digest.update(piece)
            yield piece


async def turns() -> None:
    """
    Let the reactor do everything that it would do with a body that nobody holds back.
    """
    for _ in range(2 * PIECES):
        await deferLater(reactor, 0)


class TLSTests(TestCase):
    """
    A client, and a back end behind TLS.
    """

    async def serve(self, app: Any, trusted: bool = True) -> FastCGIClient:
        """
        Serve an app.

        @param trusted: Whether the client knows the back end's certificate.
        @return: A client of it.
        """
        folder = folderFor(self)
        certificate = folder / "certificate.pem"
        makeCertificate(certificate)
        context = DefaultOpenSSLContextFactory(str(certificate), str(certificate))
        endpoint = SSL4ServerEndpoint(reactor, 0, context, interface="127.0.0.1")
        port = await endpoint.listen(FastCGIServerFactory(app))
        self.addCleanup(port.stopListening)
        roots = f":trustRoots={folder}" if trusted else ""
        client = FastCGIClient(reactor, f"tls:127.0.0.1:{port.getHost().port}{roots}")
        self.addCleanup(client.close)
        return client

    async def test_kept(self) -> None:
        """
        One connection carries several requests.
        """
        client = await self.serve(lambda request: Response(200, {}, b"hello"))
        for _ in range(3):
            response = await client.request({"REQUEST_METHOD": "GET"})
            self.assertEqual(await response.content(), b"hello")
            self.assertEqual((client.pool.connections, client.pool.idle), (1, 1))

    async def test_download(self) -> None:
        """
        A large response is held back as long as nobody reads, and comes whole when somebody does.
        """
        body = Body()
        client = await self.serve(lambda request: Response(200, {}, body.pieces()))
        response = await client.request({"REQUEST_METHOD": "GET"})
        await turns()
        self.assertLess(body.sent, HELD)
        digest, size = sha256(), 0
        async for piece in response.stdout:
            digest.update(piece)
            size += len(piece)
            self.assertLess(body.sent - size, HELD)
        self.assertEqual((size, digest.digest()), (body.length, body.digest.digest()))

    async def test_upload(self) -> None:
        """
        A large request is held back as long as the back end does not read.
        """
        begun: Deferred[None] = Deferred()
        go: Deferred[None] = Deferred()

        async def app(request: Request) -> Response:
            begun.callback(None)
            await go
            digest = sha256()
            async for piece in request.stdin:
                digest.update(piece)
            return Response(200, {}, digest.digest())

        client = await self.serve(app)
        body = Body()
        params = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(body.length)}
        asked = client.request(params, body.pieces())
        await begun
        await turns()
        self.assertLess(body.sent, HELD)
        go.callback(None)
        response = await asked
        self.assertEqual(await response.content(), body.digest.digest())
        self.assertEqual(body.sent, body.length)

    async def test_earlyAnswer(self) -> None:
        """
        An answer that does not wait for the body.
        """
        client = await self.serve(lambda request: Response(413, {}, b"too much"))
        params = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(Body.length)}
        body = Body()
        response = await client.request(params, body.pieces())
        self.assertEqual((response.code, await response.content()), (413, b"too much"))
        self.assertLess(body.sent, body.length)
        self.assertEqual(client.pool.idle, 0)

    async def test_unknownCertificate(self) -> None:
        """
        Nothing is asked of a back end whose certificate is not trusted.
        """
        client = await self.serve(lambda request: Response(200, {}, b"hello"), trusted=False)
        asked = client.request({"REQUEST_METHOD": "GET"})
        error: Any = await self.assertFailure(asked, RequestNotSent)
        self.assertIsInstance(error.reason, SSLError)
