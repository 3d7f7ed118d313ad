"""
C{txfcgi ping}: is a back end well?
"""

from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError, Namespace
from typing import Any, Final

from ..cgiparams import cgiParams, decodedPath
from ..errors import InvalidRequest, TxFCGIError
from .arguments import Commands, addEndpoint, addParams, addSCGI, addTimeout, clientFor, protocolOf
from .console import FAILED, OK, Console, readable
from .probe import unlessHTTP

_ABOUT: Final = """ask a back end for something, and say whether it is well.
One line says what was found. The exit status is 0 if it is well, and 1 if it is not: it can't be
reached, is too slow, or answers something else than expected.
"""
_EXAMPLES: Final = """examples:
  txfcgi ping 127.0.0.1:9000
  txfcgi ping unix:/run/app.sock --uri /health --status 200 --expect ok --timeout 2
  txfcgi ping /run/php/php-fpm.sock --fpm-ping
  txfcgi ping /run/php/php-fpm.sock --fpm-status /status --max-queue 10
"""


def statuses(text: str) -> range:
    """
    A status, or a range of them: C{200} or C{200-399}.
    """
    found = re.fullmatch("([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?", text)
    if not found:
        raise ArgumentTypeError(f"{text!r} is neither a status nor two, as in 200-399")
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def add(commands: Commands) -> None:
    """
    Add the command.
    """
    parser = commands.add(
        "ping", run, help="ask whether a back end is well", about=_ABOUT, examples=_EXAMPLES
    )
    addEndpoint(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--uri", default="/", help="what to ask for (default: /)")
    what.add_argument(
        "--fpm-ping",
        nargs="?",
        const="/ping",
        metavar="PATH",
        help="ask php-fpm's ping.path (/ping), and expect pong",
    )
    what.add_argument(
        "--fpm-status",
        nargs="?",
        const="/status",
        metavar="PATH",
        help="ask php-fpm's pm.status_path (/status), and show its figures",
    )
    parser.add_argument(
        "--status",
        type=statuses,
        metavar="CODES",
        help="the statuses that mean well, as 200 or 200-399 (default: below 500)",
    )
    parser.add_argument("--expect", metavar="TEXT", help="what the body has to have in it")
    parser.add_argument(
        "--max-queue",
        type=int,
        metavar="NUMBER",
        help="with --fpm-status: how many requests may wait for a free process",
    )
    addParams(parser)
    addSCGI(parser)
    addTimeout(parser, 5.0)


async def run(reactor: Any, args: Namespace, console: Console) -> int:
    """
    Ask.
    """
    page = args.fpm_ping or args.fpm_status
    try:
        if page:
            query = "?json" if args.fpm_status else ""
            params = cgiParams("GET", page + query, scriptName=page, scriptFilename=page)
        else:
            path = decodedPath(args.uri.partition("?")[0])
            params = cgiParams("GET", args.uri, scriptName="", pathInfo=path)
    except InvalidRequest as error:
        console.say(f"txfcgi ping: {error}")
        return FAILED
    params = {**params, **args.params, **dict(args.param)}
    client = clientFor(reactor, args)
    started = reactor.seconds()
    try:
        asked = client.request(params)
        response = await unlessHTTP(reactor, args.endpoint, protocolOf(args), asked)
        body = await response.content()
    except TxFCGIError as error:
        console.line(f"FAILED {type(error).__name__}: {readable(str(error))}")
        return FAILED
    finally:
        await client.close()
    took = f"in {(reactor.seconds() - started) * 1000:.1f} ms"
    expected = args.expect or ("pong" if args.fpm_ping else None)
    allowed = args.status or (range(200, 201) if page else range(100, 500))
    if response.code not in allowed:
        problem = f"status {response.code}"
    elif expected is not None and expected.encode() not in body:
        problem = f"{expected!r} is not in what it says: {readable(body[:100])}"
    elif args.fpm_status:
        return _figures(body, args.max_queue, took, console)
    else:
        console.line(f"OK status {response.code} {took}")
        return OK
    console.line(f"FAILED {problem} {took}")
    return FAILED


def _figures(body: bytes, most: int | None, took: str, console: Console) -> int:
    """
    What php-fpm's status page says.
    """
    try:
        status = json.loads(body)
        waiting = int(status["listen queue"])
    except (ValueError, KeyError, TypeError):
        console.line(f"FAILED this is no status page of php-fpm: {readable(body[:100])}")
        return FAILED
    shown = ("active processes", "idle processes", "listen queue", "accepted conn", "slow requests")
    figures = ", ".join(f"{name} {status[name]}" for name in shown if name in status)
    well = most is None or waiting <= most
    console.line(f"{'OK' if well else 'FAILED'} {readable(figures)} {took}")
    return OK if well else FAILED
