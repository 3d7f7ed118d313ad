"""
The pytest plugin, in runs of its own: what it costs those who do not use it, and how it fails the
tests of those who do.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from tests.testing.test_examples import CHECKOUT
from txfcgi.testing.fixtures import blocking

APPS = """
import pytest
from twisted.internet.defer import Deferred, fail
from txfcgi import Response, cgiParams
from txfcgi.testing import MemoryBackEnd, answers

def never(request):
    return Deferred()

def careless(request):
    return Response(200, {}, b"fine")

def failing(request):
    raise RuntimeError("a bug")
"""


def outcome(folder: Path, tests: str, *options: str) -> str:
    """
    Run tests with pytest, in a process and a folder of their own.

    @return: what it wrote.
    """
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings =\n    error\n", "utf-8")
    (folder / "test_it.py").write_text(APPS + textwrap.dedent(tests), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *options, "test_it.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def test_loadsNothing() -> None:
    """
    Loading the plugin imports neither Twisted nor txfcgi, let alone a reactor.
    """
    program = (
        "import sys, pytest_txfcgi; "
        "sys.exit(bool({'twisted', 'txfcgi', 'zope.interface'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=CHECKOUT)


def test_isThere() -> None:
    """
    pytest finds the fixtures by itself when txfcgi is installed.
    """
    text = (CHECKOUT / "setup.cfg").read_text("utf-8")
    assert re.search(r"^pytest11 =\n    txfcgi = pytest_txfcgi$", text, re.MULTILINE)


def test_memoryInstallsNoReactor(tmp_path: Path) -> None:
    """
    The fixture for web servers in memory works without a reactor.
    """
    tests = """
        import sys

        def test_it(memory_front_end):
            memory_front_end(careless).get("/")
            assert "twisted.internet.reactor" not in sys.modules
    """
    assert "1 passed" in outcome(tmp_path, tests, "-p", "no:twisted")


def test_leftovers(tmp_path: Path) -> None:
    """
    What is left fails each test by name, whichever fixture it used.
    """
    tests = """
        def test_app(memory_front_end):
            memory_front_end(never).get("/slow")

        def test_log(memory_front_end):
            memory_front_end(failing).get("/bug")

        def test_lostFailure(memory_front_end):
            memory_front_end(careless)
            fail(RuntimeError("nobody looked"))

        def test_server(fcgi_server, fcgi_client):
            client = fcgi_client(fcgi_server(careless))
            response = fcgi_client.wait(client.request(cgiParams("POST", "/body"), b"12345"))
            fcgi_client.wait(response.content())

        def test_client(fcgi_server, fcgi_client):
            client = fcgi_client(fcgi_server(careless))
            fcgi_client.wait(client.request(cgiParams("GET", "/unread")))

        def test_backEnd(fcgi_client):
            fcgi_client(MemoryBackEnd(answers.silent())).request(cgiParams("GET", "/silent"))
    """
    said = outcome(tmp_path, tests, "-p", "no:twisted")
    assert "6 passed, 6 errors" in said
    for message in (
        "GET /slow: never has not answered: the Deferred for its result never fired",
        "RuntimeError: a bug",
        "RuntimeError: nobody looked",
        "POST /body: careless did not read the body to its end, of which 5 bytes came",
        "GET /unread: the body of the response was not read",
        "GET /silent: the Deferred for the response never fired",
    ):
        assert message in said


def test_leftoversUnderPytestTwisted(tmp_path: Path) -> None:
    """
    The same where pytest-twisted runs the reactor.
    """
    tests = """
        import pytest_twisted

        @pytest_twisted.ensureDeferred
        async def test_server(fcgi_server, fcgi_client):
            client = fcgi_client(fcgi_server(careless))
            response = await client.request(cgiParams("POST", "/body"), b"12345")
            assert await response.content() == b"fine"

        @pytest_twisted.ensureDeferred
        async def test_client(fcgi_server, fcgi_client):
            client = fcgi_client(fcgi_server(careless))
            await client.request(cgiParams("GET", "/unread"))

        def test_blocks(fcgi_server, fcgi_client):
            client = fcgi_client(fcgi_server(careless))
            with pytest.raises(RuntimeError, match="ensureDeferred"):
                fcgi_client.wait(client.request(cgiParams("GET", "/")))
    """
    said = outcome(tmp_path, tests)
    assert "3 passed, 3 errors" in said
    assert "POST /body: careless did not read the body to its end" in said
    assert "GET /unread: the body of the response was not read" in said


def test_waitRaises(tmp_path: Path) -> None:
    """
    Waiting raises what a Deferred fails with, also when that comes later.
    """
    tests = """
        def test_it(fcgi_server, fcgi_client):
            client = fcgi_client("tcp:127.0.0.1:1")
            with pytest.raises(Exception, match="refused"):
                fcgi_client.wait(client.request(cgiParams("GET", "/")))
            with pytest.raises(ValueError):
                fcgi_client.wait(fail(ValueError()))
    """
    assert "1 passed" in outcome(tmp_path, tests, "-p", "no:twisted")


def test_waitEnds(tmp_path: Path) -> None:
    """
    Waiting for what never comes ends.
    """
    tests = """
        from txfcgi.testing import fixtures

        def test_it(fcgi_client, monkeypatch):
            monkeypatch.setattr(fixtures, "PATIENCE", 0.01)
            with pytest.raises(TimeoutError, match="nothing came in 0.01 seconds"):
                fcgi_client.wait(Deferred())
    """
    assert "1 passed" in outcome(tmp_path, tests, "-p", "no:twisted")


def test_blocking() -> None:
    """
    What has fired needs no waiting; what has not is waited for as pytest-twisted does.
    """
    later: Deferred[int] = Deferred()
    Clock().callLater(0, later.callback, 3)
    wait = blocking(lambda deferred: deferred)
    assert wait(succeed(2)) == 2
    assert wait(later) is later
    with pytest.raises(ValueError, match="broken"):
        wait(fail(ValueError("broken")))
