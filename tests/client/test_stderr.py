"""
What back ends write to their stderr.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from .backends import GET, HEAD, Backend, client, outcome


class TestStderr:
    """
    What back ends write to their stderr.
    """

    def logged(self, appStatus: int = 0, head: bytes = HEAD, **options: Any) -> list[LogEvent]:
        """
        What is logged of a request whose back end writes to its stderr.
        """
        events: list[LogEvent] = []
        observer = cast(ILogObserver, events.append)
        backend = Backend()
        globalLogPublisher.addObserver(observer)
        try:
            result = outcome(client(backend, **options).request(GET))
            backend.last.read()
            backend.last.stderr(b"first\x1b[0m\r\n")
            backend.last.stderr(b"second \xff")
            backend.last.stdout(head)
            backend.last.end(appStatus=appStatus)
        finally:
            globalLogPublisher.removeObserver(observer)
        assert len(result) == 1
        return [event for event in events if "stderr" in event]

    def test_kept(self) -> None:
        """
        It is kept with the response, and its pieces are passed on.
        """
        pieces: list[tuple[bytes, dict[str, int]]] = []
        backend = Backend()
        options: dict[str, Any] = {"stderrBytes": 5, "logStderr": False}
        options["onStderr"] = lambda data, context: pieces.append((data, context))
        result = outcome(client(backend, **options).request(GET, context={"a": 1}))
        backend.last.read()
        for piece in (b"abc", b"def", b"ghi"):
            backend.last.stderr(piece)
        backend.last.answer()
        assert result[0].stderr == b"abcde"
        assert pieces == [(b"abc", {"a": 1}), (b"def", {"a": 1}), (b"ghi", {"a": 1})]
        execute = outcome(client(backend, **options).execute(GET))
        backend.last.stderr(b"abcdefg")
        backend.last.answer()
        assert execute[0].stderrDropped == 2

    def test_callbackFails(self, flushLoggedErrors: Callable[..., list[Failure]]) -> None:
        """
        A callback that fails is logged, and costs nothing else.
        """

        def onStderr(data: bytes, context: object) -> None:
            raise ZeroDivisionError

        assert len(self.logged(onStderr=onStderr)) == 1
        assert len(flushLoggedErrors(ZeroDivisionError)) == 2

    def test_logged(self) -> None:
        """
        It is logged, without what could drive a terminal or forge a line.
        """
        (event,) = self.logged()
        assert event["log_level"] is LogLevel.info
        assert event["stderr"] == r"'first\x1b[0m\r\nsecond \\xff'"

    def test_loggedAsError(self) -> None:
        """
        It is an error if the response is one, or the exit status.
        """
        (event,) = self.logged(head=b"Status: 500\r\n\r\n")
        assert event["log_level"] is LogLevel.error
        (event,) = self.logged(appStatus=1)
        assert event["log_level"] is LogLevel.error

    def test_loggedInPart(self) -> None:
        """
        What is too much is counted.
        """
        (event,) = self.logged(stderrBytes=4)
        assert (event["stderr"], event["more"]) == ("'firs'", " and 15 bytes more")

    def test_notLogged(self) -> None:
        """
        It can be left out of the log.
        """
        assert self.logged(logStderr=False) == []
