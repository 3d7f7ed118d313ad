"""
Standard output and standard error for an app that is loaded before C{twistd} or C{twist} begins to
log.

Loggers are often set up when a module is imported. The C{StreamHandler} of C{logging.basicConfig}
keeps the C{sys.stderr} that it finds: without L{currentOutputs}, that of the terminal, which a
daemon gives up. C{twistd} replaces C{sys.stderr} by a stream that leads to its log only later.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any, Final

#: The streams, by their names in C{sys}.
NAMES: Final = ("stdout", "stderr")


class CurrentOutput:
    """
    Writes to whatever C{sys.stdout} or C{sys.stderr} is at that time, and has its attributes.
    """

    def __init__(self, name: str) -> None:
        """
        @param name: C{"stdout"} or C{"stderr"}. The stream that it names now is used until there
            is another one.
        """
        self._name = name
        self._first: Any = getattr(sys, name)
        self._writing = local()

    def _current(self) -> Any:
        current = getattr(sys, self._name)
        return self._first if current is None or current is self else current

    def write(self, text: str) -> int:
        """
        Write to the current stream. A log observer that is called for this text, and writes here
        itself (C{PythonLoggingObserver}), writes to the first stream instead, as it would be called
        for that text again, and so on.

        @return: The number of characters.
        """
        if getattr(self._writing, "now", False):
            self._first.write(text)
        else:
            self._writing.now = True
            try:
                self._current().write(text)
            finally:
                self._writing.now = False
        return len(text)

    def writelines(self, lines: Any) -> None:
        """
        Write several texts.
        """
        for text in lines:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current(), name)


@contextmanager
def currentOutputs() -> Iterator[None]:
    """
    In this context, C{sys.stdout} and C{sys.stderr} are streams that may be kept: see
    L{CurrentOutput}. Afterwards they are the former ones again, unless other code has replaced
    them.
    """
    before = {name: getattr(sys, name) for name in NAMES}
    # A stream that is closed, as under some web servers, stays so.
    there = {name: CurrentOutput(name) for name, stream in before.items() if stream is not None}
    for name, stream in there.items():
        setattr(sys, name, stream)
    try:
        yield
    finally:
        for name, stream in there.items():
            if getattr(sys, name) is stream:
                setattr(sys, name, before[name])
