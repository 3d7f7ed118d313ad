"""
The lines of C{docs/coming-from.rst} run.
"""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from twisted.application.twist._options import TwistOptions
from twisted.internet.testing import MemoryReactorClock
from twisted.scripts._twistd_unix import ServerOptions

import txfcgi
from txfcgi import Request, Response, cgiParams
from txfcgi.cli.main import makeParser
from txfcgi.service import fcgitap, gatewaytap, scgitap
from txfcgi.testing import MemoryBackEnd, MemoryFrontEnd

PAGE = Path(__file__).parent.parent / "docs" / "coming-from.rst"
COMMANDS = {
    "fcgi": fcgitap.Options,
    "scgi": scgitap.Options,
    "fcgi-gateway": gatewaytap.Options,
}


def lines() -> list[str]:
    """
    The lines in the right columns of the page, each once.
    """
    cells = re.findall(r"^ {5}- ``(.*?)``", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(cells) > 80
    return list(dict.fromkeys(cells))


LINES = lines()
SHELL = [line for line in LINES if re.match(r"(\w+=\S+ |\w+=\".*\" )?(twistd?|txfcgi) ", line)]
#: The options of twistd and twist themselves.
OUTER = {"twistd": ServerOptions, "twist": TwistOptions}
PYTHON = [line for line in LINES if line not in SHELL]


async def run(line: str, names: dict[str, Any]) -> object:
    """
    Run a line of Python that may await.

    @return: The value of its last expression.
    """
    tree = ast.parse(line)
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        target = ast.Name("value", ast.Store())
        tree.body[-1] = ast.Assign([target], last.value)
    ast.fix_missing_locations(tree)
    code = compile(tree, line, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    made = eval(code, names)
    if inspect.iscoroutine(made):
        await made
    return names.get("value")


@pytest.mark.parametrize("line", PYTHON)
def test_python(line: str) -> None:
    """
    A line of Python does not fail, in an app.
    """
    backEnd = MemoryBackEnd("Hello")

    async def app(request: Request) -> Response:
        names: dict[str, Any] = {name: getattr(txfcgi, name) for name in txfcgi.__all__}
        names |= {
            "app": app,
            "client": client,
            "params": cgiParams("GET", "/"),
            "reactor": MemoryReactorClock(),
            "request": request,
        }
        value = await run(line, names)
        assert value is not NotImplemented
        if not request.stdout.closed and "stdout.write" in line:
            return None  # type: ignore[return-value]
        return Response(200, {}, b"done")

    client = backEnd.client()
    with MemoryFrontEnd(app, raiseErrors=True) as frontEnd:
        response = frontEnd.browser().post("/?a=1", b"one\ntwo\n", mayLeaveBody=True)
        assert response.code == 200
    backEnd.close()


@pytest.mark.parametrize("line", SHELL)
def test_shell(line: str) -> None:
    """
    A command line has options that there are, with values that they take.
    """
    words = shlex.split(line)
    while "=" in words[0]:
        words.pop(0)
    if words[0] == "txfcgi":
        makeParser().parse_args(words[1:])
        return
    at = next(number for number, word in enumerate(words) if word in COMMANDS)
    outer = OUTER[words[0]]()
    outer.postOptions = lambda: None
    outer.parseOptions(words[1:at])
    options = COMMANDS[words[at]]()
    # What it would serve is not there: so far, and no further.
    options.postOptions = lambda: None  # type: ignore[method-assign]
    options.parseOptions(words[at + 1 :])
