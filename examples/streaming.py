"""
A response that is sent piece by piece: events for a browser's EventSource, one each second, until
the browser leaves.

Start it, in the checkout, for a web server that passes requests on to port 9000::

    twistd -n fcgi --port tcp:9000:interface=127.0.0.1 --app examples.streaming.app

The query sets the number of events, and the seconds between them: C{?count=3&every=0.1}.
"""

import json
from collections.abc import AsyncIterator
from itertools import count, islice
from urllib.parse import parse_qs

from twisted.internet.task import deferLater

from txfcgi import Request, Response


async def events(number: int | None, every: float) -> AsyncIterator[bytes]:
    """
    Make events. When the browser leaves, this is cancelled where it waits.
    """
    # Not at the top: importing an app must not install a reactor.
    from twisted.internet import reactor

    for each in islice(count(1), number):
        if each > 1:
            await deferLater(reactor, every)
        yield b"id: %d\ndata: %s\n\n" % (each, json.dumps({"number": each}).encode())


def app(request: Request) -> Response:
    """
    Answer a request.
    """
    query = {name: values[-1] for name, values in parse_qs(request.queryString).items()}
    number = int(query["count"]) if "count" in query else None
    headers = {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache",
        # Without this, nginx buffers the events.
        "X-Accel-Buffering": "no",
    }
    return Response(200, headers, events(number, float(query.get("every", 1))))
