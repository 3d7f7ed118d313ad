"""
Several callers of one back end through the pool of txfcgi's client, each with one request after the
other.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import react
from zope.interface import implementer

from txfcgi import FastCGIClient
from txfcgi.errors import RequestFailed

from ..params import nginxParams


@implementer(IStreamClientEndpoint)
class Counting:
    """
    An endpoint that counts the connections.
    """

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self.connections = 0
        self._endpoint = endpoint

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect.
        """
        self.connections += 1
        return self._endpoint.connect(factory)


async def measure(reactor: Any, options: argparse.Namespace) -> None:
    """
    Make all requests, and print what became of them.
    """
    endpoint = Counting(UNIXClientEndpoint(reactor, options.address))
    client = FastCGIClient(reactor, endpoint)
    taken: list[float] = []
    wrong: list[str] = []

    async def call() -> None:
        params = nginxParams("/hello", 0, options.script)
        for _ in range(options.requests):
            began = time.monotonic()
            try:
                body = await (await client.request(params)).content()
                if body != options.answer.encode():
                    wrong.append(f"another body: {body[:50]!r}")
            except RequestFailed as error:
                wrong.append(repr(error)[:300])
            taken.append(time.monotonic() - began)

    began = time.monotonic()
    await gatherResults([Deferred.fromCoroutine(call()) for _ in range(options.callers)])
    took = time.monotonic() - began
    await client.close()
    taken.sort()
    values = {
        "slowest": taken[-1] * 1e3,
        "p50": taken[len(taken) // 2] * 1e3,
        "connections": endpoint.connections,
        "rate": len(taken) / took,
    }
    problem = wrong[0] if wrong else ""
    print(json.dumps({"values": values, "errors": len(wrong), "problem": problem}), flush=True)


def main() -> None:
    """
    Run.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("callers", type=int)
    parser.add_argument("requests", type=int)
    parser.add_argument("--answer", required=True)
    parser.add_argument("--script", required=True)
    options = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(measure(reactor, options)))


if __name__ == "__main__":
    main()
