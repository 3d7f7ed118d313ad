"""
L{Counters}: counts everything since the start. The figures of several workers are added up, and the
sum keeps those of workers that have ended.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from ..errors import RequestAborted
from ..server.observing import NO_FAULT, ServerObserver, reasonOf
from ..wire.records import Role

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

    from ..client.client import Client
    from ..server.factory import ServerFactory
    from ..server.observing import Account
    from ..server.request import Request
    from ..wire.params import Params
    from .slow import SlowRequests

#: The upper ends of the classes of durations, in seconds; one more class has the rest.
BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

#: The figures of the present state: they don't stay in the sum when a worker has ended.
GAUGES: Final = frozenset(("connections", "running", "open", "connecting", "idle", "waiting"))


class Counters(ServerObserver):
    """
    Counts the activity of servers, and of the clients beside them.

    @ivar connections: Open connections.
    @ivar accepted: Accepted connections.
    @ivar running: Running requests.
    @ivar busiest: The most requests that ran at once.
    @ivar answers: Responses, by the first digit of their status; 0 without a status.
    @ivar refused: Refused requests and connections, by the reason in one word.
    @ivar limits: How often each limit was reached, by its name.
    @ivar aborted: Requests that the web server aborted.
    @ivar errors: Requests that an app failed on.
    @ivar brokenConnections: Connections that ended because the peer broke the protocol.
    @ivar seconds: The total duration of all requests.
    @ivar durations: Requests by their duration, in the classes of L{BUCKETS}.
    """

    __slots__ = (
        "_clients",
        "_factories",
        "_roles",
        "_slow",
        "aborted",
        "accepted",
        "answers",
        "brokenConnections",
        "busiest",
        "connections",
        "durations",
        "errors",
        "limits",
        "refused",
        "running",
        "seconds",
    )

    def __init__(self) -> None:
        self.connections = self.accepted = 0
        self.running = self.busiest = 0
        self._roles = [0] * (len(Role) + 1)
        self.answers = [0] * 6
        self.refused: dict[str, int] = {}
        self.limits: dict[str, int] = {}
        self.aborted = self.errors = self.brokenConnections = 0
        self.seconds = 0.0
        self.durations = [0] * (len(BUCKETS) + 1)
        self._factories: list[ServerFactory] = []
        self._slow: SlowRequests | None = None
        self._clients: dict[str, Client] = {}

    def addServer(self, factory: ServerFactory) -> None:
        """
        Also count the bytes of a server. This object gets everything else as the server's observer.
        """
        self._factories.append(factory)

    def addSlow(self, slow: SlowRequests) -> None:
        """
        Include the number of slow requests.
        """
        self._slow = slow

    def addClient(self, name: str, client: Client) -> None:
        """
        Include the L{figures<txfcgi.client.figures.ClientFigures>} of a client's pool.

        @param name: The name of the client in the figures.
        """
        self._clients[name] = client

    # As an observer

    def connectionOpened(self, peer: IAddress) -> None:
        """
        Count it.
        """
        self.connections += 1
        self.accepted += 1

    def connectionClosed(self, peer: IAddress) -> None:
        """
        Count it.
        """
        self.connections -= 1

    def connectionRefused(self, peer: IAddress | None, reason: str) -> None:
        """
        Count it, and the limit that was the reason.
        """
        _add(self.refused, reason)
        if reason == "connections":
            _add(self.limits, reason)

    def connectionFailed(self, peer: IAddress, error: BaseException) -> None:
        """
        Count it.
        """
        self.brokenConnections += 1

    def requestBegan(self, request: Request, account: Account) -> None:
        """
        Count it.
        """
        running = self.running = self.running + 1
        if running > self.busiest:
            self.busiest = running
        self._roles[request.role] += 1

    def requestEnded(self, request: Request, account: Account) -> None:
        """
        Count it, and how it ended.
        """
        self.running -= 1
        code = account.code
        self.answers[code // 100 if code < 600 else 0] += 1
        seconds = account.seconds
        self.seconds += seconds
        self.durations[bisect_left(BUCKETS, seconds)] += 1
        if account.error is not None:
            if isinstance(account.error, RequestAborted):
                self.aborted += 1
            elif not isinstance(account.error, NO_FAULT):
                self.errors += 1

    def requestRefused(
        self, peer: IAddress, role: int, params: Params | None, error: BaseException
    ) -> None:
        """
        Count it.
        """
        _add(self.refused, reasonOf(error))

    def limitReached(self, name: str) -> None:
        """
        Count it.
        """
        _add(self.limits, name)

    # As figures

    def figures(self) -> dict[str, Any]:
        """
        All figures, as JSON values.
        """
        counted = {name: getattr(self, name) for name in _COUNTED}
        traffic = [factory.traffic for factory in self._factories]
        counted["slow"] = 0 if self._slow is None else self._slow.count
        counted["requests"] = sum(self._roles)
        counted["roles"] = {role.name.lower(): self._roles[role] for role in Role}
        counted["received"] = sum(received for received, _ in traffic)
        counted["sent"] = sum(sent for _, sent in traffic)
        counted["clients"] = {
            name: asdict(client.figures()) for name, client in self._clients.items()
        }
        return counted


_COUNTED: Final = tuple(name for name in Counters.__slots__ if not name.startswith("_"))


def _add(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def total(figures: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """
    Add up the figures of several workers.

    @param figures: The L{Counters.figures} of each worker. A missing name counts as 0, and anything
        that is not a figure is left out.
    """
    together = Counters().figures()
    for each in figures:
        together = {name: _sum(value, each.get(name)) for name, value in together.items()}
    return together


def remains(figures: Mapping[str, Any]) -> dict[str, Any]:
    """
    The figures of an ended worker that stay in the sum: all but those of the present state.
    """
    return {
        name: remains(value) if isinstance(value, Mapping) else value
        for name, value in figures.items()
        if name not in GAUGES
    }


def _sum(first: Any, second: Any) -> Any:
    """
    The sum of two figures, number by number. A worker's report may be malformed.
    """
    if isinstance(first, dict):
        if not isinstance(second, Mapping):
            return first
        return {
            name: _sum(first.get(name, _nothing(second.get(name))), second.get(name))
            for name in dict.fromkeys([*first, *second])
        }
    if isinstance(first, list):
        if not isinstance(second, list) or len(first) != len(second):
            return first
        return [_sum(a, b) for a, b in zip(first, second, strict=True)]
    if isinstance(second, bool) or not isinstance(second, (int, float)):
        return first
    return first + second


def _nothing(figure: Any) -> Any:
    return {} if isinstance(figure, Mapping) else 0
