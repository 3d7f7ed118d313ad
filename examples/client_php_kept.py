"""
Make several requests to php-fpm, one after the other, over one kept connection. The last request
has a body.

    python examples/client_php_kept.py unix:/run/php/php-fpm.sock /var/www/html/index.php
"""

import sys
from pathlib import Path
from typing import Any

from twisted.internet.task import react

from txfcgi import PHPFPM, FastCGIClient


async def main(reactor: Any, endpoint: str, script: str) -> None:
    client = FastCGIClient(reactor, endpoint)
    path = Path(script)
    site = PHPFPM(str(path.parent))
    for _ in range(3):
        response = await client.request(site.params("GET", f"/{path.name}?hello"))
        print(response.code, await response.content(), client.figures().open, "connection")
    response = await client.request(site.params("POST", f"/{path.name}?count"), b"a=1&b=2")
    print(response.code, await response.content(), client.figures().open, "connection")
    await client.close()


if len(sys.argv) != 3:
    sys.exit(__doc__)
react(main, sys.argv[1:])
