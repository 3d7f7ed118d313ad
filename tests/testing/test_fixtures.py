"""
The pytest plugin, in runs of its own: what it costs those who do not use it, and how it fails the
tests of those who do.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.test_docs import blocksOfPython
from tests.testing.test_examples import CHECKOUT

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
    Waiting for what never comes ends; at once if that can be known. Requests in memory are named.
    """
    tests = """
        from txfcgi.testing import fixtures

        def test_late(fcgi_client, monkeypatch):
            from twisted.internet import reactor
            monkeypatch.setattr(fixtures, "PATIENCE", 0.01)
            timer = reactor.callLater(1000, print)
            with pytest.raises(TimeoutError, match="nothing came in 0.01 seconds"):
                fcgi_client.wait(Deferred())
            with pytest.raises(TimeoutError, match="nothing came in 0.02 seconds"):
                fcgi_client.wait(Deferred(), timeout=0.02)
            timer.cancel()

        def test_never(memory_front_end):
            asked = memory_front_end(never).get("/slow")
            with pytest.raises(TimeoutError) as error:
                memory_front_end.wait(asked)
            assert "nothing can come: the reactor has neither" in str(error.value)
            assert "clock.advance() or pump()" in str(error.value)
            assert "GET /slow: never has not answered" in str(error.value)
            asked.cancel()

        def test_neverOfABackEnd(fcgi_client):
            asked = fcgi_client(MemoryBackEnd(answers.silent())).request(cgiParams("GET", "/a"))
            with pytest.raises(TimeoutError, match="GET /a: the Deferred for the response never"):
                fcgi_client.wait(asked)
            asked.addErrback(lambda failure: None).cancel()
    """
    said = outcome(tmp_path, tests, "-p", "no:twisted")
    assert "3 passed" in said, said


def test_waitTakesCoroutines(tmp_path: Path) -> None:
    """
    A coroutine is run, also one that needs the asyncio reactor; what is neither is an error.
    """
    tests = """
        import asyncio
        {install}
        from twisted.internet.task import deferLater

        def test_it(memory_front_end):
            async def it():
                from twisted.internet import reactor
                {more}
                await deferLater(reactor, 0)
                return (await memory_front_end(careless).get("/")).text
            assert memory_front_end.wait(it()) == "fine"
            with pytest.raises(TypeError, match="takes a Deferred or a coroutine, not 3"):
                memory_front_end.wait(3)
    """
    install = "from twisted.internet import asyncioreactor; asyncioreactor.install()"
    for values in (
        {"install": "", "more": ""},
        {"install": install, "more": "asyncio.get_running_loop()"},
    ):
        said = outcome(tmp_path, tests.format(**values), "-p", "no:twisted")
        assert "1 passed" in said, said


def test_targets(tmp_path: Path) -> None:
    """
    A client connects to an endpoint as well; what can't be connected to is an error with words.
    """
    tests = """
        from twisted.internet.endpoints import clientFromString

        def test_it(fcgi_server, fcgi_client):
            from twisted.internet import reactor
            endpoint = clientFromString(reactor, fcgi_server(careless).endpoint)
            response = fcgi_client.wait(fcgi_client(endpoint).request(cgiParams("GET", "/")))
            assert fcgi_client.wait(response.text()) == "fine"
            with pytest.raises(TypeError, match="is nothing to connect to: give what fcgi_server"):
                fcgi_client(careless)
    """
    said = outcome(tmp_path, tests, "-p", "no:twisted")
    assert "1 passed" in said, said


UNDER_PYTEST_TWISTED = """
    from twisted.internet.defer import succeed
    from twisted.internet.task import deferLater

    def test_chained(memory_front_end):
        inner = Deferred()
        outer = succeed(None).addCallback(lambda _: inner)
        clock = memory_front_end(careless).clock
        clock.callLater(1, inner.callback, 2)
        clock.advance(1)
        assert memory_front_end.wait(outer) == 2
        assert memory_front_end.wait(outer) == 2

    def test_failed(memory_front_end):
        with pytest.raises(ValueError, match="broken"):
            memory_front_end.wait(fail(ValueError("broken")))

    def test_blocks(fcgi_server, fcgi_client):
        client = fcgi_client(fcgi_server(careless))
        asked = client.request(cgiParams("GET", "/"))
        with pytest.raises(RuntimeError, match="make it an async def with pytest_twisted"):
            fcgi_client.wait(asked)
        asked.addErrback(lambda failure: None).cancel()

    @pytest.fixture
    def waited(fcgi_client):
        from twisted.internet import reactor
        with pytest.raises(TimeoutError, match="nothing came in 0.01 seconds"):
            fcgi_client.wait(Deferred(), timeout=0.01)
        return fcgi_client.wait(deferLater(reactor, 0, lambda: 3))

    def test_fixture(waited):
        assert waited == 3

    def test_reactorGoesOn(memory_front_end, fcgi_client):
        assert memory_front_end.wait(memory_front_end(careless).get("/")).body == b"fine"
        client = fcgi_client(MemoryBackEnd("hello"))
        response = fcgi_client.wait(client.request(cgiParams("GET", "/")))
        assert fcgi_client.wait(response.text()) == "hello"
"""


