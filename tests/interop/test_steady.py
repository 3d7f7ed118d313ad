"""
Workers that are reloaded, recycled, killed and restarted behind a web server under steady load:
nothing is lost, nothing runs twice. Each answer is checked against its own request, and each
request is in the app's own book.

A connection to the app that is kept may be closed at the moment of its use. What can be asked again
is, by the web server; a POST can't be. So those are counted here, and reported (C{pytest -rP}); all
else has to be answered.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .frontends import CHECKOUT, NOT_KEPT, Backend, FrontEnd, haproxyWith, nginxWith
from .processes import Child, Workspace, folder, running
from .steady import BROWSERS, Book, Run, Steady, repeated

WORKERS = 2

RELOADS = 5

KEPT = [nginxWith("nginx"), haproxyWith("haproxy")]
NEW = [
    nginxWith("nginx-not-kept", settings=NOT_KEPT),
    haproxyWith("haproxy-not-kept", settings={"option keep-conn": "no option keep-conn"}),
]
FRONT_ENDS = [
    pytest.param(frontEnd, id=frontEnd.name, marks=pytest.mark.xdist_group("steady"))
    for frontEnd in [*NEW, *KEPT]
]


def childrenOf(master: Child) -> set[int]:
    """
    The process ids of the workers.
    """
    pid = master.process.pid
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@contextmanager
def workers(
    workspace: Workspace,
    book: Book,
    port: str,
    *options: str,
    name: str = "master",
    descriptors: Sequence[int] = (),
) -> Iterator[Child]:
    """
    Run a master and its workers, which are ready.
    """
    command = [str(Path(sys.executable).parent / "twistd"), "-n", "--pidfile=", "fcgi"]
    command += ["--port", port, "--app-dir", str(CHECKOUT)]
    command += ["--app", "tests.interop.programs.counted.app", "--workers", str(WORKERS), *options]
    with running(
        name,
        command,
        workspace.root,
        environment={**book.environment, "PYTHONUNBUFFERED": "1"},
        descriptors=descriptors,
    ) as child:
        child.waitUntilSaid(f"{WORKERS} of {WORKERS} workers ready")
        yield child


class Stage:
    """
    A web server, workers behind it, and load.

    @ivar runs: What ran, when it is over.
    """

    def __init__(self, frontEnd: FrontEnd, *options: str, held: bool = False) -> None:
        """
        @param options: Of the workers.
        @param held: The socket is held by the test, as a service manager does, and outlives them.
        """
        self.frontEnd = frontEnd
        self.runs: list[Run] = []
        self._options = options
        self._held = held
        self._stack = ExitStack()
        self._port = ""
        self._descriptors: list[int] = []
        self.service = ExitStack()

    def __enter__(self) -> Stage:
        with ExitStack() as stack:
            self.workspace = Workspace(stack.enter_context(folder()))
            self.book = Book(self.workspace.root)
            self._port = f"unix:{self.workspace.socket}"
            if self._held:
                listening = stack.enter_context(socket.socket(socket.AF_UNIX))
                listening.bind(self.workspace.socket)
                os.chmod(self.workspace.socket, 0o666)
                listening.listen(4096)
                self._port = f"fcgi:fd={listening.fileno()}"
                self._descriptors = [listening.fileno()]
            stack.enter_context(self.service)
            self.start()
            backend = Backend(self.workspace.socket)
            site = stack.enter_context(self.frontEnd.runningFor(self.workspace, backend))
            stack.callback(self._read)
            self.load = stack.enter_context(Steady(site.host, site.port))
            self.load.waitForMore(50)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._stack.close()

    def _read(self) -> None:
        self.runs = self.book.runs()

    def start(self) -> None:
        """
        Start the master and its workers.
        """
        self.master = self.service.enter_context(
            workers(
                self.workspace,
                self.book,
                self._port,
                *self._options,
                name=f"master{self.book.version}",
                descriptors=self._descriptors,
            )
        )

    def stop(self) -> None:
        """
        Stop them.
        """
        assert self.master.stop() == 0, self.master.output()
        self.service.close()

    def assertNothingLost(self) -> None:
        """
        Every request was answered as it should have been, and ran once; but for those POSTs that a
        kept connection swallowed.
        """
        kept = self.frontEnd in KEPT
        swallowed = [f for f in self.load.failures if kept and f.method == "POST"]
        print(f"answered {dict(self.load.answered)}, POSTs that failed: {swallowed}")
        assert [failure for failure in self.load.failures if failure not in swallowed] == []
        assert repeated(self.runs) == {}


@pytest.mark.parametrize("frontEnd", FRONT_ENDS)
def test_reload(frontEnd: FrontEnd) -> None:
    """
    SIGHUP, five times: each generation answers, and the one before is gone.
    """
    with Stage(frontEnd) as stage:
        load = stage.load
        for number in range(2, RELOADS + 2):
            stage.book.version = str(number)
            stage.master.process.send_signal(signal.SIGHUP)
            stage.master.waitUntilSaid(f"Generation {number} serves.")
            load.waitForVersion(str(number), 50)
    stage.assertNothingLost()
    assert set(load.versions) == {str(number) for number in range(1, RELOADS + 2)}


@pytest.mark.parametrize("frontEnd", FRONT_ENDS)
def test_recycle(frontEnd: FrontEnd) -> None:
    """
    Every 50 requests, and some, there is a new worker.
    """
    with Stage(frontEnd, "--worker-requests", "50") as stage:
        load = stage.load
        load.wait(lambda: len(load.pids) >= 8)
    stage.assertNothingLost()


@pytest.mark.parametrize("frontEnd", FRONT_ENDS)
def test_restartOnSocketOfAnother(frontEnd: FrontEnd) -> None:
    """
    The service is restarted on a socket that somebody else holds: what comes while there is no
    process waits for the next one.
    """
    with Stage(frontEnd, held=True) as stage:
        for number in range(2, 4):
            stage.stop()
            stage.book.version = str(number)
            stage.start()
            stage.load.waitForVersion(str(number), 50)
    stage.assertNothingLost()


@pytest.mark.parametrize("frontEnd", FRONT_ENDS)
def test_killed(frontEnd: FrontEnd) -> None:
    """
    Each worker is killed, one after the other. It takes the requests with it that it has, one of
    each browser at most; a web server may ask a GET again, which may have begun by then. All others
    are answered.
    """
    with Stage(frontEnd) as stage:
        load = stage.load
        victims = childrenOf(stage.master)
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
            stage.master.waitUntilSaid(f"(process {victim}) ended by signal 9")
            load.waitForMore(50)
        load.wait(lambda: not victims >= set(load.pids))
        load.waitForMore(50)
    print(f"answered {dict(load.answered)}, failed: {load.failures}")
    assert len(load.failures) <= BROWSERS * len(victims)
    for failure in load.failures:
        where = {run.pid for run in stage.runs if run.number == failure.number}
        assert where <= victims, failure
    for runs in repeated(stage.runs).values():
        assert [run.method for run in runs] == ["GET", "GET"]
        assert runs[0].pid in victims
