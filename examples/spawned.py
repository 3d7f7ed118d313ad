#!/usr/bin/env python3
"""
A program that the web server starts itself, in as many processes as it needs: for Apache's
mod_fcgid, lighttpd's C{bin-path}, or spawn-fcgi::

    spawn-fcgi -n -s /tmp/app.sock -- examples/spawned.py

The program gets the listening socket as its standard input. The web server ends it with SIGTERM.
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
