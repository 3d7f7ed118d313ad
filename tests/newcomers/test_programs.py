"""
Mistakes in programs: what an app returns, factories, clients, and the test kit.
"""

# What is wrong here, the type checker would see.
# mypy: disable-error-code="arg-type,list-item"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

import txfcgi
from txfcgi import FastCGIClient, FastCGIServerFactory, Limits, Response, cgiParams
from txfcgi.adapters.asgi import ASGIApp
from txfcgi.adapters.resource import ResourceApp
from txfcgi.adapters.wsgi import WSGIApp
from txfcgi.testing import MemoryBackEnd, MemoryFrontEnd

from . import firstapp
from .firstapp import asgi, hello, make, wsgi

FILE = firstapp.__file__


def client(*endpoint: Any) -> FastCGIClient:
    """
    A client with these endpoints.
    """
    return FastCGIClient(MemoryReactorClock(), *endpoint)


def asked(*arguments: Any, **options: Any) -> object:
    """
    Make a request, and raise what it fails with.
    """
    failed: list[Any] = []
    client("unix:/run/app.sock").request(*arguments, **options).addErrback(failed.append)
    return failed[0].raiseException() if failed else None


MAKING: dict[str, tuple[Callable[[], object], str]] = {
    "no app": (
        lambda: FastCGIServerFactory(None),
        "None is not an app: an app is a function that is called with a request, and NoneType"
        " objects can't be called.",
    ),
    "name of an app": (
        lambda: FastCGIServerFactory("hello.app"),
        "'hello.app' is not an app: an app is a function that is called with a request, and "
        "str objects can't be called. Give the function itself: a name is for twistd fcgi "
        "--app",
    ),
    "WSGI as an app": (
        lambda: FastCGIServerFactory(wsgi),
        f"wsgi ({FILE}, line 20) is not an app: an app is called with one argument, the "
        "request, and this takes (environ, start_response). It looks like a WSGI application:"
        " serve it with --wsgi, or make an app of it with WSGIApp(...) of "
        "txfcgi.adapters.wsgi",
    ),
    "ASGI as an app": (
        lambda: FastCGIServerFactory(asgi),
        f"asgi ({FILE}, line 28) is not an app: an app is called with one argument, the "
        "request, and this takes (scope, receive, send). It looks like an ASGI application: "
        "serve it with --asgi, or make an app of it with ASGIApp(...) of txfcgi.adapters.asgi",
    ),
    "factory as an app": (
        lambda: FastCGIServerFactory(make),
        f"make ({FILE}, line 34) is not an app: an app is called with one argument, the "
        "request, and this takes (). If it makes an app, call it, or use --factory",
    ),
    "no app for any role": (
        lambda: txfcgi.roles(),
        "roles() needs an app for at least one role, such as roles(responder=app)",
    ),
    "words for seconds": (
        lambda: txfcgi.Overloaded(retryAfter="soon"),
        "retryAfter is a number of whole seconds, such as 5, or None, not 'soon'",
    ),
    "scheme of something else": (
        lambda: cgiParams(scheme="ftp"),
        "the scheme 'ftp' is neither 'http' nor 'https'",
    ),
    "mount without a slash": (
        lambda: FastCGIServerFactory(hello, mount="shop"),
        "a mount starts with a slash, such as /shop: 'shop' does not",
    ),
    "negative limit": (
        lambda: Limits(connections=-1),
        "connections can't be -1",
    ),
    "WSGI by name": (
        lambda: WSGIApp("mysite.wsgi:application"),
        "a WSGI application is called with environ and start_response (PEP 3333), and "
        "'mysite.wsgi:application' can't be called",
    ),
    "WSGI as ASGI": (
        lambda: ASGIApp(wsgi),
        "an ASGI application is called with scope, receive and send (ASGI 3), and wsgi takes "
        "(environ: 'dict[str, Any]', start_response: 'Callable[..., Any]') -> "
        "'Iterable[bytes]': is it a WSGI application? Serve it with --wsgi, or WSGIApp",
    ),
    "app as a resource": (
        lambda: ResourceApp(hello),
        "a resource or a site of twisted.web is wanted, and hello is an app: --app serves it",
    ),
    "name as an endpoint": (
        lambda: client("php-fpm"),
        "'php-fpm' is not an endpoint: give a host and a port, such as 127.0.0.1:9000, or the"
        " path of a Unix socket, such as /run/php/php-fpm.sock",
    ),
    "URL as an endpoint": (
        lambda: client("http://10.0.0.1:9000"),
        "'http://10.0.0.1:9000' is the address of a web page, and a FastCGI or SCGI back end "
        "speaks no HTTP: give its host and port, such as 10.0.0.1:9000",
    ),
    "port as an endpoint": (
        lambda: client(9000),
        "9000 is not an endpoint: give an IStreamClientEndpoint, or text such as "
        "unix:/run/app.sock or tcp:127.0.0.1:9000",
    ),
    "no endpoints": (
        lambda: client([]),
        "a client takes one endpoint or more, and the list is empty",
    ),
    "path as params": (
        lambda: asked("/index.php"),
        "params are a mapping, or pairs, of names and values, not '/index.php'; "
        "cgiParams(method, uri) and PHPFPM(root).params(method, uri) make them",
    ),
    "text as a body": (
        lambda: asked({}, "body"),
        "a body is bytes, an IBodyProducer, or an iterable or asynchronous iterable of bytes,"
        " not str: 'body'",
    ),
    "number as timeouts": (
        lambda: asked({}, timeouts=5),
        "timeouts is a Timeouts, such as Timeouts(total=5), not 5",
    ),
    "role by name": (
        lambda: asked({}, role="filter"),
        "a role is a Role, or a number up to 65535, not 'filter'",
    ),
    "options": (
        lambda: txfcgi.ClientOptions(maxConnections=0),
        "ClientOptions(maxConnections=...) is a number, more than 0, not 0",
    ),
    "timeout as text": (
        lambda: txfcgi.Timeouts(connect="10"),
        "Timeouts(connect=...) is a number, 0 or more or None, not '10'",
    ),
    "URI first": (
        lambda: cgiParams("/index.php"),
        "'/index.php' is not a method; it comes first, as in cgiParams('GET', '/')",
    ),
    "URL as a URI": (
        lambda: cgiParams("GET", "http://host/index.php"),
        "the URI 'http://host/index.php' does not begin with a slash: give path and query as "
        "in a request, such as '/index.php?page=1', and the host as serverName=",
    ),
    "URI without a slash": (
        lambda: cgiParams("GET", "index.php"),
        "the URI 'index.php' does not begin with a slash: give path and query as in a "
        "request, such as '/index.php?page=1', and the host as serverName=",
    ),
    "headers as text": (
        lambda: Response(200, "text/plain", b""),
        "the headers are a mapping or pairs, not 'text/plain': write Response(200, "
        '{"Content-Type": "text/plain"}, b"...")',
    ),
    "JSON": (
        lambda: Response.json(object()),
        "JSON can't hold this value: Object of type object is not JSON serializable",
    ),
    "misspelt web server": (
        lambda: MemoryFrontEnd(hello, server="ngnix"),
        "'ngnix' is not a web server that speaks fastcgi: choose one of nginx, apache, "
        "lighttpd, haproxy, caddy, plain",
    ),
    "text to post": (
        lambda: MemoryFrontEnd(hello).post("/", "text"),
        "a body is bytes, or pieces of bytes, not text: 'text'; encode it",
    ),
    "number as answers": (
        lambda: MemoryBackEnd(42),
        "a back end answers with an Answer, a Response, bytes or text; a function or a list "
        "of these, or a mapping of paths to these; not 42",
    ),
    "protocol": (
        lambda: MemoryFrontEnd(hello, "fcgi"),
        "'fcgi' is not a protocol: it is 'fastcgi' or 'scgi'",
    ),
}

