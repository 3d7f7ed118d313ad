"""
Tests of L{txfcgi.service.fcgitap}: what is FastCGI's own.
"""

from __future__ import annotations

from twisted.python.usage import UsageError

from txfcgi.server.fastcgi import FastCGIServerFactory
from txfcgi.service.fcgitap import Options
from txfcgi.service.options import makeService
from txfcgi.wire.records import encodeRecord

from ..server.conversation import WebServer
from .processes import ProgramTests

TWICE = [(b"A", b"1"), (b"A", b"2")]


class FastCGICommandTests(ProgramTests):
    """
    C{twistd fcgi}.
    """

    def options(self, *words: str) -> Options:
        """
        A command line.
        """
        options = Options()
        app = ["--app", "tests.server.conversation.ok"]
        options.parseOptions(["--port", f"unix:{self.socketPath}", *app, *words])
        return options

    def server(self, *words: str) -> WebServer:
        """
        A web server connected to what a command line makes.
        """
        factory = makeService(self.options(*words)).factory  # type: ignore[attr-defined]
        assert isinstance(factory, FastCGIServerFactory)
        return WebServer(factory)

    def test_lenient(self) -> None:
        """
        The rules that the web server may break are named; without that it may break none.
        """
        begun = encodeRecord(1, 1, b"\0\1\1\0\0\0\0\0more")
        stray = encodeRecord(5, 0, b"stray")
        for words, data, closed in (
            ((), begun, True),
            ((), stray, True),
            (("--lenient", "lengths"), begun, False),
            (("--lenient", "lengths"), stray, True),
            (("--lenient=ids, lengths",), stray, False),
        ):
            server = self.server(*words)
            server.sendBytes(data)
            self.assertIs(server.closed, closed, (words, data))
            server.disconnect()

    def test_wrongLenient(self) -> None:
        """
        A rule that there is not is told.
        """
        for value, shown in (
            ("length", "'length'"),
            ("", "''"),
            ("ids,", "''"),
            ("none", "'none'"),
        ):
            error = self.assertRaises(UsageError, self.options, "--lenient", value)
            self.assertEqual(
                str(error),
                f"--lenient: the rules are lengths, streams, ids, and none of them is {shown}",
            )

    def test_duplicates(self) -> None:
        """
        It can be said which param counts where a name comes several times.
        """
        for words, code in (
            ((), 200),
            (("--duplicate-params", "last"), 200),
            (("--duplicate-params", "first"), 200),
            (("--duplicate-params", "reject"), 400),
        ):
            server = self.server(*words)
            self.assertEqual(server.get(params=TWICE).code, code, words)
            server.disconnect()

    def test_wrongDuplicates(self) -> None:
        """
        Another word is told with those that there are.
        """
        error = self.assertRaises(UsageError, self.options, "--duplicate-params", "both")
        self.assertEqual(str(error), "--duplicate-params takes last, first or reject, not 'both'")
