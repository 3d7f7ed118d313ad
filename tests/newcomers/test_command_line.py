"""
Mistakes on the command lines of C{twistd fcgi} and C{twistd fcgi-gateway}.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.python.usage import UsageError

from txfcgi.errors import CannotServe
from txfcgi.service import fcgitap, gatewaytap
from txfcgi.service.commandline import CommandOptions

FOLDER = str(Path(__file__).parent)
TROUBLE = Path(__file__).parent.parent.parent / "docs" / "troubleshooting.rst"
HERE = ("--app-dir", FOLDER)
PORT = ("--port", "unix:/run/hello/app.sock")
APP = (*HERE, "--app", "firstapp.hello")
GATEWAY = ("--http", "tcp:8080")

LISTEN = "--port says where to listen, such as --port unix:/run/app/app.sock"

Mistakes = dict[str, tuple[tuple[str, ...], str]]

SERVING: Mistakes = {
    "nothing": (
        (),
        "--port and --app are missing: say where to listen and what to serve, such as --port "
        "unix:/run/app/app.sock --app mod.fn",
    ),
    "no app": (
        (*PORT,),
        "--app is missing: say where to listen and what to serve, such as --port "
        "unix:/run/app/app.sock --app mod.fn",
    ),
    "no port": (
        (*APP,),
        "--port is missing: say where to listen and what to serve, such as --port "
        "unix:/run/app/app.sock --app mod.fn",
    ),
    "module alone": (
        (*PORT, *HERE, "--app", "firstapp"),
        "--app 'firstapp' does not name an app: give a module and a function in it, such as "
        "firstapp.app or firstapp:app",
    ),
    "file": (
        (*PORT, *HERE, "--app", "firstapp.py"),
        f"--app firstapp.py: the module firstapp ({FOLDER}/firstapp.py) has no 'py': name the "
        "function, not the file, such as firstapp.app",
    ),
    "path of a file": (
        (*PORT, *HERE, "--app", "./firstapp.py"),
        "--app './firstapp.py' does not name an app: give a module and a function in it, such"
        " as firstapp.app or firstapp:app",
    ),
    "misspelt function": (
        (*PORT, *HERE, "--app", "firstapp.helo"),
        f"--app firstapp.helo: the module firstapp ({FOLDER}/firstapp.py) has no 'helo'; did you"
        " mean hello?",
    ),
    "misspelt module": (
        (*PORT, *HERE, "--app", "fistapp.hello"),
        f"--app fistapp.hello: module 'fistapp' not found in {FOLDER} or on Python's path; "
        "did you mean firstapp?",
    ),
    "not callable": (
        (*PORT, *HERE, "--app", "firstapp.number"),
        "--app firstapp.number: it is of type int, which can't be called; name an app",
    ),
    "WSGI as an app": (
        (*PORT, *HERE, "--app", "firstapp.wsgi"),
        "--app firstapp.wsgi: it is a WSGI application: use --wsgi firstapp.wsgi",
    ),
    "ASGI as an app": (
        (*PORT, *HERE, "--app", "firstapp.asgi"),
        "--app firstapp.asgi: it is an ASGI application: use --asgi firstapp.asgi",
    ),
    "factory as an app": (
        (*PORT, *HERE, "--app", "firstapp.make"),
        "--app firstapp.make: it takes no arguments: if it makes an app, add --factory",
    ),
    "app as WSGI": (
        (*PORT, *HERE, "--wsgi", "firstapp.hello"),
        "--wsgi firstapp.hello: it is an app: use --app firstapp.hello",
    ),
    "ASGI as WSGI": (
        (*PORT, *HERE, "--wsgi", "firstapp:asgi"),
        "--wsgi firstapp:asgi: it is an ASGI application: use --asgi firstapp:asgi",
    ),
    "WSGI as a resource": (
        (*PORT, *HERE, "--resource", "firstapp.wsgi"),
        "--resource firstapp.wsgi: a resource or a site of twisted.web is wanted, and wsgi is"
        " a WSGI application: --wsgi serves it",
    ),
    "two apps": (
        (*PORT, *APP, "--wsgi", "firstapp.wsgi"),
        "--app and --wsgi: give only one of them",
    ),
    "no directory": (
        (*PORT, "--app-dir", "/no/where", "--app", "firstapp.hello"),
        "--app-dir /no/where: the directory does not exist",
    ),
    "no files": (
        (*PORT, "--path", "/no/where"),
        "--path /no/where: the file or directory does not exist",
    ),
    "lifespan without ASGI": (
        (*PORT, *APP, "--lifespan", "on"),
        "--lifespan is for an ASGI application: use it with --asgi",
    ),
    "number as an endpoint": (
        (*APP, "--port", "9000"),
        "--port '9000' is not a valid endpoint; did you mean tcp:9000:interface=127.0.0.1?",
    ),
    "path as an endpoint": (
        (*APP, "--port", "/run/hello/app.sock"),
        "--port '/run/hello/app.sock' is not a valid endpoint; did you mean "
        "unix:/run/hello/app.sock?",
    ),
    "host and port": (
        (*APP, "--port", "localhost:9000"),
        "--port 'localhost:9000' is not a valid endpoint: Unknown endpoint type: 'localhost';"
        " did you mean tcp:9000:interface=localhost?",
    ),
    "address and port": (
        (*APP, "--port", "127.0.0.1:9000"),
        "--port '127.0.0.1:9000' is not a valid endpoint; did you mean "
        "tcp:9000:interface=127.0.0.1?",
    ),
    "host before the port": (
        (*APP, "--port", "tcp:127.0.0.1:9000"),
        "--port tcp:127.0.0.1:9000: '127.0.0.1' is not a number; did you mean "
        "tcp:9000:interface=127.0.0.1?",
    ),
    "port open to all": (
        (*APP, "--port", "tcp:9000"),
        "--port tcp:9000 is open to other machines, and any peer that connects is trusted: "
        "FastCGI and SCGI have no passwords. Listen on this machine only "
        "(tcp:9000:interface=127.0.0.1), use a Unix socket, name who may connect with "
        "--allow-from (for serve(): allowFrom=) or in FCGI_WEB_SERVER_ADDRS, or override with "
        "--insecure (insecure=True)",
    ),
    "port too large": (
        (*APP, "--port", "tcp:99999:interface=127.0.0.1"),
        "--port tcp:99999:interface=127.0.0.1: a port is a number up to 65535",
    ),
    "kind that there is not": (
        (*APP, "--port", "htp:8080"),
        "--port 'htp:8080' is not a valid endpoint: Unknown endpoint type: 'htp'; give "
        "one such as unix:/run/app.sock or tcp:9000:interface=127.0.0.1",
    ),
    "unix without a path": (
        (*APP, "--port", "unix:"),
        "--port unix:: a socket needs a path",
    ),
    "mode": (
        (*APP, "--port", "unix:/run/hello/app.sock:mode=rw"),
        "--port unix:/run/hello/app.sock:mode=rw: mode=rw: give the mode in octal, such as 660",
    ),
    "group that there is not": (
        (*APP, "--port", "unix:/run/hello/app.sock:group=www-date"),
        "--port unix:/run/hello/app.sock:group=www-date: the group 'www-date' does not exist",
    ),
    "misspelt argument": (
        (*APP, "--port", "unix:/run/hello/app.sock:grup=www-data"),
        "--port unix:/run/hello/app.sock:grup=www-data: unknown argument grup=; did you "
        "mean group=?",
    ),
    "no socket from systemd": (
        (*APP, "--port", "systemd:index=0"),
        "--port systemd:index=0: systemd passed no such socket to this process: it "
        "passed none; start the service through its .socket unit",
    ),
    "HTTP open to all": (
        (*APP, *GATEWAY),
        "--http tcp:8080 is open to other machines, and this HTTP server is for "
        "development. Listen on this machine only (tcp:8080:interface=127.0.0.1), name who may "
        "connect with --allow-from, or override with --insecure",
    ),
    "mount without a slash": (
        (*PORT, *APP, "--mount", "shop"),
        "--mount: a mount starts with a slash, such as /shop: 'shop' does not",
    ),
    "path from": (
        (*PORT, *APP, "--path-from", "url"),
        "--path-from takes params or uri, not 'url'",
    ),
    "word for a number": (
        (*PORT, *APP, "--max-connections", "many"),
        "--max-connections takes a whole number, not 'many'",
    ),
    "unit": (
        (*PORT, *APP, "--drain-timeout", "30s"),
        "--drain-timeout takes a number of seconds, not '30s'",
    ),
    "no threads": (
        (*PORT, *APP, "--threads", "0"),
        "--threads takes a whole number of at least 1, not 0",
    ),
    "half an option": (
        (*PORT, *APP, "--worker", "4"),
        "option --worker not a unique prefix: it could be --workers, --worker-requests or "
        "--worker-timeout",
    ),
    "word for workers": (
        (*PORT, *APP, "--workers", "four"),
        "--workers takes auto, or a whole number of at least 1, not 'four'",
    ),
    "worker option without workers": (
        (*PORT, *APP, "--worker-requests", "100"),
        "--worker-requests is for workers: use it with --workers N",
    ),
    "workers and HTTP": (
        (*APP, "--http", "tcp:8080:interface=127.0.0.1", "--workers", "2"),
        "--http is for development, and does not go with --workers",
    ),
    "name in an allow-list": (
        (*PORT, *APP, "--allow-from", "localhost"),
        "--allow-from 'localhost' is neither an IP address nor a network such as 10.0.0.0/8 "
        "or 2001:db8::/32",
    ),
    "misspelt option": (
        (*PORT, *APP, "--maxconnections", "3"),
        "option --maxconnections not recognized; did you mean --max-connections?",
    ),
    "gunicorn: bind": (
        (*APP, "--bind", "unix:app.sock"),
        f"option --bind not recognized: here, {LISTEN}",
    ),
    "gunicorn: bind, short": (
        (*APP, "-b", "127.0.0.1:8000"),
        f"option -b not recognized: here, {LISTEN}",
    ),
    "uvicorn: uds": (
        (*APP, "--uds", "app.sock"),
        f"option --uds not recognized: here, {LISTEN}",
    ),
    "uvicorn: host": (
        (*APP, "--host", "127.0.0.1"),
        "option --host not recognized: here, --port says where to listen, such as --port "
        "tcp:9000:interface=127.0.0.1",
    ),
    "gunicorn: timeout": (
        (*PORT, *APP, "--timeout", "30"),
        "option --timeout not recognized: here, --worker-timeout replaces a worker that hangs, "
        "and --request-timeout ends a request",
    ),
    "gunicorn: graceful timeout": (
        (*PORT, *APP, "--graceful-timeout", "30"),
        "option --graceful-timeout not recognized: here, --drain-timeout says how long running "
        "requests may take to finish",
    ),
    "gunicorn: preload": (
        (*PORT, *APP, "--preload"),
        "option --preload not recognized: here, each worker loads the app itself, so that a "
        "reload brings new code; --workers checks before that it can be loaded",
    ),
    "gunicorn: class": (
        (*PORT, *APP, "-k", "gevent"),
        "option -k not recognized: here, --app, --wsgi, --asgi or --resource says what kind of "
        "app is served",
    ),
    "gunicorn: class, long": (
        (*PORT, *APP, "--worker-class", "gevent"),
        "option --worker-class not recognized: here, --app, --wsgi, --asgi or --resource says "
        "what kind of app is served",
    ),
    "gunicorn: configuration": (
        (*PORT, *APP, "-c", "gunicorn.conf.py"),
        "option -c not recognized: here, options are given on the command line, or in the "
        "environment as TXFCGI_ARGS",
    ),
    "gunicorn: configuration, long": (
        (*PORT, *APP, "--config", "gunicorn.conf.py"),
        "option --config not recognized: here, options are given on the command line, or in the "
        "environment as TXFCGI_ARGS",
    ),
    "uvicorn: directory to watch": (
        (*PORT, *APP, "--reload-dir", "site"),
        "option --reload-dir not recognized: here, --reload watches the files that the app has "
        "loaded, and those beside them",
    ),
    "gunicorn: trusted addresses": (
        (*PORT, *APP, "--forwarded-allow-ips", "*"),
        "option --forwarded-allow-ips not recognized: here, the web server sends the browser's "
        "address as a param, and any peer that may connect is trusted: --allow-from and "
        "--allow-user say which may",
    ),
    "gunicorn: access log": (
        (*PORT, *APP, "--access-logfile", "-"),
        "option --access-logfile not recognized: here, --access-log names the file for a line "
        "about each request",
    ),
    "gunicorn: error log": (
        (*PORT, *APP, "--error-logfile", "error.log"),
        "option --error-logfile not recognized: here, --logfile names the server's log; it is an "
        "option of twistd, and goes before fcgi",
    ),
    "gunicorn: level": (
        (*PORT, *APP, "--log-level", "debug"),
        "option --log-level not recognized: here, the server logs everything from level info up, "
        "and the app decides what it logs itself",
    ),
    "option of another command": (
        (*PORT, *APP, "--status-line"),
        "option --status-line not recognized: it is an option of twistd scgi",
    ),
    "word": (
        (*PORT, *APP, "hello"),
        "'hello' is not an option",
    ),
    "no value": (
        (*PORT, *HERE, "--app"),
        "option --app requires argument",
    ),
}

CALLING: Mistakes = {
    "nothing": (
        (),
        "--http is missing, as in: --http tcp:8080 --backend unix:/run/php/php-fpm.sock "
        "--root /srv/www --php",
    ),
    "no back end": (
        (*GATEWAY,),
        "--backend is missing, as in: --http tcp:8080 --backend unix:/run/php/php-fpm.sock "
        "--root /srv/www --php",
    ),
    "PHP without a root": (
        (*GATEWAY, "--backend", "/run/php.sock", "--php"),
        "--php needs the site's folder: --root",
    ),
    "name as a back end": (
        (*GATEWAY, "--backend", "php-fpm"),
        "--backend 'php-fpm' is not an endpoint: give a host and a port, such as "
        "127.0.0.1:9000, or the path of a Unix socket, such as /run/php/php-fpm.sock",
    ),
    "host without a port": (
        (*GATEWAY, "--backend", "localhost"),
        "--backend 'localhost' is not an endpoint: give a host and a port, such as "
        "localhost:9000, or the path of a Unix socket, such as /run/php/php-fpm.sock",
    ),
    "URL as a back end": (
        (*GATEWAY, "--backend", "http://127.0.0.1:9000/"),
        "--backend 'http://127.0.0.1:9000/' is the address of a web page, and a FastCGI or "
        "SCGI back end speaks no HTTP: give its host and port, such as 127.0.0.1:9000",
    ),
    "no folder": (
        (*GATEWAY, "--backend", "127.0.0.1:9000", "--root", "/no/where"),
        "--root /no/where: the folder does not exist",
    ),
    "option of PHP": (
        (*GATEWAY, "--backend", "127.0.0.1:9000", "--index", "index.php"),
        "--index is for --php",
    ),
    "anybody trusted": (
        (*GATEWAY, "--backend", "127.0.0.1:9000", "--trust-forwarded", "all"),
        "--trust-forwarded 'all' is neither an IP address nor a network such as 10.0.0.0/8 or"
        " 2001:db8::/32",
    ),
}


@pytest.fixture(autouse=True)
def importsAsBefore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    A command line puts a folder on Python's path, and imports from it.
    """
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("firstapp", None)


