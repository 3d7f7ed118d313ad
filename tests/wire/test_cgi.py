"""
CGI response heads, written, and variables made from headers and back (RFC 3875).

Which request a head answers, and what becomes of its body, is tested with the server.
"""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txfcgi.errors import (
    ContentLengthMismatch,
    InvalidHeader,
    InvalidResponse,
    MalformedValue,
)
from txfcgi.wire.cgi import HOP_BY_HOP, bodyAllowed, formatHead
from txfcgi.wire.variables import VARIABLES, headerOfParam, paramOfHeader, readContentLength

TYPE = ("Content-Type", "text/html")
OK = b"Status: 200 OK\r\n"
HTML = b"Content-Type: text/html\r\n"
PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n"


class TestFormat:
    """
    Heads that go out.
    """

    def test_plain(self) -> None:
        """
        The status first, then the headers as they were given, then the length of the body.
        """
        head, declared = formatHead(200, [TYPE, (b"X-A", b"1"), ("x-b", "\t2 ")], 5)
        assert head == OK + HTML + b"X-A: 1\r\nx-b: 2\r\nContent-Length: 5\r\n\r\n"
        assert declared == 5

    @pytest.mark.parametrize("code", [status for status in HTTPStatus if status >= 200])
    def test_status(self, code: HTTPStatus) -> None:
        """
        Every status has its words.
        """
        head, _ = formatHead(int(code), [TYPE], 0)
        assert head.startswith(b"Status: %d %s\r\n" % (code, code.phrase.encode()))
        assert formatHead(code, [TYPE], 0)[0] == head

    @pytest.mark.parametrize("code", [299, 599, 600, 999])
    def test_ownStatus(self, code: int) -> None:
        """
        An app may use a number that nobody else does.
        """
        assert formatHead(code, [TYPE], 0)[0].startswith(b"Status: %d Unknown\r\n" % code)

    def test_reason(self) -> None:
        """
        Words of its own stand behind a status; without one there is no place for them.
        """
        assert formatHead(404, [TYPE], 0, reason=b"Gone fishing")[0].startswith(
            b"Status: 404 Gone fishing\r\n"
        )
        head, _ = formatHead(None, [("Location", "/a")], 0, reason=b"Gone")
        assert head == b"Location: /a\r\n\r\n"

    def test_reasonWithControl(self) -> None:
        """
        No line end gets out in them.
        """
        with pytest.raises(InvalidResponse, match="the reason of the status 200"):
            formatHead(200, [TYPE], 0, reason=b"OK\r\nX: y")

    @pytest.mark.parametrize(
        "code", [0, 100, 101, 103, 199, 1000, -200, True, "200", b"200", 200.5, [200]]
    )
    def test_noStatus(self, code: object) -> None:
        """
        What is not the status of a final response is refused, the interim ones too.
        """
        with pytest.raises(InvalidResponse, match="is not the status of a final response"):
            formatHead(code, [TYPE], 0)

    def test_repeated(self) -> None:
        """
        A header that is there twice stays so.
        """
        cookies = [("Set-Cookie", "a=1"), TYPE, ("Set-Cookie", "b=2"), ("Set-Cookie", "a=1")]
        head, _ = formatHead(200, cookies, 0)
        assert head == (
            OK + b"Set-Cookie: a=1\r\n" + HTML + b"Set-Cookie: b=2\r\nSet-Cookie: a=1\r\n"
            b"Content-Length: 0\r\n\r\n"
        )

    @pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
    def test_hopByHop(self, name: bytes) -> None:
        """
        Headers that speak of one connection are left out, however they are written.
        """
        for spelt in (name, name.upper(), name.title().decode()):
            assert formatHead(200, [TYPE, (spelt, "x")], 0)[0] == (
                OK + HTML + b"Content-Length: 0\r\n\r\n"
            )

    def test_text(self) -> None:
        """
        Text goes out as UTF-8, and what was read with surrogateescape as it was.
        """
        head, _ = formatHead(200, [TYPE, ("X", "\u00e4\udcff"), (b"Y", b"\xff\x80")], 0)
        assert b"\r\nX: \xc3\xa4\xff\r\nY: \xff\x80\r\n" in head

    def test_anyIterable(self) -> None:
        """
        Pairs may be of any kind, and come from anywhere.
        """
        expected = formatHead(200, [TYPE], 0)
        assert formatHead(200, iter([TYPE]), 0) == expected
        assert formatHead(200, [["Content-Type", "text/html"]], 0) == expected

    @pytest.mark.parametrize(
        ("length", "isHead", "added", "declared"),
        [
            (5, False, b"Content-Length: 5\r\n", 5),
            (0, False, b"Content-Length: 0\r\n", 0),
            (None, False, b"", None),
            (5, True, b"Content-Length: 5\r\n", 5),
            (0, True, b"", None),
            (None, True, b"", None),
        ],
    )
    def test_length(
        self, length: int | None, isHead: bool, added: bytes, declared: int | None
    ) -> None:
        """
        Content-Length is added when it is known; an empty answer to HEAD says nothing of
        the body that was not asked for.
        """
        assert formatHead(200, [TYPE], length, isHead) == (
            OK + HTML + added + b"\r\n",
            declared,
        )

    @pytest.mark.parametrize(
        ("length", "isHead"), [(5, False), (None, False), (5, True), (0, True), (None, True)]
    )
    def test_lengthGiven(self, length: int | None, isHead: bool) -> None:
        """
        What the app says of the length is kept if it can be true.
        """
        assert formatHead(200, [("content-length", " 5"), TYPE], length, isHead) == (
            OK + b"content-length: 5\r\n" + HTML + b"\r\n",
            5,
        )

    @pytest.mark.parametrize(("length", "isHead"), [(4, False), (0, False), (4, True)])
    def test_lengthMismatch(self, length: int, isHead: bool) -> None:
        """
        If it can't, it is a mistake that is told of before anything is sent.
        """
        with pytest.raises(ContentLengthMismatch, match=f"says 5 bytes, and the body has {length}"):
            formatHead(200, [("Content-Length", "5")], length, isHead)

    def test_lengthExceeded(self) -> None:
        """
        A body that is longer is to be cut: what was said of the length holds.
        """
        assert formatHead(200, [("Content-Length", "5"), TYPE], 6) == (
            OK + b"Content-Length: 5\r\n" + HTML + b"\r\n",
            5,
        )

    @pytest.mark.parametrize(
        "value", ["", "-1", "+5", "5 5", "5,5", "0x5", "5.0", "\u0665", "9" * 20]
    )
    def test_lengthIsNoNumber(self, value: str) -> None:
        """
        A length is digits.
        """
        with pytest.raises(InvalidHeader, match="Content-Length is not a number"):
            formatHead(200, [("Content-Length", value)], None)

    def test_lengthTwice(self) -> None:
        """
        A response has one length.
        """
        with pytest.raises(InvalidHeader, match="Content-Length is given twice"):
            formatHead(200, [("Content-Length", "5"), ("content-length", "5")], 5)

    @pytest.mark.parametrize("length", [None, 0, 5])
    def test_noContent(self, length: int | None) -> None:
        """
        A 204 has no body, so nothing is said of one.
        """
        headers = [("X", "1"), ("Content-Length", "5")]
        assert formatHead(204, headers, length) == (b"Status: 204 No Content\r\nX: 1\r\n\r\n", None)
        assert formatHead(204, [], length) == (b"Status: 204 No Content\r\n\r\n", None)

    @pytest.mark.parametrize("length", [None, 0, 5])
    def test_notModified(self, length: int | None) -> None:
        """
        Nor has a 304; but its head may say how long the body would be.
        """
        assert formatHead(304, [], length) == (b"Status: 304 Not Modified\r\n\r\n", None)
        assert formatHead(304, [("Content-Length", "5")], length) == (
            b"Status: 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            5,
        )

    def test_defaultType(self) -> None:
        """
        A body of no said type is plain text, which no browser takes for HTML (CVE-2020-24553).
        """
        assert formatHead(200, [], 5)[0] == OK + b"Content-Length: 5\r\n" + PLAIN + b"\r\n"
        assert formatHead(200, [], None)[0] == OK + PLAIN + b"\r\n"
        assert formatHead(200, [], 0)[0] == OK + b"Content-Length: 0\r\n\r\n"

    def test_statusLeftOut(self) -> None:
        """
        A local redirect is a Location and nothing else (RFC 3875, section 6.2.2).
        """
        assert formatHead(None, [("Location", "/x")], 0) == (b"Location: /x\r\n\r\n", None)
        for headers, length in (([], 0), ([("X", "y")], 0), ([("Location", "/x")], 5)):
            with pytest.raises(InvalidResponse, match="has a Location, and no body"):
                formatHead(None, headers, length)

    def test_bodyAllowed(self) -> None:
        """
        Which responses have a body.
        """
        assert [code for code in (100, 103, 200, 204, 205, 304, 404) if bodyAllowed(code)] == [
            200,
            205,
            404,
        ]


