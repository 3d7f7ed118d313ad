"""
Tests of L{txfcgi.adapters.threads}.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from txfcgi import FastCGIServerFactory, Request, Response, threaded
from txfcgi.adapters.threads import ThreadPool, sharedPool
from txfcgi.errors import Overloaded
from txfcgi.server.application import IStartsAndStops
from txfcgi.testing import MemoryFrontEnd


def signal(event: Event) -> bool:
    """
    Say that a job is there.
    """
    event.set()
    return True


VARIABLE = contextvars.ContextVar[str]("VARIABLE", default="unset")


class PoolTests(TestCase):
    """
    L{ThreadPool}.
    """

    def pool(self, threads: int = 8, **options: Any) -> ThreadPool:
        """
        A pool that ends with the test.
        """
        pool = ThreadPool(threads, **options)
        self.addCleanup(pool.shutdown)
        return pool

    def test_interface(self) -> None:
        """
        It starts and stops.
        """
        verifyObject(IStartsAndStops, ThreadPool())

    def test_noThreadBeforeTheFirstJob(self) -> None:
        """
        Nothing is started before there is something to do: C{twistd} forks, and threads would be
        lost.
        """
        before = threading.active_count()
        pool = self.pool()
        pool.startup()
        self.assertEqual(threading.active_count(), before)

    async def test_result(self) -> None:
        """
        A call has the function's result, or its exception.
        """
        pool = self.pool()
        self.assertEqual(await pool.call(lambda: 5), 5)
        await self.assertFailure(pool.call(lambda: [][0]), IndexError)
        await self.assertFailure(pool.call(partial(exit, 3)), SystemExit)

    async def test_context(self) -> None:
        """
        Context variables are those of the caller.
        """
        pool = self.pool()
        VARIABLE.set("set")
        self.assertEqual(await pool.call(VARIABLE.get), "set")

    async def test_atOnce(self) -> None:
        """
        Jobs that block run at once, each in a thread; one more waits.
        """
        pool = self.pool(4)
        meeting = threading.Barrier(4)
        late = Event()

        def meet() -> int:
            return meeting.wait(60)

        calls = [pool.call(meet) for _ in range(4)]
        calls.append(pool.call(lambda: 9 if signal(late) else 0))
        self.assertEqual(sorted(await gatherResults(calls)), [0, 1, 2, 3, 9])

    async def test_order(self) -> None:
        """
        Jobs begin in their order.
        """
        pool = self.pool(1)
        begun: list[int] = []
        await gatherResults([pool.call(partial(begun.append, number)) for number in range(50)])
        self.assertEqual(begun, list(range(50)))

    async def test_wakesOften(self) -> None:
        """
        None is lost, however jobs, threads and answers fall together.
        """
        pool = self.pool(3)
        done = 0
        for size in range(1, 40):
            done += len(await gatherResults([pool.call(int) for _ in range(size)]))
        self.assertEqual(done, sum(range(1, 40)))

    async def test_blockedBehindAnswer(self) -> None:
        """
        An answer does not wait for a job that the same thread takes next.
        """
        pool = self.pool(1)
        goOn = Event()
        first = pool.call(lambda: "first")
        second = pool.call(partial(goOn.wait, 60))
        self.assertEqual(await first, "first")
        goOn.set()
        self.assertTrue(await second)

    async def test_overloaded(self) -> None:
        """
        What waits is bounded.
        """
        pool = self.pool(1, maxWaiting=2)
        goOn = Event()
        running = Event()
        first = pool.call(lambda: signal(running) and goOn.wait(60))
        await self.waitFor(running)
        waiting = [pool.call(int) for _ in range(2)]
        error = self.assertRaises(Overloaded, pool.call, int)
        self.assertIn("2 requests wait for one of 1 threads", str(error))
        goOn.set()
        await first
        await gatherResults(waiting)
        self.assertEqual(await pool.call(int), 0)

    async def waitFor(self, event: Event) -> None:
        """
        Wait for a thread, and leave the reactor running.
        """
        other = self.pool(1)
        await other.call(partial(event.wait, 60))

    async def test_forgotten(self) -> None:
        """
        A call that is cancelled before a thread takes it is not made.
        """
        pool = self.pool(1)
        goOn = Event()
        made: list[int] = []
        first: Deferred[Any] = pool.call(partial(goOn.wait, 60))
        second: Deferred[Any] = pool.call(partial(made.append, 2))
        third: Deferred[Any] = pool.call(partial(made.append, 3))
        second.cancel()
        await self.assertFailure(second, CancelledError)
        goOn.set()
        await gatherResults([first, third])
        self.assertEqual(made, [3])

    async def test_cancelledWhileRunning(self) -> None:
        """
        The result of a call that was cancelled meanwhile is dropped.
        """
        pool = self.pool(1)
        goOn, running = Event(), Event()
        call = pool.call(lambda: signal(running) and goOn.wait(60))
        await self.waitFor(running)
        call.cancel()
        await self.assertFailure(call, CancelledError)
        goOn.set()
        self.assertEqual(await pool.call(int), 0)

    async def test_failingJob(self) -> None:
        """
        A thread outlives a job that raises.
        """
        pool = self.pool(1)
        pool.run(lambda: [][0])
        self.assertEqual(await pool.call(int), 0)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)

    async def test_failingMessage(self) -> None:
        """
        A message that raises keeps no other one.
        """
        pool = self.pool(1)
        told: list[int] = []

        def job() -> None:
            pool.tell(int, "no number")
            pool.tell(told.append, 1)

        await pool.call(job)
        self.assertEqual(told, [1])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    async def test_shutdown(self) -> None:
        """
        Threads end when what waits is done; another job starts one again.
        """
        pool = self.pool(2)
        before = threading.active_count()
        calls = [pool.call(int) for _ in range(5)]
        await pool.shutdown()
        self.assertEqual([call.called for call in calls], [True] * 5)
        self.assertEqual(threading.active_count(), before)
        self.assertEqual(await pool.call(int), 0)
        await gatherResults([pool.shutdown(), pool.shutdown()])

    def test_bad(self) -> None:
        """
        Numbers that make no sense are refused.
        """
        self.assertIn("threads", str(self.assertRaises(ValueError, ThreadPool, 0)))
        self.assertIn("maxWaiting", str(self.assertRaises(ValueError, ThreadPool, maxWaiting=0)))


class HangingTests(SynchronousTestCase):
    """
    A thread that hangs.
    """

    def test_leftBehind(self) -> None:
        """
        The end does not wait for it for ever, and says so.
        """
        reactor = FakeReactor()
        pool = ThreadPool(1, reactor=reactor)
        goOn = Event()
        pool.run(partial(goOn.wait, 60))
        reactor.clock.advance(0)
        ended = pool.shutdown()
        self.assertNoResult(ended)
        reactor.clock.advance(5)
        self.successResultOf(ended)
        goOn.set()

    def test_noThread(self) -> None:
        """
        Where the system gives no thread, it is asked again; what waits is not lost.
        """
        reactor = FakeReactor()
        pool = ThreadPool(1, reactor=reactor)
        done = Event()
        with patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start")):
            pool.run(done.set)
            reactor.clock.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertFalse(done.is_set())
        reactor.clock.advance(1)
        self.assertTrue(done.wait(60))
        pool.shutdown()


class FakeReactor:
    """
    A reactor that a test moves on.
    """

    def __init__(self) -> None:
        from twisted.internet.task import Clock

        self.clock = Clock()
        self.callLater: Callable[..., Any] = self.clock.callLater

    def addSystemEventTrigger(self, *arguments: Any) -> None:
        """
        It never ends.
        """

    def callFromThread(self, function: Callable[..., object]) -> None:
        """
        Nobody listens.
        """


class ThreadedTests(TestCase):
    """
    L{threaded}.
    """

    def setUp(self) -> None:
        self.addCleanup(sharedPool().shutdown)

    async def test_app(self) -> None:
        """
        A function of a request becomes an app.
        """

        @threaded
        def app(request: Request) -> Response:
            name = threading.current_thread().name
            return Response(200, {"X": name}, request.params["QUERY_STRING"].encode())

        frontEnd = MemoryFrontEnd(app, testCase=self)
        response = await frontEnd.get("/?abc")
        self.assertEqual(response.body, b"abc")
        self.assertEqual(response.headers.getRawHeaders("x"), ["txfcgi"])

    async def test_function(self) -> None:
        """
        Any function becomes one that does not block.
        """

        def add(one: int, *, two: int) -> int:
            return one + two

        deferred = threaded(add)(1, two=2)
        self.assertIsInstance(deferred, Deferred)
        self.assertEqual(await deferred, 3)

    def test_coroutineFunction(self) -> None:
        """
        An C{async def} is refused: it would not run at all.
        """

        async def app(request: Request) -> None: ...

        error = self.assertRaises(TypeError, threaded, app)
        self.assertIn("async def", str(error))

    def test_served(self) -> None:
        """
        A factory takes it, as its parameters can be seen.
        """
        FastCGIServerFactory(threaded(lambda request: None))
