"""
What an app returns: L{Response}, and for an Authorizer L{Allow} and L{Deny}.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

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
        asynchronous iterable of bytes, each piece of which is sent at once.
    @ivar appStatus: The application's exit status (FastCGI 1.0, section 5.5). Web servers don't
        look at it.
    @ivar reason: The reason phrase of the status line, if it is not the usual one of the code.
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
        Make a response of a value, as JSON.

        @raise InvalidResponse: If the value can't be written as JSON.
        """
        try:
            text = json.dumps(value, allow_nan=False, separators=(",", ":"), default=_notJSON)
            body = text.encode("ascii")
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
        Make a response of a file. The file's name tells its media type. Range, If-None-Match and
        If-Modified-Since are answered (RFC 9110, sections 13 and 14).

        @param path: Its path; relative to C{root}, if that is given.
        @param root: The folder that the file must be in when all links are followed. Give it
            whenever a browser had a part in the path.
        @param download: The name under which a browser saves the file, in place of showing it.
        @param sendFile: How the web server is asked to send the file by itself. A file that it
            can't send is sent by the app's server.
        @raise FileNotFoundError: If the file does not exist, or is not in C{root}.
        @raise OSError: If it can't be read.
        """
        from .files import FileResponse

        return FileResponse(path, headers, root=root, download=download, sendFile=sendFile)

    def forRequest(self, request: Request) -> Response:
        """
        Choose the response for a request: this one, unless it depends on the request, as that of
        a file does.
        """
        return self

    @classmethod
    def redirect(cls, location: str, code: int = 302) -> Response:
        """
        Make a response that sends the browser to another address.

        @param location: The address, as it stands in the Location header.
        @param code: 301, 302, 303, 307 or 308.
        """
        return cls(code, {"Location": location})

    @classmethod
    def localRedirect(cls, path: str) -> Response:
        """
        Make a response that has the web server answer with another path of its own; the browser
        does not see that (RFC 3875, section 6.2.2). nginx, Apache and lighttpd support it.

        @param path: The path, which starts with a slash, and may have a query.
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


def _notJSON(value: object) -> NoReturn:
    """
    Refuse what JSON does not know.
    """
    kind = type(value).__name__
    hint = ": await it" if isinstance(value, Awaitable) else ""
    raise TypeError(f"Object of type {kind} is not JSON serializable{hint}")


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
    An Authorizer's no (FastCGI 1.0, section 6.3).

    @ivar response: The page that the browser gets, with any status except 200.
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
