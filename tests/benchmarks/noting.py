"""
A server that notes what it was asked for.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.servers.common import listen
from txfcgi import FastCGIServerFactory, Request, Response


def main() -> None:
    """
    Serve until the process is ended.
    """
    address, seen = sys.argv[1:]
    with Path(seen).open("w", encoding="ascii", buffering=1) as file:

        def app(request: Request) -> Response:
            print(request.params["REQUEST_URI"], file=file)
            return Response(200, {"Content-Type": "text/plain"}, b"right")

        listen(address, FastCGIServerFactory(app))


if __name__ == "__main__":
    main()
