"""
Tests of L{txfcgi.service.loading}.
"""

from __future__ import annotations

import os
import sys

from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.errors import CannotLoad
from txfcgi.service.loading import callFactory, loadObject

from .processes import FolderTests

MODULE = """
def fn(request):
    return "fn"

class Site:
    def answer(self, request):
        return "answer"

site = Site()
number = 42
"""


class LoadObjectTests(FolderTests):
    """
    Tests of L{loadObject}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(setattr, sys, "path", list(sys.path))
        before = set(sys.modules)
        self.addCleanup(lambda: [sys.modules.pop(name) for name in set(sys.modules) - before])
        os.mkdir(self.path("pack"))
        self.write("pack/__init__.py", "")
        for name in ("loadable.py", "pack/loadable.py"):
            self.write(name, MODULE)

    def load(self, name: str) -> object:
        """
        Load an app from the folder.
        """
        return loadObject(name, self.folder)(None)

    def mistake(self, name: str) -> str:
        """
        Fail to load an app.

        @return: The message.
        """
        return str(self.assertRaises(CannotLoad, loadObject, name, self.folder))

    def test_names(self) -> None:
        """
        A module and what is in it are joined by dots, or by a colon where the module ends.
        """
        for name in ("loadable.fn", "loadable:fn", "pack.loadable.fn", "pack.loadable:fn"):
            self.assertEqual(self.load(name), "fn")
        for name in ("loadable.site.answer", "loadable:site.answer", "pack.loadable.site.answer"):
            self.assertEqual(self.load(name), "answer")

    def test_path(self) -> None:
        """
        The folder is the first that modules are looked for in, by its absolute path, and is put
        there once.
        """
        self.load("loadable.fn")
        self.load("loadable.fn")
        self.assertEqual(sys.path.count(self.folder), 1)
        self.assertEqual(sys.path[0], self.folder)

    def test_malformed(self) -> None:
        """
        A name that can't be one of a function in a module is told how it should look.
        """
        for name in (
            "loadable",
            "loadable:",
            ":fn",
            "loadable..fn",
            "",
            "loadable.py:fn/",
            "a b.fn",
        ):
            self.assertIn("does not name an app", self.mistake(name), name)

    def test_noModule(self) -> None:
        """
        A module that does not exist is named, with the place where it was looked for.
        """
        for name in ("missing.fn", "missing:fn", "missing.site.answer"):
            self.assertEqual(
                self.mistake(name),
                f"{name}: module 'missing' not found in {self.folder} or on Python's path",
            )
        self.assertIn("module 'pack.missing' not found", self.mistake("pack.missing:fn"))

    def test_noAttribute(self) -> None:
        """
        A module without the name is shown with its file, as it may not be the one that was meant.
        """
        module = f"the module loadable ({self.path('loadable.py')})"
        self.assertEqual(self.mistake("loadable.no"), f"loadable.no: {module} has no 'no'")
        self.assertEqual(self.mistake("loadable:no"), f"loadable:no: {module} has no 'no'")
        self.assertEqual(
            self.mistake("loadable.site.no"),
            f"loadable.site.no: loadable.site ({self.path('loadable.py')}) has no 'no'",
        )
        self.assertEqual(self.mistake("sys.no"), "sys.no: the module sys (built in) has no 'no'")

    def test_notCallable(self) -> None:
        """
        What is found need not be callable: a twisted.web resource is not.
        """
        self.assertEqual(loadObject("loadable.number", self.folder), 42)

    def test_moduleFails(self) -> None:
        """
        A module that exists, but fails, keeps its own traceback, without the frames that led to it.
        """
        self.write("failing.py", "def divide():\n    return 1 / 0\ndivide()\n")
        said = self.mistake("failing.fn")
        self.assertTrue(
            said.startswith(
                "failing.fn: the module failing failed when it was imported:\n\nTraceback"
            )
        )
        self.assertIn(f'File "{self.path("failing.py")}", line 2, in divide', said)
        self.assertTrue(said.endswith("ZeroDivisionError: division by zero"))
        self.assertNotIn("importlib", said)
        self.assertNotIn("loading.py", said)

    def test_moduleImportsWhatIsMissing(self) -> None:
        """
        A module that imports one which does not exist is not itself missing.
        """
        self.write("importing.py", "import nowhere.at.all\n")
        said = self.mistake("importing.fn")
        self.assertIn("the module importing failed when it was imported", said)
        self.assertIn(f'File "{self.path("importing.py")}", line 1', said)
        self.assertIn("No module named 'nowhere'", said)

    def test_moduleExits(self) -> None:
        """
        A module that ends the program, as a script does, has failed like any other.
        """
        self.write("script.py", "import sys\nsys.exit(0)\n")
        said = self.mistake("script.fn")
        self.assertIn("the module script failed when it was imported", said)
        self.assertIn(f'File "{self.path("script.py")}", line 2', said)
        self.assertIn("SystemExit: 0", said)

    def test_fileName(self) -> None:
        """
        Who names the file is told what to name.
        """
        self.assertIn(
            "has no 'py': name the function, not the file, such as loadable.app",
            self.mistake("loadable.py"),
        )

    def test_syntaxError(self) -> None:
        """
        A syntax error has no frames, and is shown by itself.
        """
        self.write("broken.py", "def fn(:\n")
        said = self.mistake("broken.fn")
        self.assertIn(f'File "{self.path("broken.py")}", line 1', said)
        self.assertIn("SyntaxError", said)
        self.assertNotIn("Traceback", said)


class CallFactoryTests(SynchronousTestCase):
    """
    Tests of L{callFactory}.
    """

    def test_made(self) -> None:
        """
        What the factory returns is what was asked for.
        """
        self.assertEqual(callFactory("mod.make", lambda: 5), 5)

    def test_fails(self) -> None:
        """
        One that fails is told with its traceback, and without this package's frames.
        """

        def make() -> None:
            raise ValueError("oops")

        for error in (
            self.assertRaises(CannotLoad, callFactory, "mod.make", make),
            self.assertRaises(CannotLoad, callFactory, "mod.make", lambda needed: 5),
        ):
            self.assertIn("mod.make failed when called (--factory)", str(error))
            self.assertNotIn("service/loading.py", str(error))

    def test_notCallableFactory(self) -> None:
        """
        One that can't be called is told.
        """
        error = self.assertRaises(CannotLoad, callFactory, "mod.make", 5)
        self.assertIn("mod.make is of type int and can't be called", str(error))
