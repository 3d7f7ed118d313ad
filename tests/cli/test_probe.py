"""
Tests of L{txfcgi.cli.probe}: commands that meet an HTTP server.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol

from txfcgi import Request, Response
from txfcgi.cli import probe

from .commands import CommandCase


class LinesOnly(Protocol):
    """
    A server that waits for the end of a line, and says what it is told to say then.
    """

    def dataReceived(self, data: bytes) -> None:
        """
        Answer a line.
        """
        assert self.transport is not None
        if b"\n" in data:
            self.transport.write(self.answer)

    answer = b"HTTP/1.0 400 Bad request syntax\r\n\r\n"


class Gibberish(LinesOnly):
    """
    Another one, which does not speak HTTP.
    """

    answer = b"?" * 20


class ProbeTests(CommandCase):
    """
    Tests of L{probe.unlessHTTP}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(probe, "PATIENCE", 0.01)

    async def test_silentHTTP(self) -> None:
        """
        An HTTP server that waits for more is found out, and named.
        """
        path = await self.listen(Factory.forProtocol(LinesOnly))
        for words, protocol in (
            (("get", path, "/"), "FastCGI"),
            (("get", path, "/", "--scgi"), "SCGI"),
            (("ping", path), "FastCGI"),
            (("values", path), "FastCGI"),
        ):
            done = await self.command(*words)
            self.assertEqual(done.status, 1)
            self.assertIn(
                f"BadResponse: unix:{path} speaks HTTP, not {protocol}: call it with",
                done.out + done.err,
            )

    async def test_otherSilence(self) -> None:
        """
        Whoever says something else is waited for, as is one who says nothing.
        """
        for kind in (Gibberish, Protocol):
            path = await self.listen(Factory.forProtocol(kind))
            done = await self.command("get", path, "/", "--timeout", "0.3")
            self.assertEqual(done.status, 1)
            self.assertIn("timeout of 0.3 seconds is over", done.err)

    async def test_slowApp(self) -> None:
        """
        An app that takes its time is not disturbed.
        """
        asked: list[Request] = []
        answer: Deferred[Response] = Deferred()

        def app(request: Request) -> Deferred[Response]:
            asked.append(request)
            return answer

        made = probe.Probe.connectionMade

        def connectionMade(its: probe.Probe) -> None:
            made(its)
            answer.callback(Response(200, {}, b"at last"))

        self.patch(probe.Probe, "connectionMade", connectionMade)
        done = await self.command("get", await self.serve(app), "/")
        self.assertEqual((done.status, done.out, len(asked)), (0, "at last", 1))

    async def test_nobodyThere(self) -> None:
        """
        That nobody is there is told by the request itself.
        """
        done = await self.command("get", f"unix:{self.folder}/nothing.sock", "/")
        self.assertIn("RequestNotSent", done.err)
