"""
What an app returns: L{Response}, and for an Authorizer L{Allow} and L{Deny}.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twisted.web.http_headers import Headers as HTTPHeaders

from ..errors import InvalidHeader, InvalidResponse
from ..streams.bodies import Body
from ..wire.cgi import Text

if TYPE_CHECKING:
    from .files import SendFile
    from .request import Request

_Values = Text | Sequence[str] | Sequence[bytes]
Headers = (
    Mapping[str, _Values] | Mapping[bytes, _Values] | Iterable[tuple[Text, Text]] | HTTPHeaders
)


class Response:
    """
    An HTTP response.

    Content-Length is added when the body's length is known. The body of an answer to HEAD, and of
    a 204 or a 304, is not sent.

    @ivar code: The HTTP status, 200 to 999; L{None} for a L{localRedirect}, which has none.
    @ivar headers: A mapping (a value that is a list makes several headers), pairs, or a
        L{twisted.web.http_headers.Headers}. Text is sent as UTF-8.
    @ivar body: Bytes, an L{IBodyProducer<twisted.web.iweb.IBodyProducer>}, or an iterable or
        asynchronous iterable of bytes, each of which is sent at once.
    @ivar appStatus: The application's exit status (FastCGI 1.0, section 5.5). Web servers don't
        look at it.
    @ivar reason: The words behind the status, if they are not those of the code.
    """

    __slots__ = ("appStatus", "body", "code", "headers", "reason")

    def __init__(
        self,
        code: int | None = 200,
        headers: Headers = (),
        body: Body = b"",
        *,
        appStatus: int = 0,
        reason: Text | None = None,
    ) -> None:
        kind: type = type(headers)
        if kind is str or kind is bytes:
            raise InvalidResponse(
                f"the headers are a mapping or pairs, not {headers!r:.80}: write "
                'Response(200, {"Content-Type": "text/plain"}, b"...")'
            )
        if appStatus and (type(appStatus) is not int or not 0 <= appStatus < 1 << 32):
            raise InvalidResponse(f"an appStatus is an int of 32 bits, not {appStatus!r}")
        self.code = code
        self.headers = headers
        self.body = body
        self.appStatus = appStatus
        self.reason = reason.encode() if isinstance(reason, str) else reason

    @classmethod
    def json(cls, value: object, code: int = 200, headers: Headers = ()) -> Response:
        """
        A value as JSON.

        @raise InvalidResponse: If JSON has no such value.
        """
        try:
            body = json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidResponse(f"JSON can't hold this value: {error}") from error
        return cls(code, typed(headers, "application/json"), body)

    @staticmethod
    def file(
        path: str,
        headers: Headers = (),
        *,
        root: str | None = None,
        download: str | None = None,
        sendFile: SendFile | None = None,
    ) -> Response:
        """
        A file. Its type is known by its name; what a browser asks for is answered: a part of it
        (Range), and nothing if it has not changed (If-None-Match, If-Modified-Since).

        @param path: Its path; below C{root}, if there is one.
        @param root: The folder that it has to be in, links followed: for a path that a browser
            sent.
        @param download: The name that a browser is to save it by, in place of showing it.
        @param sendFile: How the web server is asked to send it by itself. A file that it can't send
            is sent from here.
        @raise FileNotFoundError: If the file does not exist, or is not in C{root}.
        @raise OSError: If it can't be read.
        """
        from .files import FileResponse

        return FileResponse(path, headers, root=root, download=download, sendFile=sendFile)

    def forRequest(self, request: Request) -> Response:
        """
        What this is for a certain request: itself, but for a response that depends on what was
        asked for.
        """
        return self

    @classmethod
    def redirect(cls, location: str, code: int = 302) -> Response:
        """
        Send the browser elsewhere.

        @param location: Where to, as it goes into the Location header.
        @param code: 301, 302, 303, 307 or 308.
        """
        return cls(code, {"Location": location})

    @classmethod
    def localRedirect(cls, path: str) -> Response:
        """
        Let the web server answer with what it has at another path, without the browser's
        knowledge (RFC 3875, section 6.2.2). nginx, Apache and lighttpd do it.

        @param path: Starts with a slash, and may have a query.
        @raise InvalidResponse: If it does not.
        """
        if not path.startswith("/"):
            raise InvalidResponse(f"a local redirect goes to a path: {path!r}")
        return cls(None, {"Location": path})

    def __repr__(self) -> str:
        return f"Response({self.code!r}, {self.headers!r}, {self.body!r:.40})"

    def pairs(self) -> Iterable[tuple[Text, Text]]:
        """
        The headers, each as a name and a value.
        """
        headers = self.headers
        if type(headers) is list:
            return [
                pair if type(pair) is tuple and len(pair) == 2 else _checkedPair(pair)
                for pair in headers
            ]
        if isinstance(headers, HTTPHeaders):
            raw = headers.getAllRawHeaders()
            return [(name, value) for name, values in raw for value in values]
        if type(headers) is dict or isinstance(headers, Mapping):
            items: Iterable[tuple[Any, Any]] = headers.items()
            for _, value in items:
                if type(value) is not str and type(value) is not bytes:
                    return _expand(items)
            return items
        if not isinstance(headers, Iterable):
            raise InvalidResponse(
                f"the headers are a mapping or pairs, not {type(headers).__name__}: {headers!r:.80}"
            )
        return [_checkedPair(pair) for pair in headers]


def typed(headers: Headers, contentType: str) -> list[tuple[Text, Text]]:
    """
    Headers with a Content-Type, if they have none.
    """
    pairs = list(Response(200, headers).pairs())
    for name, _ in pairs:
        if (name if isinstance(name, str) else name.decode("latin-1")).lower() == "content-type":
            return pairs
    return [("Content-Type", contentType), *pairs]


def _expand(items: Iterable[tuple[Text, Text | Iterable[Text]]]) -> list[tuple[Text, Text]]:
    """
    Pairs, where a list of values makes a pair of each.
    """
    pairs: list[tuple[Text, Text]] = []
    for name, value in items:
        if isinstance(value, (str, bytes)):
            pairs.append((name, value))
        elif isinstance(value, Iterable):
            pairs.extend((name, each) for each in value)
        else:
            raise InvalidHeader(
                f"the value of the header {name!r:.80} is str, bytes, or a list of them, not "
                f"{type(value).__name__}"
            )
    return pairs


def _checkedPair(pair: object) -> tuple[Text, Text]:
    """
    @raise InvalidHeader: If it is none.
    """
    if isinstance(pair, (tuple, list)) and len(pair) == 2:
        return pair[0], pair[1]
    raise InvalidHeader(f"a header is a name and a value, not {pair!r:.80}")


class Allow:
    """
    An Authorizer's yes (FastCGI 1.0, section 6.3).

    @ivar variables: What the web server adds to the variables of the request, by name; they are
        sent as C{Variable-NAME}.
    """

    __slots__ = ("variables",)

    def __init__(self, variables: Mapping[str, Text] | None = None) -> None:
        self.variables: Mapping[str, Text] = {} if variables is None else variables

    def __repr__(self) -> str:
        return f"Allow({', '.join(self.variables)})"


class Deny:
    """
    An Authorizer's no.

    @ivar response: What the browser gets to see; any status but 200.
    """

    __slots__ = ("response",)

    def __init__(self, response: Response | None = None) -> None:
        if response is None:
            response = Response(403, {"Content-Type": "text/plain"}, b"Forbidden\n")
        self.response = response

    def __repr__(self) -> str:
        return f"Deny({self.response!r})"


def asResponse(result: object) -> str:
    """
    @param result: What an app returned that is not an answer.

    @return: What to return in place of it, to append to a message; or nothing.
    """
    if isinstance(result, str):
        write = 'Response(200, {"Content-Type": "text/plain"}, text.encode())'
    elif isinstance(result, (bytes, bytearray, memoryview)):
        write = 'Response(200, {"Content-Type": "text/plain"}, data)'
    elif isinstance(result, (dict, list)):
        write = "Response.json(value)"
    elif isinstance(result, tuple):
        write = "Response(code, headers, body)"
    elif isinstance(result, (Iterator, AsyncIterator)):
        write = "Response(200, headers, pieces), which sends piece by piece"
    elif isinstance(result, type) and issubclass(result, Response):
        write = "one that is made: Response(200)"
    else:
        return ""
    return f"; write {write}"
