"""
What a browser sees of an application behind each web server.
"""

from __future__ import annotations

import hashlib
import json
from http.client import HTTPException
from urllib.parse import quote, unquote_to_bytes

import pytest

from .client import Browser, RemoteControl
from .frontends import Site, Upload

MEBI = 1024 * 1024

# In which no two pieces of a record's size are alike.
UPLOAD = b"".join(b"%015x\n" % number for number in range(20 * MEBI // 16))

SIZES = pytest.mark.parametrize("size", [0, 1, 100_000, len(UPLOAD)])


def test_get(browser: Browser) -> None:
    """
    The application's answer.
    """
    answer = browser.fetch("GET", "/hello")
    assert (answer.code, answer.body) == (200, b"hello\n")
    assert answer.header("Content-Type") == ["text/plain"]


@SIZES
def test_repeat(browser: Browser, size: int) -> None:
    """
    A body arrives whole, and comes back whole.
    """
    answer = browser.fetch("POST", "/repeat", body=UPLOAD[:size])
    assert answer.code == 200
    assert answer.body == UPLOAD[:size]


def test_echo(site: Site, browser: Browser) -> None:
    """
    A body comes back while it still arrives; only as much as fits into a socket, where the web
    server does not read the response while it sends the request, or stops sending once it has the
    head.
    """
    body = UPLOAD if site.frontEnd.duplex else UPLOAD[:10_000]
    answer = browser.fetch("POST", "/echo", body=body)
    assert answer.code == 200
    assert answer.body == body


@SIZES
def test_upload(browser: Browser, size: int) -> None:
    """
    The application reads a body piece by piece.
    """
    answer = browser.fetch("POST", "/count", body=UPLOAD[:size])
    assert json.loads(answer.body) == {
        "size": size,
        "sha256": hashlib.sha256(UPLOAD[:size]).hexdigest(),
        "CONTENT_LENGTH": str(size),
    }


@pytest.mark.parametrize("size", [0, 1, 10_000, len(UPLOAD)])
def test_chunkedUpload(site: Site, browser: Browser, size: int) -> None:
    """
    The application reads a body whose length the browser does not tell, whatever the web server
    makes of the length. Where the web server takes only so much, the application never hears of
    more.
    """
    answer = browser.fetch("POST", "/count", body=UPLOAD[:size], chunked=True)
    limit = site.frontEnd.chunkedLimit
    if limit is not None and size > limit:
        assert answer.code == site.frontEnd.chunkedRefusal
        return
    assert answer.code == 200
    told = json.loads(answer.body)
    length = told.pop("CONTENT_LENGTH")
    assert told == {"size": size, "sha256": hashlib.sha256(UPLOAD[:size]).hexdigest()}
    if site.frontEnd.upload is Upload.KNOWN:
        assert length == str(size)
    else:
        # A small body may be there with the head.
        small = [str(size)] if size <= 10_000 else []
        assert length in [site.frontEnd.upload.value, *small]


def test_bigResponse(browser: Browser) -> None:
    """
    A response of 20 MiB arrives whole.
    """
    answer = browser.fetch("GET", "/big")
    assert len(answer.body) == 20 * MEBI
    assert answer.body == b"".join(b"%015d\n" % number for number in range(20 * MEBI // 16))
    assert answer.header("Content-Length") in ([str(20 * MEBI)], [])


def test_streamedResponse(browser: Browser, remote: RemoteControl) -> None:
    """
    Each piece of a response is at the browser before the application has the next one.
    """
    browser.send("GET", f"/stream?{remote.query}")
    response = None
    for line in (b"one", b"two", b"three"):
        remote.say(line)
        response = response or browser.head()
        assert response.read(len(line) + 1) == line + b"\n"
    remote.say(b"")
    assert response is not None
    assert response.read() == b""
    assert remote.hear() == b"ended"


def test_repeatedResponseHeaders(browser: Browser) -> None:
    """
    Two cookies are two headers.
    """
    assert browser.fetch("GET", "/cookies").header("Set-Cookie") == ["a=1", "b=2; Path=/"]


def test_largeHead(browser: Browser) -> None:
    """
    A head of 10 kB, as many cookies make it, arrives.
    """
    answer = browser.fetch("GET", "/large-head")
    assert answer.code == 200
    assert [answer.header(f"X-{n}") for n in range(10)] == [["x" * 1_000]] * 10


def test_repeatedRequestHeaders(site: Site, browser: Browser) -> None:
    """
    A header that the browser sends twice arrives as two values, or as one joined by the web server.
    SCGI does not allow two, and an app that insists on it takes no such request.
    """
    answer = browser.fetch("GET", "/headers", [("X-Repeated", "one"), ("X-Repeated", "two")])
    if site.frontEnd.repeatsRefused:
        assert answer.code == 400
        return
    expected = ["one, two"] if site.frontEnd.joins else ["one", "two"]
    assert json.loads(answer.body) == expected


def test_head(browser: Browser) -> None:
    """
    HEAD gets the headers of GET and no body; the connection goes on.
    """
    answer = browser.fetch("HEAD", "/hello")
    assert (answer.code, answer.body) == (200, b"")
    assert answer.header("Content-Type") == ["text/plain"]
    assert browser.fetch("GET", "/hello").body == b"hello\n"


@pytest.mark.parametrize("code", [204, 304])
def test_noBody(browser: Browser, code: int) -> None:
    """
    A response that never has a body; the connection goes on.
    """
    answer = browser.fetch("GET", f"/status/{code}")
    assert (answer.code, answer.body) == (code, b"")
    assert browser.fetch("GET", "/hello").body == b"hello\n"


@pytest.mark.parametrize("code", [200, 201, 400, 404, 418, 500, 503])
def test_status(browser: Browser, code: int) -> None:
    """
    The application's status, the web server does not put its own error page in its place.
    """
    answer = browser.fetch("GET", f"/status/{code}")
    assert (answer.code, answer.body) == (code, b"")


def paramsOf(browser: Browser, target: bytes | str) -> dict[str, bytes]:
    """
    What the web server tells about a request to C{/params}.
    """
    answer = browser.fetch("GET", target)
    assert answer.code == 200, answer
    return {name: value.encode("latin-1") for name, value in json.loads(answer.body)}


@pytest.mark.parametrize(
    "path", ["/params", "/params/", "/params/a b", "/params/café/\u65e5", "/params/%"]
)
def test_path(site: Site, browser: Browser, path: str) -> None:
    """
    The decoded path is SCRIPT_NAME and PATH_INFO; REQUEST_URI is what the browser sent.
    """
    params = paramsOf(browser, quote(path))
    [other] = {"SCRIPT_NAME", "PATH_INFO"} - {site.frontEnd.path}
    assert params.get(other, b"") == b""
    assert params[site.frontEnd.path].decode("utf-8") == path
    assert params["REQUEST_URI"].decode("ascii") == quote(path)
    assert params.get("QUERY_STRING", b"") == b""


def test_pathNotText(site: Site, browser: Browser) -> None:
    """
    A path that is not UTF-8 arrives with its bytes.
    """
    params = paramsOf(browser, "/params/%80%ff")
    assert params[site.frontEnd.path] == b"/params/\x80\xff"


def test_query(browser: Browser) -> None:
    """
    All bytes that can be in a query arrive.
    """
    data = bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
    params = paramsOf(browser, "/params?data=" + quote(data, safe=""))
    name, _, value = params["QUERY_STRING"].partition(b"=")
    assert (name, unquote_to_bytes(value)) == (b"data", data)


@pytest.mark.parametrize("after", ["params", "head"])
def test_browserLeaves(site: Site, remote: RemoteControl, after: str) -> None:
    """
    An application that waits is cancelled when the browser goes, be it before or after the head of
    the response: at once, or, where the web server notices nothing before, when it goes on to
    write.
    """
    with site.browser() as browser:
        browser.send("GET", f"/hang?{remote.query}&after={after}")
        assert remote.hear() == b"begun"
        if after == "head":
            assert browser.head().read(6) == b"begun\n"
    if not site.frontEnd.notices:
        remote.say(b"go on")
    assert remote.hear() == b"cancelled"


def test_browserLeavesWhileItReads(site: Site, remote: RemoteControl) -> None:
    """
    An application that writes as fast as the browser reads is cancelled when the browser goes.
    """
    with site.browser() as browser:
        browser.send("GET", f"/hang?{remote.query}&after=head")
        remote.say(b"go on")
        assert browser.head().read(11) == b"begun\nmore\n"
    assert remote.hear() == b"begun"
    assert remote.hear() == b"cancelled"


def test_failureIsAlone(site: Site, browser: Browser, remote: RemoteControl) -> None:
    """
    A request goes on while others fail, on the same connection to the application or not.
    """
    browser.send("GET", f"/stream?{remote.query}")
    remote.say(b"before")
    response = browser.head()
    assert response.read(7) == b"before\n"
    for target, code in (("/fail-before", 500), ("/overloaded", 503)):
        with site.browser() as other:
            assert other.fetch("GET", target).code == code
    remote.say(b"after")
    remote.say(b"")
    assert response.read() == b"after\n"


def test_overloaded(browser: Browser) -> None:
    """
    An application with enough to do.
    """
    answer = browser.fetch("GET", "/overloaded")
    assert answer.code == 503
    assert len(answer.header("Retry-After")) == 1


def test_failsBeforeTheHead(browser: Browser, other: Browser) -> None:
    """
    An application's bug is a plain 500; what happened is in the log alone.
    """
    answer = browser.fetch("GET", "/fail-before")
    assert answer.code == 500
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    assert other.fetch("GET", "/hello").body == b"hello\n"


@pytest.mark.parametrize("length", ["", "1000"])
def test_failsAfterTheHead(
    site: Site, browser: Browser, other: Browser, remote: RemoteControl, length: str
) -> None:
    """
    A response that the application could not finish does not look complete, whether or not it said
    how long it would be; save behind a web server that can't tell without.
    """
    # Apache leaves a connection open on which a response broke off, unless it is the last.
    browser.send("GET", f"/fail-after?{remote.query}&length={length}", [("Connection", "close")])
    response = browser.head()
    assert response.read(15) == b"so far so good\n"
    remote.say(b"go on")
    assert remote.hear() == b"failing"
    if site.frontEnd.breaksOff or (length and site.frontEnd.keepsLength):
        with pytest.raises((HTTPException, ConnectionError)):
            response.read()
    else:
        assert b"secret" not in response.read()
    assert other.fetch("GET", "/hello").body == b"hello\n"
