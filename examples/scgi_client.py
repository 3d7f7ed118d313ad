"""
Make requests to an SCGI server, on TCP or on a Unix socket, such as scgi_server.py.

    python examples/scgi_client.py tcp:127.0.0.1:9000
    python examples/scgi_client.py unix:/tmp/app.sock
"""

import sys
from typing import Any

from twisted.internet.task import react

from txfcgi import SCGIClient, cgiParams


async def main(reactor: Any, endpoint: str) -> None:
    client = SCGIClient(reactor, endpoint)
    response = await client.request(cgiParams("GET", "/hello"))
    print(response.code, await response.text(), end="")
    response = await client.request(cgiParams("POST", "/deepthought"), b"What is the answer?")
    print(response.code, await response.text(), end="")
    await client.close()


if len(sys.argv) != 2:
    sys.exit(__doc__)
react(main, sys.argv[1:])
