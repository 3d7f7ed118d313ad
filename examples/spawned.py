#!/usr/bin/env python3
"""
A program that the web server starts by itself, and as many of it as it wants: Apache's mod_fcgid,
lighttpd's C{bin-path}, or spawn-fcgi::

    spawn-fcgi -n -s /tmp/app.sock -- examples/spawned.py

What is started finds the listening socket in place of its standard input. It ends when the web
server says so, with SIGTERM.
"""

import os

from txfcgi import Request, Response, serve


def app(request: Request) -> Response:
    """
    Answer a request.
    """
    return Response(200, {"Content-Type": "text/plain"}, b"process %d\n" % os.getpid())


if __name__ == "__main__":
    serve(app)
