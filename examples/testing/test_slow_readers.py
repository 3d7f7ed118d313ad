"""
A web server that reads a stream piece by piece, a browser that leaves, and time-outs, in memory.

    trial examples/testing/test_slow_readers.py
    pytest examples/testing/test_slow_readers.py
"""

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Limits, Request, RequestAborted, Response
from txfcgi.testing import MemoryFrontEnd


def numbers(request: Request) -> Response:
    """
    The app that is tested: a stream.
    """

    def pieces() -> Iterator[bytes]:
        for number in range(1000):
            yield b"%999d\n" % number

    return Response(200, {"Content-Type": "text/plain"}, pieces())


async def upload(request: Request) -> Response:
    """
    One that reads a body.
    """
    return Response(200, {}, await request.stdin.read())


class SlowTests(SynchronousTestCase):
    """
    Tests that say when bytes arrive, and when time passes.
    """

    def test_pieces(self) -> None:
        """
        With C{readRate=0} nothing is read before the test says so.
        """
        frontEnd = MemoryFrontEnd(numbers, server="nginx", testCase=self)
        exchange = frontEnd.start("GET", "/", readRate=0)
        self.assertEqual(exchange.stdout, b"")
        exchange.read(10_000)
        self.assertIn(b"8\n", exchange.stdout)
        self.assertNotIn(b"10\n", exchange.stdout)
        while not exchange.over:
            exchange.read(100_000)
        self.assertEqual(len(self.successResultOf(exchange.response).body), 1_000_000)

    def test_leaves(self) -> None:
        """
        The browser leaves after a part of the stream.
        """
        frontEnd = MemoryFrontEnd(numbers, server="nginx", testCase=self)
        exchange = frontEnd.start("GET", "/", readRate=0)
        exchange.read(10_000)
        exchange.leave()
        self.failureResultOf(exchange.response, RequestAborted)

    def test_timeout(self) -> None:
        """
        An upload stops, and its time-out expires.
        """
        limits = Limits(bodyTimeout=60)
        frontEnd = MemoryFrontEnd(upload, testCase=self, limits=limits)
        exchange = frontEnd.start("POST", "/", length=10)
        exchange.send(b"12345")
        frontEnd.advance(62)
        self.assertEqual(self.successResultOf(exchange.response).code, 408)


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
