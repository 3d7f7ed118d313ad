"""
Make one request to php-fpm, over a connection that is closed afterwards.

    python examples/client_php_short.py unix:/run/php/php-fpm.sock /var/www/html/index.php
"""

import sys
from pathlib import Path
from typing import Any

from twisted.internet.task import react

from txfcgi import PHPFPM, ClientOptions, FastCGIClient


async def main(reactor: Any, endpoint: str, script: str) -> None:
    client = FastCGIClient(reactor, endpoint, ClientOptions(keepConnections=False))
    path = Path(script)
    response = await client.request(PHPFPM(str(path.parent)).params("GET", f"/{path.name}?hello"))
    print(response.code, response.headers.getRawHeaders("Content-Type"))
    print(await response.text(), end="")
    if response.stderr:
        print(response.stderr.decode(), file=sys.stderr)
    await client.close()


if len(sys.argv) != 3:
    sys.exit(__doc__)
react(main, sys.argv[1:])
