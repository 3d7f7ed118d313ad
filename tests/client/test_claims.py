"""
New connections that wait for kept ones to be closed, as they do at php-fpm.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txfcgi.client.claims import AGAIN, PATIENCE
from txfcgi.client.client import FastCGIClient
from txfcgi.client.scgi import SCGIClient

from .backends import GET, HEAD, Backend, Connection, client, outcome

# What is added where a deadline is to be over for certain.
MORE = 0.001


def closing(backend: Backend) -> list[int]:
    """
    The numbers of the connections that the client has closed.
    """
    return [
        number
        for number, connection in enumerate(backend.connections)
        if connection.transport.disconnecting
    ]


class TestClaims:
    """
    Claims, each on one kept connection.
    """

    def busy(self, count: int, **options: Any) -> tuple[Clock, Backend, FastCGIClient]:
        """
        A client with kept connections, all of which carry a request.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, **options)
        for _ in range(2):
            for _ in range(count):
                outcome(calling.request(GET))
            for connection in backend.connections:
                if calling.pool.idle < count:
                    connection.answer()
        for _ in range(count):
            outcome(calling.request(GET))
        assert len(backend.connections) == count
        return clock, backend, calling

    def test_idle(self) -> None:
        """
        A new connection that hears nothing has an idle one closed after a while, and another one
        each time that it has waited longer.
        """
        clock, backend, calling = self.busy(3)
        starving = outcome(calling.request(GET))
        for connection in backend.connections[:3]:
            connection.answer()
        clock.advance(PATIENCE - MORE)
        assert closing(backend) == []
        clock.advance(2 * MORE)
        assert len(closing(backend)) == 1
        clock.advance(AGAIN - MORE)
        assert len(closing(backend)) == 1
        clock.advance(2 * MORE)
        assert len(closing(backend)) == 2
        backend.last.answer()
        assert starving[0].code == 200
        clock.advance(10 * AGAIN)
        assert len(closing(backend)) == 2

    def test_nextThatIsFree(self) -> None:
        """
        If none is idle, the next that comes free is closed and not used again, though others wait
        for it: they get a new one in its place.
        """
        clock, backend, calling = self.busy(2, maxConnections=3)
        starving, waiting = (outcome(calling.request(GET)) for _ in range(2))
        clock.advance(PATIENCE + MORE)
        assert closing(backend) == []
        backend.connections[0].answer()
        assert closing(backend) == [0]
        assert len(backend.connections) == 3
        backend.settle()
        assert len(backend.connections) == 4
        # One claim is one connection.
        last = outcome(calling.request(GET))
        backend.connections[1].answer()
        assert closing(backend) == [0]
        for connection in backend.connections[1:]:
            connection.answer()
        assert [result[0].code for result in (starving, waiting, last)] == [200] * 3

    @pytest.mark.parametrize("word", ["stdout", "stderr", "end"])
    def test_heard(self, word: str) -> None:
        """
        One word of the answer is enough: there is a process that serves the connection. What it
        claimed before, it does not need any more.
        """
        clock, backend, calling = self.busy(2)
        outcome(calling.request(GET))
        clock.advance(PATIENCE + MORE)
        backend.last.read()
        if word == "end":
            backend.last.answer()
        else:
            getattr(backend.last, word)(HEAD[:5])
        backend.connections[0].answer()
        clock.advance(10 * AGAIN)
        assert closing(backend) == []

    def test_inTime(self) -> None:
        """
        Back ends that have room close nothing.
        """
        clock, backend, calling = self.busy(1)
        backend.connections[0].answer()
        for _ in range(20):
            results = [outcome(calling.request(GET)) for _ in range(3)]
            clock.advance(PATIENCE - MORE)
            for connection in backend.connections:
                connection.answer()
            assert [result[0].code for result in results] == [200] * 3
        assert closing(backend) == []
        assert len(backend.connections) == 3

    def test_late(self) -> None:
        """
        A program that was busy itself, and looks at the clock before it reads what has come, claims
        nothing.
        """
        clock, backend, calling = self.busy(1)
        outcome(calling.request(GET))
        clock.callLater(PATIENCE + MORE, backend.last.answer)
        backend.connections[0].answer()
        clock.advance(1)
        assert calling.pool.idle == 2
        assert closing(backend) == []

    def test_longScripts(self) -> None:
        """
        What takes long is not disturbed: connections that carry a request are never closed.
        """
        clock, backend, calling = self.busy(3)
        results = [outcome(calling.request(GET)) for _ in range(3)]
        clock.advance(30)
        assert closing(backend) == []
        for connection in reversed(backend.connections[3:]):
            connection.answer()
        assert [result[0].code for result in results] == [200] * 3

    def test_givenUp(self) -> None:
        """
        A request that is given up claims nothing.
        """
        clock, backend, calling = self.busy(1)
        asked = calling.request(GET)
        outcome(asked)
        clock.advance(PATIENCE + MORE)
        asked.cancel()
        backend.settle()
        backend.connections[0].answer()
        clock.advance(10 * AGAIN)
        assert closing(backend) == [1]

    @pytest.mark.parametrize(
        "options",
        [{"keepConnections": False}, {"multiplex": True, "requestsPerConnection": 1}],
        ids=["not kept", "shared"],
    )
    def test_notWhereItIsOfNoUse(self, options: dict[str, Any]) -> None:
        """
        Connections that nobody keeps, or that several requests share, need no claims.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, **options)
        for _ in range(3):
            outcome(calling.request(GET))
        clock.advance(PATIENCE + MORE)
        for connection in backend.connections[:2]:
            connection.answer()
        backend.settle()
        assert calling.pool.idle == (2 if "multiplex" in options else 0)

    def test_SCGI(self) -> None:
        """
        By SCGI no connection is kept.
        """
        clock = Clock()
        calling = SCGIClient(clock, Backend())
        outcome(calling.request(GET))
        clock.advance(2 * PATIENCE)
        (timer,) = clock.getDelayedCalls()
        assert timer.getTime() > 1

    def test_close(self) -> None:
        """
        A client that is closed leaves nothing behind.
        """
        for seconds in (0.0, PATIENCE + MORE):
            clock, backend, calling = self.busy(1)
            outcome(calling.request(GET))
            clock.advance(seconds)
            closed = outcome(calling.close())
            backend.settle()
            assert closed == [None]
            assert clock.getDelayedCalls() == []


class Children:
    """
    What php-fpm does, in memory: a few processes, each of which serves one connection until that
    is closed; the others wait, in the order they came.
    """

    def __init__(self, clock: Clock, backend: Backend, children: int, takes: float) -> None:
        """
        @param takes: Seconds that a request takes.
        """
        self._clock = clock
        self._backend = backend
        self._free = children
        self._takes = takes
        self._accepted = 0
        self._served: list[Connection] = []
        self._working: set[Connection] = set()

    def go(self) -> None:
        """
        Let the processes do all that they can do now.
        """
        self._backend.settle()
        for connection in list(self._served):
            if connection.lost:
                self._served.remove(connection)
                self._free += 1
        while self._free and self._accepted < len(self._backend.connections):
            self._served.append(self._backend.connections[self._accepted])
            self._accepted += 1
            self._free -= 1
        for connection in self._served:
            if connection not in self._working and connection.read():
                self._working.add(connection)
                self._clock.callLater(self._takes, self._answer, connection)

    def _answer(self, connection: Connection) -> None:
        self._working.discard(connection)
        if not connection.lost:
            connection.answer()
        self.go()


class TestFewChildren:
    """
    A back end with fewer processes than the client may have connections.
    """

    @pytest.mark.parametrize("children", [1, 3, 5])
    @pytest.mark.parametrize("callers", [12, 200])
    def test_nobodyStarves(self, children: int, callers: int) -> None:
        """
        Every request is answered, and none waits for a kept connection to time out: none takes
        longer than the work of all before it, and a few tenths of a second.
        """
        clock = Clock()
        backend = Backend()
        processes = Children(clock, backend, children, takes=0.001)
        calling = client(backend, clock=clock, idleTimeout=1000.0)
        each = 25
        taken: list[float] = []

        def ask(left: int) -> None:
            begun = clock.seconds()

            def answered(response: Any) -> None:
                taken.append(clock.seconds() - begun)
                if left > 1:
                    clock.callLater(0, ask, left - 1)

            calling.request(GET).addCallback(answered)

        for _ in range(callers):
            ask(each)
        for _ in range(20_000):
            processes.go()
            clock.advance(0.001)
            if len(taken) == callers * each:
                break
        assert len(taken) == callers * each
        assert max(taken) < callers * 0.004 / children + 0.5
        assert clock.seconds() < callers * each * 0.004 / children + 1

    def test_steady(self) -> None:
        """
        A caller who comes when all processes have a connection waits for the patience, and not for
        those connections to time out.
        """
        clock = Clock()
        backend = Backend()
        processes = Children(clock, backend, 2, takes=0.0)
        calling = client(backend, clock=clock, idleTimeout=1000.0)
        for _ in range(2):
            outcome(calling.request(GET))
        processes.go()
        clock.advance(0)
        held = [outcome(calling.request(GET)) for _ in range(2)]
        late = outcome(calling.request(GET))
        processes.go()
        clock.advance(0)
        assert [len(result) for result in (*held, late)] == [1, 1, 0]
        clock.advance(PATIENCE)
        processes.go()
        clock.advance(0)
        assert late[0].code == 200
