"""
Params made of what a program knows about a request.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http_headers import Headers

from txfcgi.cgiparams import PHPFPM, cgiParams, decodedPath, headerParams, normalPath, splitPath
from txfcgi.errors import InvalidParam, InvalidPath


class TestHeaders:
    """
    HTTP headers as params.
    """

    def test_kinds(self) -> None:
        """
        Headers of twisted.web, a mapping, or pairs.
        """
        expected = {"HTTP_X_A": "1", "CONTENT_TYPE": "text/plain"}
        headers = Headers({"X-A": ["1"], "Content-Type": ["text/plain"]})
        pairs: list[tuple[str | bytes, str | bytes]]
        pairs = [("X-A", b"1"), (b"CONTENT-TYPE", "text/plain")]
        for kind in (headers, {"x-a": "1", "content-type": "text/plain"}, pairs):
            assert headerParams(kind) == expected

    def test_several(self) -> None:
        """
        Several of one name become one.
        """
        headers = Headers({"X-A": ["1", "2"], "Cookie": ["a=1", "b=2"]})
        assert headerParams(headers) == {"HTTP_X_A": "1, 2", "HTTP_COOKIE": "a=1; b=2"}

    @pytest.mark.parametrize(
        "name",
        [
            *("Proxy", "PROXY", "Redirect-Status", "redirect-status"),
            *("X_A", "X.A", "X A", "", "X-\xfc", "X-\u20ac", "X\n"),
        ],
    )
    def test_refused(self, name: str) -> None:
        """
        Headers that programs take for their own settings, and names that could be taken for others.
        """
        assert headerParams([(name, "x")]) == {}

    @given(st.text(), st.text(st.characters(exclude_characters="\r\n\0")))
    def test_nothingElse(self, name: str, value: str) -> None:
        """
        No header becomes a param of another kind: not PHP_VALUE, not SCRIPT_FILENAME.
        """
        for param in headerParams([(name, value)]):
            assert param.startswith("HTTP_") or param in ("CONTENT_TYPE", "CONTENT_LENGTH")

    def test_bytes(self) -> None:
        """
        Values keep every byte.
        """
        assert headerParams([("X", b"\xfc")]) == {"HTTP_X": "\udcfc"}


class TestCGI:
    """
    The params of RFC 3875.
    """

    def test_least(self) -> None:
        """
        A request of which next to nothing is known.
        """
        assert cgiParams() == {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "REQUEST_METHOD": "GET",
            "REQUEST_URI": "/",
            "SCRIPT_NAME": "/",
            "QUERY_STRING": "",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_SOFTWARE": "txfcgi",
            "SERVER_ADDR": "127.0.0.1",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "0",
            "REQUEST_SCHEME": "http",
        }

    def test_most(self) -> None:
        """
        A request of which much is known.
        """
        params = cgiParams(
            "POST",
            "/a%20b/c?d=%20e",
            headers={"Host": "example.net:8080"},
            scriptName="/a b",
            pathInfo="/c",
            scriptFilename="/srv/a b",
            documentRoot="/srv",
            scheme="https",
            remoteUser="me",
            authType="Basic",
            CONTENT_TYPE="text/plain",
        )
        assert params["REQUEST_URI"] == "/a%20b/c?d=%20e"
        assert params["QUERY_STRING"] == "d=%20e"
        assert params["HTTP_HOST"] == "example.net:8080"
        assert (params["SERVER_NAME"], params["SERVER_PORT"]) == ("example.net", "8080")
        assert (params["HTTPS"], params["REQUEST_SCHEME"]) == ("on", "https")
        assert (params["PATH_INFO"], params["PATH_TRANSLATED"]) == ("/c", "/srv/c")
        assert (params["SCRIPT_FILENAME"], params["DOCUMENT_ROOT"]) == ("/srv/a b", "/srv")
        assert (params["REMOTE_USER"], params["AUTH_TYPE"]) == ("me", "Basic")
        assert params["CONTENT_TYPE"] == "text/plain"

    @pytest.mark.parametrize(
        ("host", "scheme", "name", "port"),
        [
            ("a.example", "https", "a.example", "443"),
            ("[::1]:81", "http", "[::1]", "81"),
            ("[::1]", "http", "[::1]", "80"),
            ("a:b:c", "http", "a:b:c", "80"),
            ("a:", "http", "a", "80"),
        ],
    )
    def test_host(self, host: str, scheme: str, name: str, port: str) -> None:
        """
        Name and port are those of the Host header.
        """
        params = cgiParams(headers={"Host": host}, scheme=scheme)
        assert (params["SERVER_NAME"], params["SERVER_PORT"]) == (name, port)

    def test_given(self) -> None:
        """
        Name and port may be given.
        """
        params = cgiParams(headers={"Host": "a:1"}, serverName="b", serverPort=2)
        assert (params["SERVER_NAME"], params["SERVER_PORT"]) == ("b", "2")

    @pytest.mark.parametrize("path", ["/a%00b", "/a%0ab", "/a%0d", "/%1b", "/%7f", "/a\nb"])
    def test_controlCharacters(self, path: str) -> None:
        """
        A path with control characters is refused before anything is made of it.
        """
        with pytest.raises(InvalidPath):
            cgiParams("GET", path)

    @pytest.mark.parametrize("end", ["\r", "\n", "\0"], ids=["cr", "lf", "nul"])
    @pytest.mark.parametrize(
        ("arguments", "error", "what"),
        [
            ({"method": "GE%sT"}, InvalidParam, "the method"),
            ({"uri": "/a.php?b%sc"}, InvalidPath, "the URI"),
            ({"uri": "/a%sb", "scriptName": "/"}, InvalidPath, "the URI"),
            ({"REQUEST_METHOD": "GE%sT"}, InvalidParam, "the method"),
            ({"QUERY_STRING": "a%sb"}, InvalidPath, "the URI"),
            ({"headers": {"X-Odd": "a%sb"}}, InvalidParam, "the header HTTP_X_ODD"),
            ({"headers": [("Cookie", b"a%sb")]}, InvalidParam, "the header HTTP_COOKIE"),
            ({"HTTP_HOST": "a%sb"}, InvalidParam, "the param HTTP_HOST"),
        ],
        ids=["method", "query", "uri", "own method", "own query", "header", "bytes", "param"],
    )
    def test_lineEnds(
        self, arguments: dict[str, Any], error: type[Exception], what: str, end: str
    ) -> None:
        """
        What no HTTP request can have is refused, and the message says where it was.
        """

        def filled(value: Any) -> Any:
            if isinstance(value, str):
                return value.replace("%s", end)
            if isinstance(value, bytes):
                return value.replace(b"%s", end.encode())
            if isinstance(value, dict):
                return {name: filled(each) for name, each in value.items()}
            return [(name, filled(each)) for name, each in value]

        filledIn = {name: filled(value) for name, value in arguments.items()}
        with pytest.raises(error, match=f"^{what} has .* at character"):
            cgiParams(**filledIn)
        if "scriptName" not in arguments:
            with pytest.raises(error, match=f"^{what} has .* at character"):
                PHPFPM("/srv").params(**{"uri": "/a.php", **filledIn})

    def test_linesOfOthers(self) -> None:
        """
        Params that are no part of the HTTP request may have lines.
        """
        params = PHPFPM("/srv").params(uri="/a.php", PHP_VALUE="a=1\nb=2")
        assert params["PHP_VALUE"] == "a=1\nb=2"

    def test_decoded(self) -> None:
        """
        Paths keep every byte.
        """
        assert decodedPath("/%c3%bc/%fc/%2f") == "/\xfc/\udcfc//"
        assert decodedPath("/\xfc/\udcfc") == "/\xfc/\udcfc"
        assert decodedPath("/\xfc/\udcfc/%20") == "/\xfc/\udcfc/ "


class TestSplit:
    """
    Where a script ends.
    """

    @pytest.mark.parametrize(
        ("path", "script", "rest"),
        [
            ("/a.php", "/a.php", ""),
            ("/a.php/b", "/a.php", "/b"),
            ("/a.php/b.php", "/a.php", "/b.php"),
            ("/a.phpx", "", "/a.phpx"),
            ("/a.phpx/b.php/c", "/a.phpx/b.php", "/c"),
            ("/a.php.jpg", "", "/a.php.jpg"),
            ("/a.PHP", "", "/a.PHP"),
            ("/a.p\u212ahp", "", "/a.p\u212ahp"),
            ("/a", "", "/a"),
            ("", "", ""),
        ],
    )
    def test_php(self, path: str, script: str, rest: str) -> None:
        """
        At the first suffix that is followed by a slash or by nothing; letters are not folded.
        """
        assert splitPath(path) == (script, rest)

    def test_severalSuffixes(self) -> None:
        """
        The first of any of them.
        """
        assert splitPath("/a.cgi/b.php/c", (".php", ".cgi")) == ("/a.cgi", "/b.php/c")

    @pytest.mark.parametrize("suffix", ["", ".ph\xfc"])
    def test_wrongSuffix(self, suffix: str) -> None:
        """
        Suffixes are ASCII.
        """
        with pytest.raises(InvalidPath):
            splitPath("/a.php", (suffix,))


class TestPHP:
    """
    What php-fpm wants to know.
    """

    site = PHPFPM("/srv/www/")

    def test_script(self) -> None:
        """
        A script and what follows it.
        """
        params = self.site.params("POST", "/a/b.php/c%20d?e", headers={"Redirect-Status": "404"})
        assert params["SCRIPT_FILENAME"] == "/srv/www/a/b.php"
        assert params["SCRIPT_NAME"] == "/a/b.php"
        assert params["DOCUMENT_ROOT"] == "/srv/www"
        assert params["PATH_INFO"] == "/c d"
        assert params["PATH_TRANSLATED"] == "/srv/www/c d"
        assert params["REDIRECT_STATUS"] == "200"
        assert params["REQUEST_METHOD"] == "POST"

    def test_index(self) -> None:
        """
        A folder's script.
        """
        params = self.site.params(uri="/a/")
        assert params["SCRIPT_NAME"] == "/a/index.php"
        assert "PATH_INFO" not in params

    def test_slashes(self) -> None:
        """
        Slashes are merged, as web servers do it.
        """
        params = self.site.params(uri="//a//b.php//c//")
        assert params["SCRIPT_NAME"] == "/a/b.php"
        assert params["PATH_INFO"] == "/c/"

    def test_frontController(self) -> None:
        """
        One script for all that is none.
        """
        site = PHPFPM("/srv", frontController="index.php")
        assert site.params(uri="/a/b")["SCRIPT_FILENAME"] == "/srv/index.php"
        assert site.params(uri="/a/b.php")["SCRIPT_FILENAME"] == "/srv/a/b.php"

    def test_oneScript(self) -> None:
        """
        One script for every path, whatever that is called; what follows the script is PATH_INFO.
        """
        site = PHPFPM(script="/srv/site/app.php")
        for uri, pathInfo in (("/", None), ("/b.php", None), ("/app.php/c", "/c")):
            params = site.params(uri=uri)
            assert params["SCRIPT_FILENAME"] == "/srv/site/app.php"
            assert params["SCRIPT_NAME"] == "/app.php"
            assert params["DOCUMENT_ROOT"] == "/srv/site"
            assert params["REQUEST_URI"] == uri
            assert params.get("PATH_INFO") == pathInfo
        params = PHPFPM("/srv", script="/srv/site/app.php").params()
        assert (params["DOCUMENT_ROOT"], params["SCRIPT_NAME"]) == ("/srv", "/site/app.php")

    def test_links(self, tmp_path: Path) -> None:
        """
        Symbolic links are named as they are, or as what they lead to.
        """
        (tmp_path / "2").mkdir()
        (tmp_path / "current").symlink_to("2")
        current = str(tmp_path / "current")
        asNamed = PHPFPM(current).params(uri="/a.php")
        assert asNamed["SCRIPT_FILENAME"] == f"{current}/a.php"
        resolved = PHPFPM(current, resolveLinks=True).params(uri="/a.php")
        assert resolved["SCRIPT_FILENAME"] == os.path.realpath(f"{tmp_path}/2/a.php")
        assert resolved["DOCUMENT_ROOT"] == os.path.realpath(f"{tmp_path}/2")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({}, "needs a folder, as PHPFPM('/srv/site'), or one script"),
            ({"root": "www"}, "PHPFPM(root='www'): php-fpm needs an absolute path"),
            ({"script": "a.php"}, "PHPFPM(script='a.php'): php-fpm needs an absolute path"),
            ({"root": "/srv", "script": "/var/a.php"}, "'/var/a.php' is not below '/srv'"),
            ({"root": "/srv", "script": "/srv2/a.php"}, "'/srv2/a.php' is not below '/srv'"),
        ],
        ids=["nothing", "relative-root", "relative-script", "elsewhere", "beside"],
    )
    def test_wrongSite(self, arguments: dict[str, Any], said: str) -> None:
        """
        A site that can't be one is told when it is made.
        """
        with pytest.raises(InvalidPath, match=re.escape(said)):
            PHPFPM(**arguments)

    def test_more(self) -> None:
        """
        Anything can be said otherwise.
        """
        params = self.site.params(uri="/a.php", REDIRECT_STATUS="404", PHP_VALUE="a=b")
        assert (params["REDIRECT_STATUS"], params["PHP_VALUE"]) == ("404", "a=b")

    @pytest.mark.parametrize(
        "uri",
        [
            "/../a.php",
            "/%zz/a.php",
            "/a.php/%",
            "/a/%2e%2e/b.php",
            "/a/..",
            "a.php",
            "",
            "/a",
            "/a%00.php",
        ],
    )
    def test_refused(self, uri: str) -> None:
        """
        What does not stay below the root, or is no script.
        """
        with pytest.raises(InvalidPath):
            self.site.params(uri=uri)


@pytest.mark.parametrize("make", [cgiParams, PHPFPM("/srv").params], ids=["cgiParams", "PHPFPM"])
class TestMistakes:
    """
    Arguments of the wrong type, and names that are not arguments.
    """

    @pytest.mark.parametrize(
        ("headers", "said"),
        [
            ("A: b", "mapping, such as {'Accept': '*/*'}, or pairs of names and values, not str"),
            (5, "not int"),
            (["A: b"], "a header is a pair of a name and a value, not str"),
            ({"A": 5}, "the value of the header for HTTP_A is str or bytes, not int"),
            ({5: "A"}, "the name of a header is str or bytes, not int"),
        ],
        ids=["text", "number", "lines", "value", "name"],
    )
    def test_headers(self, make: Any, headers: Any, said: str) -> None:
        """
        Headers that are none.
        """
        with pytest.raises(InvalidParam, match=re.escape(said)):
            make("GET", "/a.php", headers=headers)

    def test_uri(self, make: Any) -> None:
        """
        A URI of bytes.
        """
        with pytest.raises(InvalidPath, match="the URI is a str, not bytes"):
            make("GET", b"/a.php")

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            (
                "query",
                "query= is not an argument, and not a param, whose name is in capitals: the ",
            ),
            ("path", "the path is part of the URI"),
            ("remoteuser", "did you mean remoteUser=?"),
            ("server_name", "did you mean serverName=?"),
            ("xyz", "whose name is in capitals"),
        ],
    )
    def test_names(self, make: Any, name: str, said: str) -> None:
        """
        A name in small letters is not one of a param.
        """
        with pytest.raises(InvalidParam, match=re.escape(said)):
            make("GET", "/a.php", **{name: "x=1"})


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/.", "/"),
        ("/a/..", "/"),
        ("/a//b/", "/a/b/"),
        ("/./a/./b/.", "/a/b/"),
        ("/a/../b/..c/.d", "/b/..c/.d"),
        ("/a/b/..", "/a/"),
        ("", ""),
    ],
    ids=repr,
)
def test_normalPath(path: str, normal: str) -> None:
    """
    A path without dots and double slashes.
    """
    assert normalPath(path) == normal


@pytest.mark.parametrize("path", ["/..", "/../a", "/a/../..", "//../a"])
def test_beyondTheRoot(path: str) -> None:
    """
    There is nothing above the root.
    """
    with pytest.raises(InvalidPath):
        normalPath(path)
