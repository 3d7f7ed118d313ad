"""
Time in a test: web servers that read slowly, and seconds that pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Clock

from ..server.factory import ServerFactory

if TYPE_CHECKING:
    from .exchange import Exchange


class SlowReaders:
    """
    Requests whose responses are read at a rate.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._ticks: dict[Exchange, IDelayedCall] = {}

    def add(self, exchange: Exchange, rate: int) -> None:
        """
        Read a response slowly.

        @param rate: How many bytes in each second; with 0, none by itself.
        """
        exchange.holdBack()
        if rate:
            self._ticks[exchange] = self._clock.callLater(1, self._tick, exchange, rate)

    def _tick(self, exchange: Exchange, rate: int) -> None:
        del self._ticks[exchange]
        if not exchange.over:
            exchange.read(rate)
            if not exchange.over:
                self._ticks[exchange] = self._clock.callLater(1, self._tick, exchange, rate)

    def stop(self) -> None:
        """
        Read no more.
        """
        for call in self._ticks.values():
            call.cancel()
        self._ticks.clear()


def passTime(clock: Clock, seconds: float) -> None:
    """
    Let time pass, in steps of a second: a server looks at its limits once a second.
    """
    whole = int(seconds)
    clock.pump([1.0] * whole + [seconds - whole])


def clockOf(factory: ServerFactory) -> Clock:
    """
    The clock of an app's server in memory.

    @raise TypeError: If it measures real time.
    """
    clock = factory.clock
    if not isinstance(clock, Clock):
        raise TypeError(
            f"the factory measures real time, by {type(clock).__name__}: give it a Clock of "
            f"twisted.internet.task, as {type(factory).__name__}(app, clock=Clock(), ...)"
        )
    return clock
