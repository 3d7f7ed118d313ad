"""
An ASGI application for aioscgi. What it can do is in the query string, as for C{wsgi.py}.
"""

import hashlib


async def application(scope, receive, send):
    """
    Answer.
    """
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"text/plain")],
    }
    query = scope["query_string"]
    pieces = [b""]
    if query == b"hello":
        pieces = [b"hello\n"]
    elif query == b"count":
        digest = hashlib.sha256()
        more = True
        while more:
            message = await receive()
            digest.update(message.get("body", b""))
            more = message.get("more_body", False)
        pieces = [digest.hexdigest().encode("ascii") + b"\n"]
    elif query == b"big":
        pieces = [
            b"".join(b"%015d\n" % number for number in range(begin, begin + 4096))
            for begin in range(0, 20 * 1024 * 1024 // 16, 4096)
        ]
    await send(start)
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
