"""
Tests of C{--http --reload}: an app that is loaded again when its files change.
"""

from __future__ import annotations

import os

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.fcgitap import Options

from .processes import Program
from .test_development import LOCAL, HTTPTests

APP = """
from txfcgi import Response
from wording import WORD

def app(request):
    if request.path == "/fail":
        raise ValueError("a mistake")
    return Response(200, {"Content-Type": "text/plain"}, WORD)
"""


class OptionTests(SynchronousTestCase):
    """
    What C{--reload} goes with.
    """

    def test_mistakes(self) -> None:
        """
        It is for C{--http}, and an app of one's own. Each mistake is told with its reason.
        """
        http, app = ["--http", LOCAL], ["--app", "hello.app"]
        unix = ["--port", "unix:/tmp/never.sock"]
        for words, said in (
            ([*unix, *app], "--reload is for development, and works only with --http"),
            ([*unix, *http, *app], "--workers N, which reloads on SIGHUP"),
            ([*http, *app, "--workers", "2"], "does not go with --workers"),
            ([*http, *app, "--status", LOCAL], "does not go with --status"),
            (http, "--reload needs an app"),
        ):
            error = self.assertRaises(UsageError, Options().parseOptions, ["--reload", *words])
            self.assertIn(said, str(error))

    def test_appIsNotLoaded(self) -> None:
        """
        This process does not load the app; the other one gets neither C{--http} nor C{--reload}.
        """
        options = Options()
        options.parseOptions(["--reload", "--http", LOCAL, "--app", "no.such.app", "--mount", "/"])
        self.assertNotIn("application", options)
        words = options.reloadable().command.words
        self.assertEqual(words[:2], ["--app=no.such.app", "--mount=/"])
        self.assertIn("--drain-idle=0", words)
        self.assertFalse([word for word in words if "http" in word or "reload" in word])


class ReloadTests(HTTPTests):
    """
    The program as it is run.
    """

    #: How often the app is known to have been loaded again.
    loads = 0

    def serveAgain(self, command: str = "fcgi") -> tuple[Program, int]:
        """
        Serve an app that consists of two files.
        """
        self.write("own.py", APP)
        self.write("wording.py", "WORD = b'one'\n")
        return self.serve(
            *("twistd", "-n", "--pidfile=", command, "--http", LOCAL, "--reload"),
            *("--app", "own.app", "--app-dir", self.folder),
        )

    def replace(self, name: str, text: str) -> None:
        """
        Save a file as an editor does.
        """
        self.write(f"{name}.new", text)
        os.replace(self.path(f"{name}.new"), self.path(name))

    def until(self, program: Program, port: int, said: str) -> tuple[int, str, str]:
        """
        Ask, each time that the app is loaded again, until the answer says something: the system may
        tell of one change more than once.
        """
        while True:
            self.loads += 1
            program.waitFor("reloading the app", self.loads)
            answer = self.get(port, "/", Accept="text/html")
            if said in answer[2]:
                return answer

    def test_reload(self) -> None:
        """
        When one of its files changes, the app is loaded again. When it can't be loaded, the browser
        sees why, until it can; a traceback is seen of what fails later. Nothing is left behind.
        """
        program, port = self.serveAgain()
        self.assertEqual(self.get(port, "/")[2], "one")
        self.replace("wording.py", "WORD = b'two'\n")
        self.until(program, port, "two")
        self.replace("wording.py", "WORD = b'three\n")
        status, kind, page = self.until(program, port, "The app can&#x27;t be loaded")
        self.assertEqual((status, kind), (500, "text/html; charset=utf-8"))
        self.assertIn("SyntaxError", page)
        self.assertIn("wording.py", page)
        _, _, hidden = self.get(port, "/", Via="1.1 proxy")
        self.assertEqual(hidden, "The app can't be loaded. The log says why.\n")
        self.replace("wording.py", "WORD = b'mended'\n")
        self.until(program, port, "mended")
        status, _, page = self.get(port, "/fail?token=12345", Accept="text/html")
        self.assertEqual(status, 500)
        self.assertIn("ValueError: a mistake", page)
        self.assertNotIn("12345", page)
        self.assertEqual(self.get(port, "/fail", Via="1")[2], "500 Internal Server Error\n")
        program.waitFor("GET /fail?token=*** 500 ")
        self.assertEnds(program)
        self.assertEqual(os.listdir(self.path("tmp")), [])

    def test_wrongFromTheStart(self) -> None:
        """
        An app that can't be loaded at the start is waited for; over SCGI, too.
        """
        self.write("own.py", "import nothing_of_this_name\n")
        program, port = self.serve(
            *("twistd", "-n", "--pidfile=", "scgi", "--http", LOCAL, "--reload"),
            *("--app", "own.app", "--app-dir", self.folder),
        )
        self.assertIn("nothing_of_this_name", self.get(port, "/")[2])
        self.write("nothing_of_this_name.py", "")
        self.replace("own.py", APP.replace("from wording import WORD", "WORD = b'mended'"))
        self.until(program, port, "mended")
        self.assertEnds(program)
        self.assertEqual(os.listdir(self.path("tmp")), [])
