"""
Server-sent events: a page that shows the time, and the stream of events that updates it.

Start it, in the checkout, for a web server that passes requests on to port 9000::

    twistd -n fcgi --port tcp:9000:interface=127.0.0.1 --app examples.events.app

The page is at C{/}, the stream at C{/events}; C{/events?count=3&every=0.1} sends three events and
then ends. A browser that lost the connection reconnects and sends the id of its last event, so the
numbers go on.
"""

from collections.abc import AsyncIterator
from itertools import count, islice
from time import strftime

from twisted.internet.task import deferLater

from txfcgi import Event, EventStream, Request, Response

PAGE = b"""<!DOCTYPE html>
<title>The time</title>
<p id="time">
<script>
  new EventSource("events").addEventListener("time", event => {
    document.getElementById("time").textContent = `${event.lastEventId}: ${event.data}`;
  });
</script>
"""


async def ticks(first: int, number: int | None, every: float) -> AsyncIterator[Event]:
    """
    Send the time. When the browser leaves, this is cancelled where it waits.
    """
    # Not at the top: importing an app must not install a reactor.
    from twisted.internet import reactor

    for each in islice(count(first), number):
        yield Event(name="time", data=strftime("%H:%M:%S"), id=str(each))
        await deferLater(reactor, every)


def app(request: Request) -> Response:
    """
    Answer a request.
    """
    if not request.path.endswith("/events"):
        return Response(200, {"Content-Type": "text/html; charset=utf-8"}, PAGE)
    query = request.query
    seen = request.params.get("HTTP_LAST_EVENT_ID", "0")
    number = int(query["count"]) if "count" in query else None
    first = int(seen) + 1 if seen.isdecimal() else 1
    return EventStream(ticks(first, number, float(query.get("every", 1))))
