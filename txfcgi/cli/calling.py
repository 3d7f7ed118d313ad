"""
C{txfcgi get}, C{post} and C{call}: one request to a back end.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..cgiparams import PHPFPM, cgiParams, decodedPath
from ..client.response import ClientResponse
from ..errors import InvalidRequest, RequestFailed, TxFCGIError
from ..wire.records import Role
from .arguments import (
    Commands,
    addEndpoint,
    addParams,
    addSCGI,
    addTimeout,
    clientFor,
    header,
    protocolOf,
)
from .console import APP_FAILED, CLIENT_ERROR, FAILED, OK, SERVER_ERROR, Console, Lines, readable
from .failures import explained
from .fpm import NO_SCRIPT, pageParams
from .probe import unlessHTTP

_ROLES: Final = {role.name.lower(): role for role in Role}

_EXIT: Final = """
The body goes to stdout. The head (<), the back end's stderr (!) and how the
request ended (=) go to stderr.
The exit status is 0; 1 without a response, or with an incomplete one; 3 if the
app's own exit status is not 0; 4 or 5 for a response with such a status.
"""

_GET: Final = """examples:
  txfcgi get 127.0.0.1:9000 /hello?name=world
  txfcgi get /run/php/php-fpm.sock /index.php --root /srv/www
  txfcgi get unix:/run/app.sock / -H 'Accept: text/html' -p REMOTE_USER=alice
"""
_POST: Final = """examples:
  txfcgi post 127.0.0.1:9000 /form --data 'name=world'
  txfcgi post /run/php/php-fpm.sock /upload.php --root /srv/www \\
      --body picture.png --type image/png
"""
_CALL: Final = """examples:
  txfcgi call 127.0.0.1:9000 -p REQUEST_METHOD=GET \\
      -p SCRIPT_FILENAME=/srv/www/a.php
  txfcgi call /run/auth.sock --role authorizer --params params.txt
  txfcgi call /run/filter.sock --role filter --filter-data page.html \\
      -p REQUEST_METHOD=GET
