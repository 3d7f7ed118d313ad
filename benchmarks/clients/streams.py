"""
txfcgi's client with one large body, there or back.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txfcgi import FastCGIClient

from ..pattern import WARMUP, Pattern, stream
from ..process import growth


async def upload(client: FastCGIClient, size: int) -> int:
    """
    Send so many bytes.

    @return: how many came.
    """
    params = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(size)}
    response = await client.request(params, stream(size))
    return int(await response.content())


async def download(client: FastCGIClient, size: int) -> int:
    """
    Have so many bytes sent.

    @return: how many came.
    """
    response = await client.request({"REQUEST_METHOD": "GET", "QUERY_STRING": str(size)})
    pattern = Pattern()
    async for piece in response.stdout:
        pattern.take(piece)
    return pattern.right


async def run(reactor: Any, way: str, address: str, size: int) -> None:
    """
    Stream a little, and then all, and print what came of it.
    """
    client = FastCGIClient(reactor, f"unix:{address}")
    move = upload if way == "upload" else download
    await move(client, WARMUP)
    with growth(os.getpid()) as values:
        began, cpu = time.monotonic(), time.process_time()
        came = await move(client, size)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    await client.close()
    print(json.dumps({"came": came, "seconds": seconds, "cpu": cpu, **values}))


def main() -> None:
    """
    Run.
    """
    parser = argparse.ArgumentParser(description="One large body.")
    parser.add_argument("way", choices=["upload", "download"])
    parser.add_argument("address")
    parser.add_argument("size", type=int)
    told = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(run(reactor, told.way, told.address, told.size)))


if __name__ == "__main__":
    main()
