"""
C{txfcgi values}: the variables of an application (GET_VALUES, FastCGI 1.0, section 4.1).
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Final

from ..client.bare import VALUES
from ..client.client import FastCGIClient
from ..errors import TxFCGIError
from .arguments import Commands, addEndpoint, addTimeout, clientOptions
from .console import FAILED, OK, Console, readable
from .failures import explained
from .probe import unlessHTTP

_ABOUT: Final = """Ask an application for its FastCGI variables (FCGI_GET_VALUES), and print those
that it knows. The exit status is 0, or 1 without an answer: some applications
close the connection instead.
"""
_EXAMPLES: Final = """examples:
  txfcgi values 127.0.0.1:9000
  txfcgi values unix:/run/app.sock FCGI_MPXS_CONNS
"""


def add(commands: Commands) -> None:
    """
    Add the command.
    """
    parser = commands.add(
        "values",
        run,
        help="ask an application for its FastCGI variables",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    addEndpoint(parser)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"the variables (default: {' '.join(VALUES)})"
    )
    addTimeout(parser, 5.0)


async def run(reactor: Any, args: Namespace, console: Console) -> int:
    """
    Ask.
    """
    client = FastCGIClient(reactor, args.endpoint, clientOptions(args.timeout))
    try:
        asked = client.getValues(args.names or VALUES)
        values = await unlessHTTP(reactor, args.endpoint, "FastCGI", asked)
    except TxFCGIError as error:
        console.say(f"txfcgi values: {readable(explained(error))}")
        return FAILED
    finally:
        await client.close()
    for name, value in values.items():
        console.line(f"{readable(name)}={readable(value)}")
    return OK