RETURNING: dict[str, tuple[object, str]] = {
    "text": ("hello", '; write Response(200, {"Content-Type": "text/plain"}, text.encode())'),
    "bytes": (b"hello", '; write Response(200, {"Content-Type": "text/plain"}, data)'),
    "a dictionary": ({"a": 1}, "; write Response.json(value)"),
    "a list": ([1], "; write Response.json(value)"),
    "a tuple": ((200, {}, b""), "; write Response(code, headers, body)"),
    "a generator": (
        (piece for piece in (b"a",)),
        "; write Response(200, headers, pieces), which sends piece by piece",
    ),
    "a class": (Response, "; write one that is made: Response(200)"),
    "a number": (3.5, ""),
}


@pytest.mark.parametrize(("make", "message"), MAKING.values(), ids=MAKING)
def test_making(make: Callable[[], object], message: str) -> None:
    """
    What is made or called in a wrong way is an error that tells the right one.
    """
    with pytest.raises(Exception) as caught:  # of several classes; its words are what counts
        make()
    assert str(caught.value) == message


def failure(app: Callable[[Any], object]) -> str:
    """
    What an app fails with.
    """
    with MemoryFrontEnd(app, raiseErrors=True) as frontEnd, pytest.raises(Exception) as caught:
        frontEnd.browser().get("/")
    return str(caught.value)


