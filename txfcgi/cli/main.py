"""
The command line: its commands, and how they run.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from ..errors import InvalidEndpoint
from ..service.version import versionLine
from . import calling, dump, encode, ping, values
from .arguments import Commands
from .console import FAILED, USAGE, Console

_EXAMPLES = """examples:
  txfcgi get 127.0.0.1:9000 /hello?name=world
  txfcgi ping /run/php/php-fpm.sock --fpm-ping
  txfcgi dump --listen unix:/tmp/seen.sock --connect unix:/run/app.sock

txfcgi COMMAND --help tells more of each.
"""


def makeParser() -> ArgumentParser:
    """
    Make the parser of the command line.
    """
    parser = ArgumentParser(
        prog="txfcgi",
        description="Call FastCGI and SCGI back ends, and show what goes over the wire.",
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=versionLine())
    commands = Commands(parser)
    for module in (calling, ping, values, dump, encode):
        module.add(commands)
    return parser


def main(words: Sequence[str] | None = None) -> NoReturn:
    """
    Run a command, and end the process with its exit status.

    @param words: The words after C{txfcgi}; L{None} for the arguments of this process.
    """
    # Report mistakes before the reactor is imported.
    args = makeParser().parse_args(words)

    async def running(reactor: Any) -> None:
        try:
            status: int = await args.run(reactor, args, Console())
        except InvalidEndpoint as error:
            print(f"txfcgi {args.command}: {error}", file=sys.stderr)
            status = USAGE
        except BrokenPipeError:
            # The reader has closed the pipe. Python would complain when it flushes the rest.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = FAILED
        raise SystemExit(status)

    react(lambda reactor: Deferred.fromCoroutine(running(reactor)))
