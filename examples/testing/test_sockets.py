"""
An app and its caller on real sockets, in trial's asynchronous TestCase; the reactor is clean
afterwards.

    trial examples/testing/test_sockets.py
    pytest examples/testing/test_sockets.py
"""

from twisted.trial.unittest import TestCase

from txfcgi import Request, Response, cgiParams
from txfcgi.testing import serve


async def echo(request: Request) -> Response:
    """
    The app that is tested.
    """
    return Response(200, {"Content-Type": "text/plain"}, request.stdin)


class EchoTests(TestCase):
    """
    The app, served on a port of the loopback interface for as long as a test takes.
    """

    async def test_fastcgi(self) -> None:
        """
        Over FastCGI.
        """
        server = serve(self, echo)
        response = await server.client().request(cgiParams("POST", "/"), bytes(1_000_000))
        self.assertEqual(len(await response.content()), 1_000_000)

    async def test_scgi(self) -> None:
        """
        Over SCGI.
        """
        server = serve(self, echo, "scgi")
        response = await server.client().request(cgiParams("POST", "/"), b"12345")
        self.assertEqual(await response.content(), b"12345")
        self.assertEqual(server.endpoint, f"tcp:127.0.0.1:{server.port}")


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
