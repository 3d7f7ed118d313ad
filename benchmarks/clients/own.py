"""
txfcgi's client: all params are encoded anew for each request, with another REMOTE_PORT, and the
whole body of each response is looked at.
"""

from __future__ import annotations

from twisted.python.failure import Failure

from txfcgi import ClientOptions, ClientResponse, FastCGIClient

from ..params import nginxParams
from .common import Account, told


def main() -> None:
    """
    Run.
    """
    from twisted.internet import reactor

    options = told("txfcgi's client.")
    account = Account()
    client = FastCGIClient(
        reactor,
        f"unix:{options.address}",
        ClientOptions(
            maxConnections=options.connections,
            keepConnections=options.keep,
            maxRequests=1_000_000_000,
        ),
    )
    params = nginxParams("/hello", 0, options.script)
    port = 40_000

    def ask() -> None:
        nonlocal port
        port = port % 60_000 + 1
        params["REMOTE_PORT"] = str(port)
        client.request(params).addCallbacks(answered, failed)

    def answered(response: ClientResponse) -> None:
        response.content().addCallbacks(read, failed)

    def read(body: bytes) -> None:
        account.done += 1
        if body != options.answer:
            account.wrong(f"another body: {body[:50]!r}")
        ask()

    def failed(failure: Failure) -> None:
        account.wrong(failure.getErrorMessage())
        reactor.callLater(0.1, ask)

    account.run(reactor, options, ask)


if __name__ == "__main__":
    main()
