"""
A WSGI application for uWSGI and flup; run as a program, it is served by flup, by the protocol and
on the socket that are its arguments. What it can do is in the query string.
"""

import hashlib
import importlib
import sys


def application(environ, startResponse):
    """
    Answer.
    """
    startResponse("200 OK", [("Content-Type", "text/plain")])
    query = environ["QUERY_STRING"]
    if query == "hello":
        return [b"hello\n"]
    if query == "count":
        digest = hashlib.sha256()
        left = int(environ["CONTENT_LENGTH"])
        while left:
            piece = environ["wsgi.input"].read(min(left, 65536))
            if not piece:
                raise EOFError("the body is too short")
            left -= len(piece)
            digest.update(piece)
        return [digest.hexdigest().encode("ascii") + b"\n"]
    if query == "big":
        return (
            b"".join(b"%015d\n" % number for number in range(start, start + 4096))
            for start in range(0, 20 * 1024 * 1024 // 16, 4096)
        )
    if query == "stderr":
        environ["wsgi.errors"].write("something to say")
        environ["wsgi.errors"].flush()
        return [b"said\n"]
    return []


if __name__ == "__main__":
    server = importlib.import_module(f"flup.server.{sys.argv[1]}")
    server.WSGIServer(application, bindAddress=sys.argv[2], maxSpare=20, maxThreads=40).run()
