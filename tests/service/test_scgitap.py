"""
Tests of L{txfcgi.service.scgitap}.
"""

from __future__ import annotations

from twisted.application.service import IServiceMaker
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError

from txfcgi.server.scgi import SCGIServerFactory, SCGIServerProtocol
from txfcgi.service.scgitap import Options, makeService

from ..wire.scgi import netstring
from .processes import ProgramTests

PEER = IPv4Address("TCP", "127.0.0.1", 4711)


class SCGICommandTests(ProgramTests):
    """
    C{twistd scgi}.
    """

    def factory(self, *words: str) -> SCGIServerFactory:
        """
        What a command line makes.
        """
        options = Options()
        options.parseOptions(["--port", f"unix:{self.socketPath}", *words])
        factory = makeService(options).factory  # type: ignore[attr-defined]
        assert isinstance(factory, SCGIServerFactory)
        return factory

    def answer(self, *words: str) -> bytes:
        """
        What a request gets whose header SCGI is missing.
        """
        protocol = self.factory(*words).buildProtocol(PEER)
        assert isinstance(protocol, SCGIServerProtocol)
        transport = StringTransport(peerAddress=PEER)
        protocol.makeConnection(transport)
        protocol.dataReceived(netstring(b"CONTENT_LENGTH\x000\x00"))
        protocol.connectionLost()
        return transport.value()

    def test_options(self) -> None:
        """
        The options of C{twistd fcgi}, but for those that SCGI has no use for, and its own.
        """
        app = ["--app", "tests.server.conversation.ok"]
        self.assertTrue(self.answer(*app).startswith(b"Status: 400 "))
        self.assertTrue(self.answer(*app, "--lenient").startswith(b"Status: 200 "))
        self.assertTrue(
            self.answer(*app, "--lenient", "--status-line").startswith(b"HTTP/1.1 200 ")
        )
        self.assertEqual(self.factory(*app, "--max-requests", "7").limits.requests, 7)
        for words, expected in (([], True), (["--abort-on-eof"], False)):
            protocol = self.factory(*app, *words).buildProtocol(PEER)
            assert protocol is not None
            self.assertIs(protocol.halfCloses, expected)
        self.assertRaises(UsageError, self.factory, *app, "--no-multiplex")

    def test_plugin(self) -> None:
        """
        It is what C{twistd} calls scgi.
        """
        [maker] = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == "scgi"]
        self.assertIs(maker.options, Options)
        self.assertIs(maker.makeService, makeService)
