"""
The Python peers: clients that block, one request after the other, each on a connection of its own,
for they keep none. They are someone else's and need not be installed; this program runs in the
interpreter that has them.
"""

from __future__ import annotations

import io
import sys
import time
import types
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..params import nginxParams
from .common import Account, Told, told

Ask = Callable[[dict[str, str]], bytes]


def fcgiClient(address: str) -> Ask:
    """
    fcgi-client. What it returns is all of the output, the head included.
    """
    module: Any = import_module("fcgi_client.FastCGIClient")
    # It takes any id at random, and the floor knows no more than 255.
    module.random = types.SimpleNamespace(randint=lambda low, high: 1)
    client = module.FastCGIClient(f"unix://{address}", timeout=5)

    def ask(params: dict[str, str]) -> bytes:
        return bytes(client.request(params)).partition(b"\r\n\r\n")[2]

    return ask


def flup(address: str) -> Ask:
    """
    flup's WSGI application that calls a FastCGI server.
    """
    # Its client asks for a name of Python 2's.
    setattr(types, "StringTypes", (str,))  # noqa: B010
    client = import_module("flup.client.fcgi_app").FCGIApp(connect=address, filterEnviron=False)

    def ask(params: dict[str, str]) -> bytes:
        environ = {**params, "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}
        return b"".join(client(environ, lambda status, headers: None))

    return ask


PEERS = {"fcgi-client": fcgiClient, "flup": flup}


def run(account: Account, options: Told, ask: Ask) -> None:
    """
    Make requests, and print what came of it.
    """
    params = nginxParams("/hello", 0)
    begun = time.monotonic()
    while not account.begun or time.monotonic() - begun < options.seconds:
        if not account.begun and time.monotonic() - begun >= options.warmup:
            begun = time.monotonic()
            account.begin()
        params["REMOTE_PORT"] = str(account.done % 60_000 + 1)
        try:
            body = ask(params)
        except Exception as error:
            account.wrong(repr(error))
            continue
        account.done += 1
        if body != options.answer:
            account.wrong(f"another body: {body[:50]!r}")
    account.end()


def main() -> None:
    """
    Run.
    """
    options = told("Someone else's client.", sorted(PEERS))
    assert options.kind is not None
    run(Account(), options, PEERS[options.kind](options.address))


if __name__ == "__main__":
    main()
