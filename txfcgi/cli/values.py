"""
C{txfcgi values}: what an application says of itself (GET_VALUES, FastCGI 1.0, section 4.1).
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction
from typing import Any, Final

from txfcgi.client.bare import VALUES
from txfcgi.client.client import FastCGIClient
from txfcgi.errors import TxFCGIError

from .arguments import addEndpoint, addTimeout, clientOptions
from .console import FAILED, OK, Console, readable

_ABOUT: Final = """ask an application for its variables (FCGI_GET_VALUES), and print those that it
knows. The exit status is 0, or 1 if it does not answer; some close the connection instead.
"""
_EXAMPLES: Final = """examples:
  txfcgi values 127.0.0.1:9000
  txfcgi values unix:/run/app.sock FCGI_MPXS_CONNS
"""


def add(commands: _SubParsersAction[ArgumentParser], common: dict[str, Any]) -> None:
    """
    Add the command.
    """
    parser = commands.add_parser(
        "values",
        help="ask an application for its variables",
        description=_ABOUT,
        epilog=_EXAMPLES,
        **common,
    )
    parser.set_defaults(run=run)
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
        values = await client.getValues(args.names or VALUES)
    except TxFCGIError as error:
        console.say(f"txfcgi values: {type(error).__name__}: {readable(str(error))}")
        return FAILED
    finally:
        await client.close()
    for name, value in values.items():
        console.line(f"{readable(name)}={readable(value)}")
    return OK
