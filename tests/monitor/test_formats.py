"""
Tests of L{txfcgi.monitor.formats}.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.masking import masked, maskedURI
from txfcgi.monitor.formats import BadFormat, compileFormat, escaped, uriOf
from txfcgi.server.observing import Account
from txfcgi.wire.records import Role

#: A moment: 2023-11-14 22:13:20 UTC.
MOMENT = 1_700_000_000.25

PARAMS = {
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/a/b?page=2&token=abc",
    "QUERY_STRING": "page=2&token=abc",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "198.51.100.23",
    "REMOTE_USER": "mary",
    "SERVER_NAME": "example.net",
    "SERVER_ADDR": "192.0.2.80",
    "SERVER_PORT": "443",
    "HTTP_HOST": "www.example.net",
    "HTTP_USER_AGENT": "Mozilla/5.0",
    "HTTP_REFERER": "https://example.net/?session=1",
    "HTTP_COOKIE": "session=1",
    "CONTENT_TYPE": "text/plain",
    "CONTENT_LENGTH": "5",
}


def account(**values: Any) -> Account:
    """
    The account of a request: a 200 with five bytes, unless told otherwise.
    """
    made = Account(0.0)
    made.code, made.bodyBytes, made.seconds = 200, 5, 1.234567
    for name, value in values.items():
        setattr(made, name, value)
    return made


def line(format: str, params: dict[str, str] | None = None, worker: str = "", **of: Any) -> str:
    """
    The line of a request.
    """
    made = compileFormat(format, worker)
    return made(PARAMS if params is None else params, account(**of), MOMENT, Role.RESPONDER, None)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    """
    The time zone of all tests.
    """
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_combined() -> None:
    """
    The combined format is Apache's, with what is secret masked.
    """
    assert line("combined") == (
        '198.51.100.23 - mary [14/Nov/2023:22:13:20 +0000] "GET /a/b?page=2&token=*** HTTP/1.1" '
        '200 5 "https://example.net/?session=***" "Mozilla/5.0"'
    )


def test_common() -> None:
    """
    The common format has neither referer nor user agent.
    """
    assert line("common", {"REQUEST_URI": "/"}, bodyBytes=0) == (
        '- - - [14/Nov/2023:22:13:20 +0000] "GET /" 200 -'
    )


DIRECTIVES = {
    "%a": "198.51.100.23",
    "%A": "192.0.2.80",
    "%b": "5",
    "%B": "5",
    "%D": "1234567",
    "%H": "HTTP/1.1",
    "%l": "-",
    "%m": "GET",
    "%P": str(os.getpid()),
    "%p": "443",
    "%q": "?page=2&token=***",
    "%s": "200",
    "%<s": "200",
    "%T": "1",
    "%{ms}T": "1234",
    "%{us}T": "1234567",
    "%U": "/a/b",
    "%V": "www.example.net",
    "%v": "example.net",
    "%X": "-",
    "%%%s": "%200",
    "%{Cookie}i": "***",
    "%{Content-Type}i": "text/plain",
    "%{No-Such}i": "-",
    "%{SERVER_NAME}e": "example.net",
    "%{%Y}t": "2023",
    "%{it's a 'quote\"}e": "-",
    "%{role}x": "responder",
    "%{id}x": "-",
    "%{worker}x": "3",
    "%{appStatus}x": "0",
    "%{received}x": "0",
}


@pytest.mark.parametrize("directive", DIRECTIVES, ids=str)
def test_directive(directive: str) -> None:
    """
    What each letter stands for.
    """
    assert line(f"<{directive}>", worker="3") == f"<{DIRECTIVES[directive]}>"


def test_noAnswer() -> None:
    """
    A request that the web server gave up has nginx's number; one that has no code for another
    reason has none.
    """
    assert line("%s %X %b", code=0, bodyBytes=0, brokenOff=True) == "499 X -"
    assert line("%s %B", code=0, bodyBytes=0) == "- 0"


def test_noParams() -> None:
    """
    A request that was refused before its params had come.
    """
    assert line('%h "%r" %U %s "%{Referer}i"', {}, code=431) == '- "-" - 431 "-"'


def test_forgery() -> None:
    """
    Nothing that comes from outside ends a line, a field, or the color of a terminal.
    """
    params = {
        "REQUEST_URI": '/" 200 5\n198.51.100.99 - root',
        "REMOTE_USER": "\x1b[31mroot\r",
        "HTTP_USER_AGENT": "M\udcff\\ü\x7f\x00\t\x0b\x08\u202e",
    }
    made = line('%u "%r" "%{User-Agent}i"', params)
    assert made == (
        '\\x1b[31mroot\\r "GET /\\" 200 5\\n198.51.100.99 - root" '
        '"M\\xff\\\\\\xc3\\xbc\\x7f\\x00\\t\\v\\b\\xe2\\x80\\xae"'
    )


def test_escaped() -> None:
    """
    Text that is harmless stays as it is.
    """
    assert escaped("/plain?text=1&b=%20") == "/plain?text=1&b=%20"
    assert escaped('a"b\\') == 'a\\"b\\\\'


class URITests(SynchronousTestCase):
    """
    Tests of L{uriOf}.
    """

    def test_withoutURI(self) -> None:
        """
        Where there is no REQUEST_URI, the rest says the same.
        """
        params = {"SCRIPT_NAME": "/app", "PATH_INFO": "/x", "QUERY_STRING": "a=1&key=2"}
        self.assertEqual(uriOf(params), "/app/x?a=1&key=***")
        self.assertEqual(uriOf({"PATH_INFO": "/x", "QUERY_STRING": ""}), "/x")

    def test_password(self) -> None:
        """
        A password in a whole URI is masked.
        """
        self.assertEqual(uriOf({"REQUEST_URI": "http://a:b@c/"}), "http://a:***@c/")


#: What a param may hold, and what some readers of a log stumble over.
VALUES = st.text(
    st.one_of(
        st.sampled_from("a/?&=;#%@:\"\\'{}\t\n\r\x0b\b\x00\x1b\x7f é\u2028\udcff\U0001f600"),
        st.characters(codec="utf-8"),
    ),
    max_size=12,
)


def written(text: str) -> str:
    """
    Text as it has to stand in a line, found byte by byte.
    """
    named = {8: "b", 9: "t", 10: "n", 11: "v", 13: "r", 34: '"', 92: "\\"}
    return "".join(
        "\\" + named[byte] if byte in named else chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
        for byte in text.encode("utf-8", "surrogateescape")
    )


@given(VALUES, VALUES, VALUES)
@example("", "", "")
@example('"', "\\", "plain")
def test_anyText(constant: str, user: str, browser: str) -> None:
    """
    Whatever a value holds is escaped, and nothing of what stands between the values is.
    """
    between = constant.replace("\n", "")
    params = {"REMOTE_USER": user, "HTTP_USER_AGENT": browser}
    shown = [written(value) or "-" for value in (user, browser)]
    made = line(f'%u{between.replace("%", "%%")}"%{{User-Agent}}i" %s', params)
    assert made == f'{shown[0]}{between}"{shown[1]}" 200'
    made = line("json", params)
    whole = json.loads(made)
    assert made == json.dumps(whole)
    for name, value in {"user": user, "userAgent": browser}.items():
        text = value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        assert whole.get(name, "") == text


@given(VALUES)
@example("")
@example("'+__import__('os').abort()+'")
@example("\\")
def test_anyName(name: str) -> None:
    """
    A param, and what stands beside it, may have any name: nothing of it is run.
    """
    name = name.replace("\n", "").replace("}", "")
    made = line(f"%{{{name}}}e \\N{{DASH}}{{name!r:>9}}%{{{name}}}i", {name: "value"})
    header = f"HTTP_{name.upper().replace('-', '_')}"
    shown = masked(name, "value"), "value" if name == header else "-"
    assert made == f"{shown[0]} \\N{{DASH}}{{name!r:>9}}{shown[1]}"


class Status(int):
    """
    A status as HTTPStatus is one in Python 3.10: with a name of its own, and written as a number.
    """

    def __str__(self) -> str:
        return "HTTPStatus.OK"

    def __format__(self, _: str) -> str:
        return str(int(self))


@pytest.mark.parametrize("user", ["mary", 'mary"'], ids=["plain", "escaped"])
def test_status(user: str) -> None:
    """
    A status is a number, be there something to escape or not.
    """
    assert line("%s %u", {"REMOTE_USER": user}, code=Status(200)) == f"200 {written(user)}"


@given(VALUES, VALUES, VALUES)
def test_anyRequest(uri: str, referer: str, protocol: str) -> None:
    """
    The combined format has what each of its letters stands for by itself.
    """
    params = {"REQUEST_URI": uri, "HTTP_REFERER": referer, "SERVER_PROTOCOL": protocol}
    request = written(f"GET {maskedURI(uri)} {protocol}".rstrip())
    shown = written(maskedURI(referer)) or "-"
    assert line("combined", params) == (
        f'- - - [14/Nov/2023:22:13:20 +0000] "{request}" 200 5 "{shown}" "-"'
    )


BAD = {
    "nothing in it": ("combinde", "is not common, combined or json"),
    "two lines": ("%h\n%h", "one line"),
    "unknown letter": ("%h %Z", "unknown directive %Z"),
    "response header": (
        "%{Location}o",
        "unknown directive %{Location}o: response headers are not logged",
    ),
    "unknown name": ("%{speed}x", "use role"),
    "unknown unit": ("%{days}T", "the unit must be one of s, ms, us"),
    "alone": ("%h 100%", "is not a directive"),
    "condition": ("%!200{Referer}i", "is not a directive"),
}


@pytest.mark.parametrize("name", BAD, ids=str)
def test_badFormat(name: str) -> None:
    """
    What means nothing is refused, with what it is.
    """
    format, message = BAD[name]
    with pytest.raises(BadFormat) as caught:
        compileFormat(format)
    assert message in str(caught.value)


def test_badTime(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A time that the C library can't write is refused at once, and not with each request.
    """

    def refuse(format: str, *when: object) -> str:
        raise ValueError("Invalid format string")

    monkeypatch.setattr(time, "strftime", refuse)
    with pytest.raises(BadFormat, match=re.escape("%{%Q}t: Invalid format string")):
        compileFormat("%h %{%Q}t")


