"""
Tests of L{txfcgi.service.options} and L{txfcgi.service.fcgitap}.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import sys
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.internet.address import IPv4Address
from twisted.plugin import getPlugins
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from txfcgi.adapters.wsgi import MAX_BODY_BYTES
from txfcgi.server.admission import AllowList
from txfcgi.server.fastcgi import FastCGIServerFactory
from txfcgi.server.limits import Limits
from txfcgi.service.errors import CannotStart
from txfcgi.service.fcgitap import Options, makeService
from txfcgi.service.listen import UNIXSocketEndpoint
from txfcgi.service.options import ServerOptions
from txfcgi.service.serving import Serving
from txfcgi.service.version import versionLine

from .processes import ProgramTests


class Twistd(UsageOptions):
    """
    Stands for the command that ours is a part of.
    """

    subCommands = [["fcgi", None, Options, "Serve"]]


class CommandLineTests(ProgramTests):
    """
    Tests that parse command lines.
    """

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(setattr, sys, "path", list(sys.path))
        self.addCleanup(self.forget)
        self.patch(os, "environ", {})

    def forget(self) -> None:
        """
        Forget the modules of this test's folder, and no others: some can't be imported twice.
        """
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(self.folder):
                del sys.modules[name]

    def options(self, *words: str, where: bool = True) -> Options:
        """
        Parse a command line.

        @param words: What follows where to listen and what to serve.
        @param where: Whether to say that.
        """
        options = Options()
        given = ["--port", f"unix:{self.socketPath}", "--app", "sample.hello"] if where else []
        options.parseOptions([*given, "--app-dir", self.folder, *words])
        return options


class OptionsTests(CommandLineTests):
    """
    Tests of L{Options}.
    """

    def mistake(self, *words: str, where: bool = True) -> str:
        """
        The message for a command line that asks for what can't be had.
        """
        return str(self.assertRaises(UsageError, self.options, *words, where=where))

    def test_mount(self) -> None:
        """
        The factory knows where the app is mounted, and where paths come from; what can't be is
        refused.
        """
        factory: Any = self.options().makeFactory(False)
        self.assertTrue(factory.paths.asSent)
        factory = self.options("--mount", "/shop", "--path-from", "uri").makeFactory(False)
        find = {b"REQUEST_URI": b"/shop/a", b"SCRIPT_NAME": b"/b"}.get
        self.assertEqual(factory.paths.split(find), (b"/shop", b"/a"))
        self.assertIn("--mount: a mount starts with a slash", self.mistake("--mount", "shop"))
        self.assertIn("params or uri", self.mistake("--path-from", "header"))

    def test_least(self) -> None:
        """
        A place and an app are enough.
        """
        options = self.options()
        self.assertEqual(options["limits"], Limits())
        self.assertIsNone(options["allowFrom"])
        self.assertEqual(options["application"].__name__, "hello")
        [(text, endpoint)] = options["endpoints"]
        self.assertEqual(text, f"unix:{self.socketPath}")
        self.assertIsInstance(endpoint, UNIXSocketEndpoint)

    def test_missing(self) -> None:
        """
        What is missing is named.
        """
        self.assertIn("--port and --app are missing", self.mistake(where=False))
        self.assertIn("--port is missing", self.mistake("--app", "sample.hello", where=False))
        self.assertIn("--app is missing", self.mistake("--port", "unix:/a", where=False))

    def test_unknown(self) -> None:
        """
        So is what is not known.
        """
        self.assertIn("option --no-such-thing not recognized", self.mistake("--no-such-thing"))
        self.assertEqual(self.mistake("sample.hello"), "'sample.hello' is not an option")

    def test_ports(self) -> None:
        """
        There may be several ports.
        """
        options = self.options("-p", "tcp:9000:interface=127.0.0.1", "--port", "fcgi:fd=0")
        self.assertEqual(
            [text for text, _ in options["endpoints"]],
            [f"unix:{self.socketPath}", "tcp:9000:interface=127.0.0.1", "fcgi:fd=0"],
        )
        self.assertIn("--port '9000' is not a valid endpoint", self.mistake("--port", "9000"))

    def test_app(self) -> None:
        """
        What is wrong with the app is said, with its option.
        """
        for name, said in (
            ("sample.no", "--app sample.no: the module sample"),
            ("nowhere.fn", "--app nowhere.fn: module 'nowhere' not found"),
        ):
            where = ("--port", f"unix:{self.socketPath}")
            self.assertIn(said, self.mistake(*where, "--app", name, where=False))
        self.assertEqual(
            self.mistake("--app-dir", "no"), "--app-dir no: the directory does not exist"
        )

    def test_twoApps(self) -> None:
        """
        One app is served, so a second one is a mistake.
        """
        for option in ("--app", "-a"):
            self.assertIn(
                "--app sample.echo: --app sample.hello was given already",
                self.mistake(option, "sample.echo"),
            )

    def test_nearestOption(self) -> None:
        """
        An option that there is not is told with the one that may have been meant.
        """
        for given, meant in (
            ("--max-conections=7", "--max-connections"),
            ("--prot=tcp:1", "--port"),
            ("--draintimeout", "--drain-timeout"),
        ):
            name = given.partition("=")[0]
            self.assertEqual(
                self.mistake(given), f"option {name} not recognized; did you mean {meant}?"
            )
        self.assertEqual(self.mistake("--xyzzy"), "option --xyzzy not recognized")

    def test_limits(self) -> None:
        """
        Every limit has an option, which says what its default is.
        """
        for field in dataclasses.fields(Limits):
            name = "".join(f"-{c.lower()}" if c.isupper() else c for c in field.name)
            if isinstance(field.default, bool):
                options = self.options(f"--{name}")
                expected: Any = True
            else:
                if not name.endswith("-timeout"):
                    name = f"max-{name}"
                options = self.options(f"--{name}", "7")
                expected = 7
            self.assertEqual(
                options["limits"], dataclasses.replace(Limits(), **{field.name: expected})
            )

    def test_noLimit(self) -> None:
        """
        What may be unlimited is so by the word none.
        """
        self.assertIsNone(self.options("--max-body-bytes", "none")["limits"].bodyBytes)
        self.assertIn(
            "--max-requests takes a whole number, not 'none'",
            self.mistake("--max-requests", "none"),
        )

    def test_noNumber(self) -> None:
        """
        What is no number, or none that can be a limit, is refused by name.
        """
        for option, value, said in (
            ("max-requests", "many", "--max-requests takes a whole number, not 'many'"),
            ("max-requests", "1.5", "--max-requests takes a whole number, not '1.5'"),
            ("max-requests", "-1", "--max-requests takes a whole number, not '-1'"),
            ("max-requests", "0", "--max-requests can't be 0"),
            ("max-body-bytes", "big", "--max-body-bytes takes a whole number or none, not 'big'"),
            ("idle-timeout", "long", "--idle-timeout takes a number of seconds, not 'long'"),
            ("idle-timeout", "nan", "--idle-timeout takes a number of seconds, not 'nan'"),
            ("drain-timeout", "inf", "--drain-timeout takes a number of seconds, not 'inf'"),
        ):
            self.assertEqual(self.mistake(f"--{option}={value}"), said)

    def test_allowFrom(self) -> None:
        """
        Every list that is given adds to the others.
        """
        options = self.options("--allow-from", "192.0.2.7, ::1", "--allow-from", "10.0.0.0/8")
        self.assertEqual(options["allowFrom"], AllowList.fromText("192.0.2.7,::1,10.0.0.0/8"))
        self.assertIn("--allow-from the list is empty", self.mistake("--allow-from", ""))

    def test_allowUsersAndGroups(self) -> None:
        """
        Users and groups are names and numbers. One that does not exist is told at the start, and so
        is a list that would say nothing of what is listened on.
        """
        port = f"unix:{self.socketPath}"
        for words, said in (
            (
                ["--allow-user", "nobody-at-all"],
                "--allow-user: this machine has no user 'nobody-at-all'",
            ),
            (["--allow-user", "root,"], "--allow-user: a user is empty"),
            (["--allow-user="], "--allow-user: a user is empty"),
            (["--allow-user=-1"], "this machine has no user '-1'"),
            (["--allow-group", "4294967295"], "--allow-group: 4294967295 is not a group"),
            (["--allow-group", "no such"], "--allow-group: this machine has no group 'no such'"),
        ):
            self.assertIn(said, self.mistake("--port", port, *words))
        words = ["--port", "tcp:9000:interface=127.0.0.1", "--allow-user", "root", "--app", "a.b"]
        error = self.assertRaises(UsageError, Options().parseOptions, words)
        self.assertIn("every --port is an IP port", str(error))
        factory = self.options(
            "--port", port, "--allow-user", "root", "--allow-user", "4711,4712"
        ).makeFactory(True)
        self.assertIsInstance(factory, FastCGIServerFactory)

    def test_allowFromEnvironment(self) -> None:
        """
        The web server's own list holds too.
        """
        os.environ["FCGI_WEB_SERVER_ADDRS"] = "192.0.2.7,192.0.2.8"
        allowed = self.options("--allow-from", "192.0.2.8,192.0.2.9")["allowFrom"]
        self.assertEqual(
            [allowed(IPv4Address("TCP", f"192.0.2.{last}", 1)) for last in (7, 8, 9)],
            [False, True, False],
        )
        os.environ["FCGI_WEB_SERVER_ADDRS"] = " "
        self.assertIn("FCGI_WEB_SERVER_ADDRS in the environment: the list is empty", self.mistake())

    def test_public(self) -> None:
        """
        A port that is open to other machines is refused, unless a list says who may connect, or it
        is insisted on.
        """
        for text in ("tcp:9000", "tcp6:9000", "tcp:9000:interface=192.0.2.7"):
            said = self.mistake("--port", text)
            self.assertIn(f"--port {text} is open to other machines", said)
            self.assertIn("--allow-from", said)
            self.assertEqual(
                len(self.options("--port", text, "--allow-from", "::1")["endpoints"]), 2
            )
            self.assertEqual(len(self.options("--port", text, "--insecure")["endpoints"]), 2)

    def test_help(self) -> None:
        """
        The help names each option in the words of the command line.
        """
        said = " ".join(str(self.options()).split())
        self.assertIn(
            "--max-body-bytes BYTES Bytes of body of one request; WSGI and ASGI applications, "
            f"twisted.web resources and files have {MAX_BODY_BYTES} (1 GiB) by default. More get "
            "a 413; none",
            said,
        )
        self.assertIn("--max-requests N Requests at once, over all connections.", said)
        self.assertIn("[default: 1024]", said)
        self.assertIn("Serves an app over FastCGI, behind a web server.", said)
        self.assertNotIn("{", said)

    def test_everyFieldHasItsHelp(self) -> None:
        """
        The help of an option that sets a field stands in that field, so both say the same.
        """
        said = " ".join(str(self.options()).split())
        for field in dataclasses.fields(Limits):
            self.assertIn(field.metadata["help"], said)

    def test_version(self) -> None:
        """
        The version is this project's.
        """
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertRaises(SystemExit, self.options, "--version")
        self.assertEqual(printed.getvalue(), f"{versionLine()}\n")

    def test_underTwistd(self) -> None:
        """
        As a part of another command it ends the process with one message, without that command's
        options.
        """
        self.patch(sys, "argv", ["/usr/bin/twistd", "fcgi"])
        error = self.assertRaises(CannotStart, Twistd().parseOptions, ["fcgi"])
        lines = str(error).splitlines()
        self.assertEqual(len(lines), 2)
        self.assertTrue(lines[0].startswith("twistd fcgi: --port and --app are missing: "))
        self.assertEqual(lines[1], "(see twistd fcgi --help)")
        error = self.assertRaises(
            CannotStart, Twistd().parseOptions, ["fcgi", "--app", "a.b", "--port", "carrier:pigeon"]
        )
        self.assertEqual(len(str(error).splitlines()), 1)


class MakeServiceTests(CommandLineTests):
    """
    Tests of L{makeService}.
    """

    def test_service(self) -> None:
        """
        The service serves the app with what was asked for. It has not opened anything.
        """
        service = makeService(self.options("--max-requests=7", "--no-multiplex"))
        self.assertIsInstance(service, Serving)
        self.assertFalse(os.path.exists(self.socketPath))
        factory = service.factory  # type: ignore[attr-defined]
        self.assertIsInstance(factory, FastCGIServerFactory)
        self.assertEqual(factory.limits.requests, 7)

    def test_otherProtocol(self) -> None:
        """
        A command for another protocol is a name and a factory.
        """
        made = object()

        class OtherOptions(ServerOptions):
            command = "other"
            protocol = "Other"

            def makeFactory(self, limited: bool) -> Any:
                return made

        options = OtherOptions()
        options.parseOptions(
            ["--port", "fcgi:fd=0", "--app", "sample.hello", "--app-dir", self.folder]
        )
        self.assertIs(makeService(options).factory, made)  # type: ignore[attr-defined]
        self.assertRaises(UsageError, OtherOptions().parseOptions, ["--no-multiplex"])
        self.assertRaises(NotImplementedError, ServerOptions().makeFactory, False)

    def test_plugin(self) -> None:
        """
        It is what C{twistd} calls fcgi.
        """
        [maker] = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == "fcgi"]
        self.assertIs(maker.options, Options)
        self.assertIs(maker.makeService, makeService)
