"""
A rolling restart of two application servers behind a web server, while browsers ask: none of them
notices.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from .client import Browser
from .frontends import CHECKOUT, CONF, SOCKET, WEB, Backend, FrontEnd, responder
from .processes import Child, Workspace, folder, running

#: How many browsers ask, each one request after the other.
BROWSERS = 6

SECOND = "/run/txfcgi/app2.sock"

#: The files with a second server, and the line of each that names it.
PAIRS = {
    "nginx": f"server unix:{SOCKET} max_fails=0;",
    "nginx-scgi": f"server unix:{SOCKET} max_fails=0;",
    "haproxy": f"server app unix@{SOCKET} proto fcgi",
}


@contextmanager
def served(name: str, path: Path, serve: Sequence[str], where: Path) -> Iterator[Child]:
    """
    Run an application server on a Unix socket.
    """
    command = [sys.executable, "-m", "twisted", "--log-format=text", *serve]
    command += ["--port", f"unix:{path}", "--app-dir", str(CHECKOUT)]
    with running(name, [*command, "--app", "tests.interop.app.app"], where) as child:
        child.waitUntilAccepting(str(path))
        yield child


class Load:
    """
    Browsers that ask as fast as they are answered, until they are told to stop.

    @ivar answers: How many there were of each status, or of each error.
    """

    def __init__(self, host: str, port: int) -> None:
        self.answers: Counter[int | str] = Counter()
        self._address = host, port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(BROWSERS)]
        self._lock = threading.Condition()

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                with Browser(*self._address) as browser:
                    more = True
                    while more and not self._over.is_set():
                        answer = browser.fetch("GET", "/hello")
                        self._count(answer.code)
                        # nginx keeps a browser's connection for 1000 requests.
                        more = answer.header("Connection") != ["close"]
            except Exception as error:
                self._count(repr(error))

    def _count(self, what: int | str) -> None:
        with self._lock:
            self.answers[what] += 1
            self._lock.notify_all()

    def waitForMore(self, count: int) -> None:
        """
        Wait until there were so many answers more.
        """
        with self._lock:
            wanted = self.answers.total() + count
            assert self._lock.wait_for(lambda: self.answers.total() >= wanted, 60.0)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def pairs() -> list[object]:
    """
    The front ends whose files have a second server.
    """
    return [
        pytest.param(responder(name), line, id=name, marks=pytest.mark.xdist_group(name))
        for name, line in PAIRS.items()
    ]


def restarted(frontEnd: FrontEnd, settings: Mapping[str, str]) -> Counter[int | str]:
    """
    Restart each of two servers twice under load.

    @return: What the browsers got.
    """
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        paths = [workspace.root / "app.sock", workspace.root / "app2.sock"]
        children = [ExitStack(), ExitStack()]
        for number, path in enumerate(paths):
            stack.enter_context(children[number])
            children[number].enter_context(
                served(f"app{number}", path, frontEnd.serve, workspace.root)
            )
        changes = {**settings, SECOND: str(paths[1])}
        both = replace(frontEnd, settings={**frontEnd.settings, **changes})
        site = stack.enter_context(both.runningFor(workspace, Backend(str(paths[0]))))
        with Load(site.host, site.port) as load:
            load.waitForMore(50)
            for number, path in [*enumerate(paths), *enumerate(paths)]:
                children[number].close()
                load.waitForMore(50)
                children[number].enter_context(
                    served(f"app{number}", path, frontEnd.serve, workspace.root)
                )
                load.waitForMore(50)
        return load.answers


@pytest.mark.parametrize(("frontEnd", "line"), pairs())
def test_rollingRestart(frontEnd: FrontEnd, line: str) -> None:
    """
    With the two servers of the file, each is stopped and started again, twice, and every request
    is answered with 200.
    """
    text = (CONF / frontEnd.conf).read_text("utf-8")
    second = line.replace(SOCKET, SECOND).replace("server app ", "server app2 ")
    assert line in text and f"# {second}" in text and WEB in text
    answers = restarted(frontEnd, {f"# {second}": second})
    assert set(answers) == {200}, answers
