"""
Records what the real web servers send, for C{txfcgi.testing} to be compared with.

C{python -m tests.testing.record} writes a file into C{recordings/} for each web server and setting;
with names as arguments, for those only. It starts the web servers as L{tests.interop.frontends}
does, with the files that people copy, and L{tests.testing.recorder} behind them.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.interop.client import Headers
from tests.interop.frontends import Backend
from tests.interop.processes import Workspace, folder, freePort
from txfcgi.wire.pairs import decodePairs

from .recorder import Recorder, Seen
from .variants import VARIANTS, Variant

FOLDER = Path(__file__).parent / "recordings"

# Seconds that a web server has to react to a browser that left. Only while recording.
REACTION = 2.0

HEADERS: Headers = (
    ("User-Agent", "browser/1.0"),
    ("Accept", "*/*"),
    ("X-Repeated", "one"),
    ("X-Repeated", "two"),
    ("Cookie", "a=1; b=2"),
    ("Proxy", "http://evil.example/"),
    ("Authorization", "Basic ZnJpZW5kOnNlc2FtZQ=="),
    ("X-Long", "x" * 200),
)
CREDENTIALS = b64encode(b"friend:sesame").decode("ascii")


def recorded(name: str) -> dict[str, Any]:
    """
    What was recorded of a variant.
    """
    recording: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return recording


class Connection(Protocol):
    """
    What a L{Browser<tests.interop.client.Browser>} can do.
    """

    def __enter__(self) -> Connection: ...

    def __exit__(self, *ignored: object) -> None: ...

    def send(self, method: str, target: str) -> None:
        """
        Send a request.
        """

    def head(self) -> Any:
        """
        Wait for the answer's head.
        """

    def fetch(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: Any = None,
        chunked: bool = False,
    ) -> Any:
        """
        Send a request, and wait for the answer.
        """


@dataclass(frozen=True)
class Place:
    """
    Where a web server is, which is different each time.

    @ivar root: the folder with its files.
    @ivar directory: that in which it was started.
    @ivar back: the application's address.
    """

    host: str
    port: int
    root: str
    directory: str
    back: str


class Session:
    """
    A web server that is being recorded.
    """

    def __init__(
        self,
        variant: Variant,
        browser: Callable[[], Connection],
        recorder: Recorder,
        place: Place,
        reaction: float,
    ) -> None:
        """
        @param browser: makes a connection to the web server.
        @param reaction: seconds that the web server has to react to a browser that left.
        """
        self.variant = variant
        self.browser = browser
        self.recorder = recorder
        self.place = place
        self.reaction = reaction
        self.padded = False
        self.authorizes = variant.name.endswith("-authorizer")

    def record(self) -> dict[str, Any]:
        """
        Play all that is to be recorded.
        """
        if self.authorizes:
            headers = [*HEADERS[:6], ("Authorization", f"Basic {CREDENTIALS}")]
            scenarios = {
                "get": self.play("GET", "/private/a%20page?x=1&y=%2F", headers),
                "post": self.play("POST", "/private/page", headers, b"12345"),
            }
            return {"padded": self.padded, "scenarios": scenarios}
        form = [*HEADERS[:2], ("Content-Type", "text/plain")]
        # First of all, while there are no connections that are kept already.
        kept = self.kept()
        asked = self.recorder.asides
        scenarios = {
            "get": self.play("GET", "/a%20page/%C3%A9?x=1&y=%2F", HEADERS),
            "root": self.play("GET", "/", ()),
            "head": self.play("HEAD", "/page", HEADERS[:2]),
            "post": self.play("POST", "/page", form, b"12345"),
            "empty": self.play("POST", "/page", form, b""),
            "large": self.play("POST", "/page", form, bytes(200_000)),
            "chunked": self.play("POST", "/page", form, bytes(100_000), chunked=True),
        }
        return {
            "padded": self.padded,
            "asked": asked,
            "kept": kept,
            "together": self.together(),
            "leaving": self.leaving(),
            **({"leavingShared": self.leavingShared()} if self.multiplexes else {}),
            "scenarios": scenarios,
        }

    def play(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes | None = None,
        chunked: bool = False,
    ) -> dict[str, Any]:
        """
        Let a browser make one request.

        @return: what the web server sent for it.
        """
        self.recorder.forget()
        with self.browser() as browser:
            code = browser.fetch(method, target, headers, body, chunked).code
        return {"code": code, **self.found()}

    def kept(self) -> list[int]:
        """
        Let one browser make several requests.

        @return: the connection of each, counted from 0.
        """
        self.recorder.forget()
        with self.browser() as browser:
            for _ in range(3):
                browser.fetch("GET", "/page")
        return connections(self.recorder.requests)

    def together(self) -> dict[str, list[int]]:
        """
        Let several browsers make requests at the same time.

        @return: the connections of the requests that were with the application at once, and their
            ids, counted from the lowest on the same connection.
        """
        self.recorder.forget()
        self.recorder.hold(3)
        with ExitStack() as stack:
            browsers = [stack.enter_context(self.browser()) for _ in range(3)]
            for count, browser in enumerate(browsers, 1):
                browser.send("GET", "/page")
                self.recorder.wait(lambda count=count: len(self.recorder.requests) == count)  # type: ignore[misc]
            for browser in browsers:
                browser.head().read()
        self.recorder.hold(0)
        seen = self.recorder.requests
        lowest: dict[int, int] = {}
        for one in seen:
            known = lowest.get(one.connection, one.requestID)
            lowest[one.connection] = min(known, one.requestID)
        return {
            "connections": connections(seen),
            "ids": [one.requestID - lowest[one.connection] for one in seen],
        }

    @property
    def multiplexes(self) -> bool:
        """
        Whether requests share connections.
        """
        return bool(self.variant.options.get("multiplex"))

    def leaving(self) -> dict[str, Any]:
        """
        Let a browser leave before it has its answer.

        @return: whether the web server left then, or when the application wrote, and how.
        """
        recorder = self.recorder
        recorder.forget()
        recorder.hold(2)
        with self.browser() as browser:
            browser.send("GET", "/page")
            conversation, _ = recorder.held()
        number = conversation.number

        def gone() -> bool:
            return number in recorder.ends or bool(recorder.asides)

        atOnce = recorder.wait(gone, self.reaction)
        if not atOnce:
            recorder.writeUntilGone()
            recorder.wait(gone)
        found = {
            "atOnce": atOnce,
            "records": [entry[0] for entry in recorder.asides],
            "closed": number in recorder.ends,
        }
        recorder.release()
        return found

    def leavingShared(self) -> dict[str, Any]:
        """
        Let a browser leave while another one waits for an answer over the same connection.

        @return: what is sent about it when the application writes, and what the other one gets.
        """
        recorder = self.recorder
        recorder.forget()
        recorder.hold(3)
        with self.browser() as other:
            other.send("GET", "/page")
            recorder.held()
            with self.browser() as browser:
                browser.send("GET", "/page")
                recorder.wait(lambda: len(recorder.requests) == 2)
            recorder.writeAndEnd()
            code = getattr(other.head(), "status", 200)
        aborts = [entry[0] for entry in recorder.asides if entry[0] != "GET_VALUES"]
        return {"connections": connections(recorder.requests), "records": aborts, "other": code}

    def found(self) -> dict[str, Any]:
        """
        What came since the recorder was told to forget, in words that do not change.
        """
        return {
            "requests": [self.described(seen) for seen in self.recorder.requests],
            "asides": self.recorder.asides,
        }

    def described(self, seen: Seen) -> dict[str, Any]:
        """
        One request.
        """
        records = [entry for entry in seen.entries if entry[0] not in ("STDIN", "BODY")]
        self.padded |= any(entry[3] for entry in seen.entries)
        assert all(entry[3] in (0, -entry[2] % 8) for entry in seen.entries[1:])
        for entry in records:
            if entry[0] in ("PARAMS", "HEADERS") and entry[2]:
                entry[2] = "pairs"
        stdin = [entry for entry in seen.entries if entry[0] in ("STDIN", "BODY")]
        params = [[name, self.neutral(name, value)] for name, value in pairsOf(seen)]
        # Caddy's order is another each time.
        return {
            "records": [[entry[0], entry[2]] for entry in records],
            "input": {
                "bytes": sum(entry[2] for entry in stdin),
                "largest": max((entry[2] for entry in stdin), default=0),
                "ended": bool(stdin) and stdin[-1][0] == "STDIN" and not stdin[-1][2],
            },
            "params": sorted(params) if self.variant.name == "caddy" else params,
        }

    def neutral(self, name: str, value: str) -> str:
        """
        A value without what is different each time.
        """
        if name == "REMOTE_PORT":
            return "{remotePort}"
        if name == "SERVER_SOFTWARE":
            return re.split("[ /]", value)[0] + "/{version}"
        if name == "PATH":
            return "{path}"
        place = self.place
        for text, neutral in (
            (place.root, "{root}"),
            (place.directory, "{directory}"),
            (f"{place.host}:{place.port}", "{host}:{port}"),
            (place.back, "{back}"),
            (place.host, "{host}"),
        ):
            value = value.replace(text, neutral)
        return "{port}" if value == str(place.port) else value


def pairsOf(seen: Seen) -> list[tuple[str, str]]:
    """
    The params of a request, in their order.
    """
    if seen.entries[0][0] == "HEADERS":
        strings = seen.block.split(b"\0")[:-1]
        pairs = list(zip(strings[::2], strings[1::2], strict=True))
    else:
        pairs = decodePairs(seen.block)
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]


def connections(requests: list[Seen]) -> list[int]:
    """
    The connections of requests, counted from 0 in the order in which they come up.
    """
    order: dict[int, int] = {}
    return [order.setdefault(seen.connection, len(order)) for seen in requests]


def record(variant: Variant, reaction: float = REACTION) -> dict[str, Any]:
    """
    Start a web server, and record it.
    """
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        address = (workspace.host, freePort())
        local = socket.socket(socket.AF_UNIX)
        local.bind(workspace.socket)
        Path(workspace.socket).chmod(0o777)
        remote = socket.create_server(address)
        recorder = Recorder(variant.protocol, local, remote)
        stack.callback(recorder.close)
        served = Backend(workspace.socket, f"{address[0]}:{address[1]}")
        site = stack.enter_context(variant.frontEnd.runningFor(workspace, served))
        place = Place(site.host, site.port, str(workspace.root), os.getcwd(), served.address)
        session = Session(variant, site.browser, recorder, place, reaction)
        return session.record()


def formatted(recording: Any, indent: int = 0) -> str:
    """
    JSON, with what is short on one line.
    """
    short = json.dumps(recording, ensure_ascii=True)
    if len(short) + indent <= 100 or not isinstance(recording, dict | list):
        return short
    inner = " " * (indent + 1)
    if isinstance(recording, dict):
        lines = [
            f"{inner}{json.dumps(key)}: {formatted(value, indent + 1)}"
            for key, value in recording.items()
        ]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    lines = [inner + formatted(value, indent + 1) for value in recording]
    return "[\n" + ",\n".join(lines) + "\n" + " " * indent + "]"


def main(names: list[str]) -> None:
    """
    Record what is named, or all.
    """
    FOLDER.mkdir(exist_ok=True)
    for variant in VARIANTS:
        if not names or variant.name in names:
            print(variant.name)
            (FOLDER / f"{variant.name}.json").write_text(formatted(record(variant)) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
