"""
Serve a folder with PHP to browsers: files by Twisted, scripts by php-fpm, and all other paths by
index.php, as WordPress needs it.

    python examples/gateway_php.py unix:/run/php/php-fpm.sock /srv/www tcp:8080:interface=127.0.0.1

Then open http://127.0.0.1:8080/
"""

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import react

from txfcgi import ClientOptions, FastCGIClient
from txfcgi.web import PHPResource, PHPSite, StreamingSite


async def main(reactor: Any, backend: str, folder: str, http: str) -> None:
    client = FastCGIClient(reactor, backend, ClientOptions.forPHP())
    resource = PHPResource(folder, client, PHPSite(frontController="index.php"))
    await serverFromString(reactor, http).listen(StreamingSite(resource))
    print("Listens on", http, flush=True)
    await Deferred()


if len(sys.argv) != 4:
    sys.exit(__doc__)
react(main, sys.argv[1:])