"""


def add(commands: Commands) -> None:
    """
    Add the three commands.
    """
    for name, summary, examples in (
        ("get", "make a GET request", _GET),
        ("post", "make a POST request", _POST),
        ("call", "make any request, with only the given params", _CALL),
    ):
        parser = commands.add(
            name,
            run,
            help=summary,
            about=f"{summary[0].upper()}{summary[1:]}.{_EXIT}",
            examples=examples,
        )
        parser.set_defaults(method=name.upper())
        addEndpoint(parser)
        if name == "call":
            parser.add_argument(
                "--role",
                choices=list(_ROLES),
                default="responder",
                help="the role of the app (default: responder)",
            )
            parser.add_argument(
                "--filter-data", metavar="FILE", help="the file for a filter (DATA)"
            )
        else:
            parser.add_argument("uri", help="path and query, as in a URL")
            parser.add_argument(
                "-X", "--method", metavar="METHOD", help=f"the method (default: {name.upper()})"
            )
            parser.add_argument(
                "-H",
                "--header",
                type=header,
                action="append",
                default=[],
                metavar="'NAME: VALUE'",
                help="an HTTP header; may be given several times",
            )
            parser.add_argument(
                "--root",
                metavar="DIR",
                help="the site's folder, as php-fpm sees it; the path names a script in it",
            )
            parser.add_argument(
                "--front-controller",
                metavar="SCRIPT",
                help="with --root: the script for paths that do not name one, such as index.php",
            )
            parser.add_argument("--script", metavar="FILE", help="SCRIPT_FILENAME, for any path")
            parser.add_argument("--type", metavar="TYPE", help="CONTENT_TYPE of the body")
        if name != "get":
            body = parser.add_mutually_exclusive_group()
            body.add_argument(
                "-d",
                "--data",
                metavar="TEXT",
                help="the body as it stands: @ is a character, unlike in curl (see --body)",
            )
            body.add_argument("--body", metavar="FILE", help="a file with the body; - for stdin")
        addParams(parser)
        addSCGI(parser)
        addTimeout(parser, 60.0)
        parser.add_argument(
            "-i", "--include", action="store_true", help="write the head to stdout as well"
        )
        parser.add_argument(
            "-q", "--quiet", action="store_true", help="write only errors to stderr"
        )


def paramsOf(args: Namespace) -> dict[str, str]:
    """
    The params of a command line.

    @raise InvalidRequest: If the path is invalid.
    """
    if args.command == "call":
        params: dict[str, str] = {}
    else:
        site: dict[str, Any] = {"headers": args.header}
        if args.root is not None:
            php = PHPFPM(os.path.abspath(args.root), frontController=args.front_controller)
            params = php.params(args.method, args.uri, **site)
        elif args.script is not None:
            script = os.path.abspath(args.script)
            params = cgiParams(
                args.method,
                args.uri,
                scriptName="/" + os.path.basename(script),
                scriptFilename=script,
                documentRoot=os.path.dirname(script),
                REDIRECT_STATUS="200",
                **site,
            )
        else:
            path = decodedPath(args.uri.partition("?")[0])
            params = cgiParams(args.method, args.uri, scriptName="", pathInfo=path, **site)
        if args.type is not None:
            params["CONTENT_TYPE"] = args.type
    return {**params, **args.params, **dict(args.param)}


def bodyOf(args: Namespace) -> bytes | None:
    """
    The body of a command line.
    """
    if args.command == "get":
        return None
    if args.data is not None:
        return os.fsencode(args.data)
    if args.body == "-":
        return sys.stdin.buffer.read()
    return None if args.body is None else Path(args.body).read_bytes()


async def run(reactor: Any, args: Namespace, console: Console) -> int:
    """
    Make the request.
    """
    try:
        params = paramsOf(args)
        body = bodyOf(args)
        more: dict[str, Any] = {}
        if args.command == "call":
            more["role"] = _ROLES[args.role]
            if args.filter_data is not None:
                more["data"] = Path(args.filter_data).read_bytes()
        elif body is not None and "CONTENT_TYPE" not in params:
            params["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
    except (InvalidRequest, OSError) as error:
        console.say(f"txfcgi {args.command}: {error}")
        return FAILED
    stderr = Lines(console, "! ")
    said = bytearray()

    def onStderr(data: bytes, _: object) -> None:
        said.extend(data[: len(NO_SCRIPT)])
        if not args.quiet:
            stderr.receive(data)

    client = clientFor(reactor, args, onStderr=onStderr)
    try:
        asked = client.request(params, body, **more)
        response = await unlessHTTP(reactor, args.endpoint, protocolOf(args), asked)
        if response.code == 404 and said.startswith(NO_SCRIPT) and _mayBePage(args, params):
            # php-fpm looks for its own pages in SCRIPT_NAME.
            await response.content()
            stderr.drop()
            params.pop("PATH_INFO", None)
            response = await client.request({**params, **pageParams(args.method, args.uri)})
        _showHead(response, args, console)
        await response.collect(console.write)
        stderr.end()
        if not args.quiet:
            console.say(f"= appStatus {response.applicationStatus}")
        return _status(response)
    except TxFCGIError as error:
        stderr.end()
        status = error.appStatus if isinstance(error, RequestFailed) else None
        told = "" if status is None else f" (appStatus {status})"
        console.say(f"txfcgi {args.command}: {readable(explained(error))}{told}")
        return FAILED
    finally:
        await client.close()


def _mayBePage(args: Namespace, params: Mapping[str, str]) -> bool:
    """
    Whether a request without a script may have been for one of php-fpm's own pages.
    """
    return args.command == "get" and "SCRIPT_FILENAME" not in params


def _showHead(response: ClientResponse, args: Namespace, console: Console) -> None:
    lines = [f"Status: {response.code} {readable(response.phrase)}"]
    lines += [f"{readable(name)}: {readable(value)}" for name, value in response.head.headers]
    if not args.quiet:
        for line in lines:
            console.say(f"< {line}")
    if args.include:
        console.line("\n".join([*lines, ""]))


def _status(response: ClientResponse) -> int:
    if response.code >= 500:
        return SERVER_ERROR
    if response.code >= 400:
        return CLIENT_ERROR
    return APP_FAILED if response.applicationStatus else OK
