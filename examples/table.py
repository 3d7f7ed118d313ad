"""
A large table as CSV. The app writes its own response, row by row, and never holds more of the table
than the web server has room for.

Start it, in the checkout, for a web server that passes requests on to port 9000::

    twistd -n fcgi --port tcp:9000:interface=127.0.0.1 --app examples.table.app

C{?rows=10} asks for another number of rows than 100,000.
"""

from txfcgi import OutputStream, Request


async def writeTable(out: OutputStream, rows: int) -> None:
    """
    Write the rows. C{drain} waits while the web server takes no more.
    """
    for number in range(1, rows + 1):
        out.write(b"%d,%d\r\n" % (number, number * number))
        await out.drain()


async def app(request: Request) -> None:
    """
    Write a response.
    """
    rows = int(request.query.get("rows", "100000"))
    request.stdout.write(b"Content-Type: text/csv\r\n\r\nnumber,square\r\n")
    await writeTable(request.stdout, rows)
