"""
L{WSGIApp}: a WSGI application (PEP 3333) as an app.

The application runs in a thread. The whole request, with its body, is read before a thread is used,
so that browsers that send slowly do not occupy threads. L{txfcgi.adapters.wsgicall} says how the
response leaves the thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..errors import UnknownRole
from ..server.application import IStartsAndStops
from ..server.kinds import argumentsOf, howToServe, takes
from ..server.request import Request, schemeOf
from ..server.response import Response
from ..streams.bodyfile import BodyFile
from ..wire.records import Role
from .mounthint import MountHint
from .pep3333 import FileWrapper
from .threads import MAX_WAITING, THREADS, ThreadPool
from .wsgicall import Call

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

MAX_BODY_BYTES: Final = 1_073_741_824
MEMORY_BYTES: Final = 524_288

# What these stand for is in other variables; HTTP_PROXY would be taken for this program's own
# setting (CVE-2016-5385); and the body has no transfer coding any more.
_LEFT_OUT: Final = (
    "HTTP_CONTENT_LENGTH",
    "HTTP_CONTENT_TYPE",
    "HTTP_PROXY",
    "HTTP_TRANSFER_ENCODING",
)


# CONTENT_LENGTH without a body: nginx leaves it empty, and Caddy sends -1.
_NO_LENGTH: Final = ("", "0", "-1")


@implementer(IStartsAndStops)
class WSGIApp:
    """
    A WSGI application as an app::

        serve(WSGIApp(application))
        FastCGIServerFactory(WSGIApp(application))

    @ivar name: What the application is called in messages.
    """

    def __init__(
        self,
        application: Application,
        *,
        threads: int = THREADS,
        maxWaiting: int = MAX_WAITING,
        maxBodyBytes: int = MAX_BODY_BYTES,
        multiprocess: bool = False,
        pool: ThreadPool | None = None,
    ) -> None:
        """
        @param application: The application.
        @param threads: How many threads it runs in: the most requests that it handles at once.
        @param maxWaiting: How many requests may wait for a thread. One more is answered with 503.
        @param maxBodyBytes: The most bytes of the body of a request. A request with more is
            answered with 413.
        @param multiprocess: Whether other processes run the same application:
            C{wsgi.multiprocess}.
        @param pool: The threads to use, in place of a pool of the app's own.
        @raise TypeError: If the application can't be called as PEP 3333 says.
        """
        if not callable(application):
            raise TypeError(
                f"a WSGI application is called with environ and start_response (PEP 3333), and "
                f"{application!r} can't be called"
            )
        if not takes(application, 2):
            raise TypeError(
                "a WSGI application is called with environ and start_response (PEP 3333), and "
                f"{_nameOf(application)} takes {argumentsOf(application)}. "
                f"{howToServe(application)}".rstrip()
            )
        self.name = _nameOf(application)
        self._application = application
        self._ownPool = None if pool is not None else ThreadPool(threads, maxWaiting=maxWaiting)
        self._pool = pool or self._ownPool or ThreadPool()
        self._maxBodyBytes = maxBodyBytes
        self._hint = MountHint(self.name)
        self._fixed = {
            "wsgi.version": (1, 0),
            "wsgi.multithread": self._pool.threads > 1,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.input_terminated": True,
        }

    def __repr__(self) -> str:
        return f"WSGIApp({self.name})"

    def startup(self) -> None:
        """
        Do nothing: threads are started when they are needed.
        """

    def shutdown(self) -> Deferred[None]:
        """
        End the threads, if they are this app's own.

        @return: Fires when they have ended.
        """
        return succeed(None) if self._ownPool is None else self._ownPool.shutdown()

    def __call__(self, request: Request) -> Deferred[Response]:
        """
        Answer a request.
        """
        if request.role is not Role.RESPONDER:
            raise UnknownRole("a WSGI application serves the Responder role only")
        environ = self._environ(request)
        if request.bodiless and environ.get("CONTENT_LENGTH", "") in _NO_LENGTH:
            return self._run(request, environ, None)
        return Deferred.fromCoroutine(self._runWithBody(request, environ))

    async def _runWithBody(self, request: Request, environ: dict[str, Any]) -> Response:
        spool = request.channel.spool
        body = BodyFile(spool, memoryBytes=MEMORY_BYTES, maxBytes=self._maxBodyBytes)
        await body.fill(request.stdin)
        return await self._run(request, environ, body)

    def _run(
        self, request: Request, environ: dict[str, Any], body: BodyFile | None
    ) -> Deferred[Response]:
        call = Call(self._application, self.name, environ, request, self._pool, body)
        environ["wsgi.input"] = BytesIO() if body is None else body.file
        if body is not None and body.length:
            environ["CONTENT_LENGTH"] = str(body.length)
        elif environ.get("CONTENT_LENGTH") != "0":
            environ.pop("CONTENT_LENGTH", None)
        return call.start()

    def _environ(self, request: Request) -> dict[str, Any]:
        """
        The environment of a request, but for what belongs to its body.
        """
        environ: dict[str, Any] = dict(request.params.texts())
        if not all(map(str.isascii, environ.values())):
            environ = {name: _latin(value) for name, value in environ.items()}
        for name in _LEFT_OUT:
            environ.pop(name, None)
        if request.paths.asSent:
            self._hint.look(environ)
            environ.setdefault("SCRIPT_NAME", "")
            environ.setdefault("PATH_INFO", "")
        else:
            script, info = request.paths.split(request.params.find)
            environ["SCRIPT_NAME"] = script.decode("latin-1")
            environ["PATH_INFO"] = info.decode("latin-1")
        scheme = schemeOf(environ)
        environ["wsgi.url_scheme"] = scheme
        if not environ.get("CONTENT_TYPE", ""):
            environ.pop("CONTENT_TYPE", None)
        environ.setdefault("REQUEST_METHOD", "GET")
        environ.setdefault("QUERY_STRING", "")
        environ.setdefault("SERVER_PROTOCOL", "HTTP/1.0")
        # These two must have a value (PEP 3333).
        environ["SERVER_NAME"] = environ.get("SERVER_NAME") or "localhost"
        environ["SERVER_PORT"] = environ.get("SERVER_PORT") or _PORTS[scheme]
        environ.update(self._fixed)
        return environ


_PORTS: Final = {"http": "80", "https": "443"}


def _latin(text: str) -> str:
    """
    Text as PEP 3333 has it: each character is one of the bytes that came.
    """
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def _nameOf(application: object) -> str:
    name = getattr(application, "__qualname__", None)
    if name is None:
        return repr(application)
    return f"{getattr(application, '__module__', '?')}.{name}"
