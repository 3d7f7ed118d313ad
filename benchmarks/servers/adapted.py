"""
txfcgi with an application of another interface, each limit at its default: the application that the
peers have, too.
"""

from __future__ import annotations

from txfcgi import FastCGIServerFactory, listen
from txfcgi.adapters.asgi import ASGIApp
from txfcgi.service.loops import installLoop

from . import asgi
from .common import described, serve, serverArguments


def main() -> None:
    """
    Serve until the process is ended.
    """
    parser = serverArguments("An adapter of txfcgi.")
    parser.add_argument("loop", choices=["asyncio", "uvloop"])
    options = parser.parse_args()
    installLoop(options.loop, "No reactor is imported before.")
    served = FastCGIServerFactory(ASGIApp(asgi.application))
    serve(listen(served, described(options.socket)))


if __name__ == "__main__":
    main()
