"""
L{Worker}: the worker's end of the link: it reports to the master, and carries out its orders.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from .link import ILinkEnd, Link

#: Seconds between two reports to the master.
REPORT_EVERY: Final = 1.0


class IWorks(Interface):
    """
    The orders that a master can give to a worker.
    """

    def retire() -> Deferred[None]:
        """
        Stop accepting, and end when running requests have finished.
        """

    def drain() -> Deferred[None]:
        """
        Accept the connections that are waiting, and end when all requests have finished.
        """

    def abort() -> None:
        """
        Abort the running requests.
        """

    def reopen() -> None:
        """
        Reopen the log files.
        """

    def learn(summary: Mapping[str, Any]) -> None:
        """
        Take the summary of all workers.

        @param summary: The figures for C{--status-path}.
        """

    def figures() -> Mapping[str, Any]:
        """
        The worker's figures, as JSON values. C{requests} is how many requests have begun.
        """


@implementer(ILinkEnd)
class Worker:
    """
    A worker's side of the link.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        works: Any,
        over: Callable[[], object],
        requests: int | None = None,
        chance: Callable[[], float] = random.random,
        files: Callable[[], list[str]] | None = None,
    ) -> None:
        """
        @param works: Carries out the orders; see L{IWorks}.
        @param over: Called when it has ended.
        @param requests: After how many requests it asks to be replaced, plus up to a tenth at
            random, so that workers are not all replaced at once; L{None} for never.
        @param chance: A number from 0 to 1.
        @param files: Returns the files of the app, if the master wants them.
        """
        self.link = Link(self)
        self._works = works
        self._over = over
        self._requests = None if requests is None else requests + int(requests * chance() / 10)
        self._ending = False
        self._files = files
        self._told: list[str] = []
        self._leaving = False
        self._reports = LoopingCall(self.report)
        self._reports.clock = clock

    def ready(self) -> None:
        """
        Report to the master that this worker accepts connections, and its figures from now on.
        """
        self.link.tell("ready")
        self._reports.start(REPORT_EVERY).addErrback(
            lambda failure: self.log.failure("A report to the master failed", failure)
        )

    def failed(self, why: str) -> None:
        """
        Report to the master why this worker can't start. It ends by itself, whether or not the
        master is there.

        @param why: The reason.
        """
        self._ending = True
        self.link.tell("failed", why=why[:10_000])

    def report(self) -> None:
        """
        Report this worker's figures to the master.
        """
        figures = self._works.figures()
        self.link.tell("figures", **figures)
        if self._files is not None:
            files = self._files()
            if files != self._told and self.link.tell("files", paths=files):
                self._told = files
        if self._requests is not None and figures.get("requests", 0) >= self._requests:
            self._leaving = True
        if self._leaving:
            self.link.tell("spent")

    def replace(self) -> None:
        """
        This worker was told to end: ask the master for a replacement, then retire. If told again,
        retire at once.
        """
        if self._leaving:
            self._end(self._works.retire)
        else:
            self._leaving = True
            self.link.tell("spent")

    def heard(self, kind: str, values: Mapping[str, Any]) -> None:
        """
        The master gave an order.
        """
        if kind == "retire":
            self._end(self._works.retire)
        elif kind == "drain":
            self._end(self._works.drain)
        elif kind == "abort":
            self._works.abort()
        elif kind == "reopen":
            self._works.reopen()
        elif kind == "summary":
            self._works.learn(values)
        else:
            self.log.warn("Unknown message from the master: {kind!r}", kind=kind)

    def unlinked(self, why: str) -> None:
        """
        The master is gone, or sent something malformed. It will never send an order to end, so
        drain now.
        """
        if not self._ending:
            self.log.error(
                "The link to the master is gone; this worker drains and ends. {why}", why=why
            )
        self._end(self._works.drain)

    def _end(self, how: Callable[[], Deferred[None]]) -> None:
        if self._ending:
            return
        self._ending = True

        def ended(result: object) -> None:
            if isinstance(result, Failure):
                self.log.failure("While ending", result)
            if self._reports.running:
                self._reports.stop()
                self.report()  # the last report includes the latest figures
            self.link.close()
            self._over()

        how().addBoth(ended)
