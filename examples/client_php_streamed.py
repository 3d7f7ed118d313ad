"""
A large response of php-fpm, read piece by piece. As long as a piece is being worked on, php-fpm
waits.

    python examples/client_php_streamed.py unix:/run/php/php-fpm.sock /var/www/html/index.php
"""

import sys
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater, react

from txfcgi import PHPFPM, FastCGIClient


async def main(reactor: Any, endpoint: str, script: str) -> None:
    client = FastCGIClient(reactor, endpoint)
    path = Path(script)
    response = await client.request(PHPFPM(str(path.parent)).params("GET", f"/{path.name}?big"))
    size = 0
    async for piece in response.stdout:
        size += len(piece)
        await deferLater(reactor, 0)
    print(size, "bytes, exit status", response.applicationStatus)
    await client.close()


if len(sys.argv) != 3:
    sys.exit(__doc__)
react(main, sys.argv[1:])
