"""
An app that makes requests to other servers with httpx, an asyncio library. It asks all servers at
once, and gives up on one that takes too long.

It needs httpx (C{pip install httpx}). Start it, in the checkout, for a web server that passes
requests on to port 9000; C{BACKENDS} in the environment has the URLs to ask, separated by spaces::

    twistd -n fcgi --port tcp:9000:interface=127.0.0.1 --loop asyncio --app examples.async_httpx.app

C{--loop asyncio} has the reactor run in an asyncio loop, and each request in a task of its own. The
app may await Deferreds as well.
"""

import asyncio
import os
from typing import Any

import httpx

from txfcgi import Request, Response

BACKENDS = os.environ.get("BACKENDS", "https://example.com/ https://example.org/").split()
PATIENCE = 2.0


async def ask(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """
    Ask one server.
    """
    try:
        answer = await asyncio.wait_for(client.get(url), PATIENCE)
    except (asyncio.TimeoutError, httpx.HTTPError) as error:
        return {"url": url, "error": type(error).__name__}
    return {"url": url, "status": answer.status_code, "bytes": len(answer.content)}


async def app(request: Request) -> Response:
    """
    Answer with the results of all servers.
    """
    async with httpx.AsyncClient(trust_env=False) as client:
        found = await asyncio.gather(*(ask(client, url) for url in BACKENDS))
    return Response.json({"asked": found})
