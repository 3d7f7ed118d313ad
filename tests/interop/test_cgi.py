"""
An app as a plain CGI program, started by real web servers for each request.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from .client import Browser
from .frontends import CHECKOUT
from .processes import Workspace, folder, freePort
from .webservers import apache, lighttpd

# Apache's mod_cgid starts programs by a daemon of its own, mod_cgi by itself.
APACHE = """# a2enmod {module}; it runs the script for each request
Listen {host}:{port}
{daemon}
ScriptAlias "/app" "{script}"
<Directory "{folder}">
    Require all granted
</Directory>
"""

LIGHTTPD = """
server.modules += ( "mod_cgi", "mod_alias" )
alias.url = ( "/app" => "{script}" )
$HTTP["url"] =~ "^/app" {{ cgi.assign = ( ".cgi" => "" ) }}
"""

SCRIPT = """#!{python}
import sys
sys.path.insert(0, "{checkout}")
from txfcgi import Response, serve

async def app(request):
    print("a line that must not be in the answer")
    body = await request.stdin.read()
    words = request.method, request.scriptName, request.pathInfo, request.query["q"], ""
    headers = {{"Content-Type": "text/plain", "X-Of-App": "yes"}}
    return Response(201, headers, " ".join(words).encode() + body)

serve(app)
"""


@contextmanager
def site(name: str) -> Iterator[Browser]:
    """
    A web server that has the script, and a browser.
    """
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        place = workspace.root / "cgi"
        place.mkdir()
        script = place / "app.cgi"
        script.write_text(SCRIPT.format(python=sys.executable, checkout=CHECKOUT), "utf-8")
        script.chmod(0o755)
        port = freePort()
        if name == "lighttpd":
            conf = LIGHTTPD.format(script=script)
            server = stack.enter_context(lighttpd(workspace, conf, port))
        else:
            conf = APACHE.format(
                module=name,
                host=workspace.host,
                port=port,
                script=script,
                folder=place,
                daemon=f"ScriptSock {workspace.root}/cgid" if name == "cgid" else "",
            )
            server = stack.enter_context(apache(workspace, conf, port))
        server.waitUntilAccepting((workspace.host, port))
        yield stack.enter_context(Browser(workspace.host, port))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("cgid", marks=pytest.mark.xdist_group("apache")),
        pytest.param("lighttpd", marks=pytest.mark.xdist_group("lighttpd")),
    ],
)
def test_answers(name: str) -> None:
    """
    A request with a body and one without are answered, and nothing else is in the answer.
    """
    with site(name) as browser:
        answer = browser.fetch("GET", "/app/a%20b?q=1")
        assert (answer.code, answer.body) == (201, b"GET /app /a b 1 ")
        assert answer.header("x-of-app") == ["yes"]
        body = os.urandom(200_000)
        with browser.again() as other:
            answer = other.fetch("POST", "/app?q=2", body=body)
        assert (answer.code, answer.body) == (201, b"POST /app  2 " + body)
