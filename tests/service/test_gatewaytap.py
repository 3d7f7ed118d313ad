"""
Tests of L{txfcgi.service.gatewaytap}: C{twistd fcgi-gateway}.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.internet.task import Clock
from twisted.plugin import getPlugins
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from txfcgi.client.client import FastCGIClient
from txfcgi.client.options import Timeouts
from txfcgi.client.scgi import SCGIClient
from txfcgi.server.limits import HTTPLimits
from txfcgi.service.errors import CannotStart
from txfcgi.service.gatewaytap import GatewayService, Options, makeService
from txfcgi.service.version import versionLine
from txfcgi.web import GatewayResource, PHPResource, TrustedProxies

from .processes import ProgramTests

HTTP = ("--http", "tcp:0:interface=127.0.0.1")
WHERE = (*HTTP, "--backend", "unix:/run/php/php-fpm.sock")


class OptionTests(ProgramTests):
    """
    The command line.
    """

    def options(self, *words: str) -> Options:
        """
        Parse a command line.
        """
        options = Options()
        options.parseOptions(words)
        return options

    def refused(self, *words: str) -> str:
        """
        The reason for which a command line is refused.
        """
        return str(self.assertRaises(UsageError, self.options, *words))

    def test_missing(self) -> None:
        """
        It takes a front and a back, and PHP a folder.
        """
        self.assertIn("--http is missing, as in: --http tcp:8080", self.refused())
        self.assertIn("--backend is missing", self.refused(*HTTP))
        self.assertIn("--root", self.refused(*WHERE, "--php"))

    def test_wrong(self) -> None:
        """
        What makes no sense is said to.
        """
        for words, said in (
            (("--root", "/no/such/folder"), "the folder does not exist"),
            (("--sendfile-root", "/no/such/folder"), "the folder does not exist"),
            (("--front-controller", "index.php"), "is for --php"),
            (("--deny", "/data"), "--deny is for --php"),
            (("--follow-links",), "--follow-links is for --php"),
            (
                ("--php", "--root", self.folder, "--front-controller", "/no.php?a=$path"),
                f"the file no.php does not exist in --root {self.folder}",
            ),
            (("--php", "--root", self.folder, "--deny", "/"), "--deny takes a path or a name"),
            (("--no-php-below", "/up"), "--no-php-below is for --php"),
            (("--cache-control", "no-store"), "--cache-control is for --php"),
            (("--php", "--root", self.folder, "--no-php-below", "/"), "takes a path"),
            (("--trust-forwarded", "x"), "--trust-forwarded 'x' is neither"),
            (("--trust-forwarded-host",), "needs the web servers to trust: --trust-forwarded"),
            (("--forwarded-header", "x"), "takes x-forwarded or forwarded"),
            (("--http-head-bytes", "x"), "takes a whole number"),
            (("--max-spool-bytes", "none"), "takes a whole number"),
            (("--script-root", "/srv"), "is for --php"),
            (("--backend", "nonsense"), "--backend 'nonsense' is not an endpoint"),
            (("--http", "nonsense"), "is not a valid endpoint"),
            (("--param", "nonsense"), "--param takes NAME=VALUE"),
            (("--unknown-length", "x"), "takes spool, stream or refuse"),
            (("--connect-timeout", "x"), "takes a number of seconds or none"),
            (("word",), "'word' is not an option"),
        ):
            self.assertIn(said, self.refused(*WHERE, *words))

    def test_underTwistd(self) -> None:
        """
        C{twistd} ends with the reason, and not with a page of its own options.
        """

        class Twistd(UsageOptions):
            subCommands = [["fcgi-gateway", None, Options, "Serve"]]

        error = self.assertRaises(CannotStart, Twistd().parseOptions, ["fcgi-gateway"])
        self.assertIn("--http is missing", str(error))

    def test_client(self) -> None:
        """
        The client is told what was asked for.
        """
        options = self.options(
            *(*WHERE, "--max-connections", "3", "--no-keep", "--unknown-length", "stream"),
            *("--first-byte-timeout", "none", "--total-timeout", "7"),
        ).clientOptions()
        self.assertEqual((options.maxConnections, options.keepConnections), (3, False))
        self.assertEqual(options.unknownLength, "stream")
        self.assertEqual(options.timeouts, Timeouts(firstByte=None, total=7.0))

    def test_timeouts(self) -> None:
        """
        There is none for a whole request, unless it is asked for; each wait has one.
        """
        self.assertEqual(self.options(*WHERE).timeouts(), Timeouts(total=None))
        options = self.options(*WHERE, "--total-timeout", "300")
        client: Any = FastCGIClient(Clock(), "unix:/run/php/php-fpm.sock", options.clientOptions())
        resource: Any = options.resource(client)
        self.assertEqual(resource._gateway.timeouts, Timeouts())

    def test_keep(self) -> None:
        """
        Connections are kept but to PHP, and the last option wins.
        """
        php = ("--php", "--root", self.folder)
        for words, kept in (
            ((), True),
            (php, False),
            ((*php, "--keep"), True),
            (("--no-keep",), False),
            (("--no-keep", "--keep"), True),
            ((*php, "--keep", "--no-keep"), False),
        ):
            options = self.options(*WHERE, *words).clientOptions()
            self.assertEqual(options.keepConnections, kept, words)
            self.assertEqual(options.reuseFor, "idempotent" if "--php" in words else "all")

    def test_authorization(self) -> None:
        """
        The Authorization header is for PHP, unless the last option says otherwise.
        """
        client: Any = FastCGIClient(Clock(), "unix:/run/php/php-fpm.sock")
        php = ("--php", "--root", self.folder)
        for words, passed in (
            ((), None),
            (php, True),
            ((*php, "--no-pass-authorization"), False),
            (("--no-pass-authorization", "--pass-authorization"), True),
        ):
            resource: Any = self.options(*WHERE, *words).resource(client)
            self.assertEqual(resource._gateway.options.passAuthorization, passed, words)

    def test_forwarded(self) -> None:
        """
        The site believes the servers that are named.
        """
        service: Any = makeService(self.options(*WHERE))
        self.assertIsNone(service.factory.proxies)
        options = self.options(
            *(*WHERE, "--trust-forwarded", "10.0.0.0/8,unix", "--trust-forwarded-host"),
            *("--forwarded-header", "forwarded"),
        )
        service = makeService(options)
        proxies = TrustedProxies.fromText("10.0.0.0/8,unix", "forwarded", host=True)
        self.assertEqual(service.factory.proxies, proxies)

    def test_bodies(self) -> None:
        """
        A body of unknown length has the same limit as any other; all that are spooled have one
        together.
        """
        options = self.options(*WHERE).clientOptions()
        self.assertEqual((options.spoolBytes, options.spoolTotalBytes), (None, 4 << 30))
        options = self.options(*WHERE, "--max-spool-bytes", "7").clientOptions()
        self.assertEqual(options.spoolTotalBytes, 7)

    def test_backend(self) -> None:
        """
        A path alone is that of a socket, whatever its name.
        """
        options = self.options(*HTTP, "--backend", "/run/a:b.sock")
        [target] = options["targets"]
        self.assertEqual(repr(target), r"unix:/run/a\:b.sock")

    def test_httpLimits(self) -> None:
        """
        What browsers may do can be told.
        """
        self.assertEqual(self.options(*WHERE).httpLimits(), HTTPLimits())
        options = self.options(
            *(*WHERE, "--http-head-bytes", "5", "--http-header-count", "6"),
            *("--http-write-timeout", "none"),
        )
        limits = HTTPLimits(headBytes=5, headerCount=6, writeTimeout=None)
        self.assertEqual(options.httpLimits(), limits)
        service: Any = makeService(options)
        self.assertEqual(service.factory.limits, limits)

    def test_resources(self) -> None:
        """
        What answers: the back end alone, or a folder with it.
        """
        client: Any = FastCGIClient(Clock(), "unix:/run/php/php-fpm.sock")
        self.write("a.php", "<?php")
        resource = self.options(*WHERE).resource(client)
        self.assertIsInstance(resource, GatewayResource)
        options = self.options(*WHERE, "--root", self.folder, "--param", "A=b=c")
        plain: Any = options.resource(client)
        self.assertEqual(plain._gateway.options.params, {"DOCUMENT_ROOT": self.folder, "A": "b=c"})
        options = self.options(
            *(*WHERE, "--php", "--root", self.folder, "--front-controller", "a.php"),
            *("--index", "x.php,y.html", "--script-root", "/srv", "--pass-authorization"),
            *("--max-body-bytes", "5", "--server-name", "me", "--sendfile-root", self.folder),
            *("--deny", "/data", "--deny", "*.bak", "--follow-links"),
            *("--no-php-below", "up", "--no-php-below", "/a/b", "--cache-control", "no-store"),
        )
        php: Any = options.resource(client)
        self.assertIsInstance(php, PHPResource)
        self.assertEqual((php._root, php._scriptRoot), (self.folder, "/srv"))
        self.assertEqual(list(php._site.index), ["x.php", "y.html"])
        self.assertEqual((php._site.deny, php._site.followLinks), (["/data", "*.bak"], True))
        self.assertEqual(
            (php._site.noScripts, php._site.cacheControl), (["/up", "/a/b"], "no-store")
        )
        gateway = php._gateway.options
        self.assertEqual((gateway.bodyBytes, gateway.serverName), (5, "me"))
        self.assertTrue(gateway.passAuthorization)

    def test_service(self) -> None:
        """
        It is what C{twistd} calls fcgi-gateway; a public port is what it is for.
        """
        [maker] = [each for each in getPlugins(IServiceMaker) if each.tapname == "fcgi-gateway"]
        self.assertIs(maker.options, Options)
        service: Any = makeService(self.options("--http", "tcp:8080", "-b", "tcp:127.0.0.1:9000"))
        self.assertIsInstance(service, GatewayService)
        self.assertIsInstance(service._client, FastCGIClient)
        service = makeService(self.options(*WHERE, "--scgi"))
        self.assertIsInstance(service._client, SCGIClient)

    def test_version(self) -> None:
        """
        It tells its version.
        """
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            self.assertRaises(SystemExit, self.options, "--version")
        self.assertEqual(said.getvalue(), f"{versionLine()}\n")


class ProgramsTests(ProgramTests):
    """
    The program as it is run.
    """

    def test_before(self) -> None:
        """
        It stands before an app, and ends when it is told to.
        """
        app = self.start(
            *("twistd", "-n", "--pidfile=", "fcgi", "--port", f"unix:{self.socketPath}"),
            *("--app", "sample.hello", "--app-dir", self.folder),
        )
        app.waitFor("Listens on ")
        path = self.path("http.sock")
        gateway = self.start(
            *("twistd", "-n", "--pidfile=", "fcgi-gateway", "--http", f"unix:{path}"),
            *("--backend", f"unix:{self.socketPath}", "--param", "WHO=me"),
        )
        gateway.waitFor("Listens on ")
        connection = self.connect(path)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with connection.makefile("rb") as stream:
            self.assertTrue(stream.read().endswith(b"hello me"))
        self.assertEnds(gateway)
        self.assertEnds(app)