class TestInjection:
    """
    No CR, LF or NUL gets through in a header, nor what makes a name of it.
    """

    @pytest.mark.parametrize("kind", [str, bytes])
    @pytest.mark.parametrize("code", [*range(9), *range(10, 32), 127])
    def test_control(self, kind: type, code: int) -> None:
        """
        Control characters, tab alone excepted, at any place of name and value.
        """
        for parts in ("a%sb", "%sab", "ab%s"):
            text = parts % chr(code)
            bad = text if kind is str else text.encode()
            with pytest.raises(InvalidHeader, match="control character"):
                formatHead(200, [("X", bad)], 0)
            with pytest.raises(InvalidHeader, match="is not a header name"):
                formatHead(200, [(bad, "x")], 0)

    @pytest.mark.parametrize(
        "name", ["", "a b", "a:", " a", "a ", "a\t", '"a"', "a/b", "(a)", "\u00e4", b"\xff", "a=b,"]
    )
    def test_name(self, name: str | bytes) -> None:
        """
        A name is a token (RFC 9110, section 5.6.2).
        """
        with pytest.raises(InvalidHeader, match="is not a header name"):
            formatHead(200, [(name, "x")], 0)

    @pytest.mark.parametrize(
        "bad", [None, 5, True, 2.5, ["a"], {"a": 1}, bytearray(b"a"), memoryview(b"a")]
    )
    def test_kind(self, bad: object) -> None:
        """
        Names and values are str or bytes, and the message says what they were instead.
        """
        message = f"str or bytes, not {type(bad).__name__}"
        with pytest.raises(InvalidHeader, match=f"the value of the header 'X' is {message}"):
            formatHead(200, [("X", bad)], 0)
        with pytest.raises(InvalidHeader, match=f"the name of the header .* is {message}"):
            formatHead(200, [(bad, "X")], 0)

    @pytest.mark.parametrize("bad", [("X",), ("X", "a", "b"), "Xa", 5, None, {"X": "a"}, [["X"]]])
    def test_noPair(self, bad: object) -> None:
        """
        A header is a name and a value; the message shows what was given in its place.
        """
        with pytest.raises(InvalidHeader, match="a header is a name and a value, not "):
            formatHead(200, [bad], 0)
        assert formatHead(200, [["X", "a"]], 0)

    @pytest.mark.parametrize("bad", ["\ud800", "\udc0a", "\udc0d\udc0a"])
    def test_surrogates(self, bad: str) -> None:
        """
        Text that no bytes stand for; a newline can't be hidden in it.
        """
        with pytest.raises(InvalidHeader, match="that no bytes stand for"):
            formatHead(200, [("X", bad)], 0)

    def test_status(self) -> None:
        """
        A second status can't come in by the headers.
        """
        for name in ("Status", b"STATUS"):
            with pytest.raises(InvalidHeader, match="Status is not a header"):
                formatHead(200, [(name, "500 Oops")], 0)

    def test_againAndAgain(self) -> None:
        """
        What was refused once is refused the next time.
        """
        for _ in range(3):
            with pytest.raises(InvalidHeader):
                formatHead(200, [("X", "a\r\nSet-Cookie: b")], 0)

    @given(
        st.lists(
            st.tuples(st.text(max_size=8) | st.binary(max_size=8), st.text(max_size=8)), max_size=4
        )
    )
    def test_anyText(self, headers: list[tuple[str | bytes, str]]) -> None:
        """
        Whatever an app gives, it is refused, or a head that has a line for each header, and no
        others.
        """
        try:
            head, _ = formatHead(200, headers, None)
        except InvalidHeader:
            return
        lines = head.split(b"\r\n")
        assert lines[-2:] == [b"", b""]
        assert b"".join(lines).translate(None, b"\r\n\0") == b"".join(lines)
        assert len(lines) <= len(headers) + 4