def test_plainTestsUnderPytestTwisted(tmp_path: Path) -> None:
    """
    Under pytest-twisted a plain test takes what has fired, on whatever path that came; where it
    would block, it hears what to do, and the reactor goes on for the next test. A fixture can wait,
    and not for ever.
    """
    said = outcome(tmp_path, UNDER_PYTEST_TWISTED)
    assert "5 passed" in said, said


def test_chainedDeferred(tmp_path: Path) -> None:
    """
    A Deferred that was called and waits for another one has no result yet.
    """
    tests = """
        from twisted.internet.defer import succeed
        from twisted.internet.task import deferLater

        def test_it(fcgi_client):
            from twisted.internet import reactor
            outer = succeed(None).addCallback(lambda _: deferLater(reactor, 0, lambda: 3))
            assert outer.called
            assert fcgi_client.wait(outer) == 3
    """
    assert "1 passed" in outcome(tmp_path, tests, "-p", "no:twisted")


def test_waitInAsyncio(tmp_path: Path) -> None:
    """
    A coroutine of asyncio that would have to wait for the asyncio reactor hears what to do; with
    another reactor it can wait.
    """
    tests = """
        import asyncio
        from txfcgi.testing.fixtures import Clients

        def test_it(fcgi_client):
            {install}
            async def it():
                client = fcgi_client("tcp:127.0.0.1:1")
                with pytest.raises({error}, match={match!r}):
                    fcgi_client.wait(client.request(cgiParams("GET", "/")))
            asyncio.run(it())
    """
    refused = tests.format(install="pass", error="Exception", match="refused")
    assert "1 passed" in outcome(tmp_path, refused, "-p", "no:twisted")
    told = tests.format(
        install="from twisted.internet import asyncioreactor; asyncioreactor.install()",
        error="RuntimeError",
        match="make it a plain function",
    )
    said = outcome(tmp_path, told, "-p", "no:twisted")
    assert "1 passed" in said, said


def test_protocolOfTarget(tmp_path: Path) -> None:
    """
    A protocol that the target does not speak is an error, and so is one that nobody speaks.
    """
    tests = """
        def test_it(fcgi_client, memory_front_end):
            with pytest.raises(ValueError, match="the target speaks scgi, not fastcgi"):
                fcgi_client(MemoryBackEnd("hello", "scgi"), "fastcgi")
            with pytest.raises(ValueError, match="'http' is not a protocol"):
                fcgi_client("tcp:127.0.0.1:1", "http")
    """
    assert "1 passed" in outcome(tmp_path, tests, "-p", "no:twisted")


def test_processes(tmp_path: Path) -> None:
    """
    A fixture of a test's own starts and stops a program: its end is seen without a signal handler.
    """
    tests = """
        import sys
        from txfcgi.client import FCGIProcess

        @pytest.fixture
        def process(fcgi_client):
            from twisted.internet import reactor
            made = FCGIProcess(reactor, [sys.executable, "-c", "import time; time.sleep(1000)"])
            fcgi_client.wait(made.start())
            yield made
            fcgi_client.wait(made.stop(), timeout=30)
            assert made.pid is None

        def test_it(process):
            assert process.pid
    """
    said = outcome(tmp_path, tests, "-p", "no:twisted")
    assert "1 passed" in said and "error" not in said, said


def test_phpOfTests(tmp_path: Path) -> None:
    """
    C{docs/testing.rst}: a php-fpm of a test's own, as a fixture, runs its page.
    """
    (tests,) = (each for each in blocksOfPython(Path("docs/testing.rst")) if "def php(" in each)
    # php-fpm has a user of its own, who can't read in tmp_path.
    with TemporaryDirectory(prefix="txfcgi-") as root:
        os.chmod(root, 0o755)
        Path(root, "page.php").write_text("<?php echo 6 * 7;")
        said = outcome(tmp_path, tests.replace("/var/www/html", root), "-p", "no:twisted")
    assert "1 passed" in said and "error" not in said, said
