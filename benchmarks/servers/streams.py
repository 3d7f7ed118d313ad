"""
The other side of what streams: an app that sends as many bytes as it is asked for, and counts those
that it is sent.
"""

from __future__ import annotations

import argparse

from txfcgi import FastCGIServerFactory, Request, Response, listen

from ..pattern import Pattern, stream
from .common import described, serve


async def app(request: Request) -> Response:
    """
    Answers a GET with as many bytes as its query says, and anything else with the number of right
    bytes in its body.
    """
    if request.method == "GET":
        size = int(request.queryString)
        return Response(200, {"Content-Length": str(size)}, stream(size))
    pattern = Pattern()
    async for piece in request.stdin:
        pattern.take(piece)
    return Response(200, {}, b"%d" % pattern.right)


def main() -> None:
    """
    Serve until the process is ended.
    """
    parser = argparse.ArgumentParser(description="An app that streams.")
    parser.add_argument("socket")
    serve(listen(FastCGIServerFactory(app), described(parser.parse_args().socket)))


if __name__ == "__main__":
    main()