class TestVariables:
    """
    Headers to variables and back.
    """

    @pytest.mark.parametrize(
        ("header", "variable"),
        [
            (b"Host", b"HTTP_HOST"),
            (b"accept-LANGUAGE", b"HTTP_ACCEPT_LANGUAGE"),
            (b"X-3D", b"HTTP_X_3D"),
            (b"Content-Type", b"CONTENT_TYPE"),
            (b"content-length", b"CONTENT_LENGTH"),
        ],
    )
    def test_there(self, header: bytes, variable: bytes) -> None:
        """
        A header becomes an upper-case variable, which becomes that header again.
        """
        assert paramOfHeader(header) == variable
        back = headerOfParam(variable)
        assert back is not None
        assert back.lower() == header.lower()

    @pytest.mark.parametrize("name", [b"Proxy", b"PROXY", b"proxy"])
    def test_proxy(self, name: bytes) -> None:
        """
        HTTP_PROXY is what programs take for their own configuration (CVE-2016-5385).
        """
        assert paramOfHeader(name) is None
        assert headerOfParam(b"HTTP_PROXY") is None

    @pytest.mark.parametrize(
        "name",
        [b"", b"a_b", b"a.b", b"a b", b"a\0", b"a\r\nb", b"a=b", b"\xe4", b"a:", b"Content_Length"],
    )
    def test_otherCharacters(self, name: bytes) -> None:
        """
        Names that could become the same variable as another one's are not passed on
        (GHSA-f59h-q822-g45g).
        """
        assert paramOfHeader(name) is None

    @pytest.mark.parametrize(
        "name",
        [
            b"HTTP_CONTENT_LENGTH",
            b"HTTP_CONTENT_TYPE",
            b"HTTP_",
            b"HTTP",
            b"http_host",
            b"HTTPS",
            b"REQUEST_METHOD",
            b"HTTP_A B",
            b"HTTP_A\r\nB",
            b"HTTP_A\0",
            b"HTTP_\xff",
            b"HTTP_A:",
        ],
    )
    def test_noHeader(self, name: bytes) -> None:
        """
        Variables that are no header, or that stand beside the one to believe.
        """
        assert headerOfParam(name) is None

    @given(st.text("abcXYZ019-", min_size=1, max_size=12).map(str.encode))
    def test_roundTrip(self, name: bytes) -> None:
        """
        Every name that is passed on comes back.
        """
        variable = paramOfHeader(name)
        assert variable is not None
        back = headerOfParam(variable)
        assert back is not None
        assert back.lower() == name.lower()

    def test_names(self) -> None:
        """
        The names of RFC 3875, section 4.1, are among those that are known.
        """
        assert set(VARIABLES) >= {
            b"AUTH_TYPE",
            b"CONTENT_LENGTH",
            b"CONTENT_TYPE",
            b"GATEWAY_INTERFACE",
            b"PATH_INFO",
            b"PATH_TRANSLATED",
            b"QUERY_STRING",
            b"REMOTE_ADDR",
            b"REMOTE_HOST",
            b"REMOTE_IDENT",
            b"REMOTE_USER",
            b"REQUEST_METHOD",
            b"SCRIPT_NAME",
            b"SERVER_NAME",
            b"SERVER_PORT",
            b"SERVER_PROTOCOL",
            b"SERVER_SOFTWARE",
        }
        assert list(VARIABLES) == sorted(set(VARIABLES))


class TestContentLength:
    """
    The length of a request's body.
    """

    @pytest.mark.parametrize(("value", "length"), [(b"0", 0), (b"5", 5), (b"9" * 19, 10**19 - 1)])
    def test_number(self, value: bytes, length: int) -> None:
        """
        Digits.
        """
        assert readContentLength(value) == length

    @pytest.mark.parametrize("value", [None, b"", b"-1"])
    def test_unknown(self, value: bytes | None) -> None:
        """
        Empty equals absent, as nginx says it, and -1 is how Caddy says it:
        the body goes as far as it goes.
        """
        assert readContentLength(value) is None

    @pytest.mark.parametrize(
        "value",
        [b"+5", b" 5", b"5 ", b"-2", b"0x5", b"5.0", b"5,5", b"\xd9\xa5", b"9" * 20, b"5\n"],
    )
    def test_noNumber(self, value: bytes) -> None:
        """
        Anything else is the web server's mistake.
        """
        with pytest.raises(MalformedValue, match="CONTENT_LENGTH is not a number"):
            readContentLength(value)
