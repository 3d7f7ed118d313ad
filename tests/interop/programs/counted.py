"""
An app that keeps a book of what it ran: each request has a number of its own, and is written down
as it begins. Its answer shows that it is the answer to that request.

The folder in the environment variable C{COUNTED} has the book, C{book}, and may have a file
C{version}, which each process reads once.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from txfcgi import ResponderRequest, Response

FOLDER = Path(os.environ["COUNTED"])
VERSION = (FOLDER / "version").read_text()

if VERSION == "broken":
    raise RuntimeError("this version can't be loaded")

# Lines of several processes do not mix: each is one write.
book = os.open(FOLDER / "book", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


async def app(request: ResponderRequest) -> Response:
    """
    Say what came, and to whom.
    """
    number = request.queryString
    os.write(book, f"{number} {os.getpid()} {request.method}\n".encode())
    body = await request.stdin.read()
    answer = {
        "number": number,
        "method": request.method,
        "sha256": hashlib.sha256(body).hexdigest(),
        "pid": os.getpid(),
        "version": VERSION,
    }
    return Response(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())
