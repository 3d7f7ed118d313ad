"""
Threads for blocking code, apart from the reactor's own pool, and the way back to the reactor.

Waking a thread for each request, and the reactor for each response, costs more than most responses
do, and all of them compete for the interpreter's lock. So:

  - Threads are woken when the reactor has read everything that is waiting, not at each request.
  - One thread is woken. If it leaves jobs behind, it wakes the next one. If a job blocks, the next
    thread continues at once; if none blocks, the first thread does all jobs.
  - The reactor is woken when a thread has no more jobs; if the thread blocks before that, by the
    thread that it has woken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import cache, partial, wraps
from inspect import iscoroutinefunction
from threading import Lock, Thread, current_thread, get_ident
from typing import Any, ClassVar, Final, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import Overloaded
from ..server.application import IStartsAndStops
from ..server.observing import currentRequest

P = ParamSpec("P")
T = TypeVar("T")
Job = Callable[[], object]

THREADS: Final = 8
MAX_WAITING: Final = 512
# Seconds in which threads have to end when no request waits for them.
_STOP_TIMEOUT: Final = 5.0
# Seconds before the next attempt to start a thread, after one failed.
_RETRY: Final = 1.0


@implementer(IStartsAndStops)
class ThreadPool:
    """
    A number of threads that run jobs, the oldest first. Threads are started when they are needed,
    the first one with the first job.

    @ivar threads: The most threads.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(
        self, threads: int = THREADS, *, maxWaiting: int = MAX_WAITING, reactor: Any = None
    ) -> None:
        """
        @param threads: The most threads.
        @param maxWaiting: How many jobs may wait for a thread.
        @param reactor: Where the threads' messages go; the installed one, if not given.
        @raise ValueError: If C{threads} or C{maxWaiting} is less than 1.
        """
        if threads < 1:
            raise ValueError(f"threads: at least 1, not {threads}")
        if maxWaiting < 1:
            raise ValueError(f"maxWaiting: at least 1, not {maxWaiting}")
        self.threads = threads
        self._maxWaiting = maxWaiting
        self._givenReactor = reactor
        # These are read and changed only with the lock held.
        self._lock = Lock()
        self._jobs: deque[Job] = deque()
        self._idle: list[Lock] = []
        self._started = 0  # threads that take jobs
        self._threads: set[Thread] = set()  # those, and those that are about to end
        self._waking = False  # whether a thread is on its way to the jobs
        self._stopping = False
        # What threads have to say. Appending and taking are atomic.
        self._messages: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._announced = False  # whether the reactor knows that there are some
        # These are the reactor thread's own.
        self._due = False  # whether a thread is to be woken
        self._endsWithReactor = False
        self._waiters: list[Deferred[None]] = []
        self._late: IDelayedCall | None = None

    @property
    def reactor(self) -> Any:
        """
        Where the threads' messages go.
        """
        if self._givenReactor is None:
            from twisted.internet import reactor

            self._givenReactor = reactor
        return self._givenReactor

    # In the reactor's thread

    def run(self, job: Job) -> None:
        """
        Have a job done by a thread.

        @param job: Called in a thread. An exception that it raises is logged.
        @raise Overloaded: If C{maxWaiting} jobs wait already.
        """
        if not self._endsWithReactor:
            self._endsWithReactor = True
            self.reactor.addSystemEventTrigger("during", "shutdown", self.shutdown)
        with self._lock:
            if len(self._jobs) >= self._maxWaiting:
                raise Overloaded(
                    f"{self._maxWaiting} requests wait for one of {self.threads} threads",
                    limit="threads",
                )
            self._jobs.append(job)
        if not self._due:
            self._due = True
            self.reactor.callLater(0, self._wake)

    def _wake(self) -> None:
        """
        Send a thread to the jobs.
        """
        self._due = False
        with self._lock:
            if self._jobs:
                self._wakeOne()

    def forget(self, job: Job) -> bool:
        """
        Drop a job that waits.

        @return: Whether it was still waiting; if not, it is running, or has run.
        """
        with self._lock:
            try:
                self._jobs.remove(job)
            except ValueError:
                return False
            return True

    def call(self, function: Callable[[], T]) -> Deferred[T]:
        """
        Call a function in a thread, with the context variables of the caller.

        @return: Fires with what the function returns; fails with what it raises. Cancelling it
            fails it at once; a function that is running continues, and its result is dropped.
        @raise Overloaded: If C{maxWaiting} jobs wait already.
        """
        context = copy_context()
        request = currentRequest.get()

        def cancelled(_: Deferred[T]) -> None:
            self.forget(job)

        def job() -> None:
            account = None if request is None else request.account
            if account is not None:
                account.thread = get_ident()
            try:
                result: T | Failure = context.run(function)
            except BaseException:  # sys.exit() too ends the request, not the thread
                result = Failure()
            if account is not None:
                account.thread = None
            self.tell(answer, result)

        def answer(result: T | Failure) -> None:
            if not deferred.called:
                deferred.callback(result)

        deferred: Deferred[T] = Deferred(cancelled)
        self.run(job)
        return deferred

    def startup(self) -> None:
        """
        Do nothing: threads are started when they are needed.
        """

    def shutdown(self) -> Deferred[None]:
        """
        End the threads when all waiting jobs are done. This happens by itself when the reactor
        stops. A thread that hangs is given up after a few seconds, and does not keep the process
        from exiting. A later job starts threads again.

        @return: Fires when the threads have ended, or are given up.
        """
        with self._lock:
            if not self._threads and not self._jobs:
                return succeed(None)
            self._stopping = True
            if self._jobs:
                self._wakeOne()
            while self._idle:
                self._idle.pop().release()
        waiter: Deferred[None] = Deferred()
        self._waiters.append(waiter)
        if self._late is None:
            self._late = self.reactor.callLater(_STOP_TIMEOUT, self._stopped)
        return waiter

    def _threadEnded(self, thread: Thread) -> None:
        thread.join()  # this was its last job
        with self._lock:
            self._threads.discard(thread)
        if self._late is not None and not self._threads:
            self._late.cancel()
            self._stopped()

    def _stopped(self) -> None:
        """
        There are no threads, or too much time has gone.
        """
        self._late = None
        self._stopping = False
        if self._threads:
            self.log.warn(
                "{threads} threads did not end in {seconds} s, and are left behind",
                threads=len(self._threads),
                seconds=_STOP_TIMEOUT,
            )
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)

    def _deliver(self) -> None:
        """
        Take what threads have said. What they say meanwhile is for the next turn.
        """
        self._announced = False
        messages = self._messages
        for _ in range(len(messages)):
            function, argument = messages.popleft()
            try:
                function(argument)
            except Exception:
                self.log.failure("A message from a thread failed")

    # In a thread

    def tell(self, function: Callable[[T], object], argument: T, *, last: bool = False) -> None:
        """
        Have a function called in the reactor's thread, behind all that was told before.

        @param last: Whether the job is over then: what is told may wait until it is.
        """
        self._messages.append((function, argument))
        if not (last or self._waking):
            self._announce()

    def _announce(self) -> None:
        """
        See to it that the reactor hears what was told.
        """
        if not self._announced:
            self._announced = True
            self.reactor.callFromThread(self._deliver)

    def _work(self) -> None:
        """
        What a thread does.
        """
        wake = Lock()
        wake.acquire()
        job = self._next(wake, True)
        while job is not None:
            try:
                job()
            except BaseException:
                self.log.failure("{job} failed", job=job)
            job = None  # or it would be kept alive until the next job
            job = self._next(wake, False)

    def _next(self, wake: Lock, woken: bool) -> Job | None:
        """
        Wait for a job.

        @param wake: Held by this thread; it is released by whoever wakes it.
        @param woken: Whether this thread was on its way to the jobs.
        @return: The job, or L{None} if this thread is to end.
        """
        while True:
            job: Job | None = None
            with self._lock:
                if woken:
                    self._waking = False
                ended = self._stopping and not self._jobs
                if self._jobs:
                    job = self._jobs.popleft()
                    if self._jobs:
                        self._wakeOne()
                elif ended:
                    self._started -= 1
                else:
                    self._idle.append(wake)
                mayWait = self._waking
            if ended:
                self._messages.append((self._threadEnded, current_thread()))
            if self._messages and not mayWait:
                self._announce()
            if job is not None or ended:
                return job
            wake.acquire()
            woken = True

    # In either, with the lock held

    def _wakeOne(self) -> None:
        """
        Send a thread to the jobs, unless one is on its way, or all are busy.
        """
        if self._waking:
            return
        if self._idle:
            self._waking = True
            self._idle.pop().release()
        elif self._started < self.threads:
            thread = Thread(target=self._work, name="txfcgi", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has no more threads, for now
                self.log.failure("no more than {started} threads", started=self._started)
                if not self._started:
                    self._due = True
                    self.reactor.callLater(_RETRY, self._wake)
                return
            self._started += 1
            self._threads.add(thread)
            self._waking = True


@cache
def sharedPool() -> ThreadPool:
    """
    The pool of this process, for L{threaded} and for the WSGI application that C{twistd} serves.
    """
    return ThreadPool()


def threaded(function: Callable[P, T]) -> Callable[P, Deferred[T]]:
    """
    Make a blocking function one that does not block: it runs in a thread of this process's pool,
    which has eight threads, or as many as C{--threads} says.

    A blocking function of a request becomes an app. In its thread, it may look at the request's
    params and headers, and return a response. The request's streams belong to the reactor: if the
    function needs the body, read it first::

        async def app(request):
            form = await request.stdin.read()
            return await threaded(store)(form)

    @return: A function that returns a Deferred of the result. It raises L{Overloaded
        <txfcgi.errors.Overloaded>} if too many calls wait for a thread; a browser then sees 503.
    @raise TypeError: If C{function} is an C{async def}, which needs no thread, or can't be called.
    """
    if not callable(function):
        raise TypeError(f"threaded() takes a function, not {function!r:.80}")
    if iscoroutinefunction(function):
        raise TypeError(f"{function!r} is an async def: threaded() is for functions that block")

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        return sharedPool().call(partial(function, *args, **kwargs))

    return call
