"""
An app and a client on real sockets, in trial's asynchronous TestCase. The reactor is clean
afterwards.

    trial examples/testing/test_sockets.py
    pytest examples/testing/test_sockets.py
"""

from twisted.trial.unittest import TestCase

from txfcgi import Request, Response, cgiParams
from txfcgi.testing import Served, serve


async def echo(request: Request) -> Response:
    """
    The app that is tested.
    """
    return Response(200, {"Content-Type": "text/plain"}, request.stdin)


class EchoTests(TestCase):
    """
    The app, served on a port of the loopback interface for the length of a test.
    """

    async def ask(self, server: Served, body: bytes) -> bytes:
        """
        Send a body, and return the body of the response.
        """
        response = await server.client().request(cgiParams("POST", "/"), body)
        content: bytes = await response.content()
        return content

    async def test_fastcgi(self) -> None:
        """
        Over FastCGI.
        """
        self.assertEqual(len(await self.ask(serve(self, echo), bytes(1_000_000))), 1_000_000)

    async def test_scgi(self) -> None:
        """
        Over SCGI.
        """
        server = serve(self, echo, "scgi")
        self.assertEqual(await self.ask(server, b"12345"), b"12345")
        self.assertEqual(server.endpoint, f"tcp:127.0.0.1:{server.port}")


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