class JSONTests(SynchronousTestCase):
    """
    The JSON format.
    """

    def test_all(self) -> None:
        """
        It has all that there is.
        """
        made = json.loads(line("json", worker="2", error=ValueError("no"), appStatus=1))
        self.assertEqual(
            made,
            {
                "time": "2023-11-14T22:13:20.250Z",
                "remoteAddress": "198.51.100.23",
                "user": "mary",
                "method": "GET",
                "uri": "/a/b?page=2&token=***",
                "protocol": "HTTP/1.1",
                "host": "www.example.net",
                "status": 200,
                "bytes": 5,
                "received": 0,
                "seconds": 1.234567,
                "referer": "https://example.net/?session=***",
                "userAgent": "Mozilla/5.0",
                "role": "responder",
                "requestID": 0,
                "appStatus": 1,
                "aborted": False,
                "error": "ValueError",
                "worker": "2",
            },
        )

    def test_documented(self) -> None:
        """
        The page about logs shows a line, and explains each key of it.
        """
        page = (Path(__file__).parents[2] / "docs" / "logs.rst").read_text("utf-8")
        section = page.partition(".. _json-log:")[2].partition("Secrets\n~~~")[0]
        shown = re.search(r"\{.*?\}", section, re.DOTALL)
        assert shown is not None
        keys = list(json.loads(line("json", worker="2")))
        self.assertEqual(list(json.loads(shown[0])), keys)
        named = re.findall(r"^   \* - (.*)$", section, re.MULTILINE)[1:]
        self.assertEqual(sorted(re.findall(r"``(\w+)``", " ".join(named))), sorted(keys))

    def test_bytes(self) -> None:
        """
        Its bytes, down to the last, for those who read it without a parser. What was sent empty is
        left out.
        """
        params = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/ü", "REMOTE_USER": "", "HTTP_HOST": "a"}
        self.assertEqual(
            line("json", params, brokenOff=True, code=0, seconds=1e-6),
            '{"time": "2023-11-14T22:13:20.250Z", "remoteAddress": null, "method": "GET", '
            '"uri": "/\\u00fc", "protocol": null, "host": "a", "status": null, "bytes": 5, '
            '"received": 0, "seconds": 1e-06, "userAgent": null, "role": "responder", '
            '"requestID": 0, "appStatus": 0, "aborted": true, "error": null}',
        )

    def test_anyBytes(self) -> None:
        """
        It is one line of ASCII, which every reader of JSON takes.
        """
        made = line("json", {"HTTP_USER_AGENT": "ü\udcff\n", "REQUEST_URI": "/\U0001f600"})
        self.assertTrue(made.isascii())
        self.assertNotIn("\n", made)
        self.assertEqual(json.loads(made)["userAgent"], "ü\\xff\n")
        self.assertEqual(json.loads(made)["uri"], "/\U0001f600")
