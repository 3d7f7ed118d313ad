"""
L{Worker}: the worker's own end: it says that it is ready and how it is, and does what its master
says.
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
    What a worker does, as far as its master has a say in it.
    """

    def retire() -> Deferred[None]:
        """
        Accept nothing more, and end when the requests that run have ended.
        """

    def drain() -> Deferred[None]:
        """
        Accept what waits already, and end when all requests have ended.
        """

    def abort() -> None:
        """
        Give the requests that still run no more time.
        """

    def reopen() -> None:
        """
        Open the log files anew.
        """

    def learn(summary: Mapping[str, Any]) -> None:
        """
        Hear how all workers are together.

        @param summary: What C{--status-path} shows.
        """

    def figures() -> Mapping[str, Any]:
        """
        How it is: what JSON can express. C{requests} is how many requests have begun.
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
        @param works: What it does; see L{IWorks}.
        @param over: Called when it has ended.
        @param requests: After how many requests it asks to be replaced, with up to a tenth more by
            chance, so that not all do so at once; L{None} for never.
        @param chance: A number from 0 to 1.
        @param files: Says which files the app consists of, if the master wants to know.
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
        Tell the master that this worker accepts connections, and from now on how it is.
        """
        self.link.tell("ready")
        self._reports.start(REPORT_EVERY).addErrback(
            lambda failure: self.log.failure("A report to the master failed", failure)
        )

    def failed(self, why: str) -> None:
        """
        Tell the master why this worker can't start.

        @param why: In words.
        """
        self.link.tell("failed", why=why[:10_000])

    def report(self) -> None:
        """
        Tell the master how this worker is.
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
        Somebody wants this worker to end: ask the master for another one, after which it retires.
        Asked again, retire at once.
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
        The master is gone, or can't be understood: nobody will ever say when to end.
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
                self.report()  # what it did since the last one is to be counted, too
            self.link.close()
            self._over()

        how().addBoth(ended)
