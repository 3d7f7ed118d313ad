"""
Get the version and the downloads of rTorrent, by XML-RPC over SCGI.

    python examples/scgi_rtorrent.py scgi+unix:/run/rtorrent.sock
    python examples/scgi_rtorrent.py scgi://127.0.0.1:5000
"""

import sys
from typing import Any

from twisted.internet.task import react

from txfcgi.xmlrpc import SCGIProxy


async def main(reactor: Any, url: str) -> None:
    proxy = SCGIProxy(url, reactor=reactor)
    print("rTorrent", await proxy.callRemote("system.client_version"))
    print(await proxy.callRemote("d.multicall2", "", "main", "d.name="))
    await proxy.close()


if len(sys.argv) != 2:
    sys.exit(__doc__)
react(main, sys.argv[1:])