@pytest.mark.parametrize(("result", "hint"), RETURNING.values(), ids=RETURNING)
def test_returning(result: object, hint: str) -> None:
    """
    An app that returns something else than a response is told what to return.
    """

    def app(request: object) -> object:
        return result

    assert failure(app) == (
        f"test_returning.<locals>.app returned {type(result).__name__}: an app returns a Response, "
        f"None, an int, Allow or Deny, or a Deferred or coroutine of one{hint}"
    )


def test_returningNothing() -> None:
    """
    So is one that forgets to return anything, or returns a status.
    """

    def forgetful(request: object) -> None:
        pass

    def status(request: object) -> int:
        return 404

    name = "test_returningNothing.<locals>"
    assert failure(forgetful) == (
        f"{name}.forgetful returned None and wrote nothing to stdout: return a Response, or write "
        "an answer to request.stdout"
    )
    assert failure(status) == (
        f"{name}.status returned 404 and wrote nothing to stdout; an int is an exit status, and "
        "what a browser gets is a Response(404)"
    )


WRITING: dict[str, tuple[Callable[[], Response], str]] = {
    "text": (
        lambda: Response(200, {}, "hello"),
        "a body is bytes, an IBodyProducer, or an iterable or asynchronous iterable of bytes, not "
        "str: 'hello'",
    ),
    "pieces of text": (
        lambda: Response(200, {}, ["hello"]),
        "only bytes can be written, not str: 'hello'",
    ),
    "too short": (
        lambda: Response(200, {"Content-Length": "10"}, b"abc"),
        "Content-Length says 10 bytes, and the body has 3",
    ),
    "code as text": (
        lambda: Response("200"),
        "'200' is not the status of a final response (200 to 999)",
    ),
    "code that there is not": (
        lambda: Response(99),
        "99 is not the status of a final response (200 to 999)",
    ),
    "body alone": (
        lambda: Response(b"hello"),
        "b'hello' is not the status of a final response (200 to 999)",
    ),
    "header as a number": (
        lambda: Response(200, {"Age": 1}),
        "the value of the header 'Age' is str, bytes, or a list of them, not int",
    ),
    "line end in a header": (
        lambda: Response(200, {"A": "a\r\nb"}),
        "the value of the header 'A' has the control character b'\\r' in it, at byte 1",
    ),
    "headers as a list": (lambda: Response(200, ["A"]), "a header is a name and a value, not 'A'"),
}


@pytest.mark.parametrize(("response", "message"), WRITING.values(), ids=WRITING)
def test_writing(response: Callable[[], Response], message: str) -> None:
    """
    A response that can't be sent is told where it is sent.
    """
    assert failure(lambda request: response()) == message
