"""
txfcgi with an application of another interface, each limit at its default: the application that the
peers have, too.
"""

from __future__ import annotations

from txfcgi import FastCGIServerFactory
from txfcgi.adapters.asgi import ASGIApp
from txfcgi.service.loops import installLoop

from . import asgi
from .common import listen, serverArguments


def main() -> None:
    """
    Serve until the process is ended.
    """
    parser = serverArguments("An adapter of txfcgi.")
    parser.add_argument("loop", choices=["asyncio", "uvloop"])
    options = parser.parse_args()
    installLoop(options.loop, "No reactor is imported before.")
    listen(options.socket, FastCGIServerFactory(ASGIApp(asgi.application)))


if __name__ == "__main__":
    main()
