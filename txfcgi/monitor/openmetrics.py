"""
The figures of a service in OpenMetrics, for Prometheus and others. Requires C{prometheus_client}.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Any, Final

from .board import Board
from .counters import BUCKETS

#: The message if C{prometheus_client} is missing.
MISSING: Final = "This page needs prometheus_client: pip install txfcgi[metrics]\n"

# Figures that are numbers: their names, and their descriptions.
_COUNTERS: Final = (
    ("connections_accepted", "accepted", "Connections that were accepted"),
    ("requests_aborted", "aborted", "Requests that the web server aborted"),
    ("requests_failed", "errors", "Requests that the app failed on"),
    ("requests_slow", "slow", "Requests that took longer than --slow-after"),
    ("connections_broken", "brokenConnections", "Connections that broke the protocol"),
    ("received_bytes", "received", "Bytes received"),
    ("sent_bytes", "sent", "Bytes sent"),
)
_GAUGES: Final = (
    ("connections", "connections", "Open connections"),
    ("requests_running", "running", "Requests that the app is answering"),
)
_BY_NAME: Final = (
    ("requests", "roles", "role", "Requests that the app was called with"),
    ("refused", "refused", "reason", "Requests and connections that were refused"),
    ("limits_reached", "limits", "limit", "How often a limit was reached"),
)
_OF_CLIENTS: Final = frozenset(("requests", "retries", "failures"))


class Collector:
    """
    The collector for C{prometheus_client}.
    """

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterable[Any]:
        """
        All current metrics.
        """
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        snapshot = self._board.snapshot()
        figures = snapshot.figures
        ready = GaugeMetricFamily("txfcgi_ready", "Whether the service takes requests")
        ready.add_metric([], float(snapshot.state == "ready"))
        yield ready
        workers = GaugeMetricFamily("txfcgi_processes", "Processes that serve", labels=["state"])
        states = [each.state for each in snapshot.processes]
        for state in ("starting", "ready", "ending"):
            workers.add_metric([state], states.count(state))
        yield workers
        for name, figure, text in _GAUGES:
            yield GaugeMetricFamily(f"txfcgi_{name}", text, value=figures[figure])
        for name, figure, text in _COUNTERS:
            yield CounterMetricFamily(f"txfcgi_{name}", text, value=figures[figure])
        for name, figure, label, text in _BY_NAME:
            family = CounterMetricFamily(f"txfcgi_{name}", text, labels=[label])
            for value, count in figures[figure].items():
                family.add_metric([value], count)
            yield family
        answers = CounterMetricFamily(
            "txfcgi_responses", "Answers, by the first digit of the status", labels=["class"]
        )
        for first, count in enumerate(figures["answers"]):
            answers.add_metric([f"{first}xx" if first else "none"], count)
        yield answers
        counts = accumulate(figures["durations"])
        ends = [*(str(end) for end in BUCKETS), "+Inf"]
        yield HistogramMetricFamily(
            "txfcgi_request_duration_seconds",
            "How long requests took",
            buckets=list(zip(ends, counts, strict=True)),
            sum_value=figures["seconds"],
        )
        yield from self._ofClients(figures["clients"])

    def _ofClients(self, clients: Any) -> Iterable[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        names = dict.fromkeys(name for figures in clients.values() for name in figures)
        for name in names:
            kind = CounterMetricFamily if name in _OF_CLIENTS else GaugeMetricFamily
            text = f"{name.capitalize()} of a client's pool"
            family = kind(f"txfcgi_client_{name}", text, labels=["client"])
            for client, figures in clients.items():
                family.add_metric([client], figures.get(name, 0))
            yield family


def openMetrics(board: Board) -> tuple[str, bytes]:
    """
    The figures of a service.

    @return: Their media type, and the content.

    @raise ImportError: C{prometheus_client} is not installed.
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(board))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return CONTENT_TYPE_LATEST, text
