"""
The Python peers, each started as its documentation says. They are someone else's and need not be
installed; this program runs by its path, in the interpreter that has them: C{peers.py KIND SOCKET},
with another module behind it if it is not to be C{wsgi} or C{asgi}.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from importlib import import_module

MODULES = {
    "fcgisgi": "fcgisgi",
    "fcgisgi-wsgi": "fcgisgi",
    "flup": "flup.server.fcgi",
    "flup-multiplexed": "flup.server.fcgi",
    "flup-scgi": "flup.server.scgi",
    "flipflop": "flipflop",
    "gevent-fastcgi": "gevent_fastcgi.server",
}


def main() -> None:
    """
    Serve until the process is ended.
    """
    kind, path, *named = sys.argv[1:]
    asgi, wsgi = named * 2 or ("asgi", "wsgi")
    module = import_module(MODULES[kind])
    if kind == "fcgisgi":
        asyncio.run(module.run_asgi_server(import_module(asgi).application, bind_address=path))
        return
    application = import_module(wsgi).application
    if kind == "fcgisgi-wsgi":
        asyncio.run(module.run_wsgi_server(application, bind_address=path))
    elif kind == "flipflop":
        # It takes the socket that a web server would have put on descriptor 0.
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen(1024)
        os.dup2(listening.fileno(), 0)
        module.WSGIServer(application).run()
    elif kind == "gevent-fastcgi":
        handler = import_module("gevent_fastcgi.wsgi").WSGIRequestHandler(application)
        module.FastCGIServer(path, handler, num_workers=1, max_conns=4096).serve_forever()
    else:
        more = {"multiplexed": True} if kind == "flup-multiplexed" else {}
        module.WSGIServer(
            application,
            bindAddress=path,
            **more,
            # Of connections that come together, those beyond its idle threads may never get one.
            maxSpare=20,
        ).run()


if __name__ == "__main__":
    main()
