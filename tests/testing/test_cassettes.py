"""
Cassettes: what is kept of a conversation, what is not, and how it is answered again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.folders import folderFor
from txfcgi import FastCGIClient, Response, SCGIClient, cgiParams
from txfcgi.testing import (
    Answer,
    BadCassette,
    Called,
    Leftovers,
    MemoryBackEnd,
    Recording,
    answers,
    cassette,
    play,
)
from txfcgi.testing import recording as recordingModule
from txfcgi.testing.backend import Responses
from txfcgi.testing.cassettes import Scrub

SECRET = "geheim"
HEADERS = [("Cookie", f"session={SECRET}"), ("Authorization", f"Bearer {SECRET}"), ("X-Own", "1")]
OUTPUT = (
    f"Status: 201 Created\r\nSet-Cookie: session={SECRET}\r\nContent-Length: 6\r\n"
    f"Location: /next?token={SECRET}\r\nX-A: 1\r\n\r\n"
).encode() + SECRET.encode()


def byNumber(called: Called) -> Response:
    """
    Answer with the query and the body.
    """
    return Response(200, {}, called.params["QUERY_STRING"].encode() + b" " + called.body)


class Taped(SynchronousTestCase):
    """
    What records and plays.
    """

    protocol = "fastcgi"

    def setUp(self) -> None:
        self.path = str(folderFor(self) / "page.cassette")

    def clientOf(self, endpoint: Any, clock: Clock) -> Any:
        """
        A client of an endpoint.
        """
        kind = FastCGIClient if self.protocol == "fastcgi" else SCGIClient
        client = kind(clock, endpoint)
        self.addCleanup(client.close)
        return client

    def record(self, responses: Responses, *requests: tuple[str, bytes], **options: Any) -> str:
        """
        Record requests, each a URI and a body.

        @return: The cassette.
        """
        backEnd = MemoryBackEnd(responses, self.protocol)
        recording = Recording(backEnd.clock, backEnd, self.path, self.protocol, **options)
        client = self.clientOf(recording, backEnd.clock)
        for uri, body in requests:
            asked = client.request(cgiParams("POST", uri, headers=HEADERS), body)
            backEnd.pump()
            content = self.successResultOf(asked).content()
            backEnd.pump()
            self.successResultOf(content)
        client.close()
        backEnd.pump()
        recording.close()
        backEnd.close()
        return Path(self.path).read_text() if os.path.exists(self.path) else ""

    def played(
        self, *requests: tuple[str, bytes], scrub: Scrub | None = None
    ) -> list[tuple[int, bytes]]:
        """
        Play what was recorded.

        @return: What is answered.
        """
        found: list[tuple[int, bytes]] = []
        with play(self.path, scrub=scrub) as backEnd:
            client = backEnd.client()
            for uri, body in requests:
                asked = client.request(cgiParams("POST", uri, headers=HEADERS), body)
                response = self.successResultOf(asked)
                found.append((response.code, self.successResultOf(response.content())))
        return found


class CassetteTests(Taped):
    """
    Recorded, and played.
    """

    def test_secrets(self) -> None:
        """
        Nothing that could be a secret is kept, and the file is its owner's alone.
        """
        uri = f"/a?n=1&password={SECRET}"
        text = self.record(Answer(stdout=OUTPUT), (uri, SECRET.encode()))
        self.assertNotIn(SECRET, text)
        self.assertNotIn("HTTP_X_OWN", text)
        self.assertIn("/a?n=1&password=***", text)
        self.assertIn("/next?token=***", text)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)

    def test_foundMasked(self) -> None:
        """
        A request is found by what was kept of it: with another password too, and with another
        path not.
        """
        self.record(Answer(stdout=OUTPUT), (f"/a?password={SECRET}", b"x"))
        with play(self.path) as backEnd:
            params = cgiParams("POST", "/a?password=other")
            response = self.successResultOf(backEnd.client().request(params, b"another body"))
            self.assertEqual(response.code, 201)
            self.assertEqual(response.headers.getRawHeaders("x-a"), ["1"])
            self.assertEqual(response.headers.getRawHeaders("set-cookie"), ["***"])
            self.assertEqual(self.successResultOf(response.content()), b"")
        backEnd = play(self.path)
        asked = backEnd.client().request(cgiParams("POST", "/b"), b"x")
        self.assertEqual(self.successResultOf(asked).code, 500)
        leftovers = self.assertRaises(Leftovers, backEnd.close)
        self.assertIn(
            f"POST /b: no answer is left for it in {self.path}, which has answers for "
            "/a?password=***",
            str(leftovers),
        )

    def test_bodies(self) -> None:
        """
        Bodies are kept if that is asked for, whatever is in them, and a request is found by its
        own.
        """
        requests = [("/?1", b"\xff\0"), ("/?1", b"text"), ("/?1", b"text"), ("/?2", b"")]
        self.record(byNumber, *requests, bodies=True)
        expected = [(200, b"1 \xff\0"), (200, b"1 text"), (200, b"1 text"), (200, b"2 ")]
        self.assertEqual(self.played(*requests), expected)
        self.assertEqual(self.played(*requests[::-1]), expected[::-1])

    def test_order(self) -> None:
        """
        Requests that are alike are answered in their order, and not more often.
        """
        self.record(["one", "two"], ("/", b""), ("/", b""), bodies=True)
        self.assertEqual(self.played(("/", b""), ("/", b"")), [(200, b"one"), (200, b"two")])
        with self.assertRaises(Leftovers):
            self.played(*[("/", b"")] * 3)

    def test_scrub(self) -> None:
        """
        What is to be gone is gone from wherever it is, and a request is found without it; a body
        that is shorter then declares that.
        """
        seen: set[str] = set()

        def scrub(what: str, value: bytes) -> bytes:
            seen.add(what)
            return value.replace(SECRET.encode(), b"-")

        text = self.record(
            Answer(stdout=OUTPUT),
            (f"/a?n={SECRET}", SECRET.encode()),
            bodies=True,
            params=["HTTP_X_OWN"],
            scrub=scrub,
        )
        self.assertNotIn(SECRET, text)
        self.assertIn('"HTTP_X_OWN": "1"', text)
        self.assertLessEqual({"stdin", "body", "stderr", "HTTP_X_OWN", "X-A"}, seen)
        found = self.played((f"/a?n={SECRET}", SECRET.encode()), scrub=scrub)
        self.assertEqual(found, [(201, b"-")])

    def test_chosenParams(self) -> None:
        """
        A request is found by params that were chosen, too.
        """
        self.record("hello", ("/", b""), params=["HTTP_X_OWN"])
        with self.assertRaises(Leftovers), play(self.path) as backEnd:
            self.successResultOf(backEnd.client().request(cgiParams("POST", "/"), b""))

    def test_noHead(self) -> None:
        """
        An output without a head is all body.
        """
        recording = Recording(Clock(), MemoryBackEnd(), self.path)
        called = Called({"REQUEST_METHOD": "GET"}, 1, True, 1, 0)  # type: ignore[arg-type]
        recording._cassette.add(called, Answer(stdout=SECRET.encode()))
        recording.close()
        self.assertNotIn(SECRET, Path(self.path).read_text())

    def test_lineFeeds(self) -> None:
        """
        A head may have line feeds alone, and lines that are no header.
        """
        output = b"HTTP/1.1 200 OK\nContent-Length: 2\nX-A: 1\n\nhi"
        self.record(Answer(stdout=output), ("/", b""), bodies=True)
        self.assertEqual(self.played(("/", b"")), [(200, b"hi")])

    def test_tooLong(self) -> None:
        """
        A body that is too long to be recorded is not, and the log says so.
        """
        self.patch(recordingModule, "_BODY_BYTES", 200)
        logged: list[LogEvent] = []
        observer = cast(ILogObserver, logged.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        text = self.record(byNumber, ("/?1", bytes(300)), ("/?2", b""), bodies=True)
        self.assertEqual(len(text.splitlines()), 2)
        forms = [event.get("log_format") or "" for event in logged]
        self.assertEqual(sum("is not recorded" in form for form in forms), 1)

    def test_once(self) -> None:
        """
        A cassette is recorded once: C{cassette} plays it where it is there.
        """
        clock = Clock()
        backEnd = MemoryBackEnd("hello", self.protocol)
        first = cassette(clock, backEnd, self.path, self.protocol, bodies=True)
        self.assertIsInstance(first, Recording)
        first.close()
        self.record("hello", ("/", b""), bodies=True)
        again = cassette(clock, backEnd, self.path, self.protocol)
        self.assertIsInstance(again, MemoryBackEnd)
        self.assertIs(again.clock, clock)  # type: ignore[union-attr]
        error = self.assertRaises(
            FileExistsError, Recording, clock, backEnd, self.path, self.protocol
        )
        self.assertIn("use cassette(), which plays what exists", str(error))

    def test_otherRules(self) -> None:
        """
        C{cassette} does not play a file that lacks what is asked of it.
        """
        self.record("hello", ("/", b""))
        other = "scgi" if self.protocol == "fastcgi" else "fastcgi"
        options: dict[str, Any]
        for protocol, options, message in (
            (other, {}, f"over {self.protocol}, and {other} is wanted"),
            (self.protocol, {"bodies": True}, "without bodies, and bodies=True is wanted"),
            (self.protocol, {"params": ["A", "B"]}, "without the params A, B, which are wanted"),
        ):
            error = self.assertRaises(
                BadCassette, cassette, Clock(), "unix:/app", self.path, protocol, **options
            )
            self.assertIn(f"{self.path} was recorded {message}: delete the file", str(error))


class SCGICassetteTests(CassetteTests):
    """
    The same over SCGI.
    """

    protocol = "scgi"


class FastCGIAnswerTests(Taped):
    """
    What only FastCGI has.
    """

    def test_statusAndStderr(self) -> None:
        """
        The statuses are kept; what came on stderr, along with bodies.
        """
        answer = answers.answered("hello", stderr=b"oops", appStatus=3)
        for bodies, stderr in ((False, b""), (True, b"oops")):
            self.record(answer, ("/", b""), bodies=bodies)
            with play(self.path) as backEnd:
                asked = backEnd.client().execute(cgiParams("POST", "/"), b"")
                result = self.successResultOf(asked)
                self.assertEqual((result.applicationStatus, result.stderr), (3, stderr))
            os.remove(self.path)

    def test_deaf(self) -> None:
        """
        What can't be recorded is logged, and is in nobody's way.
        """

        def scrub(what: str, value: bytes) -> bytes:
            raise KeyError(what)

        self.assertEqual(self.record("hello", ("/", b""), ("/", b""), scrub=scrub), "")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_cutOff(self) -> None:
        """
        An answer that was cut off is not recorded. Nothing is left that a later run would play.
        """
        backEnd = MemoryBackEnd(answers.lost("a long page", after=20))
        recording = Recording(backEnd.clock, backEnd, self.path)
        asked = self.clientOf(recording, backEnd.clock).request(cgiParams("GET", "/"))
        backEnd.pump()
        self.failureResultOf(asked)
        recording.close()
        self.assertFalse(os.path.exists(self.path))


FIRST: dict[str, object] = {"cassette": 1, "protocol": "fastcgi", "bodies": True, "params": []}
ENTRY: dict[str, object] = {
    "role": 1,
    "params": {},
    "stdin": None,
    "stdout": "\r\n",
    "stderr": "",
    "appStatus": 0,
    "protocolStatus": 0,
}

GARBAGE: dict[str, tuple[list[object], str]] = {
    "nothing": ([], "is not a cassette of version 1"),
    "otherVersion": ([{**FIRST, "cassette": 2}], "is not a cassette of version 1"),
    "notAnObject": ([[]], "line 1: TypeError: .. is not an object"),
    "protocol": ([{**FIRST, "protocol": "http"}], "line 1: ValueError: 'http' is not a protocol"),
    "noParams": ([{**FIRST, "params": None}], "line 1: TypeError"),
    "noAnswers": ([FIRST], "page.cassette has 0 answers: delete the file"),
    "noEntry": ([FIRST, {}], "line 2: KeyError"),
    "noRole": ([FIRST, {**ENTRY, "role": "x"}], "line 2: TypeError: params are an object"),
    "paramsOfAnEntry": ([FIRST, {**ENTRY, "params": []}], "line 2: TypeError: params are an"),
    "stdout": ([FIRST, ENTRY, {**ENTRY, "stdout": 3}], "line 3: TypeError: 3 is neither text nor"),
    "base64": ([FIRST, {**ENTRY, "stdout": {"base64": "?"}}], "line 2: ValueError: it has bytes"),
    "appStatus": ([FIRST, {**ENTRY, "appStatus": -1}], "line 2: ValueError: -1 is not a status"),
    "protocolStatus": ([FIRST, {**ENTRY, "protocolStatus": 256}], "256 is not a status, 0 to 255"),
}


@pytest.mark.parametrize(("lines", "message"), GARBAGE.values(), ids=GARBAGE)
def test_garbage(tmp_path: Path, lines: list[object], message: str) -> None:
    """
    A file that is no cassette is told, with the line and what to do.
    """
    file = tmp_path / "page.cassette"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(BadCassette, match=message) as caught:
        play(str(file))
    assert str(caught.value).endswith("delete the file, and record it again")


def test_noJSON(tmp_path: Path) -> None:
    """
    So is one that is not JSON.
    """
    file = tmp_path / "page.cassette"
    file.write_bytes(b"\xff{")
    with pytest.raises(BadCassette, match="line 1: UnicodeDecodeError"):
        play(str(file))
    with pytest.raises(FileNotFoundError, match=r"use cassette\(\), which does both"):
        play(str(tmp_path / "none"))


MISTAKES: dict[str, tuple[Callable[[str], object], type[Exception]]] = {
    "protocol": (lambda path: Recording(Clock(), MemoryBackEnd(), path, "http"), ValueError),
    "noFolder": (lambda path: Recording(Clock(), "unix:/a", f"{path}/a"), FileNotFoundError),
    "oneName": (lambda path: Recording(Clock(), MemoryBackEnd(), path, params="A"), TypeError),
}


@pytest.mark.parametrize(("mistake", "error"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(tmp_path: Path, mistake: Callable[[str], object], error: type[Exception]) -> None:
    """
    Arguments that are wrong leave no file behind.
    """
    with pytest.raises(error):
        mistake(str(tmp_path / "page.cassette"))
    assert list(tmp_path.iterdir()) == []