def told(command: type[CommandOptions], words: tuple[str, ...]) -> str:
    """
    What a command line is answered with.
    """
    with pytest.raises((UsageError, CannotServe)) as caught:
        command().parseOptions(words)
    return str(caught.value)


@pytest.mark.parametrize(("words", "message"), SERVING.values(), ids=SERVING)
def test_serving(words: tuple[str, ...], message: str) -> None:
    """
    Mistakes of people who serve an app.
    """
    assert told(fcgitap.Options, words) == message


@pytest.mark.parametrize(("words", "message"), CALLING.values(), ids=CALLING)
def test_calling(words: tuple[str, ...], message: str) -> None:
    """
    Mistakes of people who put the gateway in front of php-fpm.
    """
    assert told(gatewaytap.Options, words) == message


#: Messages on the page for trouble that do not come from a command line alone.
ELSEWHERE = {
    "Another twistd server is running",
    "is an option of twistd, and goes before fcgi",
    "option --workers not recognized",
    "is in use",
    "Address already in use",
}


def test_pageForTrouble() -> None:
    """
    The page for trouble quotes messages as they are.
    """
    table = TROUBLE.read_text("utf-8").partition("The server does not start\n")[2]
    quoted = re.findall('"([^"]+)"', "".join(re.findall(r"^   \* - (\".*)", table, re.MULTILINE)))
    messages = [message for _, message in (*SERVING.values(), *CALLING.values())]
    assert len(quoted) > len(ELSEWHERE)
    for text in quoted:
        pieces = text.split(" ... ")
        found = any(all(piece in message for piece in pieces) for message in messages)
        assert found or text in ELSEWHERE, text
