"""
Make a hundred requests to php-fpm at once. The pool makes four connections; other requests wait.

    python examples/client_php_many.py unix:/run/php/php-fpm.sock /var/www/html/index.php
"""

import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.task import react

from txfcgi import PHPFPM, ClientOptions, FastCGIClient
from txfcgi.errors import RequestFailed


async def main(reactor: Any, endpoint: str, script: str) -> None:
    client = FastCGIClient(reactor, endpoint, ClientOptions(maxConnections=4))
    path = Path(script)
    params = PHPFPM(str(path.parent)).params("GET", f"/{path.name}?hello")

    async def one(number: int) -> int:
        try:
            response = await client.request(params | {"HTTP_X_NUMBER": str(number)})
            return len(await response.content())
        except RequestFailed as error:
            print(number, type(error).__name__, error, error.stderr)
            return 0

    sizes = await gatherResults([ensureDeferred(one(number)) for number in range(100)])
    print(sum(sizes), "bytes over", client.figures().open, "connections")
    await client.close()


if len(sys.argv) != 3:
    sys.exit(__doc__)
react(main, sys.argv[1:])
