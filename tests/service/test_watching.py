"""
Tests of L{txfcgi.service.watching}.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from types import ModuleType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txfcgi.service import watching
from txfcgi.service.watching import EVERY, NotifiedWatch, Watch, filesOf, makeWatch, ownFiles


class Folder:
    """
    A folder with files.
    """

    def __init__(self, test: SynchronousTestCase) -> None:
        self._path = os.path.realpath(tempfile.mkdtemp(prefix="watching-"))
        test.addCleanup(shutil.rmtree, self._path)

    def write(self, name: str, text: str) -> str:
        """
        @return: The path of the file.
        """
        path = os.path.join(self._path, name)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(f"{path}.new", path)
        return path


class FilesTests(SynchronousTestCase):
    """
    Tests of L{filesOf}.
    """

    def test_modules(self) -> None:
        """
        The files of modules are those of an app; not those of Python's, and of what is installed.
        """
        own = ModuleType("own")
        own.__file__ = "/srv/app/own.py"
        odd = ModuleType("odd")
        odd.__file__ = None
        modules = {"own": own, "odd": odd, "json": json, "sys": sys}
        self.assertEqual(filesOf(modules), ["/srv/app/own.py"])
        self.assertIn(os.path.realpath(watching.__file__), ownFiles())

    def test_failure(self) -> None:
        """
        What failed to load is known by its traceback, and by where the syntax is wrong.
        """
        folder = Folder(self)
        wrong = folder.write("wrong.py", "def (:\n")
        try:
            try:
                with open(wrong, encoding="utf-8") as file:
                    compile(file.read(), wrong, "exec")
            except SyntaxError as error:
                raise ValueError from error
        except ValueError as error:
            self.assertEqual(filesOf({}, error), sorted([wrong, os.path.realpath(__file__)]))


class WatchTests(SynchronousTestCase):
    """
    Tests of L{Watch}.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.changed: list[str] = []
        self.watch = Watch(self.clock, self.changed.append)
        self.folder = Folder(self)

    def test_changes(self) -> None:
        """
        A file that changes, appears or goes is told, once for all at one look.
        """
        one, two = self.folder.write("one.py", "1"), self.folder.write("two.py", "2")
        three = os.path.join(os.path.dirname(one), "three.py")
        self.watch.watch([one, two, three])
        self.clock.advance(EVERY)
        self.assertEqual(self.changed, [])
        self.folder.write("one.py", "one")
        self.clock.advance(EVERY)
        self.clock.advance(EVERY)
        self.assertEqual(self.changed, [one])
        os.remove(two)
        self.folder.write("three.py", "3")
        self.clock.advance(EVERY)
        self.assertEqual(self.changed, [one, two])
        self.folder.write("other.py", "4")
        self.clock.advance(EVERY)
        self.assertEqual(len(self.changed), 2)

    def test_again(self) -> None:
        """
        A file that changed before it was named again counts as changed.
        """
        one = self.folder.write("one.py", "1")
        self.watch.watch([one])
        self.folder.write("one.py", "one")
        self.watch.watch([one, "/nowhere.py"])
        self.clock.advance(EVERY)
        self.assertEqual(self.changed, [one])

    def test_stop(self) -> None:
        """
        Nothing is left.
        """
        self.watch.watch(["/nowhere.py"])
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.watch.stop()

    def test_withoutWatchfiles(self) -> None:
        """
        Without C{watchfiles}, files are looked at.
        """
        self.patch(sys, "modules", {**sys.modules, "watchfiles": None})
        self.assertIsInstance(makeWatch(self.clock, self.changed.append), Watch)


class NotifiedWatchTests(TestCase):
    """
    Tests of L{NotifiedWatch}.
    """

    async def test_changes(self) -> None:
        """
        The system says when one of the files changes, before anybody looks; of others in the same
        folder nothing is heard.
        """
        from twisted.internet import reactor

        self.patch(watching, "EVERY", 3_600.0)
        folder = Folder(self)
        one = folder.write("one.py", "1")
        told: Deferred[str] = Deferred()
        heard: list[str] = []

        def changed(path: str) -> None:
            heard.append(path)
            if not told.called:
                told.callback(path)

        watch: Any = makeWatch(reactor, changed)
        self.assertIsInstance(watch, NotifiedWatch)
        watch.watch([one, "/no/such/folder/file.py"])
        self.addCleanup(watch.stop)
        # The thread takes a while to begin.
        number = 0
        while not told.called:
            number += 1
            folder.write("other.txt", str(number))
            folder.write("one.py", str(number))
            turn: Deferred[None] = Deferred()
            reactor.callLater(0.05, turn.callback, None)
            await turn
        self.assertEqual(await told, one)
        self.assertEqual(set(heard), {one})
        watch.stop()
