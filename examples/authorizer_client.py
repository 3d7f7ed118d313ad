"""
A web page behind a FastCGI Authorizer, such as the one in authorizer.py.

    python examples/authorizer_client.py tcp:127.0.0.1:9000 tcp:8080:interface=127.0.0.1

Then open http://127.0.0.1:8080/ and log in as alice, with the password wonderland.
"""

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Request

from txfcgi import FastCGIClient
from txfcgi.web import AuthorizerResource, IAuthorizedVariables, StreamingSite


class Lounge(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        tier = IAuthorizedVariables(request)["REMOTE_TIER"]
        return b"Welcome to the %s lounge.\n" % tier.encode()


async def main(reactor: Any, authorizer: str, http: str) -> None:
    client = FastCGIClient(reactor, authorizer)
    resource = AuthorizerResource(client, Lounge())
    await serverFromString(reactor, http).listen(StreamingSite(resource))
    print("Listens on", http, flush=True)
    await Deferred()


if len(sys.argv) != 3:
    sys.exit(__doc__)
react(main, sys.argv[1:])
