"""
A Filter: it gets a file from the web server, and answers with the file's lines numbered.

None of the common web servers sends such requests; C{tests/examples} has one.
Start it, in the checkout, on port 9000::

    twistd -n fcgi --port tcp:9000:interface=127.0.0.1 --app examples.filter.app
"""

from collections.abc import AsyncIterator
from email.utils import formatdate

from txfcgi import FilterRequest, InputStream, Response, roles


async def numbered(file: InputStream) -> AsyncIterator[bytes]:
    """
    Number the lines of a file, with one line in memory at a time.
    """
    number = 1
    while line := await file.readline():
        yield b"%6d  %b" % (number, line)
        number += 1


def filter(request: FilterRequest) -> Response:
    """
    Answer a request.
    """
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    if request.dataLastModified is not None:
        headers["Last-Modified"] = formatdate(request.dataLastModified, usegmt=True)
    return Response(200, headers, numbered(request.data))


app = roles(filter=filter)
