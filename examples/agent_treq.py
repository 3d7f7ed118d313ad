"""
Make requests to a FastCGI app with treq, as if it were a web site. No HTTP is spoken; the host's
name only becomes the Host header.

    python examples/agent_treq.py tcp:127.0.0.1:9000 http://app/hello?name=world
"""

import sys
from typing import Any

from twisted.internet.task import react

from txfcgi import FastCGIClient
from txfcgi.web import FastCGIHTTPClient


async def main(reactor: Any, backend: str, url: str) -> None:
    client = FastCGIClient(reactor, backend)
    http = FastCGIHTTPClient(client)
    response = await http.get(url)
    print(response.code, await response.text(), end="")
    response = await http.post(url, json={"some": "thing"})
    print(response.code, await response.text(), end="")
    await client.close()


if len(sys.argv) != 3:
    sys.exit(__doc__)
react(main, sys.argv[1:])
