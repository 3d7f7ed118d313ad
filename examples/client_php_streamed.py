"""
Read a large response from php-fpm piece by piece. php-fpm waits while a piece is being processed.

    python examples/client_php_streamed.py unix:/run/php/php-fpm.sock /var/www/html/index.php
"""

import sys
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater, react

from txfcgi import PHPFPM, ClientResponse, FastCGIClient


async def sizeOf(reactor: Any, response: ClientResponse) -> int:
    size = 0
    async for piece in response.stdout:
        size += len(piece)
        await deferLater(reactor, 0)  # stands for work on the piece
    return size


async def main(reactor: Any, endpoint: str, script: str) -> None:
    client = FastCGIClient(reactor, endpoint)
    path = Path(script)
    response = await client.request(PHPFPM(str(path.parent)).params("GET", f"/{path.name}?big"))
    size = await sizeOf(reactor, response)
    print(size, "bytes, exit status", response.applicationStatus)
    await client.close()


if len(sys.argv) != 3:
    sys.exit(__doc__)
react(main, sys.argv[1:])
