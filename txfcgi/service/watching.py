"""
L{Watch}: notices when a file changes.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from threading import Event
from types import ModuleType
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

#: Seconds between two checks of the files.
EVERY: Final = 0.5

#: The most files that are watched.
MOST: Final = 5_000

# Python itself and installed packages do not change while somebody writes an app.
_INSTALLED: Final = tuple(
    os.path.join(os.path.realpath(sysconfig.get_path(name)), "")
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def filesOf(modules: Mapping[str, ModuleType], error: BaseException | None = None) -> list[str]:
    """
    The files that an app consists of.

    @param modules: The modules that are loaded, as C{sys.modules} has them.
    @param error: The exception that the app failed to load with: the only trace of modules that
        failed.

    @return: Their paths, without Python itself and installed packages.
    """
    found = {getattr(module, "__file__", None) for module in list(modules.values())}
    while error is not None:
        if isinstance(error, SyntaxError):
            found.add(error.filename)
        trace = error.__traceback__
        while trace is not None:
            found.add(trace.tb_frame.f_code.co_filename)
            trace = trace.tb_next
        error = error.__cause__ or error.__context__
    paths = {os.path.realpath(path) for path in found if isinstance(path, str) and path[:1] != "<"}
    return sorted(path for path in paths if not path.startswith(_INSTALLED))[:MOST]


class Watch:
    """
    Checks files regularly.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, changed: Callable[[str], object]) -> None:
        """
        @param changed: Called with the path of a file that has changed, appeared or gone.
        """
        self._changed = changed
        self._seen: dict[str, object] = {}
        self._looking = LoopingCall(self.look)
        self._looking.clock = clock

    def watch(self, paths: Iterable[str]) -> None:
        """
        Watch these files, and no others. Files that are already watched are compared with their
        former state.
        """
        seen = self._seen
        self._seen = {path: seen[path] if path in seen else _stamp(path) for path in paths}
        if not self._looking.running:
            self._looking.start(EVERY, now=False).addErrback(
                lambda failure: self.log.failure("The app's files are not watched", failure)
            )

    def stop(self) -> None:
        """
        Watch nothing any more.
        """
        self._seen = {}
        if self._looking.running:
            self._looking.stop()

    def look(self) -> None:
        """
        Check whether a file has changed.
        """
        changed = []
        for path, before in self._seen.items():
            now = _stamp(path)
            if now != before:
                self._seen[path] = now
                changed.append(path)
        if changed:
            self._changed(changed[0])


class NotifiedWatch(Watch):
    """
    Checks at once when the system reports a change, through C{watchfiles}. A change while
    C{watchfiles} starts is seen at the next check.
    """

    def __init__(self, reactor: Any, changed: Callable[[str], object]) -> None:
        """
        @param changed: As for L{Watch}.
        """
        super().__init__(reactor, changed)
        self._reactor = reactor
        self._folders: frozenset[str] = frozenset()
        self._over = Event()

    def watch(self, paths: Iterable[str]) -> None:
        """
        Watch these files, and no others.
        """
        paths = list(paths)
        super().watch(paths)
        # Of folders, as editors replace files.
        folders = frozenset(filter(os.path.isdir, map(os.path.dirname, paths)))
        if folders != self._folders:
            self._over.set()
            self._folders = folders
            self._over = Event()
            if folders:
                self._reactor.callInThread(self._wait, folders, self._over)

    def stop(self) -> None:
        """
        Watch nothing any more.
        """
        super().stop()
        self._over.set()
        self._folders = frozenset()

    def _wait(self, folders: Iterable[str], over: Event) -> None:
        """
        In a thread: wait for changes.
        """
        watch = import_module("watchfiles").watch
        for _ in watch(
            *folders,
            watch_filter=None,
            stop_event=over,
            recursive=False,
            rust_timeout=200,
            raise_interrupt=False,
        ):
            self._reactor.callFromThread(self.look)


def makeWatch(reactor: Any, changed: Callable[[str], object]) -> Watch:
    """
    @param changed: Called, in the reactor, with the path of a file that has changed.

    @return: A watch, through C{watchfiles} if that is installed.
    """
    try:
        import_module("watchfiles")
    except ImportError:
        return Watch(reactor, changed)
    return NotifiedWatch(reactor, changed)


def ownFiles(error: BaseException | None = None) -> list[str]:
    """
    The files of the app that this process has loaded or failed to load.
    """
    return filesOf(sys.modules, error)


def _stamp(path: str) -> object:
    try:
        info = os.stat(path)
    except OSError:
        return None
    return info.st_mtime_ns, info.st_size, info.st_ino
