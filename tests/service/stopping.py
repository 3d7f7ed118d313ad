"""
What tests of signals need: a reactor that is stopped, and signals as Python has them at its start.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.signals import SIGNALS


class Reactor(MemoryReactorClock):
    """
    A reactor that is told to stop, and how.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stops = 0

    def stop(self) -> None:
        self.stops += 1

    def callFromThread(self, function: Callable[..., Any], *args: object) -> None:
        function(*args)

    def end(self) -> None:
        """
        Come to the end, after all that is to be done before.
        """
        for function, args, kwargs in self.triggers.get("after", {}).get("shutdown", []):
            function(*args, **kwargs)

    def sigTerm(self, number: int, frame: object) -> None:
        """
        Stands for Twisted's handler.
        """


def asAtTheStart(case: SynchronousTestCase) -> None:
    """
    Handle the signals as Python does when it starts, whatever tests before have left.
    """
    for number in SIGNALS:
        case.addCleanup(signal.signal, number, signal.getsignal(number))
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
