"""
L{Probes}: C{--ping-path} and C{--status-path}, answered in place of an app, as php-fpm does with
its C{ping.path} and C{pm.status_path}.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ..server.application import App
from ..server.apps import nameOf
from ..server.request import Request
from ..server.response import Response
from ..wire.records import Role
from .board import Snapshot

#: The answer to a ping while the service accepts requests.
PONG: Final = b"pong"

# tcpi_unacked and tcpi_sacked of struct tcp_info: for a listening socket, the length of its queue
# and the limit (Linux).
_TCP_INFO: Final = struct.Struct("=24xII")


class Pool:
    """
    A service, described as php-fpm describes a pool.
    """

    def __init__(self, name: str, began: float) -> None:
        """
        @param name: Its name.
        @param began: When it was started, in seconds since 1970.
        """
        self._name = name
        self._began = began
        self._mostActive = 0
        self._mostWaiting = 0

    def figures(
        self, snapshot: Snapshot, listening: Iterable[socket.socket], now: float
    ) -> dict[str, Any]:
        """
        The fields of php-fpm's status page, by its names.

        @param listening: The listening sockets. The kernel reports the queues of TCP sockets only.
        @param now: The time, in seconds since 1970.
        """
        queues = [_queueOf(each) for each in listening]
        waiting = sum(queue for queue, _ in queues)
        active = sum(each.running > 0 for each in snapshot.processes)
        total = len(snapshot.processes)
        self._mostActive = max(self._mostActive, active)
        self._mostWaiting = max(self._mostWaiting, waiting)
        figures = snapshot.figures
        return {
            "pool": self._name,
            "process manager": "static",
            "start time": int(self._began),
            "start since": max(0, int(now - self._began)),
            "accepted conn": figures["accepted"],
            "listen queue": waiting,
            "max listen queue": self._mostWaiting,
            "listen queue len": max((length for _, length in queues), default=0),
            "idle processes": total - active,
            "active processes": active,
            "total processes": total,
            "max active processes": self._mostActive,
            "max children reached": figures["refused"].get("overloaded", 0),
            "slow requests": figures["slow"],
        }


class Probes:
    """
    An app behind two paths that are answered in its place.
    """

    def __init__(
        self,
        app: App,
        ping: str | None,
        status: str | None,
        figures: Callable[[], Mapping[str, Any]],
        isWell: Callable[[], bool],
    ) -> None:
        """
        @param ping: The path that is answered with 200 and L{PONG}, or with 503 when requests
            should go elsewhere.
        @param status: The path that is answered with the figures.
        @param figures: Returns L{Pool.figures}.
        @param isWell: Tells whether requests are welcome.
        """
        self._app: Any = app
        self.__wrapped__ = app
        self.__qualname__ = nameOf(app)
        self._ping = ping
        self._status = status
        self._figures = figures
        self._isWell = isWell

    def __call__(self, request: Request) -> object:
        """
        Answer a request, or let the app do it.
        """
        if request.role == Role.RESPONDER:
            path = request.path
            if path == self._ping:
                return _answer(200, PONG) if self._isWell() else _answer(503, b"draining")
            if path == self._status:
                return self._answerStatus(request.queryString)
        answered: object = self._app(request)
        return answered

    def _answerStatus(self, query: str) -> Response:
        figures = self._figures()
        if "json" in query.split("&"):
            return _answer(200, json.dumps(figures).encode(), "application/json")
        return _answer(200, poolText(figures).encode())


def poolText(figures: Mapping[str, Any]) -> str:
    """
    The figures as text, in php-fpm's form.
    """
    shown = dict(figures)
    when = time.gmtime(shown["start time"])
    shown["start time"] = time.strftime("%d/%b/%Y:%H:%M:%S +0000", when)
    return "".join(f"{name + ':':<22}{value}\n" for name, value in shown.items())


def _answer(code: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> Response:
    headers = {"Content-Type": kind, "Cache-Control": "no-cache, no-store, must-revalidate"}
    return Response(code, headers, body)


def _queueOf(listening: socket.socket) -> tuple[int, int]:
    """
    The length of a socket's queue, and its limit.
    """
    if listening.family not in (socket.AF_INET, socket.AF_INET6) or not hasattr(socket, "TCP_INFO"):
        return 0, 0
    try:
        info = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        waiting, most = _TCP_INFO.unpack(info)
    except (OSError, struct.error):
        return 0, 0
    return waiting, most
