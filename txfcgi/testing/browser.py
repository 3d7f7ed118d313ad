"""
L{Browser}: a browser of a front end in memory, which keeps cookies and returns responses directly.
"""

from __future__ import annotations

from email.message import Message
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.request import Request as Wanted

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .asking import AnyHeaders, Body, headerPairs, posted

if TYPE_CHECKING:
    from .exchange import MemoryResponse
    from .frontend import MemoryFrontEnd

# The most turns in which an answer is awaited. It only bounds a server that never comes to rest.
_TURNS: Final = 100_000


class Unanswered(AssertionError):
    """
    A request of a L{Browser} was not answered without time passing.
    """


class Browser:
    """
    A browser. Cookies that the app sets are sent with later requests, by the rules of
    C{http.cookiejar}; C{Secure} cookies are sent, too. Redirects are not followed.

    @ivar frontEnd: The web server.
    @ivar cookies: A C{CookieJar}.
    """

    def __init__(self, frontEnd: MemoryFrontEnd, headers: AnyHeaders = ()) -> None:
        """
        @param headers: Headers of each request.
        """
        self.frontEnd = frontEnd
        self.cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("http",)))
        self._headers = headerPairs(headers)

    def cookie(self, name: str) -> str | None:
        """
        The value of a cookie, by its name.
        """
        return next((each.value for each in self.cookies if each.name == name), None)

    def get(self, uri: str = "/", headers: AnyHeaders = (), **options: Any) -> MemoryResponse:
        """
        Make a GET request; see L{request}.
        """
        return self.request("GET", uri, headers, **options)

    def post(
        self, uri: str = "/", body: Body = None, headers: AnyHeaders = (), **options: Any
    ) -> MemoryResponse:
        """
        Make a POST request; see L{request}. Its body is empty unless one is given.
        """
        return self.request("POST", uri, headers, posted(body, options), **options)

    def request(
        self,
        method: str,
        uri: str = "/",
        headers: AnyHeaders = (),
        body: Body = None,
        **options: Any,
    ) -> MemoryResponse:
        """
        Make a request.

        @param headers: Headers that replace the browser's of the same names, including C{Cookie}.
        @param options: Arguments of L{MemoryFrontEnd.request
            <txfcgi.testing.frontend.MemoryFrontEnd.request>}.
        @return: The response.
        @raise Unanswered: If the app does not answer at once; the request is then aborted.
        @raise Exception: If L{MemoryFrontEnd.request
            <txfcgi.testing.frontend.MemoryFrontEnd.request>} fails, its error; with
            C{raiseErrors}, the exception of the app.
        """
        own = headerPairs(headers)
        named = {name.lower() for name, _ in own}
        sent = [*(pair for pair in self._headers if pair[0].lower() not in named), *own]
        wanted = Wanted(self._urlOf(uri, sent), method=method)
        self.cookies.add_cookie_header(wanted)
        kept = wanted.get_header("Cookie")
        if kept is not None and not any(name.lower() == "cookie" for name, _ in sent):
            sent.append(("Cookie", kept))
        asked = self.frontEnd.request(method, uri, sent, body, **options)
        response = self._answer(asked, f"{method} {uri}")
        self.cookies.extract_cookies(cast(Any, _Answered(response)), wanted)
        return response

    def _urlOf(self, uri: str, sent: list[tuple[str, str]]) -> str:
        host = next((value for name, value in sent if name.lower() == "host"), None)
        return f"http://{host or self.frontEnd.address}{uri if uri.startswith('/') else '/'}"

    def _answer(self, asked: Deferred[MemoryResponse], name: str) -> MemoryResponse:
        results: list[MemoryResponse | Failure] = []
        asked.addBoth(results.append)
        clock = self.frontEnd.clock
        for _ in range(_TURNS):
            # The server sends a long answer in several turns of its reactor.
            if results or not any(
                call.getTime() <= clock.seconds() for call in clock.getDelayedCalls()
            ):
                break
            clock.advance(0)
        if not results:
            asked.cancel()
            self.frontEnd.pump()
            raise Unanswered(
                f"{name}: the app has not answered; it waits for something, or runs in a thread. "
                "Take frontEnd.request(), which returns a Deferred, and have it happen in the test"
            )
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        return result


class _Answered:
    """
    A response, for C{http.cookiejar}.
    """

    def __init__(self, response: MemoryResponse) -> None:
        self._response = response

    def info(self) -> Message:
        """
        Its headers.
        """
        message = Message()
        for name, values in self._response.headers.getAllRawHeaders():
            for value in values:
                message[name.decode("latin-1")] = value.decode("utf-8", "replace")
        return message
