"""
Makes requests in memory, and prints what they cost as JSON: C{python -m benchmarks.clients.memory
stub 1000}, or the name of a web server in place of C{stub}.

Each request is a GET with a header; each answer is checked. C{stub} asks a L{Resource} that says
the same with C{treq.testing.StubTreq}.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import treq
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import Request as HTTPRequest

from txfcgi import Request, Response
from txfcgi.testing import MemoryFrontEnd

ANSWER = b"Hello, World!\n"


class Hello(Resource):
    """
    Says hello.
    """

    isLeaf = True

    def render_GET(self, request: HTTPRequest) -> bytes:
        """
        Say it.
        """
        request.setHeader("Content-Type", "text/plain")
        return ANSWER


def hello(request: Request) -> Response:
    """
    Says hello.
    """
    return Response(200, {"Content-Type": "text/plain"}, ANSWER)


def now(deferred: Deferred[Any]) -> Any:
    """
    What a Deferred has fired with.
    """
    results: list[Any] = []
    deferred.addBoth(results.append)
    return results[0]


def throughStub() -> Callable[[], tuple[int, bytes]]:
    """
    Requests with treq's client in memory.
    """
    resource: Any = Hello
    kit: Any = StubTreq
    stub = kit(resource())

    def ask() -> tuple[int, bytes]:
        response = now(stub.get("http://localhost/page", headers={"Accept": "text/plain"}))
        return response.code, now(treq.content(response))

    return ask


def throughFrontEnd(server: str) -> Callable[[], tuple[int, bytes]]:
    """
    Requests with a web server in memory.
    """
    frontEnd = MemoryFrontEnd(hello, server=cast(Any, server))

    def ask() -> tuple[int, bytes]:
        response = now(frontEnd.get("/page", {"Accept": "text/plain"}))
        return response.code, response.body

    return ask


def main(name: str, requests: int) -> None:
    """
    Make the requests, and say what they cost.
    """
    ask = throughStub() if name == "stub" else throughFrontEnd(name)
    errors = sum(ask() != (200, ANSWER) for _ in range(10))
    gc.collect()
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(requests):
        errors += ask() != (200, ANSWER)
    spent, cpu = time.perf_counter() - started, time.process_time() - cpu
    values = {"cpu": cpu * 1e6 / requests, "rate": requests / spent}
    problem = f"{errors} answers were wrong" if errors else ""
    print(json.dumps({"values": values, "errors": errors, "problem": problem}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
