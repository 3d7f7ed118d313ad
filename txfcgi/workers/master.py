"""
L{Master}: runs the workers, replaces each one that dies, and replaces all of them by a new
generation on a reload.

It does not know sockets, options or apps. A function starts a worker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from signal import SIGKILL, SIGUSR2
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..counting import counted
from .child import Child, ChildState

#: Seconds between two checks of the workers.
TICK: Final = 1.0

# Seconds from the death of a worker to its replacement: the first at once, then longer and longer.
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 30.0

# Seconds for a worker that hangs to write its stack before it is killed.
_LAST_WORDS: Final = 1.0


@dataclass(frozen=True)
class MasterOptions:
    """
    The options of a master.

    @ivar workers: The number of workers.
    @ivar drainTimeout: Seconds for running requests to finish when a worker stops.
    @ivar startTimeout: Seconds for a worker to be ready.
    @ivar hangTimeout: Seconds without a report after which a worker counts as hanging, and is
        killed; L{None} for no limit.
    """

    workers: int = 1
    drainTimeout: float = 30.0
    startTimeout: float = 120.0
    hangTimeout: float | None = None


@dataclass
class Generation:
    """
    Workers that were started with the same code.

    @ivar number: 1 for the first generation.
    @ivar workers: The workers that have not ended.
    """

    number: int
    workers: set[Child] = field(default_factory=set)

    def ready(self) -> int:
        """
        How many of them are ready.
        """
        return sum(worker.state is ChildState.READY for worker in self.workers)


class Master:
    """
    The workers of one service.

    There are never more than two generations: the one that serves, and a new one that starts or an
    old one that drains.

    @ivar clock: The source of time.
    @ivar started: Fires when the first generation is ready; fails with L{StartFailed} if it can't
        start. L{reload} then tries again.
    @ivar trouble: Why the last started generation can't serve; empty if it can.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        options: MasterOptions,
        spawn: Callable[[Child], object],
        changed: Callable[[], object] = lambda: None,
        parted: Callable[[Child], object] = lambda child: None,
    ) -> None:
        """
        @param spawn: Starts the process of a worker.
        @param changed: Called when the result of L{describe} may have changed.
        @param parted: Called with a worker that has ended, after it was removed from L{workers}.
        """
        self.clock = clock
        self.options = options
        self.started: Deferred[None] = Deferred()
        self.trouble = ""
        self._failedFiles: list[str] = []
        self._spawn = spawn
        self._changed = changed
        self._parted = parted
        self._serving = Generation(0)
        self._coming: Generation | None = None
        self._going: Generation | None = None
        self._again = False
        self._stopping: Deferred[None] | None = None
        self._numbers = 0
        self._deaths = 0
        self._diedAt = 0.0
        self._tick: IDelayedCall | None = None
        self._replacing: set[IDelayedCall] = set()
        self._hanging: dict[Child, float] = {}

    # State

    @property
    def workers(self) -> list[Child]:
        """
        All workers that have not ended, by their number.
        """
        generations = (self._serving, self._coming, self._going)
        found = [w for generation in generations if generation for w in generation.workers]
        return sorted(found, key=lambda worker: worker.number)

    @property
    def ready(self) -> int:
        """
        How many workers of the current generation are ready.
        """
        return self._serving.ready()

    @property
    def reloading(self) -> bool:
        """
        Whether a new generation is starting, or will start after an old one has ended.
        """
        return self._coming is not None or self._again

    @property
    def stopping(self) -> bool:
        """
        Whether the service is stopping.
        """
        return self._stopping is not None

    def describe(self) -> str:
        """
        The state in one line.
        """
        if self._stopping is not None:
            return f"draining {counted(len(self.workers), 'worker')}"
        text = f"{self.ready} of {self.options.workers} workers ready"
        if self._coming is not None:
            return f"{text}, generation {self._coming.number} starting"
        if self._going is not None:
            return f"{text}, generation {self._going.number} draining"
        return text

    def files(self) -> set[str]:
        """
        The files of the app that workers have reported: workers that serve, and the one that
        failed.
        """
        found = {path for worker in self.workers for path in worker.files}
        return found.union(self._failedFiles if self.trouble else ())

    # Orders

    def start(self) -> None:
        """
        Start the first generation.
        """
        self._tick = self.clock.callLater(TICK, self._look)
        self._coming = Generation(1)
        self._populate(self._coming)

    def reload(self) -> None:
        """
        Let a new generation take over. The old one drains when all new workers are ready, and stays
        if they can't start. A reload that is requested meanwhile follows afterwards, once.
        """
        if self._stopping is not None:
            return
        if self._coming is not None or self._going is not None:
            if not self._again:
                self.log.info("A reload is under way; another one follows.")
            self._again = True
            return
        self._coming = Generation(self._serving.number + 1)
        self.log.info("Reloading: generation {number} starts.", number=self._coming.number)
        self._populate(self._coming)
        self._changed()

    def stop(self) -> Deferred[None]:
        """
        Drain all workers.

        @return: Fires when the last is gone.
        """
        if self._stopping is None:
            self._stopping = Deferred()
            for call in self._replacing:
                call.cancel()
            self._replacing.clear()
            for worker in self.workers:
                worker.drain(self.options.drainTimeout)
            self._changed()
            self._perhapsStopped()
        return self._stopping

    def hurry(self) -> None:
        """
        Abort all running requests.
        """
        for worker in self.workers:
            worker.hurry()

    def tell(self, kind: str, **values: object) -> None:
        """
        Send a message to all workers.
        """
        for worker in self.workers:
            worker.link.tell(kind, **values)

    # Messages of the workers

    def childReady(self, child: Child) -> None:
        """
        A worker is ready.
        """
        if child.replaces is not None:
            child.replaces.retire(self.options.drainTimeout)
        coming = self._coming
        if coming is not None and coming.ready() == self.options.workers:
            self._coming = None
            self.trouble = ""
            before, self._serving = self._serving, coming
            if before.number:
                self.log.info("Generation {number} serves.", number=coming.number)
                self._letGo(before)
            else:
                if not self.started.called:
                    self.started.callback(None)
                self._letGo(before)
        elif child.generation == self._serving.number:
            self.log.info("{child} serves: {text}.", child=child, text=self.describe())
        self._changed()

    def childLoaded(self, child: Child) -> None:
        """
        A worker has reported the files that it loaded.
        """
        self._changed()

    def childSpent(self, child: Child) -> None:
        """
        A worker has served its number of requests: start its replacement.
        """
        if (
            self._stopping is None
            and child.state is ChildState.READY
            and not child.replaced
            and child in self._serving.workers
        ):
            child.replaced = True
            self._add(self._serving, replaces=child)

    def childGone(self, child: Child, how: str) -> None:
        """
        A worker's process has ended.
        """
        self._hanging.pop(child, None)
        generation = self._generationOf(child)
        generation.workers.discard(child)
        self._parted(child)
        expected = child.endBy is not None
        if not expected:
            why = f": {child.why}" if child.why else ""
            self.log.error("{child} {how}{why}", child=child, how=how, why=why)
        if self._stopping is not None:
            self._perhapsStopped()
        elif generation is self._coming:
            if not expected:
                self._abandon(generation, child, how)
        elif generation is self._going:
            self._perhapsOver()
        elif generation is self._serving and not expected:
            self._replaceLater(child)
        else:
            self._perhapsOver()
        self._changed()

    # Inside

    def _populate(self, generation: Generation) -> None:
        for _ in range(self.options.workers):
            if generation is self._coming:  # no earlier one has failed at once
                self._add(generation)

    def _add(self, generation: Generation, replaces: Child | None = None) -> None:
        self._numbers += 1
        child = Child(self, self._numbers, generation.number, replaces)
        generation.workers.add(child)
        try:
            self._spawn(child)
        except OSError as error:
            child.gone(f"could not be started: {error.strerror or error}")
        except Exception as error:
            self.log.failure("{child} could not be started", child=child)
            child.gone(f"could not be started: {error}")

    def _generationOf(self, child: Child) -> Generation:
        for generation in (self._serving, self._coming, self._going):
            if generation is not None and generation.number == child.generation:
                return generation
        return Generation(child.generation)  # it was abandoned

    def _letGo(self, generation: Generation) -> None:
        self._going = generation
        for worker in list(generation.workers):
            worker.retire(self.options.drainTimeout)
        self._perhapsOver()

    def _abandon(self, generation: Generation, child: Child, how: str) -> None:
        """
        A new generation can't start.
        """
        self._coming = None
        why = self.trouble = child.why or how
        self._failedFiles = child.files
        if not self.started.called:
            self._letGo(generation)
            self.started.errback(StartFailed(f"{child} can't start: {why}"))
        else:
            self.log.error(
                "Generation {number} could not start, and generation {serving} goes on: {why}",
                number=generation.number,
                serving=self._serving.number,
                why=why,
            )
            self._letGo(generation)

    def _perhapsOver(self) -> None:
        """
        Check whether the old generation has ended, and whether another reload is pending.
        """
        if self._going is not None and not self._going.workers:
            self._going = None
            if self._again:
                self._again = False
                self.reload()

    def _perhapsStopped(self) -> None:
        if self._stopping is not None and not self._stopping.called and not self.workers:
            if self._tick is not None:
                self._tick.cancel()
                self._tick = None
            self._stopping.callback(None)

    def _replaceLater(self, child: Child) -> None:
        """
        Start a replacement for a worker that died; the more of them die, the later.
        """
        successor = [other for other in self._serving.workers if other.replaces is child]
        if successor:
            return
        delay = 0.0
        if self._deaths:
            delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (self._deaths - 1))
            self.log.warn("The next worker starts in {delay} s.", delay=delay)
        self._deaths += 1
        self._diedAt = self.clock.seconds()
        generation, spent = self._serving, child.replaces

        def replace() -> None:
            self._replacing.discard(call)
            if generation is not self._serving:
                return
            if spent is None or spent.state is not ChildState.READY:
                self._add(generation)
            else:
                spent.replaced = False  # it goes on serving, and asks again

        call = self.clock.callLater(delay, replace)
        self._replacing.add(call)

    # Watching

    def _look(self) -> None:
        """
        Check for workers that take too long.
        """
        now = self.clock.seconds()
        self._tick = self.clock.callLater(TICK, self._look)
        for worker in self.workers:
            self._watch(worker, now)
        self._forgive(now)

    def _watch(self, worker: Child, now: float) -> None:
        options = self.options
        if worker.endBy is not None:
            # A worker that is left after its own deadline does not end by itself.
            if now > worker.endBy + 2 * TICK:
                self.log.warn("{worker} did not end in time and is killed.", worker=worker)
                worker.signal(SIGKILL)
        elif worker.state is ChildState.STARTING:
            if now - worker.startedAt > options.startTimeout:
                worker.why = f"it was not ready after {options.startTimeout:g} s"
                worker.signal(SIGKILL)
        elif options.hangTimeout is not None and now - worker.heardAt > options.hangTimeout:
            self._endHanging(worker, now)
        else:
            self._hanging.pop(worker, None)

    def _endHanging(self, worker: Child, now: float) -> None:
        since = self._hanging.setdefault(worker, now)
        if since == now:
            self.log.error(
                "{worker} hangs: its reactor has not turned for {seconds:g} s. Its stack:",
                worker=worker,
                seconds=now - worker.heardAt,
            )
            worker.signal(SIGUSR2)
        elif now - since >= _LAST_WORDS:
            worker.why = "it hung, and was killed"
            worker.signal(SIGKILL)

    def _forgive(self, now: float) -> None:
        """
        Reset the delay when no worker has died for a while.
        """
        if self.ready == self.options.workers and now - self._diedAt > 2 * _LONGEST_DELAY:
            self._deaths = 0


class StartFailed(Exception):
    """
    The first generation of workers could not start.
    """
